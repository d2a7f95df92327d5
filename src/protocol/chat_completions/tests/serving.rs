//! Requests as they are read.

use super::*;

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
