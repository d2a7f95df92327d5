//! The format, spoken: small exchanges after the vendors' documentation.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::protocol::Mode;
use crate::types::{
    Accumulator, Adaptation, Audio, Document, Effort, FinishReason, Image, MediaSource, Message, ModelHints,
    OnUnsupported, Opaque, Part, ReasoningOptions, Refusal, ResponseFormat, Role, Sampling, Scope,
    StreamEvent, Text, Tool, ToolCall, ToolChoice, ToolResult,
};

fn written_by(dialect: Dialect, request: &ChatRequest) -> Result<(Value, Vec<Adaptation>)> {
    let target = EncodeFor::new("acme", "m-1", Mode::Whole);
    let encoded = ChatCompletions::new(dialect).encode_chat(request, target)?;
    Ok((serde_json::from_slice(&encoded.body).unwrap(), encoded.adaptations))
}

fn written(request: &ChatRequest) -> Value {
    written_by(Dialect::PLAIN, request).unwrap().0
}

fn dialect(change: impl FnOnce(&mut Dialect)) -> Dialect {
    let mut dialect = Dialect::PLAIN;
    change(&mut dialect);
    dialect
}

fn whole(body: &Value) -> Result<Reply> {
    ChatCompletions::new(Dialect::PLAIN).decode_chat(body.to_string().as_bytes())
}

fn events(chunks: &[String]) -> (VecDeque<StreamEvent>, Result<()>) {
    let mut decoder = ChatCompletions::new(Dialect::PLAIN).chat_decoder();
    let mut out = VecDeque::new();
    for chunk in chunks {
        if let Err(error) = decoder.event("", chunk.as_bytes(), &mut out) {
            return (out, Err(error));
        }
    }
    let end = decoder.end(&mut out);
    (out, end)
}

fn folded(chunks: &[String]) -> Result<Reply> {
    let (events, end) = events(chunks);
    let mut accumulator = Accumulator::new();
    events.into_iter().try_for_each(|event| accumulator.push(event))?;
    end.map(|()| accumulator.into_reply())
}

