//! Calls that are slow to begin, and limits for some of them. In virtual time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test target may panic")]

mod support;

use std::time::Duration;

use polyroute::catalog::Charge;
use polyroute::error::TimeoutPhase;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::resilience::{HedgePolicy, Timeouts};
use polyroute::routing::QualityFloor;
use polyroute::routing::policy::Cascade;
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{CallOptions, Hedging, Pace, Reply, Stakes, StreamEvent, TimeLimits};
use polyroute::{ChatRequest, Client, ClientBuilder, ErrorKind, Price, Route, Usage};
use support::{builder, run, trace, virtual_clock};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

struct House {
    clock: VirtualClock,
    a: ScriptedProvider,
    b: ScriptedProvider,
    client: Client,
}

fn house(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> House {
    let clock = virtual_clock();
    let (a, b) = (
        ScriptedProvider::new("a").on_clock(clock.clone()),
        ScriptedProvider::new("b").on_clock(clock.clone()),
    );
    let client = change(
        builder(&clock)
            .provider(a.clone())
            .provider(b.clone())
            .prices_json(
                r#"{"models":[{"provider":"a","id":"m","input":"1","output":"1"},
                {"provider":"b","id":"m","input":"1","output":"1"}]}"#,
            )
            .route("pair", Route::ordered(["a/m", "b/m"])),
    )
    .build()
    .unwrap();
    House { clock, a, b, client }
}

fn after(pause: Duration, text: &str) -> ScriptedStep {
    ScriptedStep::new().pause(pause).reply(Reply::text(text).with_usage(Usage::of(10, 5)))
}

/// Streams the whole answer; who answered, by whom and how long the first content took.
fn stream(house: &House, request: impl Into<ChatRequest>) -> polyroute::Result<(Vec<String>, Duration)> {
    let before = house.clock.elapsed();
    run(async {
        let mut stream = house.client.chat_stream(request).await?;
        let waited = house.clock.elapsed() - before;
        while let Some(event) = stream.next().await {
            if let StreamEvent::Done(summary) = event? {
                return Ok((trace(&summary.attempts), waited));
            }
        }
        panic!("the stream has no end");
    })
}

fn warm(house: &House) {
    house.a.always(|| after(100 * MILLI, "from a"));
    house.b.always(|| after(100 * MILLI, "from b"));
    for _ in 0..40 {
        assert_eq!(stream(house, ("pair", "hi")).unwrap().0.len(), 1);
    }
}

#[test]
fn a_call_that_is_slower_than_most_goes_to_a_second_target_and_both_are_paid_for() {
    let house = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&house);
    house.a.then(after(20 * SECOND, "from a, late"));

    let (attempts, waited) = stream(&house, ("pair", "hi")).unwrap();

    assert_eq!(attempts, ["a/m first cancelled", "b/m hedge answered"]);
    assert!(waited >= 200 * MILLI && waited < 220 * MILLI, "p95 of a, then b: {waited:?}");
    assert_eq!((house.a.cancelled(), house.a.in_flight()), (1, 0));
}

#[test]
fn the_slower_of_two_is_cancelled_whichever_it_is_and_its_failure_is_not_the_calls() {
    for (b, expected) in [
        (after(60 * SECOND, "late"), ["b/m hedge cancelled", "a/m first answered"]),
        (ErrorKind::Server.into(), ["b/m hedge server", "a/m first answered"]),
    ] {
        let house = house(|builder| builder.hedging(HedgePolicy::default()));
        warm(&house);
        house.a.then(after(SECOND, "from a"));
        house.b.then(b);

        let (attempts, waited) = stream(&house, ("pair", "hi")).unwrap();

        assert_eq!(attempts, expected);
        assert_eq!(waited, SECOND);
    }
}

