//! Providers that fail, and calls that do not.

use std::time::Instant;

use futures::future::{join, join_all};
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits};
use polyroute::resilience::{HealthPolicy, RetryPolicy, WhenNoneHealthy};
use polyroute::testing::ScriptedStep;
use polyroute::types::{Attempt, OnLimit, Outcome};
use polyroute::{ChatRequest, ErrorKind};

use crate::town::{Call, MS, SECOND, Town, answered, by, percent, well};
use crate::world;

#[test]
fn s01_while_one_of_two_fails_every_call_is_answered_and_the_failing_one_is_hardly_asked() {
    let town = Town::new();
    town.a.always(|| ErrorKind::Overloaded);

    let calls = town.load("both", 6_000, 10 * MS);

    assert_eq!(answered(&calls), 6_000);
    let opened = town.told.counts().opened.len();
    let asked = town.a.calls().len();
    assert!(asked <= 5 + opened, "{asked} calls and {opened} open periods");
    // In virtual time all that the client can add is pauses. Half of the calls that moved on had none to speak of, and no
    // other call had any.
    let (moved, others): (Vec<&Call>, Vec<&Call>) = calls.iter().partition(|call| call.attempts > 1);
    let mut added: Vec<_> = moved.iter().map(|call| call.took - 100 * MS).collect();
    added.sort();
    assert_eq!(moved.len(), asked);
    assert!(added[added.len() / 2] <= 5 * MS, "{:?}", added[added.len() / 2]);
    assert!(others.iter().all(|call| call.took == 100 * MS));
}

#[test]
fn s02_in_a_total_outage_upstream_calls_stay_below_one_and_a_quarter_for_each_request() {
    let town = Town::new();
    town.a.always(|| ErrorKind::Overloaded);
    town.b.always(|| ErrorKind::Overloaded);

    let calls = town.load("both", 6_000, 10 * MS);

    let sent = town.a.calls().len() + town.b.calls().len();
    assert!(sent * 100 <= 125 * calls.len(), "{sent} calls upstream for {} requests", calls.len());
    assert_eq!(answered(&calls), 0);
    // Each error lists what became of every call upstream, so that all of them together list each once. Those that ended
    // before a target was taken out of use asked both, and afterwards one is left to ask.
    let mut listed = 0;
    for error in calls.iter().filter_map(|call| call.error.as_ref()) {
        let attempts = error.attempts();
        let failed = |attempt: &Attempt| attempt.outcome == Outcome::Failed(ErrorKind::Overloaded);
        assert!(!attempts.is_empty() && attempts.iter().all(failed), "{error:?}");
        listed += attempts.len();
    }
    assert_eq!(listed, sent);
    for call in &calls[..2] {
        let attempts = call.error.as_ref().unwrap().attempts();
        for provider in ["a", "b"] {
            assert!(attempts.iter().any(|attempt| attempt.target.provider() == provider), "{attempts:?}");
        }
    }
}

#[test]
fn s03_after_a_total_outage_all_is_well_within_the_longest_open_time_and_without_a_burst() {
    let town = Town::new();
    for provider in [&town.a, &town.b] {
        let clock = town.clock.clone();
        provider.always(move || match clock.elapsed() < 60 * SECOND {
            true => ErrorKind::Overloaded.into(),
            false => well(100 * MS),
        });
    }

    let calls = town.load("both", 12_000, 10 * MS);

    // A call that nobody healthy is left for asks the target that has been out of use longest, so the end of the outage is
    // seen by the first call after it, long before the longest open time of 300 s.
    let late: Vec<&Call> = calls.iter().filter(|call| call.asked >= 60 * SECOND).collect();
    assert!(late.len() == 6_000 && late.iter().all(|call| call.by.is_some()));
    let start = town.clock.now() - town.clock.elapsed();
    for provider in [&town.a, &town.b] {
        let times: Vec<_> =
            provider.calls().iter().map(|call| call.at.saturating_duration_since(start)).collect();
        for second in 60..120 {
            let within = |at: &&std::time::Duration| at.as_secs() == second;
            let burst = times.iter().filter(within).count();
            assert!(burst <= 200, "{burst} calls in second {second}, where 100 are steady");
        }
    }
    let first = [&town.a, &town.b].into_iter().flat_map(polyroute::testing::ScriptedProvider::calls);
    let first = first.filter(|call| call.at.saturating_duration_since(start).as_secs() == 60).count();
    assert!(first <= 200, "{first} calls in the first second, where 100 are steady");
}

