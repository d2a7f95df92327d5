//! Deciding between 10, 171, 1,000 and 10,000 targets: constraints, policy and the check of its plan.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use polyroute::RoutingPolicy;
use polyroute::catalog::{Capability, CapabilitySet, Mode, Support};
use polyroute::provider::vendor;
use polyroute::routing::difficulty::Difficulty;
use polyroute::routing::policy::{Cascade, Cheapest, Composed, Ordered, Score};
use polyroute::routing::{Candidate, Candidates, QualityFloor, Question, RequestFacts, Traits, decide};

fn routing(criterion: &mut Criterion) {
    let needs = Capability::Tools;
    let mut facts = RequestFacts::new(500, SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    facts.needs = CapabilitySet::default().with(needs);
    // Real rows, spread over all vendors; the longest list repeats them under other names.
    let catalogue = vendor::catalogue();
    let rows: Vec<(String, _)> = catalogue
        .models()
        .into_iter()
        .filter(|(_, model)| model.mode == Mode::Chat)
        .map(|(provider, model)| (provider.to_owned(), model))
        .collect();
    let able: Vec<_> =
        rows.iter().filter(|(_, model)| model.supports(needs) != Support::No).cloned().collect();
    for count in [10, 171, 1_000, 10_000] {
        for (name, rows) in [("able", &able), ("mixed", &rows)] {
            let step = (rows.len() / count).max(1);
            let candidates: Candidates = rows
                .iter()
                .step_by(step)
                .cycle()
                .take(count)
                .enumerate()
                .filter_map(|(number, (provider, model))| {
                    let copy = number * step / rows.len();
                    let target = polyroute::Target::new(&format!("{provider}{copy}"), &model.id).ok()?;
                    // The quality made up is that of seven models in ten.
                    let traits = Traits::new().quality(if number % 10 < 7 { 0.7 } else { 0.2 });
                    Some(Candidate::new(target, Some(std::sync::Arc::clone(model))).with_traits(traits))
                })
                .collect();
            assert_eq!(candidates.len(), count);
            let composed = Composed::by(Score::Cost).quality_at_least(0.5).then_by(Score::FirstToken);
            for policy in [&Ordered::new() as &dyn RoutingPolicy, &Cheapest::new(), &composed] {
                check(&format!("{} of {count} {name}", policy.name()), count, || {
                    decide(policy, &Question::new(black_box(&facts), black_box(&candidates)))
                });
                criterion.bench_function(&format!("{} of {count} {name}", policy.name()), |bench| {
                    bench.iter(|| decide(policy, &Question::new(black_box(&facts), black_box(&candidates))));
                });
            }
        }
    }
}

/// Shows how long a decision takes beside its limit: 1 us among 171 targets, 20 us among 10,000. Thrice as long is a failure
/// on any machine; less than that may be the machine's.
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures and shows")]
fn check<T>(name: &str, count: usize, decide: impl Fn() -> T) {
    let batch = |_| {
        let began = Instant::now();
        for _ in 0..64 {
            black_box(decide());
        }
        began.elapsed() / 64
    };
    // What else runs on the machine only ever makes it slower.
    let best = (0..300).map(batch).min().unwrap_or_default();
    let limit = match count {
        171 => Duration::from_micros(1),
        10_000 => Duration::from_micros(20),
        _ => return println!("{name}: {best:?}"),
    };
    println!("{name}: {best:?} (limit {limit:?})");
    assert!(best <= 3 * limit, "{name} takes {best:?}, more than three times {limit:?}");
}

/// What a cascade reads before it decides: two kilobytes of text, first of few words and then of many.
fn difficulty(criterion: &mut Criterion) {
    let few =
        "A store sells 24 boxes of pens for $3.50 each; why is the derivative of x^2 + 7 not constant? ";
    let many: String = (0..400).map(|number| format!("w{}x{number} ", number * 7_919 % 1_000)).collect();
    for (name, prompt) in [("few", few.repeat(40)), ("many", many)] {
        let prompt = prompt.get(..2_048).unwrap_or(&prompt).to_owned();
        criterion.bench_function(&format!("difficulty of 2 KB, {name} words"), |bench| {
            bench.iter(|| Difficulty::shipped().forecast(black_box(&prompt)));
        });
    }
}

/// How long it takes at worst, but for one time in a hundred, to read two kilobytes and decide between 171 targets.
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures and shows")]
fn slowest(_: &mut Criterion) {
    let prompt: String = (0..400).map(|number| format!("w{}x{number} ", number * 7_919 % 1_000)).collect();
    let prompt = prompt.get(..2_048).unwrap_or(&prompt);
    let catalogue = vendor::catalogue();
    let rows = catalogue.models().into_iter().filter(|(_, model)| model.mode == Mode::Chat);
    let candidates: Candidates = rows
        .step_by(8)
        .take(171)
        .filter_map(|(provider, model)| {
            Some(Candidate::new(polyroute::Target::new(provider, &model.id).ok()?, Some(model)))
        })
        .collect();
    let Ok(floor) = QualityFloor::new(0.95) else { return };
    let policy = Cascade::new(floor);
    let mut times: Vec<Duration> = (0..20_000_u64)
        .map(|chance| {
            let began = Instant::now();
            let mut facts = RequestFacts::new(512, SystemTime::UNIX_EPOCH);
            facts.chance = chance;
            facts.gain = policy.escalation().map(|escalation| escalation.gain(black_box(prompt)));
            black_box(decide(&policy, &Question::new(&facts, &candidates)))
                .map_or(Duration::MAX, |_| began.elapsed())
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("signal and decision, 2 KB, 171 targets: p50 {:?}, p99 {:?}", at(50), at(99));
    assert!(at(99) <= Duration::from_micros(200), "more than twice 100 us");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = routing, difficulty, slowest
}
criterion_main!(benches);
