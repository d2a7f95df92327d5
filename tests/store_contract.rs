//! What every store must do, asked of each: in memory, in a file, and in the Redis server that `POLYROUTE_REDIS_SERVER`
//! starts, where it is set.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test target may panic"
)]

#[path = "support/folder.rs"]
mod folder;
#[path = "support/redis.rs"]
mod redis;

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use folder::Folder;
use futures::future::join_all;
use polyroute::ErrorKind;
use polyroute::store::{
    Claim, Cure, Level, MemoryStore, Meter, RedisOptions, RedisStore, Refusal, Rule, SqliteStore, Store,
    Verdict,
};
use polyroute::testing::VirtualClock;
use redis::RedisServer;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);
const MICROSECOND: Duration = Duration::from_micros(1);
const CAPACITY: usize = 64;

fn clock() -> VirtualClock {
    VirtualClock::manual(SystemTime::UNIX_EPOCH)
}

fn memory() -> (Arc<dyn Store>, VirtualClock) {
    let clock = clock();
    (Arc::new(MemoryStore::new(CAPACITY, Arc::new(clock.clone()))), clock)
}

/// Asks every store the same.
fn each(case: impl AsyncFn(Arc<dyn Store>, VirtualClock)) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let (store, own) = memory();
    run(case(store, own));

    let folder = Folder::new(&name);
    let own = clock();
    let store = SqliteStore::open(folder.path("store.db"), Arc::new(own.clone())).unwrap();
    run(case(Arc::new(store), own));

    if let Some(server) = RedisServer::start(&[]) {
        let own = clock();
        run(case(Arc::new(on_redis(&server, &own)), own));
        println!("store_contract: {name} ran on Redis");
    }
}

fn on_redis(server: &RedisServer, clock: &VirtualClock) -> RedisStore {
    RedisStore::open(&server.url(), RedisOptions::new(), Arc::new(clock.clone())).unwrap().on_clock()
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn what_is_put_can_be_read_replaced_and_removed() {
    each(async |store, _| {
        assert_eq!(store.get("k").await.unwrap(), None);
        store.put("k", bytes("a"), None).await.unwrap();
        store.put("k", bytes("b"), None).await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), Some(bytes("b")));
        store.remove("k").await.unwrap();
        store.remove("k").await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), None);
        store.put("", Bytes::new(), None).await.unwrap();
        assert_eq!(store.get("").await.unwrap(), Some(Bytes::new()));
    });
}

#[test]
fn a_value_lives_exactly_as_long_as_it_was_told_to() {
    each(async |store, clock| {
        store.put("put", bytes("x"), Some(SECOND)).await.unwrap();
        store.add("add", 1, Some(SECOND)).await.unwrap();
        assert!(store.compare_and_set("set", None, bytes("x"), Some(SECOND)).await.unwrap());

        clock.advance(SECOND - NANOSECOND);
        for key in ["put", "add", "set"] {
            assert!(store.get(key).await.unwrap().is_some(), "{key}");
        }
        clock.advance(NANOSECOND);
        for key in ["put", "add", "set"] {
            assert_eq!(store.get(key).await.unwrap(), None, "{key}");
        }
        store.put("for good", bytes("x"), Some(Duration::MAX)).await.unwrap();
        clock.advance(Duration::from_secs(1 << 32));
        assert!(store.get("for good").await.unwrap().is_some());
        store.put("gone", bytes("x"), Some(Duration::ZERO)).await.unwrap();
        assert_eq!(store.get("gone").await.unwrap(), None);
    });
}

#[test]
fn the_clock_of_a_counter_starts_once_and_is_not_renewed() {
    each(async |store, clock| {
        store.add("n", 1, Some(SECOND * 2)).await.unwrap();
        clock.advance(SECOND);
        assert_eq!(store.add("n", 1, Some(SECOND * 2)).await.unwrap(), 2);
        clock.advance(SECOND);

        assert_eq!(store.add("n", 5, None).await.unwrap(), 5);
        clock.advance(SECOND * 100);
        assert_eq!(store.add("n", -7, None).await.unwrap(), -2);
    });
}

#[test]
fn a_thousand_concurrent_additions_lose_nothing() {
    each(async |store, _| {
        let tasks = (0..1_000).map(|_| {
            let store = Arc::clone(&store);
            #[expect(clippy::disallowed_methods, reason = "joined below")]
            tokio::spawn(async move { store.add("n", 1, None).await.unwrap() })
        });
        let mut sums: Vec<i64> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();

        sums.sort_unstable();
        assert_eq!(sums, (1..=1_000).collect::<Vec<_>>());
    });
}

