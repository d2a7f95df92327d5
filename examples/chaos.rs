//! Random outages in virtual time, and whether the rules hold in all of them. Every schedule is named by its seed, so
//! that one that breaks a rule can be run again.
//!
//! `cargo run --release --example chaos -- --schedules 1000000 --seed 1` takes a few minutes; without arguments a few
//! seconds. `--calls 1000000` asks that often while two of three providers are down all the time.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an example shows its output"
)]

#[path = "support/chaos/invariants.rs"]
mod invariants;
#[path = "support/chaos/world.rs"]
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use invariants::{Violation, check};
use world::Outcomes;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        let value = place.and_then(|place| arguments.get(place + 1)?.parse().ok());
        if place.is_some() { value.expect("a number follows each name") } else { default }
    };
    let (schedules, seed) = (number("--schedules", 1_000), number("--seed", 1));
    let calls = number("--calls", 10_000);
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;

    println!(
        "{schedules} schedules of three providers that fail at random, from seed {seed}, {threads} threads"
    );
    let next = AtomicU64::new(0);
    let sums: Vec<Sums> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(seed, schedules, &next))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let mut sum = sums.into_iter().fold(Sums::default(), Sums::and);
    sum.print();

    println!();
    println!("{calls} calls while two of three providers are down all the time");
    let share = calls.div_ceil(threads);
    let long: Vec<(u64, u64, u64)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || world::endure(seed.wrapping_add(thread), share)))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    let (asked, answered, sent) =
        long.iter().fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
    println!("  success                     {:>12} of {asked} ({})", answered, percent(answered, asked));
    println!("  upstream calls per request  {:>12}", ratio(sent, asked));
    let mut missed = Vec::new();
    if answered * 10_000 < asked * 9_999 {
        missed.push("less than 99.99 % succeeded although one provider was well");
    }

    println!();
    println!("{calls} calls while all providers are down");
    let (asked, answered, sent) = world::outage(seed, calls);
    println!("  success                     {:>12} of {asked}", answered);
    println!("  upstream calls per request  {:>12}", ratio(sent, asked));
    if sent * 4 > asked * 5 {
        missed.push("more than 1.25 upstream calls for each request in a total outage");
    }
    if sum.lost > 0 {
        missed.push("calls failed although they were patient and a target was well");
    }

    println!();
    for missed in &missed {
        println!("missed: {missed}");
    }
    if sum.violations.is_empty() {
        println!("no rule was broken");
        return if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    for (seed, violation) in sum.violations.iter().take(10) {
        println!(
            "\nbroken: {violation}\n  again: cargo run --release --example chaos -- --schedules 1 --seed {seed}"
        );
    }
    println!("\n{} schedules broke a rule", sum.violations.len());
    ExitCode::FAILURE
}

fn work(seed: u64, schedules: u64, next: &AtomicU64) -> Sums {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let mut sums = Sums::default();
    loop {
        let own = next.fetch_add(1, Ordering::Relaxed);
        if own >= schedules {
            return sums;
        }
        let own = seed.wrapping_add(own);
        let outcomes = world::run(own, &runtime);
        if let Err(violation) = check(&outcomes.trace) {
            if schedules == 1 {
                for (at, event) in &outcomes.trace.events {
                    println!("    {at:>14?}  {event:?}");
                }
            }
            sums.violations.push((own, violation));
        }
        sums.add(outcomes);
    }
}

/// The sums of many schedules.
#[derive(Default)]
struct Sums {
    schedules: u64,
    calls: u64,
    answered: u64,
    cancelled: u64,
    lost: u64,
    sent: u64,
    wasted_tokens: u64,
    tokens: u64,
    lost_time: Spread,
    library_time: Spread,
    detection: Spread,
    failures: Spread,
    recovery: Spread,
    violations: Vec<(u64, Violation)>,
}

