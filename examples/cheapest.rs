//! The cheapest model for each request: prices depend on its length, and a model it does not fit is left out.
//! Always runs against fake vendors on this machine.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use polyroute::testing::Sandbox;
use polyroute::{ChatRequest, Client, Price, Result, Route, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    println!("Fake vendors on this machine (polyroute::testing::Sandbox); the prices are the real ones.");
    let sandbox = Sandbox::start().await?;
    let settings = |name| Settings::vendor(name).api_key("no-key").base_url(sandbox.vendor(name).url());
    let client = Client::builder()
        .vendor(settings("anthropic"))
        .vendor(settings("openai"))
        .vendor(settings("google"))
        .vendor(settings("groq"))
        .vendor(Settings::compatible("own", sandbox.vendor("own").url()))
        // Your own server, at the price of its electricity; or what you have negotiated with a vendor.
        .price("own/llama", Price::per_million("0.02", "0.60")?)
        .route(
            "cheap",
            Route::cheapest([
                "anthropic/claude-haiku-5-5",
                "openai/gpt-6-luna",
                "google/gemini-2.5-flash-lite",
                "groq/openai/gpt-oss-20b",
                "own/llama",
            ]),
        )
        .build()?;

    let short = "Translate \"good morning\" to French.".to_owned();
    let long = format!("Summarise this log:\n{}", "2026-11-23 04:00:01 GET /index 200\n".repeat(14_000));
    let huge = format!("Summarise this log:\n{}", "2026-11-23 04:00:01 GET /index 200\n".repeat(40_000));
    for (title, prompt) in [("a short question", short), ("490 kB of log", long), ("1.4 MB of log", huge)] {
        println!("\n--- {title}");
        let answer = client.chat(ChatRequest::new("cheap").user(prompt).max_output_tokens(200)).await?;
        for ranked in &answer.decision().ranked {
            let expected = ranked.expected_cost.map_or("unknown".into(), |cost| cost.to_string());
            println!("  {:<30} expected {expected:<16} {}", ranked.target.to_string(), ranked.reason);
        }
        for rejected in &answer.decision().rejected {
            println!("  {:<30} left out: {}", rejected.target.to_string(), rejected.reason);
        }
        let cost = answer.cost().map(|cost| cost.total.to_string());
        println!("  answered by {} for {}", answer.target(), cost.as_deref().unwrap_or("an unknown price"));
    }
    Ok(())
}
