//! The sandbox, asked over raw TCP: it must be right by itself, not merely agree with our own decoders.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "support/raw_http.rs"]
mod raw_http;

use std::io;
use std::time::{Duration, Instant};

use polyroute::testing::{Fault, Garbage, Raw, Sandbox, SandboxVendor, Step};
use polyroute::types::{FinishReason, Message, Part, Reasoning, Reply, Role, ToolCall, Usage};
use raw_http::{RawAnswer, RawClient};
use serde_json::{Value, json};

const OPENAI: &str = "/openai/v1/chat/completions";
const ANTHROPIC: &str = "/anthropic/v1/messages";
const GOOGLE: &str = "/google/v1/models/gemini-x:generateContent";
const GOOGLE_STREAM: &str = "/google/v1/models/gemini-x:streamGenerateContent?alt=sse";
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

fn open() -> Sandbox {
    Sandbox::open().expect("a loopback port is free")
}

fn post(sandbox: &Sandbox, path: &str, body: &Value) -> RawAnswer {
    RawClient::connect(sandbox.address()).post(path, &[VERSION], &body.to_string())
}

/// One question in all three formats.
fn ask(text: &str) -> [(&'static str, Value); 3] {
    [
        (OPENAI, json!({"model": "gpt-x", "messages": [{"role": "user", "content": text}]})),
        (
            ANTHROPIC,
            json!({"model": "claude-x", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}),
        ),
        (GOOGLE, json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})),
    ]
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

/// Waits for something that another thread does.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "waits for a real thread")]
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn each_format_answers_the_last_user_message() {
    let sandbox = open();
    let answers =
        ask("What is the capital of France?").map(|(path, body)| post(&sandbox, path, &body).json());

    let paris = "Paris is the capital of France.";
    assert_eq!(answers[0]["choices"][0]["message"]["content"], paris);
    assert_eq!(answers[0]["choices"][0]["finish_reason"], "stop");
    assert_eq!(answers[0]["model"], "gpt-x");
    assert_eq!(answers[1]["content"], json!([{"type": "text", "text": paris}]));
    assert_eq!(answers[1]["stop_reason"], "end_turn");
    assert_eq!(answers[2]["candidates"][0]["content"]["parts"], json!([{"text": paris}]));
    assert_eq!(answers[2]["candidates"][0]["finishReason"], "STOP");
    assert!(answers[0]["usage"]["prompt_tokens"].as_u64() > Some(1));
    assert!(answers[1]["usage"]["input_tokens"].as_u64() > Some(1));
    assert!(answers[2]["usageMetadata"]["promptTokenCount"].as_u64() > Some(1));
}

#[test]
fn streams_come_in_several_events_and_end_with_the_formats_marker() {
    let sandbox = open();
    let [openai, anthropic, google] = ask("What is the capital of France?");
    let paris = "Paris is the capital of France.";

    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let events = post(&sandbox, OPENAI, &with(openai.1, &options)).events();
    let parsed: Vec<Value> = events.iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect();
    let text: String =
        parsed.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, paris);
    assert!(parsed.len() > 5);
    assert_eq!(parsed[parsed.len() - 1]["choices"], json!([]));
    assert!(parsed[parsed.len() - 1]["usage"]["completion_tokens"].as_u64() > Some(1));
    assert_eq!(events[events.len() - 1].1, "[DONE]");

    let events = post(&sandbox, ANTHROPIC, &with(anthropic.1, &json!({"stream": true}))).events();
    let parsed: Vec<Value> = events.iter().filter_map(|(_, data)| serde_json::from_str(data).ok()).collect();
    let text: String = parsed.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, paris);
    assert!(events.iter().zip(&parsed).all(|((name, _), event)| event["type"] == name.as_str()));
    assert_eq!(
        (events[0].0.as_str(), events[events.len() - 1].0.as_str()),
        ("message_start", "message_stop")
    );

    let answer = post(&sandbox, GOOGLE_STREAM, &google.1);
    let chunks: Vec<Value> =
        answer.events().iter().map(|(_, data)| serde_json::from_str(data).expect("JSON")).collect();
    let part =
        |chunk: &Value| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str().map(str::to_owned);
    assert_eq!(chunks.iter().filter_map(part).collect::<String>(), paris);
    assert_eq!(chunks[chunks.len() - 1]["candidates"][0]["finishReason"], "STOP");
    assert!(answer.complete && answer.text().contains("\r\n\r\n"));
}

