//! Small exchanges in the shapes of the vendor's documentation.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::Converse;
use crate::error::{ErrorKind, Result};
use crate::protocol::{EncodeFor, Encoded, Framing, Mode, Path, Protocol};
use crate::types::{
    Accumulator, AdaptationKind, ChatRequest, Document, Effort, FinishReason, Image, MediaSource, Message,
    OnUnsupported, Opaque, ParallelToolCalls, Part, Reasoning, Reply, ResponseFormat, Role, Sampling, Scope,
    StreamEvent, Text, Tool, ToolCall, ToolChoice, ToolResult, Wire,
};

const CLAUDE: &str = "eu.anthropic.claude-x-v1:0";
const NOVA: &str = "eu.amazon.nova-x-v1:0";

fn encode_for(model: &str, request: &ChatRequest) -> (Value, Encoded) {
    let encoded = Converse.encode_chat(request, EncodeFor::new("bedrock", model, Mode::Whole)).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded)
}

fn encode(request: &ChatRequest) -> Value {
    encode_for(CLAUDE, request).0
}

fn refusal(request: &ChatRequest) -> ErrorKind {
    Converse.encode_chat(request, EncodeFor::new("bedrock", CLAUDE, Mode::Whole)).unwrap_err().kind()
}

fn changes(encoded: &Encoded) -> Vec<(&str, AdaptationKind)> {
    encoded.adaptations.iter().map(|adaptation| (&*adaptation.field, adaptation.kind)).collect()
}

fn decode(body: &Value) -> Reply {
    Converse.decode_chat(body.to_string().as_bytes()).unwrap()
}

fn ask() -> ChatRequest {
    ChatRequest::from(("bedrock/x", "Hi"))
}

fn weather() -> Tool {
    Tool::function(
        "weather",
        "Weather in a city",
        json!({"type": "object", "properties": {"city": {"type": "string"}}}),
    )
}

fn image(source: MediaSource) -> Part {
    Part::Image(Image::new(source))
}

type Events = Vec<(&'static str, Value)>;

fn feed(events: &Events) -> (Vec<StreamEvent>, Result<()>) {
    let mut decoder = Converse.chat_decoder();
    let mut out = VecDeque::new();
    for (name, event) in events {
        if let Err(error) = decoder.event(name, event.to_string().as_bytes(), &mut out) {
            return (out.into(), Err(error));
        }
    }
    let end = decoder.end(&mut out);
    (out.into(), end)
}

fn fold(events: &Events) -> Reply {
    let (events, end) = feed(events);
    end.unwrap();
    let mut accumulator = Accumulator::new();
    for event in events {
        accumulator.push(event).unwrap();
    }
    assert!(accumulator.is_finished());
    accumulator.into_reply()
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

/// The events the vendor would have sent for `body`, with texts in pieces of `size` characters.
fn stream_of(body: &Value, size: usize) -> Events {
    let mut events: Events = vec![("messageStart", json!({"role": "assistant", "p": "ab"}))];
    for (index, block) in body["output"]["message"]["content"].as_array().unwrap().iter().enumerate() {
        let mut deltas = Vec::new();
        if let Some(text) = block["text"].as_str() {
            deltas.extend(pieces(text, size).into_iter().map(|piece| json!({"text": piece})));
        }
        let cited = &block["citationsContent"];
        for piece in cited["content"].as_array().into_iter().flatten() {
            let text = piece["text"].as_str().unwrap();
            deltas.extend(pieces(text, size).into_iter().map(|piece| json!({"text": piece})));
        }
        let citations = cited["citations"].as_array().into_iter().flatten();
        deltas.extend(citations.map(|citation| json!({"citation": citation})));
        let reasoning = &block["reasoningContent"];
        if let Some(text) = reasoning["reasoningText"]["text"].as_str() {
            let told =
                pieces(text, size).into_iter().map(|piece| json!({"reasoningContent": {"text": piece}}));
            deltas.extend(told);
        }
        if let Some(signature) = reasoning["reasoningText"]["signature"].as_str() {
            deltas.push(json!({"reasoningContent": {"signature": signature}}));
        }
        if let Some(redacted) = reasoning["redactedContent"].as_str() {
            deltas.push(json!({"reasoningContent": {"redactedContent": redacted}}));
        }
        let mut start = Value::Null;
        if let Some(call) = block["toolUse"].as_object() {
            let mut first = call.clone();
            let input = first.remove("input").unwrap().to_string();
            start = json!({"toolUse": first});
            if input != "{}" {
                deltas.extend(
                    pieces(&input, size).into_iter().map(|piece| json!({"toolUse": {"input": piece}})),
                );
            }
        }
        if let Some(result) = block["toolResult"].as_object() {
            let mut first = result.clone();
            let content = first.remove("content").unwrap();
            start = json!({"toolResult": first});
            let items = content.as_array().unwrap().iter();
            deltas.extend(items.map(|item| json!({"toolResult": [item]})));
        }
        if !start.is_null() {
            events.push(("contentBlockStart", json!({"contentBlockIndex": index, "start": start})));
        }
        for delta in deltas {
            events
                .push(("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"})));
        }
        events.push(("contentBlockStop", json!({"contentBlockIndex": index})));
    }
    let mut stop = json!({"stopReason": body["stopReason"], "p": "a"});
    if let Some(fields) = body.get("additionalModelResponseFields") {
        stop["additionalModelResponseFields"] = fields.clone();
    }
    events.push(("messageStop", stop));
    let mut metadata = json!({"usage": body["usage"], "metrics": body["metrics"]});
    if let Some(tier) = body.get("serviceTier") {
        metadata["serviceTier"] = tier.clone();
    }
    events.push(("metadata", metadata));
    events
}