fn chunk(delta: Value) -> String {
    json!({"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta}]}).to_string()
}

fn finish(word: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": word}]}).to_string()
}

fn answer(message: Value) -> Value {
    json!({"id": "c1", "model": "m-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
}

// ---- writing

#[test]
fn plain_text_is_a_string_and_everything_else_a_list_of_parts() {
    let mut marked = Text::new("b");
    marked.extra.insert(Wire::ChatCompletions, "cache_control", json!({"type": "ephemeral"}));
    let mut image = Image::new(MediaSource::bytes("image/png", vec![1, 2, 3]));
    image.detail = Some("low".into());
    let mut file = Document::new(MediaSource::bytes("application/pdf", vec![1, 2, 3]));
    file.name = Some("a.pdf".into());
    let request = ChatRequest::new("p/m").system("s").user("a").user_parts([
        Part::from(marked),
        image.into(),
        Part::image_url("https://example.com/a.png"),
        file.into(),
        Document::new(MediaSource::FileId("file-1".into())).into(),
        Audio::new(MediaSource::bytes("audio/mpeg", vec![1, 2, 3])).into(),
        Opaque::new(Wire::ChatCompletions, json!({"type": "video_url", "video_url": {"url": "u"}})).into(),
        Opaque::new(Wire::Messages, json!({"type": "server_tool_use"})).into(),
    ]);

    assert_eq!(
        written(&request)["messages"],
        json!([
            {"role": "system", "content": "s"},
            {"role": "user", "content": "a"},
            {"role": "user", "content": [
                {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AQID", "filename": "a.pdf"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "input_audio", "input_audio": {"data": "AQID", "format": "mp3"}},
                {"type": "video_url", "video_url": {"url": "u"}},
            ]},
        ])
    );
}

#[test]
fn each_tool_result_is_a_message_of_its_own() {
    let request = ChatRequest::new("p/m")
        .user("?")
        .message(Message::new(
            Role::Assistant,
            [ToolCall::new("a", "f", r#"{"x":1}"#), ToolCall::new("b", "g", "")],
        ))
        .tool_results([ToolResult::new("a", "1"), ToolResult::failure("b", "no such city")]);

    assert_eq!(
        written(&request)["messages"].as_array().unwrap()[1..],
        [
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": r#"{"x":1}"#}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]}),
            json!({"role": "tool", "tool_call_id": "a", "content": "1"}),
            json!({"role": "tool", "tool_call_id": "b", "content": "no such city"}),
        ]
    );
}

#[test]
fn nine_letter_ids_tie_calls_and_results_together() {
    let request = ChatRequest::new("p/m")
        .user("?")
        .message(Message::new(
            Role::Assistant,
            [ToolCall::new("toolu_01A", "f", "{}"), ToolCall::new("abcDEF123", "f", "{}")],
        ))
        .tool_results([ToolResult::new("toolu_01A", "1"), ToolResult::new("abcDEF123", "2")]);
    let strict = dialect(|dialect| dialect.tool_call_ids = ToolCallIds::NineAlphanumeric);

    let body = written_by(strict, &request).unwrap().0;

    let mapped = body["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(mapped.len() == 9 && mapped.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{mapped}");
    assert_eq!(body["messages"][2]["tool_call_id"], mapped);
    assert_eq!(body["messages"][1]["tool_calls"][1]["id"], "abcDEF123");
    assert_eq!(body["messages"][3]["tool_call_id"], "abcDEF123");
}

#[test]
fn options_are_spelled_as_the_dialect_says() {
    let request = ChatRequest::from(("p/m", "hi"))
        .max_output_tokens(5)
        .temperature(0.5)
        .seed(7)
        .stop(["x"])
        .logprobs(2)
        .n(2)
        .tool(Tool::function("f", "d", json!({"type": "object"})))
        .tool_choice(ToolChoice::Required)
        .response_format(ResponseFormat::json_schema("s", json!({"type": "object"})));
    let other = dialect(|dialect| {
        dialect.token_limit = TokenLimit::MaxCompletionTokens;
        dialect.seed = SeedField::RandomSeed;
        dialect.required_tool = Some("any");
    });

    assert_eq!(
        written(&request),
        json!({
            "model": "m-1", "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": 5, "temperature": 0.5, "seed": 7, "stop": ["x"], "logprobs": true, "top_logprobs": 2, "n": 2,
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
            "tool_choice": "required",
            "response_format": {"type": "json_schema",
                                "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": true}},
        })
    );
    let body = written_by(other, &request).unwrap().0;
    assert_eq!(
        (&body["max_completion_tokens"], &body["random_seed"], &body["tool_choice"]),
        (&json!(5), &json!(7), &json!("any"))
    );
}

#[test]
fn what_changes_the_meaning_is_refused_and_names_field_and_provider() {
    let ask = || ChatRequest::from(("p/m", "hi"));
    let tool = || Tool::function("f", "d", json!({}));
    let schema = || ResponseFormat::json_schema("s", json!({}));
    let foreign = Tool::builtin(Opaque::new(Wire::Messages, json!({"type": "web_search"})));
    let lacking = |lacks| dialect(|dialect| dialect.lacks = lacks);
    for (dialect, request, field) in [
        (lacking(&[Lacking::Choices]), ask().n(2), "n above 1"),
        (lacking(&[Lacking::Logprobs]), ask().logprobs(0), "logprobs"),
        (lacking(&[Lacking::JsonSchema]), ask().response_format(schema()), "JSON schema"),
        (
            lacking(&[Lacking::ToolsWithFormat]),
            ask().tool(tool()).response_format(schema()),
            "response_format",
        ),
        (
            dialect(|dialect| dialect.required_tool = None),
            ask().tool_choice(ToolChoice::Required),
            "tool_choice",
        ),
        (Dialect::PLAIN, ask().tool(foreign), "built-in tool"),
        (
            Dialect::PLAIN,
            ask().user_parts([Document::new(MediaSource::Url("https://example.com".into()))]),
            "files by address",
        ),
        (
            Dialect::PLAIN,
            ask().user_parts([Image::new(MediaSource::FileId("f".into()))]),
            "pictures by file id",
        ),
    ] {
        let error = written_by(dialect, &request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{field}");
        assert!(error.message().contains(field) && error.message().contains("acme"), "{}", error.message());
    }
}

#[test]
fn what_does_not_change_the_meaning_is_left_out_and_reported() {
    let mut request = ChatRequest::from(("p/m", "hi")).seed(1);
    request.top_k = Some(3);
    request.user = Some("u".into());
    request.messages[0].name = Some("Ada".into());
    let poor = dialect(|dialect| {
        dialect.lacks =
            &[Lacking::Seed, Lacking::TopK, Lacking::User, Lacking::MessageName, Lacking::Choices];
    });

    let (body, adaptations) = written_by(poor, &request.clone().n(1)).unwrap();

    assert_eq!(body, json!({"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}));
    let fields: Vec<&str> = adaptations.iter().map(|adaptation| &*adaptation.field).collect();
    assert_eq!(fields, ["top_k", "seed", "user", "messages[].name"]);
    let strict = request.on_unsupported(OnUnsupported::Error);
    assert_eq!(written_by(poor, &strict).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_model_that_refuses_sampling_gets_none() {
    let request = ChatRequest::from(("p/m", "hi")).temperature(0.1).top_p(0.2);
    let mut target = EncodeFor::new("acme", "m-1", Mode::Whole);
    target.hints = ModelHints { sampling: Sampling::Refused, ..ModelHints::default() };

    let encoded = ChatCompletions::new(Dialect::PLAIN).encode_chat(&request, target).unwrap();

    assert_eq!(encoded.adaptations.len(), 2);
    assert!(!String::from_utf8(encoded.body).unwrap().contains("0.1"));
}

#[test]
fn reasoning_is_asked_for_in_the_words_of_the_dialect() {
    use Reasoning as R;
    let budget = ReasoningOptions::budget;
    let words: &[Effort] = &[Effort::None, Effort::High];
    for (style, asked, expected) in [
        (R::Effort, Effort::XHigh.into(), json!({"reasoning_effort": "xhigh"})),
        (R::Effort, budget(1_024), json!({"reasoning_effort": "minimal"})),
        (R::Effort, budget(5_000), json!({"reasoning_effort": "medium"})),
        (R::Effort, budget(100_000), json!({"reasoning_effort": "xhigh"})),
        (R::Words(words), Effort::Low.into(), json!({"reasoning_effort": "high"})),
        (R::Words(words), Effort::None.into(), json!({"reasoning_effort": "none"})),
        (R::Object, Effort::High.into(), json!({"reasoning": {"effort": "high"}})),
        (R::Object, budget(9), json!({"reasoning": {"max_tokens": 9}})),
        (R::Switch, Effort::None.into(), json!({"enable_thinking": false})),
        (R::Switch, budget(9), json!({"enable_thinking": true, "thinking_budget": 9})),
        (R::Switch, Effort::Low.into(), json!({"enable_thinking": true, "thinking_budget": 4_096})),
        (R::ThinkingType, Effort::None.into(), json!({"thinking": {"type": "disabled"}})),
        (R::ThinkingType, Effort::Max.into(), json!({"reasoning_effort": "max"})),
        (R::Enabled, Effort::None.into(), json!({"reasoning": {"enabled": false}})),
        (R::EffortOrBudget, budget(9), json!({"thinking": {"type": "enabled", "budget_tokens": 9}})),
        (
            R::Template,
            Effort::Low.into(),
            json!({"chat_template_kwargs": {"enable_thinking": true, "reasoning_effort": "low"}}),
        ),
    ] {
        let request = ChatRequest::from(("p/m", "hi")).reasoning(asked);
        let mut body = written_by(dialect(|dialect| dialect.reasoning = style), &request).unwrap().0;
        let fields = body.as_object_mut().unwrap();
        fields.retain(|name, _| !matches!(&**name, "model" | "messages"));
        assert_eq!(body, expected, "{style:?} {asked:?}");
    }
}

#[test]
fn extra_fields_win_but_cannot_redirect_the_request() {
    let request = ChatRequest::from(("p/m", "hi"))
        .temperature(0.5)
        .extra("acme", "temperature", json!(0.7))
        .extra(Scope::Any, "model", json!("other"))
        .extra(Wire::ChatCompletions, "logit_bias", json!({"1": 2}))
        .extra("groq", "reasoning_format", json!("parsed"));

    assert_eq!(
        written(&request),
        json!({"model": "m-1", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.7,
               "logit_bias": {"1": 2}})
    );
    let text = written_by(Dialect::PLAIN, &request).unwrap().0.to_string();
    assert_eq!(text.matches("temperature").count(), 1);
}

#[test]
fn a_stream_asks_for_its_usage_where_that_is_needed() {
    let ask = |request: &ChatRequest, usage| {
        let dialect = dialect(|dialect| dialect.stream_usage = usage);
        let target = EncodeFor::new("acme", "m", Mode::Stream);
        let body = ChatCompletions::new(dialect).encode_chat(request, target).unwrap().body;
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let plain = ChatRequest::from(("p/m", "hi"));
    let with = plain.clone().extra("acme", "stream_options", json!({"include_obfuscation": false}));

    assert_eq!(ask(&plain, StreamUsage::OptIn)["stream_options"], json!({"include_usage": true}));
    assert_eq!(ask(&plain, StreamUsage::Always)["stream_options"], Value::Null);
    assert_eq!(
        ask(&with, StreamUsage::OptIn)["stream_options"],
        json!({"include_obfuscation": false, "include_usage": true})
    );
    assert_eq!(written(&with)["stream_options"], Value::Null);
}

#[test]
fn reasoning_goes_back_only_where_it_came_from() {
    let with_state = |wire, state: Value| {
        let mut reasoning = crate::types::Reasoning::new("why");
        reasoning.state = Some(Opaque::new(wire, state));
        Message::new(Role::Assistant, [Part::from(reasoning), Part::text("x")])
    };
    let details = json!({"reasoning_details": [{"type": "reasoning.text", "text": "why", "signature": "s"}]});
    let plain =
        Message::new(Role::Assistant, [Part::from(crate::types::Reasoning::new("why")), Part::text("x")]);
    let content: Echo = Echo::Fields(&["reasoning_content"]);
    let openrouter: Echo = Echo::Fields(&["reasoning", "reasoning_details"]);
    for (echo, message, expected) in [
        (Echo::Never, plain.clone(), json!({"content": "x"})),
        (content, plain.clone(), json!({"content": "x", "reasoning_content": "why"})),
        (
            Echo::Blocks,
            plain,
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]},
                               {"type": "text", "text": "x"}]}),
        ),
        (
            openrouter,
            with_state(Wire::ChatCompletions, details.clone()),
            json!({"content": "x", "reasoning_details": details["reasoning_details"]}),
        ),
        (
            content,
            with_state(Wire::ChatCompletions, details),
            json!({"content": "x", "reasoning_content": "why"}),
        ),
        (content, with_state(Wire::Messages, json!({"signature": "s"})), json!({"content": "x"})),
    ] {
        let request = ChatRequest::new("p/m").user("?").message(message);
        let mut body = written_by(dialect(|dialect| dialect.echo = echo), &request).unwrap().0;
        let mut message = body["messages"][1].take();
        message.as_object_mut().unwrap().remove("role");
        assert_eq!(message, expected, "{echo:?}");
    }
}

// ---- reading whole answers

#[test]
fn every_kind_of_content_is_read() {
    let reply = whole(&answer(json!({
        "role": "assistant", "reasoning_content": "why", "content": "x", "refusal": "no",
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}}],
        "audio": {"id": "audio_1", "data": "AQID", "transcript": "x", "expires_at": 1},
        "annotations": [{"type": "url_citation"}],
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                       {"type": "function", "function": {"name": "g", "arguments": {"x": 1}}}],
    })))
    .unwrap();

    let parts = &reply.message.parts;
    assert_eq!(parts[0], Part::Reasoning(crate::types::Reasoning::new("why")));
    assert_eq!(parts[1], Part::text("x"));
    assert_eq!(parts[2], Part::Refusal(Refusal::new("no")));
    assert_eq!(parts[3], Part::image_bytes("image/png", vec![1, 2, 3]));
    let Part::Audio(audio) = &parts[4] else { panic!("no sound") };
    assert_eq!(
        (audio.transcript.as_deref(), audio.extra.get("id").unwrap().as_str()),
        (Some("x"), "\"audio_1\"")
    );
    assert_eq!(
        parts[5..],
        [ToolCall::new("a", "f", "{}").into(), ToolCall::new("call_1", "g", r#"{"x":1}"#).into()]
    );
    assert_eq!(reply.message.extra.get("annotations").unwrap().as_str(), r#"[{"type":"url_citation"}]"#);
    assert_eq!(reply.finish_reason, Some(FinishReason::Stop));
}

#[test]
fn content_may_be_a_list_of_blocks() {
    let reply = whole(&answer(json!({"content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "wh"}, {"type": "text", "text": "y"}]},
        {"type": "text", "text": "x"}, {"type": "text", "text": "y"}, {"type": "reference", "ids": [1]}, 7,
    ]})))
    .unwrap();

    assert_eq!(
        reply.message.parts,
        [
            Part::Reasoning(crate::types::Reasoning::new("why")),
            Part::text("xy"),
            Opaque::new(Wire::ChatCompletions, json!({"type": "reference", "ids": [1]})).into(),
        ]
    );
}

#[test]
fn finish_reasons_keep_the_providers_word() {
    for (word, expected) in [
        ("stop", Some(FinishReason::Stop)),
        ("model_length", Some(FinishReason::Length)),
        ("function_call", Some(FinishReason::ToolCalls)),
        ("content_filter", Some(FinishReason::ContentFilter)),
        ("", None),
        ("moon", Some(FinishReason::Other("moon".into()))),
    ] {
        let mut body = answer(json!({"content": "x"}));
        body["choices"][0]["finish_reason"] = json!(word);
        let reply = whole(&body).unwrap();
        assert_eq!((reply.finish_reason, reply.finish_reason_raw.as_deref()), (expected, Some(word)));
    }
}

#[test]
fn further_choices_are_alternatives_and_unknown_fields_are_kept() {
    let reply = whole(&json!({
        "object": "chat.completion", "created": 1, "system_fingerprint": "fp", "citations": ["u"], "service_tier": "flex",
        "choices": [{"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
                    {"index": 0, "message": {"content": "a"}, "finish_reason": "stop", "native_finish_reason": "end"}],
    }))
    .unwrap();

    assert_eq!((reply.message.text(), reply.alternatives[0].message.text()), ("a".into(), "b".into()));
    assert_eq!(reply.alternatives[0].finish_reason, Some(FinishReason::Length));
    let mut names: Vec<&str> = reply.extra.iter().map(|(_, name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["citations", "native_finish_reason", "system_fingerprint"]);
    assert_eq!(reply.service_tier.as_deref(), Some("flex"));
}

#[test]
fn blank_lines_may_come_first() {
    let body = format!("\n  \n\r\n{}", answer(json!({"content": "x"})));

    let reply = ChatCompletions::new(Dialect::PLAIN).decode_chat(body.as_bytes()).unwrap();

    assert_eq!(reply.message.text(), "x");
}

#[test]
fn an_error_in_a_successful_answer_is_an_error() {
    for (body, kind) in [
        (json!({"error": {"code": 429, "message": "slow down"}}), ErrorKind::RateLimited),
        (json!({"message": "Overloaded", "type": "overloaded_error"}), ErrorKind::Overloaded),
        (json!({"choices": []}), ErrorKind::InvalidResponse),
        (json!({}), ErrorKind::InvalidResponse),
        (json!([]), ErrorKind::InvalidResponse),
    ] {
        assert_eq!(whole(&body).unwrap_err().kind(), kind, "{body}");
    }
}

#[test]
fn values_of_the_wrong_type_do_not_break_an_answer() {
    let reply = whole(&json!({
        "id": 7, "model": null, "usage": {"prompt_tokens": -1, "completion_tokens": [], "total_tokens": "x"},
        "service_tier": {}, "choices": [
            {"index": -1, "finish_reason": 3, "logprobs": 0, "message": {
                "content": "x", "refusal": [], "tool_calls": "none", "reasoning": {}, "reasoning_details": "?",
                "audio": [], "images": [1, {}], "function_call": []}},
            {"index": 1, "message": null}, 5,
        ],
    }))
    .unwrap();

    assert_eq!(reply.message.text(), "x");
    assert_eq!((reply.id, reply.finish_reason), (None, None));
    assert_eq!(reply.usage.unwrap().input_tokens, None);
}

// ---- reading streams

#[test]
fn a_stream_split_anywhere_folds_into_the_whole_answer() {
    let details = json!([{"type": "reasoning.text", "text": "hm, ok", "index": 0, "signature": "sig"}]);
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8});
    let message = json!({
        "reasoning": "hm, ok", "reasoning_details": details, "content": "Grüße 🌍",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": r#"{"x":"é"}"#}},
                       {"type": "function", "function": {"name": "g", "arguments": ""}}],
    });
    let mut body = answer(message);
    body["choices"][0]["finish_reason"] = json!("tool_calls");
    body["usage"] = usage.clone();
    let mut expected = whole(&body).unwrap();
    // The state's fields come in the order of the fragments.
    let state =
        r#"{"reasoning_details":[{"index":0,"text":"hm, ok","type":"reasoning.text","signature":"sig"}]}"#;
    if let Some(Part::Reasoning(reasoning)) = expected.message.parts.first_mut() {
        reasoning.state =
            Some(Opaque::new(Wire::ChatCompletions, crate::types::Json::from_text(state).unwrap()));
    }

    for size in 1..=20 {
        for usage_first in [false, true] {
            let pieces = |text: &str| -> Vec<String> {
                let characters: Vec<char> = text.chars().collect();
                characters.chunks(size).map(|piece| piece.iter().collect()).collect()
            };
            let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}))];
            for piece in pieces("hm, ok") {
                let detail = json!([{"type": "reasoning.text", "text": piece, "index": 0}]);
                chunks.push(chunk(json!({"reasoning": piece, "reasoning_details": detail})));
            }
            let signature = json!([{"type": "reasoning.text", "index": 0, "signature": "sig"}]);
            chunks.push(chunk(json!({"reasoning_details": signature})));
            chunks.extend(pieces("Grüße 🌍").into_iter().map(|piece| chunk(json!({"content": piece}))));
            let call = |call: Value| chunk(json!({"tool_calls": [call]}));
            chunks.push(call(json!({"index": 3, "id": "a", "function": {"name": "f", "arguments": ""}})));
            for piece in pieces(r#"{"x":"é"}"#) {
                chunks.push(call(json!({"index": 3, "function": {"arguments": piece}})));
            }
            chunks.push(call(json!({"index": 5, "function": {"name": "g"}})));
            let counts = json!({"choices": [], "usage": usage}).to_string();
            match usage_first {
                true => chunks.extend([counts, finish("tool_calls"), "[DONE]".into()]),
                false => chunks.extend([finish("tool_calls"), counts]),
            }

            let reply = folded(&chunks).unwrap();

            assert_eq!(reply.message.parts, expected.message.parts, "pieces of {size}");
            assert_eq!((&reply.usage, &reply.finish_reason), (&expected.usage, &expected.finish_reason));
            assert_eq!((&reply.id, &reply.model), (&expected.id, &expected.model));
        }
    }
}

#[test]
fn usage_precedes_the_one_finish_that_ends_the_stream() {
    let chunks = [
        chunk(json!({"content": "x"})),
        finish("stop"),
        json!({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
               "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
        .to_string(),
        "[DONE]".into(),
        "not read any more".into(),
    ];

    let (events, end) = events(&chunks);

    end.unwrap();
    let kinds: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
    assert!(matches!(events.back(), Some(StreamEvent::Finish(_))), "{kinds:?}");
    assert_eq!(events.iter().filter(|event| matches!(event, StreamEvent::Finish(_))).count(), 1);
    assert!(matches!(events[events.len() - 2], StreamEvent::Usage(_)), "{kinds:?}");
}

#[test]
fn a_stream_without_an_end_is_truncated_and_one_without_an_answer_is_broken() {
    let kind = |chunks: &[String]| {
        folded(chunks).map_err(|error: Error| error.kind()).map(|reply| reply.finish_reason)
    };

    assert_eq!(kind(&[chunk(json!({"content": "x"}))]), Err(ErrorKind::Truncated));
    assert_eq!(kind(&[]), Err(ErrorKind::Truncated));
    assert_eq!(kind(&["[DONE]".into()]), Err(ErrorKind::InvalidResponse));
    assert_eq!(kind(&[chunk(json!({"content": "x"})), "{".into()]), Err(ErrorKind::InvalidResponse));
    assert_eq!(kind(&[chunk(json!({"content": "x"})), finish("stop")]), Ok(Some(FinishReason::Stop)));
    assert_eq!(kind(&[chunk(json!({"content": "x"})), "[DONE]".into()]), Ok(None));
}

#[test]
fn an_error_inside_a_stream_ends_it() {
    for (last, kind) in [
        (json!({"error": {"code": 502, "message": "upstream"}, "choices": []}), ErrorKind::Server),
        (json!({"error": {"type": "insufficient_quota", "message": "m"}}), ErrorKind::QuotaExhausted),
        (
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 429, "message": "m"}}]}),
            ErrorKind::RateLimited,
        ),
        (json!({"object": "error", "message": "prompt is too long", "code": 400}), ErrorKind::ContextTooLong),
    ] {
        let error = folded(&[chunk(json!({"content": "x"})), last.to_string()]).unwrap_err();
        assert_eq!(error.kind(), kind, "{last}");
    }
    let mut decoder = ChatCompletions::new(Dialect::PLAIN).chat_decoder();
    let named = decoder.event("error", br#"{"message":"m","type":"overloaded_error"}"#, &mut VecDeque::new());
    assert_eq!(named.unwrap_err().kind(), ErrorKind::Overloaded);
}

