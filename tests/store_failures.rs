//! What can go wrong with a store that is not in memory: files, servers, processes. Redis cases run where
//! `POLYROUTE_REDIS_SERVER` names a server program.

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

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use folder::Folder;
use futures::FutureExt as _;
use futures::future::join_all;
use polyroute::catalog::Charge;
use polyroute::clock::SystemClock;
use polyroute::quota::{Limit, Limits, Unit, Window};
use polyroute::store::{
    Claim, Level, Meter, OnFailure, RedisOptions, RedisStore, Rule, SqliteOptions, SqliteStore, Store,
    Verdict,
};
use polyroute::testing::{ScriptedProvider, VirtualClock};
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, ErrorKind, Price, Result, Usage};
use redis::RedisServer;

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn system() -> Arc<SystemClock> {
    Arc::new(SystemClock::new())
}

fn meter(limit: Option<u128>) -> Arc<Meter> {
    Arc::new(Meter::new("m", Rule::Total { limit }, None).unwrap())
}

fn claim(amount: u128) -> [Claim; 1] {
    [Claim::new(meter(None), amount)]
}

/// Patient, because the machine may be busy.
fn patient() -> RedisOptions {
    RedisOptions::new().patience(MINUTE).pause(Duration::ZERO)
}

/// Where a child finds its store: the path of a database or the address of a server.
fn open(place: &str) -> Arc<dyn Store> {
    if place.starts_with("redis://") {
        return Arc::new(RedisStore::open(place, patient(), system()).unwrap());
    }
    Arc::new(SqliteStore::open(place, system()).unwrap())
}

fn ran(case: &str) {
    println!("store_failures: {case} ran on Redis");
}

// --- Several processes

const PLACE: &str = "POLYROUTE_TEST_STORE";
const FROM: &str = "POLYROUTE_TEST_FROM";

/// This program again, with one of its ignored tests.
fn child(test: &str, place: &str, from: u128) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(PLACE, place)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "what the parent says")]
fn told(name: &str) -> String {
    std::env::var(name).expect("this test is run by another one")
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_makes_calls() {
    let dollar = Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
    let provider = ScriptedProvider::new("a").always(|| Reply::text("ok").with_usage(Usage::of(10, 10)));
    let limits = Limits::new()
        .limit(Limit::cost("10".parse().unwrap(), Window::lifetime()))
        .limit(Limit::requests(1_000_000, Window::calendar(Unit::Month)).each("team"));
    let store = open(&told(PLACE));
    let client =
        Client::builder().provider(provider).price("a/m", dollar).limits(limits).store(store).build();
    let client = client.unwrap();

    let answered = run(async {
        let calls = (0..250).map(|_| client.chat(ChatRequest::from(("a/m", "hi")).max_output_tokens(10)));
        let outcomes = join_all(calls).await;
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::BudgetExceeded, "{error}");
        }
        outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    });
    println!("answered {answered}");
}

fn four_processes_hold_one_budget(place: &str) {
    let children: Vec<_> = (0..4).map(|_| child("child_makes_calls", place, 0)).collect();
    let answered = children.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split("answered ").nth(1)).unwrap().to_owned();
        line.trim().parse::<u32>().unwrap()
    });
    assert_eq!(answered.sum::<u32>(), 10);
}

#[test]
fn of_a_thousand_calls_in_four_processes_a_budget_for_ten_in_a_file_lets_ten_pass() {
    let folder = Folder::new("four");
    four_processes_hold_one_budget(folder.path("store.db").to_str().unwrap());
}

#[test]
fn of_a_thousand_calls_in_four_processes_a_budget_for_ten_in_redis_lets_ten_pass() {
    let Some(server) = RedisServer::start(&[]) else { return };
    four_processes_hold_one_budget(&server.url());
    ran("four processes");
}

/// What the settlement of this name books.
fn amount_of(id: u128) -> u128 {
    id % 7 + 1
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_books_until_it_is_killed() {
    let (store, from) = (open(&told(PLACE)), told(FROM).parse::<u64>().unwrap());
    let next = AtomicU64::new(from);
    run(join_all((0..AT_ONCE).map(async |_| {
        loop {
            let id = u128::from(next.fetch_add(1, Ordering::SeqCst));
            store.reserve(id, MINUTE, &claim(amount_of(id) + 5)).await.unwrap();
            store.settle(id, &claim(amount_of(id))).await.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "booked {id}").unwrap();
            out.flush().unwrap();
        }
    })));
}

/// So many reservations are on their way in a process that is killed.
const AT_ONCE: u128 = 8;

