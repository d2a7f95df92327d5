//! The ledger in a database file: damage, a full disk, several processes.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use polyroute::ErrorKind;
use polyroute::account::{Entry, EntryId, EntryKind, JsonLinesLedger, Ledger, Query, SqliteLedger};
use polyroute::types::{CallId, Completeness, Usage};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

fn entry(number: u64) -> Entry {
    let at = UNIX_EPOCH + Duration::from_millis(1_764_000_000_000 + number);
    let mut entry =
        Entry::new(EntryId::new(u64::MAX, number), EntryKind::Attempt, CallId::new(number.into()), at);
    entry.target = Some("one/m-2026-01-02".parse().unwrap());
    entry.family = "m".into();
    entry.scopes.insert("team".into(), if number.is_multiple_of(2) { "even" } else { "odd" }.into());
    entry.usage = Some(Box::new(Usage::of(number, 1)));
    entry.cost = Some("170141183460469231.731687303715".parse().unwrap());
    entry.completeness = Completeness::Exact;
    entry.first_token = Some(Duration::from_micros(1_234));
    entry.price_version = "v".into();
    entry
}

fn read(ledger: &dyn Ledger, query: &Query) -> Vec<Entry> {
    let mut entries = Vec::new();
    ledger.read(query, &mut |entry| entries.push(entry)).unwrap();
    entries.sort_by_key(|entry| entry.id);
    entries
}

#[test]
fn entries_come_back_whole_however_often_they_are_written() {
    let folder = Folder::new("whole");
    let entries: Vec<_> = (1..100).map(entry).collect();
    let sqlite = SqliteLedger::open(folder.path("a.sqlite")).unwrap();
    let lines = JsonLinesLedger::open(folder.path("a.jsonl")).unwrap();

    for ledger in [&sqlite as &dyn Ledger, &lines] {
        ledger.write(&entries).unwrap();
        ledger.write(&entries[10..20]).unwrap();

        assert_eq!(read(ledger, &Query::all()), entries);
        let some = Query::all()
            .scope("team", "even")
            .vendor("one")
            .family("m")
            .since(entries[9].at)
            .until(entries[19].at);
        let numbers: Vec<_> = read(ledger, &some).iter().map(|entry| entry.id.number).collect();
        assert_eq!(numbers, [10, 12, 14, 16, 18]);
        assert!(read(ledger, &Query::all().vendor("two")).is_empty());
        let totals = ledger.totals(&Query::all()).unwrap();
        assert_eq!(totals.cost.to_string(), "$16843977162586453941.437043067785");
    }
}

#[test]
fn eight_connections_make_and_write_one_database_at_the_same_time() {
    for round in 0..20 {
        let folder = Folder::new(&format!("eight{round}"));
        let path = folder.path("ledger.sqlite");
        let start = std::sync::Barrier::new(8);

        std::thread::scope(|scope| {
            for place in 0..8 {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    let ledger = SqliteLedger::open(path).unwrap();
                    for number in 0..10 {
                        ledger.write(&[entry(number * 8 + place)]).unwrap();
                    }
                });
            }
        });

        assert_eq!(read(&SqliteLedger::open(&path).unwrap(), &Query::all()).len(), 80);
    }
}

#[test]
fn a_file_that_is_no_database_or_damaged_is_an_error_that_says_so() {
    let folder = Folder::new("damaged");
    let path = folder.path("text");
    fs::write(&path, "precious text, ".repeat(1_000)).unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("damaged or no database"), "{error}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("precious"));

    let path = folder.path("ledger.sqlite");
    let ledger = SqliteLedger::open(&path).unwrap();
    ledger.write(&(1..2_000).map(entry).collect::<Vec<_>>()).unwrap();
    drop(ledger);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[4_096..length].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let outcome = SqliteLedger::open(&path).and_then(|ledger| ledger.totals(&Query::all()));
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("damaged or no database"), "{error}");

    assert_eq!(SqliteLedger::open(folder.path("no/such/folder")).unwrap_err().kind(), ErrorKind::Storage);
}

#[test]
fn a_place_that_cannot_be_written_is_refused_whoever_asks() {
    let folder = Folder::new("unwritable");
    let place = folder.path("folder");
    fs::create_dir(&place).unwrap();
    // What can be read and not written, also by an administrator, to whom permissions mean nothing.
    let read_only = ["/proc/version", "/proc/meminfo"].map(std::path::PathBuf::from);
    for path in read_only.into_iter().chain([place.clone(), place.join("no/such/file")]) {
        assert_eq!(SqliteLedger::open(&path).unwrap_err().kind(), ErrorKind::Storage, "{}", path.display());
        assert_eq!(
            JsonLinesLedger::open(&path).unwrap_err().kind(),
            ErrorKind::Storage,
            "{}",
            path.display()
        );
    }
    // The database could be opened, but not what it writes beside it.
    let path = folder.path("blocked.sqlite");
    drop(SqliteLedger::open(&path).unwrap());
    fs::create_dir(folder.path("blocked.sqlite-wal")).unwrap();
    let outcome = SqliteLedger::open(&path).and_then(|ledger| ledger.write(&[entry(1)]));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Storage);
}

/// A limit of the operating system on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_what_was_written_before_stays() {
    const CHILD: &str = "POLYROUTE_TEST_FULL";
    if let Some(folder) = std::env::var_os(CHILD) {
        let folder = std::path::PathBuf::from(folder);
        let sqlite = SqliteLedger::open(folder.join("ledger.sqlite")).unwrap();
        let lines = JsonLinesLedger::open(folder.join("ledger.jsonl")).unwrap();
        for ledger in [&sqlite as &dyn Ledger, &lines] {
            let mut written = Vec::new();
            let error = (0..).find_map(|batch| {
                let entries: Vec<_> = (batch * 100..batch * 100 + 100).map(entry).collect();
                let outcome = ledger.write(&entries);
                if outcome.is_ok() {
                    written.extend(entries);
                }
                outcome.err()
            });
            assert_eq!(error.unwrap().kind(), ErrorKind::Storage);
            assert!(!written.is_empty());
            assert_eq!(read(ledger, &Query::all()), written);
        }
        return;
    }
    let folder = Folder::new("full");

    let limited = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --exact a_full_disk_is_an_error_and_what_was_written_before_stays"])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, folder.path(""))
        .output()
        .unwrap();

    assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stdout));
    assert!(folder.path("ledger.sqlite").exists() && folder.path("ledger.jsonl").exists());
    let lines = JsonLinesLedger::open(folder.path("ledger.jsonl")).unwrap();
    assert!(!read(&lines, &Query::all()).is_empty());
}
