//! Recording entries, and writing them to disk: at least 20,000 a second into a database, by themselves and behind a
//! client's calls.

#![expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement"
)]

use std::time::{Duration, Instant, UNIX_EPOCH};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use polyroute::account::{Entry, EntryId, EntryKind, JsonLinesLedger, Ledger, SqliteLedger};
use polyroute::testing::ScriptedProvider;
use polyroute::types::{CallId, Reply, Usage};
use polyroute::{Client, Price};

fn entries(from: u64) -> Vec<Entry> {
    (from..from + 4_096)
        .map(|number| {
            let at = UNIX_EPOCH + Duration::from_millis(1_764_000_000_000 + number);
            let id = EntryId::new(7, number);
            let mut entry = Entry::new(id, EntryKind::Attempt, CallId::new(number.into()), at);
            entry.target = Some("openai/gpt-6-luna".parse().unwrap());
            entry.family = "gpt-6-luna".into();
            entry.route = Some("smart".into());
            entry.scopes.insert("team".into(), "search".into());
            entry.scopes.insert("user".into(), "u-1729".into());
            entry.usage = Some(Box::new(Usage::of(1_000, 100)));
            entry.cost = Some("0.0014".parse().unwrap());
            entry
        })
        .collect()
}

fn write(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("polyroute-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(4_096)).sample_size(10);
    let sqlite = SqliteLedger::open(folder.join("ledger.sqlite")).unwrap();
    let lines = JsonLinesLedger::open(folder.join("ledger.jsonl")).unwrap();
    for (name, ledger) in [("sqlite", &sqlite as &dyn Ledger), ("json_lines", &lines)] {
        let mut next = 0;
        let mut round = || {
            next += 4_096;
            let entries = entries(next);
            let began = Instant::now();
            ledger.write(&entries).unwrap();
            4_096.0 / began.elapsed().as_secs_f64()
        };
        // What else runs on the machine only ever makes it slower.
        let best = (0..10).map(|_| round()).fold(0.0, f64::max);
        println!("{name}: {best:.0} entries a second to disk (at least {LEAST:.0})");
        assert!(best >= LEAST, "{name} is too slow");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    next += 4_096;
                    entries(next)
                },
                |entries| ledger.write(&entries).unwrap(),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Entries a second.
const LEAST: f64 = 20_000.0;

/// All the way: calls that succeed at once, the queue, the thread that writes, and the disk's word that it has them.
fn calls(_: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("polyroute-bench-calls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let client = Client::builder()
        .provider(ScriptedProvider::new("lab").always(|| Reply::text("Yes.").with_usage(Usage::of(3, 1))))
        .price("lab/m", Price::per_million("1", "4").unwrap())
        .ledger(SqliteLedger::open(folder.join("ledger.sqlite")).unwrap())
        .build()
        .unwrap();
    let books = client.books().unwrap().clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let round = || {
        let before = books.status().remove(0);
        let began = Instant::now();
        runtime.block_on(async {
            for _ in 0..8_192 {
                client.chat(("lab/m", "?")).await.unwrap();
            }
            books.flush().await.unwrap();
        });
        let seconds = began.elapsed().as_secs_f64();
        let after = books.status().remove(0);
        assert_eq!((after.lost, after.spilled), (0, 0), "what is spilled is not written yet");
        let entries = u32::try_from(after.written - before.written).unwrap();
        // One for each call and one for its attempt.
        assert_eq!(entries, 2 * 8_192);
        f64::from(entries) / seconds
    };
    let best = (0..5).map(|_| round()).fold(0.0, f64::max);
    println!("sqlite behind calls: {best:.0} entries a second to disk (at least {LEAST:.0})");
    assert!(best >= LEAST, "the ledger behind a client's calls is too slow");
    drop(books);
    drop(client);
    std::fs::remove_dir_all(&folder).unwrap();
}

criterion_group!(benches, write, calls);
criterion_main!(benches);
