//! A thousand requests with a budget and a progress bar, stopped halfway and resumed without paying twice. Always asks a
//! fake vendor on this machine.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{Either, select};
use indicatif::{ProgressBar, ProgressStyle};
use polyroute::account::{MemoryLedger, Query};
use polyroute::client::{Batch, BatchProgress, BatchReport};
use polyroute::testing::{Fault, Sandbox};
use polyroute::types::CallOptions;
use polyroute::{ChatRequest, Client, Result, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    println!("A fake vendor on this machine (polyroute::testing::Sandbox); no key, no network.");
    println!("Model name and prices are real; answers and token counts are made up.\n");
    let sandbox = Sandbox::start().await?;
    let settings = Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url());
    let client = Client::builder().vendor(settings).ledger(MemoryLedger::new(10_000)).seed(1).build()?;
    // Now and then the vendor has too much to do, or its connection breaks.
    for _ in 0..20 {
        sandbox.openai().then(Fault::Status(503)).then(Fault::Reset);
    }
    let journal = std::env::temp_dir().join(format!("polyroute-example-{}.jsonl", std::process::id()));
    let batch = || -> Result<Batch> {
        Ok(client.batch(reviews()).concurrency(32).budget("1.00".parse()?).journal(&journal))
    };

    println!("--- first run, stopped after 400 answers as if the program had been killed");
    let bar = Bar::new();
    let (halfway, arrived) = Halfway::at(400);
    let run = batch()?.on_progress(bar.follow(move |progress| halfway.look(progress))).run();
    match select(Box::pin(run), Box::pin(arrived)).await {
        Either::Left((report, _)) => summary(&report?),
        Either::Right(((), unfinished)) => drop(unfinished),
    }
    bar.stop();
    let asked = sandbox.openai().requests();
    println!("stopped; the vendor had been asked {asked} times\n");

    println!("--- second run, same requests and same journal");
    let bar = Bar::new();
    let report = batch()?.on_progress(bar.follow(|_| {})).run().await?;
    bar.stop();
    summary(&report);
    for item in report.items.iter().take(3) {
        println!("  {}: {}", item.index, item.text().unwrap_or_default());
    }
    println!("the vendor was asked {} times more\n", sandbox.openai().requests() - asked);

    println!("--- third run: everything is in the journal");
    let report = batch()?.run().await?;
    summary(&report);

    if let Some(books) = client.books() {
        let totals = books.totals(&Query::all().scope("job", "reviews")).await?;
        println!(
            "\nThe ledger: {} calls, {} attempts, {}, of which {} are estimates of what calls had used when they were \
             stopped",
            totals.calls, totals.attempts, totals.cost, totals.estimated
        );
    }
    let _ = std::fs::remove_file(&journal);
    Ok(())
}

fn reviews() -> impl Iterator<Item = ChatRequest> {
    (1..=1_000).map(|number| {
        ChatRequest::new("openai/gpt-6-luna")
            .system("Is the review friendly? Answer yes or no.")
            .user(format!("Review {number}: it works, mostly."))
            .max_output_tokens(40)
            .options(CallOptions::new().scope("job", "reviews"))
    })
}

fn summary(report: &BatchReport) {
    println!(
        "{} answered ({} of them from the journal), {} failed, {} not sent, {} in all",
        report.answered(),
        report.resumed,
        report.failed(),
        report.not_run(),
        report.spent
    );
}

/// A bar on a terminal, and a line now and then elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} [{elapsed}, {eta} left]");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    fn follow(
        &self,
        also: impl Fn(&BatchProgress) + Send + Sync + 'static,
    ) -> impl Fn(&BatchProgress) + Send + Sync + 'static {
        let bar = self.0.clone();
        let quarter = AtomicUsize::new(0);
        move |progress| {
            let over = progress.done + progress.failed;
            bar.set_length(u64::try_from(progress.total).unwrap_or(0));
            bar.set_position(u64::try_from(over).unwrap_or(0));
            bar.set_message(format!("{} running, {:.4} spent", progress.running, progress.spent));
            if bar.is_hidden() {
                let now = over * 4 / progress.total.max(1);
                if quarter.fetch_max(now, Ordering::Relaxed) < now {
                    println!("{over} of {}, {:.4} spent", progress.total, progress.spent);
                }
            }
            also(progress);
        }
    }

    fn stop(&self) {
        self.0.abandon();
    }
}

/// Tells when a number of answers have come.
struct Halfway {
    answers: usize,
    tell: Arc<tokio::sync::Notify>,
}

impl Halfway {
    fn at(answers: usize) -> (Self, impl Future<Output = ()>) {
        let tell = Arc::new(tokio::sync::Notify::new());
        let told = Arc::clone(&tell);
        (Self { answers, tell }, async move { told.notified().await })
    }

    fn look(&self, progress: &BatchProgress) {
        if progress.done >= self.answers {
            self.tell.notify_one();
        }
    }
}
