//! A few exchanges written after the vendors' documentation, for when the recordings are not at hand.

use serde_json::{Value, json};

use crate::case::Case;

/// One of each: every format, whole, streamed and refused.
pub(crate) fn cases() -> Vec<Case> {
    let chat = json!({"id": "c-1", "object": "chat.completion", "model": "m-1", "choices": [{"index": 0,
        "message": {"role": "assistant", "content": null, "tool_calls": [{"id": "t-1", "type": "function",
            "function": {"name": "add", "arguments": "{\"a\": 1}"}}]},
        "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
            "prompt_tokens_details": {"cached_tokens": 8}}});
    let chat_stream = "data: {\"id\":\"c-2\",\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\
        \"content\":\"Grüß \"}}]}\n\n: still here\n\ndata: {\"id\":\"c-2\",\"model\":\"m-1\",\"choices\":[{\"index\":0,\
        \"delta\":{\"content\":\"Gott\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: {\"id\":\"c-2\",\"model\":\"m-1\",\
        \"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
    let message = json!({"id": "msg-1", "type": "message", "role": "assistant", "model": "m-2",
        "content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Hello"}],
        "stop_reason": "max_tokens", "stop_sequence": null,
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2, "output_tokens": 5}});
    let message_stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg-2\",\
        \"type\":\"message\",\"role\":\"assistant\",\"model\":\"m-2\",\"content\":[],\"stop_reason\":null,\
        \"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: \
        {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"tu-1\",\
        \"name\":\"now\",\"input\":{}}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_stop\ndata: \
        {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\
        \"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":6}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let content = json!({"responseId": "g-1", "modelVersion": "m-3", "candidates": [{"index": 0,
        "content": {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {"zone": "CET"}}}]},
        "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10}});
    let content_stream = "data: {\"responseId\":\"g-2\",\"modelVersion\":\"m-3\",\"candidates\":[{\"index\":0,\"content\":\
        {\"role\":\"model\",\"parts\":[{\"text\":\"One, \"}]}}],\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\ndata: \
        {\"responseId\":\"g-2\",\"modelVersion\":\"m-3\",\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\
        \"parts\":[{\"text\":\"two\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\
        \"candidatesTokenCount\":3,\"totalTokenCount\":7}}\r\n\r\n";
    let response = json!({"id": "r-1", "object": "response", "status": "incomplete", "model": "m-4",
        "incomplete_details": {"reason": "max_output_tokens"}, "error": null, "output": [{"type": "reasoning", "id": "rs-1",
            "summary": [{"type": "summary_text", "text": "Hm."}]}, {"type": "message", "id": "o-1", "role": "assistant",
            "status": "incomplete", "content": [{"type": "output_text", "text": "Once", "annotations": []}]}],
        "usage": {"input_tokens": 8, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": 6,
            "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 14}});
    let response_stream = "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r-2\",\"model\":\"m-4\",\
        \"output\":[]}}\n\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\
        \"type\":\"function_call\",\"id\":\"fc-1\",\"call_id\":\"k-1\",\"name\":\"now\",\"arguments\":\"\"}}\n\n\
        data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{\\\"zone\\\":\"}\n\n\
        data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"\\\"CET\\\"}\"}\n\n\
        data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\
        \"id\":\"fc-1\",\"call_id\":\"k-1\",\"name\":\"now\",\"arguments\":\"{\\\"zone\\\":\\\"CET\\\"}\"}}\n\n\
        data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r-2\",\"model\":\"m-4\",\"status\":\"completed\",\
        \"output\":[],\"usage\":{\"input_tokens\":4,\"output_tokens\":3}}}\n\n";
    let converse = json!({"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}, {"toolUse":
        {"toolUseId": "b-1", "name": "now", "input": {}}}]}}, "stopReason": "tool_use", "metrics": {"latencyMs": 3},
        "usage": {"inputTokens": 1, "outputTokens": 5, "totalTokens": 9, "cacheReadInputTokens": 3}});
    let vectors = json!({"object": "list", "model": "e-1", "usage": {"prompt_tokens": 2, "total_tokens": 2},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]});

    let plan = json!({"id": "co-1", "finish_reason": "TOOL_CALL", "message": {"role": "assistant",
        "tool_plan": "I will look.", "tool_calls": [{"id": "t-2", "type": "function",
            "function": {"name": "now", "arguments": "{}"}}]},
        "usage": {"billed_units": {"input_tokens": 2, "output_tokens": 3}, "cached_tokens": 16,
            "tokens": {"input_tokens": 40, "output_tokens": 9}}});
    let cohere_stream = "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"co-2\",\"delta\":{\"message\":\
        {\"role\":\"assistant\"}}}\n\nevent: content-start\ndata: {\"type\":\"content-start\",\"index\":0,\"delta\":\
        {\"message\":{\"content\":{\"type\":\"text\",\"text\":\"\"}}}}\n\nevent: content-delta\ndata: \
        {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Grüß Gott\"}}}}\n\n\
        event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":\
        {\"tokens\":{\"input_tokens\":4,\"output_tokens\":2}}}}\n\ndata: [DONE]\n\n";
    let ollama_stream = "{\"model\":\"m-5\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"Hm.\"},\"done\":false}\n\
        {\"model\":\"m-5\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"now\",\
        \"arguments\":{\"zone\":\"CET\"}}}]},\"done\":false}\n{\"model\":\"m-5\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\
        \"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":4,\"eval_count\":3}\n";
    let ranking = json!({"model": "r-1", "results": [{"index": 0, "relevance_score": 0.5}]});

    let completion = |id: &str, model: &str, more: Value| {
        let mut expect = json!({"kind": "completion", "id": id, "model": model, "text": "", "reasoning_text": null,
            "tool_calls": []});
        for (name, value) in more.as_object().into_iter().flatten() {
            expect[name] = value.clone();
        }
        expect
    };
    let failure = |status: u16, class: &str, message: &str, kind: &str| json!({"kind": "error", "error": {"http_status": status, "class": class, "message": message, "type": kind}});
    [
        ("chat_completions", false, 200, chat.to_string(), completion("c-1", "m-1", json!({
            "tool_calls": [{"id": "t-1", "name": "add", "arguments": {"a": 1}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "tool_calls",
            "usage": {"input_tokens": 9, "output_tokens": 4, "cached_input_tokens": 8}}))),
        ("chat_completions", true, 200, chat_stream.to_owned(), completion("c-2", "m-1", json!({
            "text": "Grüß Gott", "finish_reason": "stop", "finish_reason_raw": "stop",
            "usage": {"input_tokens": 3, "output_tokens": 2}}))),
        ("chat_completions", false, 429, json!({"error": {"message": "You have no credit.",
            "type": "insufficient_quota", "code": "insufficient_quota"}}).to_string(),
            failure(429, "quota", "You have no credit.", "insufficient_quota")),
        ("messages", false, 200, message.to_string(), completion("msg-1", "m-2", json!({
            "text": "Hello", "reasoning_text": "Hm.", "finish_reason": "length", "finish_reason_raw": "max_tokens",
            "usage": {"input_tokens": 7, "output_tokens": 5, "cached_input_tokens": 4, "cache_write_tokens": 2}}))),
        ("messages", true, 200, message_stream.to_owned(), completion("msg-2", "m-2", json!({
            "tool_calls": [{"id": "tu-1", "name": "now", "arguments": {}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "tool_use",
            "usage": {"input_tokens": 7, "output_tokens": 6}}))),
        ("messages", true, 529, json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            .to_string(), failure(529, "overloaded", "Overloaded", "overloaded_error")),
        ("generateContent", false, 200, content.to_string(), completion("g-1", "m-3", json!({
            "tool_calls": [{"id": null, "name": "now", "arguments": {"zone": "CET"}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "STOP",
            "usage": {"input_tokens": 5, "output_tokens": 5, "reasoning_tokens": 3}}))),
        ("generateContent", true, 200, content_stream.to_owned(), completion("g-2", "m-3", json!({
            "text": "One, two", "finish_reason": "stop", "finish_reason_raw": "STOP",
            "usage": {"input_tokens": 4, "output_tokens": 3}}))),
        ("generateContent", false, 429, json!({"error": {"code": 429, "message": "Too fast.",
            "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": "2.5s"}]}}).to_string(),
            json!({"kind": "error", "error": {"http_status": 429, "class": "rate_limit", "message": "Too fast.",
                "code": "429", "type": "RESOURCE_EXHAUSTED", "retry_after_s": 2.5}})),
        ("chat_v2", false, 200, plan.to_string(), completion("co-1", "", json!({"tool_plan": "I will look.",
            "tool_calls": [{"id": "t-2", "name": "now", "arguments": {}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "TOOL_CALL",
            "usage": {"input_tokens": 40, "output_tokens": 9, "cached_input_tokens": 16}}))),
        ("chat_v2", true, 200, cohere_stream.to_owned(), completion("co-2", "", json!({"text": "Grüß Gott",
            "finish_reason": "stop", "finish_reason_raw": "COMPLETE",
            "usage": {"input_tokens": 4, "output_tokens": 2}}))),
        ("chat_v2", false, 401, json!({"message": "invalid api token"}).to_string(),
            json!({"kind": "error", "error": {"http_status": 401, "class": "authentication",
                "message": "invalid api token"}})),
        ("rerank", false, 200, ranking.to_string(), json!({"kind": "rerank", "model": "r-1",
            "rerank": {"results": [{"index": 0, "score": 0.5}]}})),
        ("responses", false, 200, response.to_string(), completion("r-1", "m-4", json!({
            "text": "Once", "reasoning_text": "Hm.", "finish_reason": "length",
            "finish_reason_raw": "incomplete:max_output_tokens",
            "usage": {"input_tokens": 8, "output_tokens": 6, "cached_input_tokens": 2, "reasoning_tokens": 5}}))),
        ("responses", true, 200, response_stream.to_owned(), completion("r-2", "m-4", json!({
            "tool_calls": [{"id": "k-1", "name": "now", "arguments": {"zone": "CET"}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "completed",
            "usage": {"input_tokens": 4, "output_tokens": 3}}))),
        ("converse", false, 200, converse.to_string(), json!({"kind": "completion", "id": null, "model": null,
            "text": "Hello", "reasoning_text": null, "tool_calls": [{"id": "b-1", "name": "now", "arguments": {}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "tool_use",
            "usage": {"input_tokens": 4, "output_tokens": 5, "cached_input_tokens": 3}})),
        ("ollama_chat", true, 200, ollama_stream.to_owned(), completion("", "m-5", json!({
            "reasoning_text": "Hm.", "tool_calls": [{"id": null, "name": "now", "arguments": {"zone": "CET"}}],
            "finish_reason": "tool_calls", "finish_reason_raw": "stop",
            "usage": {"input_tokens": 4, "output_tokens": 3}}))),
        ("converse", true, 429, json!({"message": "Too many requests."}).to_string(), json!({"kind": "error",
            "error": {"http_status": 429, "class": "rate_limit", "message": "Too many requests."}})),
        ("embeddings", false, 200, vectors.to_string(), json!({"kind": "embedding", "model": "e-1",
            "usage": {"input_tokens": 2}, "embeddings": {"count": 1, "dims": 2, "head": [0.25, -0.5]}})),
    ]
    .into_iter()
    .map(|(api, stream, status, body, expect)| {
        let kind = match (stream && status == 200, api) {
            (true, "ollama_chat") => "application/x-ndjson",
            (true, _) => "text/event-stream",
            (false, _) => "application/json",
        };
        let case = json!({
            "id": format!("own-{api}-{stream}-{status}"), "provider": "own", "api": api, "stream": stream,
            "request": {"path_and_query": format!("/v1/{api}"), "body": request(api)},
            "response": {"status": status, "headers": {"content-type": kind}, "body_text": body},
            "expect": expect,
        });
        Case::from_json(&case).expect("a case is well formed")
    })
    .collect()
}

/// A request that uses most of what OpenAI's reference offers, and a field it does not know.
fn request(api: &str) -> Value {
    if api != "chat_completions" {
        return Value::Null;
    }
    json!({
        "model": "m-1", "temperature": 0.25, "top_p": 1, "max_completion_tokens": 100, "seed": 7, "stop": ["END"],
        "parallel_tool_calls": false, "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": true,
            "schema": {"type": "object", "properties": {"z": {"type": "number"}, "a": {}}}}},
        "tools": [{"type": "function", "function": {"name": "weather", "description": "d", "strict": true,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}],
        "user": "u-1", "a_field_of_next_year": {"deep": [1, 2.5, null]},
        "messages": [
            {"role": "system", "content": "Be brief.", "name": "house"},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}]},
            {"role": "assistant", "content": "Looking.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Ulm\"}"}},
                {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "12 °C"},
            {"role": "tool", "tool_call_id": "c2", "content": "unknown city"},
        ],
    })
}