fn answer(content: Value, stop_reason: &str) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 10, "outputTokens": 20, "totalTokens": 30},
        "metrics": {"latencyMs": 5},
    })
}

fn every_block() -> Value {
    json!([
        {"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "sig=="}}},
        {"reasoningContent": {"redactedContent": "AAEC"}},
        {"text": "Grüß "},
        {"text": "Gott"},
        {"citationsContent": {"content": [{"text": "It rains."}], "citations": [
            {"title": "a", "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 9}}},
            {"title": "b"}]}},
        {"toolUse": {"toolUseId": "s-1", "name": "nova_grounding", "type": "server_tool_use", "input": {"q": 1}}},
        {"toolResult": {"status": "success", "toolUseId": "s-1", "type": "x", "content": [{"json": {"a": 1}}, {"text": "b"}]}},
        {"toolUse": {"toolUseId": "t-1", "name": "weather", "input": {"city": "Köln"}}},
        {"toolUse": {"toolUseId": "t-2", "name": "now", "input": {}}},
    ])
}

fn values(parts: &[Part]) -> Vec<Part> {
    let sorted = |part: &Part| match part {
        // Fields of an opaque block come in another order when they come one by one.
        Part::Opaque(opaque) => Part::Opaque(Opaque::new(opaque.wire, opaque.json.parse::<Value>().unwrap())),
        other => other.clone(),
    };
    parts.iter().map(sorted).collect()
}

#[test]
fn streams_are_binary_and_the_model_is_in_the_path() {
    assert_eq!(Converse.framing(), Framing::EventStream);
    for (mode, suffix) in [(Mode::Whole, "/converse"), (Mode::Stream, "/converse-stream")] {
        let encoded = Converse.encode_chat(&ask(), EncodeFor::new("bedrock", "a:b/c", mode)).unwrap();

        assert_eq!(encoded.path, Path::Model { prefix: "model", model: "a:b/c".into(), suffix, query: None });
    }
}

#[test]
fn a_plain_question_holds_nothing_but_itself() {
    assert_eq!(encode(&ask()), json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}));
}

