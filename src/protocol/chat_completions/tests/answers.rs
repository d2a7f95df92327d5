//! Whole answers as they are read.

use super::*;

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
        [ToolCall::new("a", "f", "{}").into(), ToolCall::new("call_1-c1", "g", r#"{"x":1}"#).into()]
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
        (
            json!({"choices": [{"message": {}, "error": {"code": 503, "message": "m"}}]}),
            ErrorKind::Overloaded,
        ),
        (json!({"choices": []}), ErrorKind::InvalidResponse),
        (json!({"choices": [[[]]]}), ErrorKind::InvalidResponse),
        (json!({"choices": ["text"]}), ErrorKind::InvalidResponse),
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

#[test]
fn uses_of_the_vendors_tools_are_counted_where_the_answer_tells_them() {
    let mut listed = answer(json!(null));
    listed["choices"][0] =
        json!({"index": 0, "messages": [{"role": "assistant", "content": "x"}], "finish_reason": "stop"});
    listed["usage"] = json!({"prompt_tokens": 5, "completion_tokens": 3});
    assert_eq!(whole(&listed).unwrap().usage.unwrap().unmeasured_uses, Some(1));

    let cited =
        json!({"content": "x", "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]});
    let ran = json!({"content": "x", "executed_tools": [{"index": 0, "type": "search"}, {"index": 1}]});
    let plain = json!({"content": "x"});
    let asked = json!({"tool_calls": [{"index": 0, "id": "a", "type": "builtin_function",
        "function": {"name": "$web_search", "arguments": "{}"}}]});
    for (message, usage, searches, unmeasured, reported) in [
        (&cited, json!({"cost": 0.02}), None, Some(1), Some("$0.02")),
        (
            &cited,
            json!({"cost": 0.02, "server_tool_use_details": {"web_search_requests": 2}}),
            Some(2),
            None,
            Some("$0.02"),
        ),
        (&cited, json!({}), None, None, None),
        (
            &cited,
            json!({"cost": 0.01, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.19}}),
            None,
            Some(1),
            Some("$0.2"),
        ),
        (&plain, json!({"cost": 0.01, "is_byok": true, "cost_details": {}}), None, None, None),
        (
            &plain,
            json!({"cost": 0.01, "is_byok": false, "cost_details": {"upstream_inference_cost": 0.01}}),
            None,
            None,
            Some("$0.01"),
        ),
        (&asked, json!({}), Some(1), None, None),
        (&plain, json!({"server_tool_use": {"web_search_requests": 2}}), Some(2), None, None),
        (&ran, json!({}), None, Some(2), None),
        (
            &plain,
            json!({"cost": {"total_cost": 0.006}, "num_search_queries": 1}),
            Some(1),
            None,
            Some("$0.006"),
        ),
        (
            &plain,
            json!({"num_sources_used": 3, "cost_in_usd_ticks": 100_000_000}),
            None,
            Some(3),
            Some("$0.01"),
        ),
        (
            &plain,
            json!({"num_sources_used": 0, "server_side_tool_usage_details": {"web_search_calls": 1}}),
            Some(1),
            None,
            None,
        ),
    ] {
        let mut counts = json!({"prompt_tokens": 5, "completion_tokens": 3});
        counts.as_object_mut().unwrap().extend(usage.as_object().unwrap().clone());
        let mut body = answer(message.clone());
        body["usage"] = counts.clone();
        let chunks =
            [chunk(message.clone()), finish("stop"), json!({"choices": [], "usage": counts}).to_string()];

        for reply in [whole(&body).unwrap(), folded(&chunks).unwrap()] {
            let usage = reply.usage.unwrap();
            let cost = usage.reported_cost.map(|cost| cost.to_string());
            assert_eq!((usage.web_searches, usage.unmeasured_uses), (searches, unmeasured), "{counts}");
            assert_eq!(cost.as_deref(), reported, "{counts}");
        }
    }
}
