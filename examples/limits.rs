//! Rates: thirty calls at once where ten in a second are allowed. Some are told to come again, others wait for their turn,
//! those that matter more first. Always runs against a fake vendor on this machine.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Duration;

use futures::future::join_all;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::testing::Sandbox;
use polyroute::types::{CallOptions, OnLimit, Priority};
use polyroute::{ChatRequest, Client, Result, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    println!("A fake vendor on this machine (polyroute::testing::Sandbox).");
    let sandbox = Sandbox::start().await?;
    let client = Client::builder()
        .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url()))
        .limits(
            Limits::new()
                .limit(Limit::requests(10, Window::refill(Duration::from_secs(1))))
                .limit(Limit::parallel(5).only("vendor", "openai").named("five at a time")),
        )
        .build()?;
    let ask = |priority, on_limit| {
        let options = CallOptions::new().priority(priority).on_limit(on_limit);
        client.chat(ChatRequest::from(("openai/gpt-6-luna", "What is 2 + 2?")).options(options))
    };

    println!("\n--- thirty calls that do not wait");
    let outcomes = join_all((0..30).map(|_| ask(Priority::Normal, OnLimit::Refuse))).await;
    println!("  {} answered", outcomes.iter().filter(|outcome| outcome.is_ok()).count());
    if let Some(error) = outcomes.into_iter().filter_map(Result::err).last() {
        println!("  the others: {error}");
    }

    println!("\n--- twenty calls that do, every fourth of high priority");
    let wait = OnLimit::Wait(Duration::from_secs(20));
    let order = std::sync::Mutex::new(String::new());
    join_all((0..20).map(|number| {
        let (ask, order) = (&ask, &order);
        async move {
            let (priority, letter) =
                if number % 4 == 3 { (Priority::High, 'H') } else { (Priority::Normal, 'n') };
            let letter = if ask(priority, wait).await.is_ok() { letter } else { '-' };
            if let Ok(mut order) = order.lock() {
                order.push(letter);
            }
        }
    }))
    .await;
    println!("  answered in this order: {}", order.into_inner().unwrap_or_default());
    Ok(())
}