#[test]
fn a_conversation_is_rearranged_for_two_speakers() {
    let mut failure = ToolResult::failure("t-2", "no");
    failure.content.push(image(MediaSource::bytes("image/png", "x")));
    let request = ChatRequest::new("bedrock/x")
        .system("Be brief.")
        .user("What")
        .user("now?")
        .message(Message::new(
            Role::Assistant,
            [
                Part::text("  "),
                ToolCall::new("t-1", "weather", "{\"city\": \"Bonn\"}").into(),
                ToolCall::new("t-2", "now", "").into(),
            ],
        ))
        .tool_results([ToolResult::new("t-1", "wet")])
        .user_parts([Part::text("And?")])
        .tool_results([failure])
        .message(Message::system("In German."))
        .tool(weather());

    assert_eq!(
        encode(&request),
        json!({
            "system": [{"text": "Be brief."}, {"text": "In German."}],
            "messages": [
                {"role": "user", "content": [{"text": "What"}, {"text": "now?"}]},
                {"role": "assistant", "content": [
                    {"toolUse": {"toolUseId": "t-1", "name": "weather", "input": {"city": "Bonn"}}},
                    {"toolUse": {"toolUseId": "t-2", "name": "now", "input": {}}}]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "t-1", "content": [{"text": "wet"}]}},
                    {"toolResult": {"toolUseId": "t-2", "status": "error", "content": [
                        {"text": "no"}, {"image": {"format": "png", "source": {"bytes": "eA=="}}}]}},
                    {"text": "And?"}]},
            ],
            "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "description": "Weather in a city",
                "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}}}}]},
        })
    );
}

#[test]
fn ids_of_other_vendors_are_replaced_alike_in_call_and_result() {
    let foreign = "fc|".to_owned() + &"x".repeat(70);
    let request = ask()
        .message(Message::new(Role::Assistant, [ToolCall::new(&*foreign, "weather", "{}")]))
        .tool_results([ToolResult::new(&*foreign, "wet")])
        .tool(weather());

    let body = encode(&request);

    let id = body.pointer("/messages/1/content/0/toolUse/toolUseId").and_then(Value::as_str).unwrap();
    assert!(
        !id.is_empty()
            && id.len() <= 64
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    );
    assert_eq!(body.pointer("/messages/2/content/0/toolResult/toolUseId"), Some(&json!(id)));
}

#[test]
fn pictures_and_documents_are_named_by_format() {
    let mut report = Document::new(MediaSource::bytes("application/pdf", "x"));
    report.name = Some("q3_report.pdf".into());
    report.extra.insert(Wire::Converse, "citations", json!({"enabled": true}));
    let request = ChatRequest::new("bedrock/x").user_parts([
        Part::text("Look"),
        report.clone().into(),
        report.into(),
        image(MediaSource::Url("s3://bucket/a.jpg".into())),
    ]);

    assert_eq!(
        encode(&request)["messages"][0]["content"],
        json!([
            {"text": "Look"},
            {"document": {"format": "pdf", "name": "q3-report-pdf", "source": {"bytes": "eA=="},
                "citations": {"enabled": true}}},
            {"document": {"format": "pdf", "name": "q3-report-pdf (2)", "source": {"bytes": "eA=="},
                "citations": {"enabled": true}}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}},
        ])
    );
    for media in [MediaSource::Url("https://x/y.png".into()), MediaSource::bytes("image/bmp", "x")] {
        assert_eq!(
            refusal(&ChatRequest::new("bedrock/x").user_parts([image(media)])),
            ErrorKind::Unsupported
        );
    }
}

#[test]
fn cache_points_follow_what_they_are_put_on() {
    let point = json!({"type": "default"});
    let mut system = Message::system("Long.");
    system.extra.insert(Wire::Converse, "cachePoint", point.clone());
    let mut text = Text::new("Also long.");
    text.extra.insert(Wire::Converse, "cachePoint", json!({"type": "default", "ttl": "1h"}));
    text.extra.insert(Wire::Messages, "cache_control", json!({"type": "ephemeral"}));
    let mut tool = weather();
    tool.extra.insert(Wire::Converse, "cachePoint", point.clone());
    let guard = Opaque::new(Wire::Converse, json!({"guardContent": {"text": {"text": "x"}}}));
    let request = ChatRequest::new("bedrock/x")
        .message(system)
        .user_parts([Part::Text(text), Part::Opaque(guard), Part::text("Hi")])
        .tool(tool);

    let body = encode(&request);

    assert_eq!(body["system"], json!([{"text": "Long."}, {"cachePoint": point}]));
    assert_eq!(
        body["messages"][0]["content"],
        json!([{"text": "Also long."}, {"cachePoint": {"type": "default", "ttl": "1h"}},
            {"guardContent": {"text": {"text": "x"}}}, {"text": "Hi"}])
    );
    assert_eq!(body["toolConfig"]["tools"][1], json!({"cachePoint": point}));
}

