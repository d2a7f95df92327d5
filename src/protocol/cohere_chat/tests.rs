//! Small exchanges written after <https://docs.cohere.com/reference/chat> (read 2026-11-23).

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::protocol::{EmbedProtocol as _, Mode, Path};
use crate::types::{
    Accumulator, Effort, EmbedRequest, FinishReason, Message, OnUnsupported, ParallelToolCalls, Part,
    ReasoningOptions, ResponseFormat, Role, Tool, ToolChoice, ToolResult, Usage,
};

fn ask() -> ChatRequest {
    ChatRequest::from(("cohere/m", "hi"))
}

fn weather() -> Tool {
    Tool::function("weather", "d", json!({"type": "object", "properties": {"city": {"type": "string"}}}))
}

fn encoded(request: &ChatRequest, mode: Mode) -> Result<Encoded> {
    CohereChat.encode_chat(request, EncodeFor::new("cohere", "m", mode))
}

fn written(request: &ChatRequest) -> Value {
    serde_json::from_slice(&encoded(request, Mode::Whole).unwrap().body).unwrap()
}

fn notes(request: &ChatRequest) -> Vec<String> {
    let encoded = encoded(request, Mode::Whole).unwrap();
    encoded.adaptations.iter().map(|note| note.field.to_string()).collect()
}

fn streamed(events: &[Value]) -> Result<Reply> {
    let (mut decoder, mut out) = (CohereChat.chat_decoder(), VecDeque::new());
    for event in events {
        decoder.event("", event.to_string().as_bytes(), &mut out)?;
    }
    decoder.event("", b"[DONE]", &mut out)?;
    decoder.end(&mut out)?;
    let mut fold = Accumulator::new();
    for event in out {
        fold.push(event)?;
    }
    Ok(fold.into_reply())
}

fn whole(body: &Value) -> Result<Reply> {
    CohereChat.decode_chat(body.to_string().as_bytes())
}

fn kind(result: Result<Reply>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

#[test]
fn options_are_spelled_its_way() {
    let mut request = ask()
        .temperature(0.5)
        .top_p(0.9)
        .seed(7)
        .max_output_tokens(10)
        .stop(["END"])
        .reasoning(ReasoningOptions::from(Effort::Low))
        .response_format(ResponseFormat::json_schema("s", json!({"type": "object"})))
        .extra("cohere", "safety_mode", json!("STRICT"))
        .extra(WIRE, "documents", json!(["a"]))
        .extra("other", "secret", json!(1));
    request.top_k = Some(40);
    request.presence_penalty = Some(0.25);
    request.frequency_penalty = Some(0.5);

    let encoded = encoded(&request.logprobs(0), Mode::Stream).unwrap();

    assert_eq!(encoded.path, Path::Fixed("chat"));
    assert!(encoded.adaptations.is_empty());
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true,
            "temperature": 0.5, "p": 0.9, "k": 40, "seed": 7, "max_tokens": 10, "stop_sequences": ["END"],
            "presence_penalty": 0.25, "frequency_penalty": 0.5, "logprobs": true,
            "thinking": {"type": "enabled", "token_budget": 2_048},
            "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
            "safety_mode": "STRICT", "documents": ["a"],
        })
    );
}

#[test]
fn reasoning_is_a_budget_or_a_switch() {
    let budget = |effort, budget_tokens| {
        let mut options = ReasoningOptions::default();
        (options.effort, options.budget_tokens) = (effort, budget_tokens);
        written(&ask().reasoning(options))["thinking"].clone()
    };

    assert_eq!(budget(Some(Effort::None), None), json!({"type": "disabled"}));
    assert_eq!(budget(Some(Effort::High), None), json!({"type": "enabled"}));
    assert_eq!(budget(Some(Effort::Low), Some(9)), json!({"type": "enabled", "token_budget": 9}));
    assert_eq!(budget(None, None), Value::Null);
}

#[test]
fn tools_and_the_choice_among_them() {
    let clock = || Tool { parameters: None, ..Tool::function("clock", "d", json!({})) };
    let choose = |choice| written(&ask().tool(weather()).tool(clock()).tool_choice(choice));

    assert_eq!(choose(ToolChoice::Auto)["tool_choice"], Value::Null);
    assert_eq!(choose(ToolChoice::None)["tool_choice"], "NONE");
    let required = choose(ToolChoice::Required);
    assert_eq!(required["tool_choice"], "REQUIRED");
    assert_eq!(
        required["tools"][1],
        json!({"type": "function", "function": {"name": "clock", "description": "d",
            "parameters": {"type": "object", "properties": {}}}})
    );
    let one = choose(ToolChoice::Function("clock".into()));
    assert_eq!((&one["tool_choice"], one["tools"].as_array().map(Vec::len)), (&json!("REQUIRED"), Some(1)));
    assert_eq!(one["tools"][0]["function"]["name"], "clock");
    let strict = Tool { strict: Some(true), ..weather() };
    assert_eq!(written(&ask().tool(strict.clone()))["strict_tools"], true);
    assert_eq!(notes(&ask().tool(strict).tool(clock())), ["tools.strict"]);
}