#[test]
fn s04_a_provider_that_never_answers_is_left_at_the_first_token_timeout_and_then_alone() {
    let town = Town::new();
    town.a.always(|| ScriptedStep::new().hang());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let ask = async || {
        let began = town.clock.elapsed();
        let answer = town.client.chat_stream(("both", "hi")).await.unwrap().into_response().await.unwrap();
        (answer, town.clock.elapsed() - began)
    };

    // Fewer than would reach the end of any first open time.
    let work = async {
        let mut answers = Vec::new();
        for _ in 0..20 {
            answers.push(ask().await);
        }
        answers
    };
    let answers = world::drive(work, &town.clock, Some(&runtime)).unwrap();

    // The default: 30 s to the first token. The next one is asked at that moment.
    for (place, (answer, took)) in answers.iter().enumerate() {
        assert_eq!(answer.provider(), "b");
        let expected = if place < 5 { 30 * SECOND + 100 * MS } else { 100 * MS };
        assert_eq!(*took, expected, "call {place}: the breaker opens after five");
        assert_eq!(answer.attempts().len(), if place < 5 { 2 } else { 1 });
    }
    let first = &answers[0].0.attempts()[0];
    assert_eq!((first.outcome, first.elapsed), (Outcome::Failed(ErrorKind::Timeout), 30 * SECOND));
    assert_eq!((town.a.calls().len(), town.a.cancelled()), (5, 5));
    assert_eq!(town.told.counts().opened, ["a/m"]);
    // Nothing is left: no request, no timer and no task.
    assert_eq!((town.a.in_flight(), town.b.in_flight(), town.clock.pending()), (0, 0, 0));
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

#[test]
fn s09_a_provider_that_fails_every_other_call_loses_its_traffic() {
    let town = Town::new();
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let odd = move || turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 == 1;
    town.a.always(move || if odd() { ErrorKind::Server.into() } else { well(100 * MS) });

    let calls = town.load("both", 12_000, 10 * MS);

    assert!(percent(answered(&calls), calls.len()) >= 99);
    let late = &calls[6_000..];
    let minute = town.clock.now() - town.clock.elapsed() + 60 * SECOND;
    let sent = town.a.calls().iter().filter(|call| call.at >= minute).count();
    assert!(percent(sent, late.len()) < 20, "{sent} of {}", late.len());
    assert!(percent(by(late, "a"), late.len()) < 20);
}

#[test]
fn s12_when_a_provider_dies_under_a_thousand_callers_the_other_gets_no_more_at_once_than_it_takes() {
    // The other one takes fifty at once; whoever comes beyond that waits for a turn.
    let limits = Limits::new()
        .limit(Limit::parallel(50).only("vendor", "b"))
        .on_limit(OnLimit::Wait(60 * SECOND))
        .queue(2_000);
    let town = Town::with(|builder| builder.limits(limits));
    let clock = town.clock.clone();
    // It dies at 100 ms, under a thousand calls that are in flight there.
    town.a.always(move || match clock.elapsed() < 100 * MS {
        true => ScriptedStep::new().pause(100 * MS).fail(ErrorKind::Server),
        false => ErrorKind::Server.into(),
    });

    let (early, late, in_flight) = town.run(async {
        let early = join_all((0..1_000).map(|_| town.client.chat(("both", "hi"))));
        let look = async {
            town.clock.sleep(99 * MS).await;
            town.a.in_flight()
        };
        let late = async {
            town.clock.sleep(100 * MS).await;
            join_all((0..1_000).map(|_| town.client.chat(("both", "hi")))).await
        };
        let (early, (late, in_flight)) = join(early, join(late, look)).await;
        (early, late, in_flight)
    });

    assert!(early.iter().chain(&late).all(Result::is_ok));
    assert_eq!(in_flight, 1_000);
    let asked = town.a.calls().len();
    assert!(asked <= in_flight + 5, "{asked} calls to the dead provider");
    assert_eq!((town.b.calls().len(), town.b.most_in_flight()), (2_000, 50));
}

#[test]
fn s13_a_thousand_callers_at_a_half_open_target_are_one_probe() {
    let town = Town::new();
    let clock = town.clock.clone();
    town.a.always(move || if clock.elapsed() < SECOND { ErrorKind::Server.into() } else { well(500 * MS) });
    for _ in 0..5 {
        town.run(town.client.chat(("both", "hi"))).unwrap();
    }
    assert_eq!(town.told.counts().opened, ["a/m"]);
    let asked = town.a.calls().len();

    // Longer than any first open time.
    town.clock.advance(11 * SECOND);
    let answers = town.run(join_all((0..1_000).map(|_| town.client.chat(("both", "hi")))));

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(town.a.calls().len() - asked, 1, "exactly one probe");
    assert_eq!(town.b.calls().len(), 5 + 999);
    assert_eq!(town.told.counts().closed, ["a/m"]);
}

/// One provider, which fails five times and is well after so long; nobody else can be asked. Its open time is over.
fn half_open(choice: WhenNoneHealthy) -> Town {
    let health = HealthPolicy::default().when_none(choice);
    let town = Town::with(|builder| builder.health(health).retry(RetryPolicy::default().max_attempts(1)));
    let clock = town.clock.clone();
    town.a.always(move || if clock.elapsed() < SECOND { ErrorKind::Server.into() } else { well(500 * MS) });
    for _ in 0..5 {
        town.run(town.client.chat(("a/m", "hi"))).unwrap_err();
    }
    assert_eq!((town.a.calls().len(), town.told.counts().opened.len()), (5, 1));
    town.clock.advance(11 * SECOND);
    town
}

#[test]
fn s13_where_nobody_else_is_left_one_probe_decides_for_those_who_wait_and_those_who_fail() {
    let town = half_open(WhenNoneHealthy::Fail);
    let answers = town.run(join_all((0..1_000).map(|_| town.client.chat(("a/m", "hi")))));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(town.a.calls().len() - 5, 1, "exactly one probe");

    let town = half_open(WhenNoneHealthy::Wait);
    let began = town.clock.now();
    let answers = town.run(join_all((0..1_000).map(|_| town.client.chat(("a/m", "hi")))));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(town.a.calls().len() - 5, 1_000);
    let early = |at: Instant| at < began + 500 * MS;
    let probes = town.a.calls().iter().skip(5).filter(|call| early(call.at)).count();
    assert_eq!(probes, 1, "until the probe has come to its end nobody else asks");
    assert_eq!(town.told.counts().closed, ["a/m"]);
}

#[test]
fn s13_by_default_a_target_that_nobody_else_is_left_beside_is_asked_by_all_and_probed_by_one() {
    let town = half_open(WhenNoneHealthy::LeastBad);

    let answers = town.run(join_all((0..1_000).map(|_| town.client.chat(("a/m", "hi")))));

    // To fail without a call would be worse: what is not the probe is sent all the same, once.
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.attempts().len() == 1)));
    assert_eq!(town.a.calls().len() - 5, 1_000);
    assert_eq!(town.told.counts().closed, ["a/m"], "one answer closes it");
}

