//! Streams through the client: commitment, truncation, idleness, dropping, cost. In virtual time.

#![expect(clippy::unwrap_used, clippy::unreachable, reason = "a test target may panic")]

mod support;

use std::time::{Duration, SystemTime};

use futures::{FutureExt as _, StreamExt as _};
use polyroute::clock::Clock as _;
use polyroute::error::TimeoutPhase;
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{Adaptation, Reply};
use polyroute::{ChatRequest, Client, ErrorKind, FinishReason, Route, StreamEvent, Usage};
use support::{Notes, builder, run, trace, virtual_clock};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    clock: VirtualClock,
    a: ScriptedProvider,
    b: ScriptedProvider,
    notes: Notes,
    client: Client,
}

fn house() -> House {
    let clock = virtual_clock();
    let provider = |name| ScriptedProvider::new(name).on_clock(clock.clone());
    let (a, b, notes) = (provider("a"), provider("b"), Notes::default());
    let prices = r#"{"models":[
        {"provider":"a","id":"m","input":"2","output":"8"},
        {"provider":"b","id":"m","input":"1","output":"4"}]}"#;
    let client = builder(&clock)
        .provider(a.clone())
        .provider(b.clone())
        .observer(notes.clone())
        .prices_json(prices)
        .route("smart", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();
    House { clock, a, b, notes, client }
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text(text.to_owned())
}

fn start() -> StreamEvent {
    StreamEvent::Start { id: Some("1".to_owned()), model: None }
}

fn usage() -> StreamEvent {
    StreamEvent::Usage(Box::new(Usage::of(1000, 100)))
}

fn finish() -> StreamEvent {
    StreamEvent::finish(Some(FinishReason::Stop), Some("stop".to_owned()))
}

#[test]
fn a_stream_that_breaks_before_its_first_content_moves_on_unseen() {
    let house = house();
    house.a.then(ScriptedStep::new().event(start()).event(usage()).fail(ErrorKind::Connection));
    house.b.then(ScriptedStep::new().events([start(), text("x"), text("y"), usage(), finish()]));

    let events: Vec<StreamEvent> = run(async {
        house.client.chat_stream(("smart", "hi")).await.unwrap().map(Result::unwrap).collect().await
    });

    assert_eq!(events[..5], [start(), text("x"), text("y"), usage(), finish()]);
    let StreamEvent::Done(summary) = &events[5] else { unreachable!("Done is last: {events:?}") };
    assert_eq!(trace(&summary.attempts), ["a/m first connection", "b/m failover answered"]);
    assert_eq!(summary.cost.as_ref().unwrap().total.to_string(), "$0.0014");
    assert_eq!(events.len(), 6);
}

#[test]
fn what_is_reported_before_the_first_content_is_accounted_when_none_comes() {
    for (step, ended) in [
        (ScriptedStep::new().events([start(), usage()]).fail(ErrorKind::Connection), "connection"),
        (ScriptedStep::new().events([start(), usage()]), "truncated"),
        (ScriptedStep::new().events([start(), usage()]).hang(), "timeout"),
    ] {
        let house = house();
        house.a.then(step);
        house.b.then(ScriptedStep::new().fail(ErrorKind::Authentication)).then(Reply::text("never"));

        let error = run(house.client.chat_stream(ChatRequest::from(("smart", "hi")))).unwrap_err();

        assert_eq!(
            trace(&error.attempts()[..2]),
            [format!("a/m first {ended}"), "b/m failover authentication".to_owned()]
        );
        let first = &error.attempts()[0];
        assert_eq!(first.usage, Some(Usage::of(1000, 100)), "{ended}");
        assert_eq!(first.cost.unwrap().to_string(), "$0.0028", "{ended}");
        assert_eq!((&error.attempts()[1].usage, error.attempts()[1].cost), (&None, None), "{ended}");
    }
}

#[test]
fn a_stream_that_breaks_after_content_is_an_error_with_what_had_come() {
    let house = house();
    house.a.then(ScriptedStep::new().events([start(), text("x"), usage()]).fail(ErrorKind::Connection));

    let error = run(async { house.client.chat_stream(("smart", "hi")).await.unwrap().into_response().await })
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(error.partial().unwrap().message.text(), "x");
    assert_eq!(trace(error.attempts()), ["a/m first connection"]);
    assert_eq!(error.attempts()[0].cost.unwrap().to_string(), "$0.0028", "what was reported is accounted");
    assert!(house.b.calls().is_empty(), "a second answer must not begin");
}

