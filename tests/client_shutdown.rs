//! The orderly end of a client. In virtual time.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

mod support;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join3;
use polyroute::account::{Entry, Ledger};
use polyroute::provider::{Cancelling, Habits};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::Completeness;
use polyroute::{Client, ErrorKind, Result, StreamEvent, Usage};
use support::{Notes, builder, run, virtual_clock};

const SECOND: Duration = Duration::from_secs(1);

struct House {
    clock: VirtualClock,
    a: ScriptedProvider,
    notes: Notes,
    client: Client,
}

fn house(cancelling: Cancelling) -> House {
    let clock = virtual_clock();
    let habits = Habits::UNKNOWN.cancelling(cancelling);
    let a = ScriptedProvider::new("a").on_clock(clock.clone()).with_habits(habits);
    let notes = Notes::default();
    let prices = r#"{"models":[{"provider":"a","id":"m","input":"1","output":"1"}]}"#;
    let client =
        builder(&clock).provider(a.clone()).observer(notes.clone()).prices_json(prices).build().unwrap();
    House { clock, a, notes, client }
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text(text.to_owned())
}

fn finish() -> StreamEvent {
    StreamEvent::finish(None, None)
}

/// A stream of that many seconds.
fn lasting(seconds: u32) -> ScriptedStep {
    let one = |step: ScriptedStep, _| step.pause(SECOND).event(text("x"));
    (0..seconds).fold(ScriptedStep::new().event(text("x")), one).event(finish())
}

#[test]
fn what_ends_in_time_is_waited_for_and_the_rest_is_cancelled_and_settled() {
    let house = house(Cancelling::StopsBilling);
    house.a.then(lasting(3)).then(lasting(20));
    let client = &house.client;

    let (short, long, report) = run(async {
        let short = client.chat_stream(("a/m", "hi")).await.unwrap();
        let long = client.chat_stream(("a/m", "hi")).await.unwrap();
        join3(short.into_response(), long.into_response(), client.shutdown(SECOND * 5)).await
    });

    assert_eq!(short.unwrap().text(), "xxxx");
    let error = long.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown);
    assert_eq!(error.partial().unwrap().message.text().len(), 6);
    assert_eq!(error.attempts()[0].completeness, Completeness::Estimated);
    let report = report.unwrap();
    assert_eq!((report.finished, report.cancelled, report.held), (1, 1, 0));
    assert_eq!((house.a.in_flight(), house.a.cancelled()), (0, 1));
    assert_eq!(house.clock.elapsed(), SECOND * 5);
    assert_eq!(
        house.notes.lines()[2..],
        ["a/m answered", "call answered after 1", "a/m cancelled", "call shut_down after 1"]
    );
}

#[test]
fn new_calls_are_refused_by_every_clone_before_anything_is_sent() {
    let house = house(Cancelling::Unknown);
    let clone = house.client.clone();

    let report = run(house.client.shutdown(SECOND)).unwrap();

    assert_eq!((report.finished, report.cancelled, report.held), (0, 0, 0));
    assert_eq!(house.clock.elapsed(), Duration::ZERO, "there was nothing to wait for");
    for error in [
        run(clone.chat(("a/m", "hi"))).unwrap_err(),
        run(clone.chat_stream(("a/m", "hi"))).unwrap_err(),
        run(clone.embed(polyroute::EmbedRequest::new("a/m", ["hi"]))).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.may_be_billed()), (ErrorKind::ShutDown, false));
    }
    assert!(house.a.calls().is_empty() && house.notes.lines().is_empty());
}

#[test]
fn a_call_that_waits_for_its_first_answer_is_cancelled_too() {
    let house = house(Cancelling::Unknown);
    house.a.always(|| ScriptedStep::new().hang());
    let client = &house.client;

    let (whole, streamed, report) =
        run(join3(client.chat(("a/m", "hi")), client.chat_stream(("a/m", "hi")), async {
            tokio::task::yield_now().await;
            client.shutdown(SECOND * 2).await
        }));

    assert_eq!(whole.unwrap_err().kind(), ErrorKind::ShutDown);
    assert_eq!(streamed.unwrap_err().kind(), ErrorKind::ShutDown);
    assert_eq!(report.unwrap().cancelled, 2);
    assert_eq!((house.a.in_flight(), house.a.cancelled()), (0, 2));
}

