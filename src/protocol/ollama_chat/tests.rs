use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::protocol::Mode;
use crate::types::{
    Accumulator, Effort, FinishReason, OnUnsupported, Part, ReasoningOptions, ResponseFormat, Tool,
    ToolChoice, ToolResult,
};

fn encode(request: &ChatRequest, model: &str) -> Result<(Value, Vec<String>)> {
    let encoded = OllamaChat.encode_chat(request, EncodeFor::new("ollama", model, Mode::Whole))?;
    let notes = encoded.adaptations.iter().map(|note| note.field.to_string()).collect();
    Ok((serde_json::from_slice(&encoded.body).unwrap(), notes))
}

fn body(request: &ChatRequest) -> Value {
    encode(request, "qwen3").unwrap().0
}

fn refused(request: &ChatRequest) -> Error {
    encode(request, "qwen3").unwrap_err()
}

fn streamed(lines: &str) -> Result<Reply> {
    let mut decoder = OllamaChat.chat_decoder();
    let mut events = VecDeque::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        decoder.event("", line.as_bytes(), &mut events)?;
    }
    decoder.end(&mut events)?;
    let mut answer = Accumulator::new();
    for event in events {
        answer.push(event)?;
    }
    Ok(answer.into_reply())
}

#[test]
fn a_conversation_with_tools_and_pictures_is_written() {
    let tool = Tool::function("weather", "d", json!({"type": "object", "properties": {}}));
    let first = ChatRequest::new("ollama/qwen3")
        .system("Be brief.")
        .user_parts([Part::text("What is this?"), Part::image_bytes("image/png", &b"abc"[..])])
        .tool(tool);
    let answer = OllamaChat
        .decode_chat(
            br#"{"model": "qwen3", "message": {"role": "assistant", "content": "", "thinking": "Hm.",
                 "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Ulm"}}}]},
                 "done": true, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 7}"#,
        )
        .unwrap();
    let id = answer.message.tool_calls().next().unwrap().id.clone();
    let request = first.message(answer.message).tool_results([ToolResult::new(&id, "18")]);

    let schema = json!({"type": "object", "properties": {}});
    let function = json!({"name": "weather", "description": "d", "parameters": schema});
    assert_eq!(
        body(&request),
        json!({"model": "qwen3", "stream": false,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is this?", "images": ["YWJj"]},
                {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [
                    {"id": id, "function": {"name": "weather", "arguments": {"city": "Ulm"}}}]},
                {"role": "tool", "content": "18", "tool_name": "weather", "tool_call_id": id}],
            "tools": [{"type": "function", "function": function}]})
    );
}

#[test]
fn options_are_merged_and_the_callers_win() {
    let request =
        ChatRequest::new("m").user("Hi").max_output_tokens(64).temperature(0.5).seed(7).stop(["END"]).extra(
            WIRE,
            "options",
            json!({"num_ctx": 8192, "temperature": 0.1}),
        );

    assert_eq!(
        body(&request)["options"],
        json!({"num_predict": 64, "temperature": 0.1, "seed": 7, "stop": ["END"], "num_ctx": 8192})
    );
    assert_eq!(body(&ChatRequest::new("m").user("Hi")).get("options"), None);
}

#[test]
fn thinking_is_a_switch_except_where_there_are_levels() {
    let ask = |effort: Effort, model: &str| {
        let (body, notes) = encode(&ChatRequest::new("m").user("Hi").reasoning(effort), model).unwrap();
        (body["think"].clone(), notes.len())
    };

    assert_eq!(ask(Effort::None, "qwen3"), (json!(false), 0));
    assert_eq!(ask(Effort::High, "qwen3"), (json!(true), 1));
    assert_eq!(ask(Effort::High, "gpt-oss:20b"), (json!("high"), 0));
    assert_eq!(ask(Effort::Max, "library/gpt-oss"), (json!("high"), 1));
    assert_eq!(ask(Effort::None, "gpt-oss"), (json!("low"), 1));
    let budget = ChatRequest::new("m").user("Hi").reasoning(ReasoningOptions::budget(9_000));
    assert_eq!(encode(&budget, "gpt-oss").unwrap().0["think"], "medium");
    assert_eq!(body(&ChatRequest::new("m").user("Hi")).get("think"), None);
}