#[test]
fn tool_calls_are_told_apart_by_index_or_by_id() {
    let calls = |fragments: &[Value]| {
        let mut chunks: Vec<String> =
            fragments.iter().map(|call| chunk(json!({"tool_calls": [call]}))).collect();
        chunks.push(finish("tool_calls"));
        let reply = folded(&chunks).unwrap();
        let calls = reply.message.tool_calls();
        calls.map(|call| format!("{} {} {}", call.id, call.name, call.arguments)).collect::<Vec<_>>()
    };
    let start = |index: Value, id: &str, name: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": ""}});
    let more = |index: Value, text: &str| json!({"index": index, "function": {"arguments": text}});

    // Interleaved, by index.
    assert_eq!(
        calls(&[
            start(json!(0), "a", "f"),
            start(json!(1), "b", "g"),
            more(json!(0), "1"),
            more(json!(1), "2")
        ]),
        ["a f 1", "b g 2"]
    );
    // Without an index.
    assert_eq!(
        calls(&[
            start(Value::Null, "a", "f"),
            more(Value::Null, "1"),
            start(Value::Null, "b", "g"),
            more(Value::Null, "2")
        ]),
        ["a f 1", "b g 2"]
    );
    // All numbered 0, told apart by id.
    assert_eq!(
        calls(&[
            start(json!(0), "a", "f"),
            more(json!(0), "1"),
            start(json!(0), "b", "g"),
            more(json!(0), "2")
        ]),
        ["a f 1", "b g 2"]
    );
    // An id and a name in every fragment.
    assert_eq!(
        calls(&[
            start(json!(0), "a", "f"),
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}})
        ]),
        ["a f 1"]
    );
    // The id first, the name after the arguments began.
    assert_eq!(
        calls(&[
            json!({"index": 0, "id": "a"}),
            more(json!(0), "1"),
            json!({"index": 0, "function": {"name": "f"}})
        ]),
        ["a f 1"]
    );
    // No id, no name.
    assert_eq!(calls(&[more(json!(0), "1")]), ["call_0  1"]);
}

