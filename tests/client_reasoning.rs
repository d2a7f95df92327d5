//! What a model thought survives a conversation with tools: it goes back to where it came from, word for word, and to
//! nobody else when the conversation moves in the middle.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use polyroute::testing::{Fault, Raw, Sandbox};
use polyroute::types::Wire;
use polyroute::{ChatRequest, Client, Route, Settings, Tool, ToolResult};
use serde_json::{Value, json};

/// Who thinks, in which format, what it answers first, and what of it must come back.
struct Thinker {
    vendor: &'static str,
    wire: Wire,
    answer: fn() -> Value,
    state: &'static [&'static str],
}

const THINKERS: [Thinker; 5] = [
    Thinker {
        vendor: "anthropic",
        wire: Wire::Messages,
        answer: || {
            json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
                "content": [
                    {"type": "thinking", "thinking": "CANARY thought", "signature": "Q0FOQVJZ-signature"},
                    {"type": "redacted_thinking", "data": "Q0FOQVJZ-redacted"},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
                ],
                "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 2},
            })
        },
        state: &["CANARY thought", "Q0FOQVJZ-signature", "Q0FOQVJZ-redacted"],
    },
    Thinker {
        vendor: "google",
        wire: Wire::GenerateContent,
        answer: || {
            json!({
                "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
                    {"functionCall": {"name": "weather", "args": {"city": "Paris"}}, "thoughtSignature": "Q0FOQVJZc2ln"},
                ]}}],
                "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
            })
        },
        state: &["Q0FOQVJZc2ln"],
    },
    Thinker {
        vendor: "openai",
        wire: Wire::Responses,
        answer: || {
            json!({
                "id": "resp_1", "object": "response", "status": "completed", "model": "m",
                "output": [
                    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "Q0FOQVJZ-encrypted"},
                    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather",
                     "arguments": "{\"city\":\"Paris\"}", "status": "completed"},
                ],
                "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            })
        },
        state: &["Q0FOQVJZ-encrypted"],
    },
    Thinker {
        vendor: "deepseek",
        wire: Wire::ChatCompletions,
        answer: reasoning_content,
        state: &["CANARY thought"],
    },
    Thinker {
        vendor: "qwen",
        wire: Wire::ChatCompletions,
        answer: reasoning_content,
        state: &["CANARY thought"],
    },
];

fn reasoning_content() -> Value {
    let function = json!({"name": "weather", "arguments": "{\"city\":\"Paris\"}"});
    let call = json!({"id": "call_1", "type": "function", "index": 0, "function": function});
    json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "", "reasoning_content": "CANARY thought", "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })
}

fn client(sandbox: &Sandbox, first: &Thinker, second: &Thinker) -> Client {
    let settings = |thinker: &Thinker, name: &str| {
        let fake = sandbox.vendor(name);
        Settings::vendor(thinker.vendor).name(name).speak(thinker.wire).api_key("no-key").base_url(fake.url())
    };
    Client::builder()
        .vendor(settings(first, "first"))
        .vendor(settings(second, "second"))
        .route("talk", Route::ordered(["first/m", "second/m"]))
        .build()
        .unwrap()
}

/// The first turn is answered by the thinker; returns the request of the second.
async fn second_turn(client: &Client, sandbox: &Sandbox, thinker: &Thinker) -> ChatRequest {
    let body = (thinker.answer)().to_string();
    sandbox.vendor("first").then(Raw::new(200, body).header("content-type", "application/json"));
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let request = ChatRequest::new("talk").user("How warm is it in Paris?").tool(Tool::function(
        "weather",
        "Current weather in a city",
        schema,
    ));
    let answer = client.chat(&request).await.unwrap();
    let results: Vec<_> = answer.tool_calls().map(|call| ToolResult::new(&call.id, "18 degrees")).collect();
    assert_eq!(results.len(), 1, "{}", thinker.vendor);
    request.message(answer.into_message()).tool_results(results)
}

#[tokio::test]
async fn state_goes_back_to_the_wire_it_came_from() {
    for thinker in &THINKERS {
        let sandbox = Sandbox::start().await.unwrap();
        let client = client(&sandbox, thinker, thinker);
        let request = second_turn(&client, &sandbox, thinker).await;

        let answer = client.chat(&request).await.unwrap();

        assert_eq!(answer.text(), "According to the tool: 18 degrees", "{}", thinker.vendor);
        let sent = sandbox.vendor("first").received().pop().unwrap().json.to_string();
        for state in thinker.state {
            assert!(sent.contains(state), "{}: {state} is missing in {sent}", thinker.vendor);
        }
    }
}

#[tokio::test]
async fn a_conversation_that_moves_in_the_middle_takes_no_state_along_and_is_legal_there() {
    for thinker in &THINKERS {
        for other in THINKERS.iter().filter(|other| other.wire != thinker.wire) {
            let sandbox = Sandbox::start().await.unwrap();
            let client = client(&sandbox, thinker, other);
            let request = second_turn(&client, &sandbox, thinker).await;
            sandbox.vendor("first").always(Fault::Status(503));
            let who = format!("{} to {}", thinker.vendor, other.vendor);

            let answer = client.chat(&request).await.unwrap_or_else(|error| {
                panic!("{who}: {error}: {:?}", error.provider_message());
            });

            assert_eq!(answer.target().to_string(), "second/m", "{who}");
            assert_eq!(answer.text(), "According to the tool: 18 degrees", "{who}");
            let sent = sandbox.vendor("second").received().pop().unwrap().json.to_string();
            assert!(!sent.contains("CANARY") && !sent.contains("Q0FOQVJZ"), "{who}: {sent}");
            assert!(sent.contains("18 degrees") && sent.contains("weather"), "{who}: {sent}");
        }
    }
}
