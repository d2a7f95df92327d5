//! Small exchanges in the shapes of the vendor's documentation.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::Messages;
use crate::error::{ErrorKind, Result};
use crate::protocol::{EncodeFor, Encoded, Mode, Path, Protocol};
use crate::types::{
    Accumulator, AdaptationKind, ChatRequest, Document, Effort, FinishReason, Image, MediaSource, Message,
    OnUnsupported, Opaque, ParallelToolCalls, Part, Reasoning, ReasoningOptions, Reply, ResponseFormat, Role,
    Sampling, Scope, StreamEvent, Text, Tool, ToolCall, ToolChoice, ToolResult, Wire,
};

fn target(mode: Mode) -> EncodeFor<'static> {
    let mut target = EncodeFor::new("anthropic", "claude-x", mode);
    target.hints.sampling = Sampling::Accepted;
    target
}

fn newer(mode: Mode) -> EncodeFor<'static> {
    let mut target = target(mode);
    target.hints.sampling = Sampling::Refused;
    target.hints.max_output_tokens = Some(128_000);
    target
}

fn encode_for(request: &ChatRequest, target: EncodeFor<'_>) -> (Value, Encoded) {
    let encoded = Messages.encode_chat(request, target).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded)
}

fn encode(request: &ChatRequest) -> Value {
    encode_for(request, target(Mode::Whole)).0
}

fn refusal(request: &ChatRequest) -> ErrorKind {
    Messages.encode_chat(request, target(Mode::Whole)).unwrap_err().kind()
}

fn changes(encoded: &Encoded) -> Vec<(&str, AdaptationKind)> {
    encoded.adaptations.iter().map(|adaptation| (&*adaptation.field, adaptation.kind)).collect()
}

fn decode(body: &Value) -> Reply {
    Messages.decode_chat(body.to_string().as_bytes()).unwrap()
}

fn ask() -> ChatRequest {
    ChatRequest::from(("anthropic/claude-x", "Hi"))
}

fn weather() -> Tool {
    Tool::function(
        "weather",
        "Weather in a city",
        json!({"type": "object", "properties": {"city": {"type": "string"}}}),
    )
}

/// Feeds `events` and gives what came out before the first error, and how it ended.
fn feed(events: &[Value]) -> (Vec<StreamEvent>, Result<()>) {
    let mut decoder = Messages.chat_decoder();
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

/// The events the vendor would have sent for `message`, with texts in pieces of `size` characters.
fn stream_of(message: &Value, size: usize) -> Vec<Value> {
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["stop_sequence"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    let mut events = vec![json!({"type": "message_start", "message": start}), json!({"type": "ping"})];
    for (index, block) in message["content"].as_array().unwrap().iter().enumerate() {
        let mut first = block.clone();
        let mut deltas = Vec::new();
        let mut grow = |kind: &str, field: &str, text: &str| {
            let characters: Vec<char> = text.chars().collect();
            for piece in characters.chunks(size) {
                deltas.push(json!({"type": kind, field: piece.iter().collect::<String>()}));
            }
        };
        if let Some(text) = block["text"].as_str() {
            grow("text_delta", "text", text);
            first["text"] = json!("");
        }
        if let Some(text) = block["thinking"].as_str() {
            grow("thinking_delta", "thinking", text);
            first["thinking"] = json!("");
        }
        if let Some(text) = block["signature"].as_str() {
            deltas.push(json!({"type": "signature_delta", "signature": text}));
            first["signature"] = json!("");
        }
        if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
            let characters: Vec<char> = block["input"].to_string().chars().collect();
            for piece in characters.chunks(size) {
                let piece: String = piece.iter().collect();
                deltas.push(json!({"type": "input_json_delta", "partial_json": piece}));
            }
            first["input"] = json!({});
        }
        for citation in block["citations"].as_array().into_iter().flatten() {
            deltas.push(json!({"type": "citations_delta", "citation": citation}));
            first["citations"] = json!([]);
        }
        events.push(json!({"type": "content_block_start", "index": index, "content_block": first}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }));
    events.push(json!({"type": "message_stop"}));
    events
}

fn message(content: Value, stop_reason: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x-1",
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 20},
    })
}