#[test]
fn a_stream_without_sse_is_one_array_at_google() {
    let sandbox = open();
    let [_, _, google] = ask("hello");

    let answer = post(&sandbox, "/google/v1/models/gemini-x:streamGenerateContent", &google.1);

    assert!(answer.json().as_array().is_some_and(|chunks| chunks.len() > 1));
}

#[test]
fn a_tool_is_called_with_fitting_arguments_and_its_result_is_used() {
    let sandbox = open();
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let [openai, anthropic, google] = ask("What is the weather in Paris?").map(|(_, body)| body);

    let tools =
        json!({"tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}]});
    let first = with(openai, &tools);
    let message = post(&sandbox, OPENAI, &first).json()["choices"][0]["message"].clone();
    let call = &message["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "weather", "arguments": "{\"city\":\"Paris\"}"}));
    let mut second = first;
    let result = json!({"role": "tool", "tool_call_id": call["id"], "content": "18 degrees"});
    second["messages"] = json!([second["messages"][0], message, result]);
    let answer = post(&sandbox, OPENAI, &second).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "According to the tool: 18 degrees");

    let first = with(anthropic, &json!({"tools": [{"name": "weather", "input_schema": schema}]}));
    let answer = post(&sandbox, ANTHROPIC, &first).json();
    assert_eq!(answer["stop_reason"], "tool_use");
    assert_eq!(answer["content"][0]["input"], json!({"city": "Paris"}));
    let mut second = first;
    let result =
        json!([{"type": "tool_result", "tool_use_id": answer["content"][0]["id"], "content": "18 degrees"}]);
    second["messages"] = json!([
        second["messages"][0],
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": result},
    ]);
    let answer = post(&sandbox, ANTHROPIC, &second).json();
    assert_eq!(answer["content"][0]["text"], "According to the tool: 18 degrees");

    let tools = json!({"tools": [{"function_declarations": [{"name": "weather", "parameters": schema}]}]});
    let first = with(google, &tools);
    let content = post(&sandbox, GOOGLE, &first).json()["candidates"][0]["content"].clone();
    assert_eq!(content["parts"][0]["functionCall"], json!({"name": "weather", "args": {"city": "Paris"}}));
    let mut second = first;
    let result = json!({"functionResponse": {"name": "weather", "response": {"result": "18 degrees"}}});
    second["contents"] = json!([second["contents"][0], content, {"role": "user", "parts": [result]}]);
    let answer = post(&sandbox, GOOGLE, &second).json();
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "According to the tool: 18 degrees");
}

#[test]
fn a_schema_is_filled_in() {
    let sandbox = open();
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let [openai, anthropic, google] = ask("Count.").map(|(_, body)| body);

    let format = json!({"type": "json_schema", "json_schema": {"name": "count", "schema": schema}});
    let answer = post(&sandbox, OPENAI, &with(openai, &json!({"response_format": format}))).json();
    assert_eq!(answer["choices"][0]["message"]["content"], "{\"n\":1}");
    let format = json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let answer = post(&sandbox, ANTHROPIC, &with(anthropic, &format)).json();
    assert_eq!(answer["content"][0]["text"], "{\"n\":1}");
    let config = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
    let answer = post(&sandbox, GOOGLE, &with(google, &json!({"generationConfig": config}))).json();
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], "{\"n\":1}");
}

