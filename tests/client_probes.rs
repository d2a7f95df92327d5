//! What is remembered of targets between calls, and how it is found out that they are well again. In virtual time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test target may panic"
)]

mod support;

use std::time::{Duration, SystemTime};

use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::clock::Clock as _;
use polyroute::resilience::{HealthPolicy, ProbePolicy, Standing, WhenNoneHealthy};
use polyroute::testing::{ScriptedProvider, ScriptedQuestion, ScriptedStep, VirtualClock};
use polyroute::types::{CallOptions, Reply};
use polyroute::{ChatRequest, Client, ClientBuilder, Error, ErrorKind, Route};
use support::{Notes, builder, run, trace, virtual_clock};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    clock: VirtualClock,
    a: ScriptedProvider,
    b: ScriptedProvider,
    client: Client,
    notes: Notes,
}

fn house(clock: VirtualClock, change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> House {
    let provider = |name| ScriptedProvider::new(name).on_clock(clock.clone()).always(|| Reply::text("hello"));
    let (a, b, notes) = (provider("a"), provider("b"), Notes::default());
    let client = change(
        builder(&clock)
            .provider(a.clone())
            .provider(b.clone())
            .observer(notes.clone())
            .route("pair", Route::ordered(["a/m", "b/m"])),
    )
    .build()
    .unwrap();
    House { clock, a, b, client, notes }
}

fn ask(house: &House, model: &str) -> polyroute::Result<Vec<String>> {
    run(house.client.chat((model, "hi"))).map(|answer| trace(answer.attempts()))
}

fn standing(house: &House, target: usize) -> Standing {
    house.client.health()[target].standing
}

/// Fails `a` until it is out of use; how many calls it took.
fn put_out_of_use(house: &House, kind: ErrorKind) -> usize {
    house.a.always(move || kind);
    let before = house.a.calls().len();
    for _ in 0..100 {
        ask(house, "pair").unwrap();
    }
    house.a.calls().len() - before
}

#[test]
fn an_outage_costs_five_failures_and_its_end_is_found_by_one_probe() {
    let house = house(virtual_clock(), |builder| builder);

    assert_eq!(put_out_of_use(&house, ErrorKind::Overloaded), 5);

    let health = &house.client.health()[0];
    assert_eq!((health.standing, health.because), (Standing::Open, Some(ErrorKind::Overloaded)));
    assert!(health.retry_in.unwrap() <= 5 * SECOND && health.retry_in.unwrap() >= 5 * SECOND / 2);
    // It still fails: one call of many finds out.
    run(house.clock.sleep(5 * SECOND));
    assert_eq!(put_out_of_use(&house, ErrorKind::Overloaded), 1);
    // It has recovered: the next probe says so, and its calls come back bit by bit.
    house.a.always(|| Reply::text("hello"));
    run(house.clock.sleep(10 * SECOND));
    assert_eq!(ask(&house, "pair").unwrap(), ["a/m first answered"]);
    assert_eq!(standing(&house, 0), Standing::Recovering);
    let before = house.a.calls().len();
    for _ in 0..1000 {
        ask(&house, "pair").unwrap();
    }
    let share = house.a.calls().len() - before;
    assert!((60..140).contains(&share), "about a tenth at first: {share}");
    run(house.clock.sleep(31 * SECOND));
    assert_eq!(ask(&house, "pair").unwrap(), ["a/m first answered"]);
    assert_eq!(standing(&house, 0), Standing::Healthy);
}

#[test]
fn a_thousand_callers_at_once_make_one_probe() {
    let house = house(virtual_clock(), |builder| builder);
    put_out_of_use(&house, ErrorKind::Server);
    run(house.clock.sleep(6 * SECOND));
    let slow = || ScriptedStep::new().pause(SECOND).fail(ErrorKind::Server);
    house.a.always(slow);
    let before = house.a.calls().len();

    let calls = (0..1000).map(|_| house.client.chat(("pair", "hi")));
    let answers = run(futures::future::join_all(calls));

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(house.a.calls().len() - before, 1);
}

#[test]
fn a_probe_that_is_dropped_frees_its_place() {
    let house = house(virtual_clock(), |builder| builder);
    put_out_of_use(&house, ErrorKind::Server);
    run(house.clock.sleep(6 * SECOND));
    house.a.then(ScriptedStep::new().hang());
    {
        use futures::FutureExt as _;
        assert!(house.client.chat(("pair", "hi")).now_or_never().is_none());
    }
    house.a.always(|| Reply::text("hello"));

    assert_eq!(ask(&house, "pair").unwrap(), ["a/m first answered"]);
}

#[test]
fn in_a_total_outage_each_call_is_tried_once_and_success_returns_at_once() {
    let house = house(virtual_clock(), |builder| builder);
    house.a.always(|| ErrorKind::Overloaded);
    house.b.always(|| ErrorKind::Overloaded);

    // A minute of a hundred calls a second.
    for _ in 0..6_000 {
        assert!(ask(&house, "pair").is_err());
        run(house.clock.sleep(10 * Duration::from_millis(1)));
    }

    let made = house.a.calls().len() + house.b.calls().len();
    assert!(made * 100 <= 6_000 * 125, "{made} upstream calls for 6000");
    house.a.always(|| Reply::text("hello"));
    house.b.always(|| Reply::text("hello"));
    let first = (0..10).map(|_| ask(&house, "pair")).filter(Result::is_err).count();
    assert!(first <= 1, "{first} of ten fail after the outage");
}

#[test]
fn throttled_callers_and_mistaken_ones_do_not_count_against_a_target() {
    for (kind, expected) in [
        (ErrorKind::RateLimited, Standing::Throttled),
        (ErrorKind::InvalidRequest, Standing::Healthy),
        (ErrorKind::ContentFiltered, Standing::Healthy),
        (ErrorKind::ContextTooLong, Standing::Healthy),
    ] {
        let house = house(virtual_clock(), |builder| builder);
        house.a.always(move || kind);
        for _ in 0..50 {
            let _ = ask(&house, "a/m");
        }
        let health = &house.client.health()[0];
        assert_eq!((health.standing, health.failures), (expected, 0), "{kind}");
    }
    let unknown = house(virtual_clock(), |builder| builder);
    unknown.a.then(ErrorKind::ModelNotFound);
    assert_eq!(ask(&unknown, "pair").unwrap(), ["a/m first model_not_found", "b/m failover answered"]);
    assert_eq!(standing(&unknown, 0), Standing::UnknownModel);
    assert_eq!(ask(&unknown, "pair").unwrap(), ["b/m first answered"]);
    // Other models of the provider go on.
    assert_eq!(ask(&unknown, "a/other").unwrap(), ["a/other first answered"]);
}

#[test]
fn a_throttled_target_rests_as_long_as_it_asked_and_no_longer_than_an_hour() {
    for (asked, rests) in [(30, 30), (1_000_000_000, 3_600)] {
        let house = house(virtual_clock(), |builder| builder);
        let limited = Error::new(ErrorKind::RateLimited, "x").with_retry_after(SECOND * asked);
        house.a.then(limited);
        ask(&house, "pair").unwrap();

        assert_eq!(house.client.health()[0].retry_in, Some(SECOND * rests));
        run(house.clock.sleep(SECOND * (rests - 1)));
        assert_eq!(ask(&house, "pair").unwrap(), ["b/m first answered"]);
        run(house.clock.sleep(SECOND * 2));
        assert_eq!(ask(&house, "pair").unwrap(), ["a/m first answered"]);
    }
}

#[test]
fn when_nobody_is_in_use_a_call_fails_waits_or_tries_as_it_was_told() {
    let policy = |choice| HealthPolicy::default().when_none(choice);
    let with = |choice| {
        let house = house(virtual_clock(), |builder| builder.health(policy(choice)));
        house.a.always(|| ErrorKind::Server);
        while standing(&house, 0) != Standing::Open {
            let _ = ask(&house, "a/m");
        }
        house.a.always(|| Reply::text("hello"));
        house
    };

    let tries = with(WhenNoneHealthy::LeastBad);
    assert_eq!(ask(&tries, "a/m").unwrap(), ["a/m first answered"]);

    let fails = with(WhenNoneHealthy::Fail);
    let before = fails.a.calls().len();
    let error = ask(&fails, "a/m").unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Server, 0));
    assert!(error.retry_after().is_some() && !error.may_be_billed());
    assert_eq!(fails.a.calls().len(), before);

    let waits = with(WhenNoneHealthy::Wait);
    let before = waits.clock.elapsed();
    assert_eq!(ask(&waits, "a/m").unwrap(), ["a/m first answered"]);
    let waited = waits.clock.elapsed() - before;
    assert!(waited >= 2 * SECOND && waited <= 6 * SECOND, "{waited:?}");
}

