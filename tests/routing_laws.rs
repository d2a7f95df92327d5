//! The laws every policy keeps, and what the two of this crate promise.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test target may panic")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use polyroute::catalog::{Capability, Model, Price, Support};
use polyroute::routing::policy::{Cheapest, Ordered};
use polyroute::routing::{Candidate, RequestFacts, RoutingPolicy, filter};

fn policies() -> [Box<dyn RoutingPolicy>; 2] {
    [Box::new(Ordered::new()), Box::new(Cheapest::new())]
}

fn facts() -> RequestFacts {
    RequestFacts::new(1000, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000))
}

fn candidate(name: &str, price: Option<(&str, &str)>) -> Candidate {
    let mut model = Model::new("m");
    model.price = price.map(|(input, output)| Price::per_million(input, output).unwrap());
    Candidate::new(format!("{name}/m").parse().unwrap(), Some(Arc::new(model)))
}

fn order(policy: &dyn RoutingPolicy, candidates: &[Candidate]) -> Vec<String> {
    let plan = policy.plan(&facts(), candidates);
    plan.choices.iter().map(|choice| candidates[choice.candidate].target.provider().to_owned()).collect()
}

#[test]
fn plans_are_subsets_without_repetition_and_repeatable() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..500 {
        let candidates: Vec<Candidate> = (0..random.usize(0..40))
            .map(|number| {
                let (input, output) = (random.u8(..).to_string(), random.u8(..).to_string());
                candidate(&format!("p{number}"), random.bool().then_some((&*input, &*output)))
            })
            .collect();
        let mut facts = facts();
        facts.max_targets = random.usize(1..10);
        for policy in policies() {
            let plan = policy.plan(&facts, &candidates);
            let chosen: HashSet<usize> = plan.choices.iter().map(|choice| choice.candidate).collect();

            assert_eq!(chosen.len(), plan.choices.len(), "{} repeats, round {round}", policy.name());
            assert!(chosen.iter().all(|place| *place < candidates.len()), "{} invents", policy.name());
            assert_eq!(plan.choices.len(), candidates.len().min(facts.max_targets), "{}", policy.name());
            assert_eq!(plan, policy.plan(&facts, &candidates), "{} is not repeatable", policy.name());
        }
    }
}

#[test]
fn no_candidates_give_an_empty_plan() {
    for policy in policies() {
        assert!(policy.plan(&facts(), &[]).choices.is_empty(), "{}", policy.name());
    }
}

#[test]
fn cheapest_weighs_input_and_output_and_puts_unknown_prices_last() {
    let candidates = [
        candidate("unknown", None),
        candidate("dear", Some(("10", "10"))),
        candidate("cheap-input", Some(("0.1", "9"))),
        candidate("cheap-output", Some(("2", "0.5"))),
        candidate("same-as-cheap-output", Some(("2", "0.5"))),
    ];

    // 1000 tokens in, 500 out: $0.0046, $0.00225 and $0.015.
    assert_eq!(
        order(&Cheapest::new(), &candidates),
        ["cheap-output", "same-as-cheap-output", "cheap-input", "dear", "unknown"]
    );
}

#[test]
fn a_model_known_to_be_unable_is_removed_and_an_unknown_one_stays() {
    let able = |name: &str, support| {
        let mut model = Model::new("m");
        model.capabilities = model.capabilities.with(Capability::Tools, support);
        Candidate::new(format!("{name}/m").parse().unwrap(), Some(Arc::new(model)))
    };
    let candidates = [able("no", Support::No), able("unknown", Support::Unknown), able("yes", Support::Yes)];
    let mut facts = facts();
    facts.needs = vec![Capability::Tools];

    let kept = filter(&facts, &candidates);

    let names: Vec<&str> = kept.candidates.iter().map(|candidate| candidate.target.provider()).collect();
    assert_eq!(names, ["unknown", "yes"]);
    assert_eq!(kept.rejected.len(), 1);
    assert_eq!(kept.rejected[0].target.as_str(), "no/m");
}