#[test]
fn what_the_format_lacks_is_dropped_aloud_or_refused() {
    let mut request =
        ask().tool(weather()).parallel_tool_calls(ParallelToolCalls::Forbidden).seed(-1).top_p(1.0);
    request.user = Some("u".into());
    request.frequency_penalty = Some(-2.0);
    assert_eq!(notes(&request), ["user", "parallel_tool_calls", "seed", "top_p", "frequency_penalty"]);
    let body = written(&request);
    assert_eq!(
        (&body["p"], &body["frequency_penalty"], &body["seed"]),
        (&json!(0.99), &json!(0.0), &Value::Null)
    );
    assert_eq!(notes(&ask().logprobs(3)), ["logprobs"]);

    let refused = |request: &ChatRequest| encoded(request, Mode::Whole).unwrap_err().kind();
    assert_eq!(refused(&request.on_unsupported(OnUnsupported::Error)), ErrorKind::Unsupported);
    assert_eq!(refused(&ask().n(2)), ErrorKind::Unsupported);
    assert_eq!(
        refused(&ask().user_parts([Part::document_bytes("application/pdf", &b"x"[..])])),
        ErrorKind::Unsupported
    );
}

#[test]
fn an_answer_goes_back_as_it_came() {
    let answer = whole(&json!({"id": "a", "finish_reason": "TOOL_CALL", "message": {"role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}], "tool_plan": "I will look.",
        "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "weather", "arguments": "{\"city\":\"Ulm\"}"}}]}}))
    .unwrap();
    let request = ask()
        .message(answer.message)
        .tool_results([ToolResult::new("c1", "12 °C")])
        .user_parts([Part::text("And this?"), Part::image_bytes("image/png", &b"x"[..])]);

    let body = written(&request);

    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_plan": "I will look.", "content": [{"type": "thinking", "thinking": "Hm."}],
                "tool_calls": [{"id": "c1", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\":\"Ulm\"}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "12 °C"},
            {"role": "user", "content": [{"type": "text", "text": "And this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}]},
        ])
    );
}

#[test]
fn another_vendors_reasoning_and_empty_turns_stay_behind() {
    let foreign = Message::new(
        Role::Assistant,
        [Part::from(crate::types::Reasoning::new("secret")), Part::text("Hello")],
    );
    let empty = Message::new(Role::Assistant, Vec::<Part>::new());

    let body = written(&ask().message(foreign).message(empty));

    assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "Hello"}));
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(2));
}