impl Sums {
    fn add(&mut self, one: Outcomes) {
        self.schedules += 1;
        self.calls += one.calls;
        self.answered += one.answered;
        self.cancelled += one.cancelled;
        self.lost += one.lost;
        self.sent += one.sent;
        self.wasted_tokens += one.wasted_tokens;
        self.tokens += one.tokens;
        one.lost_time.into_iter().for_each(|value| self.lost_time.add(value));
        one.library_time.into_iter().for_each(|value| self.library_time.add(value));
        for (time, failures) in one.detection {
            self.detection.add(time);
            self.failures.add(failures.into());
        }
        one.recovery.into_iter().for_each(|value| self.recovery.add(value));
    }

    fn and(mut self, other: Self) -> Self {
        self.schedules += other.schedules;
        self.calls += other.calls;
        self.answered += other.answered;
        self.cancelled += other.cancelled;
        self.lost += other.lost;
        self.sent += other.sent;
        self.wasted_tokens += other.wasted_tokens;
        self.tokens += other.tokens;
        self.lost_time.merge(&other.lost_time);
        self.library_time.merge(&other.library_time);
        self.detection.merge(&other.detection);
        self.failures.merge(&other.failures);
        self.recovery.merge(&other.recovery);
        self.violations.extend(other.violations);
        self
    }

    fn print(&mut self) {
        let stayed = self.calls - self.cancelled;
        println!(
            "  calls                       {:>12}, of which the caller let go of {}",
            self.calls, self.cancelled
        );
        println!("  success of the others       {:>12} ({})", self.answered, percent(self.answered, stayed));
        println!("  lost with a healthy target  {:>12}", self.lost);
        println!("  upstream calls per request  {:>12}", ratio(self.sent, self.calls));
        println!("  lost to failures, ms        {}", self.lost_time.show(1_000));
        println!("  time of the library, µs     {}", self.library_time.show(1_000));
        println!("  time to detect, ms          {}", self.detection.show(1));
        println!("  failures until detected     {}", self.failures.show(1));
        println!("  time to recover, ms         {}", self.recovery.show(1));
        println!("  wasted tokens               {:>12} of {}", self.wasted_tokens, self.tokens);
        println!("  schedules with a violation  {:>12} of {}", self.violations.len(), self.schedules);
    }
}

/// Counts values in buckets that are an eighth of a doubling wide.
struct Spread(Vec<u64>);

impl Default for Spread {
    fn default() -> Self {
        Self(vec![0; 64 * 8])
    }
}

impl Spread {
    fn add(&mut self, value: u64) {
        let value = value.max(1);
        let doubling = value.ilog2();
        let eighth = if doubling < 3 { (value << (3 - doubling)) & 7 } else { (value >> (doubling - 3)) & 7 };
        self.0[doubling as usize * 8 + eighth as usize] += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own += other;
        }
    }

    /// The value that this many hundredths do not exceed, to an eighth.
    fn at(&self, hundredth: u64) -> Option<u64> {
        let all: u64 = self.0.iter().sum();
        let mut seen = 0;
        let place = self.0.iter().position(|count| {
            seen += count;
            seen * 100 >= all * hundredth && seen > 0
        })?;
        let (doubling, eighth) = ((place / 8) as u32, (place % 8) as u64);
        Some(((8 + eighth) << doubling) >> 3)
    }

    fn show(&self, unit: u64) -> String {
        let value = |hundredth| match self.at(hundredth) {
            Some(value) => format!("{}.{}", value / unit, value % unit * 10 / unit),
            None => "-".to_owned(),
        };
        format!("p50 {:>9}  p95 {:>9}  p99 {:>9}", value(50), value(95), value(99))
    }
}

fn percent(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(100_000).checked_div(whole).unwrap_or(0);
    format!("{}.{:03} %", thousandths / 1_000, thousandths % 1_000)
}

fn ratio(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1_000).checked_div(whole).unwrap_or(0);
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}