#[test]
fn the_older_function_call_is_a_tool_call_unless_it_is_empty() {
    let chunks = [
        chunk(json!({"function_call": {"name": "f", "arguments": ""}})),
        chunk(json!({"function_call": {"arguments": "{}"}})),
        chunk(json!({"function_call": {"name": "", "arguments": ""}})),
        finish("function_call"),
    ];
    let expected = Part::from(ToolCall::new("call_0", "f", "{}"));

    assert_eq!(folded(&chunks).unwrap().message.parts, std::slice::from_ref(&expected));
    let body = answer(json!({"function_call": {"name": "f", "arguments": "{}"}}));
    assert_eq!(whole(&body).unwrap().message.parts, [expected]);
    let empty = answer(json!({"content": "x", "function_call": {"name": "", "arguments": ""}}));
    assert_eq!(whole(&empty).unwrap().message.parts, [Part::text("x")]);
}

#[test]
fn absurd_numbers_are_errors_not_allocations() {
    for delta in [
        json!({"choices": [{"index": 4_294_967_295_u64, "delta": {"content": "x"}}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 4_294_967_295_u64, "function": {"name": "f"}}]}}]}),
    ] {
        assert_eq!(folded(&[delta.to_string()]).unwrap_err().kind(), ErrorKind::InvalidResponse);
    }
    let many: Vec<String> = (0..1025)
        .map(|n| chunk(json!({"tool_calls": [{"id": n.to_string(), "function": {"name": "f"}}]})))
        .collect();
    assert_eq!(folded(&many).unwrap_err().kind(), ErrorKind::InvalidResponse);
    let deep = format!(r#"{{"choices":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert!(folded(&[deep]).is_err(), "nesting is skipped without recursion, and nothing was said");
}