fn every_block() -> Value {
    json!([
        {"type": "thinking", "thinking": "Let me see.", "signature": "sig=="},
        {"type": "thinking", "thinking": "", "signature": "sig2"},
        {"type": "redacted_thinking", "data": "ciphertext"},
        {"type": "text", "text": "Grüße "},
        {"type": "text", "text": "you", "citations": [{"type": "char_location", "cited_text": "you"}]},
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "rust"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"type": "web_search_result", "url": "https://example.com"}]},
        {"type": "text", "text": "So:"},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Köln"}, "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
        {"type": "hologram", "colour": "blue"},
    ])
}

// Whole answers.

#[test]
fn each_block_becomes_its_part() {
    let reply = decode(&message(every_block(), "tool_use"));

    let parts = &reply.message.parts;
    assert!(matches!(&parts[0], Part::Reasoning(r) if r.text == "Let me see." && r.state.is_some()));
    assert!(matches!(&parts[1], Part::Reasoning(r) if r.text.is_empty()));
    let Part::Reasoning(Reasoning { text, state: Some(state), .. }) = &parts[2] else { panic!() };
    assert_eq!(text, "");
    assert_eq!(state.wire, Wire::Messages);
    assert_eq!(
        state.json.parse::<Value>().unwrap(),
        json!({"type": "redacted_thinking", "data": "ciphertext"})
    );
    assert_eq!(reply.message.text(), "Grüße youSo:");
    let Part::Text(cited) = &parts[4] else { panic!() };
    assert!(cited.extra.get("citations").unwrap().as_str().contains("char_location"));
    let opaque = parts.iter().filter(|part| matches!(part, Part::Opaque(_))).count();
    assert_eq!(opaque, 3);
    let calls: Vec<&ToolCall> = reply.message.tool_calls().collect();
    assert_eq!((calls[0].id.as_str(), calls[0].arguments.as_str()), ("t1", r#"{"city":"Köln"}"#));
    assert!(calls[0].extra.get("caller").is_some());
    assert_eq!(calls[1].arguments, "{}");
    assert_eq!(reply.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(reply.finish_reason_raw.as_deref(), Some("tool_use"));
    assert_eq!((reply.id.as_deref(), reply.model.as_deref()), (Some("msg_1"), Some("claude-x-1")));
}

#[test]
fn stop_reasons_are_translated() {
    for (word, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("pause_turn", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("new_word", FinishReason::Other("new_word".into())),
    ] {
        assert_eq!(decode(&message(json!([]), word)).finish_reason, Some(expected), "{word}");
    }
}

#[test]
fn cache_traffic_is_part_of_the_input() {
    let mut body = message(json!([]), "end_turn");
    body["usage"] = json!({
        "input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
        "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1, "code_execution_requests": 3},
        "service_tier": "priority", "inference_geo": "us",
    });

    let reply = decode(&body);

    let usage = reply.usage.unwrap();
    assert_eq!(usage.input_tokens, Some(123));
    assert_eq!(usage.output_tokens, Some(7));
    assert_eq!(usage.cache_read_tokens, Some(100));
    assert_eq!(usage.cache_write_tokens, Some(20));
    assert_eq!(usage.cache_write_1h_tokens, Some(5));
    assert_eq!(usage.reasoning_tokens, Some(4));
    let of_tools = (usage.web_searches, usage.web_fetches, usage.code_executions);
    assert_eq!(of_tools, (Some(2), Some(1), Some(3)));
    assert_eq!(usage.extra.get("inference_geo").unwrap().as_str(), "\"us\"");
    assert!(usage.extra.get("server_tool_use").is_none());
    assert!(usage.extra.get("cache_creation").is_none());
    assert_eq!(reply.service_tier.as_deref(), Some("priority"));
}

#[test]
fn hostile_counts_are_unknown_not_errors() {
    let body = r#"{"type":"message","content":[],"stop_reason":7,"usage":{"input_tokens":-5,
        "output_tokens":1e400,"cache_read_input_tokens":99999999999999999999999,"cache_creation":[1],
        "server_tool_use":"x","output_tokens_details":{"thinking_tokens":{}},"service_tier":3}}"#;

    let reply = Messages.decode_chat(body.as_bytes());

    // 1e400 is valid JSON text; only what is counted is looked at.
    let usage = reply.unwrap().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cache_read_tokens), (None, None, None));

    let huge = format!(
        r#"{{"content":[],"usage":{{"input_tokens":{0},"cache_read_input_tokens":{0},"output_tokens":{0}}}}}"#,
        u64::MAX
    );
    let usage = Messages.decode_chat(huge.as_bytes()).unwrap().usage.unwrap();
    assert_eq!(usage.input_tokens, Some(u64::MAX));
}

