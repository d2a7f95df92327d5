//! The client's own parts: limits, prices, ledgers, and clients that are replaced.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use futures::future::join_all;
use polyroute::account::{Entry, Ledger};
use polyroute::catalog::Charge;
use polyroute::client::PriceFeed;
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::store::{OnFailure, RedisOptions, RedisStore};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, ErrorKind, Price, Result, Route, Usage};

use crate::folder::Folder;
use crate::town::{Call, MS, SECOND, Town};
use crate::world;

fn limited(limits: Limits) -> Town {
    let dollar = || Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
    Town::with(|builder| builder.limits(limits).price("a/m", dollar()))
}

fn at_once(town: &Town, count: usize) -> Vec<Result<polyroute::ChatResponse>> {
    let ask = || town.client.chat(ChatRequest::from(("a/m", "hi")).max_output_tokens(10));
    town.run(join_all((0..count).map(|_| ask())))
}

#[test]
fn s23_of_a_hundred_calls_of_one_unit_a_budget_of_one_unit_lets_one_pass() {
    let town = limited(Limits::new().limit(Limit::cost("1".parse().unwrap(), Window::lifetime())));

    let answers = at_once(&town, 100);

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.map(polyroute::Error::kind).all(|kind| kind == ErrorKind::BudgetExceeded));
    assert_eq!(town.a.calls().len(), 1);
}

#[test]
fn s24_of_a_thousand_calls_in_one_tick_a_rate_of_ten_lets_ten_pass_and_tells_the_others_the_wait() {
    let town = limited(Limits::new().limit(Limit::requests(10, Window::refill(SECOND))));

    let answers = at_once(&town, 1_000);

    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert_eq!(town.a.calls().len(), 10);
    let waits: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()?.retry_after()).collect();
    assert_eq!(waits.len(), 990);
    assert!(waits.iter().all(|wait| *wait <= SECOND && !wait.is_zero()), "{:?}", waits.iter().max());
}

#[test]
fn s25_a_store_that_hangs_costs_fifty_milliseconds_and_is_then_left_alone() {
    // Takes connections and never says a word.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://127.0.0.1:{}", hung.local_addr().unwrap().port());
    let town = Town::with_clock(|builder, clock| {
        let options = RedisOptions::new().on_failure(OnFailure::Local);
        let store = RedisStore::open(&url, options, Arc::new(clock.clone())).unwrap();
        builder.limits(Limits::new().limit(Limit::parallel(10_000))).store(store)
    });

    let calls = town.load("a/m", 5_000, MS);

    assert!(calls.iter().all(|call| call.by.as_deref() == Some("a")), "without the store calls go on");
    let waited: Vec<&Call> = calls.iter().filter(|call| call.took > 100 * MS).collect();
    assert!(
        waited.iter().all(|call| call.took <= 150 * MS),
        "{:?}",
        waited.iter().map(|call| call.took).max()
    );
    // Those that came before the first fifty milliseconds were over, and afterwards one a second, which goes to see.
    let later: Vec<_> = waited.iter().filter(|call| call.asked >= 50 * MS).map(|call| call.asked).collect();
    assert!(waited.len() - later.len() <= 50 && later.len() <= 6, "{} {later:?}", waited.len());
}

/// What an answer says, and at which price.
type Told = (String, Option<String>);

