//! Streams through the client: commitment, truncation, idleness, dropping, cost. In virtual time.

#![expect(clippy::unwrap_used, clippy::unreachable, reason = "a test target may panic")]

mod support;

use std::time::Duration;

use futures::StreamExt as _;
use polyroute::error::TimeoutPhase;
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::Reply;
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