#[test]
fn malformed_blocks_survive_as_they_are() {
    let reply = decode(&message(
        json!([5, null, {"no": "type"}, {"type": 3}, {"type": "text", "text": 1}, {"type": "tool_use", "id": "x"}]),
        "end_turn",
    ));

    assert_eq!(reply.message.parts.len(), 6);
    assert!(reply.message.parts.iter().all(|part| matches!(part, Part::Opaque(_))));
}

#[test]
fn fields_without_a_name_survive_and_null_ones_do_not() {
    let mut body = message(json!([]), "stop_sequence");
    body["stop_sequence"] = json!("END");
    body["container"] = json!({"id": "c1"});
    body["stop_details"] = Value::Null;

    let extra = decode(&body).extra;

    assert_eq!(extra.get("stop_sequence").unwrap().as_str(), "\"END\"");
    assert!(extra.get("container").is_some());
    assert!(extra.get("stop_details").is_none());
    assert!(extra.get("type").is_none() && extra.get("role").is_none());
}

#[test]
fn a_body_that_is_no_answer_is_an_error() {
    for (body, kind) in [
        ("<html>", ErrorKind::InvalidResponse),
        ("{}", ErrorKind::InvalidResponse),
        ("[]", ErrorKind::InvalidResponse),
        (r#"{"type":"error","error":{"type":"overloaded_error","message":"CANARY"}}"#, ErrorKind::Overloaded),
    ] {
        let error = Messages.decode_chat(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), kind, "{body}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}

// Streams.

#[test]
fn a_stream_folds_to_the_whole_answer() {
    let mut whole = message(every_block(), "tool_use");
    whole["stop_sequence"] = json!("END");
    whole["usage"]["cache_read_input_tokens"] = json!(5);
    whole["usage"]["service_tier"] = json!("standard");
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(fold(&stream_of(&whole, size)), decode(&whole), "pieces of {size}");
    }
}

#[test]
fn a_block_that_needs_no_deltas_folds_too() {
    let whole = message(every_block(), "end_turn");
    let mut events = stream_of(&whole, 1000);
    events.retain(|event| !event["type"].as_str().unwrap().starts_with("content_block"));
    let blocks = whole["content"].as_array().unwrap().iter().enumerate().flat_map(|(index, block)| {
        [
            json!({"type": "content_block_start", "index": index, "content_block": block}),
            json!({"type": "content_block_stop", "index": index}),
        ]
    });
    events.splice(2..2, blocks);

    assert_eq!(fold(&events), decode(&whole));
}

#[test]
fn empty_text_blocks_leave_no_part_and_no_glue() {
    let whole = message(
        json!([
            {"type": "text", "text": "a"},
            {"type": "text", "text": ""},
            {"type": "text", "text": "b"},
            {"type": "text", "text": "", "citations": [{"n": 1}]},
        ]),
        "end_turn",
    );

    let reply = fold(&stream_of(&whole, 3));

    assert_eq!(reply, decode(&whole));
    assert_eq!(reply.message.parts.len(), 3);
}

#[test]
fn later_counts_replace_earlier_ones_field_by_field() {
    let reply = fold(&[
        json!({"type": "message_start", "message": {"id": "m", "usage": {
            "input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1, "service_tier": "standard"}}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 5, "cache_read_input_tokens": null}}),
        json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "input_tokens": 11}}),
        json!({"type": "message_stop"}),
    ]);

    let usage = reply.usage.unwrap();
    assert_eq!(
        (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens),
        (Some(15), Some(9), Some(4))
    );
    assert_eq!(reply.service_tier.as_deref(), Some("standard"));
    assert_eq!(reply.finish_reason, Some(FinishReason::Stop));
}

#[test]
fn tool_calls_are_counted_without_gaps() {
    let (events, end) = feed(&stream_of(&message(every_block(), "tool_use"), 1000));

    end.unwrap();
    let starts: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            StreamEvent::ToolCallStart { index, .. } => Some(*index),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [0, 1]);
}

#[test]
fn input_that_was_cut_off_is_kept() {
    let reply = fold(&[
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": "{\"query\": \"ru"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}),
        json!({"type": "message_stop"}),
    ]);

    let Part::Opaque(block) = &reply.message.parts[0] else { panic!() };
    assert_eq!(block.json.parse::<Value>().unwrap()["input"], json!("{\"query\": \"ru"));
}

#[test]
fn unknown_blocks_grow_by_the_names_of_their_deltas() {
    let reply = fold(&[
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "compaction", "content": null}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", "content": "sum"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", "content": "mary"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_stop"}),
    ]);

    let Part::Opaque(block) = &reply.message.parts[0] else { panic!() };
    assert_eq!(block.json.as_str(), r#"{"content":"summary","type":"compaction"}"#);
}

#[test]
fn a_stream_without_its_end_is_truncated() {
    let mut events = stream_of(&message(every_block(), "end_turn"), 5);
    events.pop();

    let (out, end) = feed(&events);

    assert_eq!(end.unwrap_err().kind(), ErrorKind::Truncated);
    assert!(!out.iter().any(|event| matches!(event, StreamEvent::Finish(_))));
}

#[test]
fn an_error_in_the_stream_has_the_kind_it_names() {
    let (out, end) = feed(&[
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "par"}}),
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "CANARY"}}),
    ]);

    let error = end.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.provider_message(), Some("CANARY"));
    assert!(!format!("{error} {error:?}").contains("CANARY"));
    assert_eq!(out, [StreamEvent::Text("par".into())]);
}