#[test]
fn whoever_loses_a_race_is_known_to_be_slow_if_it_was_and_no_quicker_if_it_was_not() {
    let house = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&house);
    for _ in 0..40 {
        stream(&house, ("b/m", "hi")).unwrap();
    }
    let usual = |target: usize| house.client.health()[target].signals.first_token.unwrap();
    assert_eq!((usual(0), usual(1)), (100 * MILLI, 100 * MILLI));

    // After the p95 of about 105 ms b is asked too. It has had a tenth of its usual time when a answers.
    house.a.then(after(115 * MILLI, "from a"));
    assert_eq!(stream(&house, ("pair", "hi")).unwrap().0, ["b/m hedge cancelled", "a/m first answered"]);
    assert_eq!(usual(1), 100 * MILLI, "to be asked for ten milliseconds says nothing");

    house.a.then(after(20 * SECOND, "from a, late"));
    assert_eq!(stream(&house, ("pair", "hi")).unwrap().0[1], "b/m hedge answered");
    assert!(usual(0) >= 200 * MILLI, "it had not come after {:?}", usual(0));
    assert_eq!(house.client.health()[0].failures, 0);
}

#[test]
fn a_hedge_needs_room_of_its_own_in_the_limits() {
    for (budget, expected) in
        [("41.5", vec!["a/m first answered"]), ("43", vec!["a/m first cancelled", "b/m hedge answered"])]
    {
        let dollar = || Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
        let limits = Limits::new().limit(Limit::cost(budget.parse().unwrap(), Window::lifetime()));
        let house = house(|builder| {
            let priced = builder.price("a/m", dollar()).price("b/m", dollar());
            priced.limits(limits).hedging(HedgePolicy::default())
        });
        house.a.always(|| after(100 * MILLI, "from a"));
        house.b.always(|| after(100 * MILLI, "from b"));
        let request = ChatRequest::from(("pair", "hi")).max_output_tokens(10);
        for _ in 0..40 {
            stream(&house, request.clone()).unwrap();
        }
        house.a.then(after(20 * SECOND, "from a, late"));

        assert_eq!(stream(&house, request).unwrap().0, expected, "of a budget of {budget}");
    }
}

#[test]
fn what_may_be_billed_needs_room_beside_what_follows_it() {
    for (budget, expected) in [("1.5", Err(ErrorKind::BudgetExceeded)), ("2", Ok(()))] {
        let dollar = || Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
        let limits = Limits::new().limit(Limit::cost(budget.parse().unwrap(), Window::lifetime()));
        let house = house(|builder| builder.price("a/m", dollar()).price("b/m", dollar()).limits(limits));
        // It has counted what it used before it failed.
        let used = StreamEvent::Usage(Box::new(Usage::of(10, 5)));
        house.a.then(ScriptedStep::new().event(used).fail(ErrorKind::Server));
        house.b.then(after(MILLI, "from b"));

        let request = ChatRequest::from(("pair", "hi")).max_output_tokens(10);
        let ended = stream(&house, request).map(drop).map_err(|error| error.kind());

        assert_eq!(ended, expected, "of a budget of {budget}");
    }
}

#[test]
fn when_both_fail_the_call_fails_with_both_and_within_its_attempts() {
    let house = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&house);
    house.a.then(ScriptedStep::new().pause(SECOND).fail(ErrorKind::Authentication));
    house.b.then(ScriptedStep::new().pause(2 * SECOND).fail(ErrorKind::Authentication));

    let error = stream(&house, ("pair", "hi")).unwrap_err();

    assert_eq!(trace(error.attempts()), ["a/m first authentication", "b/m hedge authentication"]);
}

#[test]
fn nothing_is_hedged_unasked_or_while_nobody_knows_what_is_slow_or_beyond_the_share() {
    let unasked = house(|builder| builder);
    warm(&unasked);
    unasked.a.then(after(20 * SECOND, "late"));
    assert_eq!(stream(&unasked, ("pair", "hi")).unwrap().0, ["a/m first answered"]);

    let new = house(|builder| builder.hedging(HedgePolicy::default()));
    new.a.then(after(20 * SECOND, "late"));
    assert_eq!(stream(&new, ("pair", "hi")).unwrap().0, ["a/m first answered"]);

    let never = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&never);
    never.a.then(after(20 * SECOND, "late"));
    let options = CallOptions::new().hedging(Hedging::Never);
    let request = ChatRequest::from(("pair", "hi")).options(options);
    assert_eq!(stream(&never, request).unwrap().0, ["a/m first answered"]);

    // Every call is slow: of five hundred a twentieth is hedged.
    let slow = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&slow);
    let before = slow.b.calls().len();
    for _ in 0..500 {
        slow.a.then(after(SECOND, "slow"));
        stream(&slow, ("pair", "hi")).unwrap();
    }
    assert!(slow.b.calls().len() - before <= 27, "{}", slow.b.calls().len() - before);
}

