//! What happens after an attempt failed: elsewhere, again, or nowhere. In virtual time.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

mod support;

use std::time::Duration;

use futures::FutureExt as _;
use polyroute::catalog::Price;
use polyroute::clock::Clock as _;
use polyroute::error::TimeoutPhase;
use polyroute::resilience::{RetryPolicy, Timeouts};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, Error, ErrorKind, Route, Settings, Usage};
use support::{Notes, builder, run, trace, virtual_clock};

const SECOND: Duration = Duration::from_secs(1);

/// Providers `a`, `b` and `c` behind the route `smart`, in this order.
struct House {
    clock: VirtualClock,
    a: ScriptedProvider,
    b: ScriptedProvider,
    c: ScriptedProvider,
    notes: Notes,
    client: Client,
}

fn house() -> House {
    house_with(|builder| builder)
}

fn house_with(change: impl FnOnce(polyroute::ClientBuilder) -> polyroute::ClientBuilder) -> House {
    let clock = virtual_clock();
    let provider = |name| ScriptedProvider::new(name).on_clock(clock.clone());
    let (a, b, c, notes) = (provider("a"), provider("b"), provider("c"), Notes::default());
    let client = change(
        builder(&clock)
            .provider(a.clone())
            .provider(b.clone())
            .provider(c.clone())
            .observer(notes.clone())
            .route("smart", Route::ordered(["a/m", "b/m", "c/m"])),
    )
    .build()
    .unwrap();
    House { clock, a, b, c, notes, client }
}

fn answer(text: &str) -> ScriptedStep {
    Reply::text(text).with_usage(Usage::of(10, 5)).into()
}

#[test]
fn each_kind_of_failure_moves_on_or_stops_as_documented() {
    use ErrorKind as K;
    for (kind, moves_on) in [
        (K::Server, true),
        (K::Overloaded, true),
        (K::Connection, true),
        (K::Timeout, true),
        (K::Tls, true),
        (K::RateLimited, true),
        (K::QuotaExhausted, true),
        (K::Authentication, true),
        (K::Permission, true),
        (K::ModelNotFound, true),
        (K::InvalidResponse, true),
        (K::Truncated, true),
        (K::Unsupported, true),
        (K::InvalidRequest, false),
        (K::ContentFiltered, false),
        (K::ContextTooLong, false),
    ] {
        let house = house();
        house.a.then(kind);
        house.b.then(answer("from b"));

        let outcome = run(house.client.chat(("smart", "hi")));

        match outcome {
            Ok(response) => {
                assert!(moves_on, "{kind} moved on");
                assert_eq!(
                    trace(response.attempts()),
                    [format!("a/m first {}", kind.as_str()), "b/m failover answered".to_owned()]
                );
                assert_eq!(house.clock.elapsed(), Duration::ZERO, "failover waits for nothing");
            }
            Err(error) => {
                assert!(!moves_on, "{kind} stopped");
                assert_eq!((error.kind(), error.attempts().len(), house.b.calls().len()), (kind, 1, 0));
                assert_eq!(error.provider(), Some("a"));
            }
        }
    }
}

#[test]
fn a_prompt_that_does_not_fit_goes_only_to_a_larger_window() {
    let windows = r#"{"models":[
        {"provider":"a","id":"m","context_window":1000},
        {"provider":"b","id":"m","context_window":1000},
        {"provider":"c","id":"m","context_window":2000}]}"#;
    let house = house_with(|builder| builder.prices_json(windows));
    house.a.then(ErrorKind::ContextTooLong);
    house.c.then(answer("from c"));

    let response = run(house.client.chat(("smart", "hi"))).unwrap();

    assert_eq!(trace(response.attempts()), ["a/m first context_too_long", "c/m failover answered"]);
    assert!(house.b.calls().is_empty());
}

#[test]
fn one_target_is_retried_with_growing_pauses_until_the_attempts_are_used_up() {
    let house = house();
    house.a.always(|| ErrorKind::Overloaded);

    let error = run(house.client.chat(("a/m", "hi"))).unwrap_err();

    assert_eq!(
        trace(error.attempts()),
        ["a/m first overloaded", "a/m retry overloaded", "a/m retry overloaded"]
    );
    let started: Vec<Duration> = error.attempts().iter().map(|attempt| attempt.started_after).collect();
    assert!(started[1] < Duration::from_millis(50), "{started:?}");
    assert!(started[2] - started[1] < Duration::from_millis(100), "{started:?}");
    assert!(started[2] > started[1], "{started:?}");
}

#[test]
fn when_every_target_failed_the_best_one_that_may_recover_is_retried() {
    let house = house_with(|builder| builder.retry(RetryPolicy::default().max_attempts(5)));
    house.a.then(ErrorKind::Authentication);
    house.b.then(ErrorKind::Server).then(answer("from b, the second time"));
    house.c.then(ErrorKind::QuotaExhausted);

    let response = run(house.client.chat(("smart", "hi"))).unwrap();

    assert_eq!(
        trace(response.attempts()),
        [
            "a/m first authentication",
            "b/m failover server",
            "c/m failover quota_exhausted",
            "b/m retry answered"
        ]
    );
}