#[test]
fn events_and_deltas_without_a_name_here_are_skipped() {
    let mut events = stream_of(&message(json!([{"type": "text", "text": "ab"}]), "end_turn"), 1);
    events.insert(
        3,
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta", "x": [1]}}),
    );
    events.insert(2, json!({"type": "new_event", "index": -1}));
    events.insert(0, json!({}));

    assert_eq!(fold(&events).message.text(), "ab");
}

#[test]
fn nothing_is_read_after_the_end() {
    let mut decoder = Messages.chat_decoder();
    let mut out = VecDeque::new();
    decoder.event("message_stop", br#"{"type":"message_stop"}"#, &mut out).unwrap();

    decoder.event("data", b"[DONE]", &mut out).unwrap();
    decoder.event("", b"garbage", &mut out).unwrap();

    assert!(decoder.is_done());
    assert_eq!(out.len(), 1);
    decoder.end(&mut out).unwrap();
}

#[test]
fn impossible_streams_are_errors() {
    let text = |index: Value| json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
    let delta = |index: Value| json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": "x"}});
    for events in [
        vec![delta(json!(0))],
        vec![text(json!(4_294_967_295_u32))],
        vec![text(json!(-1))],
        vec![text(Value::Null)],
        vec![text(json!(0)), delta(json!(1))],
        vec![text(json!(0)), delta(json!(4_294_967_295_u32))],
        vec![json!({"type": "content_block_start", "index": 0})],
        vec![json!([1])],
        vec![json!("text")],
    ] {
        assert_eq!(feed(&events).1.unwrap_err().kind(), ErrorKind::InvalidResponse, "{events:?}");
    }
}

#[test]
fn debug_of_the_decoder_shows_no_content() {
    let mut decoder = Messages.chat_decoder();
    let event = json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "thinking", "thinking": "CANARY"}});
    decoder.event("", event.to_string().as_bytes(), &mut VecDeque::new()).unwrap();

    assert!(!format!("{decoder:?}").contains("CANARY"));
}

// Requests.

#[test]
fn a_plain_question_is_written_plainly() {
    let request = ask().system("Be brief.").max_output_tokens(50).temperature(0.5).stop(["END"]);

    let (body, encoded) = encode_for(&request, target(Mode::Stream));

    assert_eq!(
        body,
        json!({
            "model": "claude-x", "max_tokens": 50, "system": "Be brief.",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            "temperature": 0.5, "stop_sequences": ["END"], "stream": true,
        })
    );
    assert_eq!(encoded.path, Path::Fixed("messages"));
    assert!(encoded.headers.is_empty() && encoded.adaptations.is_empty());
}

#[test]
fn instructions_become_blocks_when_one_has_a_field_of_its_own() {
    let mut cached = Text::new("Long rules.");
    cached.extra.insert(Wire::Messages, "cache_control", json!({"type": "ephemeral"}));
    let request = ask()
        .message(Message::new(Role::Developer, [Part::Text(cached)]))
        .message(Message::system(" "))
        .message(Message::system("More."));

    assert_eq!(
        encode(&request)["system"],
        json!([
            {"type": "text", "text": "Long rules.", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "More."},
        ])
    );
}