#[test]
fn s26_prices_and_routes_are_replaced_under_a_thousand_calls_and_none_fails() {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + SECOND * 1_795_000_000);
    let provider = |name: &'static str| {
        ScriptedProvider::new(name).on_clock(clock.clone()).always(move || {
            let reply = Reply::text(name).with_usage(Usage::of(1_000_000, 0));
            ScriptedStep::new().pause(SECOND).reply(reply)
        })
    };
    let (a, b) = (provider("a"), provider("b"));
    let client = |target: &str| {
        let builder = Client::builder().clock(clock.clone()).seed(7);
        builder.provider(a.clone()).provider(b.clone()).route("r", Route::ordered([target])).build().unwrap()
    };
    let folder = Folder::new("hot-swap");
    let prices = folder.path("prices.json");
    let set_prices = async |client: &Client, day: &str, price: &str| {
        let row = |name: &str| format!(r#"{{"provider":"{name}","id":"m","input":"{price}","output":"1"}}"#);
        let json = format!(r#"{{"as_of":"{day}","models":[{},{}]}}"#, row("a"), row("b"));
        std::fs::write(&prices, json).unwrap();
        client.update_prices(&PriceFeed::file(&prices)).await.unwrap();
    };
    let current = Mutex::new(client("a/m"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

    let work = async {
        let first = current.lock().unwrap().clone();
        set_prices(&first, "2026-11-15", "1").await;
        drop(first);
        let calls = (0..3_000_u32).map(|place| {
            let (current, clock) = (&current, &clock);
            async move {
                clock.sleep(MS * place + MS / 2).await;
                let client = current.lock().unwrap().clone();
                let answer = client.chat(("r", "hi")).await?;
                Ok((answer.text(), answer.cost().map(|cost| cost.total.to_string())))
            }
        });
        let replace = async {
            // New prices in the running client.
            clock.sleep(MS * 1_000).await;
            assert_eq!(a.in_flight(), 1_000);
            let old = current.lock().unwrap().clone();
            set_prices(&old, "2026-11-16", "2").await;
            // A new client with another route and other prices, in the place of the old one, whose last handle is dropped.
            clock.sleep(MS * 1_000).await;
            assert_eq!(a.in_flight(), 1_000);
            let new = client("b/m");
            set_prices(&new, "2026-11-17", "3").await;
            *current.lock().unwrap() = new;
            drop(old);
        };
        futures::future::join(join_all(calls), replace).await.0
    };
    let answers: Vec<Result<Told>> = world::drive(work, &clock, Some(&runtime)).unwrap();

    let answers: Vec<Told> = answers.into_iter().map(Result::unwrap).collect();
    for (began, (by, price)) in [("a", "$1"), ("a", "$2"), ("b", "$3")].into_iter().enumerate() {
        let expected = (by.to_owned(), Some(price.to_owned()));
        let block = &answers[began * 1_000..(began + 1) * 1_000];
        assert!(
            block.iter().all(|told| *told == expected),
            "{began}: {:?}",
            block.iter().find(|told| **told != expected)
        );
    }
    assert_eq!((a.in_flight(), b.in_flight(), a.cancelled()), (0, 0, 0));
}

#[test]
fn s27_a_broken_price_table_is_refused_by_name_and_the_old_prices_stay() {
    let error = Client::builder().provider(ScriptedProvider::new("a")).prices_json("{\"models\": [").build();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);

    let told = Refusals::default();
    let town = Town::with(|builder| builder.observer(told.clone()));
    let folder = Folder::new("broken-prices");
    let mut catalogue = (*town.client.catalogue()).clone();
    let before = catalogue.find("a", "m").unwrap();
    for broken in [
        "{\"models\": [",
        "<html>",
        "",
        r#"{"models":[{"provider":"a","id":"m","input":"2","output":"-1"}]}"#,
        r#"{"models":[{"provider":"a","id":"m","input":"2"},{"provider":"b"}]}"#,
    ] {
        let error = catalogue.merge_json(broken).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration, "{broken}");
        assert_eq!(catalogue.find("a", "m").unwrap(), before, "{broken}");
    }
    // A client that runs is told of it, keeps its prices, and books no call at nothing.
    let target = "a/m".parse().unwrap();
    let files = [
        "{\"models\": [",
        "<html>",
        "",
        r#"{"as_of":"2026-11-16","models":[{"provider":"a","id":"m","input":"2","output":"-1"}]}"#,
        r#"{"as_of":"2026-11-16","models":[{"provider":"a","id":"m","input":"2000000"},{"provider":"b"}]}"#,
    ];
    for (place, broken) in files.into_iter().enumerate() {
        let path = folder.path("prices.json");
        std::fs::write(&path, broken).unwrap();

        let error = town.run(town.client.update_prices(&PriceFeed::file(&path))).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration, "{broken}");
        assert_eq!(told.0.load(Ordering::SeqCst), place + 1, "{broken}");
        assert_eq!(town.client.catalogue().find("a", "m").unwrap(), before, "{broken}");
        assert_eq!(town.client.cost_of(&target, &Usage::of(1, 1)).unwrap().total.to_string(), "$2");
        let answer = town.run(town.client.chat(("a/m", "hi"))).unwrap();
        assert_eq!(answer.cost().unwrap().total.to_string(), "$11", "{broken}");
    }
    let gone = town.run(town.client.update_prices(&PriceFeed::file(folder.path("nothing.json"))));
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(told.0.load(Ordering::SeqCst), files.len() + 1);
}

/// Counts how often it is told that an update of the prices was refused.
#[derive(Clone, Debug, Default)]
struct Refusals(Arc<AtomicUsize>);

impl Observer for Refusals {
    fn observe(&self, event: &Event<'_>) {
        if let Event::PriceUpdateRefused(_) = event {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Stands still until it is let go.
#[derive(Debug)]
struct Stuck(Mutex<Receiver<()>>);

impl Ledger for Stuck {
    fn write(&self, _: &[Entry]) -> Result<()> {
        let _ = self.0.lock().unwrap().recv();
        Ok(())
    }
}

/// Counts how often it is told that a ledger's queue overflowed.
#[derive(Clone, Debug, Default)]
struct Overflows(Arc<AtomicUsize>);

impl Observer for Overflows {
    fn observe(&self, event: &Event<'_>) {
        if let Event::LedgerOverflowed = event {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn s28_a_sink_that_stands_still_holds_no_call_up_and_what_it_loses_is_counted() {
    let (release, stuck): (Sender<()>, _) = channel();
    let release = Arc::new(Mutex::new(Some(release)));
    let told = Overflows::default();
    let town = Town::with(|builder| {
        builder.ledger(Stuck(Mutex::new(stuck))).ledger_queue(64).observer(told.clone())
    });

    let calls = town.load("a/m", 1_000, MS);

    assert!(calls.iter().all(|call| call.took == 100 * MS), "no call waited for the sink");
    let status = town.client.books().unwrap().status();
    assert_eq!((status[0].recorded, status[0].written), (2_000, 0));
    // Some are on their way into the sink, at most as many as fit the queue wait, and every other one is counted as lost.
    let held = status[0].recorded - status[0].lost;
    assert!((64..=2 * 64).contains(&held), "{status:?}");
    assert_eq!(told.0.load(Ordering::SeqCst), 1, "an observer is told once");
    // The ledger's thread ends with the client.
    drop(release.lock().unwrap().take());
}