#[test]
fn when_a_target_goes_out_of_use_while_a_call_waits_for_it_another_one_is_asked() {
    let patient = RetryPolicy::default().max_attempts(3).pauses(10 * SECOND, 20 * SECOND);
    let house = house_with(|builder| builder.retry(patient).route("pair", Route::ordered(["a/m", "b/m"])));
    house.a.then(ErrorKind::Server);
    let rest = Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(60 * SECOND);
    house.a.then(rest);
    house.b.then(ErrorKind::Server).then(answer("from b"));

    let (answered, other) = run(async {
        // Somebody else is told to leave `a` alone during the pause.
        let other = async {
            house.clock.sleep(Duration::from_millis(1)).await;
            house.client.chat(("a/m", "hi")).await
        };
        futures::future::join(house.client.chat(("pair", "hi")), other).await
    });

    assert_eq!(other.unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(
        trace(answered.unwrap().attempts()),
        ["a/m first server", "b/m failover server", "b/m retry answered"]
    );
}

#[test]
fn retry_after_is_waited_for_when_short_and_given_up_when_long() {
    let limited =
        |seconds| Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(SECOND * seconds);
    let short = house();
    short.a.then(limited(1)).then(answer("later"));
    let long = house();
    long.a.then(limited(60));

    let response = run(short.client.chat(("a/m", "hi"))).unwrap();
    let error = run(long.client.chat(("a/m", "hi"))).unwrap_err();

    assert!(response.attempts()[1].started_after >= SECOND);
    assert!(response.attempts()[1].started_after <= SECOND * 2);
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::RateLimited, 1));
    assert_eq!(error.retry_after(), Some(SECOND * 60));
    assert_eq!(long.clock.elapsed(), Duration::ZERO);
}

#[test]
fn each_target_is_left_alone_as_long_as_it_asked_whatever_failed_after_it() {
    let limited = || Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(SECOND * 2);
    let pair = |builder: polyroute::ClientBuilder| builder.route("pair", Route::ordered(["a/m", "b/m"]));
    let dead = house_with(pair);
    dead.a.then(limited()).then(answer("from a"));
    dead.b.then(ErrorKind::Authentication);
    let slow = house_with(pair);
    slow.a.then(limited()).then(answer("from a"));
    slow.b.then(ScriptedStep::new().pause(SECOND).fail(ErrorKind::Authentication));
    let other = house_with(pair);
    other.a.then(limited());
    other.b.then(ErrorKind::Overloaded).then(answer("from b"));

    for house in [&dead, &slow] {
        let response = run(house.client.chat(("pair", "hi"))).unwrap();

        assert_eq!(
            trace(response.attempts()),
            ["a/m first rate_limited", "b/m failover authentication", "a/m retry answered"]
        );
        let waited = response.attempts()[2].started_after;
        assert!(waited >= SECOND * 2 && waited <= SECOND * 5 / 2, "{waited:?}");
    }
    let response = run(other.client.chat(("pair", "hi"))).unwrap();
    assert_eq!(
        trace(response.attempts()),
        ["a/m first rate_limited", "b/m failover overloaded", "b/m retry answered"],
        "the one that may be tried sooner"
    );
    assert!(response.attempts()[2].started_after < SECOND);
}

#[test]
fn an_attempt_that_hangs_ends_at_its_own_limit_and_moves_on() {
    let limits = Timeouts::default().answer(SECOND * 7);
    let house = house_with(|builder| builder.timeouts(limits));
    house.a.then(ScriptedStep::new().hang());
    house.b.then(answer("from b"));

    let response = run(house.client.chat(("smart", "hi"))).unwrap();

    assert_eq!(trace(response.attempts()), ["a/m first timeout", "b/m failover answered"]);
    assert_eq!(response.attempts()[0].elapsed, SECOND * 7);
    assert_eq!(house.a.cancelled(), 1, "the hanging attempt is dropped");
}

#[test]
fn the_total_time_is_one_budget_for_attempts_and_pauses() {
    let house = house();
    house.a.then(ScriptedStep::new().pause(SECOND).fail(ErrorKind::Server));
    house.b.then(ScriptedStep::new().hang());

    let request = ChatRequest::from(("smart", "hi")).timeout(SECOND * 2);
    let error = run(house.client.chat(request)).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(trace(error.attempts()), ["a/m first server", "b/m failover deadline_exceeded"]);
    assert_eq!(house.clock.elapsed(), SECOND * 2);
    assert!(house.c.calls().is_empty());
}

#[test]
fn a_zero_budget_sends_nothing() {
    let house = house();
    house.a.always(|| answer("never"));

    let error =
        run(house.client.chat(ChatRequest::from(("smart", "hi")).timeout(Duration::ZERO))).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(house.a.calls().is_empty());
}

