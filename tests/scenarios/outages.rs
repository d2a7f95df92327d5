//! Providers that fail, and calls that do not.

use futures::future::{join, join_all};
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits};
use polyroute::resilience::{RetryPolicy, Timeouts};
use polyroute::testing::ScriptedStep;
use polyroute::types::OnLimit;
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
    let mut added: Vec<_> =
        calls.iter().filter(|call| call.attempts > 1).map(|call| call.took - 100 * MS).collect();
    added.sort();
    assert!(added[added.len() / 2] <= 5 * MS, "{:?}", added[added.len() / 2]);
}

#[test]
fn s02_in_a_total_outage_upstream_calls_stay_below_one_and_a_quarter_for_each_request() {
    let town = Town::new();
    town.a.always(|| ErrorKind::Overloaded);
    town.b.always(|| ErrorKind::Overloaded);

    let calls = town.load("both", 6_000, 10 * MS);

    let sent = town.a.calls().len() + town.b.calls().len();
    assert!(sent * 100 <= 125 * calls.len(), "{sent} calls upstream for {} requests", calls.len());
    let first = calls[0].error.as_ref().unwrap();
    for provider in ["a", "b"] {
        assert!(first.attempts().iter().any(|attempt| attempt.target.provider() == provider), "{first}");
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
    let timeouts = Timeouts::default().first_token(2 * SECOND);
    let town = Town::with(|builder| builder.timeouts(timeouts));
    town.a.always(|| ScriptedStep::new().hang());

    let calls: Vec<_> = (0..40)
        .map(|_| {
            let began = town.clock.elapsed();
            let answer =
                town.run(async { town.client.chat_stream(("both", "hi")).await?.into_response().await });
            (answer.unwrap().provider().to_owned(), town.clock.elapsed() - began)
        })
        .collect();

    assert!(calls.iter().all(|(by, took)| by == "b" && *took <= 2 * SECOND + 200 * MS));
    assert_eq!(town.told.counts().opened[0], "a/m");
    let before: Vec<_> = calls.iter().take_while(|(_, took)| *took >= 2 * SECOND).collect();
    assert_eq!(before.len(), 5, "the breaker opens after five");
    assert_eq!((town.a.in_flight(), town.b.in_flight(), town.clock.pending()), (0, 0, 0));
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
    let limits =
        Limits::new().limit(Limit::parallel(50).only("vendor", "b")).on_limit(OnLimit::Wait(60 * SECOND));
    let town = Town::with(|builder| builder.limits(limits));
    let clock = town.clock.clone();
    // It dies while the first hundred wait for it.
    town.a.always(move || {
        let dead = clock.elapsed() >= 50 * MS;
        if dead {
            ErrorKind::Server.into()
        } else {
            ScriptedStep::new().pause(100 * MS).fail(ErrorKind::Server)
        }
    });

    let (early, late) = town.run(async {
        let early = join_all((0..100).map(|_| town.client.chat(("both", "hi"))));
        let late = async {
            town.clock.sleep(101 * MS).await;
            join_all((0..900).map(|_| town.client.chat(("both", "hi")))).await
        };
        join(early, late).await
    });

    assert!(early.iter().chain(&late).all(Result::is_ok));
    let asked = town.a.calls().len();
    assert!(asked <= 100 + 5, "{asked} calls to the dead provider");
    assert_eq!((town.b.calls().len(), town.b.most_in_flight()), (1_000, 50));
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