#[test]
fn of_a_thousand_who_compare_and_set_one_wins() {
    each(async |store, _| {
        let tasks = (0..1_000).map(|number: u32| {
            let store = Arc::clone(&store);
            #[expect(clippy::disallowed_methods, reason = "joined below")]
            tokio::spawn(async move {
                store.compare_and_set("lock", None, number.to_string().into(), None).await.unwrap()
            })
        });
        let won = join_all(tasks).await.into_iter().map(Result::unwrap).filter(|won| *won).count();
        assert_eq!(won, 1);

        let held = store.get("lock").await.unwrap().unwrap();
        assert!(!store.compare_and_set("lock", Some(b"other"), bytes("x"), None).await.unwrap());
        assert!(!store.compare_and_set("absent", Some(b""), bytes("x"), None).await.unwrap());
        assert_eq!(store.get("lock").await.unwrap().unwrap(), held);
        assert!(store.compare_and_set("lock", Some(&held), bytes("x"), None).await.unwrap());
    });
}

#[test]
fn a_value_that_has_run_out_counts_as_absent() {
    each(async |store, clock| {
        store.put("k", bytes("old"), Some(SECOND)).await.unwrap();
        clock.advance(SECOND);

        assert!(!store.compare_and_set("k", Some(b"old"), bytes("x"), None).await.unwrap());
        assert!(store.compare_and_set("k", None, bytes("new"), None).await.unwrap());
    });
}

#[test]
fn an_addition_that_cannot_be_made_changes_nothing() {
    each(async |store, _| {
        store.add("n", i64::MAX, None).await.unwrap();
        store.put("text", bytes("abc"), None).await.unwrap();

        for (key, amount) in [("n", 1), ("n", i64::MAX), ("text", 1)] {
            let error = store.add(key, amount, None).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{key}");
        }
        assert_eq!(store.add("n", 0, None).await.unwrap(), i64::MAX);
        assert_eq!(store.add("n", i64::MIN, None).await.unwrap(), -1);
        assert_eq!(store.get("text").await.unwrap(), Some(bytes("abc")));
    });
}

#[test]
fn keys_and_values_of_any_size_are_refused_above_the_documented_one() {
    each(async |store, _| {
        let (key, value) = ("k".repeat(512), Bytes::from(vec![0; 1 << 20]));
        let (long_key, long_value) = ("k".repeat(513), Bytes::from(vec![0; (1 << 20) + 1]));

        store.put(&key, value.clone(), None).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), Some(value));
        let refused = [
            store.put(&long_key, Bytes::new(), None).await.unwrap_err(),
            store.put("k", long_value.clone(), None).await.unwrap_err(),
            store.add(&long_key, 1, None).await.unwrap_err(),
            store.compare_and_set("k", None, long_value, None).await.unwrap_err(),
            store.compare_and_set(&long_key, None, Bytes::new(), None).await.unwrap_err(),
        ];
        assert!(refused.iter().all(|error| error.kind() == ErrorKind::InvalidRequest));
        assert_eq!(store.get("k").await.unwrap(), None);
        assert_eq!(store.get(&long_key).await.unwrap(), None);
    });
}

fn id() -> u128 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).into()
}

fn total(key: &str, limit: u128) -> Arc<Meter> {
    Arc::new(Meter::new(key, Rule::Total { limit: Some(limit) }, None).unwrap())
}

fn bucket(key: &str, amount: u64, period: Duration, burst: u64) -> Arc<Meter> {
    Arc::new(Meter::new(key, Rule::Bucket { amount, period, burst }, None).unwrap())
}

fn claim(meter: &Arc<Meter>, amount: u128) -> Claim {
    Claim::new(Arc::clone(meter), amount)
}

/// Reserves `amount` for a minute; the reservation's name, or why not.
async fn take(store: &Arc<dyn Store>, meter: &Arc<Meter>, amount: u128) -> Result<u128, Refusal> {
    let id = id();
    match store.reserve(id, SECOND * 60, &[claim(meter, amount)]).await.unwrap() {
        Verdict::Refused(refusals) => Err(refusals[0]),
        _ => Ok(id),
    }
}

async fn used(store: &Arc<dyn Store>, id: u128, meter: &Arc<Meter>, amount: u128) -> Level {
    store.settle(id, &[claim(meter, amount)]).await.unwrap()[0]
}

