//! One product, three kinds of work: people who wait, work by night, and data that must not leave the house.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use std::time::Duration;

use polyroute::catalog::{Price, Rates};
use polyroute::routing::policy::Conditional;
use polyroute::routing::{RouteTarget, SensitiveData, Traits};
use polyroute::testing::{ScriptedProvider, VirtualClock};
use polyroute::types::{CallOptions, Preferences, Reply, Stakes};
use polyroute::{ChatRequest, Client, Error, ErrorKind, Result, Route, Usage};

#[tokio::main]
async fn main() -> Result<()> {
    println!("Scripted providers in this process, a virtual clock; no key, no network.\n");
    let clock = VirtualClock::automatic(std::time::UNIX_EPOCH + Duration::from_secs(1_795_003_200));
    let ready = |name| {
        ScriptedProvider::new(name)
            .on_clock(clock.clone())
            .always(|| Reply::text("ok").with_usage(Usage::of(200, 100)))
    };
    let grand = ready("grand");
    let off_peak =
        Price::per_million("0.6", "2.4")?.scheduled(&[], "16:30-00:30", Rates::per_million("0.2", "0.8")?)?;
    let client = Client::builder()
        .provider(grand.clone())
        .provider(ready("value"))
        .provider(ready("swift"))
        .provider(ready("house"))
        .price("grand/large", Price::per_million("5", "25")?)
        .price("value/medium", off_peak)
        .price("swift/small", Price::per_million("0.3", "1.2")?)
        .describe("grand", Traits::new().quality(0.9).region("us"))
        .describe("value", Traits::new().quality(0.7).region("eu"))
        .describe("swift", Traits::new().quality(0.4).region("eu"))
        .describe("house", Traits::new().quality(0.5).region("eu").self_hosted())
        .route(
            "app",
            Route::chain(["grand/large"], ["value/medium"], ["swift/small", "house/own"])
                .sensitive(SensitiveData::new().tag("medical").detect()),
        )
        .route("night", Route::batch(0.4, ["grand/large", "value/medium", "swift/small"].map(RouteTarget::from)))
        .route("plans", Route::with_policy(
            Conditional::from_json(
                r#"{"conditions": [{"query": {"metadata.plan": {"$in": ["team", "pro"]}}, "then": "grand"}],
                    "default": "swift"}"#,
            )?,
            ["grand/large", "swift/small"],
        ))
        .clock(clock.clone())
        .seed(1)
        .build()?;

    println!("People who wait (route app):");
    let ask = |options: CallOptions| ChatRequest::new("app").user("hello").options(options);
    show(&client, "  as usual", ask(CallOptions::new())).await?;
    show(&client, "  low stakes", ask(CallOptions::new().stakes(Stakes::Low))).await?;
    let europe = Preferences::new().residency(["eu"]);
    show(&client, "  in Europe only", ask(CallOptions::new().preferences(europe))).await?;
    grand.then(Error::new(ErrorKind::Overloaded, "full"));
    show(&client, "  the best is full", ask(CallOptions::new())).await?;

    println!("\nSensitive data stays on our own machines:");
    show(&client, "  tagged medical", ask(CallOptions::new().tag("medical"))).await?;
    show(&client, "  holds a card number", ("app", "charge 4111 1111 1111 1111").into()).await?;

    println!("\nWork that nobody waits for (route night), quality at least 0.4:");
    show(&client, "  at noon", ("night", "hello").into()).await?;
    clock.advance(Duration::from_secs(8 * 3_600));
    show(&client, "  at eight in the evening", ("night", "hello").into()).await?;

    println!("\nBy rules from a file (route plans):");
    let plan = |plan: &str| {
        ChatRequest::new("plans").user("hello").options(CallOptions::new().attribute("plan", plan))
    };
    show(&client, "  plan pro", plan("pro")).await?;
    show(&client, "  plan free", plan("free")).await?;

    println!("\nWhen nothing is left, the error names what removed each target:");
    let impossible = Preferences::new().residency(["ch"]).zero_retention();
    if let Err(error) = client.chat(ask(CallOptions::new().preferences(impossible))).await {
        println!("  {error}");
    }
    Ok(())
}

async fn show(client: &Client, what: &str, request: ChatRequest) -> Result<()> {
    let answer = client.chat(request).await?;
    let why = answer.decision().ranked.iter().find(|ranked| ranked.target == *answer.target());
    let why = why.map_or("", |ranked| &*ranked.reason);
    println!("{what:<26} {:<13} {why}", answer.target().to_string());
    Ok(())
}
