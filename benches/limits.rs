//! Reserving and settling: four scopes in memory, a microsecond of CPU time at most.

#![expect(clippy::expect_used, clippy::float_arithmetic, clippy::print_stdout, reason = "a measurement")]

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use polyroute::Usd;
use polyroute::clock::SystemClock;
use polyroute::quota::{
    AtTarget, CostBound, Demand, Gate, Host, Limit, Limits, Notice, Patience, Subject, Unit, Used, Window,
};
use polyroute::store::{Claim, MemoryStore, Meter, Rule, Store};
use polyroute::types::{CallOptions, Priority};
use support::thread_cpu_ns;

const MINUTE: Duration = Duration::from_secs(60);

/// The most that reserving and settling may take for four scopes.
const LIMIT_NS: f64 = 1_000.0;

/// CPU time of the quickest of a few rounds: what else runs on the machine only ever adds to it. Thrice the limit is a failure
/// on any machine; less than that may be the machine's.
fn hold(name: &str, mut work: impl FnMut()) {
    const TIMES: u32 = 50_000;
    let mut round = || {
        let before = thread_cpu_ns();
        (0..TIMES).for_each(|_| work());
        (thread_cpu_ns() - before) as f64 / f64::from(TIMES)
    };
    let best = (0..20).map(|_| round()).fold(f64::INFINITY, f64::min);
    println!("{name}: {best:.0} ns CPU (limit {LIMIT_NS:.0} ns)");
    assert!(best <= 3.0 * LIMIT_NS, "{name} takes more than three times its limit");
}

struct Nobody;

impl Host for Nobody {
    fn notice(&self, _: Notice<'_>) {}
    fn finish(&self, _: BoxFuture<'static, ()>) {}
    fn watch(&self, _: BoxFuture<'static, ()>) {}
}

fn limits(criterion: &mut Criterion) {
    let clock = Arc::new(SystemClock::new());
    let store = Arc::new(MemoryStore::new(1_000, Arc::clone(&clock) as _));

    let claims: Vec<Claim> = ["all", "team", "user", "key"]
        .into_iter()
        .filter_map(|key| Meter::new(key, Rule::Total { limit: Some(Meter::MOST) }, None).ok())
        .map(|meter| Claim::new(Arc::new(meter), 1))
        .collect();
    let mut id = 0;
    let mut on_meters = || {
        id += 1;
        let verdict = store.reserve(id, MINUTE, &claims).now_or_never();
        let levels = store.settle(id, &claims).now_or_never();
        assert!(black_box((verdict, levels)).1.is_some_and(|levels| levels.is_ok()));
    };
    hold("store: reserve and settle on 4 meters", &mut on_meters);
    criterion.bench_function("store: reserve and settle on 4 meters", |bench| bench.iter(&mut on_meters));

    let monthly =
        || Limit::cost(Usd::from_pico(i128::MAX / 1_000_000_000_000), Window::calendar(Unit::Month));
    let four = Limits::new()
        .limit(monthly())
        .limit(monthly().each("team"))
        .limit(monthly().each("user"))
        .limit(Limit::requests(1_000_000_000, Window::refill(Duration::from_secs(1))));
    let gate = Gate::new(&four, store, clock, Arc::new(Nobody)).expect("limits");
    let options = CallOptions::new().scope("team", "search").scope("user", "anna");
    let demand = Demand::new(CostBound::Known(Usd::from_pico(2)), 10, Some(10));
    let used = Used { cost: Usd::from_pico(1), input_tokens: 10, output_tokens: 5, requests: 1 };
    let patience = Patience::new(Duration::ZERO, Priority::Normal);
    let for_scopes = || {
        let lines = gate.lines(Subject::new(Some(&options), None), &demand).expect("lines");
        let held = gate.take(MINUTE, lines, patience, AtTarget::Wait).now_or_never();
        let held = held.expect("at once").expect("room");
        held.settle(&used).now_or_never().expect("at once");
    };
    hold("limits: look up, reserve and settle for 4 scopes", for_scopes);
    criterion
        .bench_function("limits: look up, reserve and settle for 4 scopes", |bench| bench.iter(for_scopes));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = limits
}
criterion_main!(benches);