/// Kills a process that books, again and again, somewhere; then asks what was acknowledged.
fn killed_at_random(place: &str, kills: u32) {
    let mut chance = fastrand::Rng::with_seed(3);
    let mut next = 1;
    for _ in 0..kills {
        let mut child = child("child_books_until_it_is_killed", place, next);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut booked = move || {
            // The line may begin with what the test runner prints.
            let mut names = lines.by_ref().map_while(std::result::Result::ok);
            names.find_map(|line| line.split("booked ").nth(1)?.trim().parse::<u128>().ok())
        };
        let mut acknowledged = BTreeSet::new();
        for _ in 0..chance.u32(1..60) {
            acknowledged.insert(booked().expect("it books until it is killed"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(name) = booked() {
            acknowledged.insert(name);
        }
        let last = acknowledged.last().copied().unwrap() + AT_ONCE;
        run(async {
            let store = open(place);
            // What was not acknowledged may or may not have been booked: now it is. Repeated, what was acknowledged counts
            // no second time; most of it is not repeated, and would be missed in the end if it were lost.
            for id in (next..=last).filter(|id| !acknowledged.contains(id) || id % 5 == 0) {
                store.settle(id, &claim(amount_of(id))).await.unwrap();
            }
        });
        next = last + 1;
    }
    run(async {
        let store = open(place);
        let level = store.settle(u128::MAX, &claim(0)).await.unwrap()[0];
        // Some may have been reserved when the process died; their lease has not ended.
        let all: u128 = (1..next).map(amount_of).sum();
        assert_eq!(level.used, all);
    });
}

#[test]
fn a_file_loses_nothing_that_was_acknowledged_and_counts_nothing_twice_however_often_its_writer_is_killed() {
    let folder = Folder::new("killed");
    killed_at_random(folder.path("store.db").to_str().unwrap(), 50);
}

#[test]
fn redis_counts_nothing_twice_however_often_its_client_is_killed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    killed_at_random(&server.url(), 50);
    ran("killed clients");
}

// --- Files

fn kind_of<T>(outcome: Result<T>) -> (ErrorKind, String) {
    let error = outcome.err().expect("it fails");
    (error.kind(), error.message().to_owned())
}

#[test]
fn a_file_that_cannot_be_a_store_is_refused_with_the_reason() {
    let folder = Folder::new("bad");
    let try_open = |name: &str| kind_of(SqliteStore::open(folder.path(name), system()));

    let (kind, message) = try_open("missing/store.db");
    assert_eq!(kind, ErrorKind::Storage);
    assert!(message.contains("cannot be opened for writing"), "{message}");
    fs::create_dir(folder.path("folder")).unwrap();
    assert_eq!(try_open("folder").0, ErrorKind::Storage);
    // The database could be opened, but not what it writes beside it.
    drop(SqliteStore::open(folder.path("blocked.db"), system()).unwrap());
    fs::create_dir(folder.path("blocked.db-wal")).unwrap();
    assert_eq!(try_open("blocked.db").0, ErrorKind::Storage);
    fs::write(folder.path("text.db"), "no database, but a long enough text ".repeat(100)).unwrap();
    let (kind, message) = try_open("text.db");
    assert_eq!(kind, ErrorKind::Storage);
    assert!(message.contains("damaged or no database"), "{message}");
}

#[test]
fn a_damaged_file_is_an_error_and_never_an_empty_store() {
    let folder = Folder::new("damaged");
    let path = folder.path("store.db");
    run(async {
        let store = SqliteStore::open(&path, system()).unwrap();
        for number in 0..200_u32 {
            store.put(&format!("key {number}"), vec![7; 500].into(), None).await.unwrap();
        }
        store.settle(1, &claim(5)).await.unwrap();
    });
    let mut bytes = fs::read(&path).unwrap();
    // The first page says what the tables are; everything after it is overwritten.
    bytes[4_096..].fill(0xA5);
    fs::write(&path, bytes).unwrap();

    let (kind, message) = run(async {
        match SqliteStore::open(&path, system()) {
            Ok(store) => kind_of(store.settle(2, &claim(1)).await),
            Err(error) => kind_of::<()>(Err(error)),
        }
    });
    assert_eq!(kind, ErrorKind::Storage);
    assert!(message.contains("damaged"), "{message}");
}

#[test]
fn a_full_disk_is_an_error_that_passes_when_there_is_room_again() {
    let folder = Folder::new("full");
    let path = folder.path("store.db");
    let options = SqliteOptions::new().most_bytes(200_000);
    run(async {
        let store = SqliteStore::open_with(&path, options, system()).unwrap();
        store.settle(1, &claim(5)).await.unwrap();
        let mut written = 0_u32;
        let error = loop {
            match store.put(&format!("key {written}"), vec![7; 10_000].into(), None).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("full"), "{error}");
        assert!((5..20).contains(&written), "{written}");

        // What is there can be read and changed, and nothing that was acknowledged is lost.
        assert_eq!(store.settle(1, &claim(5)).await.unwrap(), [Level::new(5, 0)]);
        for number in 0..written {
            assert!(store.get(&format!("key {number}")).await.unwrap().is_some());
            store.remove(&format!("key {number}")).await.unwrap();
        }
        store.put("key", vec![7; 10_000].into(), None).await.unwrap();
    });
}

#[test]
#[cfg(unix)]
fn a_file_is_readable_by_its_owner_only_and_a_read_only_one_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("mode");
    let path = folder.path("store.db");
    drop(SqliteStore::open(&path, system()).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    // A device that can be read and not written; permissions mean nothing to an administrator.
    let (kind, _) = kind_of(SqliteStore::open(Path::new("/proc/version"), system()));
    assert_eq!(kind, ErrorKind::Storage);
}

#[test]
fn a_new_file_may_be_opened_by_many_at_the_same_time() {
    for round in 0..40 {
        let folder = Folder::new(&format!("together{round}"));
        let path = folder.path("store.db");
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let store = SqliteStore::open(&path, system()).unwrap();
                    run(store.settle(u128::MAX, &claim(0))).unwrap();
                });
            }
        });
    }
}

