//! Candidates, facts and live states by chance.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use polyroute::catalog::{Capability, Model, Price, Rates, Support};
use polyroute::routing::{Candidate, Candidates, Health, Live, RequestFacts, Traits, Warm};
use polyroute::types::{Sensitivity, Stakes};

pub(crate) fn facts() -> RequestFacts {
    RequestFacts::new(1000, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000))
}

pub(crate) fn candidate(name: &str, price: Option<(&str, &str)>) -> Candidate {
    let mut model = Model::new("m");
    model.price = price.map(|(input, output)| Price::per_million(input, output).unwrap());
    Candidate::new(format!("{name}/m").parse().unwrap(), Some(Arc::new(model)))
}

/// A target with anything that may be known of one, or nothing.
pub(crate) fn random_candidate(random: &mut fastrand::Rng, number: usize) -> Candidate {
    let target = format!("p{number}/m{}", number % 7).parse().unwrap();
    if random.u8(..10) == 0 {
        return Candidate::new(target, None);
    }
    let mut model = Model::new("m");
    let rate = |random: &mut fastrand::Rng| random.u8(..20).to_string();
    model.price = (random.u8(..5) > 0).then(|| {
        let mut price = Price::per_million(&rate(random), &rate(random)).unwrap();
        if random.bool() {
            price = price.cached_input("0.5").unwrap();
        }
        if random.u8(..4) == 0 {
            price = price.tier(200, Rates::per_million(&rate(random), &rate(random)).unwrap());
        }
        if random.u8(..4) == 0 {
            let cheaper = Rates::per_million(&rate(random), &rate(random)).unwrap();
            price = price.scheduled(&[], "00:00-12:00", cheaper).unwrap();
        }
        price
    });
    model.context_window = random.bool().then(|| random.u64(100..2_000));
    for capability in [Capability::Tools, Capability::Vision] {
        let support = [Support::Yes, Support::No, Support::Unknown][random.usize(..3)];
        model.capabilities = model.capabilities.with(capability, support);
    }
    let mut traits = Traits::new();
    if random.bool() {
        traits = traits.weight([0.0, 1.0, 2.5, f64::NAN, f64::INFINITY, -1.0][random.usize(..6)]);
    }
    if random.bool() {
        traits = traits.quality([0.0, 0.5, 0.9, f64::NAN, 7.0][random.usize(..5)]);
    }
    Candidate::new(target, Some(Arc::new(model))).with_traits(traits)
}

pub(crate) fn random_candidates(random: &mut fastrand::Rng) -> Candidates {
    (0..random.usize(0..60)).map(|number| random_candidate(random, number)).collect()
}

pub(crate) fn random_facts(random: &mut fastrand::Rng, candidates: &Candidates) -> RequestFacts {
    let mut facts = facts();
    facts.input_tokens = random.u64(..400);
    facts.output_tokens = random.u64(..400);
    facts.max_targets = random.usize(1..10);
    facts.at += Duration::from_secs(random.u64(..86_400));
    facts.chance = random.u64(..);
    facts.session = random.bool().then(|| random.u64(..));
    facts.stakes = [Stakes::Low, Stakes::Normal, Stakes::High][random.usize(..3)];
    facts.sensitivity = Sensitivity::Ordinary;
    for _ in 0..random.usize(..3) {
        if let Some(row) = candidates.get(random.usize(..=candidates.len())) {
            let probability = [0.0, 0.5, 1.0, f64::NAN, 9.0][random.usize(..5)];
            facts.warm.push(Warm::new(row.target.clone(), random.u64(..500), probability));
        }
    }
    facts
}

pub(crate) fn random_live(random: &mut fastrand::Rng, count: usize) -> Vec<Live> {
    (0..count)
        .map(|_| {
            let mut live = Live::default();
            live.health = [Health::Healthy, Health::Degraded, Health::Unavailable][random.usize(..3)];
            live.first_token = random.bool().then(|| Duration::from_millis(random.u64(..5_000)));
            live.tokens_per_second =
                random.bool().then(|| [0.0, 50.0, f64::NAN, f64::INFINITY][random.usize(..4)]);
            live.in_flight = random.u32(..50);
            live.headroom = random.bool().then(|| [0.0, 0.3, 1.0, f64::NAN, -3.0][random.usize(..5)]);
            live
        })
        .collect()
}
