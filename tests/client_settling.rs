//! What calls used is booked, whatever becomes of the client that made them.

#![expect(
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test target may panic"
)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::join_all;
use polyroute::catalog::Charge;
use polyroute::clock::Clock as _;
use polyroute::quota::{Limit, Limits, Window};
use polyroute::resilience::HedgePolicy;
use polyroute::store::{Answer, Claim, Level, MemoryStore, Meter, Rule, SqliteStore, Store, Verdict};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, ClientBuilder, Error, ErrorKind, Price, Route, Usage};

const SECOND: Duration = Duration::from_secs(1);

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn clock() -> VirtualClock {
    VirtualClock::manual(SystemTime::UNIX_EPOCH)
}

/// One dollar for each call, of ten.
fn builder(clock: &VirtualClock) -> ClientBuilder {
    let dollar = Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
    let provider = ScriptedProvider::new("a").always(|| Reply::text("ok").with_usage(Usage::of(10, 10)));
    let budget = Limit::cost("10".parse().unwrap(), Window::lifetime()).named("budget");
    Client::builder()
        .clock(clock.clone())
        .provider(provider)
        .price("a/m", dollar)
        .limits(Limits::new().limit(budget))
}

fn hi() -> ChatRequest {
    ChatRequest::from(("a/m", "hi")).max_output_tokens(10)
}

/// How many calls waited to be booked, each time somebody was told.
#[derive(Clone, Debug, Default)]
struct Waiting(Arc<Mutex<Vec<(ErrorKind, usize)>>>);

impl Observer for Waiting {
    fn observe(&self, event: &Event<'_>) {
        if let Event::SpendUnsettled { kind, waiting } = event {
            self.0.lock().unwrap().push((*kind, *waiting));
        }
    }
}

/// Answers settlements after a while, as a server would; the first few it does not take.
#[derive(Debug)]
struct Slow(MemoryStore, AtomicU32, Mutex<Whim>);

/// What else it does with settlements.
#[derive(Clone, Copy, Debug, Default)]
enum Whim {
    #[default]
    Nothing,
    /// It will never take the next one.
    NeverTheNext,
    /// Nor any other under this name.
    Never(u128),
    /// Those that it does not take are booked, and only the answer is lost.
    LosesAnswers,
    /// Nor does it say whether there is room.
    HoldsBackRoom,
}

impl Slow {
    fn new(clock: &VirtualClock, fails: u32, whim: Whim) -> Arc<Self> {
        Arc::new(Self(MemoryStore::new(10, Arc::new(clock.clone())), AtomicU32::new(fails), Mutex::new(whim)))
    }
}

#[polyroute::async_trait]
impl Store for Slow {
    async fn get(&self, key: &str) -> polyroute::Result<Option<Bytes>> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> polyroute::Result<()> {
        self.0.put(key, value, ttl).await
    }

    async fn add(&self, key: &str, amount: i64, ttl: Option<Duration>) -> polyroute::Result<i64> {
        self.0.add(key, amount, ttl).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> polyroute::Result<bool> {
        self.0.compare_and_set(key, expected, value, ttl).await
    }

    async fn remove(&self, key: &str) -> polyroute::Result<()> {
        self.0.remove(key).await
    }

    fn reserve<'a>(&'a self, id: u128, lease: Duration, claims: &'a [Claim]) -> Answer<'a, Verdict> {
        if matches!(*self.2.lock().unwrap(), Whim::HoldsBackRoom) {
            return Answer::later(std::future::pending());
        }
        self.0.reserve(id, lease, claims)
    }

    fn settle<'a>(&'a self, id: u128, used: &'a [Claim]) -> Answer<'a, Vec<Level>> {
        Answer::later(async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let never = {
                let mut whim = self.2.lock().unwrap();
                if let Whim::NeverTheNext = *whim {
                    *whim = Whim::Never(id);
                }
                matches!(*whim, Whim::Never(other) if other == id)
            };
            if never {
                return Err(Error::new(ErrorKind::Storage, "scripted"));
            }
            if self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                let loses_answers = matches!(*self.2.lock().unwrap(), Whim::LosesAnswers);
                if loses_answers {
                    self.0.settle(id, used).await?;
                }
                return Err(Error::new(ErrorKind::StoreUnavailable, "scripted"));
            }
            self.0.settle(id, used).await
        })
    }
}

/// What is used and held of the limit named "budget", in picodollars.
fn booked(store: &dyn Store) -> (u128, u128) {
    let meter = Meter::new("budget//", Rule::Total { limit: None }, None).unwrap();
    let level = run(store.settle(u128::MAX, &[Claim::new(Arc::new(meter), 0)])).unwrap()[0];
    (level.used, level.held)
}

#[test]
fn a_shutdown_books_what_the_store_did_not_take_before() {
    let (clock, heard) = (clock(), Waiting::default());
    let store = Slow::new(&clock, 3, Whim::Nothing);
    let client = builder(&clock).store(Arc::clone(&store)).observer(heard.clone()).build().unwrap();

    run(async {
        let calls = join_all((0..3).map(|_| client.chat(hi()))).await;
        assert!(calls.iter().all(Result::is_ok), "who asked is not to blame");
        let waiting = [1, 2, 3].map(|waiting| (ErrorKind::StoreUnavailable, waiting));
        assert_eq!(*heard.0.lock().unwrap(), waiting);
        client.shutdown(SECOND).await.unwrap();
    });

    assert_eq!(booked(&*store), (3_000_000_000_000, 0));
}