#[test]
fn turns_of_one_speaker_are_merged_and_results_come_first() {
    let calls = [ToolCall::new("c1", "f", r#" {"a":1.50} "#), ToolCall::new("c2", "g", "")];
    let request = ask()
        .user(" ")
        .user("again")
        .message(Message::new(Role::Assistant, calls))
        .user("by the way")
        .tool_results([ToolResult::new("c1", "one")])
        .tool_results([ToolResult::failure("c2", "broken")]);

    let encoded = Messages.encode_chat(&request, target(Mode::Whole)).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();

    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "again"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.5}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "one"}]},
                {"type": "tool_result", "tool_use_id": "c2", "content": [{"type": "text", "text": "broken"}], "is_error": true},
                {"type": "text", "text": "by the way"},
            ]},
        ])
    );
    assert!(String::from_utf8(encoded.body).unwrap().contains(r#"{"a":1.50}"#));
}

#[test]
fn pictures_and_documents_have_their_sources() {
    let mut titled = Document::new(MediaSource::bytes("text/csv", "a,b"));
    titled.name = Some("table.csv".into());
    titled.extra.insert(Wire::Messages, "citations", json!({"enabled": true}));
    let request = ChatRequest::new("a/m").user_parts([
        Part::image_url("https://example.com/a.png"),
        Part::image_url("data:image/gif;base64,R0k="),
        Part::image_bytes("image/png", "x"),
        Part::Image(Image::new(MediaSource::FileId("file_1".into()))),
        Part::document_bytes("application/pdf", "x"),
        Part::Document(Document::new(MediaSource::Url("https://example.com/a.pdf".into()))),
        Part::Document(titled),
    ]);

    let (body, encoded) = encode_for(&request, target(Mode::Whole));

    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0k="}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}},
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "eA=="}},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"},
             "title": "table.csv", "citations": {"enabled": true}},
        ])
    );
    assert_eq!(encoded.headers.len(), 1);
}

#[test]
fn a_received_answer_goes_back_as_it_came() {
    let whole = message(every_block(), "tool_use");
    let answer = fold(&stream_of(&whole, 4)).message;
    let mut foreign = Reasoning::new("elsewhere");
    foreign.state = Some(Opaque::new(Wire::GenerateContent, json!({"thoughtSignature": "x"})));

    let request =
        ask().message(answer).tool_results([ToolResult::new("t1", "mild"), ToolResult::new("t2", "12")]);
    let dropped = ask()
        .message(Message::new(
            Role::Assistant,
            [
                Part::Reasoning(foreign),
                Part::Opaque(Opaque::new(Wire::ChatCompletions, json!({"a": 1}))),
                Part::text("x"),
            ],
        ))
        .user("y");

    assert_eq!(encode(&request)["messages"][1]["content"], every_block());
    assert_eq!(encode(&dropped)["messages"][1]["content"], json!([{"type": "text", "text": "x"}]));
}

#[test]
fn tools_and_choices_are_spelled_out() {
    let mut strict = weather();
    strict.strict = Some(true);
    strict.extra.insert(Wire::Messages, "defer_loading", json!(true));
    let mut bare = Tool::function("now", "Time", json!({}));
    bare.description = None;
    let builtin = Tool::builtin(Opaque::new(
        Wire::Messages,
        json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 2}),
    ));
    let request = ask().tool(strict).tool(bare).tool(builtin);

    assert_eq!(
        encode(&request)["tools"],
        json!([
            {"name": "weather", "description": "Weather in a city", "strict": true, "defer_loading": true,
             "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ])
    );
    let one = ParallelToolCalls::Forbidden;
    for (choice, parallel, expected) in [
        (None, None, Value::Null),
        (None, Some(one), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Auto), Some(ParallelToolCalls::Allowed), json!({"type": "auto"})),
        (Some(ToolChoice::None), Some(one), json!({"type": "none"})),
        (Some(ToolChoice::Required), None, json!({"type": "any"})),
        (
            Some(ToolChoice::Function("now".into())),
            Some(one),
            json!({"type": "tool", "name": "now", "disable_parallel_tool_use": true}),
        ),
    ] {
        let mut request = request.clone();
        request.tool_choice = choice;
        request.parallel_tool_calls = parallel;
        assert_eq!(encode(&request)["tool_choice"], expected);
    }
    assert_eq!(encode(&ask().tool_choice(ToolChoice::Auto))["tool_choice"], Value::Null);
}

#[test]
fn a_schema_shapes_the_answer() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let request = ask().response_format(ResponseFormat::json_schema("number", schema.clone())).extra(
        Wire::Messages,
        "output_config",
        json!({"effort": "low"}),
    );

    assert_eq!(
        encode(&request)["output_config"],
        json!({"format": {"type": "json_schema", "schema": schema}, "effort": "low"})
    );
}

