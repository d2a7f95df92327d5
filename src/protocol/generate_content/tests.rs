use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::protocol::Mode;
use crate::types::{
    Accumulator, Audio, Document, Effort, FinishReason, Image, Json, MediaSource, Message, ModelHints,
    OnUnsupported, Opaque, ParallelToolCalls, Part, Reasoning, ResponseFormat, Role, Sampling, Scope,
    StreamEvent, Text, Tool, ToolCall, ToolChoice, ToolResult,
};

fn whole(body: &Value) -> Reply {
    GenerateContent.decode_chat(body.to_string().as_bytes()).unwrap()
}

fn events(pieces: &[Value]) -> (Vec<StreamEvent>, Result<()>) {
    let mut decoder = GenerateContent.chat_decoder();
    let mut out = VecDeque::new();
    let mut outcome = Ok(());
    for piece in pieces {
        outcome = outcome.and_then(|()| decoder.event("", piece.to_string().as_bytes(), &mut out));
        assert!(!decoder.is_done());
    }
    let outcome = outcome.and_then(|()| decoder.end(&mut out));
    (out.into(), outcome)
}

fn folded(pieces: &[Value]) -> Reply {
    let (events, outcome) = events(pieces);
    outcome.unwrap();
    let mut accumulator = Accumulator::new();
    for event in events {
        accumulator.push(event).unwrap();
    }
    assert!(accumulator.is_finished());
    accumulator.into_reply()
}

fn answer(parts: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
           "responseId": "r-1", "modelVersion": "gemini-2.5-flash"})
}

fn piece(parts: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}],
           "responseId": "r-1", "modelVersion": "gemini-2.5-flash"})
}

fn end() -> Value {
    json!({"candidates": [{"finishReason": "STOP", "index": 0}], "responseId": "r-1"})
}

fn signed(text: &str) -> Part {
    let mut text = Text::new(text);
    text.extra.insert(WIRE, "thoughtSignature", json!("s"));
    Part::Text(text)
}

fn encoded(model: &str, request: &ChatRequest) -> Encoded {
    GenerateContent.encode_chat(request, EncodeFor::new("google", model, Mode::Whole)).unwrap()
}

fn body(model: &str, request: &ChatRequest) -> Value {
    serde_json::from_slice(&encoded(model, request).body).unwrap()
}

fn contents(model: &str, request: &ChatRequest) -> Value {
    body(model, request)["contents"].take()
}

fn refused(request: &ChatRequest) -> Error {
    GenerateContent
        .encode_chat(request, EncodeFor::new("google", "gemini-2.5-flash", Mode::Whole))
        .unwrap_err()
}

fn ask() -> ChatRequest {
    ChatRequest::from(("google/gemini-2.5-flash", "Hi"))
}

// Answers

#[test]
fn every_kind_of_part_becomes_its_block_in_order() {
    let code = json!({"executableCode": {"language": "PYTHON", "code": "1+1"}});
    let novel = json!({"hologram": {"depth": 3}});
    let sketch = json!({"thought": true, "inlineData": {"mimeType": "image/png", "data": "AA=="}});
    let reply = whole(&answer(json!([
        {"text": "hm", "thought": true},
        {"text": "", "thought": true, "thoughtSignature": "t"},
        {"text": "Hel"}, {"text": "lo"}, {"text": ""},
        code, novel, sketch,
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "AQ=="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "Ag=="}},
        {"functionCall": {"id": "c1", "name": "f", "args": {"b": 1, "a": 2}}, "thoughtSignature": "f"},
    ])));

    let media = |media_type: &str, data: &str| MediaSource::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    };
    let mut thought = Reasoning::new("hm");
    thought.state = Some(Opaque::new(WIRE, json!({"thoughtSignature": "t"})));
    let mut call = ToolCall::new("c1", "f", json!({"a": 2, "b": 1}).to_string());
    call.extra.insert(WIRE, "thoughtSignature", json!("f"));
    assert_eq!(
        reply.message.parts,
        [
            Part::Reasoning(thought),
            Part::text("Hello"),
            Part::Opaque(Opaque::new(WIRE, code)),
            Part::Opaque(Opaque::new(WIRE, novel)),
            Part::Opaque(Opaque::new(WIRE, sketch)),
            Part::Image(Image::new(media("image/png", "AA=="))),
            Part::Audio(Audio::new(media("audio/wav", "AQ=="))),
            Part::Document(Document::new(media("application/pdf", "Ag=="))),
            Part::ToolCall(call),
        ]
    );
    assert_eq!((reply.id.as_deref(), reply.model.as_deref()), (Some("r-1"), Some("gemini-2.5-flash")));
    assert_eq!(reply.finish_reason, Some(FinishReason::ToolCalls));
}