/// What was said about limits.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::SpendUnsettled { kind, waiting } => format!("unsettled {kind} {waiting}"),
            Event::SpendLost => "lost".to_owned(),
            Event::LimitReached(reached) => format!("{} {} %", reached.limit, reached.percent),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

/// Lets everything run that can.
async fn settle_down() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_the_store_never_takes_keeps_nothing_waiting_and_the_rest_is_booked_without_another_call() {
    let (clock, heard) = (clock(), Heard::default());
    let store = Slow::new(&clock, 0, Whim::NeverTheNext);
    let soft = Limit::cost("1".parse().unwrap(), Window::lifetime()).soft().named("soft");
    let limits = Limits::new()
        .limit(Limit::cost("10".parse().unwrap(), Window::lifetime()).named("budget"))
        .limit(soft);
    let client = builder(&clock).limits(limits).store(Arc::clone(&store)).observer(heard.clone()).build();
    let client = client.unwrap();

    run(async {
        client.chat(hi()).await.unwrap();
        store.1.store(1, Ordering::SeqCst);
        client.chat(hi()).await.unwrap();
        settle_down().await;
        assert_eq!(heard.take(), ["unsettled storage 1", "unsettled store unavailable 2"]);

        clock.advance(SECOND * 5);
        settle_down().await;
        assert_eq!(heard.take(), ["soft 100 %"], "it is told late, but it is told");
    });
    assert_eq!(booked(&*store), (1_000_000_000_000, 1_000_000_000_000));
}

#[test]
fn what_may_be_booked_is_not_booked_again_when_the_store_has_forgotten_that_it_did() {
    for (hours, said) in [(1, vec![]), (3, vec!["lost"])] {
        let (clock, heard) = (clock(), Heard::default());
        let store = Slow::new(&clock, 1, Whim::LosesAnswers);
        let client = builder(&clock).store(Arc::clone(&store)).observer(heard.clone()).build().unwrap();

        run(async {
            client.chat(hi()).await.unwrap();
            settle_down().await;
            assert_eq!(heard.take(), ["unsettled store unavailable 1"]);
            clock.advance(SECOND * 3_600 * hours);
            settle_down().await;
            assert_eq!(heard.take(), said, "after {hours} h");
            client.shutdown(SECOND).await.unwrap();
            assert_eq!(heard.take(), [""; 0]);
        });
        assert_eq!(booked(&*store), (1_000_000_000_000, 0));
    }
}

#[test]
fn what_a_client_used_is_booked_although_it_is_dropped_with_its_last_call() {
    let file = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dropped.db");
    let _ = std::fs::remove_file(&file);
    let clock = clock();
    let time = || Arc::new(clock.clone());
    let stores: [(&str, Arc<dyn Store>); 3] = [
        ("memory", Arc::new(MemoryStore::new(10, time()))),
        ("sqlite", Arc::new(SqliteStore::open(&file, time()).unwrap())),
        ("slow", Slow::new(&clock, 0, Whim::Nothing)),
    ];
    for (name, store) in stores {
        let client = builder(&clock).store(Arc::clone(&store)).build().unwrap();

        run(async {
            let call = Box::pin(client.chat_stream(hi()));
            let mut stream = call.await.unwrap();
            stream.next().await.unwrap().unwrap();
            // The last handle and the last call go, and nobody shuts anything down.
            drop(client);
            drop(stream);
            // Others go on.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });

        assert_eq!(booked(&*store), (1_000_000_000_000, 0), "{name}");
    }
}

#[test]
fn a_hedge_whose_room_is_not_known_yet_does_not_hold_up_the_first_attempt() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let store = Slow::new(&clock, 0, Whim::Nothing);
    let after = |pause: Duration| ScriptedStep::new().pause(pause).reply(Reply::text("ok"));
    let provider = |name| ScriptedProvider::new(name).on_clock(clock.clone());
    let (a, b) = (provider("a").always(move || after(SECOND / 10)), provider("b"));
    let client = Client::builder()
        .clock(clock.clone())
        .provider(a.clone())
        .provider(b.clone())
        .store(Arc::clone(&store))
        .limits(Limits::new().limit(Limit::requests(10, Window::lifetime()).only("vendor", "b")))
        .hedging(HedgePolicy::default())
        .route("pair", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();
    for _ in 0..40 {
        run(client.chat(("pair", "hi"))).unwrap();
    }
    a.then(after(SECOND));

    let call = std::pin::pin!(client.chat(("pair", "hi")));
    let long = std::pin::pin!(async {
        // After the call was planned, and before it is slow.
        clock.sleep(SECOND / 20).await;
        *store.2.lock().unwrap() = Whim::HoldsBackRoom;
        clock.sleep(SECOND * 5).await;
        // What the call used is booked first, which takes no time.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    });
    let futures::future::Either::Left((answer, _)) = run(futures::future::select(call, long)) else {
        unreachable!("it waits for the store");
    };

    let answer = answer.unwrap();
    assert_eq!((answer.attempts().len(), answer.attempts()[0].elapsed), (1, SECOND));
    assert!(b.calls().is_empty());
}
