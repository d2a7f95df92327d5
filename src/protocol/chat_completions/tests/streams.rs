//! Streams as they are read.

use super::*;

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
    assert_eq!(kind(&[chunk(json!({"content": "x"})), finish("")]), Err(ErrorKind::Truncated));
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
    assert_eq!(calls(&[more(json!(0), "1")]), ["call_0-c1  1"]);
}

#[test]
fn the_older_function_call_is_a_tool_call_unless_it_is_empty() {
    let chunks = [
        chunk(json!({"function_call": {"name": "f", "arguments": ""}})),
        chunk(json!({"function_call": {"arguments": "{}"}})),
        chunk(json!({"function_call": {"name": "", "arguments": ""}})),
        finish("function_call"),
    ];
    let expected = Part::from(ToolCall::new("call_0-c1", "f", "{}"));

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