/// Lets everything run that can without time passing.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn idle_targets_are_probed_within_their_budget_until_the_client_is_gone() {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let every = ProbePolicy::default().every(10 * SECOND).idle_for(25 * SECOND);
    let House { a, b, client, notes, .. } = house(clock.clone(), |builder| builder.probes(every));

    run(async {
        client.chat(("pair", "hi")).await.unwrap();
        settle().await;
        assert_eq!((a.calls().len(), b.calls().len()), (1, 0), "nothing before its time");

        clock.advance(10 * SECOND);
        settle().await;
        assert_eq!((a.calls().len(), b.calls().len()), (1, 1), "a was asked lately, b never");
        let ScriptedQuestion::ChatStream(request) = &b.calls()[0].question else { panic!("a stream") };
        assert_eq!((request.max_output_tokens, request.options.is_none()), (Some(1), true));

        clock.advance(10 * SECOND);
        settle().await;
        clock.advance(10 * SECOND);
        settle().await;
        assert_eq!((a.calls().len(), b.calls().len()), (2, 1));
        assert!(notes.lines().iter().all(|line| !line.contains("call failed")));

        drop(client);
        settle().await;
        clock.advance(100 * SECOND);
        settle().await;
        assert_eq!((a.calls().len(), b.calls().len()), (2, 1), "nothing is probed for nobody");
    });
}