#[test]
fn settings_are_spelled_and_fitted() {
    let mut request = ask()
        .max_output_tokens(100)
        .temperature(1.5)
        .top_p(0.5)
        .stop(["END"])
        .seed(1)
        .parallel_tool_calls(ParallelToolCalls::Forbidden);
    request.top_k = Some(4);
    request.metadata.insert("team".into(), "a".into());
    request.service_tier = Some("flex".into());

    let (claude, noted) = encode_for(CLAUDE, &request);
    assert_eq!(
        claude["inferenceConfig"],
        json!({"maxTokens": 100, "temperature": 1.0, "stopSequences": ["END"]})
    );
    assert_eq!(claude["additionalModelRequestFields"], json!({"top_k": 4}));
    assert_eq!(claude["requestMetadata"], json!({"team": "a"}));
    assert_eq!(claude["serviceTier"], json!({"type": "flex"}));
    assert_eq!(
        changes(&noted),
        [
            ("seed", AdaptationKind::Dropped),
            ("temperature", AdaptationKind::Changed),
            ("top_p", AdaptationKind::Dropped),
        ]
    );
    let (nova, _) = encode_for(NOVA, &request);
    assert_eq!(
        nova["inferenceConfig"],
        json!({"maxTokens": 100, "temperature": 1.0, "topP": 0.5, "stopSequences": ["END"]})
    );
    assert_eq!(nova.get("additionalModelRequestFields"), None);
    assert_eq!(refusal(&ask().seed(1).on_unsupported(OnUnsupported::Error)), ErrorKind::Unsupported);
}

#[test]
fn reasoning_goes_to_anthropics_models_in_their_own_words() {
    let request = ask().reasoning(Effort::Low).max_output_tokens(8_000);
    let thinking = |body: &Value| body["additionalModelRequestFields"].clone();

    let mut old = EncodeFor::new("bedrock", CLAUDE, Mode::Whole);
    old.hints.sampling = Sampling::Accepted;
    let written = Converse.encode_chat(&request, old).unwrap();
    let older: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(thinking(&older), json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}));
    assert_eq!(older["inferenceConfig"], json!({"maxTokens": 8000}));

    let mut target = EncodeFor::new("bedrock", CLAUDE, Mode::Whole);
    target.hints.sampling = Sampling::Refused;
    let newer = Converse.encode_chat(&request, target).unwrap();
    assert_eq!(
        thinking(&serde_json::from_slice(&newer.body).unwrap()),
        json!({"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}})
    );

    let (nova, noted) = encode_for(NOVA, &request);
    assert_eq!(nova.get("additionalModelRequestFields"), None);
    assert_eq!(changes(&noted), [("reasoning", AdaptationKind::Dropped)]);

    let own = request.clone().extra(
        Wire::Converse,
        "additionalModelRequestFields",
        json!({"thinking": {"type": "disabled"}, "x": 1}),
    );
    let written = Converse.encode_chat(&own, old).unwrap();
    let merged: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(thinking(&merged), json!({"thinking": {"type": "disabled"}, "x": 1}));
    let forced = request.tool(weather()).tool_choice(ToolChoice::Required);
    assert_eq!(Converse.encode_chat(&forced, old).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn tools_are_chosen_or_left_out() {
    let choice =
        |choice| encode(&ask().tool(weather()).tool_choice(choice))["toolConfig"]["toolChoice"].clone();
    assert_eq!(choice(ToolChoice::Auto), json!({"auto": {}}));
    assert_eq!(choice(ToolChoice::Required), json!({"any": {}}));
    assert_eq!(choice(ToolChoice::Function("weather".into())), json!({"tool": {"name": "weather"}}));
    assert_eq!(encode(&ask().tool(weather()).tool_choice(ToolChoice::None)).get("toolConfig"), None);

    let called = ask()
        .message(Message::new(Role::Assistant, [ToolCall::new("t", "weather", "{}")]))
        .tool_results([ToolResult::new("t", "wet")]);
    assert_eq!(refusal(&called), ErrorKind::Unsupported);
    assert_eq!(refusal(&called.tool(weather()).tool_choice(ToolChoice::None)), ErrorKind::Unsupported);

    let mut bare = Tool::function("now", "", json!({}));
    bare.strict = Some(true);
    let builtin =
        Tool::builtin(Opaque::new(Wire::Converse, json!({"systemTool": {"name": "nova_grounding"}})));
    assert_eq!(
        encode(&ask().tool(bare).tool(builtin))["toolConfig"]["tools"],
        json!([
            {"toolSpec": {"name": "now", "strict": true,
                "inputSchema": {"json": {"type": "object", "properties": {}}}}},
            {"systemTool": {"name": "nova_grounding"}},
        ])
    );
    let other = Tool::builtin(Opaque::new(Wire::Messages, json!({})));
    assert_eq!(refusal(&ask().tool(other)), ErrorKind::Unsupported);
}

#[test]
fn a_schema_travels_as_text() {
    let request = ask().response_format(ResponseFormat::json_schema("city", json!({"type": "object"})));

    assert_eq!(
        encode(&request)["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
            "name": "city", "schema": "{\"type\":\"object\"}"}}}})
    );
    assert_eq!(refusal(&ask().response_format(ResponseFormat::JsonObject)), ErrorKind::Unsupported);
}

