//! Tools that run by themselves: typed arguments, several calls at once, failures told to the model, bounds, and a
//! conversation that moves to another vendor halfway.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

mod support;

use std::time::Duration;

use polyroute::client::ToolLimits;
use polyroute::testing::Fault;
use polyroute::types::Reply;
use polyroute::{Message, Result, Role, Route, ToolCall, Toolbox, Usd};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Place {
    /// In English.
    city: String,
    #[serde(default)]
    unit: Unit,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Celsius,
    Fahrenheit,
}

/// Whatever goes wrong is for the model to read: it usually mends its arguments.
async fn weather(place: Place) -> std::result::Result<String, String> {
    let celsius = match place.city.as_str() {
        "Paris" => 18,
        "Oslo" => 7,
        other => return Err(format!("no station in {other}")),
    };
    Ok(match place.unit {
        Unit::Celsius => format!("{celsius} degrees Celsius in {}", place.city),
        Unit::Fahrenheit => format!("{} degrees Fahrenheit in {}", celsius * 9 / 5 + 32, place.city),
    })
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

    let tools = Toolbox::new().function("weather", "Current temperature in a city", weather);
    let question = "How warm is it in Paris, and in Oslo in Fahrenheit? Look both up at once.";
    let limits =
        ToolLimits::new().rounds(8).time(Duration::from_secs(120)).cost(Usd::from_pico(100_000_000_000));
    let mut run = client.tool_run(("agent", question), &tools).limits(limits);

    while let Some(step) = run.next().await? {
        println!("{} answered, attempts: {}", step.response.target(), step.response.attempts().len());
        for (call, result) in step.response.tool_calls().zip(&step.results) {
            println!("  {}({}) -> {:?}: {}", call.name, call.arguments, result.outcome, result.text());
        }
        if step.results.is_empty() {
            println!("\n{}", step.response.text());
        }
    }
    let stop = run.stop().map(|stop| format!("{stop:?}")).unwrap_or_default();
    let cost = run.cost().map_or("an unknown amount".into(), |cost| cost.to_string());
    println!("\n{stop} after {} rounds for {cost}", run.steps().len());
    Ok(())
}