#[test]
fn finish_words_are_translated_and_kept() {
    for (word, expected) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("SAFETY", FinishReason::ContentFilter),
        ("RECITATION", FinishReason::ContentFilter),
        ("PROHIBITED_CONTENT", FinishReason::ContentFilter),
        ("IMAGE_SAFETY", FinishReason::ContentFilter),
        ("MALFORMED_FUNCTION_CALL", FinishReason::Other("MALFORMED_FUNCTION_CALL".into())),
    ] {
        let reply = whole(&json!({"candidates": [{"content": {}, "finishReason": word}]}));

        assert_eq!(reply.finish_reason, Some(expected), "{word}");
        assert_eq!(reply.finish_reason_raw.as_deref(), Some(word));
    }
}

#[test]
fn usage_totals_are_inclusive() {
    let mut body = answer(json!([{"text": "x"}]));
    body["usageMetadata"] = json!({
        "promptTokenCount": 100, "cachedContentTokenCount": 60, "toolUsePromptTokenCount": 7,
        "candidatesTokenCount": 20, "thoughtsTokenCount": 5, "totalTokenCount": 132,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}, {"modality": "AUDIO", "tokenCount": 30},
                                {"modality": "IMAGE", "tokenCount": 20}],
        "toolUsePromptTokensDetails": [{"modality": "IMAGE", "tokenCount": 2}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 25}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 11}],
        "serviceTier": "flex", "trafficType": "ON_DEMAND",
    });

    let reply = whole(&body);

    let usage = reply.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(107), Some(25)));
    assert_eq!((usage.cache_read_tokens, usage.reasoning_tokens), (Some(60), Some(5)));
    assert_eq!((usage.audio_input_tokens, usage.audio_cache_read_tokens), (Some(30), Some(25)));
    assert_eq!((usage.image_input_tokens, usage.image_output_tokens), (Some(22), Some(11)));
    assert_eq!(usage.audio_output_tokens, None);
    assert_eq!(usage.extra.get("trafficType").unwrap().as_str(), "\"ON_DEMAND\"");
    assert_eq!(reply.service_tier.as_deref(), Some("flex"));
}

