//! A process that is killed under load, again and again: what was acknowledged is in the ledger, once.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test target may"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use polyroute::account::{Entry, EntryKind, JsonLinesLedger, Ledger, Query, SqliteLedger, Totals};
use polyroute::testing::ScriptedProvider;
use polyroute::types::{CallId, Reply, Usage};
use polyroute::{Client, Price, Usd};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

/// Where the child writes; set by the parent only.
const PLACE: &str = "POLYROUTE_TEST_LEDGER";

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_counted_twice_in_sqlite() {
    let folder = Folder::new("killed-sqlite");
    let path = folder.path("ledger.sqlite");

    let acknowledged = kill_again_and_again(&path, 50);

    check(&SqliteLedger::open(&path).unwrap(), &folder, &acknowledged);
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_counted_twice_in_lines_of_json() {
    let folder = Folder::new("killed-jsonl");
    let path = folder.path("ledger.jsonl");

    let acknowledged = kill_again_and_again(&path, 50);

    check(&JsonLinesLedger::open(&path).unwrap(), &folder, &acknowledged);
}

/// The child: calls and flushes until it is killed, and says which calls are acknowledged. Without a parent it does so a
/// few times and looks at the outcome itself.
#[tokio::test]
async fn a_process_under_load_says_what_is_acknowledged() {
    let folder = Folder::new("own");
    let (path, rounds) = match std::env::var(PLACE) {
        Ok(path) => (PathBuf::from(path), u64::MAX),
        Err(_) => (folder.path("ledger.sqlite"), 5),
    };
    let client = client(&path);

    let mut acknowledged = 0;
    for _ in 0..rounds {
        let calls = futures::future::join_all((0..40).map(|_| client.chat(("lab/m", "?")))).await;
        client.books().unwrap().flush().await.unwrap();
        acknowledged += calls.len();
        let line: String = calls.into_iter().map(|call| format!("{} ", call.unwrap().call_id())).collect();
        // Acknowledged from here on: one write, so that a line is there or is not.
        println!("ack {line}");
        std::io::stdout().flush().unwrap();
    }

    let totals = client.books().unwrap().totals(&Query::all()).await.unwrap();
    assert_eq!(totals.calls, u64::try_from(acknowledged).unwrap());
}

fn client(path: &Path) -> Client {
    let provider = ScriptedProvider::new("lab").always(|| Reply::text("Yes.").with_usage(Usage::of(3, 1)));
    let builder = Client::builder()
        .provider(provider)
        .price("lab/m", Price::per_million("1", "4").unwrap())
        // The eighty entries of a round are more than three quarters: spilling is a part of the load.
        .ledger_queue(90);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => builder.ledger(JsonLinesLedger::open(path).unwrap()),
        _ => builder.ledger(SqliteLedger::open(path).unwrap()),
    }
    .build()
    .unwrap()
}

/// The calls that were acknowledged by processes that were killed at any moment.
fn kill_again_and_again(path: &Path, times: u64) -> BTreeSet<CallId> {
    let mut acknowledged = BTreeSet::new();
    for round in 0..times {
        let mut chance = fastrand::Rng::with_seed(round);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_under_load_says_what_is_acknowledged", "--nocapture"])
            .env(PLACE, path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut note = |line: &str| {
            if let Some(ids) = line.strip_suffix('\n').and_then(|line| line.split_once("ack ")) {
                acknowledged.extend(ids.1.split_whitespace().map(|id| id.parse::<CallId>().unwrap()));
            }
        };
        for _ in 0..chance.u32(1..12) {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the child ended by itself");
            note(&line);
        }
        for _ in 0..chance.u32(0..200_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts.
        loop {
            line.clear();
            if lines.read_line(&mut line).unwrap() == 0 {
                break;
            }
            note(&line);
        }
    }
    acknowledged
}

fn check(ledger: &dyn Ledger, folder: &Folder, acknowledged: &BTreeSet<CallId>) {
    // The last one that died may have left entries in spill files; the next process brings them in.
    let spilled: Vec<PathBuf> =
        folder.files().into_iter().filter(|file| file.to_string_lossy().contains(".spill-")).collect();
    assert!(acknowledged.len() >= 50, "{} calls were acknowledged", acknowledged.len());
    let mut calls: BTreeMap<CallId, (u32, u32)> = BTreeMap::new();
    let mut totals = Totals::default();
    let mut count = |entry: Entry| {
        totals.add(&entry);
        let (whole, attempts) = calls.entry(entry.call).or_default();
        match entry.kind {
            EntryKind::Call => *whole += 1,
            _ => *attempts += 1,
        }
    };
    ledger.read(&Query::all(), &mut count).unwrap();

    for id in acknowledged {
        assert_eq!(calls.get(id), Some(&(1, 1)), "{id} was acknowledged");
    }
    for (id, (whole, attempts)) in &calls {
        assert!(*whole <= 1 && *attempts <= 1, "{id} is counted twice");
    }
    assert_eq!(totals.cost, Usd::from_pico(7_000_000 * i128::from(totals.attempts)));
    println!(
        "ledger kill: {} acknowledged calls, {} recorded, {} spill files left",
        acknowledged.len(),
        totals.calls,
        spilled.len()
    );
}
