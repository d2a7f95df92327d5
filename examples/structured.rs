//! An answer as a value of a type of your own: schema out, value in, one round to mend what does not fit.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

mod support;

use polyroute::types::{FinishReason, Reply};
use polyroute::{ChatRequest, Result, Route};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
struct Invoice {
    /// Who pays.
    customer: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Line {
    item: String,
    quantity: u32,
    /// Of one piece.
    cents: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let support::Stage { builder, models, sandbox } =
        support::stage(&["openai/gpt-6.1-terra", "google/gemini-3.8-flash"]).await?;
    const ANSWER: &str = r#"{"customer":"Ada","lines":[{"item":"lamp","quantity":2,"cents":1250},
                             {"item":"cable","quantity":1,"cents":300}]}"#;
    if let Some(sandbox) = &sandbox {
        // The first try has a word where a number belongs.
        sandbox.openai().then(Reply::text(ANSWER.replace("1250", "\"12.50\""))).then(Reply::text(ANSWER));
    }
    let client = builder.route("extract", Route::ordered(models)).build()?;
    let request = ChatRequest::new("extract")
        .user("Ada bought two lamps at 12.50 each and a cable for 3.00. Make an invoice.");

    let typed = client.chat_as::<Invoice>(&request).await?;
    let invoice = &typed.value;
    println!("{} for {}:", typed.response.target(), invoice.customer);
    for line in &invoice.lines {
        println!("  {} x {} at {} cents", line.quantity, line.item, line.cents);
    }
    let total: u64 = invoice.lines.iter().map(|line| u64::from(line.quantity) * line.cents).sum();
    println!("  {total} cents in all");
    let mended = if typed.rejected.is_some() { "mended once" } else { "right at once" };
    println!("  {mended}; {}", typed.total_cost().map_or("cost unknown".into(), |cost| cost.to_string()));

    if let Some(sandbox) = &sandbox {
        // An answer that hits the token limit is half a JSON text. Asking again would not help, so nobody does.
        let mut cut = Reply::text(ANSWER.get(..40).unwrap_or(ANSWER));
        cut.finish_reason = Some(FinishReason::Length);
        sandbox.openai().then(cut);
        if let Err(error) = client.chat_as::<Invoice>(&request).await {
            println!("\ncut off: {error}");
            let raw = error.partial().map(|reply| reply.message.text()).unwrap_or_default();
            println!("what came is kept apart from the error's words: {} bytes", raw.len());
        }
    }
    Ok(())
}