#[test]
fn further_choices_of_a_stream_are_alternatives() {
    let one = |index: u64, delta: Value, finish: Value| {
        json!({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}).to_string()
    };
    let chunks = [
        one(1, json!({"content": "b"}), Value::Null),
        one(0, json!({"content": "a"}), Value::Null),
        one(0, json!({}), json!("stop")),
        one(1, json!({"content": "c"}), json!("length")),
    ];

    let reply = folded(&chunks).unwrap();

    assert_eq!((reply.message.text(), reply.alternatives[0].message.text()), ("a".into(), "bc".into()));
    assert_eq!(reply.alternatives[0].finish_reason, Some(FinishReason::Length));
    assert_eq!(reply.finish_reason, Some(FinishReason::Stop));
}

#[test]
fn unknown_fields_of_a_stream_are_kept_once() {
    let with = |mut own: Value, delta: Value| {
        own["choices"] = json!([{"index": 0, "delta": delta}]);
        own.to_string()
    };
    let chunks = [
        with(json!({"system_fingerprint": "fp", "obfuscation": "x"}), json!({"content": "a"})),
        with(json!({"system_fingerprint": "fp"}), json!({"annotations": [1]})),
        with(json!({}), json!({"annotations": [2]})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "end"}],
               "citations": ["u"], "service_tier": "flex"})
        .to_string(),
    ];

    let reply = folded(&chunks).unwrap();

    let kept: Vec<String> =
        reply.extra.iter().map(|(_, name, json)| format!("{name}={}", json.as_str())).collect();
    assert_eq!(
        kept,
        [
            "system_fingerprint=\"fp\"",
            "annotations=[1,2]",
            "citations=[\"u\"]",
            "native_finish_reason=\"end\""
        ]
    );
    assert_eq!(reply.service_tier.as_deref(), Some("flex"));
}

