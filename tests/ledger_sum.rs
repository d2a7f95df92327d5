//! The ledger's sum is the sum of what callers were told, to the picodollar, whatever happens to the calls.
//!
//! A few thousand calls here; `POLYROUTE_LEDGER_CALLS=1000000` makes it a million. A few million tiny costs;
//! `POLYROUTE_TINY_COSTS=1000000000` makes it five hundred times as many.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test target may"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures::FutureExt as _;
use futures::future::{Either, join_all, select};
use polyroute::account::{Entry, EntryId, EntryKind, Ledger, MemoryLedger, Query, SqliteLedger, Totals};
use polyroute::clock::Clock as _;
use polyroute::provider::Call;
use polyroute::resilience::HedgePolicy;
use polyroute::store::{Claim, MemoryStore, Meter, Rule, Store as _};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::VirtualClock;
use polyroute::types::{
    Attempt, AttemptReason, CallId, Completeness, Outcome, Reply, ReplyStream, StreamEvent, Usage,
};
use polyroute::{ChatRequest, Client, Error, ErrorKind, Price, Provider, Result, Route, Usd, async_trait};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

/// Answers, fails, breaks off and dawdles by chance.
#[derive(Debug)]
struct Chancy {
    name: &'static str,
    mood: Mood,
    clock: VirtualClock,
    steps: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    /// Half of what it does fails.
    Shaky,
    /// Little fails, and few answers are slow: only the well are asked beside somebody slow.
    Calm,
}

impl Chancy {
    fn new(name: &'static str, mood: Mood, clock: &VirtualClock) -> Self {
        Self { name, mood, clock: clock.clone(), steps: AtomicU64::new(0) }
    }

    fn pause(&self, chance: &mut fastrand::Rng, most: u64) -> Duration {
        Duration::from_millis(match self.mood {
            Mood::Shaky => chance.u64(0..most),
            Mood::Calm if chance.u32(0..25) == 0 => 3_000,
            Mood::Calm => chance.u64(50..100),
        })
    }

    /// Does this go well, whatever else is drawn?
    fn is_spared(&self, chance: &mut fastrand::Rng) -> bool {
        self.mood == Mood::Calm && chance.u32(0..20) > 0
    }

    fn chance(&self) -> fastrand::Rng {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        fastrand::Rng::with_seed(step ^ (u64::from(self.name.as_bytes()[0]) << 40))
    }

    fn usage(chance: &mut fastrand::Rng) -> Usage {
        let mut usage = Usage::of(chance.u64(0..200_000), chance.u64(0..10_000));
        usage.cache_read_tokens = Some(chance.u64(0..1_000));
        usage
    }
}

#[async_trait]
impl Provider for Chancy {
    fn name(&self) -> &str {
        self.name
    }

    async fn chat(&self, _: Call<'_>) -> Result<Reply> {
        let mut chance = self.chance();
        self.clock.sleep(self.pause(&mut chance, 2_000)).await;
        match chance.u32(0..10) {
            _ if self.is_spared(&mut chance) => Ok(Reply::text("Yes.").with_usage(Self::usage(&mut chance))),
            0 => Err(Error::new(ErrorKind::Overloaded, "scripted")),
            1 => Err(Error::new(ErrorKind::Server, "scripted")),
            2 => Err(Error::new(ErrorKind::Truncated, "scripted")
                .with_partial(Reply::empty().with_usage(Self::usage(&mut chance)))),
            3 => Err(Error::new(ErrorKind::RateLimited, "scripted").with_retry_after(Duration::from_secs(1))),
            4 => Err(Error::new(ErrorKind::InvalidRequest, "scripted")),
            _ => Ok(Reply::text("Yes.").with_usage(Self::usage(&mut chance))),
        }
    }

    async fn chat_stream(&self, _: Call<'_>) -> Result<ReplyStream> {
        let mut chance = self.chance();
        let spared = self.is_spared(&mut chance);
        if chance.u32(0..4) == 0 && !spared {
            return Err(Error::new(ErrorKind::Overloaded, "scripted"));
        }
        let clock = self.clock.clone();
        let mut events = vec![
            Ok(StreamEvent::Usage(Box::new(Self::usage(&mut chance)))),
            Ok(StreamEvent::Text("Y".into())),
            Ok(StreamEvent::Text("es.".into())),
        ];
        if chance.u32(0..5) == 0 && !spared {
            events.push(Err(Error::new(ErrorKind::Connection, "scripted")));
        } else {
            events.push(Ok(StreamEvent::Usage(Box::new(Self::usage(&mut chance)))));
            events.push(Ok(StreamEvent::finish(None, None)));
        }
        let pause = self.pause(&mut chance, 500);
        Ok(ReplyStream::new(futures::stream::unfold(events.into_iter(), move |mut events| {
            let clock = clock.clone();
            async move {
                clock.sleep(pause).await;
                events.next().map(|event| (event, events))
            }
        })))
    }
}