#[test]
fn a_target_that_lets_its_probe_wait_holds_up_no_other_probe_and_gets_no_second() {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let every = ProbePolicy::default().every(10 * SECOND).idle_for(25 * SECOND);
    let House { a, b, client, .. } = house(clock.clone(), |builder| builder.probes(every));

    run(async {
        client.chat(("pair", "hi")).await.unwrap();
        a.always(|| ScriptedStep::new().hang());
        let mut asked = Vec::new();
        for _ in 0..5 {
            settle().await;
            clock.advance(10 * SECOND);
            settle().await;
            asked.push((a.calls().len(), b.calls().len()));
        }
        // From 30 s on the probe of a hangs; b is due again at 40 s.
        assert_eq!(asked, [(1, 1), (1, 1), (2, 1), (2, 2), (2, 2)]);
    });
}

#[test]
fn a_probe_brings_a_target_back_before_a_call_depends_on_it_and_costs_no_more_than_allowed() {
    for (budget, probed) in [(None, 1), (Some("0.000000001"), 0)] {
        let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
        let mut policy = ProbePolicy::default().every(10 * SECOND);
        if let Some(most) = budget {
            policy = policy.hourly_budget(most.parse().unwrap());
        }
        let House { a, client, .. } = house(clock.clone(), |builder| builder.probes(policy));
        run(async {
            a.always(|| ErrorKind::Server);
            for _ in 0..6 {
                client.chat(("pair", "hi")).await.unwrap();
            }
            assert_eq!(a.calls().len(), 5);
            settle().await;
            a.always(|| Reply::text("hello"));

            clock.advance(10 * SECOND);
            settle().await;

            assert_eq!(a.calls().len(), 5 + probed);
            let expected = if probed == 1 { Standing::Recovering } else { Standing::Probing };
            assert_eq!(client.health()[0].standing, expected);
        });
    }
}

#[test]
fn what_probes_cost_is_in_the_ledger_as_theirs_and_nobody_elses_even_when_they_are_cut_short() {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let prices = r#"{"models":[{"provider":"a","id":"m","input":"1000000","output":"1000000"},
        {"provider":"b","id":"m","input":"1000000","output":"1000000"}]}"#;
    let House { a, b, client, .. } = house(clock.clone(), |builder| {
        builder
            .probes(ProbePolicy::default().every(10 * SECOND).idle_for(5 * SECOND))
            .ledger(MemoryLedger::new(100))
            .prices_json(prices)
    });
    run(async {
        let options = CallOptions::new().scope("team", "blue");
        client.chat(ChatRequest::from(("a/m", "hi")).options(options)).await.unwrap();
        settle().await;
        b.then(ScriptedStep::new().hang());

        clock.advance(10 * SECOND);
        settle().await;
        assert_eq!((a.calls().len(), b.in_flight()), (2, 1), "a was probed, and b is being probed");
        // A probe is nobody's call, so that nobody waits for it.
        client.shutdown(SECOND).await.unwrap();

        let entries = client.books().unwrap().entries(&Query::all()).await.unwrap();
        let probes: Vec<_> = entries.iter().filter(|entry| entry.operation == "probe").collect();
        let mut attempts: Vec<_> = probes
            .iter()
            .filter(|entry| entry.kind == EntryKind::Attempt)
            .map(|entry| {
                let target = entry.target.as_ref().unwrap().to_string();
                // Ten tokens in and one out, at a dollar each.
                (target, entry.reason.to_string(), entry.outcome.to_string(), entry.cost.unwrap().to_string())
            })
            .collect();
        attempts.sort();
        let row = |target: &str, outcome: &str| (target.into(), "probe".into(), outcome.into(), "$11".into());
        assert_eq!(attempts, [row("a/m", "answered"), row("b/m", "cancelled")]);
        assert_eq!(probes.len(), 4, "each is a call of its own");
        assert!(probes.iter().all(|entry| entry.scopes.is_empty() && entry.tags.is_empty()));
        let team = Query::all().scope("team", "blue");
        assert_eq!(
            client.books().unwrap().entries(&team).await.unwrap().len(),
            2,
            "the call and its attempt"
        );
    });
}