#[test]
fn what_is_written_survives_a_restart_and_a_dead_process_releases_after_it() {
    let folder = Folder::new("restart");
    let path = folder.path("store.db");
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + MINUTE);
    let limited = || [Claim::new(meter(Some(10)), 6)];
    run(async {
        let store = SqliteStore::open(&path, Arc::new(clock.clone())).unwrap();
        store.settle(1, &[Claim::new(meter(Some(10)), 4)]).await.unwrap();
        assert!(matches!(store.reserve(2, MINUTE, &limited()).await.unwrap(), Verdict::Held(_)));
    });
    run(async {
        let store = SqliteStore::open(&path, Arc::new(clock.clone())).unwrap();
        assert!(matches!(store.reserve(3, MINUTE, &limited()).await.unwrap(), Verdict::Refused(_)));
        clock.advance(MINUTE);
        assert_eq!(
            store.reserve(4, MINUTE, &limited()).await.unwrap(),
            Verdict::Held(vec![Level::new(4, 6)])
        );
        // A calendar before 1970 is no time at all; one that goes back loses nothing.
        clock.set_wall(SystemTime::UNIX_EPOCH - MINUTE);
        assert_eq!(kind_of(store.settle(4, &limited()).await).0, ErrorKind::Configuration);
        clock.set_wall(SystemTime::UNIX_EPOCH);
        assert_eq!(store.settle(4, &limited()).await.unwrap(), [Level::new(10, 0)]);
    });
}

// --- Redis

#[test]
fn a_hung_redis_costs_fifty_milliseconds_once_and_then_refuses_or_counts_here() {
    // Takes connections and never says a word.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://127.0.0.1:{}", hung.local_addr().unwrap().port());
    for choice in [OnFailure::Refuse, OnFailure::Local] {
        let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH);
        let options = RedisOptions::new().on_failure(choice);
        let store = RedisStore::open(&url, options, Arc::new(clock.clone())).unwrap();
        let limited = [Claim::new(meter(Some(1)), 1)];
        run(async {
            let mut first = store.reserve(1, MINUTE, &limited);
            for _ in 0..1_000 {
                assert!((&mut first).now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            clock.advance(MILLISECOND * 49);
            assert!((&mut first).now_or_never().is_none());
            clock.advance(MILLISECOND);
            let first = first.now_or_never().expect("fifty milliseconds have passed");
            // The next ones do not wait at all, for a second.
            let second = store.reserve(2, MINUTE, &limited).now_or_never().expect("at once");
            match choice {
                OnFailure::Local => {
                    assert_eq!(first.unwrap(), Verdict::Held(vec![Level::new(0, 1)]));
                    assert!(matches!(second.unwrap(), Verdict::Refused(_)));
                }
                _ => {
                    for outcome in [first, second] {
                        assert_eq!(kind_of(outcome).0, ErrorKind::StoreUnavailable);
                    }
                }
            }
            assert_eq!(
                kind_of(store.get("k").now_or_never().expect("at once")).0,
                ErrorKind::StoreUnavailable
            );
            clock.advance(Duration::from_secs(1));
            assert!(store.get("k").now_or_never().is_none(), "one goes to see");
            assert!(store.get("k").now_or_never().is_some(), "and the others do not");
        });
    }
}

#[test]
fn what_was_used_while_redis_was_away_is_booked_when_it_is_back() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    server.kill();
    let options = patient().on_failure(OnFailure::Local);
    let store = RedisStore::open(&server.url(), options, system()).unwrap();
    run(async {
        assert!(matches!(store.reserve(1, MINUTE, &claim(8)).await.unwrap(), Verdict::Held(_)));
        assert_eq!(kind_of(store.settle(1, &claim(5)).await).0, ErrorKind::StoreUnavailable);
        server.resume();

        assert_eq!(store.settle(1, &claim(5)).await.unwrap(), [Level::new(5, 0)]);
        assert_eq!(store.settle(1, &claim(5)).await.unwrap(), [Level::new(5, 0)]);
    });
    ran("away");
}