#[test]
fn s15_the_callers_time_ends_a_call_to_the_moment() {
    let town = Town::new();
    town.a.always(|| ScriptedStep::new().hang());

    let error = town.run(town.client.chat(ChatRequest::from(("a/m", "hi")).timeout(2 * SECOND))).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let took = town.clock.elapsed();
    assert!(took >= 2 * SECOND && took <= 2 * SECOND + 20 * MS, "{took:?}");
}

#[test]
fn s16_a_calendar_that_jumps_an_hour_changes_no_timeout() {
    for jump in [3_600_i64, -3_600] {
        let town = Town::with(|builder| builder.retry(RetryPolicy::default().max_attempts(1)));
        town.a.always(|| ScriptedStep::new().hang());
        let request = ChatRequest::from(("a/m", "hi")).timeout(10 * SECOND);

        let (error, ()) = town.run(join(town.client.chat(request), async {
            town.clock.sleep(SECOND).await;
            let now = town.clock.wall();
            let hour = std::time::Duration::from_secs(jump.unsigned_abs());
            town.clock.set_wall(if jump > 0 { now + hour } else { now - hour });
        }));

        assert_eq!(error.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
        assert_eq!(town.clock.elapsed(), 10 * SECOND);
    }
}

#[test]
fn while_one_of_three_is_healthy_calls_are_answered() {
    let (asked, answered, sent) = world::endure(11, 5_000);

    assert!(answered * 10_000 >= asked * 9_999, "{answered} of {asked}");
    assert!(sent * 100 <= asked * 125, "{sent} calls upstream for {asked}");
}
