//! Callers that let go, and a client that ends.

use futures::future::{Either, join, join_all, select};
use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::resilience::Standing;
use polyroute::testing::ScriptedStep;
use polyroute::{ChatRequest, Usd};

use crate::town::{MS, SECOND, Town, finish, text};

#[test]
fn s14_callers_that_let_go_harm_nobody_and_leave_nothing_behind() {
    let parallel = Limits::new()
        .limit(Limit::parallel(1_000))
        .limit(Limit::cost(Usd::from_pico(1_000_000_000_000_000_000), Window::lifetime()));
    let town = Town::with(|builder| builder.limits(parallel));
    town.a.always(|| ScriptedStep::new().pause(SECOND).event(text("x")).pause(SECOND).event(finish()));

    let ends = town.run(join_all((0..1_000_u32).map(|place| {
        let town = &town;
        async move {
            let answer = async {
                let request = ChatRequest::from(("a/m", "hi")).max_output_tokens(10);
                town.client.chat_stream(request).await?.into_response().await
            };
            if place % 2 == 0 {
                return answer.await.is_ok();
            }
            let patience = town.clock.sleep(MS * (1 + place * 1_999 / 1_000));
            matches!(select(Box::pin(answer), patience).await, Either::Left((Ok(_), _)))
        }
    })));

    assert_eq!(ends.iter().filter(|answered| **answered).count(), 500);
    assert_eq!((town.a.cancelled(), town.a.in_flight()), (500, 0), "every connection is closed");
    let told = town.told.counts();
    assert_eq!((told.calls, told.cancelled, told.opened.len()), (1_000, 500, 0));
    let health = town.client.health();
    let a = health.iter().find(|health| health.target.provider() == "a").unwrap();
    assert_eq!((a.standing, a.failures, a.signals.in_flight), (Standing::Healthy, 0, 0));
    // All thousand places are free again.
    town.clock.advance(SECOND);
    let again = town.run(join_all((0..1_000).map(|_| town.client.chat(("b/m", "hi")))));
    assert_eq!(again.iter().filter(|answer| answer.is_ok()).count(), 1_000);
}

#[test]
fn s29_a_shutdown_with_open_streams_drains_then_cancels_and_books_every_call() {
    let town = Town::with(|builder| builder.ledger(MemoryLedger::new(1_000)));
    let lasting = |seconds: u32| {
        let one = |step: ScriptedStep, _| step.pause(SECOND).event(text("x"));
        (0..seconds).fold(ScriptedStep::new().event(text("x")), one).event(finish())
    };
    for seconds in 1..=20 {
        town.a.then(lasting(seconds));
    }

    let (ends, report) = town.run(async {
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(town.client.chat_stream(("a/m", "hi")).await.unwrap().into_response());
        }
        join(join_all(streams), town.client.shutdown(SECOND * 10 + MS)).await
    });

    let report = report.unwrap();
    assert_eq!((report.finished, report.cancelled, report.held), (10, 10, 0));
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 10);
    assert_eq!(town.a.in_flight(), 0);
    let entries = town.run(town.client.books().unwrap().entries(&Query::default())).unwrap();
    let of = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((of(EntryKind::Call), of(EntryKind::Attempt)), (20, 20));
}