#[test]
fn an_end_without_a_finish_is_truncated() {
    let house = house();
    house.a.then(ScriptedStep::new().events([start(), text("x")]));

    let items: Vec<_> =
        run(async { house.client.chat_stream(("a/m", "hi")).await.unwrap().collect::<Vec<_>>().await });

    assert_eq!(items.len(), 3);
    assert_eq!(items[2].as_ref().unwrap_err().kind(), ErrorKind::Truncated);
    assert_eq!(house.notes.lines().last().unwrap(), "call truncated after 1");
}

#[test]
fn a_drip_survives_below_the_idle_limit_and_fails_above_it() {
    for (pause, survives) in [(29, true), (31, false)] {
        let house = house();
        let mut step = ScriptedStep::new().event(text("x"));
        for _ in 0..5 {
            step = step.pause(SECOND * pause).event(text("x"));
        }
        house.a.then(step.event(finish()));

        let outcome =
            run(async { house.client.chat_stream(("a/m", "hi")).await.unwrap().into_response().await });

        match outcome {
            Ok(response) => assert!(survives && response.text() == "xxxxxx"),
            Err(error) => {
                assert!(!survives, "{error}");
                assert_eq!(error.timeout_phase(), Some(TimeoutPhase::Idle));
                assert_eq!(house.clock.elapsed(), SECOND * 30);
                assert_eq!(house.a.in_flight(), 0, "the provider's stream is dropped at once");
            }
        }
    }
}

#[test]
fn the_total_time_ends_a_stream_too() {
    let house = house();
    let mut step = ScriptedStep::new().event(text("x"));
    for _ in 0..100 {
        step = step.pause(SECOND).event(text("x"));
    }
    house.a.then(step.event(finish()));

    let request = ChatRequest::from(("a/m", "hi")).timeout(SECOND * 10);
    let error =
        run(async { house.client.chat_stream(request).await.unwrap().into_response().await }).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(house.clock.elapsed(), SECOND * 10);
}

#[test]
fn dropping_a_stream_cancels_and_settles_with_what_was_reported() {
    let house = house();
    house.a.then(ScriptedStep::new().events([start(), usage(), text("x")]).hang());

    run(async {
        let mut stream = house.client.chat_stream(("smart", "hi")).await.unwrap();
        for _ in 0..3 {
            stream.next().await.unwrap().unwrap();
        }
        drop(stream);
    });

    assert_eq!((house.a.in_flight(), house.a.cancelled()), (0, 1));
    assert_eq!(house.notes.lines(), ["first a/m", "a/m cancelled", "call cancelled after 1"]);
}

#[test]
fn an_accumulated_stream_equals_the_whole_answer() {
    let reply = || {
        let mut reply = Reply::text("hello").with_usage(Usage::of(10, 2));
        reply.id = Some("1".to_owned());
        reply.finish_reason_raw = Some("stop".to_owned());
        reply
    };
    let house = house();
    house.a.then(reply()).then(reply());

    let (whole, streamed) = run(async {
        let whole = house.client.chat(("a/m", "hi")).await.unwrap();
        (whole, house.client.chat_stream(("a/m", "hi")).await.unwrap().into_response().await.unwrap())
    });

    assert_eq!(whole.reply, streamed.reply);
    assert_eq!(whole.cost(), streamed.cost());
}

/// Three dollars of flex where the standard service costs thirty.
fn tiered(clock: &VirtualClock, a: &ScriptedProvider) -> Client {
    let prices = r#"{"models":[{"provider":"a","id":"m","input":"30","output":"0",
        "service_tiers":{"flex":{"input":"3","output":"0"}}}]}"#;
    let once = RetryPolicy::default().max_attempts(1);
    builder(clock).provider(a.clone()).prices_json(prices).retry(once).build().unwrap()
}

fn asking(tier: Option<&str>) -> ChatRequest {
    let mut request = ChatRequest::from(("a/m", "hi"));
    request.service_tier = tier.map(str::to_owned);
    request
}

#[test]
fn without_a_word_of_the_provider_the_tier_that_was_asked_for_is_charged() {
    let clock = virtual_clock();
    let a = ScriptedProvider::new("a").on_clock(clock.clone());
    let client = tiered(&clock, &a);
    for (asked, served, expected) in [
        (None, None, Some("$30")),
        (Some("auto"), None, Some("$30")),
        (Some("flex"), None, Some("$3")),
        (Some("flex"), Some("default"), Some("$30")),
        (None, Some("flex"), Some("$3")),
        (Some("tomorrow"), None, None),
    ] {
        let mut reply = Reply::text("hello").with_usage(Usage::of(1_000_000, 0));
        reply.service_tier = served.map(str::to_owned);
        a.then(reply.clone()).then(reply);

        let (whole, streamed) = run(async {
            let whole = client.chat(asking(asked)).await.unwrap();
            let stream = client.chat_stream(asking(asked)).await.unwrap();
            (whole, stream.into_response().await.unwrap())
        });

        for response in [whole, streamed] {
            let cost = response.cost().map(|cost| cost.total.to_string());
            assert_eq!(cost.as_deref(), expected, "{asked:?} {served:?}");
            assert_eq!(response.attempts()[0].cost, response.cost().map(|cost| cost.total));
        }
    }
}

