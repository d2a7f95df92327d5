//! An answer that fits a JSON Schema, read into a struct.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

mod support;

use polyroute::types::{FinishReason, Reply};
use polyroute::{ChatRequest, ResponseFormat, Result, Route};
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize)]
struct Invoice {
    customer: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    item: String,
    quantity: u32,
    cents: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let support::Stage { builder, models, sandbox } =
        support::stage(&["openai/gpt-6.1-terra", "google/gemini-3.8-flash"]).await?;
    const ANSWER: &str = r#"{"customer":"Ada","lines":[{"item":"lamp","quantity":2,"cents":1250},
                             {"item":"cable","quantity":1,"cents":300}]}"#;
    if let Some(sandbox) = &sandbox {
        sandbox.openai().then(Reply::text(ANSWER));
    }
    let client = builder.route("extract", Route::ordered(models)).build()?;

    let schema = json!({
        "type": "object",
        "properties": {
            "customer": {"type": "string"},
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "item": {"type": "string"},
                        "quantity": {"type": "integer"},
                        "cents": {"type": "integer"}
                    },
                    "required": ["item", "quantity", "cents"],
                    "additionalProperties": false
                }
            }
        },
        "required": ["customer", "lines"],
        "additionalProperties": false
    });
    let request = ChatRequest::new("extract")
        .user("Ada bought two lamps at 12.50 each and a cable for 3.00. Make an invoice.")
        .response_format(ResponseFormat::json_schema("invoice", schema));

    let answer = client.chat(&request).await?;
    let invoice: Invoice = answer.parse()?;
    println!("{} for {}:", answer.target(), invoice.customer);
    for line in &invoice.lines {
        println!("  {} x {} at {} cents", line.quantity, line.item, line.cents);
    }
    let total: u64 = invoice.lines.iter().map(|line| u64::from(line.quantity) * line.cents).sum();
    println!("  {total} cents in all");

    if let Some(sandbox) = &sandbox {
        // An answer that hits the token limit is half a JSON text. The error says so.
        let mut cut = Reply::text(ANSWER.get(..40).unwrap_or(ANSWER));
        cut.finish_reason = Some(FinishReason::Length);
        sandbox.openai().then(cut);
        let answer = client.chat(&request).await?;
        if let Err(error) = answer.parse::<Invoice>() {
            println!("\ncut off: {error}");
        }
    }
    Ok(())
}