/// What observers are told: the only ones who hear of a call that was dropped.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Sums>>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    all: Usd,
    cancelled: Usd,
    calls: u64,
    attempts: u64,
    hedges: u64,
}

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        if let Event::CallFinished(finished) = event {
            let mut sums = self.0.lock().unwrap();
            sums.all = sums.all.saturating_add(finished.cost);
            if finished.outcome == Outcome::Cancelled {
                sums.cancelled = sums.cancelled.saturating_add(finished.cost);
            }
            sums.calls += 1;
            sums.attempts += u64::try_from(finished.attempts.len()).unwrap();
            let hedged = |attempt: &&Attempt| attempt.reason == AttemptReason::Hedge;
            sums.hedges += u64::try_from(finished.attempts.iter().filter(hedged).count()).unwrap();
        }
    }
}

fn client(clock: &VirtualClock, heard: &Heard, ledger: impl Ledger + 'static) -> Client {
    let (shaky, calm) = (["ann", "ben", "cid"], ["dot", "eve"]);
    let mut builder = Client::builder()
        .clock(clock.clone())
        .observer(heard.clone())
        .ledger(ledger)
        .hedging(HedgePolicy::default().percent(20))
        .seed(7);
    for (name, rate) in shaky.iter().chain(&calm).zip(["0.3", "1.23", "17.7", "2.001", "0.07"]) {
        let mood = if calm.contains(name) { Mood::Calm } else { Mood::Shaky };
        builder = builder.provider(Chancy::new(name, mood, clock)).price(
            &format!("{name}/m"),
            Price::per_million(rate, rate).unwrap().cached_input("0.0371").unwrap(),
        );
    }
    builder
        .route("shaky", Route::ordered(shaky.map(|name| format!("{name}/m"))))
        .route("calm", Route::ordered(calm.map(|name| format!("{name}/m"))))
        .build()
        .unwrap()
}

/// One call, whole or streamed, perhaps abandoned; returns what the caller was told it cost.
async fn call(client: &Client, clock: &VirtualClock, number: u64) -> Usd {
    let mut chance = fastrand::Rng::with_seed(number);
    let route = if chance.bool() { "shaky" } else { "calm" };
    let request = || ChatRequest::new(route).user("?");
    let attempts = |attempts: &[Attempt]| attempts.iter().filter_map(|attempt| attempt.cost).sum();
    let mut patience = clock.sleep(Duration::from_millis(chance.u64(0..4_000)));
    if chance.bool() {
        return match select(Box::pin(client.chat(request())), patience).await {
            Either::Left((Ok(response), _)) => attempts(response.attempts()),
            Either::Left((Err(error), _)) => attempts(error.attempts()),
            Either::Right(_) => Usd::ZERO,
        };
    }
    let mut stream = match select(Box::pin(client.chat_stream(request())), &mut patience).await {
        Either::Left((Ok(stream), _)) => stream,
        Either::Left((Err(error), _)) => return attempts(error.attempts()),
        Either::Right(_) => return Usd::ZERO,
    };
    let mut finished = false;
    loop {
        let event = match select(Box::pin(stream.next()), &mut patience).await {
            Either::Left((event, _)) => event,
            // Once it has finished only the summary is left, and everybody waits for that.
            Either::Right((_, next)) if finished => next.await,
            Either::Right(_) => return Usd::ZERO,
        };
        match event {
            Some(Ok(StreamEvent::Done(summary))) => return attempts(&summary.attempts),
            Some(Ok(event)) => finished |= matches!(event, StreamEvent::Finish(_)),
            Some(Err(error)) => return attempts(error.attempts()),
            None => panic!("a stream ends with its summary or an error"),
        }
        if finished {
            patience = clock.sleep(Duration::from_secs(3_600));
        }
    }
}

async fn compare(client: &Client, clock: &VirtualClock, heard: &Heard, calls: u64) -> Totals {
    let mut told = Usd::ZERO;
    for group in 0..calls / GROUP {
        let group = join_all((0..GROUP).map(|place| call(client, clock, group * GROUP + place))).await;
        told = told.saturating_add(group.into_iter().sum());
    }
    // What is read after a caller has gone is read by tasks.
    while heard.0.lock().unwrap().calls < calls / GROUP * GROUP {
        tokio::task::yield_now().await;
    }

    let totals = client.books().unwrap().totals(&Query::all()).await.unwrap();
    let status = client.books().unwrap().status()[0].clone();
    let heard = *heard.0.lock().unwrap();
    assert_eq!(status.lost, 0, "{status:?}");
    assert_eq!((totals.calls, totals.attempts), (heard.calls, heard.attempts));
    assert_eq!(totals.cost, heard.all);
    assert_eq!(totals.cost, told.saturating_add(heard.cancelled));
    assert!(heard.hedges > calls / 500, "{heard:?}");
    assert!(heard.cancelled > Usd::ZERO && totals.estimated > Usd::ZERO && totals.attempts > totals.calls);
    totals
}