#[test]
fn streamed_sound_is_one_part() {
    let chunks = [
        chunk(json!({"audio": {"id": "audio_1", "transcript": "a"}})),
        chunk(json!({"audio": {"data": "AQ=="}})),
        chunk(json!({"audio": {"data": "AgM=", "transcript": "b", "expires_at": 9}})),
        finish("stop"),
    ];

    let reply = folded(&chunks).unwrap();

    let Part::Audio(audio) = &reply.message.parts[0] else { panic!("no sound") };
    assert_eq!(audio.source, MediaSource::bytes("audio/*", vec![1, 2, 3]));
    assert_eq!(audio.transcript.as_deref(), Some("ab"));
}

// ---- serving

#[test]
fn a_request_read_and_written_is_the_same_request() {
    let tools = json!([
        {"type": "function", "function": {"name": "f", "parameters": {"b": 1, "a": 2}, "strict": true},
         "cache_control": {"type": "ephemeral"}},
        {"type": "function", "function": {"name": "g", "novel": 1}},
        {"type": "web_search", "max_uses": 2},
    ]);
    let messages = json!([
        {"role": "developer", "content": "d"},
        {"role": "user", "name": "Ada", "novel": true, "content": [
            {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "novel": 1}},
            {"type": "input_audio", "input_audio": {"data": "AQID", "format": "mp3"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AQID", "filename": "a.pdf"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "video_url", "video_url": {"url": "u"}},
        ]},
        {"role": "assistant", "content": "x", "refusal": "no", "reasoning": "why", "prefix": true,
         "reasoning_details": [{"type": "reasoning.encrypted", "data": "d"}], "audio": {"id": "audio_1"},
         "tool_calls": [
            {"id": "a", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{ \"x\": 1}"}},
            {"id": "b", "type": "custom", "custom": {"name": "c", "input": "free"}}]},
        {"role": "tool", "tool_call_id": "a", "name": "f", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2", "cache_control": {}}]},
        {"role": "critic", "content": "c"},
    ]);
    let body = json!({
        "model": "m-1", "max_tokens": 5, "temperature": 0.5, "top_p": 0.25, "n": 2, "stop": ["a", "b"], "user": "u",
        "seed": 3, "presence_penalty": 0.5, "frequency_penalty": -0.5, "logprobs": true, "top_logprobs": 2,
        "logit_bias": {"1": 2}, "metadata": {"a": "b"}, "service_tier": "flex", "parallel_tool_calls": false,
        "reasoning_effort": "high", "provider": {"order": ["a"]}, "thinking": {"type": "enabled"},
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
        "tools": tools,
        "messages": messages,
    });

    let (request, mode) = parse_request(body.to_string().as_bytes()).unwrap();

    assert_eq!(mode, Mode::Whole);
    request.validate().unwrap();
    let kept = dialect(|dialect| dialect.developer = Developer::Kept);
    assert_eq!(written_by(kept, &request).unwrap(), (body, vec![]));
    assert_eq!(request.reasoning, Some(Effort::High.into()));
}

#[test]
fn a_served_request_may_stream_and_spell_things_its_own_way() {
    let body = json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": false}, "stop": "x", "max_completion_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}], "tool_choice": "any", "tools": null,
        "reasoning": {"max_tokens": 100},
    });

    let (request, mode) = parse_request(body.to_string().as_bytes()).unwrap();

    assert_eq!(
        (mode, request.max_output_tokens, &*request.stop),
        (Mode::Stream, Some(9), &["x".to_owned()][..])
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.reasoning, Some(ReasoningOptions::budget(100)));
    assert!(request.extra.get("stream_options").is_some());
    // Another service's spelling is translated rather than passed on.
    let strict = dialect(|dialect| dialect.reasoning = Reasoning::Effort);
    let body = written_by(strict, &request).unwrap().0;
    assert_eq!((&body["reasoning"], &body["reasoning_effort"]), (&Value::Null, &json!("minimal")));
}