#[test]
fn a_target_that_is_coming_back_is_asked_when_there_is_no_other_whatever_the_policy() {
    for choice in [WhenNoneHealthy::LeastBad, WhenNoneHealthy::Fail, WhenNoneHealthy::Wait] {
        let policy = HealthPolicy::default().when_none(choice);
        let house = house(virtual_clock(), |builder| builder.health(policy));
        put_out_of_use(&house, ErrorKind::Server);
        run(house.clock.sleep(6 * SECOND));
        house.a.always(|| Reply::text("hello"));
        assert_eq!(ask(&house, "a/m").unwrap(), ["a/m first answered"]);
        assert_eq!(standing(&house, 0), Standing::Recovering);
        let before = house.clock.elapsed();

        for _ in 0..50 {
            assert_eq!(ask(&house, "a/m").unwrap(), ["a/m first answered"], "{choice:?}");
        }
        house.b.then(ErrorKind::Authentication);
        let other = house.client.chat(ChatRequest::from(("b/m", "hi")));
        assert!(run(other).is_err());

        assert_eq!(house.clock.elapsed(), before, "{choice:?}");
    }
}

#[test]
fn who_asked_to_be_left_alone_is_although_there_is_no_other() {
    let limited = |seconds: u32| Error::new(ErrorKind::RateLimited, "x").with_retry_after(SECOND * seconds);
    let long = house(virtual_clock(), |builder| builder);
    long.a.then(limited(60));
    assert!(ask(&long, "a/m").is_err());

    run(long.clock.sleep(20 * SECOND));
    let error = run(long.client.chat(("a/m", "hi"))).unwrap_err();

    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::RateLimited, 0));
    assert_eq!(error.retry_after(), Some(40 * SECOND));
    assert_eq!(long.a.calls().len(), 1);
    // So short a time is waited for, as after a failure of the call's own.
    run(long.clock.sleep(39 * SECOND));
    assert_eq!(ask(&long, "a/m").unwrap(), ["a/m first answered"]);
    assert_eq!(long.clock.elapsed(), 60 * SECOND);
}

#[test]
fn when_all_are_out_of_use_the_one_that_is_being_probed_is_left_to_its_probe() {
    let house = house(virtual_clock(), |builder| builder);
    put_out_of_use(&house, ErrorKind::Server);
    run(house.clock.sleep(6 * SECOND));
    house.b.always(|| ErrorKind::Server);
    while standing(&house, 1) != Standing::Open {
        let _ = ask(&house, "b/m");
    }
    house.b.always(|| Reply::text("hello"));
    house.a.always(|| ScriptedStep::new().hang());

    let probe = house.client.chat(("a/m", "hi"));
    let call = async {
        tokio::task::yield_now().await;
        house.client.chat(("pair", "hi")).await
    };
    let answer = run(async {
        match futures::future::select(std::pin::pin!(probe), std::pin::pin!(call)).await {
            futures::future::Either::Right((answer, _)) => answer.unwrap(),
            futures::future::Either::Left(_) => unreachable!("it hangs"),
        }
    });

    assert_eq!(trace(answer.attempts()), ["b/m first answered"]);
}

#[test]
fn a_probe_that_streams_has_said_what_it_can_once_its_answer_begins() {
    let house = house(virtual_clock(), |builder| builder);
    put_out_of_use(&house, ErrorKind::Server);
    run(house.clock.sleep(6 * SECOND));
    let text = || polyroute::StreamEvent::Text("x".to_owned());
    let broken = || ScriptedStep::new().pause(SECOND).event(text()).fail(ErrorKind::Server);
    house.a.then(broken());
    let probe = run(house.client.chat_stream(("pair", "hi"))).unwrap();

    // Nobody reads it, and nothing more need come of it.
    let health = &house.client.health()[0];
    assert_eq!((health.standing, health.consecutive_failures), (Standing::Recovering, 0));
    assert_eq!(health.signals.first_token, Some(SECOND));
    drop(probe);
    assert_eq!(standing(&house, 0), Standing::Recovering);

    // What goes wrong after that counts, as that of any other attempt.
    run(house.clock.sleep(31 * SECOND));
    house.a.then(broken());
    let stream = run(house.client.chat_stream(("a/m", "hi"))).unwrap();
    assert!(run(stream.into_response()).is_err());
    assert_eq!(house.client.health()[0].consecutive_failures, 1);
}
