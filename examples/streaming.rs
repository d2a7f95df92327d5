//! A streamed answer in full: reasoning, text, the end, an answer that breaks off, and cancelling.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

mod support;

use std::io::Write as _;
use std::time::Duration;

use polyroute::testing::{Fault, Step};
use polyroute::{ChatRequest, ChatStream, Effort, Result, Route, StreamEvent};

#[tokio::main]
async fn main() -> Result<()> {
    let support::Stage { builder, models, sandbox } =
        support::stage(&["anthropic/claude-sonnet-5-5", "openai/gpt-6.1-terra"]).await?;
    if let Some(sandbox) = &sandbox {
        let step = Step::usual().pace(Duration::from_millis(30));
        sandbox.anthropic().always(step);
    }
    let client = builder.route("chat", Route::ordered(models)).build()?;
    let request = ChatRequest::new("chat").user("Tell me a joke.").reasoning(Effort::Low);

    println!("--- as it arrives");
    show(client.chat_stream(&request).await?).await?;

    println!("\n--- all at once, from the same stream");
    let answer = client.chat_stream(&request).await?.into_response().await?;
    println!("{} characters from {}", answer.text().chars().count(), answer.target());

    println!("\n--- cancelled by dropping it");
    let mut stream = client.chat_stream(&request).await?;
    while let Some(event) = stream.next().await {
        if let Some(word) = event?.as_text() {
            println!("enough after {word:?}");
            break;
        }
    }
    // Closes the connection, so that the vendor stops generating.
    drop(stream);

    if let Some(sandbox) = &sandbox {
        println!("\n--- broken off in the middle: an error with what had arrived, never a quiet end");
        sandbox.anthropic().then(Fault::CutAfter(24));
        if let Err(error) = client.chat_stream(&request).await?.into_response().await {
            let arrived = error.partial().map(|reply| reply.message.text()).unwrap_or_default();
            println!("{error}\narrived: {arrived:?}");
        }
    }
    Ok(())
}

async fn show(mut stream: ChatStream) -> Result<()> {
    let mut shown = "";
    while let Some(event) = stream.next().await {
        match event? {
            StreamEvent::Reasoning(text) => show_delta(&mut shown, "reasoning: ", &text),
            StreamEvent::Text(text) => show_delta(&mut shown, "text: ", &text),
            StreamEvent::Finish(finish) => println!("\nfinished: {:?}", finish.reason),
            StreamEvent::Done(summary) => {
                let cost = summary.cost.map_or("an unknown price".into(), |cost| cost.total.to_string());
                println!("{} for {cost}", summary.target);
            }
            // New kinds of events may be added: skip what you do not need.
            _ => {}
        }
    }
    Ok(())
}

fn show_delta(shown: &mut &str, kind: &'static str, delta: &str) {
    if *shown != kind {
        print!("{}{kind}", if shown.is_empty() { "" } else { "\n" });
        *shown = kind;
    }
    print!("{delta}");
    // The terminal may be gone; the answer matters more.
    let _ = std::io::stdout().flush();
}