#[test]
fn what_nobody_polls_is_reported_and_settled_when_it_is_dropped() {
    let house = house(Cancelling::Unknown);
    house.a.then(lasting(3));

    run(async {
        let mut stream = house.client.chat_stream(("a/m", "hi")).await.unwrap();
        let report = house.client.shutdown(SECOND).await.unwrap();
        assert_eq!((report.finished, report.cancelled, report.held), (0, 0, 1));
        // The event that had come is still given; then the end is noticed.
        assert_eq!(stream.next().now_or_never().unwrap().unwrap().unwrap(), text("x"));
        let error = loop {
            if let Err(error) = stream.next().await.unwrap() {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::ShutDown);
    });

    assert_eq!(house.notes.lines().last().unwrap(), "call shut_down after 1");
}

#[test]
fn a_shutdown_waits_for_bills_that_are_being_read_until_its_deadline() {
    for (deadline, completeness) in [(10, "exact"), (2, "estimated")] {
        let house = house(Cancelling::BilledToTheEnd);
        let usage = StreamEvent::Usage(Box::new(Usage::of(7, 11)));
        house.a.then(ScriptedStep::new().event(text("x")).pause(SECOND * 5).events([usage, finish()]));

        run(async {
            let mut stream = house.client.chat_stream(("a/m", "hi")).await.unwrap();
            stream.next().await.unwrap().unwrap();
            drop(stream);
            house.client.shutdown(SECOND * deadline).await.unwrap();
        });

        let cancelled = usize::from(completeness == "estimated");
        assert_eq!((house.a.in_flight(), house.a.cancelled()), (0, cancelled));
        assert_eq!(house.notes.lines()[1..], ["a/m cancelled", "call cancelled after 1"]);
    }
}

#[test]
fn a_shutdown_that_is_dropped_leaves_the_client_closed_and_its_calls_running() {
    let house = house(Cancelling::Unknown);
    house.a.then(lasting(3));

    run(async {
        let stream = house.client.chat_stream(("a/m", "hi")).await.unwrap();
        assert!(house.client.shutdown(SECOND).now_or_never().is_none());
        assert_eq!(house.client.chat(("a/m", "hi")).await.unwrap_err().kind(), ErrorKind::ShutDown);
        assert_eq!(stream.into_response().await.unwrap().text(), "xxxx");
    });
}

/// Writes nothing until it is let.
#[derive(Clone, Debug, Default)]
struct Hanging(Arc<(Mutex<bool>, Condvar)>);

impl Ledger for Hanging {
    fn write(&self, _: &[Entry]) -> Result<()> {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |let_go| !*let_go).unwrap());
        Ok(())
    }
}

#[test]
fn a_ledger_that_hangs_holds_up_a_shutdown_no_longer_than_its_deadline() {
    for (deadline, took) in [(SECOND * 3, SECOND * 3), (Duration::ZERO, SECOND)] {
        let (clock, ledger) = (virtual_clock(), Hanging::default());
        let a = ScriptedProvider::new("a").on_clock(clock.clone()).then(lasting(1));
        let client = builder(&clock).provider(a).ledger(ledger.clone()).build().unwrap();
        let (ended, elapsed) = run(async {
            client.chat(("a/m", "hi")).await.unwrap();
            let before = clock.elapsed();
            let ended = client.shutdown(deadline).await;
            (ended, clock.elapsed() - before)
        });
        // Whatever came of it: a client that is dropped waits for its ledgers.
        *ledger.0.0.lock().unwrap() = true;
        ledger.0.1.notify_all();

        let error = ended.unwrap_err();
        assert_eq!((error.kind(), elapsed), (ErrorKind::Storage, took));
        assert!(error.message().contains("0 calls had finished, 0 were cancelled, 0 are held"), "{error}");
    }
}
