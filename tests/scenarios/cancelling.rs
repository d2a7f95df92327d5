//! Callers that let go, and a client that ends.

use futures::future::{Either, join, join_all, select};
use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::client::Shutdown;
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::resilience::Standing;
use polyroute::testing::{Fault, Sandbox, ScriptedStep};
use polyroute::{ChatRequest, Client, Settings, Usd};

use crate::sockets;
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
fn s14_what_was_reserved_for_calls_that_are_let_go_is_there_again_to_the_last_unit() {
    let budget = 100_000_u64;
    let limit = Limit::cost(format!("{budget}").parse().unwrap(), Window::lifetime());
    let town =
        Town::with(|builder| builder.limits(Limits::new().limit(limit)).ledger(MemoryLedger::new(10_000)));
    town.a.always(|| ScriptedStep::new().event(text("x")).hang());
    // A token is a dollar: each call holds ten of them for its answer, and some for its question.
    let ask = || town.client.chat_stream(ChatRequest::from(("a/m", "hi")).max_output_tokens(10));
    let fill = async || {
        let mut streams = Vec::new();
        while let Ok(stream) = ask().await {
            streams.push(stream);
        }
        streams
    };

    let books = town.client.books().unwrap().clone();
    let (first, second, entries) = town.run(async {
        // Each holds what it may cost; then all are let go.
        let first = fill().await.len() as u64;
        books.flush().await.unwrap();
        let entries = books.entries(&Query::all().kind(EntryKind::Call)).await.unwrap();
        (first, fill().await.len() as u64, entries)
    });

    let cancelled: Vec<_> = entries.iter().filter(|entry| entry.outcome == "cancelled").collect();
    assert!(first > 100);
    assert_eq!((cancelled.len() as u64, town.a.cancelled() as u64), (first, first + second));
    let spent: Usd = entries
        .iter()
        .filter_map(|entry| entry.cost)
        .fold(Usd::ZERO, |sum, cost| sum.checked_add(cost).unwrap());
    let spent = u64::try_from(spent.pico() / 1_000_000_000_000).unwrap();
    assert!(spent > 0, "what was used is not given back");
    // As many as fit what was not spent, and not one fewer.
    let each = budget / first;
    assert!(each * first <= budget && (each - 1) * (first + 1) <= budget && each * (first + 1) > budget);
    assert_eq!(second, (budget - spent) / each, "{first} of {each} each came to {spent}");
}

#[test]
fn s14_the_connection_of_a_stream_that_is_let_go_is_closed() {
    let sandbox = Sandbox::open().unwrap();
    let server = sandbox.vendor("a");
    for _ in 0..10 {
        server.then(Fault::StallAfter(2));
    }
    let client = Client::builder().seed(7).vendor(Settings::compatible("a", server.url())).build().unwrap();

    sockets::run(async {
        let mut streams = Vec::new();
        for _ in 0..10 {
            streams.push(client.chat_stream(("a/m", "What is the capital of France?")).await.unwrap());
        }
        assert_eq!(sandbox.open_connections(), 10);

        streams.truncate(5);

        while sandbox.open_connections() > 5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.health()[0].failures, 0);
    });
}

#[test]
fn s29_a_shutdown_with_open_streams_drains_then_cancels_and_books_every_call() {
    // What has happened when time is up; how fast the thread of a ledger writes is no matter of virtual time.
    let town = Town::new();
    let (answered, report) = shut_down_under_twenty(&town);
    let report = report.unwrap();
    assert_eq!((report.finished, report.cancelled, report.held), (10, 10, 0));
    assert_eq!(answered, 10);
    assert_eq!((town.clock.elapsed() >= 10 * SECOND, town.clock.elapsed() < 12 * SECOND), (true, true));

    let town = Town::with(|builder| builder.ledger(MemoryLedger::new(1_000)));
    let (answered, _) = shut_down_under_twenty(&town);
    assert_eq!(answered, 10);
    let books = town.client.books().unwrap();
    let entries = town.run(async {
        books.flush().await.unwrap();
        books.entries(&Query::default()).await.unwrap()
    });
    let of = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((of(EntryKind::Call), of(EntryKind::Attempt)), (20, 20));
    let attempts = entries.iter().filter(|entry| entry.kind == EntryKind::Attempt);
    let (cancelled, whole): (Vec<_>, Vec<_>) = attempts.partition(|entry| entry.outcome == "cancelled");
    assert_eq!((cancelled.len(), whole.len()), (10, 10));
    assert!(cancelled.iter().all(|entry| entry.cost.is_some_and(|cost| cost.pico() > 0)));
}

/// Twenty streams that last a second to twenty, and a shutdown that gives them ten; how many were whole, and what it says.
fn shut_down_under_twenty(town: &Town) -> (usize, polyroute::Result<Shutdown>) {
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
    assert_eq!(town.a.in_flight(), 0);
    (ends.iter().filter(|end| end.is_ok()).count(), report)
}