fn events() -> Vec<Value> {
    let content = |kind: &str, index: u64, content: Value| json!({"type": kind, "index": index, "delta": {"message": {"content": content}}});
    let call = |kind: &str, index: u64, call: Value| json!({"type": kind, "index": index, "delta": {"message": {"tool_calls": call}}});
    let cited = |start: u64| json!({"end": start + 2, "start": start, "text": "Hi"});
    vec![
        json!({"type": "message-start", "id": "a", "delta": {"message": {"role": "assistant", "content": []}}}),
        content("content-start", 0, json!({"type": "thinking", "thinking": ""})),
        content("content-delta", 0, json!({"thinking": "H"})),
        content("content-delta", 0, json!({"thinking": "m."})),
        json!({"type": "content-end", "index": 0}),
        content("content-start", 1, json!({"type": "text", "text": ""})),
        content("content-delta", 1, json!({"text": "Hi "})),
        json!({"type": "citation-start", "index": 0, "delta": {"message": {"citations": cited(0)}}}),
        json!({"type": "citation-end", "index": 0}),
        content("content-delta", 1, json!({"text": "there"})),
        json!({"type": "citation-start", "index": 1, "delta": {"message": {"citations": cited(3)}}}),
        json!({"type": "content-end", "index": 1}),
        content("content-start", 2, json!({"type": "text", "text": "Again"})),
        json!({"type": "content-end", "index": 2}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will "}}}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "look."}}}),
        call(
            "tool-call-start",
            0,
            json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}),
        ),
        call("tool-call-delta", 0, json!({"function": {"arguments": "{\"x\""}})),
        call("tool-call-delta", 0, json!({"function": {"arguments": ":1}"}})),
        json!({"type": "tool-call-end", "index": 0}),
        json!({"type": "an-event-of-next-year", "delta": {"message": 7}}),
        call(
            "tool-call-start",
            1,
            json!({"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}),
        ),
        json!({"type": "tool-call-end", "index": 1}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": counts()}}),
    ]
}

fn counts() -> Value {
    json!({"billed_units": {"input_tokens": 8.0, "output_tokens": 50}, "cached_tokens": 1_360,
        "tokens": {"input_tokens": 1_394, "output_tokens": 55, "reasoning_tokens": 38}})
}

#[test]
fn a_stream_folds_into_the_whole_answer() {
    let body = json!({"id": "a", "finish_reason": "TOOL_CALL", "usage": counts(), "message": {"role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hi there"},
            {"type": "text", "text": "Again"}],
        "citations": [{"end": 2, "start": 0, "text": "Hi"}, {"end": 5, "start": 3, "text": "Hi"}],
        "tool_plan": "I will look.",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]}});

    let (streamed, whole) = (streamed(&events()).unwrap(), whole(&body).unwrap());

    assert!(streamed == whole, "{:?}\n{:?}", streamed.message, whole.message);
    assert_eq!(whole.message.parts.len(), 6);
    assert_eq!(whole.finish_reason, Some(FinishReason::ToolCalls));
    assert!(whole.extra.get("citations").is_some_and(|list| list.as_str().starts_with("[{")));
    let arguments: Vec<&str> = whole.message.tool_calls().map(|call| call.arguments.as_str()).collect();
    assert_eq!(arguments, ["{\"x\":1}", "{}"]);
}

#[test]
fn log_probabilities_have_one_shape() {
    let token = |text: &str| json!({"logprobs": [-0.5], "text": text, "token_ids": [1]});
    let delta = |text: &str| {
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}},
            "logprobs": token(text)})
    };
    let end = json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}});

    let streamed = streamed(&[delta("a"), delta("b"), end]).unwrap();
    let whole = whole(&json!({"logprobs": [token("a"), token("b")], "finish_reason": "COMPLETE",
        "message": {"content": [{"type": "text", "text": "ab"}]}}))
    .unwrap();

    assert!(streamed == whole);
    assert!(whole.logprobs.is_some());
}

#[test]
fn what_is_billed_stands_beside_what_was_processed() {
    let usage = |usage: Value| whole(&json!({"message": {"content": []}, "usage": usage})).unwrap().usage;

    let known = usage(counts()).unwrap();
    assert_eq!((known.input_tokens, known.output_tokens), (Some(1_394), Some(55)));
    assert_eq!((known.billed_input_tokens, known.billed_output_tokens), (Some(8), Some(50)));
    assert_eq!((known.cache_read_tokens, known.reasoning_tokens), (Some(1_360), Some(38)));
    let billed = usage(json!({"billed_units": {"input_tokens": 3, "output_tokens": 2}})).unwrap();
    assert_eq!((billed.input_tokens, billed.output_tokens), (Some(3), Some(2)));
    for odd in
        [json!(null), json!(7), json!({"tokens": {"input_tokens": -1, "output_tokens": 1e300}}), json!({})]
    {
        assert_eq!(usage(odd), None::<Usage>);
    }
}

#[test]
fn every_finish_reason_has_its_meaning() {
    let finish = |word: &str| whole(&json!({"message": {}, "finish_reason": word}));

    for (word, expected) in [
        ("COMPLETE", FinishReason::Stop),
        ("STOP_SEQUENCE", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("TOOL_CALL", FinishReason::ToolCalls),
        ("ERROR_TOXIC", FinishReason::ContentFilter),
        ("NEW", FinishReason::Other("NEW".into())),
    ] {
        assert_eq!(finish(word).unwrap().finish_reason, Some(expected), "{word}");
    }
    assert_eq!(kind(finish("ERROR")), ErrorKind::Server);
    assert_eq!(kind(finish("TIMEOUT")), ErrorKind::Timeout);
    let partial = |error: Error| error.partial().map(|reply| reply.message.text());
    let cut =
        whole(&json!({"message": {"content": [{"type": "text", "text": "Hal"}]}, "finish_reason": "ERROR"}));
    assert_eq!(partial(cut.unwrap_err()).as_deref(), Some("Hal"));
}

#[test]
fn errors_are_sentences() {
    let kind_of = |status: u16, body: Value| {
        CohereChat.decode_failure(body.to_string().as_bytes()).into_error(status).kind()
    };

    assert_eq!(kind_of(401, json!({"message": "invalid api token"})), ErrorKind::Authentication);
    assert_eq!(kind_of(400, json!({"message": "too many tokens: 9 > 5"})), ErrorKind::ContextTooLong);
    assert_eq!(kind_of(429, json!({"message": "slow down"})), ErrorKind::RateLimited);
    assert_eq!(kind(whole(&json!({"message": "boom"}))), ErrorKind::Server);
    assert_eq!(kind(whole(&json!({"id": "a"}))), ErrorKind::InvalidResponse);
    let late = json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "boom"}});
    let error = streamed(&[late]).unwrap_err();
    assert_eq!((error.kind(), error.provider_message()), (ErrorKind::Server, Some("boom")));
}