async fn level(store: &Arc<dyn Store>, meter: &Arc<Meter>) -> Level {
    used(store, id(), meter, 0).await
}

#[test]
fn a_reservation_holds_on_every_meter_or_on_none() {
    each(async |store, _| {
        let (wide, narrow) = (total("wide", 100), total("narrow", 5));
        let both = [claim(&wide, 4), claim(&narrow, 4)];

        let verdict = store.reserve(id(), SECOND, &both).await.unwrap();
        assert_eq!(verdict, Verdict::Held(vec![Level::new(0, 4), Level::new(0, 4)]));
        let verdict = store.reserve(id(), SECOND, &both).await.unwrap();
        assert_eq!(verdict, Verdict::Refused(vec![Refusal::new(1, Level::new(0, 4), Cure::Settlement)]));
        assert_eq!(level(&store, &wide).await, Level::new(0, 4));
        assert_eq!(store.reserve(id(), SECOND, &[]).await.unwrap(), Verdict::Held(vec![]));
    });
}

#[test]
fn of_a_thousand_concurrent_reservations_exactly_as_many_are_held_as_fit() {
    each(async |store, _| {
        let meters: Vec<_> = ["team", "user", "all", "model"].map(|key| total(key, 10)).into();
        let tasks = (0..1_000).map(|_| {
            let (store, meters) = (Arc::clone(&store), meters.clone());
            #[expect(clippy::disallowed_methods, reason = "joined below")]
            tokio::spawn(async move {
                let claims: Vec<_> = meters.iter().map(|meter| claim(meter, 1)).collect();
                let id = id();
                match store.reserve(id, SECOND, &claims).await.unwrap() {
                    Verdict::Refused(_) => false,
                    _ => {
                        store.settle(id, &claims).await.unwrap();
                        true
                    }
                }
            })
        });
        let passed = join_all(tasks).await.into_iter().map(Result::unwrap).filter(|passed| *passed).count();

        assert_eq!(passed, 10);
        for meter in &meters {
            assert_eq!(level(&store, meter).await, Level::new(10, 0));
        }
    });
}

#[test]
fn a_settlement_books_what_was_used_and_releases_the_rest() {
    each(async |store, _| {
        let meter = total("m", 10);
        let first = take(&store, &meter, 8).await.unwrap();
        let refusal = take(&store, &meter, 3).await.unwrap_err();
        assert_eq!((refusal.level, refusal.cure), (Level::new(0, 8), Cure::Settlement));

        assert_eq!(used(&store, first, &meter, 2).await, Level::new(2, 0));
        let second = take(&store, &meter, 8).await.unwrap();
        // More than was held: it was used, so it counts.
        assert_eq!(used(&store, second, &meter, 11).await, Level::new(13, 0));
        assert_eq!(take(&store, &meter, 0).await.unwrap_err().cure, Cure::Never);
    });
}

#[test]
fn a_settlement_counts_once_and_what_nobody_reserved_counts_too() {
    each(async |store, _| {
        let meter = total("m", 10);
        let reserved = take(&store, &meter, 5).await.unwrap();
        for _ in 0..3 {
            assert_eq!(used(&store, reserved, &meter, 4).await, Level::new(4, 0));
        }
        let unknown = id();
        for _ in 0..3 {
            assert_eq!(used(&store, unknown, &meter, 1).await, Level::new(5, 0));
        }
    });
}

#[test]
fn a_settlement_on_other_meters_counts_there_and_what_was_held_elsewhere_is_free_with_the_lease() {
    each(async |store, clock| {
        let [old, both, new] = ["old", "both", "new"].map(|key| total(key, 10));
        let held = id();
        let claims = [claim(&old, 10), claim(&both, 7)];
        assert!(matches!(store.reserve(held, SECOND * 5, &claims).await.unwrap(), Verdict::Held(_)));

        // The window of one has ended meanwhile; the order is another, too.
        for _ in 0..2 {
            let levels = store.settle(held, &[claim(&new, 3), claim(&both, 4)]).await.unwrap();
            assert_eq!(levels, [Level::new(3, 0), Level::new(4, 0)]);
        }
        clock.advance(SECOND * 5);
        for (meter, used) in [(&old, 0), (&both, 4), (&new, 3)] {
            assert_eq!(level(&store, meter).await, Level::new(used, 0));
        }
        assert!(take(&store, &old, 10).await.is_ok());
    });
}