#[test]
fn hedges_stay_inside_their_money_and_stop_under_pressure() {
    let poor =
        house(|builder| builder.hedging(HedgePolicy::default().hourly_budget("0.0000001".parse().unwrap())));
    warm(&poor);
    poor.a.then(after(20 * SECOND, "late"));
    assert_eq!(stream(&poor, ("pair", "hi")).unwrap().0, ["a/m first answered"]);

    let pressed = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&pressed);
    pressed.b.then(ErrorKind::RateLimited);
    assert!(stream(&pressed, ("b/m", "hi")).is_ok());
    pressed.b.then(ErrorKind::RateLimited).then(ErrorKind::RateLimited).then(ErrorKind::RateLimited);
    assert!(stream(&pressed, ("b/m", "hi")).is_err());
    pressed.a.then(after(20 * SECOND, "late"));
    assert_eq!(stream(&pressed, ("pair", "hi")).unwrap().0, ["a/m first answered"]);
}

#[test]
fn whoever_is_asked_only_when_all_else_fails_is_in_no_race() {
    let beginner = Cascade::new(QualityFloor::new(0.95).unwrap()).audit_share(0.0);
    let house = house(|builder| {
        let builder = builder.hedging(HedgePolicy::default());
        builder.route("careful", Route::with_policy(beginner, ["b/m", "a/m"]))
    });
    warm(&house);
    for stakes in [Stakes::Normal, Stakes::High] {
        house.a.then(after(20 * SECOND, "from a, late"));
        let request = ChatRequest::from(("careful", "hi")).options(CallOptions::new().stakes(stakes));

        assert_eq!(stream(&house, request).unwrap().0, ["a/m first answered"]);
    }
}

#[test]
fn a_hedged_call_whose_time_is_up_cancels_both_attempts() {
    let house = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&house);
    house.a.then(ScriptedStep::new().hang());
    house.b.then(ScriptedStep::new().hang());

    let request = ChatRequest::from(("pair", "hi")).timeout(10 * SECOND);
    let error = stream(&house, request).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!((house.a.cancelled(), house.b.cancelled()), (1, 1));
    assert_eq!(error.attempts().len(), 2);
}