#[test]
fn what_cannot_be_read_is_named_without_being_repeated() {
    for (body, place) in [
        (r#"{"model":"m"}"#, "messages"),
        (r#"[1]"#, "the body"),
        (r#"{"messages":"CANARY"}"#, "messages"),
        (r#"{"messages":["CANARY"]}"#, "messages[0]"),
        (r#"{"messages":[{"content":"CANARY"}]}"#, "messages[0].role"),
        (r#"{"messages":[{"role":"user","content":{"CANARY":1}}]}"#, "messages[0].content"),
        (r#"{"messages":[{"role":"tool","content":"CANARY"}]}"#, "messages[0].tool_call_id"),
        (r#"{"messages":[{"role":"user","content":"x"}],"temperature":"CANARY"}"#, "temperature"),
        (r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":-1}"#, "max_tokens"),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"CANARY"}]}]}"#,
            "messages[0].tool_calls[0]",
        ),
        (
            r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"function":{"name":1}}]}"#,
            "tools[0].function.name",
        ),
        (r#"{"messages": CANARY}"#, "JSON"),
    ] {
        let error = parse_request(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{body}");
        assert!(error.message().contains(place), "{body}: {}", error.message());
        assert!(!error.to_string().contains("CANARY") && !format!("{error:?}").contains("CANARY"), "{body}");
    }
}