#[test]
fn counts_that_are_no_counts_are_unknown() {
    let parts = r#""candidates":[{"index":-4,"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]"#;
    for (metadata, input, output) in [
        (r#"{"promptTokenCount":3}"#, Some(3), Some(0)),
        (r#"{"promptTokenCount":-3,"candidatesTokenCount":2}"#, None, Some(2)),
        (r#"{"promptTokenCount":1e999,"candidatesTokenCount":2.5}"#, None, None),
        (r#"{"promptTokenCount":18446744073709551615,"toolUsePromptTokenCount":9}"#, Some(u64::MAX), Some(0)),
        (
            r#"{"promptTokenCount":"12","candidatesTokenCount":null,"promptTokensDetails":7}"#,
            Some(12),
            Some(0),
        ),
    ] {
        let body = format!("{{{parts},\"usageMetadata\":{metadata}}}");

        let reply = GenerateContent.decode_chat(body.as_bytes()).unwrap();

        let usage = reply.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (input, output), "{metadata}");
        assert_eq!(reply.message.text(), "x");
    }
    for nothing in ["{}", "null", "[[{}]]", "9", "-1.5", "true", "\"x\"", r#"{"trafficType":"ON_DEMAND"}"#] {
        let body = format!("{{{parts},\"usageMetadata\":{nothing}}}");
        assert_eq!(GenerateContent.decode_chat(body.as_bytes()).unwrap().usage, None, "{nothing}");
    }
}

#[test]
fn a_blocked_prompt_is_an_empty_answer_of_the_content_filter() {
    let body = json!({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r",
                      "usageMetadata": {"promptTokenCount": 4}});

    for reply in [whole(&body), folded(std::slice::from_ref(&body))] {
        assert_eq!(reply.finish_reason, Some(FinishReason::ContentFilter));
        assert_eq!(reply.finish_reason_raw.as_deref(), Some("SAFETY"));
        assert!(reply.message.parts.is_empty());
        assert_eq!(reply.usage.unwrap().input_tokens, Some(4));
        assert!(reply.extra.get("promptFeedback").is_some());
    }
}

#[test]
fn an_answer_that_says_nothing_is_an_error() {
    for (body, kind) in [
        ("{}", ErrorKind::InvalidResponse),
        (r#"{"usageMetadata":{"promptTokenCount":1},"promptFeedback":{}}"#, ErrorKind::InvalidResponse),
        ("<html>", ErrorKind::InvalidResponse),
        ("[]", ErrorKind::InvalidResponse),
        ("", ErrorKind::InvalidResponse),
        (
            r#"{"candidates":[{"index":4294967295,"content":{"parts":[{"text":"x"}]}}]}"#,
            ErrorKind::InvalidResponse,
        ),
        (r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"CANARY"}}"#, ErrorKind::Overloaded),
    ] {
        let error = GenerateContent.decode_chat(body.as_bytes()).unwrap_err();

        assert_eq!(error.kind(), kind, "{body}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}

#[test]
fn further_candidates_are_alternatives() {
    let body = json!({"candidates": [
        {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "avgLogprobs": -0.5},
        {"content": {"parts": [{"text": "b"}, {"functionCall": {"name": "f"}}]}, "finishReason": "STOP", "index": 1},
    ]});

    let reply = whole(&body);

    assert_eq!(reply.message.text(), "a");
    assert_eq!(reply.finish_reason, Some(FinishReason::Stop));
    assert_eq!(reply.alternatives.len(), 1);
    assert_eq!(reply.alternatives[0].message.text(), "b");
    assert_eq!(reply.alternatives[0].finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(reply.alternatives[0].message.tool_calls().next().unwrap().arguments, "{}");
    assert_eq!(reply.extra.get("avgLogprobs").unwrap().as_str(), "-0.5");
}

#[test]
fn what_has_no_name_is_kept_beside_the_answer() {
    let mut body = answer(json!([{"text": "x", "partMetadata": {"k": 1}}]));
    body["createTime"] = json!("2026-11-23T00:00:00Z");
    body["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["q"]});
    body["candidates"][0]["logprobsResult"] = json!({"chosenCandidates": [{"token": "x"}]});

    let reply = whole(&body);

    assert_eq!(reply.extra.get("groundingMetadata").unwrap().as_str(), r#"{"webSearchQueries":["q"]}"#);
    assert!(reply.extra.get("createTime").is_some());
    assert_eq!(reply.logprobs.unwrap().json.as_str(), r#"{"chosenCandidates":[{"token":"x"}]}"#);
    let Part::Text(text) = &reply.message.parts[0] else { panic!("not text") };
    assert!(text.extra.get("partMetadata").is_some());
}

#[test]
fn calls_without_ids_get_one_that_is_unique_in_the_conversation() {
    let parts = json!([{"functionCall": {"name": "f", "args": {}}}, {"functionCall": {"name": "f", "args": {}, "id": ""}}]);
    let mut second = answer(parts.clone());
    second["responseId"] = json!("r-2");

    let ids: Vec<String> = [answer(parts), second]
        .iter()
        .flat_map(|body| whole(body).message.tool_calls().map(|call| call.id.clone()).collect::<Vec<_>>())
        .collect();

    assert_eq!(ids, ["noid-0-r-1", "noid-1-r-1", "noid-0-r-2", "noid-1-r-2"]);
}

// Streams

#[test]
fn a_stream_folds_into_the_whole_answer() {
    let cases: [(Vec<Value>, Value); 6] = [
        (
            vec![piece(json!([{"text": "Hel"}])), piece(json!([{"text": "lo"}])), end()],
            answer(json!([{"text": "Hello"}])),
        ),
        (
            vec![
                piece(json!([{"text": "a", "thought": true}])),
                piece(json!([{"text": "b", "thought": true}])),
                piece(json!([{"text": "x"}])),
                piece(json!([{"text": "y"}])),
                piece(json!([{"text": "", "thoughtSignature": "s"}])),
                end(),
            ],
            answer(json!([{"text": "ab", "thought": true}, {"text": "xy", "thoughtSignature": "s"}])),
        ),
        (
            vec![
                piece(json!([{"text": "x"}])),
                piece(json!([{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"}])),
                piece(json!([{"functionCall": {"name": "g", "args": {}}}])),
                end(),
            ],
            answer(json!([
                {"text": "x"},
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"},
                {"functionCall": {"name": "g", "args": {}}},
            ])),
        ),
        (
            vec![
                piece(json!([{"text": "x", "thoughtSignature": "s"}])),
                piece(json!([{"text": "y"}])),
                piece(json!([{"text": "", "thoughtSignature": "s"}])),
                end(),
            ],
            answer(json!([{"text": "x", "thoughtSignature": "s"}, {"text": "y", "thoughtSignature": "s"}])),
        ),
        (
            vec![
                piece(json!([{"functionCall": {"id": "c", "name": "f", "args": {}}}])),
                piece(json!([{"text": "", "thoughtSignature": "s"}])),
                end(),
            ],
            answer(
                json!([{"functionCall": {"id": "c", "name": "f", "args": {}}}, {"text": "", "thoughtSignature": "s"}]),
            ),
        ),
        (
            vec![
                piece(json!([{"executableCode": {"code": "1"}}, {"text": ""}])),
                piece(
                    json!([{"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "s"}]),
                ),
                piece(json!([])),
                end(),
            ],
            answer(json!([
                {"executableCode": {"code": "1"}},
                {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "s"},
            ])),
        ),
    ];
    for (pieces, expected) in cases {
        assert_eq!(folded(&pieces).message.parts, whole(&expected).message.parts, "{expected}");
        assert_eq!(folded(&pieces), whole(&expected), "{expected}");
    }
}

#[test]
fn a_signature_after_the_text_belongs_to_the_text() {
    let reply = folded(&[
        piece(json!([{"text": "x"}])),
        piece(json!([{"text": "", "thoughtSignature": "s"}])),
        end(),
    ]);

    assert_eq!(reply.message.parts, [signed("x")]);
}

#[test]
fn usage_may_follow_the_finish_and_the_last_counts_stand() {
    let with_usage = |mut piece: Value, usage: Value| {
        piece["usageMetadata"] = usage;
        piece
    };
    let pieces = [
        with_usage(piece(json!([{"text": "x"}])), json!({"promptTokenCount": 9, "totalTokenCount": 9})),
        with_usage(end(), json!({"promptTokenCount": 9, "candidatesTokenCount": 4})),
        json!({"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5}, "candidates": []}),
        json!({"usageMetadata": {"trafficType": "ON_DEMAND"}}),
    ];

    let (events, outcome) = events(&pieces);

    assert!(outcome.is_ok());
    assert!(
        matches!(events.last(), Some(StreamEvent::Finish(finish)) if finish.reason == Some(FinishReason::Stop))
    );
    assert_eq!(events.iter().filter(|event| matches!(event, StreamEvent::Start { .. })).count(), 1);
    assert_eq!(folded(&pieces).usage.unwrap().output_tokens, Some(5));
}

#[test]
fn grounding_of_an_earlier_piece_survives_an_empty_one() {
    let mut first = piece(json!([{"text": "x"}]));
    first["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["q"]});
    let mut last = end();
    last["candidates"][0]["groundingMetadata"] = json!({});

    let reply = folded(&[first, last]);

    assert_eq!(reply.extra.get("groundingMetadata").unwrap().as_str(), r#"{"webSearchQueries":["q"]}"#);
}

#[test]
fn alternatives_are_streamed_beside_the_main_answer() {
    let two = |a: &str, b: &str| {
        json!({"candidates": [{"content": {"parts": [{"text": a}]}, "index": 0},
                              {"content": {"parts": [{"text": b}]}, "index": 1}]})
    };
    let stop = json!({"candidates": [{"index": 0, "finishReason": "STOP"}, {"index": 1, "finishReason": "MAX_TOKENS"}]});

    let reply = folded(&[two("a", "x"), two("b", "y"), stop]);

    assert_eq!(reply.message.text(), "ab");
    assert_eq!(reply.alternatives[0].message.text(), "xy");
    assert_eq!(reply.alternatives[0].finish_reason, Some(FinishReason::Length));
}

#[test]
fn a_stream_without_a_finish_reason_is_truncated() {
    let with_usage = json!({"candidates": [{"content": {"parts": [{"text": "x"}]}}],
                            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1}});

    let half = json!({"candidates": [{"index": 0, "content": {"parts": [{"text": "x"}]}}, {"index": 1, "finishReason": "STOP"}],
                      "usageMetadata": {"promptTokenCount": 9}});

    for pieces in [vec![], vec![with_usage], vec![half]] {
        let (events, outcome) = events(&pieces);

        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Truncated);
        assert!(!events.iter().any(|event| matches!(event, StreamEvent::Finish(_))));
        assert_eq!(events.iter().any(|event| matches!(event, StreamEvent::Usage(_))), !pieces.is_empty());
    }
}

#[test]
fn an_error_in_the_middle_of_a_stream_is_that_error() {
    let error = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down"}});

    let (events, outcome) = events(&[piece(json!([{"text": "x"}])), error]);

    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::RateLimited);
    assert!(events.contains(&StreamEvent::Text("x".into())));
}

#[test]
fn nothing_of_the_answer_shows_in_debug() {
    let mut decoder = GenerateContent.chat_decoder();
    decoder
        .event("", piece(json!([{"text": "CANARY"}])).to_string().as_bytes(), &mut VecDeque::new())
        .unwrap();

    assert!(!format!("{decoder:?}").contains("CANARY"));
}

// Requests

#[test]
fn the_model_is_in_the_path() {
    for (model, prefix, bare) in [
        ("gemini-2.5-flash", "models", "gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models", "gemini-2.5-flash"),
        ("tunedModels/mine", "tunedModels", "mine"),
    ] {
        for (mode, suffix, query) in [
            (Mode::Whole, ":generateContent", None),
            (Mode::Stream, ":streamGenerateContent", Some("alt=sse")),
        ] {
            let path =
                GenerateContent.encode_chat(&ask(), EncodeFor::new("google", model, mode)).unwrap().path;
            assert_eq!(path, Path::Model { prefix, model: bare.to_owned(), suffix, query });
        }
    }
}

#[test]
fn instructions_leave_the_turns_and_equal_roles_become_one_turn() {
    let request = ChatRequest::new("google/m")
        .system("Be brief.")
        .user("a")
        .message(Message::new(Role::Developer, ["In Latin."]))
        .user("b")
        .assistant("c")
        .assistant("");

    assert_eq!(
        body("gemini-2.5-flash", &request),
        json!({"systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "In Latin."}]},
               "contents": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
                            {"role": "model", "parts": [{"text": "c"}]}]})
    );
    assert_eq!(refused(&ChatRequest::new("google/m").system("x")).kind(), ErrorKind::InvalidRequest);
}

#[test]
fn media_are_inline_or_fetched() {
    let file = |uri: &str| Part::Document(Document::new(MediaSource::FileId(uri.into())));
    let mut clip = Document::new(MediaSource::Url("https://www.youtube.com/watch?v=abc".into()));
    clip.extra.insert(WIRE, "videoMetadata", json!({"fps": 2}));
    let request = ChatRequest::new("google/m").user_parts([
        Part::image_bytes("image/png", vec![0_u8]),
        Part::image_url("https://example.com/cat.JPG?x=1"),
        Part::image_url("data:image/webp;base64,AA=="),
        Part::Document(clip),
        file("files/abc"),
        file("https://generativelanguage.googleapis.com/v1beta/files/abc"),
        Part::Audio(Audio::new(MediaSource::Url("gs://bucket/a.mp3".into()))),
    ]);

    let uri = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    assert_eq!(
        contents("gemini-2.5-flash", &request)[0]["parts"],
        json!([
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/cat.JPG?x=1"}},
            {"inlineData": {"mimeType": "image/webp", "data": "AA=="}},
            {"fileData": {"fileUri": "https://www.youtube.com/watch?v=abc"}, "videoMetadata": {"fps": 2}},
            {"fileData": {"fileUri": uri}},
            {"fileData": {"fileUri": uri}},
            {"fileData": {"mimeType": "audio/mpeg", "fileUri": "gs://bucket/a.mp3"}},
        ])
    );
    let local = ChatRequest::new("google/m").user_parts([Part::image_url("file:///etc/passwd")]);
    assert_eq!(refused(&local).kind(), ErrorKind::Unsupported);
    let broken = ChatRequest::new("google/m").user_parts([Part::image_url("data:,x")]);
    assert_eq!(refused(&broken).kind(), ErrorKind::InvalidRequest);
}

#[test]
fn results_stand_in_one_turn_in_the_order_of_their_calls() {
    let request = ask()
        .message(Message::new(
            Role::Assistant,
            [
                ToolCall::new("a", "clock", ""),
                ToolCall::new("noid-1-r", "clock", r#"{"zone": "CET"}"#),
                ToolCall::new("c", "dice", "{}"),
            ],
        ))
        .tool_results([
            ToolResult::failure("c", "lost the dice"),
            ToolResult::new("noid-1-r", r#" {"hour": 12} "#),
        ])
        .tool_results([ToolResult::new("a", "[11]")])
        .user("So?");

    assert_eq!(
        contents("gemini-2.5-flash", &request),
        json!([
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "a", "name": "clock", "args": {}}},
                {"functionCall": {"name": "clock", "args": {"zone": "CET"}}},
                {"functionCall": {"id": "c", "name": "dice", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "a", "name": "clock", "response": {"result": "[11]"}}},
                {"functionResponse": {"name": "clock", "response": {"hour": 12}}},
                {"functionResponse": {"id": "c", "name": "dice", "response": {"error": "lost the dice"}}},
                {"text": "So?"},
            ]},
        ])
    );
}

#[test]
fn pictures_in_results_go_where_the_generation_wants_them() {
    let mut result = ToolResult::new("a", "see");
    result.content.push(Part::image_bytes("image/png", vec![0_u8]));
    let request = ask()
        .message(Message::new(Role::Assistant, [ToolCall::new("a", "draw", "{}")]))
        .tool_results([result]);

    let blob = json!({"inlineData": {"mimeType": "image/png", "data": "AA=="}});
    let response = json!({"result": "see"});
    assert_eq!(
        contents("gemini-3-flash-preview", &request)[2]["parts"],
        json!([{"functionResponse": {"id": "a", "name": "draw", "response": response, "parts": [blob]}}])
    );
    assert_eq!(
        contents("gemini-2.5-flash", &request)[2]["parts"],
        json!([{"functionResponse": {"id": "a", "name": "draw", "response": response}}, blob])
    );
}

#[test]
fn broken_arguments_in_the_history_are_refused() {
    for arguments in ["{\"a\": CANARY", "[1]", "\"x\"", "{} {}"] {
        let request = ask().message(Message::new(Role::Assistant, [ToolCall::new("a", "f", arguments)]));

        let error = refused(&request);

        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{arguments}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}

#[test]
fn an_answer_goes_back_as_it_came() {
    let parts = json!([
        {"text": "hm", "thought": true, "thoughtSignature": "t"},
        {"text": "x", "thoughtSignature": "s"},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "i"},
        {"functionCall": {"name": "f", "args": {"z": 1, "a": 2}}, "thoughtSignature": "f"},
        {"functionCall": {"id": "g1", "name": "g", "args": {}}},
    ]);

    let request = ask().message(whole(&answer(parts.clone())).message);

    for model in ["gemini-2.5-flash", "gemini-3-flash-preview"] {
        assert_eq!(contents(model, &request)[1], json!({"role": "model", "parts": parts}));
    }
}

#[test]
fn what_other_wires_left_behind_stays_behind() {
    let mut thought = Reasoning::new("secret");
    thought.state = Some(Opaque::new(Wire::Messages, json!({"signature": "x"})));
    let mut text = Text::new("seen");
    text.extra.insert(Wire::Messages, "citations", json!([]));
    let history = [
        Part::Reasoning(thought),
        Part::Reasoning(Reasoning::new("unsigned")),
        Part::Opaque(Opaque::new(Wire::Messages, json!({"type": "server_tool_use"}))),
        Part::Text(text),
    ];
    let request = ask().message(Message::new(Role::Assistant, history)).user("And?");

    assert_eq!(
        contents("gemini-2.5-flash", &request)[1],
        json!({"role": "model", "parts": [{"text": "seen"}]})
    );

    let only = ask().message(Message::new(Role::Assistant, [Reasoning::new("unsigned")])).user("And?");
    assert_eq!(
        contents("gemini-2.5-flash", &only),
        json!([{"role": "user", "parts": [{"text": "Hi"}, {"text": "And?"}]}])
    );
}

#[test]
fn calls_of_other_models_are_excused_from_the_signature_check() {
    let call = |id: &str| ToolCall::new(id, "f", "{}");
    let request = ask().message(Message::new(Role::Assistant, [call("a"), call("b")]));

    let signature =
        |model: &str, place: usize| contents(model, &request)[1]["parts"][place]["thoughtSignature"].take();
    assert_eq!(signature("gemini-3-flash-preview", 0), "skip_thought_signature_validator");
    assert_eq!(signature("gemini-3-flash-preview", 1), Value::Null);
    assert_eq!(signature("gemini-2.5-flash", 0), Value::Null);
}

#[test]
fn tools_are_declared_with_plain_json_schema() {
    let mut clock =
        Tool::function("clock", "The time", json!({"type": "object", "additionalProperties": false}));
    clock.strict = Some(true);
    clock.extra.insert(WIRE, "behavior", json!("BLOCKING"));
    clock.extra.insert(Wire::Messages, "cache_control", json!({}));
    let mut bare = Tool::function("bare", "", json!({}));
    (bare.description, bare.parameters) = (None, None);
    let request =
        ask().tool(clock).tool(Tool::builtin(Opaque::new(WIRE, json!({"googleSearch": {}})))).tool(bare);

    let encoded = encoded("gemini-2.5-flash", &request);

    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body["tools"],
        json!([
            {"googleSearch": {}},
            {"functionDeclarations": [
                {"name": "clock", "description": "The time", "behavior": "BLOCKING",
                 "parametersJsonSchema": {"type": "object", "additionalProperties": false}},
                {"name": "bare"},
            ]},
        ])
    );
    let fields: Vec<_> = encoded.adaptations.iter().map(|note| &*note.field).collect();
    assert_eq!(fields, ["tools.strict"]);
    let foreign = ask().tool(Tool::builtin(Opaque::new(Wire::Messages, json!({"type": "bash"}))));
    assert_eq!(refused(&foreign).kind(), ErrorKind::Unsupported);
}

#[test]
fn tool_choice_is_a_mode() {
    for (choice, expected) in [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (ToolChoice::Function("f".into()), json!({"mode": "ANY", "allowedFunctionNames": ["f"]})),
    ] {
        let request = ask().tool(Tool::function("f", "d", json!({}))).tool_choice(choice);
        assert_eq!(
            body("gemini-2.5-flash", &request)["toolConfig"],
            json!({"functionCallingConfig": expected})
        );
    }
}

#[test]
fn options_have_their_places() {
    let mut request = ask()
        .temperature(0.5)
        .top_p(0.9)
        .seed(7)
        .stop(["END"])
        .max_output_tokens(64)
        .n(2)
        .logprobs(3)
        .reasoning(Effort::Low)
        .response_format(ResponseFormat::json_schema("city", json!({"type": "object"})));
    request.top_k = Some(40);
    request.presence_penalty = Some(0.25);
    request.frequency_penalty = Some(-0.25);
    request.service_tier = Some("flex".into());

    let body = body("gemini-2.5-flash", &request);

    assert_eq!(
        body["generationConfig"],
        json!({
            "temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 2, "maxOutputTokens": 64,
            "stopSequences": ["END"], "presencePenalty": 0.25, "frequencyPenalty": -0.25, "seed": 7,
            "responseLogprobs": true, "logprobs": 3, "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"},
            "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 1024},
        })
    );
    assert_eq!(body["service_tier"], "flex");
    assert!(encoded("gemini-2.5-flash", &request).adaptations.is_empty());
}

#[test]
fn options_the_format_lacks_are_named_or_refused() {
    let one_call = || {
        let tool = Tool::function("f", "d", json!({}));
        ask().tool(tool).parallel_tool_calls(ParallelToolCalls::Forbidden)
    };
    let mut request = one_call().seed(1 << 40).temperature(0.1);
    request.user = Some("u".into());
    request.metadata.insert("team".into(), "a".into());
    let mut target = EncodeFor::new("google", "gemini-2.5-flash", Mode::Whole);
    target.hints = ModelHints { sampling: Sampling::Refused, ..ModelHints::default() };

    let encoded = GenerateContent.encode_chat(&request, target).unwrap();

    let mut fields: Vec<_> = encoded.adaptations.iter().map(|note| &*note.field).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["metadata", "parallel_tool_calls", "seed", "temperature", "user"]);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["contents", "tools"]);
    let strict = one_call().on_unsupported(OnUnsupported::Error);
    assert_eq!(refused(&strict).kind(), ErrorKind::Unsupported);
}

#[test]
fn extra_fields_merge_into_what_was_generated() {
    let schema = Json::from_text(r#"{"z":1,"a":2}"#).unwrap();
    let request = ask()
        .max_output_tokens(9)
        .reasoning(Effort::Low)
        .response_format(ResponseFormat::json_schema("n", schema))
        .tool(Tool::function("f", "d", json!({})))
        .tool_choice(ToolChoice::Auto)
        .extra(Scope::Any, "cachedContent", json!("first"))
        .extra(WIRE, "cachedContent", json!("cachedContents/1"))
        .extra("vertex", "labels", json!({}))
        .extra(
            "google",
            "generationConfig",
            json!({"mediaResolution": "MEDIA_RESOLUTION_LOW", "maxOutputTokens": 10,
                   "thinkingConfig": {"includeThoughts": false}}),
        )
        .extra(WIRE, "toolConfig", json!({"includeServerSideToolInvocations": true}));

    let encoded = encoded("gemini-2.5-flash", &request);

    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["cachedContent"], "cachedContents/1");
    assert_eq!(body.get("labels"), None);
    assert_eq!(
        body["generationConfig"],
        json!({"maxOutputTokens": 10, "mediaResolution": "MEDIA_RESOLUTION_LOW", "responseMimeType": "application/json",
               "responseJsonSchema": {"z": 1, "a": 2},
               "thinkingConfig": {"includeThoughts": false, "thinkingBudget": 1024}})
    );
    assert_eq!(
        body["toolConfig"],
        json!({"functionCallingConfig": {"mode": "AUTO"}, "includeServerSideToolInvocations": true})
    );
    let text = String::from_utf8(encoded.body).unwrap();
    assert!(text.contains(r#"{"z":1,"a":2}"#), "the schema's order survives");
    assert_eq!(text.matches("\"generationConfig\"").count(), 1);
    assert_eq!(text.matches("\"cachedContent\"").count(), 1);

    let alone = body_of_extra_only();
    assert_eq!(alone["generationConfig"], json!({"responseModalities": ["IMAGE"]}));
    let broken = ask().extra(WIRE, "generationConfig", json!([1]));
    assert_eq!(refused(&broken).kind(), ErrorKind::InvalidRequest);
}

fn body_of_extra_only() -> Value {
    body(
        "gemini-2.5-flash-image",
        &ask().extra(WIRE, "generationConfig", json!({"responseModalities": ["IMAGE"]})),
    )
}

#[test]
fn nothing_is_said_about_tools_where_there_are_none() {
    let request = ask().tool_choice(ToolChoice::Auto).parallel_tool_calls(ParallelToolCalls::Forbidden);

    let written = encoded("gemini-2.5-flash", &request);

    let body: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(body.get("toolConfig"), None);
    assert!(written.adaptations.is_empty());
}

#[test]
fn searches_that_are_billed_are_counted_whole_and_in_pieces() {
    let counts = json!({"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7});
    for (grounding, expected) in [
        (json!({"webSearchQueries": ["", "a", "b", "a", " "]}), (Some(2), Some(1), None)),
        (json!({"imageSearchQueries": ["a"]}), (Some(1), Some(1), None)),
        // Sources without a query are pages that the caller named.
        (json!({"groundingChunks": [{"web": {"uri": "u"}}]}), (None, None, None)),
        (json!({"groundingChunks": [{"maps": {"uri": "u"}}]}), (None, None, Some(1))),
        (json!({"googleMapsWidgetContextToken": "t", "webSearchQueries": "a"}), (None, None, Some(1))),
        (json!([1]), (None, None, None)),
    ] {
        let mut body = answer(json!([{"text": "x"}]));
        body["candidates"][0]["groundingMetadata"] = grounding.clone();
        body["usageMetadata"] = counts.clone();
        let mut first = piece(json!([{"text": "x"}]));
        first["usageMetadata"] = counts.clone();
        let mut last = end();
        last["candidates"][0]["groundingMetadata"] = grounding.clone();

        for reply in
            [whole(&body), folded(&[first.clone(), last.clone()]), folded(&[first, last.clone(), last])]
        {
            let usage = reply.usage.unwrap();
            let own = (usage.web_searches, usage.grounded_prompts, usage.map_prompts);
            assert_eq!(own, expected, "{grounding}");
        }
    }
}