#[test]
fn a_healthy_redis_is_told_whatever_this_process_has_no_room_for() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let store = RedisStore::open(&server.url(), patient().on_failure(OnFailure::Local), system()).unwrap();
    let claim = |number: u128| {
        let meter = Meter::new(format!("m{number}"), Rule::Total { limit: Some(10) }, None).unwrap();
        Claim::new(Arc::new(meter), 1)
    };
    run(async {
        // One more than are kept here.
        for id in 0..=100 {
            let used: Vec<_> = (0..1_000).map(|number| claim(id * 1_000 + number)).collect();
            assert_eq!(store.settle(id, &used).await.unwrap()[999], Level::new(1, 0));
        }
        server.kill();
        assert!(matches!(store.reserve(200, MINUTE, &[claim(0)]).await.unwrap(), Verdict::Held(_)));
    });
    ran("no room here");
}

#[test]
fn a_client_books_what_it_could_not_when_its_store_is_back() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let options = patient().on_failure(OnFailure::Local);
    let store = Arc::new(RedisStore::open(&server.url(), options, system()).unwrap());
    let dollar = Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
    let provider = ScriptedProvider::new("a").always(|| Reply::text("ok").with_usage(Usage::of(10, 10)));
    let limits = Limits::new().limit(Limit::cost("3".parse().unwrap(), Window::lifetime()).named("all"));
    let client =
        Client::builder().provider(provider).price("a/m", dollar).limits(limits).store(store).build();
    let client = client.unwrap();
    let call = || client.chat(ChatRequest::from(("a/m", "hi")).max_output_tokens(10));
    run(async {
        call().await.unwrap();
        server.kill();
        call().await.unwrap();
        server.resume();
        // The server has forgotten the first; the second is booked there once it answers again.
        call().await.unwrap();
        let all = Arc::new(Meter::new("all//", Rule::Total { limit: None }, None).unwrap());
        let probe = RedisStore::open(&server.url(), patient(), system()).unwrap();
        for number in 100.. {
            let level = probe.settle(number, &[Claim::new(Arc::clone(&all), 0)]).await.unwrap()[0];
            if level == Level::new(2_000_000_000_000, 0) {
                break;
            }
            assert!(number < 100_000, "{level:?}");
        }
    });
    ran("booked later");
}

