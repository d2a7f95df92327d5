//! The client's own parts: limits, prices, ledgers, and clients that are replaced.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use futures::future::join_all;
use polyroute::account::{Entry, Ledger};
use polyroute::catalog::Charge;
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::testing::{ScriptedProvider, ScriptedStep};
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, ErrorKind, Price, Result, Route, Usage};

use crate::town::{MS, SECOND, Town};

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
fn s26_a_client_is_replaced_under_a_thousand_calls_and_none_fails() {
    let town = Town::new();
    town.a.always(|| ScriptedStep::new().pause(SECOND).reply(Reply::text("old")));
    let newer = ScriptedProvider::new("c").on_clock(town.clock.clone()).always(|| Reply::text("new"));
    let current = Mutex::new(town.client.clone());
    let Town { clock, a, b, told, client } = town;
    drop(client);
    let town = Town { clock, a, b, told, client: Client::builder().provider(newer.clone()).build().unwrap() };

    let answers = town.run(async {
        let calls = (0..2_000_u32).map(|place| {
            let (current, clock) = (&current, &town.clock);
            async move {
                clock.sleep(MS * place).await;
                let client = current.lock().unwrap().clone();
                let model = if client.providers().contains(&"c") { "c/m" } else { "a/m" };
                client.chat((model, "hi")).await.map(|answer| answer.text())
            }
        });
        let replace = async {
            town.clock.sleep(MS * 1_000).await;
            assert!(town.a.in_flight() >= 999, "{} are in flight", town.a.in_flight());
            let route = Route::ordered(["c/m"]);
            let new = Client::builder().clock(town.clock.clone()).provider(newer.clone()).route("r", route);
            *current.lock().unwrap() = new.build().unwrap();
        };
        futures::future::join(join_all(calls), replace).await.0
    });

    let texts: Vec<String> = answers.into_iter().map(Result::unwrap).collect();
    assert!(texts[..1_000].iter().all(|text| text == "old"));
    assert!(texts[1_001..].iter().all(|text| text == "new"));
}

#[test]
fn s27_a_broken_price_table_is_refused_by_name_and_the_old_prices_stay() {
    let error = Client::builder().provider(ScriptedProvider::new("a")).prices_json("{\"models\": [").build();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);

    let town = Town::new();
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
    let target = "a/m".parse().unwrap();
    assert_eq!(town.client.cost_of(&target, &Usage::of(1, 1)).unwrap().total.to_string(), "$2");
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

#[test]
fn s28_a_sink_that_stands_still_holds_no_call_up_and_what_it_loses_is_counted() {
    let (release, stuck): (Sender<()>, _) = channel();
    let release = Arc::new(Mutex::new(Some(release)));
    let town = Town::with(|builder| builder.ledger(Stuck(Mutex::new(stuck))).ledger_queue(64));

    let calls = town.load("a/m", 1_000, MS);

    assert_eq!(calls.iter().filter(|call| call.took == 100 * MS).count(), 1_000);
    let status = town.client.books().unwrap().status();
    assert_eq!(status[0].recorded, 2_000);
    assert!(status[0].lost >= 2_000 - 2 * 64 - 64, "{status:?}");
    assert!(town.clock.wall() > SystemTime::UNIX_EPOCH);
    // The ledger's thread ends with the client.
    drop(release.lock().unwrap().take());
}
