//! A tool loop: typed arguments, several calls at once, failures told to the model, and a conversation that moves to
//! another vendor halfway.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

mod support;

use futures::future::join_all;
use polyroute::testing::Fault;
use polyroute::types::Reply;
use polyroute::{ChatRequest, Message, Result, Role, Route, Tool, ToolCall, ToolResult};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct WeatherArguments {
    city: String,
    #[serde(default)]
    unit: Unit,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Celsius,
    Fahrenheit,
}

async fn weather(arguments: WeatherArguments) -> std::result::Result<String, String> {
    let celsius = match arguments.city.as_str() {
        "Paris" => 18,
        "Oslo" => 7,
        other => return Err(format!("no station in {other}")),
    };
    Ok(match arguments.unit {
        Unit::Celsius => format!("{celsius} degrees Celsius in {}", arguments.city),
        Unit::Fahrenheit => format!("{} degrees Fahrenheit in {}", celsius * 9 / 5 + 32, arguments.city),
    })
}

/// Runs one call. Whatever goes wrong is for the model to read: it usually mends its arguments.
async fn run(call: &ToolCall) -> ToolResult {
    let outcome = match call.name.as_str() {
        "weather" => match call.parse() {
            Ok(arguments) => weather(arguments).await,
            Err(error) => Err(error.message().to_owned()),
        },
        other => Err(format!("there is no tool {other}")),
    };
    println!("  {}({}) -> {outcome:?}", call.name, call.arguments);
    match outcome {
        Ok(text) => ToolResult::new(&call.id, text),
        Err(text) => ToolResult::failure(&call.id, text),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let support::Stage { builder, models, sandbox } =
        support::stage(&["anthropic/claude-sonnet-5-5", "openai/gpt-6.1-terra"]).await?;
    if let Some(sandbox) = &sandbox {
        let mut reply = Reply::empty();
        let calls = [r#"{"city":"Paris"}"#, r#"{"city":"Oslo","unit":"fahrenheit"}"#, r#"{"city":3}"#];
        let calls = calls.map(|arguments| ToolCall::new("", "weather", arguments));
        reply.message = Message::new(Role::Assistant, calls);
        // Three calls, then an outage: the other vendor answers from the results of calls it never made.
        sandbox.anthropic().then(reply).always(Fault::Status(503));
    }
    let client = builder.route("agent", Route::ordered(models)).build()?;

    let tool = Tool::function(
        "weather",
        "Current temperature in a city",
        json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}
            },
            "required": ["city"]
        }),
    );
    let mut request = ChatRequest::new("agent")
        .user("How warm is it in Paris, and in Oslo in Fahrenheit? Look both up at once.")
        .tool(tool);

    for turn in 1..=MOST_TURNS {
        let answer = client.chat(&request).await?;
        println!("turn {turn}: {}, attempts: {}", answer.target(), answer.attempts().len());
        let calls: Vec<&ToolCall> = answer.tool_calls().collect();
        if calls.is_empty() {
            println!("\n{}", answer.text());
            return Ok(());
        }
        let results = join_all(calls.into_iter().map(run)).await;
        request = request.message(answer.into_message()).tool_results(results);
    }
    println!("stopped after {MOST_TURNS} turns");
    Ok(())
}

/// A model that never stops calling tools must not run up a bill.
const MOST_TURNS: u32 = 8;
