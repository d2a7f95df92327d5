//! The whole job: a streamed answer, two vendors that fail, who answered and why, every attempt, the exact cost, and
//! what the other models would have cost.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

#[path = "support/report.rs"]
mod report;
mod support;

use std::io::Write as _;
use std::time::Duration;

use polyroute::testing::{Fault, Step};
use polyroute::types::Cost;
use polyroute::{ChatRequest, Result, Route, StreamEvent, Usage};

const MODELS: [&str; 5] = [
    "anthropic/claude-opus-5-5",
    "openai/gpt-6.1-sol",
    "google/gemini-3.8-flash",
    "mistral/mistral-large-4",
    "groq/openai/gpt-oss-120b",
];

#[tokio::main]
async fn main() -> Result<()> {
    let support::Stage { builder, models, sandbox } = support::stage(&MODELS).await?;
    if let Some(sandbox) = &sandbox {
        // Only fake vendors fail on demand: the first is overloaded, the second breaks off before its first word.
        sandbox.anthropic().then(Fault::Status(503));
        sandbox.openai().then(Fault::CutAfter(1));
        // As many tokens as a page of context would have, so that the amounts are worth reading.
        let mut usage = Usage::of(2_400, 380);
        usage.cache_read_tokens = Some(1_800);
        usage.reasoning_tokens = Some(120);
        sandbox.google().then(Step::usual().pace(Duration::from_millis(40)).usage(usage));
    }

    // One name for several models, tried in this order; savings are told against the first.
    let reference = models.first().cloned().unwrap_or_default();
    let client = builder.route("smart", Route::ordered(models).reference(reference)).build()?;
    let request = ChatRequest::new("smart").system("Answer in one sentence.").user("Why is the sky blue?");

    // Resolves with the first word: until then, failures move on to the next model unseen.
    let mut stream = client.chat_stream(request).await?;
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Text(text) => {
                print!("{text}");
                // The terminal may be gone; the answer matters more.
                let _ = std::io::stdout().flush();
            }
            StreamEvent::Done(summary) => {
                let decision = &summary.decision;
                println!("\n\nAnswered by {} in {} ms.", summary.target, summary.elapsed.as_millis());
                println!("The policy {:?} ranked:", decision.policy);
                for ranked in &decision.ranked {
                    let expected = ranked.expected_cost.map_or("unknown".into(), |cost| cost.to_string());
                    println!("  {:<26} {}, expected {expected}", ranked.target.to_string(), ranked.reason);
                }
                println!("Attempts:");
                report::print_attempts(&summary.attempts);
                if let Some(cost) = &summary.cost {
                    print_cost(cost);
                }

                let hindsight = client.hindsight(&summary);
                println!("The same tokens elsewhere on this route:");
                for other in hindsight.elsewhere.iter().filter(|other| other.target != summary.target) {
                    let cost = other.cost.map_or("unknown".into(), |cost| cost.to_string());
                    println!("  {:<26} {cost}", other.target.to_string());
                }
                if let (Some(reference), Some(saved)) = (&hindsight.reference, hindsight.saved) {
                    println!("Saved against {reference}: {saved}");
                }
                if let (Some(best), Some(regret)) = (&hindsight.best, hindsight.regret) {
                    println!("The best choice was {best}; this one cost {regret} more.");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn print_cost(cost: &Cost) {
    println!("Cost: {} exactly ({})", cost.total, cost.source);
    for (part, amount) in [
        ("input", cost.input),
        ("cache reads", cost.cache_read),
        ("cache writes", cost.cache_write),
        ("output", cost.output),
        ("reasoning", cost.reasoning),
        ("other", cost.other),
    ] {
        println!("  {part:<26} {amount}");
    }
}
