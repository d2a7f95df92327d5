//! Small exchanges in the shapes of the vendor's documentation.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;
use crate::protocol::{Mode, Path};
use crate::types::{
    Accumulator, AdaptationKind, Document, Effort, FinishReason, Image, MediaSource, Message, OnUnsupported,
    Opaque, ParallelToolCalls, Part, Reasoning, ReasoningOptions, ResponseFormat, Role, Sampling,
    StreamEvent, Tool, ToolCall, ToolChoice, ToolResult,
};

const OPENAI: Responses = Responses::PLAIN
    .memory(Memory::EncryptedIfReasoning)
    .user(UserField::SafetyIdentifier)
    .developer(Developer::Kept);

fn target(mode: Mode) -> EncodeFor<'static> {
    EncodeFor::new("openai", "m-1", mode)
}

fn encode_by(protocol: Responses, request: &ChatRequest) -> Value {
    let encoded = protocol.encode_chat(request, target(Mode::Whole)).unwrap();
    assert_eq!(encoded.path, Path::Fixed("responses"));
    serde_json::from_slice(&encoded.body).unwrap()
}

fn encode(request: &ChatRequest) -> Value {
    encode_by(OPENAI, request)
}

fn ask() -> ChatRequest {
    ChatRequest::from(("openai/m-1", "Hi"))
}

fn decode(body: &Value) -> Result<Reply> {
    OPENAI.decode_chat(body.to_string().as_bytes())
}

fn feed(events: &[Value]) -> (Vec<StreamEvent>, Result<()>) {
    let mut decoder = OPENAI.chat_decoder();
    let mut out = VecDeque::new();
    for event in events {
        if let Err(error) = decoder.event("", event.to_string().as_bytes(), &mut out) {
            return (out.into(), Err(error));
        }
    }
    let end = decoder.end(&mut out);
    (out.into(), end)
}

fn fold(events: &[Value]) -> Reply {
    let (events, end) = feed(events);
    end.unwrap();
    let mut accumulator = Accumulator::new();
    for event in events {
        accumulator.push(event).unwrap();
    }
    assert!(accumulator.is_finished());
    accumulator.into_reply()
}

fn response(output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m-1-full",
        "output": output, "instructions": "long", "tools": [], "service_tier": "default", "billing": {"payer": "me"},
        "usage": {"input_tokens": 20, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 29}})
}

fn thinking() -> Value {
    json!({"id": "rs_1", "type": "reasoning", "encrypted_content": "abc", "summary": [
        {"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}]})
}

fn says(text: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "phase": "final_answer",
        "content": [{"type": "output_text", "text": text, "annotations": [{"type": "url_citation", "url": "u"}],
            "logprobs": [{"token": text, "logprob": -0.5}]}]})
}

fn calls() -> Value {
    json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "weather",
        "arguments": "{\"city\":\"Paris\"}"})
}

fn search() -> Value {
    json!({"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search"}})
}

fn added(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn delta(kind: &str, index: u64, part: u64, delta: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index, "content_index": part,
        "summary_index": part, "delta": delta, "item_id": "x"})
}

fn completed(output: &Value) -> Value {
    json!({"type": "response.completed", "response": response(output)})
}