#[test]
fn dropping_a_hedged_call_cancels_both_attempts() {
    let house = house(|builder| builder.hedging(HedgePolicy::default()));
    warm(&house);
    house.a.then(ScriptedStep::new().hang());
    house.b.then(ScriptedStep::new().hang());
    assert_eq!((house.a.cancelled(), house.b.cancelled()), (0, 0));

    run(async {
        let mut call = Box::pin(house.client.chat_stream(("pair", "hi")));
        // Until the second attempt has begun beside the first; then the caller lets go.
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            let both = (house.a.in_flight(), house.b.in_flight()) == (1, 1);
            if both { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        drop(call);
        assert_eq!((house.a.in_flight(), house.b.in_flight()), (0, 0));
    });

    assert_eq!((house.a.cancelled(), house.b.cancelled()), (1, 1));
    let health = house.client.health();
    assert!(health.iter().all(|target| (target.failures, target.signals.in_flight) == (0, 0)), "{health:?}");
}

#[test]
fn limits_of_a_call_go_before_its_target_and_that_before_its_provider_and_route() {
    let seconds = |number: u32| TimeLimits::new().first_token(SECOND * number);
    let house = house(|builder| {
        builder
            .time_limits("pair", seconds(9))
            .time_limits("a", seconds(7))
            .time_limits("a/n", seconds(5))
            .timeouts(Timeouts::default().first_token(11 * SECOND))
            .retry(polyroute::resilience::RetryPolicy::default().max_attempts(1))
    });
    let waited = |model: &str, own: Option<TimeLimits>| {
        house.a.then(ScriptedStep::new().hang());
        house.b.then(ScriptedStep::new().hang());
        let options = CallOptions::new().time_limits(own.unwrap_or_default());
        let before = house.clock.elapsed();
        let error = stream(&house, ChatRequest::from((model, "hi")).options(options)).unwrap_err();
        assert_eq!(error.timeout_phase(), Some(TimeoutPhase::FirstToken));
        house.a.calls();
        (house.clock.elapsed() - before).as_secs()
    };

    assert_eq!(waited("pair", None), 7);
    assert_eq!(waited("a/n", None), 5);
    assert_eq!(waited("a/n", Some(seconds(2))), 2);
    assert_eq!(waited("b/m", None), 11);
}

#[test]
fn a_model_that_thinks_is_waited_for_unless_it_is_told_not_to_think() {
    let house = house(|builder| {
        builder
            .prices_json(r#"{"models":[{"provider":"a","id":"deep","capabilities":{"reasoning":true}}]}"#)
            .retry(polyroute::resilience::RetryPolicy::default().max_attempts(1))
    });
    let waited = |request: ChatRequest| {
        house.a.then(ScriptedStep::new().hang());
        let before = house.clock.elapsed();
        stream(&house, request).unwrap_err();
        (house.clock.elapsed() - before).as_secs()
    };

    assert_eq!(waited(ChatRequest::from(("a/deep", "hi"))), 120);
    assert_eq!(waited(ChatRequest::from(("a/deep", "hi")).reasoning(polyroute::Effort::None)), 30);
    assert_eq!(waited(ChatRequest::from(("a/m", "hi"))), 30);
}

#[test]
fn a_stream_that_begins_and_crawls_is_given_up_before_anybody_has_seen_it() {
    let pace = TimeLimits::new().pace(Pace::new(20, 2 * SECOND));
    let ask = |house: &House| {
        let options = CallOptions::new().time_limits(pace);
        stream(house, ChatRequest::from(("pair", "hi")).options(options)).unwrap()
    };
    let text = |text: &str| StreamEvent::Text(text.into());
    let crawling = house(|builder| builder);
    crawling.a.then((0..60).fold(ScriptedStep::new(), |step, _| step.event(text("a")).pause(SECOND)));
    crawling.b.then(after(MILLI, "A short answer is not a slow one."));

    let (attempts, waited) = ask(&crawling);

    assert_eq!(attempts, ["a/m first timeout", "b/m failover answered"]);
    assert_eq!(waited, 2 * SECOND + MILLI);

    let cut = house(|builder| builder);
    cut.a.then(ScriptedStep::new().event(text("a")));
    cut.b.then(after(MILLI, "A whole answer."));
    assert_eq!(ask(&cut).0, ["a/m first truncated", "b/m failover answered"]);

    let quick = house(|builder| builder);
    let words = "four bytes for each of ten tokens.......";
    quick.a.then(
        (0..40)
            .fold(ScriptedStep::new(), |step, _| step.event(text(words)).pause(100 * MILLI))
            .event(StreamEvent::finish(None, None)),
    );
    let (attempts, waited) = ask(&quick);
    assert_eq!(attempts, ["a/m first answered"]);
    assert_eq!(waited, 300 * MILLI, "given as soon as it has shown to be fast enough");
}

#[test]
fn after_a_hedge_the_stream_is_held_to_the_limits_of_the_one_that_answered() {
    let house = house(|builder| {
        builder.hedging(HedgePolicy::default()).time_limits("b", TimeLimits::new().idle(5 * SECOND))
    });
    warm(&house);
    let text = || StreamEvent::Text("from a".to_owned());
    let slow = ScriptedStep::new().pause(SECOND).event(text()).pause(20 * SECOND).event(text());
    house.a.then(slow.event(StreamEvent::finish(None, None)));
    house.b.then(ScriptedStep::new().hang());

    let (attempts, _) = stream(&house, ("pair", "hi")).unwrap();

    assert_eq!(attempts, ["b/m hedge cancelled", "a/m first answered"]);
}