#[test]
fn a_format_is_json_or_a_schema() {
    let schema = json!({"type": "object"});
    let to = |format| body(&ChatRequest::new("m").user("Hi").response_format(format))["format"].clone();

    assert_eq!(to(ResponseFormat::JsonObject), "json");
    assert_eq!(to(ResponseFormat::json_schema("s", schema.clone())), schema);
}

#[test]
fn what_cannot_be_said_is_refused_or_noted() {
    let ask = || ChatRequest::new("m").user("Hi");
    let tool = || Tool::function("f", "d", json!({"type": "object"}));
    let url = Part::image_url("https://example.com/a.png");
    for request in [
        ask().n(2),
        ask().tool(tool()).tool_choice(ToolChoice::Required),
        ask().user_parts([url]),
        ask().user_parts([Part::document_bytes("application/pdf", &b"x"[..])]),
    ] {
        assert_eq!(refused(&request).kind(), ErrorKind::Unsupported);
    }
    let likely = body(&ask().logprobs(2));
    assert_eq!((&likely["logprobs"], &likely["top_logprobs"]), (&json!(true), &json!(2)));
    let orphan = ask().tool_results([ToolResult::new("nobody", "x")]);
    assert_eq!(refused(&orphan).kind(), ErrorKind::InvalidRequest);

    let mut named = ask();
    named.user = Some("u".into());
    assert_eq!(encode(&named, "m").unwrap().1, ["user"]);
    assert_eq!(refused(&named.on_unsupported(OnUnsupported::Error)).kind(), ErrorKind::Unsupported);
    let none = ask().tool(tool()).tool_choice(ToolChoice::None);
    assert_eq!(body(&none).get("tools"), None);
}

#[test]
fn a_stream_is_the_answer_in_lines() {
    let reply = streamed(
        r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"Let me "},"done":false}
{"model":"m","message":{"role":"assistant","content":"","thinking":"see."},"done":false}
{"model":"m","message":{"role":"assistant","content":"One"},"done":false}
{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"f","arguments":{}}}]},"done":false}
{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4,"total_duration":9}"#,
    )
    .unwrap();

    assert_eq!((reply.message.text().as_str(), reply.message.parts.len()), ("One", 3));
    assert_eq!(reply.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(reply.usage.as_ref().unwrap().total_tokens(), Some(7));
    assert_eq!(reply.extra.get("total_duration").map(crate::types::Json::as_str), Some("9"));
    let Part::Reasoning(thought) = &reply.message.parts[0] else { panic!("no reasoning") };
    assert_eq!(thought.text, "Let me see.");
}

#[test]
fn errors_and_cut_streams_are_errors() {
    let begun = r#"{"model":"m","message":{"role":"assistant","content":"One"},"done":false}"#;

    assert_eq!(streamed(begun).unwrap_err().kind(), ErrorKind::Truncated);
    let failed =
        streamed(&format!("{begun}\n{}", r#"{"error":"an error was encountered while running the model"}"#));
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(OllamaChat.decode_chat(begun.as_bytes()).unwrap_err().kind(), ErrorKind::InvalidResponse);
    assert_eq!(OllamaChat.decode_chat(b"<html>").unwrap_err().kind(), ErrorKind::InvalidResponse);
}

#[test]
fn log_probabilities_are_one_list_however_they_came() {
    let line = |token: &str, done: bool| {
        json!({"model": "m", "message": {"role": "assistant", "content": token}, "done": done,
               "logprobs": [{"token": token, "logprob": -0.5}]})
    };
    let reply = streamed(&format!("{}\n{}", line("a", false), line("b", true))).unwrap();

    let (wire, logprobs) = (reply.logprobs.as_ref().unwrap().wire, &reply.logprobs.as_ref().unwrap().json);
    let tokens = json!([{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -0.5}]);
    assert_eq!((wire, logprobs.parse::<Value>().unwrap()), (WIRE, json!({"logprobs": tokens})));
    assert!(streamed(&line("a", true).to_string()).unwrap().extra.get("logprobs").is_none());
}
