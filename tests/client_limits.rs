//! Budgets and rate limits as a caller sees them.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use polyroute::catalog::Charge;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::testing::{ScriptedProvider, VirtualClock};
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, ClientBuilder, Error, ErrorKind, Price, Usage, Usd};

const SECOND: Duration = Duration::from_secs(1);

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// One dollar for each call, whatever its length.
fn dollar() -> Price {
    Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap()
}

/// Answers every call with ten tokens for a prompt of ten.
fn provider(name: &str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(|| Reply::text("ok").with_usage(Usage::of(10, 10)))
}

fn client(clock: &VirtualClock, limits: Limits) -> ClientBuilder {
    Client::builder().clock(clock.clone()).provider(provider("a")).price("a/m", dollar()).limits(limits)
}

fn manual() -> VirtualClock {
    VirtualClock::manual(SystemTime::UNIX_EPOCH)
}

fn hi() -> ChatRequest {
    ChatRequest::from(("a/m", "hi")).max_output_tokens(10)
}

/// Makes so many calls at once; how many were answered, and what was said to the others.
async fn at_once(client: &Client, count: usize) -> (usize, Vec<Error>) {
    let calls = (0..count).map(|_| client.chat(hi()));
    let (answered, refused): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
    (answered.len(), refused.into_iter().map(Result::unwrap_err).collect())
}

#[test]
fn of_a_hundred_calls_of_one_unit_a_budget_of_one_unit_lets_one_pass() {
    let limits = Limits::new().limit(Limit::cost(usd("1"), Window::lifetime()));
    let client = client(&manual(), limits).build().unwrap();

    let (answered, refused) = run(at_once(&client, 100));

    assert_eq!((answered, refused.len()), (1, 99));
    assert!(refused.iter().all(|error| error.kind() == ErrorKind::BudgetExceeded && !error.may_be_billed()));
    assert_eq!(
        refused[98].message(),
        "limit \"cost, lifetime\": $1 used and $0 held of $1, $1 more asked for"
    );
}

#[test]
fn of_a_thousand_calls_in_one_tick_a_rate_of_ten_lets_ten_pass_and_says_when_the_next_may() {
    let limits = Limits::new().limit(Limit::requests(10, Window::refill(SECOND)));
    let clock = manual();
    let client = client(&clock, limits).build().unwrap();

    let (answered, refused) = run(at_once(&client, 1_000));

    assert_eq!((answered, refused.len()), (10, 990));
    for error in &refused {
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(error.retry_after(), Some(SECOND / 10));
        assert!(error.is_retryable());
    }
    clock.advance(SECOND / 10 - Duration::from_micros(1));
    assert_eq!(run(at_once(&client, 10)).0, 0);
    clock.advance(Duration::from_micros(1));
    assert_eq!(run(at_once(&client, 10)).0, 1);
}