#[test]
fn a_tier_that_was_asked_for_is_charged_for_what_was_broken_off_too() {
    let million = || StreamEvent::Usage(Box::new(Usage::of(1_000_000, 0)));
    let clock = virtual_clock();
    let a = ScriptedProvider::new("a").on_clock(clock.clone());
    let client = tiered(&clock, &a);
    for (tier, expected) in [(None, Some("$30")), (Some("flex"), Some("$3")), (Some("tomorrow"), None)] {
        a.then(ScriptedStep::new().events([start(), text("x"), million()]).fail(ErrorKind::Connection));

        let error = run(async { client.chat_stream(asking(tier)).await.unwrap().into_response().await });

        let cost = error.unwrap_err().attempts()[0].cost.map(|cost| cost.to_string());
        assert_eq!(cost.as_deref(), expected, "{tier:?}");
    }
}

#[test]
fn a_tier_that_could_not_be_asked_for_is_not_charged() {
    let clock = virtual_clock();
    let a = ScriptedProvider::new("a").on_clock(clock.clone());
    let client = tiered(&clock, &a);
    let mut reply = Reply::text("hello").with_usage(Usage::of(1_000_000, 0));
    reply.adaptations = vec![Adaptation::dropped("service_tier", "the service has no such field")];
    a.then(reply);

    let response = run(client.chat(asking(Some("flex")))).unwrap();

    assert_eq!(response.cost().unwrap().total.to_string(), "$30");
}

#[test]
fn a_pause_of_the_reader_is_not_silence_of_the_provider() {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let a = ScriptedProvider::new("a").on_clock(clock.clone());
    let client = builder(&clock).provider(a.clone()).build().unwrap();
    let late = |pause| ScriptedStep::new().event(text("x")).pause(pause).event(text("y")).event(finish());
    let half = SECOND / 2;

    run(async {
        a.then(late(SECOND));
        let mut stream = client.chat_stream(("a/m", "hi")).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), text("x"));
        clock.advance(SECOND * 60);
        for _ in 0..2 {
            assert!(stream.next().now_or_never().is_none());
            clock.advance(half);
        }
        assert_eq!(stream.next().await.unwrap().unwrap(), text("y"));

        // Looking in often does not make a silent provider less silent.
        a.then(late(SECOND * 600));
        let mut stream = client.chat_stream(("a/m", "hi")).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), text("x"));
        for _ in 0..60 {
            assert!(stream.next().now_or_never().is_none());
            clock.advance(half);
        }
        let error = stream.next().await.unwrap().unwrap_err();
        assert_eq!(error.timeout_phase(), Some(TimeoutPhase::Idle));
    });
}

#[test]
fn a_reader_who_is_slower_than_the_provider_is_held_to_the_time_and_to_the_shutdown() {
    let ready = || ScriptedStep::new().events((0..100).map(|_| text("x"))).event(finish());
    let late = house();
    late.a.then(ready());

    let request = ChatRequest::from(("a/m", "hi")).timeout(SECOND * 10);
    let error = run(async {
        let mut stream = late.client.chat_stream(request).await.unwrap();
        loop {
            match stream.next().await.unwrap() {
                Ok(_) => late.clock.sleep(SECOND).await,
                Err(error) => return error,
            }
        }
    });

    assert_eq!((error.kind(), late.clock.elapsed()), (ErrorKind::DeadlineExceeded, SECOND * 10));
    assert_eq!(error.partial().unwrap().message.text(), "x".repeat(10));
    assert_eq!(late.a.in_flight(), 0);

    let closed = house();
    closed.a.then(ready());
    let error = run(async {
        let mut stream = closed.client.chat_stream(("a/m", "hi")).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let mut shutdown = std::pin::pin!(closed.client.shutdown(Duration::ZERO));
        assert!(shutdown.as_mut().now_or_never().is_none());
        let error = stream.next().await.unwrap().unwrap_err();
        let _ = shutdown.await;
        error
    });
    assert_eq!(error.kind(), ErrorKind::ShutDown);
}
