//! The client and OpenAI's responses, against a vendor that judges what it sends.

#![expect(clippy::expect_used, reason = "a test may panic")]

use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Fault, Sandbox};
use polyroute::types::{FinishReason, Usage, Wire};
use polyroute::{
    ChatRequest, Client, Effort, ErrorKind, ResponseFormat, Settings, Tool, ToolChoice, ToolResult,
};
use serde_json::{Value, json};

fn open() -> (Sandbox, Client) {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let vendor = sandbox.openai().require_key("key");
    let settings = Settings::vendor("openai").speak(Wire::Responses).base_url(vendor.url()).api_key("key");
    let builder = Client::builder().retry(RetryPolicy::default().max_attempts(1));
    (sandbox, builder.vendor(settings).build().expect("the settings are right"))
}

fn weather() -> Tool {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    Tool::function("weather", "Weather in a city", schema)
}

#[tokio::test]
async fn a_question_is_answered_whole_and_in_pieces() {
    let (sandbox, client) = open();
    let request = ("openai/m", "What is the capital of France?");

    let whole = client.chat(request).await.expect("an answer");
    let stream = client.chat_stream(request).await.expect("a stream");
    let streamed = stream.into_response().await.expect("an answer");

    assert_eq!(whole.text(), "Paris is the capital of France.");
    assert_eq!(streamed.text(), whole.text());
    // The fake counts what was sent, and asking for a stream takes a few letters more.
    let written = |usage: &Usage| usage.output_tokens;
    assert_eq!(streamed.usage().and_then(written), whole.usage().and_then(written));
    assert!(sandbox.openai().received().iter().all(|request| request.path.ends_with("/responses")));
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_read_with_the_reasoning_kept() {
    let (_sandbox, client) = open();
    let request = ChatRequest::new("openai/m")
        .system("Be brief.")
        .user("How warm is it in Paris?")
        .tool(weather())
        .reasoning(Effort::Low)
        .extra(Wire::Responses, "reasoning", json!({"summary": "auto"}));

    for streamed in [None, Some(())] {
        let answer = match streamed {
            None => client.chat(&request).await.expect("a call"),
            Some(()) => {
                let stream = client.chat_stream(&request).await.expect("a stream");
                stream.into_response().await.expect("a call")
            }
        };
        assert_eq!(answer.finish_reason(), Some(&FinishReason::ToolCalls));
        assert!(!answer.reasoning_text().is_empty());
        let results: Vec<_> =
            answer.tool_calls().map(|call| ToolResult::new(&call.id, "18 degrees")).collect();

        let next = request.clone().message(answer.into_message()).tool_results(results);
        let answer = client.chat(next).await.expect("an answer");

        assert!(answer.text().contains("18 degrees"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_schema_and_a_forced_tool_are_kept_to() {
    let (_sandbox, client) = open();
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    let ask = ChatRequest::new("openai/m").user("Name a city.");

    let answer = client.chat(ask.clone().response_format(ResponseFormat::json_schema("city", schema))).await;
    let forced = ask.tool(weather()).tool_choice(ToolChoice::Function("weather".into()));
    let called = client.chat(forced).await.expect("a call");

    let city: Value = answer.and_then(|answer| answer.parse()).expect("JSON");
    assert!(city.get("name").is_some_and(Value::is_string));
    assert_eq!(called.tool_calls().count(), 1);
}

#[tokio::test]
async fn a_refusal_has_its_kind() {
    let (sandbox, client) = open();
    sandbox.openai().then(Fault::Status(429));

    let error = client.chat(("openai/m", "hello")).await.expect_err("it is refused");

    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[tokio::test]
async fn a_format_can_be_chosen_model_by_model() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let settings =
        |name: &'static str| Settings::vendor(name).base_url(sandbox.vendor(name).url()).api_key("key");
    let client = Client::builder()
        .vendor(settings("openai").speak_with("gpt-5", Wire::Responses))
        .vendor(settings("azure").speak(Wire::Responses))
        .build()
        .expect("the settings are right");

    for model in ["openai/gpt-5-mini", "openai/gpt-4o", "azure/my-deployment"] {
        client.chat((model, "hello")).await.expect("an answer");
        let stream = client.chat_stream((model, "hello")).await.expect("a stream");
        stream.into_response().await.expect("an answer");
    }
    let paths =
        |name| -> Vec<String> { sandbox.vendor(name).received().into_iter().map(|one| one.path).collect() };
    assert_eq!(
        paths("openai"),
        ["/v1/responses", "/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]
    );
    assert_eq!(paths("azure"), ["/v1/responses", "/v1/responses"]);
    for (settings, words) in [
        (settings("openai").speak_with("gpt", Wire::Messages), "does not speak"),
        (settings("moonshot").speak_with("kimi", Wire::Messages), "another address"),
    ] {
        let error = Client::builder().vendor(settings).build().expect_err("it cannot be");
        assert!(error.kind() == ErrorKind::Configuration && error.message().contains(words), "{error}");
    }
}