#[test]
fn a_stream_must_end_with_its_marker_and_calls_must_begin() {
    assert_eq!(kind(streamed(&[])), ErrorKind::Truncated);
    let delta = |index: Value| {
        json!({"type": "tool-call-delta", "index": index,
            "delta": {"message": {"tool_calls": {"function": {"arguments": "{}"}}}}})
    };
    for index in [json!(0), json!(4_294_967_295_u64), json!(-1), json!(null), json!("x")] {
        assert_eq!(kind(streamed(&[delta(index)])), ErrorKind::InvalidResponse);
    }
    let nameless = json!({"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": {}}}});
    assert_eq!(kind(streamed(&[nameless])), ErrorKind::InvalidResponse);
}

#[test]
fn strange_content_survives_or_is_skipped() {
    let odd = json!({"type": "film", "url": "https://example.com"});
    let end = json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}});
    let bare =
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text"}}}});
    let start = json!({"type": "content-start", "index": 0, "delta": {"message": {"content": odd}}});
    let garbage = json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": ["x"]}}});
    let streamed = streamed(&[bare, start, garbage, json!({"type": 7}), end]).unwrap();
    let whole = whole(
        &json!({"finish_reason": "COMPLETE", "message": {"content": [{"type": "text"}, odd, {"type": "text", "text": ""}]}}),
    );

    assert!(streamed == whole.unwrap());
    assert!(matches!(streamed.message.parts.as_slice(), [Part::Opaque(_)]));
    let (mut decoder, mut out) = (CohereChat.chat_decoder(), VecDeque::new());
    let error = decoder.event("", b"{\"type\": \"CANARY", &mut out).unwrap_err();
    assert!(
        error.kind() == ErrorKind::InvalidResponse
            && !format!("{error:?}{error}{decoder:?}").contains("CANARY")
    );
}

#[test]
fn embeddings_say_what_the_texts_are_for() {
    let written = |request: &EmbedRequest| -> Value {
        let target = EncodeFor::new("cohere", "embed-v4.0", Mode::Whole);
        serde_json::from_slice(&CohereEmbeddings.encode_embed(request, target).unwrap().body).unwrap()
    };
    let request = EmbedRequest::new("cohere/embed-v4.0", ["a", "b"]).dimensions(256);

    assert_eq!(
        written(&request),
        json!({"model": "embed-v4.0", "texts": ["a", "b"], "input_type": "search_document",
            "embedding_types": ["float"], "output_dimension": 256})
    );
    let query = request.extra("cohere", "input_type", json!("search_query"));
    assert_eq!(written(&query)["input_type"], "search_query");
}

#[test]
fn vectors_are_read_and_counted() {
    let read = |body: &str| CohereEmbeddings.decode_embed(body.as_bytes(), 1);

    let body =
        r#"{"id": "e", "embeddings": {"float": [[0.5, -1]]}, "meta": {"billed_units": {"input_tokens": 4}}}"#;
    let reply = read(body).unwrap();
    assert_eq!((reply.vectors, reply.usage.unwrap().input_tokens), (vec![vec![0.5, -1.0]], Some(4)));
    assert_eq!(read(r#"{"embeddings": [[1]]}"#).unwrap().vectors, [vec![1.0]]);
    for (body, expected) in [
        (r#"{"embeddings": {"float": []}}"#, ErrorKind::InvalidResponse),
        (r#"{"embeddings": {"int8": [[1]]}}"#, ErrorKind::InvalidResponse),
        (r#"{"message": "boom"}"#, ErrorKind::Server),
        ("{}", ErrorKind::InvalidResponse),
        ("<html>", ErrorKind::InvalidResponse),
    ] {
        assert_eq!(read(body).unwrap_err().kind(), expected, "{body}");
    }
}