/// All kinds of items, one after the other.
fn stream(output_at_the_end: &Value) -> Vec<Value> {
    vec![
        json!({"type": "response.created", "response": {"id": "resp_1", "model": "m-1-full", "output": []}}),
        added(0, json!({"id": "rs_1", "type": "reasoning", "summary": []})),
        delta("reasoning_summary_text", 0, 0, "Fir"),
        delta("reasoning_summary_text", 0, 0, "st."),
        delta("reasoning_summary_text", 0, 1, "Then."),
        done(0, thinking()),
        added(1, json!({"id": "ws_1", "type": "web_search_call", "status": "in_progress"})),
        json!({"type": "response.web_search_call.searching", "output_index": 1}),
        done(1, search()),
        added(2, json!({"id": "msg_1", "type": "message", "role": "assistant", "content": []})),
        delta("output_text", 2, 0, "Look"),
        delta("output_text", 2, 0, "ing."),
        done(2, says("Looking.")),
        added(3, json!({"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""})),
        delta("function_call_arguments", 3, 0, "{\"city\":"),
        delta("function_call_arguments", 3, 0, "\"Paris\"}"),
        done(3, calls()),
        completed(output_at_the_end),
    ]
}

fn output() -> Value {
    json!([thinking(), search(), says("Looking."), calls()])
}

#[test]
fn items_become_parts_in_order() {
    let reply = decode(&response(&output())).unwrap();

    let [first, second, Part::Opaque(searched), Part::Text(text), Part::ToolCall(call)] =
        &reply.message.parts[..]
    else {
        panic!("{:?}", reply.message.parts)
    };
    let (Part::Reasoning(first), Part::Reasoning(second)) = (first, second) else { panic!() };
    assert_eq!((&*first.text, first.state.is_none()), ("First.", true));
    assert_eq!(second.text, "Then.");
    assert_eq!(second.state.as_ref().unwrap().json.parse::<Value>().unwrap(), thinking());
    assert_eq!(searched.json.parse::<Value>().unwrap(), search());
    assert_eq!(text.text, "Looking.");
    assert!(text.extra.get("annotations").is_some());
    assert_eq!((&*call.id, &*call.name), ("call_1", "weather"));
    assert_eq!(call.arguments, "{\"city\":\"Paris\"}");
    assert_eq!(reply.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(reply.finish_reason_raw.as_deref(), Some("completed"));
    let usage = reply.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(20), Some(5)));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens), (Some(9), Some(4)));
    assert_eq!(reply.service_tier.as_deref(), Some("default"));
    assert!(reply.extra.get("billing").is_some());
    assert!(reply.extra.get("instructions").is_none());
    let logprobs: Value = reply.logprobs.unwrap().json.parse().unwrap();
    assert_eq!(logprobs["logprobs"][0]["token"], "Looking.");
}

#[test]
fn a_folded_stream_is_the_whole_answer() {
    let whole = decode(&response(&output())).unwrap();

    // ChatGPT's last event has no output; a service may announce nothing, or tell everything at the end.
    assert_eq!(fold(&stream(&output())), whole);
    assert_eq!(fold(&stream(&json!([]))), whole);
    let unannounced: Vec<_> =
        stream(&output()).into_iter().filter(|event| event["type"] != "response.output_item.added").collect();
    assert_eq!(fold(&unannounced), whole);
    assert_eq!(fold(&[completed(&output())]), whole);
    let without_deltas: Vec<_> =
        stream(&json!([])).into_iter().filter(|event| event["delta"].is_null()).collect();
    assert_eq!(fold(&without_deltas), whole);
}

#[test]
fn what_no_delta_told_comes_with_the_end() {
    let mut events = stream(&output());
    events.remove(11);
    events.remove(4);

    assert_eq!(fold(&events), decode(&response(&output())).unwrap());
}

#[test]
fn deltas_are_told_as_they_come() {
    let (events, _) = feed(&stream(&output())[..12]);
    let told: Vec<_> = events.iter().map(|event| format!("{event:?}")).collect();

    assert_eq!(told[1..5], ["Reasoning(3 bytes)", "Reasoning(3 bytes)", "PartEnd", "Reasoning(5 bytes)"]);
    assert_eq!(told[told.len() - 2..], ["Text(4 bytes)", "Text(4 bytes)"]);
}

