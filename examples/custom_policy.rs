//! A routing policy of your own: a few percent of the traffic tries the new model first.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use std::collections::BTreeMap;

use polyroute::routing::{Choice, Plan, RequestFacts, Shortlist};
use polyroute::testing::ScriptedProvider;
use polyroute::types::Reply;
use polyroute::{Client, Result, Route, RoutingPolicy};

/// The usual target stands first, the new one last; either is the fallback of the other.
#[derive(Debug)]
struct Canary {
    percent: u64,
}

impl RoutingPolicy for Canary {
    fn name(&self) -> &'static str {
        "canary"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        // Chance arrives as a fact, so that a plan can be repeated.
        let canary = facts.chance % 100 < self.percent;
        let reason = if canary { "canary" } else { "usual" };
        let mut choices: Vec<_> = shortlist.positions().map(|place| Choice::new(place, reason)).collect();
        if canary {
            choices.reverse();
        }
        Plan::new(choices)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    println!(
        "Scripted providers in this process (polyroute::testing::ScriptedProvider); no key, no network.\n"
    );
    let client = Client::builder()
        .provider(ScriptedProvider::new("lab").always(|| Reply::text("ok")))
        .route("app", Route::with_policy(Canary { percent: 10 }, ["lab/stable", "lab/new"]))
        .seed(7)
        .build()?;

    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..1_000 {
        let answer = client.chat(("app", "hello")).await?;
        *answers.entry(answer.target().to_string()).or_default() += 1;
    }
    for (target, count) in answers {
        println!("{target:<12} {count} of 1000");
    }
    Ok(())
}