#[test]
fn a_wrong_password_is_named_and_never_shown() {
    let Some(server) = RedisServer::start(&["--requirepass", "right-CANARY"]) else { return };
    for login in ["", ":wrong-CANARY@", "user:wrong-CANARY@"] {
        let url = format!("redis://{login}127.0.0.1:{}", server.port());
        let store = RedisStore::open(&url, patient(), system()).unwrap();
        let error = run(store.get("k")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
        assert!(error.message().contains("refuses the user or password"), "{error}");
        assert!(!format!("{store:?} {error:?} {error}").contains("CANARY"));
    }
    let url = format!("redis://:right-CANARY@127.0.0.1:{}", server.port());
    let store = RedisStore::open(&url, patient(), system()).unwrap();
    assert_eq!(run(store.get("k")).unwrap(), None);
    for bad in ["http://:CANARY@localhost", "redis://:CANARY@", "rediss://:CANARY@localhost", "CANARY"] {
        let error = RedisStore::open(bad, patient(), system()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
        assert!(!format!("{error:?} {error}").contains("CANARY"));
    }
    ran("password");
}

#[test]
fn redis_killed_under_load_loses_nothing_it_acknowledged_and_counts_nothing_twice() {
    let folder = Folder::new("restarting");
    let dir = folder.path("data");
    fs::create_dir(&dir).unwrap();
    let durable = ["--appendonly", "yes", "--appendfsync", "always", "--dir", dir.to_str().unwrap()];
    let Some(mut server) = RedisServer::start(&durable) else { return };
    let store = Arc::new(RedisStore::open(&server.url(), patient(), system()).unwrap());
    let half = Arc::new(AtomicBool::new(false));
    run(async {
        let tasks: Vec<_> = (0..8_u128)
            .map(|task| {
                let (store, half) = (Arc::clone(&store), Arc::clone(&half));
                #[expect(clippy::disallowed_methods, reason = "joined below")]
                tokio::spawn(async move {
                    let mut failures = 0_u32;
                    for step in 0..100 {
                        let id = task * 1_000 + step;
                        while let Err(error) = store.settle(id, &claim(1)).await {
                            assert_eq!(error.kind(), ErrorKind::StoreUnavailable, "{error}");
                            failures += 1;
                        }
                        if step == 50 {
                            half.store(true, Ordering::Relaxed);
                        }
                    }
                    failures
                })
            })
            .collect();
        while !half.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        server.kill();
        server.resume();
        let failures: u32 = join_all(tasks).await.into_iter().map(std::result::Result::unwrap).sum();

        assert!(failures > 0, "nobody noticed");
        let level = store.settle(u128::MAX, &claim(0)).await.unwrap();
        assert_eq!(level, [Level::new(800, 0)]);
    });
    ran("restarted");
}

#[test]
fn what_a_client_used_is_told_to_redis_although_it_is_dropped_with_its_last_call() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = Arc::new(RedisStore::open(&server.url(), patient(), system()).unwrap());
    let dollar = Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap();
    let provider = ScriptedProvider::new("a").always(|| Reply::text("ok").with_usage(Usage::of(10, 10)));
    let limits = Limits::new().limit(Limit::cost("10".parse().unwrap(), Window::lifetime()).named("budget"));
    let client = Client::builder().provider(provider).price("a/m", dollar).limits(limits);
    let client = client.store(Arc::clone(&store)).build().unwrap();
    run(async {
        let request = ChatRequest::from(("a/m", "hi")).max_output_tokens(10);
        let mut stream = client.chat_stream(request).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(client);
        drop(stream);

        let meter = Arc::new(Meter::new("budget//", Rule::Total { limit: None }, None).unwrap());
        let mut levels = Vec::new();
        for id in 1..=10_000 {
            levels = store.settle(id, &[Claim::new(Arc::clone(&meter), 0)]).await.unwrap();
            if levels[0].held == 0 {
                break;
            }
        }
        assert_eq!(levels, [Level::new(1_000_000_000_000, 0)]);
    });
    ran("a dropped client");
}

#[test]
fn a_reservation_is_one_command_and_a_settlement_another() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisStore::open(&server.url(), patient(), system()).unwrap();
    let claims: Vec<Claim> = ["a", "b", "c", "d"]
        .map(|key| Claim::new(Arc::new(Meter::new(key, Rule::Total { limit: None }, None).unwrap()), 1))
        .into();
    run(async {
        // The first time the server is taught the scripts.
        store.reserve(1, MINUTE, &claims).await.unwrap();
        store.settle(1, &claims).await.unwrap();

        let mut monitor = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        monitor.write_all(b"MONITOR\r\n").unwrap();
        let mut lines = BufReader::new(monitor).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "+OK");
        for id in 2..102 {
            store.reserve(id, MINUTE, &claims).await.unwrap();
            store.settle(id, &claims).await.unwrap();
        }
        TcpStream::connect(("127.0.0.1", server.port())).unwrap().write_all(b"PING the-end\r\n").unwrap();
        // What scripts do themselves is marked with "lua".
        let commands: Vec<String> = lines
            .map(std::result::Result::unwrap)
            .take_while(|line| !line.contains("the-end"))
            .filter(|line| !line.contains(" lua]"))
            .collect();
        assert_eq!(commands.len(), 200);
        assert!(commands.iter().all(|line| line.contains("\"EVALSHA\"")), "{}", commands[0]);
        // A cluster keeps keys with the same words in braces on one node.
        assert!(commands.iter().all(|line| line.matches("{polyroute:default}").count() == 9));
    });
    ran("round trips");
}