#[test]
fn requests_the_vendor_would_refuse_are_refused_in_its_words() {
    let sandbox = open();
    let user = json!({"role": "user", "content": "hi"});
    let lost_call = json!([user, {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, user]);
    let lost_use = json!([user, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "c", "name": "f", "input": {}}]}, user]);
    let odd_use = json!([user, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "functions.f:0", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "functions.f:0"}]}]);
    let twice = json!([user, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "c", "name": "f", "input": {}},
        {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]}]);
    let lost_function = json!([{"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"text": "well?"}]}]);
    let claude = |more: &Value| with(json!({"model": "m", "max_tokens": 5, "messages": [user]}), more);
    let gpt = |more: &Value| with(json!({"model": "m", "messages": [user]}), more);
    let gemini =
        |more: &Value| with(json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}), more);
    for (path, body, status, words) in [
        (OPENAI, json!({"messages": [user]}), 400, "you must provide a model"),
        (OPENAI, gpt(&json!({"messages": []})), 400, "empty array"),
        (OPENAI, gpt(&json!({"messages": lost_call})), 400, "must be followed by tool messages"),
        (OPENAI, gpt(&json!({"top_k": 5})), 400, "Unrecognized request argument"),
        (OPENAI, gpt(&json!({"temperature": 3})), 400, "temperature"),
        (OPENAI, gpt(&json!({"tools": []})), 400, "Invalid 'tools'"),
        (OPENAI, gpt(&json!({"response_format": {"type": "json_object"}})), 400, "the word 'json'"),
        (ANTHROPIC, json!({"model": "m", "messages": [user]}), 400, "max_tokens: Field required"),
        (ANTHROPIC, json!({"max_tokens": 5, "messages": [user]}), 400, "model: Field required"),
        (ANTHROPIC, claude(&json!({"temperature": 1.5})), 400, "temperature: range: 0..1"),
        (ANTHROPIC, claude(&json!({"seed": 1})), 400, "Extra inputs are not permitted"),
        (ANTHROPIC, claude(&json!({"messages": lost_use})), 400, "without `tool_result`"),
        (ANTHROPIC, claude(&json!({"messages": odd_use})), 400, "should match pattern"),
        (ANTHROPIC, claude(&json!({"messages": twice})), 400, "ids must be unique"),
        (
            ANTHROPIC,
            claude(&json!({"messages": [{"role": "system", "content": "x"}]})),
            400,
            "Unexpected role",
        ),
        (ANTHROPIC, claude(&json!({"tools": [{"name": "f", "input_schema": {}}]})), 400, "input_schema.type"),
        (
            ANTHROPIC,
            claude(&json!({"thinking": {"type": "enabled", "budget_tokens": 5}})),
            400,
            "budget_tokens",
        ),
        (GOOGLE, json!({"contents": []}), 400, "contents is not specified"),
        (GOOGLE, gemini(&json!({"max_tokens": 5})), 400, "Cannot find field"),
        (GOOGLE, gemini(&json!({"contents": lost_function})), 400, "number of function response parts"),
        (
            GOOGLE,
            gemini(&json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]})),
            400,
            "valid role",
        ),
        ("/openai/v1/nothing", json!({}), 404, "Invalid URL"),
    ] {
        let answer = post(&sandbox, path, &body);

        assert_eq!(answer.status, status, "{path} {body}");
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(words), "{path}: {message}");
    }
    let mut client = RawClient::connect(sandbox.address());
    assert!(client.post(OPENAI, &[], "{\"model\": ").text().contains("could not parse"));
    assert!(
        client.post(ANTHROPIC, &[], &claude(&json!({})).to_string()).text().contains("anthropic-version")
    );
}

#[test]
fn keys_and_models_are_checked_where_each_format_has_them() {
    let sandbox = open();
    let vendors = [sandbox.openai(), sandbox.anthropic(), sandbox.google()];
    for vendor in &vendors {
        vendor.require_key("sk-right").offer_models(["gpt-x", "claude-x", "gemini-x"]);
    }
    let headers =
        [("authorization", "Bearer sk-right"), ("x-api-key", "sk-right"), ("x-goog-api-key", "sk-right")];
    let wrong =
        [("authorization", "Bearer sk-wrong"), ("x-api-key", "sk-wrong"), ("x-goog-api-key", "sk-wrong")];
    let refused = [401, 401, 400];
    let mut client = RawClient::connect(sandbox.address());
    for (position, (path, mut body)) in ask("hello").into_iter().enumerate() {
        let mut status = |path: &str, header, body: &Value| {
            client.post(path, &[VERSION, header], &body.to_string()).status
        };

        assert_eq!(status(path, headers[position], &body), 200, "{path}");
        assert_eq!(status(path, wrong[position], &body), refused[position], "{path}");
        assert_eq!(status(path, ("x-none", ""), &body), refused[position], "{path}");
        let path = path.replace("gemini-x", "gemini-y");
        if body.get("model").is_some() {
            body["model"] = json!("other");
        }
        assert_eq!(status(&path, headers[position], &body), 404, "{path}");
    }
    assert_eq!(sandbox.connections(), 1);
}