#[test]
fn the_limit_is_always_sent() {
    let limit = |known, mode, asked: Option<u64>| {
        let mut target = target(mode);
        target.hints.max_output_tokens = known;
        let mut request = ask();
        request.max_output_tokens = asked;
        encode_for(&request, target).0["max_tokens"].clone()
    };

    assert_eq!(limit(None, Mode::Whole, None), json!(4_096));
    assert_eq!(limit(Some(8_192), Mode::Whole, None), json!(8_192));
    assert_eq!(limit(Some(128_000), Mode::Whole, None), json!(21_333));
    assert_eq!(limit(Some(128_000), Mode::Stream, None), json!(128_000));
    assert_eq!(limit(Some(128_000), Mode::Whole, Some(60_000)), json!(60_000));
}

#[test]
fn older_models_think_within_a_budget() {
    use AdaptationKind::{Changed, Dropped};
    let plan = |reasoning: ReasoningOptions, limit: Option<u64>| {
        let mut request = ask().reasoning(reasoning);
        request.max_output_tokens = limit;
        let (body, encoded) = encode_for(&request, target(Mode::Whole));
        assert_eq!(body["output_config"], Value::Null);
        let changes: Vec<_> = encoded.adaptations.iter().map(|a| (a.field.to_string(), a.kind)).collect();
        (body["max_tokens"].as_u64().unwrap(), body["thinking"].clone(), changes)
    };
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let changed = vec![("reasoning.budget_tokens".to_owned(), Changed)];

    assert_eq!(plan(ReasoningOptions::budget(1_024), Some(1_025)), (1_025, enabled(1_024), vec![]));
    assert_eq!(plan(ReasoningOptions::budget(10), Some(5_000)), (5_000, enabled(1_024), changed.clone()));
    assert_eq!(plan(ReasoningOptions::budget(9_000), Some(8_000)), (8_000, enabled(4_000), changed));
    assert_eq!(plan(ReasoningOptions::budget(9_000), None), (13_096, enabled(9_000), vec![]));
    assert_eq!(plan(Effort::High.into(), None), (20_480, enabled(16_384), vec![]));
    assert_eq!(plan(Effort::High.into(), Some(2_000)), (2_000, enabled(1_024), vec![]));
    assert_eq!(plan(Effort::High.into(), Some(17_000)), (17_000, enabled(12_904), vec![]));
    assert_eq!(plan(Effort::Max.into(), None), (21_333, enabled(17_237), vec![]));
    assert_eq!(plan(Effort::None.into(), Some(100)), (100, json!({"type": "disabled"}), vec![]));
    assert_eq!(
        plan(Effort::Low.into(), Some(1_000)),
        (1_000, Value::Null, vec![("reasoning".to_owned(), Dropped)])
    );
    assert_eq!(plan(ReasoningOptions::default(), Some(9)), (9, Value::Null, vec![]));
}

#[test]
fn newer_models_think_with_an_effort() {
    for (reasoning, effort, noted) in [
        (Effort::Minimal.into(), "low", Some("reasoning.effort")),
        (Effort::High.into(), "high", None),
        (Effort::XHigh.into(), "xhigh", None),
        (ReasoningOptions::budget(2_000), "low", Some("reasoning.budget_tokens")),
        (ReasoningOptions::budget(8_000), "medium", Some("reasoning.budget_tokens")),
        (ReasoningOptions::budget(u64::MAX), "high", Some("reasoning.budget_tokens")),
    ] {
        let (body, encoded) = encode_for(&ask().reasoning(reasoning), newer(Mode::Stream));

        assert_eq!(body["thinking"], json!({"type": "adaptive", "display": "summarized"}));
        assert_eq!(body["output_config"], json!({"effort": effort}));
        assert_eq!(encoded.adaptations.first().map(|a| &*a.field), noted);
    }
}

#[test]
fn a_budget_and_a_forced_call_exclude_each_other() {
    let request = ask().tool(weather()).tool_choice(ToolChoice::Required).reasoning(Effort::Low);

    assert_eq!(refusal(&request), ErrorKind::Unsupported);
    assert_eq!(encode_for(&request, newer(Mode::Whole)).0["tool_choice"], json!({"type": "any"}));
}