#[test]
fn what_cannot_be_said_is_refused() {
    assert_eq!(refusal(&ask().n(2)), ErrorKind::Unsupported);
    assert_eq!(refusal(&ask().logprobs(1)), ErrorKind::Unsupported);
    assert_eq!(refusal(&ChatRequest::new("bedrock/x").assistant("Hi")), ErrorKind::Unsupported);
    assert_eq!(refusal(&ChatRequest::new("bedrock/x").system("Hi")), ErrorKind::Unsupported);
    let broken =
        ask().message(Message::new(Role::Assistant, [ToolCall::new("t", "f", "[1]")])).tool(weather());
    assert_eq!(refusal(&broken), ErrorKind::InvalidRequest);
}

#[test]
fn extra_fields_win_and_reach_only_their_target() {
    let request = ask()
        .max_output_tokens(5)
        .extra(Wire::Converse, "guardrailConfig", json!({"guardrailIdentifier": "g"}))
        .extra(Wire::Converse, "inferenceConfig", json!({"maxTokens": 9, "topK": 1}))
        .extra(Scope::from("groq"), "x", json!(1));

    let body = encode(&request);

    assert_eq!(body["guardrailConfig"], json!({"guardrailIdentifier": "g"}));
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 9, "topK": 1}));
    assert_eq!(body.get("x"), None);
}