#[test]
fn what_a_dead_process_held_is_free_when_its_lease_ends_and_not_before() {
    each(async |store, clock| {
        let (meter, rate) = (total("m", 10), bucket("b", 10, SECOND * 1_000, 10));
        let claims = [claim(&meter, 10), claim(&rate, 10)];
        let dead = id();
        store.reserve(dead, SECOND * 5, &claims).await.unwrap();

        clock.advance(SECOND * 5 - MICROSECOND);
        assert!(take(&store, &meter, 1).await.is_err());
        clock.advance(MICROSECOND);
        let alive = take(&store, &meter, 10).await.unwrap();
        // Of a rate it stays used: somebody may have been asked.
        assert!(matches!(take(&store, &rate, 1).await.unwrap_err().cure, Cure::After(_)));

        // Not dead after all: what it used is booked, and nobody else's hold released.
        store.settle(dead, &claims).await.unwrap();
        assert_eq!(level(&store, &meter).await, Level::new(10, 10));
        assert_eq!(used(&store, alive, &meter, 1).await, Level::new(11, 0));
    });
}

#[test]
fn a_bucket_is_exact_to_the_microsecond() {
    each(async |store, clock| {
        // Three in a second: the third part of a microsecond is not lost.
        let meter = bucket("b", 3, SECOND, 3);
        for _ in 0..3 {
            take(&store, &meter, 1).await.unwrap();
        }
        let refusal = take(&store, &meter, 1).await.unwrap_err();
        assert_eq!(refusal.cure, Cure::After(Duration::from_micros(333_334)));
        assert_eq!(refusal.level, Level::new(3, 0));

        clock.advance(Duration::from_micros(333_333));
        assert_eq!(take(&store, &meter, 1).await.unwrap_err().cure, Cure::After(MICROSECOND));
        clock.advance(MICROSECOND);
        take(&store, &meter, 1).await.unwrap();
        // A thousand seconds later three thousand have flowed in; the bucket holds three.
        clock.advance(SECOND * 1_000);
        for _ in 0..3 {
            take(&store, &meter, 1).await.unwrap();
        }
        assert!(take(&store, &meter, 1).await.is_err());
        assert_eq!(take(&store, &meter, 4).await.unwrap_err().cure, Cure::Never);
    });
}

#[test]
fn what_was_held_of_a_bucket_and_not_used_flows_back_once() {
    each(async |store, clock| {
        let meter = bucket("b", 10, SECOND * 10, 10);
        let first = take(&store, &meter, 10).await.unwrap();
        clock.advance(SECOND * 4);
        // Four have been refilled; of the six that are missing four flow back, as two were used.
        assert_eq!(used(&store, first, &meter, 2).await, Level::new(0, 0));
        let second = take(&store, &meter, 10).await.unwrap();
        clock.advance(SECOND * 3);
        assert_eq!(used(&store, second, &meter, 9).await, Level::new(6, 0));
        clock.advance(SECOND * 100);
        let third = take(&store, &meter, 10).await.unwrap();
        clock.advance(SECOND * 20);
        let fourth = take(&store, &meter, 10).await.unwrap();
        // Everything it held has been refilled long ago: nothing is left to flow back to others.
        assert_eq!(used(&store, third, &meter, 0).await, Level::new(10, 0));
        // More than was held is owed, but never more than ten buckets.
        assert_eq!(used(&store, fourth, &meter, 1_000_000).await, Level::new(100, 0));
        clock.advance(SECOND * 91);
        take(&store, &meter, 1).await.unwrap();
        assert!(take(&store, &meter, 1).await.is_err());
    });
}

#[test]
fn no_window_of_its_length_holds_more_than_a_rolling_limit() {
    each(async |store, clock| {
        let rule = Rule::Rolling { limit: Some(10), window: SECOND * 60 };
        let meter = Arc::new(Meter::new("r", rule, None).unwrap());
        clock.advance(SECOND / 2);
        let first = take(&store, &meter, 10).await.unwrap();
        assert_eq!(take(&store, &meter, 1).await.unwrap_err().cure, Cure::Settlement);
        assert_eq!(used(&store, first, &meter, 10).await, Level::new(10, 0));

        let refusal = take(&store, &meter, 1).await.unwrap_err();
        assert_eq!(refusal.cure, Cure::After(SECOND * 60 + SECOND / 2));
        clock.advance(SECOND * 60 + SECOND / 2 - MICROSECOND);
        assert_eq!(take(&store, &meter, 1).await.unwrap_err().cure, Cure::After(MICROSECOND));
        clock.advance(MICROSECOND);
        let second = take(&store, &meter, 10).await.unwrap();
        assert_eq!(used(&store, second, &meter, 1).await, Level::new(1, 0));
        assert_eq!(take(&store, &meter, 11).await.unwrap_err().cure, Cure::Never);
    });
}

