//! Second attempts beside slow ones: what they gain, what they cost, and when there are none.

use std::sync::Mutex;
use std::time::Duration;

use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::resilience::{HedgePolicy, Timeouts};
use polyroute::testing::ScriptedStep;
use polyroute::types::{AttemptReason, Reply};
use polyroute::{ErrorKind, Usage};

use crate::town::{Call, MS, SECOND, Town, answered, well};

/// Answers that begin after 60 to 140 ms, and of the first provider one in twenty after twenty times as long.
fn uneven(town: &Town) {
    for (provider, slow) in [(&town.a, true), (&town.b, false)] {
        let chance = Mutex::new(fastrand::Rng::with_seed(17));
        provider.always(move || {
            let mut chance = chance.lock().unwrap();
            let usual = MS * chance.u32(60..=140);
            let after = if slow && chance.u32(0..20) == 0 { usual * 20 } else { usual };
            ScriptedStep::new().pause(after).reply(Reply::text("ok").with_usage(Usage::of(10, 1)))
        });
    }
}

/// The time that so many of a hundred calls took at most.
fn percentile(calls: &[Call], percent: usize) -> Duration {
    let mut times: Vec<Duration> = calls.iter().map(|call| call.took).collect();
    times.sort();
    times[times.len() * percent / 100]
}

#[test]
fn s17_hedges_cut_the_slowest_calls_short_at_a_twentieth_more_calls_and_both_are_booked() {
    let town = Town::with(|builder| {
        builder.hedging(HedgePolicy::default()).ledger(MemoryLedger::new(100_000)).ledger_queue(100_000)
    });
    uneven(&town);
    let plain = Town::new();
    uneven(&plain);

    let calls = town.load_streamed("both", 6_000, 20 * MS);
    let unhedged = plain.load_streamed("both", 6_000, 20 * MS);

    assert_eq!(answered(&calls), calls.len());
    let (p95, p99) = (percentile(&calls, 95), percentile(&calls, 99));
    assert!(p99 <= 2 * p95, "p95 {p95:?}, p99 {p99:?}");
    assert!(percentile(&unhedged, 99) > 4 * p99, "without hedges p99 is {:?}", percentile(&unhedged, 99));
    let hedged: Vec<&Call> = calls.iter().filter(|call| call.attempts == 2).collect();
    assert!(hedged.len() > 200 && hedged.len() * 100 <= 5 * calls.len(), "{} hedges", hedged.len());
    // Every loser is cancelled, and nothing runs on.
    assert_eq!(town.a.cancelled() + town.b.cancelled(), hedged.len());
    assert_eq!((town.a.in_flight(), town.b.in_flight(), town.clock.pending()), (0, 0, 0));
    let asked = town.a.calls().len() + town.b.calls().len();
    assert_eq!(asked, calls.len() + hedged.len());
    // The ledger has a row for both, and each has a price.
    let books = town.client.books().unwrap().clone();
    let entries = town.run(async {
        books.flush().await.unwrap();
        books.entries(&Query::all().kind(EntryKind::Attempt)).await.unwrap()
    });
    assert_eq!(entries.len(), asked);
    let seconds = entries.iter().filter(|entry| entry.reason == AttemptReason::Hedge.as_str());
    assert_eq!(seconds.count(), hedged.len());
    let lost: Vec<_> = entries.iter().filter(|entry| entry.outcome == "cancelled").collect();
    assert_eq!(lost.len(), hedged.len());
    assert!(lost.iter().all(|entry| entry.cost.is_some_and(|cost| cost.pico() > 0)));
}

#[test]
fn s18_in_a_total_outage_hedges_stop_and_add_less_than_a_fifth() {
    for hangs in [true, false] {
        let timeouts = Timeouts::default().first_token(2 * SECOND);
        let town = Town::with(|builder| builder.hedging(HedgePolicy::default()).timeouts(timeouts));
        town.load_streamed("both", 1_000, 20 * MS);
        let began = town.clock.elapsed();
        let healthy = town.a.calls().len() + town.b.calls().len();
        assert_eq!(healthy, 1_000, "nothing was slow, so nothing was hedged");
        for provider in [&town.a, &town.b] {
            provider.always(move || match hangs {
                true => ScriptedStep::new().hang(),
                // Slower than all answers so far, so that each call would be hedged.
                false => ScriptedStep::new().pause(SECOND).fail(ErrorKind::Server),
            });
        }

        let calls = town.load_streamed("both", 6_000, 10 * MS);

        assert_eq!(answered(&calls), 0);
        let sent = town.a.calls().len() + town.b.calls().len() - healthy;
        assert!(sent * 100 <= 120 * calls.len(), "{sent} calls upstream for {}", calls.len());
        let hedges: Vec<&Call> = calls
            .iter()
            .filter(|call| {
                let attempts = call.error.as_ref().map_or(&[][..], |error| error.attempts());
                attempts.iter().any(|attempt| attempt.reason == AttemptReason::Hedge)
            })
            .collect();
        assert!(!hedges.is_empty() && hedges.len() * 100 <= 5 * calls.len(), "{} hedges", hedges.len());
        // Once both targets have failed there are none.
        let last = hedges.iter().map(|call| call.asked).max().unwrap() - began;
        assert!(last <= 5 * SECOND, "the last hedge was made {last:?} after the outage began");
    }
}

#[test]
fn a_hedge_that_nobody_needs_any_more_harms_nobody() {
    let town = Town::with(|builder| builder.hedging(HedgePolicy::default()));
    town.load_streamed("both", 200, 20 * MS);
    town.b.always(|| ScriptedStep::new().hang());
    town.a.then(well(150 * MS));

    let calls = town.load_streamed("both", 1, MS);

    assert_eq!((calls[0].by.as_deref(), calls[0].attempts), (Some("a"), 2));
    let b = town.client.health().into_iter().find(|target| target.target.provider() == "b").unwrap();
    assert_eq!((b.failures, b.consecutive_failures, b.signals.in_flight), (0, 0, 0));
}
