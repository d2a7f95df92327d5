//! What happens when a vendor fails, case by case. Always runs against fake vendors on this machine, because real ones
//! do not fail on demand.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

#[path = "support/report.rs"]
mod report;

use std::time::Duration;

use polyroute::resilience::Timeouts;
use polyroute::testing::{Fault, Garbage, Sandbox, Step};
use polyroute::{ChatRequest, Client, Price, Result, Route, Settings};

#[tokio::main]
async fn main() -> Result<()> {
    println!("Fake vendors on this machine (polyroute::testing::Sandbox); no key, no network.");
    let sandbox = Sandbox::start().await?;
    let (first, second) = (sandbox.vendor("first"), sandbox.vendor("second"));
    let client = Client::builder()
        .vendor(Settings::compatible("first", first.url()))
        .vendor(Settings::compatible("second", second.url()))
        .price("first/small", Price::per_million("0.10", "0.40")?)
        .price("second/large", Price::per_million("1", "4")?)
        .route("both", Route::ordered(["first/small", "second/large"]))
        .timeouts(Timeouts::default().answer(Duration::from_millis(500)))
        .seed(1)
        .build()?;

    let cases: [(&str, &str, Step); 8] = [
        ("overloaded: the other vendor", "both", Fault::Status(503).into()),
        ("the key is wrong: the other vendor, and never again here", "both", Fault::Status(401).into()),
        ("too many requests: the other vendor, at once", "both", Fault::Status(429).into()),
        (
            "too many requests and nowhere else to go: waits as long as it is told to",
            "first/small",
            Step::from(Fault::Status(429)).header("retry-after", "1"),
        ),
        ("the connection is reset: the other vendor", "both", Fault::Reset.into()),
        ("no answer within the limit of 500 ms: the other vendor", "both", Fault::Hang.into()),
        ("a web page in place of an answer: the other vendor", "both", Fault::Garbage(Garbage::Html).into()),
        ("the request is wrong: nobody else is bothered", "both", Fault::Status(400).into()),
    ];
    for (title, model, step) in cases {
        println!("\n--- {title}");
        first.then(step);
        match client.chat((model, "hello")).await {
            Ok(answer) => report::print_attempts(answer.attempts()),
            Err(error) => {
                report::print_attempts(error.attempts());
                println!("  error: {error}");
            }
        }
    }

    println!(
        "\n--- a stream that breaks after its first word: an error, because half an answer was shown already"
    );
    first.then(Fault::CutAfter(3));
    let stream = client.chat_stream(ChatRequest::from(("both", "hello"))).await?;
    if let Err(error) = stream.into_response().await {
        report::print_attempts(error.attempts());
        println!("  error: {error}");
        println!("  arrived: {:?}", error.partial().map(|reply| reply.message.text()));
    }
    Ok(())
}