#[test]
fn a_meter_that_is_not_used_is_forgotten_after_its_time_and_not_before() {
    async fn fill(store: &Arc<dyn Store>, key: &str) -> Arc<Meter> {
        let meter = Arc::new(Meter::new(key, Rule::Total { limit: Some(1) }, Some(SECOND * 100)).unwrap());
        let first = take(store, &meter, 1).await.unwrap();
        used(store, first, &meter, 1).await;
        meter
    }
    let folder = Folder::new("forgotten");
    let own = clock();
    let file = SqliteStore::open(folder.path("store.db"), Arc::new(own.clone())).unwrap();
    for (store, clock) in [memory(), (Arc::new(file), own)] {
        run(async {
            let (early, late) = (fill(&store, "early").await, fill(&store, "late").await);
            clock.advance(SECOND * 100 - MICROSECOND);
            assert!(take(&store, &early, 1).await.is_err());
            clock.advance(MICROSECOND);
            assert!(take(&store, &late, 1).await.is_ok());
        });
    }

    // The server forgets by its own time.
    if let Some(server) = RedisServer::start(&[]) {
        let store: Arc<dyn Store> = Arc::new(on_redis(&server, &clock()));
        run(async { drop(fill(&store, "m").await) });
        let mut wire = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        wire.write_all(b"PTTL {polyroute:default}m:m\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(wire).read_line(&mut line).unwrap();
        let left: i64 = line.trim().strip_prefix(':').unwrap().parse().unwrap();
        assert!((1..=100_000).contains(&left), "{left} ms");
        println!("store_contract: forgotten ran on Redis");
    }
}

#[test]
fn large_amounts_and_many_small_ones_are_exact() {
    each(async |store, _| {
        let meter = total("m", Meter::MOST);
        let large = 8_999_999_999_999_999_999_999_999_000;
        let first = take(&store, &meter, large).await.unwrap();
        assert_eq!(used(&store, first, &meter, large).await.used, large);
        assert!(take(&store, &meter, 1_001).await.is_err());
        let last = take(&store, &meter, 1_000).await.unwrap();
        assert_eq!(used(&store, last, &meter, 999).await.used, large + 999);

        // 10^9 costs of 7,999,999,999,999 picodollars and one, as a thousand sums of a million: every addition is one of
        // integers, so that it does not matter how they are put together.
        let many = Arc::new(Meter::new("many", Rule::Total { limit: None }, None).unwrap());
        let mut sum = 0;
        for round in 1..=1_000 {
            sum += 7_999_999_999_999 * 1_000_000 + 1;
            assert_eq!(
                used(&store, id(), &many, 7_999_999_999_999 * 1_000_000 + 1).await.used,
                sum,
                "{round}"
            );
        }
        assert_eq!(sum, 7_999_999_999_999_000_001_000);
    });
}

#[test]
fn a_rule_of_another_kind_begins_anew() {
    each(async |store, _| {
        let (as_total, as_bucket) = (total("m", 1), bucket("m", 1, SECOND, 1));
        let first = take(&store, &as_total, 1).await.unwrap();
        used(&store, first, &as_total, 1).await;

        assert!(take(&store, &as_total, 1).await.is_err());
        assert!(take(&store, &as_bucket, 1).await.is_ok());
        assert!(take(&store, &as_total, 1).await.is_ok());
    });
}

/// The same operations by chance on every store: what they say is what the store in memory says.
#[test]
fn every_store_does_the_same_arithmetic() {
    async fn play(store: Arc<dyn Store>, clock: VirtualClock) -> Vec<String> {
        let mut chance = fastrand::Rng::with_seed(11);
        let rolling = Rule::Rolling { limit: Some(1_000), window: SECOND * 7 };
        let meters = [
            total("t", 3_000_000_000_000_500),
            Arc::new(Meter::new("r", rolling, None).unwrap()),
            bucket("b", 7, SECOND * 3, 20),
            bucket("c", 999_983, SECOND, 2_000_003),
            Arc::new(Meter::new("n", Rule::Total { limit: None }, None).unwrap()),
        ];
        let most = [1_000_000_000_000_000_u128, 400, 12, 1_000_000, 5];
        let (mut open, mut said) = (Vec::new(), Vec::new());
        for step in 0..600_u128 {
            clock.advance(Duration::from_micros(chance.u64(0..400_000)));
            let places: Vec<usize> = (0..meters.len()).filter(|_| chance.bool()).collect();
            let amounts = |chance: &mut fastrand::Rng, factor: u128| -> Vec<Claim> {
                let one = |place: &usize| claim(&meters[*place], chance.u128(0..most[*place]) * factor / 4);
                places.iter().map(one).collect()
            };
            if chance.u8(0..3) > 0 || open.is_empty() {
                let claims = amounts(&mut chance, 4);
                let verdict =
                    store.reserve(step + 1, Duration::from_micros(chance.u64(1..4_000_000)), &claims);
                let verdict = verdict.await.unwrap();
                if matches!(verdict, Verdict::Held(_)) {
                    open.push((step + 1, claims));
                }
                said.push(format!("{step} {verdict:?}"));
            } else {
                let (id, claims): (u128, Vec<Claim>) = open.swap_remove(chance.usize(0..open.len()));
                let factor = chance.u128(0..7);
                let used: Vec<Claim> =
                    claims.iter().map(|one| claim(&one.meter, one.amount * factor / 4)).collect();
                said.push(format!("{step} {:?}", store.settle(id, &used).await.unwrap()));
            }
        }
        said
    }

    let (store, own) = memory();
    let expected = run(play(store, own));
    let refused = expected.iter().filter(|line| line.contains("Refused")).count();
    assert!((100..500).contains(&refused), "{refused} refusals of {}", expected.len());
    each(async |store, clock| {
        for (said, expected) in play(store, clock).await.iter().zip(&expected) {
            assert_eq!(said, expected);
        }
    });
}

#[test]
fn a_bucket_never_lets_through_more_than_its_content_and_what_flows_in() {
    let mut chance = fastrand::Rng::with_seed(5);
    for _ in 0..50 {
        let (store, clock) = memory();
        let (amount, burst) = (chance.u64(1..20), chance.u64(1..20));
        let meter = bucket("b", amount, SECOND, burst);
        // When, and how much was really used in the end.
        let mut passed: Vec<(Duration, u128)> = Vec::new();
        run(async {
            let mut open = Vec::new();
            for _ in 0..200 {
                clock.advance(Duration::from_millis(chance.u64(0..300)));
                let asked = chance.u128(1..=u128::from(burst));
                if let Ok(id) = take(&store, &meter, asked).await {
                    passed.push((clock.elapsed(), asked));
                    open.push((id, passed.len() - 1));
                }
                if chance.bool() && !open.is_empty() {
                    let (id, place) = open.swap_remove(chance.usize(0..open.len()));
                    passed[place].1 = chance.u128(0..=passed[place].1);
                    used(&store, id, &meter, passed[place].1).await;
                }
            }
        });
        for (first, (start, _)) in passed.iter().enumerate() {
            let mut sum = 0;
            for (end, one) in &passed[first..] {
                sum += one;
                let inflow = u128::from(amount) * (*end - *start).as_micros();
                assert!(sum * 1_000_000 <= u128::from(burst) * 1_000_000 + inflow, "{passed:?}");
            }
        }
    }
}

#[test]
fn memory_never_holds_more_than_its_capacity_and_forgets_what_runs_out_soonest() {
    run(async {
        let (store, clock) = memory();
        store.put("for good", bytes("x"), None).await.unwrap();
        for number in 1..=1_000_u32 {
            store.put(&format!("k{number}"), bytes("x"), Some(SECOND * number)).await.unwrap();
        }
        let mut held = Vec::new();
        for number in 1..=1_000_u32 {
            if store.get(&format!("k{number}")).await.unwrap().is_some() {
                held.push(number);
            }
        }
        assert_eq!(held.len(), CAPACITY - 1);
        assert_eq!(held.last(), Some(&1_000));
        assert!(store.get("for good").await.unwrap().is_some());

        clock.advance(SECOND * 1_000);
        for number in 0..CAPACITY - 1 {
            store.put(&format!("g{number}"), bytes("x"), None).await.unwrap();
        }
        assert!(store.put("one more", bytes("x"), None).await.is_err());
        store.put("for good", bytes("y"), None).await.unwrap();
        assert_eq!(store.get("for good").await.unwrap(), Some(bytes("y")));
    });
}
