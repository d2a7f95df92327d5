//! A budget for each team: what a call may cost is reserved before it is sent, and from 80 % on the cheap route is taken.
//! Always runs against fake vendors on this machine.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use std::sync::atomic::{AtomicBool, Ordering};

use polyroute::quota::{Limit, Limits, Unit, Window};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::Sandbox;
use polyroute::types::CallOptions;
use polyroute::{ChatRequest, Client, Result, Route, Settings};

/// Says what the limits say, once.
#[derive(Debug, Default)]
struct Announce {
    diverted: AtomicBool,
}

impl Observer for Announce {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::LimitReached(reached) => {
                println!("  ! {}: {} % of {:?}", reached.limit, reached.percent, reached.value)
            }
            Event::LimitDiverted { route, .. } if !self.diverted.swap(true, Ordering::Relaxed) => {
                println!("  ! from here on by the route {route:?}");
            }
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    println!("Fake vendors on this machine (polyroute::testing::Sandbox); the prices are the real ones.");
    let sandbox = Sandbox::start().await?;
    let settings = |name| Settings::vendor(name).api_key("no-key").base_url(sandbox.vendor(name).url());
    let client = Client::builder()
        .vendor(settings("anthropic"))
        .vendor(settings("openai"))
        .route("good", Route::ordered(["anthropic/claude-sonnet-5-5"]))
        .route("cheap", Route::ordered(["openai/gpt-6-luna"]))
        .limits(
            Limits::new()
                .limit(
                    Limit::cost("0.01".parse()?, Window::calendar(Unit::Month))
                        .each("team")
                        .required()
                        .warn_at(50)
                        .above(80, "cheap")
                        .named("team budget"),
                )
                // Nobody may ask for anything that can cost a dollar.
                .limit(Limit::cost("1".parse()?, Window::request())),
        )
        .observer(Announce::default())
        .build()?;

    for team in ["search", "support"] {
        println!("\n--- team {team}");
        for number in 1..=if team == "search" { 100 } else { 2 } {
            let request = ChatRequest::from(("good", "What is the capital of France?"))
                .max_output_tokens(200)
                .options(CallOptions::new().scope("team", team));
            match client.chat(request).await {
                Ok(answer) if number % 10 == 0 || number <= 2 => {
                    let cost = answer.summary.total_cost().map(|cost| cost.to_string());
                    println!("  {number:>3} {} for {}", answer.target(), cost.as_deref().unwrap_or("?"));
                }
                Ok(_) => {}
                Err(error) => {
                    println!("  {number:>3} {error}");
                    break;
                }
            }
        }
    }

    println!("\n--- a call that could be too dear");
    let request = ChatRequest::from(("good", "Write a very long story.")).max_output_tokens(100_000);
    let request = request.options(CallOptions::new().scope("team", "support"));
    match client.chat(request).await {
        Ok(answer) => println!("  answered by {}", answer.target()),
        Err(error) => println!("  {error}"),
    }
    Ok(())
}