#[test]
fn two_messages_are_two_parts_and_a_refusal_is_one() {
    let refused =
        json!({"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]});
    let output = json!([says("a"), says("b"), refused]);
    let events = [
        delta("output_text", 0, 0, "a"),
        done(0, says("a")),
        delta("output_text", 1, 0, "b"),
        done(1, says("b")),
        delta("refusal", 2, 0, "No"),
        done(2, refused),
        completed(&output),
    ];

    let reply = fold(&events);

    assert_eq!(reply.message.parts.len(), 3);
    assert_eq!(reply.message, decode(&response(&output)).unwrap().message);
    assert_eq!(reply.logprobs, decode(&response(&output)).unwrap().logprobs);
}

#[test]
fn items_that_overlap_are_told_one_after_the_other() {
    let second = json!({"type": "function_call", "call_id": "call_2", "name": "f", "arguments": "{}"});
    let begun = |item: Value| {
        let mut item = item;
        item["arguments"] = json!("");
        item
    };
    let output = json!([calls(), second]);
    let reply = fold(&[
        added(0, begun(calls())),
        added(1, begun(second.clone())),
        delta("function_call_arguments", 1, 0, "{}"),
        delta("function_call_arguments", 0, 0, "{\"city\""),
        done(1, second),
        done(0, calls()),
        completed(&output),
    ]);

    assert_eq!(reply.message, decode(&response(&output)).unwrap().message);
}

#[test]
fn text_need_not_wait_for_reasoning_to_end() {
    let begun = json!({"type": "reasoning", "summary": []});
    let (events, end) = feed(&[
        added(0, begun),
        delta("reasoning_text", 0, 0, "Hm"),
        added(1, json!({"type": "message", "content": []})),
        delta("output_text", 1, 0, "Yes"),
        done(1, says("Yes")),
        done(0, json!({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm"}]})),
        completed(&json!([])),
    ]);

    end.unwrap();
    assert_eq!(events[0], StreamEvent::Reasoning("Hm".into()));
    assert_eq!(events[1], StreamEvent::Text("Yes".into()));
    assert!(events.iter().any(|event| matches!(event, StreamEvent::ReasoningState(_))));
}

#[test]
fn an_answer_says_why_it_ended() {
    for (status, details, expected, raw) in [
        ("completed", json!(null), FinishReason::Stop, "completed"),
        (
            "incomplete",
            json!({"reason": "max_output_tokens"}),
            FinishReason::Length,
            "incomplete:max_output_tokens",
        ),
        (
            "incomplete",
            json!({"reason": "content_filter"}),
            FinishReason::ContentFilter,
            "incomplete:content_filter",
        ),
        ("incomplete", json!({"reason": "new"}), FinishReason::Other("new".into()), "incomplete:new"),
        ("queued", json!(null), FinishReason::Other("queued".into()), "queued"),
    ] {
        let mut body = response(&json!([says("x")]));
        body["status"] = json!(status);
        body["incomplete_details"] = details;

        let reply = decode(&body).unwrap();
        let event = json!({"type": "response.incomplete", "response": body});

        assert_eq!(reply.finish_reason, Some(expected));
        assert_eq!(reply.finish_reason_raw.as_deref(), Some(raw));
        assert_eq!(fold(&[event]), reply);
    }
}

#[test]
fn errors_inside_a_stream_have_their_kind() {
    for (event, expected) in [
        (
            json!({"type": "error", "error": {"code": "rate_limit_exceeded", "message": "m"}}),
            ErrorKind::RateLimited,
        ),
        (json!({"type": "error", "code": "server_error", "message": "m", "param": null}), ErrorKind::Server),
        (
            json!({"type": "response.failed", "response": {"status": "failed",
                "error": {"code": "context_length_exceeded", "message": "m"}}}),
            ErrorKind::ContextTooLong,
        ),
        (
            json!({"type": "response.failed", "response": {"error": {"code": "invalid_prompt", "message": "m"}}}),
            ErrorKind::InvalidRequest,
        ),
        (json!({"type": "response.failed"}), ErrorKind::Server),
        (json!({"error": {"code": "insufficient_quota", "message": "m"}}), ErrorKind::QuotaExhausted),
    ] {
        let (_, end) = feed(std::slice::from_ref(&event));

        assert_eq!(end.unwrap_err().kind(), expected, "{event}");
    }
    let body = json!({"status": "failed", "error": {"code": "server_error", "message": "m"}, "output": []});
    assert_eq!(decode(&body).unwrap_err().kind(), ErrorKind::Server);
}

#[test]
fn what_a_failed_answer_consumed_is_told() {
    let mut failed = response(&json!([]));
    failed["error"] = json!({"code": "server_error", "message": "m"});

    let (events, end) = feed(&[json!({"type": "response.failed", "response": failed})]);

    assert!(end.is_err());
    assert!(matches!(&events[..], [StreamEvent::Usage(usage)] if usage.output_tokens == Some(9)));
}

#[test]
fn a_stream_without_its_end_is_truncated() {
    let all = stream(&output());

    let (_, end) = feed(&all[..all.len() - 1]);

    assert_eq!(end.unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn hostile_input_is_an_error_or_nothing() {
    for index in [json!(4_294_967_295_u64), json!(-1), json!("x"), json!(1e300)] {
        let mut event = delta("output_text", 0, 0, "x");
        event["output_index"] = index;
        assert_eq!(feed(&[event]).1.unwrap_err().kind(), ErrorKind::InvalidResponse);
    }
    for event in [
        json!({"type": "response.output_item.done", "item": 7}),
        json!({"type": "response.output_item.added", "item": "x"}),
        json!({"type": "response.output_text.delta", "delta": {"a": 1}}),
        json!({"type": "response.function_call_arguments.delta", "delta": "{"}),
        json!({"type": "response.new_thing", "delta": 1}),
        json!({}),
    ] {
        assert_eq!(feed(std::slice::from_ref(&event)).1.unwrap_err().kind(), ErrorKind::Truncated, "{event}");
    }
    let mut body = response(
        &json!([7, {"type": "message"}, {"type": "function_call"}, {"type": "reasoning", "summary": 1}]),
    );
    body["usage"] =
        json!({"input_tokens": -1, "output_tokens": 1.5, "input_tokens_details": [], "cost": "x"});
    let reply = decode(&body).unwrap();
    assert_eq!(reply.usage.unwrap().input_tokens, None);
    assert_eq!(reply.message.parts.len(), 3);
    assert_eq!(decode(&json!({"object": "response"})).unwrap_err().kind(), ErrorKind::InvalidResponse);
    assert_eq!(OPENAI.decode_chat(b"\xff").unwrap_err().kind(), ErrorKind::InvalidResponse);
}

#[test]
fn costs_are_read_in_dollars_and_in_ticks() {
    let cost = |usage: Value| {
        let mut body = response(&json!([]));
        body["usage"] = usage;
        decode(&body).unwrap().usage.unwrap().reported_cost.unwrap().to_string()
    };

    assert_eq!(cost(json!({"cost_in_usd_ticks": 37_756_000})), "$0.0037756");
    assert_eq!(cost(json!({"cost": 0.25})), "$0.25");
}

#[test]
fn a_question_is_a_list_of_items() {
    let request = ChatRequest::new("openai/m-1")
        .system("Be brief.")
        .message(Message::new(Role::Developer, ["Really."]))
        .user_parts([Part::text("What is this?"), Part::image_url("https://example.com/a.png")])
        .assistant("A cat.")
        .user("Sure?");

    assert_eq!(
        encode(&request),
        json!({"model": "m-1", "store": false, "input": [
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "developer", "content": "Really."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "https://example.com/a.png"}]},
            {"type": "message", "role": "assistant", "content": "A cat."},
            {"type": "message", "role": "user", "content": "Sure?"}]})
    );
    assert_eq!(encode_by(Responses::PLAIN, &request)["input"][1]["role"], "system");
}

#[test]
fn an_answer_goes_back_without_the_ids_that_nobody_knows() {
    let reply = decode(&response(&output())).unwrap();
    let request = ask().message(reply.message).tool_results([ToolResult::new("call_1", "18")]);

    let input = &encode(&request)["input"];

    assert_eq!(
        input[1],
        json!({"type": "reasoning", "encrypted_content": "abc", "summary": thinking()["summary"]})
    );
    assert_eq!(input[2], search());
    assert_eq!(
        input[3],
        json!({"type": "message", "role": "assistant", "phase": "final_answer", "content": [{"type": "output_text",
            "text": "Looking.", "annotations": [{"type": "url_citation", "url": "u"}]}]})
    );
    assert_eq!(
        input[4],
        json!({"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{\"city\":\"Paris\"}"})
    );
    assert_eq!(input[5], json!({"type": "function_call_output", "call_id": "call_1", "output": "18"}));
}

#[test]
fn an_answer_goes_back_as_it_came_where_it_is_stored() {
    let reply = decode(&response(&output())).unwrap();
    let request = ask().message(reply.message).extra(Wire::Responses, "store", json!(true));

    let body = encode(&request);

    assert_eq!(body["store"], true);
    assert_eq!(body["input"][1], thinking());
    assert_eq!(body["input"][4]["id"], "fc_1");
    let mut message = says("Looking.");
    message["content"][0].as_object_mut().unwrap().remove("logprobs");
    assert_eq!(body["input"][3], message);
}

#[test]
fn reasoning_goes_back_only_where_it_means_something() {
    let state = |wire, json: Value| {
        let mut reasoning = Reasoning::new("why");
        reasoning.state = Some(Opaque::new(wire, json));
        Part::from(reasoning)
    };
    let message = Message::new(
        Role::Assistant,
        [
            state(Wire::Messages, json!({"signature": "s"})),
            state(Wire::Responses, json!({"type": "reasoning", "id": "rs_9", "summary": []})),
            Reasoning::new("only text").into(),
            Part::text("x"),
        ],
    );
    let request = ask().message(message);

    assert_eq!(encode(&request)["input"].as_array().unwrap().len(), 2);
    let kept = &encode_by(Responses::PLAIN, &request)["input"];
    assert_eq!(kept[1], json!({"type": "reasoning", "id": "rs_9", "summary": []}));
}

#[test]
fn the_vendors_memory_can_be_used() {
    let body = encode(&ask().extra(Wire::Responses, "previous_response_id", json!("resp_0")));

    assert_eq!((&body["previous_response_id"], &body["store"]), (&json!("resp_0"), &Value::Null));
}

#[test]
fn encrypted_reasoning_is_asked_of_models_that_reason() {
    let include = |protocol: Responses, sampling, request: &ChatRequest| {
        let mut target = target(Mode::Stream);
        target.hints.sampling = sampling;
        let encoded = protocol.encode_chat(request, target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["stream"], true);
        body["include"].clone()
    };
    let wanted = json!(["reasoning.encrypted_content"]);

    assert_eq!(include(OPENAI, Sampling::Accepted, &ask()), Value::Null);
    assert_eq!(include(OPENAI, Sampling::Refused, &ask()), wanted);
    assert_eq!(include(OPENAI, Sampling::Accepted, &ask().reasoning(Effort::Low)), wanted);
    assert_eq!(include(OPENAI, Sampling::Accepted, &ask().reasoning(Effort::None)), Value::Null);
    assert_eq!(include(Responses::PLAIN, Sampling::Refused, &ask()), Value::Null);
    assert_eq!(include(Responses::PLAIN.memory(Memory::Encrypted), Sampling::Accepted, &ask()), wanted);
    let own = ask().extra(Wire::Responses, "include", json!(["web_search_call.action.sources"]));
    assert_eq!(
        include(OPENAI, Sampling::Refused, &own),
        json!(["web_search_call.action.sources", "reasoning.encrypted_content"])
    );
}

#[test]
fn options_have_their_own_spelling() {
    let mut request = ask()
        .tool(Tool::function("weather", "Weather", json!({"type": "object"})))
        .tool(Tool::builtin(Opaque::new(Wire::Responses, json!({"type": "web_search"}))))
        .tool_choice(ToolChoice::Function("weather".into()))
        .parallel_tool_calls(ParallelToolCalls::Forbidden)
        .response_format(ResponseFormat::json_schema("city", json!({"type": "object"})))
        .reasoning(Effort::High)
        .max_output_tokens(99)
        .temperature(0.5)
        .top_p(0.9)
        .logprobs(3)
        .extra(Wire::Responses, "text", json!({"verbosity": "low"}))
        .extra(Wire::Responses, "reasoning", json!({"summary": "auto"}));
    request.user = Some("u-1".into());
    request.metadata.insert("team".into(), "a".into());
    request.service_tier = Some("flex".into());
    request.tools.push(Tool::function("now", "Time", json!({})));
    request.tools[2].parameters = None;

    let body = encode(&request);

    assert_eq!(
        body["tools"],
        json!([{"type": "function", "name": "weather", "description": "Weather", "parameters": {"type": "object"}},
            {"type": "web_search"},
            {"type": "function", "name": "now", "description": "Time",
                "parameters": {"type": "object", "properties": {}}}])
    );
    assert_eq!(body["tool_choice"], json!({"type": "function", "name": "weather"}));
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(
        body["text"],
        json!({"verbosity": "low", "format": {"type": "json_schema", "name": "city", "strict": true,
            "schema": {"type": "object"}}})
    );
    assert_eq!(body["reasoning"], json!({"effort": "high", "summary": "auto"}));
    assert_eq!((&body["max_output_tokens"], &body["temperature"]), (&json!(99), &json!(0.5)));
    assert_eq!((&body["top_p"], &body["top_logprobs"]), (&json!(0.9), &json!(3)));
    assert_eq!(body["include"], json!(["reasoning.encrypted_content", "message.output_text.logprobs"]));
    assert_eq!((&body["safety_identifier"], &body["user"]), (&json!("u-1"), &Value::Null));
    assert_eq!((&body["metadata"], &body["service_tier"]), (&json!({"team": "a"}), &json!("flex")));
    assert_eq!(encode_by(Responses::PLAIN, &request)["user"], "u-1");
}

#[test]
fn media_are_blocks_of_their_own_kind() {
    let mut picture = Image::new(MediaSource::FileId("file-1".into()));
    picture.detail = Some("low".into());
    let parts = [
        Part::image_bytes("image/png", vec![1, 2, 3]),
        picture.into(),
        Part::document_bytes("application/pdf", vec![1]),
        Document::new(MediaSource::Url("https://example.com/a.pdf".into())).into(),
        Part::Opaque(Opaque::new(Wire::Responses, json!({"type": "input_audio", "input_audio": {}}))),
    ];

    let content = &encode(&ChatRequest::new("openai/m-1").user_parts(parts))["input"][0]["content"];

    assert_eq!(
        *content,
        json!([{"type": "input_image", "image_url": "data:image/png;base64,AQID"},
            {"type": "input_image", "file_id": "file-1", "detail": "low"},
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AQ=="},
            {"type": "input_file", "file_url": "https://example.com/a.pdf"},
            {"type": "input_audio", "input_audio": {}}])
    );
}

#[test]
fn a_result_may_hold_a_picture() {
    let mut result = ToolResult::new("call_1", "Here:");
    result.content.push(Part::image_url("https://example.com/a.png"));
    let call = Message::new(Role::Assistant, [ToolCall::new("call_1", "draw", " ")]);

    let input = &encode(&ask().message(call).tool_results([result]))["input"];

    assert_eq!(input[1]["arguments"], "{}");
    assert_eq!(
        input[2]["output"],
        json!([{"type": "input_text", "text": "Here:"},
            {"type": "input_image", "image_url": "https://example.com/a.png"}])
    );
}

#[test]
fn what_the_format_lacks_is_refused_or_left_out() {
    let refused =
        |request: &ChatRequest| OPENAI.encode_chat(request, target(Mode::Whole)).unwrap_err().kind();
    let foreign = Tool::builtin(Opaque::new(Wire::Messages, json!({"type": "bash"})));
    assert_eq!(refused(&ask().n(2)), ErrorKind::Unsupported);
    assert_eq!(refused(&ask().stop(["x"])), ErrorKind::Unsupported);
    assert_eq!(refused(&ask().tool(foreign)), ErrorKind::Unsupported);

    let mut request = ask().seed(1).temperature(1.0).reasoning(ReasoningOptions::budget(5_000));
    request.top_k = Some(4);
    request.presence_penalty = Some(0.0);
    request.frequency_penalty = Some(0.5);
    let mut target = target(Mode::Whole);
    target.hints.sampling = Sampling::Refused;
    let encoded = OPENAI.encode_chat(&request, target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();

    let changes: Vec<_> =
        encoded.adaptations.iter().map(|adaptation| (&*adaptation.field, adaptation.kind)).collect();
    assert_eq!(
        changes,
        [
            ("top_k", AdaptationKind::Dropped),
            ("seed", AdaptationKind::Dropped),
            ("frequency_penalty", AdaptationKind::Dropped),
            ("temperature", AdaptationKind::Dropped),
            ("reasoning", AdaptationKind::Changed),
        ]
    );
    assert_eq!((&body["temperature"], &body["reasoning"]["effort"]), (&Value::Null, &json!("medium")));
    assert_eq!(refused(&ask().seed(1).on_unsupported(OnUnsupported::Error)), ErrorKind::Unsupported);
}

#[test]
fn no_text_of_the_answer_is_in_a_debug_form() {
    let mut decoder = OPENAI.chat_decoder();
    let mut out = VecDeque::new();
    let event = delta("output_text", 0, 0, "CANARY");
    decoder.event("", event.to_string().as_bytes(), &mut out).unwrap();

    assert!(!format!("{decoder:?}{out:?}").contains("CANARY"));
}

#[test]
fn uses_of_the_vendors_tools_are_counted_whole_and_in_pieces() {
    let used = |kind: &str, more: Value| {
        let mut item = json!({"id": "x", "type": kind, "status": "completed"});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let action = |word: &str| used("web_search_call", json!({"action": {"type": word}}));
    for (items, counts) in [
        (
            json!([action("search"), action("open_page"), action("find_in_page"), action("search")]),
            [2, 0, 0, 0],
        ),
        (json!([used("web_search_call", json!({}))]), [1, 0, 0, 0]),
        (json!([used("web_search_call", json!({"status": "failed"}))]), [0, 0, 0, 0]),
        (json!([used("file_search_call", json!({})), used("file_search_call", json!({}))]), [0, 2, 0, 0]),
        (json!([used("code_interpreter_call", json!({}))]), [0, 0, 1, 1]),
        (json!([used("image_generation_call", json!({}))]), [0, 0, 0, 1]),
        (json!([used("shell_call", json!({"environment": {"type": "local"}}))]), [0, 0, 0, 0]),
        (json!([used("shell_call", json!({"environment": {"type": "container_reference"}}))]), [0, 0, 0, 1]),
    ] {
        let list = items.as_array().unwrap();
        let told = (0..).zip(list).map(|(index, item)| done(index, item.clone()));
        let told: Vec<Value> = told.chain([completed(&items)]).collect();
        let untold = [completed(&items)];

        for reply in [decode(&response(&items)).unwrap(), fold(&told), fold(&untold)] {
            let usage = reply.usage.unwrap();
            let own = [usage.web_searches, usage.file_searches, usage.code_executions, usage.unmeasured_uses];
            assert_eq!(own.map(Option::unwrap_or_default), counts, "{items}");
        }
    }
}

#[test]
fn what_the_vendor_counts_of_its_tools_stands() {
    let output = json!([search(), search(), says("Hi.")]);
    let mut body = response(&output);
    let uses = |body: &Value| {
        let usage = decode(body).unwrap().usage.unwrap();
        (usage.web_searches, usage.web_fetches, usage.code_executions, usage.unmeasured_uses)
    };
    assert_eq!(uses(&body), (Some(2), None, None, None));

    body["tool_usage"] = json!({"web_search": {"num_requests": 1}});
    assert_eq!(uses(&body), (Some(1), None, None, None));

    body["tools"] = json!([{"type": "web_search_preview"}]);
    assert_eq!(uses(&body), (Some(1), None, None, None), "a model that reasons");
    body["usage"]["output_tokens_details"]["reasoning_tokens"] = json!(0);
    assert_eq!(uses(&body), (Some(1), None, None, Some(1)), "one that does not pays more");

    body["usage"]["server_side_tool_usage_details"] =
        json!({"web_search_calls": 3, "x_search_calls": 2, "code_interpreter_calls": 1, "mcp_calls": 9});
    assert_eq!(uses(&body), (Some(3), None, Some(1), Some(2)));

    let mut body = response(&output);
    body["usage"]["tool_calls_details"] = json!({"web_search": {"invocation": 2}, "fetch_url": {"invocation": 4}, "sandbox": {"invocation": 1}});
    body["usage"]["cost"] = json!({"currency": "USD", "total_cost": 0.0125});
    assert_eq!(uses(&body), (Some(2), Some(4), None, Some(1)));
    let cost = decode(&body).unwrap().usage.unwrap().reported_cost.unwrap();
    assert_eq!(cost.to_string(), "$0.0125");
    body["usage"]["cost"] = json!(0.01);
    body["usage"]["is_byok"] = json!(true);
    body["usage"]["cost_details"] = json!({"upstream_inference_cost": 0.19});
    assert_eq!(decode(&body).unwrap().usage.unwrap().reported_cost.unwrap().to_string(), "$0.2");
}