#[test]
fn a_script_is_followed_step_by_step_and_vendors_do_not_share_it() {
    let sandbox = open();
    let [(_, body), ..] = ask("hello");
    let (a, b) = (sandbox.vendor("a"), sandbox.vendor("b"));
    a.then(Step::from(Fault::Status(429)).header("retry-after", "2")).then(Reply::text("second"));
    b.always(Fault::Status(503));
    let send = |vendor: &str| post(&sandbox, &format!("/{vendor}/v1/chat/completions"), &body);

    let limited = send("a");
    assert_eq!((limited.status, limited.head.contains("retry-after: 2")), (429, true));
    assert_eq!(limited.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(send("b").status, 503);
    assert_eq!(send("a").json()["choices"][0]["message"]["content"], "second");
    assert_eq!(send("a").json()["choices"][0]["message"]["content"], "Hello! How can I help you today?");
    assert_eq!(send("b").status, 503);

    assert_eq!((a.requests(), b.requests(), a.answered()), (3, 2, 3));
    let seen = &a.received()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str(), &seen.json),
        ("POST", "/v1/chat/completions", &body)
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
}

#[test]
fn a_scripted_reply_is_rendered_in_each_format() {
    let sandbox = open();
    let mut reply = Reply::text("");
    reply.message = Message::new(
        Role::Assistant,
        [
            Reasoning::new("hm").into(),
            Part::text("Let me look."),
            ToolCall::new("c1", "f", "{\"x\":1}").into(),
        ],
    );
    reply.finish_reason = Some(FinishReason::ToolCalls);
    let mut usage = Usage::of(100, 20);
    usage.cache_read_tokens = Some(60);
    usage.reasoning_tokens = Some(5);
    let answers = ask("?").map(|(path, body)| {
        let name = path.split('/').nth(1).expect("a vendor");
        sandbox.vendor(name).then(Step::from(reply.clone()).model("exact-1").usage(usage.clone()));
        post(&sandbox, path, &body).json()
    });

    let message = &answers[0]["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("Let me look."), &json!("hm")));
    assert_eq!(message["tool_calls"][0]["id"], "c1");
    assert_eq!(answers[0]["usage"]["prompt_tokens_details"]["cached_tokens"], 60);
    assert_eq!((&answers[0]["model"], &answers[1]["model"]), (&json!("exact-1"), &json!("exact-1")));
    let kinds: Vec<_> = (0..3).map(|index| answers[1]["content"][index]["type"].as_str()).collect();
    assert_eq!(kinds, [Some("thinking"), Some("text"), Some("tool_use")]);
    assert_eq!(answers[1]["usage"]["input_tokens"], 40);
    assert_eq!(answers[1]["usage"]["cache_read_input_tokens"], 60);
    assert_eq!(answers[2]["candidates"][0]["content"]["parts"][0]["thought"], true);
    assert_eq!(answers[2]["usageMetadata"]["thoughtsTokenCount"], 5);
    assert_eq!(answers[2]["usageMetadata"]["candidatesTokenCount"], 15);
}

#[test]
fn every_fault_happens_as_named() {
    let sandbox = open();
    let vendor = sandbox.openai();
    let [(path, whole), ..] = ask("What is the capital of France?");
    let stream = with(whole.clone(), &json!({"stream": true}));
    let try_out = |step: Step, body: &Value| {
        vendor.then(step);
        RawClient::connect(sandbox.address()).read_timeout(Duration::from_millis(300)).post(
            path,
            &[],
            &body.to_string(),
        )
    };
    let fault = |fault: Fault, body: &Value| try_out(fault.into(), body);

    assert_eq!(fault(Fault::Reset, &whole).error, Some(io::ErrorKind::ConnectionReset));
    let answer = fault(Fault::ResetAfterHead, &whole);
    assert_eq!(
        (answer.status, answer.error, answer.body.len()),
        (200, Some(io::ErrorKind::ConnectionReset), 0)
    );
    let answer = fault(Fault::CutAfter(3), &stream);
    assert_eq!((answer.events().len(), answer.complete), (3, false));
    assert_eq!(answer.error, Some(io::ErrorKind::UnexpectedEof));
    assert_eq!(fault(Fault::ResetAfter(3), &stream).error, Some(io::ErrorKind::ConnectionReset));
    let answer = fault(Fault::CutAfter(0), &whole);
    assert_eq!((answer.complete, answer.error), (false, Some(io::ErrorKind::UnexpectedEof)));
    let answer = fault(Fault::EndAfter(3), &stream);
    assert_eq!((answer.events().len(), answer.complete, answer.text().contains("[DONE]")), (3, true, false));
    let answer = fault(Fault::ErrorAfter(3), &stream);
    assert_eq!((answer.events().len(), answer.events()[3].1.contains("\"error\"")), (4, true));
    for body in [&whole, &stream] {
        let answer = fault(Fault::StallAfter(2), body);
        assert_eq!(
            (answer.status, answer.complete, answer.error),
            (200, false, Some(io::ErrorKind::WouldBlock))
        );
    }
    let answer = fault(Fault::Hang, &whole);
    assert_eq!((answer.status, answer.error), (0, Some(io::ErrorKind::WouldBlock)));
    assert_eq!(
        fault(Fault::Delay(Duration::from_millis(600)), &whole).error,
        Some(io::ErrorKind::WouldBlock)
    );
    let answer = try_out(Step::from(Fault::Status(418)).body("teapot"), &whole);
    assert_eq!((answer.status, answer.text().as_str()), (418, "teapot"));
    let answer = try_out(Step::usual().pace(Duration::from_millis(5)), &stream);
    assert!(answer.complete && answer.text().ends_with("[DONE]\n\n"));
}

#[test]
fn garbage_is_what_it_says() {
    let sandbox = open();
    let vendor = sandbox.openai();
    let [(path, whole), ..] = ask("hello");
    let stream = with(whole.clone(), &json!({"stream": true}));
    let get = |garbage: Garbage, body: &Value| {
        vendor.then(Fault::Garbage(garbage));
        RawClient::connect(sandbox.address()).post(path, &[], &body.to_string())
    };

    assert!(get(Garbage::Html, &whole).head.contains("content-type: text/html"));
    assert_eq!(get(Garbage::Empty, &stream).body.len(), 0);
    assert!(serde_json::from_slice::<Value>(&get(Garbage::BrokenJson, &whole).body).is_err());
    let answer = get(Garbage::WrongContentType, &whole);
    assert!(answer.head.contains("content-type: text/plain"));
    assert_eq!(answer.json()["object"], "chat.completion");
    assert!(get(Garbage::DeepJson, &whole).body.len() == 200_000);

    for (garbage, body) in
        [(Garbage::EndlessLine, &stream), (Garbage::EndlessBody, &stream), (Garbage::EndlessBody, &whole)]
    {
        vendor.then(Fault::Garbage(garbage));
        let before = sandbox.disconnects();
        let mut client = RawClient::connect(sandbox.address());
        client.send(path, &[], &body.to_string());
        drop(client);
        eventually("the server stops writing when nobody reads", || sandbox.disconnects() == before + 1);
    }
}

#[test]
fn raw_bodies_come_in_pieces_of_the_asked_size() {
    let sandbox = open();
    let body = "data: {\"é\": \"✓\"}\r\n\r\ndata: [DONE]\n\n".repeat(40);
    for size in [1, 7, 13, 4096] {
        sandbox.vendor("raw").then(Raw::new(206, body.clone()).header("x-own", "1").pieces_of(size));

        let answer = post(&sandbox, "/raw/v1/anything", &json!({}));

        assert_eq!((answer.status, answer.text() == body), (206, true), "{size}");
        assert!(answer.head.contains("x-own: 1"));
        let (last, full) = answer.chunks.split_last().expect("chunks");
        assert!(full.iter().all(|chunk| *chunk == size) && *last <= size, "{size}");
    }
    sandbox.vendor("raw").then(Raw::new(200, body.clone()));
    let answer = post(&sandbox, "/raw/v1/anything", &json!({}));
    assert_eq!((answer.chunks.len(), answer.text() == body), (0, true));
}

#[test]
fn connections_are_kept_and_chunked_requests_are_read() {
    let sandbox = open();
    let [(path, body), ..] = ask("hello");
    let mut client = RawClient::connect(sandbox.address());
    client.post(path, &[], &body.to_string());
    let body = body.to_string();
    let (left, right) = body.split_at(10);
    client.write(&format!(
        "POST {path} HTTP/1.1\r\ncontent-type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    client.write(&format!("{:x}\r\n{left}\r\n{:x}\r\n{right}\r\n0\r\n\r\n", left.len(), right.len()));

    assert_eq!(client.read().status, 200);
    assert_eq!((sandbox.connections(), sandbox.open_connections()), (1, 1));
    assert_eq!(sandbox.openai().received()[0].body, sandbox.openai().received()[1].body);
    drop(client);
    eventually("the connection is given up", || sandbox.open_connections() == 0);
    assert_eq!(sandbox.disconnects(), 0);
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let sandbox = open();
    let vendor: SandboxVendor = sandbox.openai().always(Fault::Hang);
    let [(path, body), ..] = ask("hello");
    let mut client = RawClient::connect(sandbox.address());
    client.send(path, &[], &body.to_string());
    eventually("the request arrives", || vendor.in_flight() == 1);
    assert_eq!(vendor.disconnects(), 0);

    drop(client);

    eventually("the server notices", || vendor.disconnects() == 1);
    assert_eq!((vendor.in_flight(), vendor.most_in_flight(), vendor.answered()), (0, 1, 0));
}

#[test]
fn embeddings_and_models_are_served() {
    let sandbox = open();
    let body = json!({"model": "e", "input": ["a", "b", "a"], "dimensions": 3});
    let answer = post(&sandbox, "/openai/v1/embeddings", &body).json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["data"][0]["embedding"], answer["data"][2]["embedding"]);
    assert_ne!(answer["data"][0]["embedding"], answer["data"][1]["embedding"]);
    assert_eq!(answer["data"][0]["embedding"].as_array().map(Vec::len), Some(3));
    let encoded =
        post(&sandbox, "/openai/v1/embeddings", &with(body, &json!({"encoding_format": "base64"}))).json();
    assert_eq!(encoded["data"][0]["embedding"].as_str().map(str::len), Some(16));
    assert_eq!(post(&sandbox, "/openai/v1/embeddings", &json!({"model": "e", "input": []})).status, 400);

    sandbox.openai().offer_models(["m1", "m2"]);
    let mut client = RawClient::connect(sandbox.address());
    client.write("GET /openai/v1/models HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(client.read().json()["data"][1]["id"], "m2");
}

#[tokio::test]
async fn dropping_the_sandbox_stops_it_inside_a_runtime_too() {
    let sandbox = Sandbox::start().await.expect("a loopback port is free");
    let address = sandbox.address();
    sandbox.openai().always(Fault::Hang);
    let [(path, body), ..] = ask("hello");
    let mut client = RawClient::connect(address);
    client.send(path, &[], &body.to_string());
    eventually("the request arrives", || sandbox.openai().in_flight() == 1);

    drop(sandbox);

    assert!(std::net::TcpStream::connect(address).is_err());
    assert_eq!(client.read().status, 0);
}