#[test]
fn every_block_of_an_answer_is_read_and_goes_back_as_it_came() {
    let reply = decode(&answer(every_block(), "tool_use"));

    assert_eq!(reply.message.text(), "Grüß GottIt rains.");
    assert_eq!(reply.message.parts.len(), 9);
    assert!(matches!(&reply.message.parts[0], Part::Reasoning(own) if own.text == "Let me see."));
    assert!(matches!(&reply.message.parts[5], Part::Opaque(_)));
    let calls: Vec<_> =
        reply.message.tool_calls().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
    assert_eq!(calls, [("t-1", "weather", "{\"city\":\"Köln\"}"), ("t-2", "now", "{}")]);
    assert_eq!(reply.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(reply.extra.get("metrics").unwrap().as_str(), "{\"latencyMs\":5}");

    let request = ask()
        .message(reply.message)
        .tool_results([ToolResult::new("t-1", "wet"), ToolResult::new("t-2", "noon")])
        .tool(weather());
    assert_eq!(encode(&request)["messages"][1]["content"], every_block());
}

#[test]
fn reasoning_is_replayed_here_only_and_not_to_deepseek() {
    let reply = decode(&answer(
        json!([{"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "A"}]),
        "end_turn",
    ));
    let mut foreign = Reasoning::new("Else.");
    foreign.state = Some(Opaque::new(Wire::Messages, json!({"type": "thinking"})));
    let request = ask().message(reply.message).message(Message::new(Role::Assistant, [foreign]));

    assert_eq!(encode(&request)["messages"][1]["content"].as_array().unwrap().len(), 2);
    let (deepseek, _) = encode_for("us.deepseek.r1-v1:0", &request);
    assert_eq!(deepseek["messages"][1]["content"], json!([{"text": "A"}]));
}

#[test]
fn a_stream_folds_into_the_whole_answer() {
    let mut whole = answer(every_block(), "tool_use");
    whole["usage"]["cacheReadInputTokens"] = json!(4);
    whole["serviceTier"] = json!({"type": "flex"});
    whole["additionalModelResponseFields"] = json!({"stop_sequence": "x"});
    let expected = decode(&whole);
    for size in [1, 2, 3, 1_000] {
        let mut folded = fold(&stream_of(&whole, size));

        assert_eq!(values(&folded.message.parts), values(&expected.message.parts), "pieces of {size}");
        folded.message.parts.clone_from(&expected.message.parts);
        assert_eq!(folded, expected, "pieces of {size}");
    }
}

#[test]
fn counts_include_the_cache_and_survive_nonsense() {
    let usage = |usage: Value| {
        let mut body = answer(json!([{"text": "A"}]), "end_turn");
        body["usage"] = usage;
        decode(&body).usage
    };
    let counted = usage(json!({"inputTokens": 1, "outputTokens": 2, "cacheReadInputTokens": 3, "totalTokens": 10,
        "cacheWriteInputTokens": 4, "cacheDetails": [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 1}],
        "serverToolUsage": {}}))
    .unwrap();
    assert_eq!((counted.input_tokens, counted.output_tokens), (Some(8), Some(2)));
    assert_eq!((counted.cache_read_tokens, counted.cache_write_tokens), (Some(3), Some(4)));
    assert_eq!((counted.cache_write_1h_tokens, counted.extra.is_empty()), (Some(3), true));

    let odd = usage(json!({"inputTokens": -1, "outputTokens": 1e300, "cacheReadInputTokens": "x"})).unwrap();
    assert_eq!((odd.input_tokens, odd.output_tokens, odd.cache_read_tokens), (None, None, None));
    let huge = usage(json!({"inputTokens": u64::MAX, "cacheReadInputTokens": u64::MAX})).unwrap();
    assert_eq!(huge.input_tokens, Some(u64::MAX));
    assert_eq!(usage(json!(null)), None);
}

#[test]
fn every_stop_reason_has_its_meaning() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_tool_use", FinishReason::Other("malformed_tool_use".into())),
    ] {
        assert_eq!(decode(&answer(json!([]), word)).finish_reason, Some(reason));
    }
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    let kind = |body: &[u8]| Converse.decode_chat(body).unwrap_err().kind();

    assert_eq!(kind(b"CANARY"), ErrorKind::InvalidResponse);
    assert_eq!(kind(b"{}"), ErrorKind::InvalidResponse);
    assert_eq!(kind(br#"{"output": {"message": {}}}"#), ErrorKind::InvalidResponse);
    assert_eq!(
        kind(br#"{"__type": "com.amazon#ThrottlingException", "Message": "Slow."}"#),
        ErrorKind::RateLimited
    );
    assert!(!format!("{:?}", Converse.decode_chat(b"CANARY").unwrap_err()).contains("CANARY"));
}

#[test]
fn failures_are_read_in_both_spellings() {
    for body in [
        &br#"{"message": "No."}"#[..],
        br#"{"Message": "No.", "__type": "com.amazon.coral.service#AccessDeniedException"}"#,
    ] {
        assert_eq!(Converse.decode_failure(body).message.as_deref(), Some("No."));
    }
    let failure = Converse.decode_failure(br#"{"__type": "com.x#ExpiredTokenException"}"#);
    assert_eq!(failure.error_type.as_deref(), Some("ExpiredTokenException"));
    assert_eq!(failure.kind(403), ErrorKind::Authentication);
}

#[test]
fn a_stream_ends_with_the_counts_or_at_its_end_and_is_truncated_before_message_stop() {
    let whole = stream_of(&answer(json!([{"text": "A"}]), "end_turn"), 9);
    let without_counts = whole[..whole.len() - 1].to_vec();
    let cut = whole[..whole.len() - 2].to_vec();
    let mut turned = whole.clone();
    turned.swap(whole.len() - 1, whole.len() - 2);

    assert_eq!(fold(&whole).usage.unwrap().output_tokens, Some(20));
    assert_eq!(fold(&without_counts).usage, None);
    assert_eq!(fold(&turned), fold(&whole));
    assert_eq!(feed(&cut).1.unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn strange_events_are_survived_and_impossible_ones_refused() {
    let mut events = stream_of(&answer(json!([{"text": "A"}]), "end_turn"), 9);
    events.insert(1, ("brandNew", json!({"x": 1})));
    events.insert(2, ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {}})));
    events.insert(3, ("contentBlockStart", json!({"contentBlockIndex": 0, "start": {}})));
    assert_eq!(fold(&events).message.text(), "A");

    let delta = |index: Value, delta: Value| {
        let events = vec![
            ("contentBlockDelta", json!({"contentBlockIndex": 1, "delta": {"text": "A"}})),
            ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta})),
        ];
        feed(&events).1.unwrap_err().kind()
    };
    for index in [json!(4_294_967_295_u32), json!(-1), json!("x"), json!(null), json!(0)] {
        assert_eq!(delta(index, json!({"text": "B"})), ErrorKind::InvalidResponse);
    }
    assert_eq!(delta(json!(1), json!({"text": 7})), ErrorKind::InvalidResponse);
}

#[test]
fn blocks_of_unknown_kinds_are_put_together() {
    let events = vec![
        ("contentBlockStart", json!({"contentBlockIndex": 0, "start": {"image": {"format": "png"}}})),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"image": {"source": {"bytes": "eA=="}}}}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("contentBlockDelta", json!({"contentBlockIndex": 1, "delta": {"hologram": {"ray": "a"}}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 1, "delta": {"hologram": {"ray": "b"}}})),
        ("contentBlockStop", json!({"contentBlockIndex": 1})),
        ("messageStop", json!({"stopReason": "end_turn"})),
    ];
    let blocks: Vec<Value> = fold(&events)
        .message
        .parts
        .iter()
        .map(|part| match part {
            Part::Opaque(opaque) => opaque.json.parse().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();

    assert_eq!(
        blocks,
        [
            json!({"image": {"format": "png", "source": {"bytes": "eA=="}}}),
            json!({"hologram": {"ray": "ab"}})
        ]
    );
}

#[test]
fn mutated_events_and_answers_never_panic() {
    let whole = answer(every_block(), "tool_use");
    let events = stream_of(&whole, 3);
    let mut random = fastrand::Rng::with_seed(11);
    let mut mutate = |text: String| {
        let mut bytes = text.into_bytes();
        for _ in 0..random.usize(0..3) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = b"{}[]\",:0-9enul"[random.usize(..14)],
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, b'"'),
            }
        }
        bytes
    };
    let mut survived = 0;
    for _ in 0..300 {
        let mut decoder = Converse.chat_decoder();
        let (mut out, mut accumulator) = (VecDeque::new(), Accumulator::new());
        for (name, event) in &events {
            if decoder.event(name, &mutate(event.to_string()), &mut out).is_ok() {
                survived += 1;
            }
        }
        let _ = decoder.end(&mut out);
        for event in out {
            accumulator.push(event).unwrap();
        }
        let _ = Converse.decode_chat(&mutate(whole.to_string()));
    }
    assert!(survived > events.len() * 100);
}
