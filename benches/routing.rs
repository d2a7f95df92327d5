//! Deciding between 10, 171 and 1000 targets: constraints, then policy.

use std::hint::black_box;
use std::time::SystemTime;

use criterion::{Criterion, criterion_group, criterion_main};
use polyroute::RoutingPolicy;
use polyroute::catalog::Capability;
use polyroute::provider::vendor;
use polyroute::routing::policy::{Cheapest, Ordered};
use polyroute::routing::{Candidate, RequestFacts, filter};

fn routing(criterion: &mut Criterion) {
    let catalogue = vendor::catalogue();
    let all: Vec<Candidate> = catalogue
        .models()
        .into_iter()
        .filter_map(|(provider, model)| {
            let target = polyroute::Target::new(provider, &model.id).ok()?;
            Some(Candidate::new(target, Some(model)))
        })
        .collect();
    let mut facts =
        RequestFacts::new(500, SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000));
    facts.needs = vec![Capability::Tools];
    for count in [10, 171, 1000] {
        // Real rows, spread over all vendors, that can serve the request: filtering then keeps them all.
        let able = filter(&facts, &all).candidates.into_owned();
        let candidates: Vec<Candidate> =
            able.iter().step_by(able.len() / count).take(count).cloned().collect();
        assert_eq!(candidates.len(), count);
        for policy in [&Ordered::new() as &dyn RoutingPolicy, &Cheapest::new()] {
            criterion.bench_function(&format!("{} of {count}", policy.name()), |bench| {
                bench.iter(|| {
                    let kept = filter(black_box(&facts), black_box(&candidates));
                    policy.plan(&facts, &kept.candidates)
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = routing
}
criterion_main!(benches);