#[test]
fn thinking_does_not_begin_inside_a_tool_loop() {
    let call = || ToolCall::new("c1", "f", "{}");
    let mut thought = Reasoning::new("hm");
    thought.state =
        Some(Opaque::new(Wire::Messages, json!({"type": "thinking", "thinking": "hm", "signature": "s"})));
    let looping = |parts: Vec<Part>| {
        ask()
            .reasoning(Effort::Low)
            .message(Message::new(Role::Assistant, parts))
            .tool_results([ToolResult::new("c1", "1")])
    };

    let (foreign, encoded) = encode_for(&looping(vec![call().into()]), target(Mode::Whole));
    let (own, _) = encode_for(&looping(vec![thought.into(), call().into()]), target(Mode::Whole));
    let (over, _) =
        encode_for(&looping(vec![call().into()]).assistant("It is 1.").user("Thanks"), target(Mode::Whole));

    assert_eq!(foreign["thinking"], Value::Null);
    assert_eq!(changes(&encoded), [("reasoning", AdaptationKind::Dropped)]);
    assert_eq!(own["thinking"]["type"], "enabled");
    assert_eq!(over["thinking"]["type"], "enabled");
}

#[test]
fn sampling_is_fitted_to_the_model() {
    use AdaptationKind::{Changed, Dropped};
    let full = || {
        let mut request = ask().temperature(1.5).top_p(0.9);
        request.top_k = Some(5);
        request
    };

    let (plain, encoded) = encode_for(&full(), target(Mode::Whole));
    assert_eq!(
        (&plain["temperature"], &plain["top_p"], &plain["top_k"]),
        (&json!(1.0), &Value::Null, &json!(5))
    );
    assert_eq!(changes(&encoded), [("temperature", Changed), ("top_p", Dropped)]);

    for (request, target) in
        [(full(), newer(Mode::Whole)), (full().reasoning(Effort::Low), target(Mode::Whole))]
    {
        let (body, encoded) = encode_for(&request, target);
        for field in ["temperature", "top_p", "top_k"] {
            assert_eq!(body[field], Value::Null);
        }
        assert_eq!(changes(&encoded), [("temperature", Dropped), ("top_p", Dropped), ("top_k", Dropped)]);
    }

    let (kept, encoded) = encode_for(&ask().temperature(1.0).reasoning(Effort::Low), target(Mode::Whole));
    assert_eq!(kept["temperature"], json!(1.0));
    assert!(encoded.adaptations.is_empty());
}

#[test]
fn options_without_a_field_are_left_out_or_refused() {
    let mut request = ask().seed(1);
    request.presence_penalty = Some(0.5);
    request.frequency_penalty = Some(0.0);
    request.metadata.insert("team".into(), "a".into());
    request.user = Some("u-1".into());
    request.service_tier = Some("auto".into());
    request.messages[0].name = Some("Ada".into());

    let (body, encoded) = encode_for(&request, target(Mode::Whole));

    let fields: Vec<&str> = encoded.adaptations.iter().map(|adaptation| &*adaptation.field).collect();
    assert_eq!(fields, ["seed", "presence_penalty", "metadata", "messages.name"]);
    assert_eq!(body["metadata"], json!({"user_id": "u-1"}));
    assert_eq!(body["service_tier"], "auto");
    assert_eq!(refusal(&request.on_unsupported(OnUnsupported::Error)), ErrorKind::Unsupported);
}

#[test]
fn extra_fields_travel_by_scope_and_win() {
    let mut message = Message::user("Hi");
    message.extra.insert(Wire::Messages, "note", json!(1));
    let request = ChatRequest::new("a/m")
        .message(message)
        .extra(Wire::Messages, "thinking", json!({"type": "adaptive", "display": "omitted"}))
        .extra(Scope::Any, "max_tokens", json!(1))
        .extra("anthropic", "max_tokens", json!(7))
        .extra("openai", "store", json!(true))
        .reasoning(Effort::Low);

    let body = encode(&request);

    assert_eq!(body["thinking"]["display"], "omitted");
    assert_eq!(body["max_tokens"], json!(7));
    assert_eq!(body["store"], Value::Null);
    assert_eq!(body["messages"][0]["note"], json!(1));
}