#[test]
fn a_target_that_refuses_before_sending_costs_no_attempt() {
    let house = house_with(|builder| builder.retry(RetryPolicy::default().max_attempts(1)));
    house.a.then(ErrorKind::Unsupported);
    house.b.then(answer("from b"));

    let response = run(house.client.chat(("smart", "hi"))).unwrap();

    assert_eq!(response.provider(), "b");
}

#[test]
fn dropping_the_future_cancels_the_attempt_and_is_recorded() {
    let house = house();
    house.a.then(ScriptedStep::new().hang());

    assert!(house.client.chat(("smart", "hi")).now_or_never().is_none());

    assert_eq!(house.a.cancelled(), 1);
    assert_eq!(house.notes.lines(), ["first a/m", "a/m cancelled", "call cancelled after 1"]);
}

#[test]
fn observers_see_every_attempt_and_one_end() {
    let house = house();
    house.a.then(ErrorKind::Server);
    house.b.then(answer("from b"));

    run(house.client.chat(("smart", "hi"))).unwrap();

    assert_eq!(
        house.notes.lines(),
        ["first a/m", "a/m server", "failover b/m", "b/m answered", "call answered after 2"]
    );
}

#[test]
fn a_timeout_says_which_clock_ran_out() {
    let house = house_with(|builder| builder.retry(RetryPolicy::default().max_attempts(1)));
    house.a.then(ScriptedStep::new().hang()).then(ScriptedStep::new().hang());

    let whole = run(house.client.chat(("a/m", "hi"))).unwrap_err();
    let streamed = run(house.client.chat_stream(("a/m", "hi"))).unwrap_err();

    assert_eq!(whole.timeout_phase(), Some(TimeoutPhase::Answer));
    assert_eq!(streamed.timeout_phase(), Some(TimeoutPhase::FirstToken));
    assert_eq!(house.clock.elapsed(), SECOND * (120 + 30));
}

#[test]
fn a_thousand_calls_at_once_all_end_and_never_exceed_their_attempts() {
    let house = house();
    house.a.always(|| ErrorKind::Server);
    house.b.always(|| answer("from b"));

    let calls = (0..1000).map(|_| house.client.chat(("smart", "hi")));
    let answers = run(futures::future::join_all(calls));

    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.provider() == "b")));
    // After five failures nobody else is sent to the one that fails.
    assert_eq!((house.a.calls().len(), house.b.calls().len()), (5, 1000));
    assert_eq!((house.a.in_flight(), house.b.in_flight()), (0, 0));
}

#[test]
fn what_is_said_of_a_renamed_vendor_goes_before_what_is_known_of_it() {
    let price = |rate| Price::per_million(rate, rate).unwrap();
    let clock = virtual_clock();
    let client = builder(&clock)
        .vendor(Settings::vendor("openai").name("team-b").api_key("k"))
        .vendor(Settings::vendor("openai").name("google").api_key("k"))
        .provider(ScriptedProvider::new("a"))
        .price("team-b/gpt-5", price("3"))
        .price("team-b/my-finetune", price("7"))
        .price("team-b/embedder", price("7"))
        .prices_json(r#"{"models":[{"provider":"team-b","id":"gpt-5-mini","max_output_tokens":77}]}"#)
        .build()
        .unwrap();
    let plain = builder(&clock).vendor(Settings::vendor("openai").api_key("k")).build().unwrap();
    let million = Usage::of(1_000_000, 0);
    let cost = |client: &Client, target: &str| {
        client.cost_of(&target.parse().unwrap(), &million).map(|cost| cost.total.to_string())
    };
    let models = client.models();
    let listed = |target: &str| {
        let mut found = models.iter().filter(|model| model.target.to_string() == target);
        let first = found.next();
        assert!(found.next().is_none(), "{target} is listed twice");
        first.map(|model| std::sync::Arc::clone(&model.model))
    };

    assert_eq!(cost(&client, "team-b/gpt-5").as_deref(), Some("$3"));
    assert_eq!(cost(&client, "team-b/my-finetune").as_deref(), Some("$7"));
    assert_eq!(cost(&client, "team-b/gpt-5-mini"), cost(&plain, "openai/gpt-5-mini"));
    assert!(cost(&client, "team-b/gpt-5-mini").is_some());
    let own = listed("team-b/gpt-5").unwrap();
    let vendors = plain.catalogue().find("openai", "gpt-5").unwrap();
    assert_eq!(own.price, Some(price("3")));
    assert!(own.context_window.is_some() && own.context_window == vendors.context_window);
    assert_eq!(own.capabilities, vendors.capabilities);
    assert!(listed("team-b/my-finetune").is_some());
    assert_eq!(listed("team-b/gpt-5-mini").unwrap().max_output_tokens, Some(77));
    // The name of another vendor does not bring that vendor's models.
    assert!(listed("google/gpt-5").is_some() && listed("google/gemini-2.5-pro").is_none());
    assert!(client.catalogue().find("google", "gemini-2.5-pro").is_some());
}