#[tokio::test]
async fn the_sum_is_exact_over_cancelled_failed_over_hedged_and_broken_calls() {
    let calls = std::env::var("POLYROUTE_LEDGER_CALLS").map_or(5_000, |calls| calls.parse().unwrap());
    let clock = VirtualClock::automatic(UNIX_EPOCH + Duration::from_secs(1_764_000_000));
    let heard = Heard::default();
    let client = client(&clock, &heard, MemoryLedger::new(10_000));

    let totals = compare(&client, &clock, &heard, calls).await;

    let hedges = heard.0.lock().unwrap().hedges;
    println!(
        "ledger sum: {} calls, {} attempts, {hedges} of them hedges, {} exactly",
        totals.calls, totals.attempts, totals.cost
    );
}

#[tokio::test]
async fn the_sum_is_exact_in_a_file_as_well() {
    let folder = Folder::new("sum");
    let path = folder.path("ledger.sqlite");
    let clock = VirtualClock::automatic(UNIX_EPOCH + Duration::from_secs(1_764_000_000));
    let heard = Heard::default();
    let totals = {
        let client = client(&clock, &heard, SqliteLedger::open(&path).unwrap());
        compare(&client, &clock, &heard, 1_000).await
    };

    let mut again = Totals::default();
    let exact = |entry: &Entry| entry.completeness == Completeness::Exact;
    let mut some_exact = false;
    SqliteLedger::open(&path)
        .unwrap()
        .read(&Query::all(), &mut |entry| {
            some_exact |= exact(&entry);
            again.add(&entry);
        })
        .unwrap();
    assert_eq!(again, totals);
    assert!(some_exact);
}

#[test]
fn the_sum_of_very_many_tiny_costs_is_exact() {
    let count = tiny_costs();
    // From one picodollar to seven, none of which a float could tell from nothing beside a few thousand dollars.
    let start = "9000".parse::<Usd>().unwrap();
    let sum = (0..count).fold(start, |sum, number: i128| {
        sum.saturating_add(std::hint::black_box(Usd::from_pico(number % 7 + 1)))
    });

    let (weeks, days) = (count / 7, count % 7);
    assert_eq!(sum.pico() - start.pico(), weeks * 28 + days * (days + 1) / 2);
}

/// A ledger and a meter do more for each cost than add it: they get one for a hundred of the above.
#[test]
fn a_ledger_and_a_meter_sum_very_many_tiny_costs_exactly() {
    let count = u64::try_from(tiny_costs() / 100).unwrap();
    let clock = VirtualClock::manual(UNIX_EPOCH);
    let (ledger, store) = (MemoryLedger::new(1_000), MemoryStore::new(1, Arc::new(clock)));
    let meter = Arc::new(Meter::new("m", Rule::Total { limit: None }, None).unwrap());
    let entry = |number: u64| {
        let mut entry =
            Entry::new(EntryId::new(1, number), EntryKind::Attempt, CallId::new(number.into()), UNIX_EPOCH);
        entry.cost = Some(Usd::from_pico(i128::from(number % 7 + 1)));
        entry.completeness = Completeness::Exact;
        entry
    };

    let settle = |id: u128, pico: u128| {
        let claims = [Claim::new(Arc::clone(&meter), pico)];
        store.settle(id, &claims).now_or_never().unwrap().unwrap()[0].used
    };
    // Nine million dollars, beside which a float would not tell a picodollar from nothing.
    let start = 9_000_000_000_000_000_000;
    settle(u128::MAX, start);
    let mut used = 0;
    for first in (0..count).step_by(1_000) {
        let numbers = first..count.min(first + 1_000);
        ledger.write(&numbers.clone().map(entry).collect::<Vec<_>>()).unwrap();
        for number in numbers {
            used = settle(number.into(), u128::from(number % 7 + 1));
        }
    }

    let (weeks, days) = (count / 7, count % 7);
    let sum = u128::from(weeks * 28 + days * (days + 1) / 2);
    assert_eq!(used - start, sum);
    let totals = ledger.totals(&Query::all()).unwrap();
    assert_eq!((totals.cost.pico().unsigned_abs(), totals.attempts), (sum, count));
}

fn tiny_costs() -> i128 {
    std::env::var("POLYROUTE_TINY_COSTS").map_or(2_000_000, |count| count.parse().unwrap())
}

/// Calls that are on their way together.
const GROUP: u64 = 20;