#[test]
fn what_cannot_be_said_is_refused_before_sending() {
    let sound = crate::types::Audio::new(MediaSource::bytes("audio/wav", "x"));
    let call = |arguments: &str| Message::new(Role::Assistant, [ToolCall::new("c", "f", arguments)]);
    let picture = Message::new(Role::System, [Part::image_url("https://example.com/a.png")]);
    let (unsupported, invalid) = (ErrorKind::Unsupported, ErrorKind::InvalidRequest);
    for (request, kind) in [
        (ask().n(2), unsupported),
        (ask().logprobs(1), unsupported),
        (ask().response_format(ResponseFormat::JsonObject), unsupported),
        (ask().user_parts([Part::Audio(sound)]), unsupported),
        (ask().message(picture), unsupported),
        (ask().message(Message::new(Role::Other("narrator".into()), ["x"])), unsupported),
        (ask().user_parts([Part::document_bytes("application/zip", "x")]), unsupported),
        (ask().tool(Tool::builtin(Opaque::new(Wire::GenerateContent, json!({})))), unsupported),
        (ChatRequest::new("a/m").system("only"), unsupported),
        (ChatRequest::new("a/m").assistant("first").user("then"), unsupported),
        (ask().message(call("{\"CANARY")), invalid),
        (ask().message(call("[1]")), invalid),
        (ask().message(call("\"{}\"")), invalid),
        (ask().user_parts([Part::ToolCall(ToolCall::new("c", "f", "{}"))]), invalid),
        (ask().user_parts([Part::image_url("data:nothing")]), invalid),
        (ask().user_parts([Part::document_bytes("text/plain", vec![0xff_u8])]), invalid),
    ] {
        let error = Messages.encode_chat(&request, target(Mode::Whole)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}

#[test]
fn arguments_that_are_broken_name_their_message() {
    let request = ask().message(Message::new(Role::Assistant, [ToolCall::new("c", "f", "{")]));

    let error = Messages.encode_chat(&request, target(Mode::Whole)).unwrap_err();

    assert!(error.message().contains("message 1"));
}

#[test]
fn results_may_hold_pictures_and_nothing_at_all() {
    let call =
        Message::new(Role::Assistant, [ToolCall::new("c1", "f", "{}"), ToolCall::new("c2", "f", "{}")]);
    let mut shown = ToolResult::new("c1", "see");
    shown.content.push(Part::image_url("https://example.com/a.png"));
    shown.extra.insert(Wire::Messages, "cache_control", json!({"type": "ephemeral"}));
    let request = ask().message(call).tool_results([shown, ToolResult::new("c2", "")]);

    assert_eq!(
        encode(&request)["messages"][2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "c1", "cache_control": {"type": "ephemeral"}, "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            ]},
            {"type": "tool_result", "tool_use_id": "c2"},
        ])
    );
}

#[test]
fn what_has_a_name_is_not_in_extra_as_well() {
    let reply = decode(&message(every_block(), "end_turn"));

    assert!(reply.extra.is_empty());
    assert!(reply.usage.unwrap().extra.is_empty());
}

#[test]
fn a_model_nobody_described_is_taken_for_a_new_one_unless_its_name_is_old() {
    let ask = ChatRequest::from(("anthropic/m", "hi")).reasoning(Effort::Low);
    for (model, expected) in [
        ("claude-fable-9", "adaptive"),
        ("claude-opus-4-7-20260416", "adaptive"),
        ("claude-3-7-sonnet-20250219", "enabled"),
        ("claude-opus-4@20250514", "enabled"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "enabled"),
    ] {
        let (body, _) = encode_for(&ask, EncodeFor::new("anthropic", model, Mode::Stream));
        assert_eq!(body["thinking"]["type"], expected, "{model}");
    }
}

#[test]
fn ids_of_other_vendors_calls_are_mapped_for_call_and_result_alike() {
    let request = ChatRequest::from(("anthropic/m", "hi"))
        .message(Message::new(
            Role::Assistant,
            [ToolCall::new("functions.f:0", "f", "{}"), ToolCall::new("toolu_1", "f", "{}")],
        ))
        .tool_results([ToolResult::new("functions.f:0", "1"), ToolResult::new("toolu_1", "2")]);

    let (body, _) = encode_for(&request, target(Mode::Whole));

    let [call, result] = [&body["messages"][1]["content"], &body["messages"][2]["content"]];
    let mapped = call[0]["id"].as_str().unwrap();
    assert!(mapped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{mapped}");
    assert_eq!(result[0]["tool_use_id"], mapped);
    assert_eq!([&call[1]["id"], &result[1]["tool_use_id"]], ["toolu_1", "toolu_1"]);
}
