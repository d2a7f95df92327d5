//! What every store must do, asked of the store in memory. For another one, replace `memory` and its last test.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::join_all;
use polyroute::ErrorKind;
use polyroute::store::{MemoryStore, Store};
use polyroute::testing::VirtualClock;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);
const CAPACITY: usize = 64;

fn memory() -> (Arc<dyn Store>, VirtualClock) {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH);
    (Arc::new(MemoryStore::new(CAPACITY, Arc::new(clock.clone()))), clock)
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn what_is_put_can_be_read_replaced_and_removed() {
    run(async {
        let (store, _) = memory();

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
    run(async {
        let (store, clock) = memory();
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
    run(async {
        let (store, clock) = memory();
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
    run(async {
        let (store, _) = memory();
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
    run(async {
        let (store, _) = memory();
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
    run(async {
        let (store, clock) = memory();
        store.put("k", bytes("old"), Some(SECOND)).await.unwrap();
        clock.advance(SECOND);

        assert!(!store.compare_and_set("k", Some(b"old"), bytes("x"), None).await.unwrap());
        assert!(store.compare_and_set("k", None, bytes("new"), None).await.unwrap());
    });
}

#[test]
fn an_addition_that_cannot_be_made_changes_nothing() {
    run(async {
        let (store, _) = memory();
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
    run(async {
        let (store, _) = memory();
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
