//! What a client records, and that the ledger neither loses nor invents anything.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test target may panic")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures::FutureExt as _;
use polyroute::account::{
    Entry, EntryKind, Flag, GroupBy, JsonLinesLedger, Ledger, MemoryLedger, Query, Totals,
};
use polyroute::clock::Clock as _;
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{CallOptions, Completeness, PriceSource, Reply, StreamEvent, Usage};
use polyroute::{ChatRequest, Client, ClientBuilder, ErrorKind, Price, Result, Route, Usd};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

fn clock() -> VirtualClock {
    VirtualClock::automatic(UNIX_EPOCH + Duration::from_secs(1_764_000_000))
}

fn answer(input: u64, output: u64) -> Reply {
    Reply::text("Yes.").with_usage(Usage::of(input, output))
}

/// `one/m` costs $1 and $4 for a million tokens, `two/m` twice as much.
fn builder(one: &ScriptedProvider, two: &ScriptedProvider) -> ClientBuilder {
    Client::builder()
        .provider(one.clone())
        .provider(two.clone())
        .price("one/m", Price::per_million("1", "4").unwrap())
        .price("two/m", Price::per_million("2", "8").unwrap())
        .route("app", Route::ordered(["one/m", "two/m"]))
        .clock(clock())
        .seed(1)
}

fn request(team: &str) -> ChatRequest {
    ChatRequest::new("app").user("CANARY?").options(CallOptions::new().scope("team", team).tag("nightly"))
}

#[tokio::test]
async fn every_attempt_and_every_call_has_one_entry_with_what_it_cost() {
    let one = ScriptedProvider::new("one").then(ErrorKind::Overloaded).then(answer(1_000, 100));
    let two = ScriptedProvider::new("two").then(answer(1_000, 100));
    let client = builder(&one, &two).ledger(MemoryLedger::new(100)).build().unwrap();

    let first = client.chat(request("red")).await.unwrap();
    let second = client.chat(request("blue")).await.unwrap();

    let books = client.books().unwrap();
    let entries = books.entries(&Query::all()).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| {
            (entry.kind.as_str(), entry.target.as_ref().unwrap().to_string(), &*entry.outcome, &*entry.reason)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("attempt", "one/m".to_owned(), "overloaded", "first"),
            ("attempt", "two/m".to_owned(), "answered", "failover"),
            ("call", "two/m".to_owned(), "answered", ""),
            ("attempt", "one/m".to_owned(), "answered", "first"),
            ("call", "one/m".to_owned(), "answered", ""),
        ]
    );
    assert_eq!(entries[0].completeness, Completeness::Exact);
    assert_eq!(entries[1].cost.unwrap().to_string(), "$0.0028");
    assert_eq!(entries[1].price_source, Some(PriceSource::Application));
    assert!(entries[1].price_version.ends_with("+own"));
    assert_eq!(
        (entries[2].call, entries[2].attempts, entries[2].cost),
        (first.call_id(), 2, entries[1].cost)
    );
    assert_eq!((entries[3].scopes["team"].as_str(), entries[3].route.as_deref()), ("blue", Some("app")));
    assert_eq!(entries[3].usage.as_deref(), second.usage());
    let totals = books.totals(&Query::all()).await.unwrap();
    assert_eq!((totals.calls, totals.attempts, totals.cost.to_string()), (2, 3, "$0.0042".into()));
    assert!(!format!("{entries:?} {books:?}").contains("CANARY"));
}

#[tokio::test]
async fn a_dropped_call_is_recorded_as_cancelled_with_what_it_had_used() {
    let one = ScriptedProvider::new("one").then(ScriptedStep::new().hang()).then(
        ScriptedStep::new()
            .event(StreamEvent::Usage(Box::new(Usage::of(1_000, 1))))
            .event(StreamEvent::Text("Y".into()))
            .hang(),
    );
    let two = ScriptedProvider::new("two");
    let client = builder(&one, &two).ledger(MemoryLedger::new(100)).build().unwrap();

    assert!(client.chat(("one/m", "?")).now_or_never().is_none());
    let mut stream = client.chat_stream(("one/m", "?")).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);

    let entries = client.books().unwrap().entries(&Query::all()).await.unwrap();
    let outcomes: Vec<_> = entries.iter().map(|entry| (&*entry.outcome, entry.completeness)).collect();
    assert_eq!(outcomes, [("cancelled", Completeness::Estimated); 4]);
    assert_eq!(entries[2].usage.as_ref().unwrap().input_tokens, Some(1_000));
    let spent = entries[0].cost.unwrap().saturating_add(entries[2].cost.unwrap());
    assert!(spent > Usd::ZERO);
    let totals = client.books().unwrap().totals(&Query::all()).await.unwrap();
    assert_eq!((totals.unknown, totals.estimated, totals.cost), (0, spent, spent));
}

#[tokio::test]
async fn sums_can_be_asked_for_by_scope_vendor_family_route_and_time() {
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let two = ScriptedProvider::new("two").always(|| answer(1_000_000, 0));
    let clock = clock();
    let client = builder(&one, &two).clock(clock.clone()).ledger(MemoryLedger::new(1_000)).build().unwrap();
    let two_snapshot = |team: &str| {
        ChatRequest::new("two/m-2026-01-02").user("?").options(CallOptions::new().scope("team", team))
    };

    for team in ["red", "red", "blue"] {
        client.chat(request(team)).await.unwrap();
    }
    let noon = clock.wall();
    clock.advance(Duration::from_secs(86_400));
    for team in ["red", "blue"] {
        client.chat(two_snapshot(team)).await.unwrap();
    }

    let books = client.books().unwrap();
    let sum = async |query: Query| {
        let totals = books.totals(&query).await.unwrap();
        (totals.calls, totals.cost.to_string())
    };
    assert_eq!(sum(Query::all()).await, (5, "$7".into()));
    assert_eq!(sum(Query::all().scope("team", "red")).await, (3, "$4".into()));
    assert_eq!(sum(Query::all().scope("team", "red").vendor("one")).await, (2, "$2".into()));
    assert_eq!(sum(Query::all().vendor("two")).await, (2, "$4".into()));
    assert_eq!(sum(Query::all().family("m")).await, (5, "$7".into()));
    assert_eq!(sum(Query::all().family("x")).await, (0, "$0".into()));
    assert_eq!(sum(Query::all().route("app")).await, (3, "$3".into()));
    assert_eq!(sum(Query::all().tag("nightly")).await, (3, "$3".into()));
    assert_eq!(sum(Query::all().since(noon + Duration::from_secs(1))).await, (2, "$4".into()));
    assert_eq!(sum(Query::all().until(noon + Duration::from_secs(1))).await, (3, "$3".into()));
    let teams = books.totals_by(GroupBy::Scope("team".into()), &Query::all()).await.unwrap();
    let teams: Vec<_> = teams.iter().map(|(team, totals)| (&**team, totals.cost.to_string())).collect();
    assert_eq!(teams, [("blue", "$3".into()), ("red", "$4".into())]);
    let days = books.totals_by(GroupBy::Day, &Query::all()).await.unwrap();
    assert_eq!(days.keys().collect::<Vec<_>>(), ["2025-11-24", "2025-11-25"]);
}

#[tokio::test]
async fn what_a_vendor_charged_counts_where_it_ran_tools_of_its_own() {
    let used = |change: fn(&mut Usage)| {
        let mut usage = Usage::of(1_000_000, 0);
        usage.reported_cost = Some(Usd::from_pico(1_250_000_000_000));
        change(&mut usage);
        Reply::text("Yes.").with_usage(usage)
    };
    let one = ScriptedProvider::new("one")
        .then(used(|_| {}))
        .then(used(|usage| usage.web_searches = Some(2)))
        .then(used(|usage| usage.unmeasured_uses = Some(1)))
        .then(used(|usage| (usage.web_searches, usage.reported_cost) = (Some(2), None)));
    let client = builder(&one, &ScriptedProvider::new("two")).build().unwrap();

    for (cost, source) in [
        (Some("$1"), Some(PriceSource::Application)),
        (Some("$1.25"), Some(PriceSource::Provider)),
        (Some("$1.25"), Some(PriceSource::Provider)),
        (None, None),
    ] {
        let answer = client.chat(("one/m", "?")).await.unwrap();

        let own = answer.cost().map(|cost| (cost.total.to_string(), cost.source.clone()));
        assert_eq!(own.as_ref().map(|(total, _)| &**total), cost);
        assert_eq!(own.map(|(_, source)| source), source);
    }
}

#[tokio::test]
async fn usage_that_cannot_be_is_flagged_and_never_lowers_a_sum() {
    let mut negative = Usage::of(10, 1);
    negative.reported_cost = Some(Usd::from_pico(-5_000_000_000_000));
    let one = ScriptedProvider::new("one")
        .then(answer(1_000, 100))
        .then(answer(u64::MAX, u64::MAX))
        .then(Reply::text("?"))
        .then(Reply::text("!").with_usage(negative));
    let two = ScriptedProvider::new("two");
    let client = builder(&one, &two).ledger(MemoryLedger::new(100)).build().unwrap();
    let books = client.books().unwrap();
    let mut last = Totals::default();

    let mut flags = Vec::new();
    for model in ["one/m", "one/m", "one/m", "one/unpriced"] {
        client.chat((model, "?")).await.unwrap();
        let totals = books.totals(&Query::all()).await.unwrap();
        assert!(totals.cost >= last.cost && totals.unknown >= last.unknown && totals.flagged >= last.flagged);
        last = totals;
    }

    for entry in books.entries(&Query::all().kind(EntryKind::Attempt)).await.unwrap() {
        flags.push(entry.flags);
    }
    assert_eq!(
        flags,
        [vec![], vec![Flag::ImpossibleUsage], vec![Flag::UnknownUsage], vec![Flag::NegativeCost]]
    );
    assert_eq!((last.flagged, last.unknown), (3, 2));
}

#[tokio::test]
async fn memory_forgets_old_entries_but_not_what_they_cost() {
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let two = ScriptedProvider::new("two");
    let client = builder(&one, &two).ledger(MemoryLedger::new(4)).build().unwrap();

    for _ in 0..10 {
        client.chat(request("red")).await.unwrap();
    }

    let books = client.books().unwrap();
    let all = books.totals(&Query::all()).await.unwrap();
    let red = books.totals(&Query::all().scope("team", "red")).await.unwrap();
    assert_eq!((all.calls, all.cost.to_string(), all.forgotten), (10, "$10".into(), 0));
    assert_eq!((red.calls, red.cost.to_string(), red.forgotten), (2, "$2".into(), 16));
    assert_eq!(books.entries(&Query::all()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_table_for_a_spreadsheet_has_a_line_for_each_entry() {
    let one = ScriptedProvider::new("one").always(|| answer(1_000, 100));
    let two = ScriptedProvider::new("two");
    let client = builder(&one, &two).ledger(WriteOnly).ledger(MemoryLedger::new(100)).build().unwrap();
    client.chat(request("red, \"dark\"")).await.unwrap();

    let table = client.books().unwrap().export_csv(&Query::all(), Vec::new()).await.unwrap();

    let table = String::from_utf8(table).unwrap();
    let lines: Vec<_> = table.split("\r\n").collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("time,kind,call,operation,route,target,vendor,family,scopes"));
    assert!(lines[1].contains(r#",attempt,"#) && lines[1].contains(",app,one/m,one,m,"));
    assert!(
        lines[1].contains(r#""{""team"":""red, \""dark\""""}",nightly,first,answered,1000,100,"#),
        "{}",
        lines[1]
    );
    assert!(lines[1].contains(",0.0014,exact,"));
}

/// Cannot be asked.
#[derive(Debug)]
struct WriteOnly;

impl Ledger for WriteOnly {
    fn write(&self, _: &[Entry]) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn lines_of_json_survive_the_process_and_a_torn_line_is_cut_off() {
    let folder = Folder::new("torn");
    let path = folder.path("ledger.jsonl");
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let two = ScriptedProvider::new("two");
    let run = async |calls: usize| {
        let ledger = JsonLinesLedger::open(&path).unwrap();
        let client = builder(&one, &two).ledger(ledger).build().unwrap();
        for _ in 0..calls {
            client.chat(request("red")).await.unwrap();
        }
        client.books().unwrap().totals(&Query::all()).await.unwrap()
    };

    assert_eq!(run(3).await.calls, 3);
    let whole = fs::read(&path).unwrap();
    for torn in [1, 20, whole.len() / 7] {
        fs::write(&path, [&whole[..], &whole[..torn]].concat()).unwrap();
        let totals = run(0).await;
        assert_eq!((totals.calls, totals.cost.to_string()), (3, "$3".into()));
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
    // The seed is the same, the entries are others.
    let totals = run(2).await;
    assert_eq!((totals.calls, totals.cost.to_string()), (5, "$5".into()));
    // A first line that was torn leaves an empty ledger.
    fs::write(&path, &whole[..30]).unwrap();
    assert_eq!(run(1).await.calls, 1);
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    for (name, text) in [("a", "precious\n"), ("b", "precious"), ("c", "{\"id\": 1}\n{\"torn\": ")] {
        let path = folder.path(name);
        fs::write(&path, text).unwrap();

        let error = JsonLinesLedger::open(&path).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(JsonLinesLedger::open(folder.path("no/such/folder")).unwrap_err().kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn a_damaged_line_is_an_error_that_names_it_not_a_smaller_sum() {
    let folder = Folder::new("damaged");
    let path = folder.path("ledger.jsonl");
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let client = builder(&one, &ScriptedProvider::new("two"))
        .ledger(JsonLinesLedger::open(&path).unwrap())
        .build()
        .unwrap();
    for _ in 0..3 {
        client.chat(request("CANARY")).await.unwrap();
    }
    client.books().unwrap().flush().await.unwrap();

    let mut text = fs::read(&path).unwrap();
    let second = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    text[second + 5] = b'#';
    fs::write(&path, text).unwrap();

    let error = client.books().unwrap().totals(&Query::all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("line 2") && !format!("{error:?}").contains("CANARY"));
}

/// A ledger in memory that can be made to hang, fail or panic.
#[derive(Clone, Debug)]
struct Moody {
    inner: Arc<MemoryLedger>,
    mood: Arc<(Mutex<Mood>, Condvar)>,
    spill: Option<PathBuf>,
    failures: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Good,
    Hanging,
    Failing,
    Panicking,
}

impl Moody {
    fn new(mood: Mood, spill: Option<PathBuf>) -> Self {
        Self {
            inner: Arc::new(MemoryLedger::new(100_000)),
            mood: Arc::new((Mutex::new(mood), Condvar::new())),
            spill,
            failures: Arc::default(),
        }
    }

    fn become_(&self, mood: Mood) {
        *self.mood.0.lock().unwrap() = mood;
        self.mood.1.notify_all();
    }
}

impl Ledger for Moody {
    fn write(&self, entries: &[Entry]) -> Result<()> {
        let waited = self.mood.1.wait_while(self.mood.0.lock().unwrap(), |mood| *mood == Mood::Hanging);
        let mood = *waited.unwrap();
        match mood {
            Mood::Failing => {
                self.failures.fetch_add(1, Ordering::SeqCst);
                Err(polyroute::Error::new(ErrorKind::Storage, "the disk is full"))
            }
            Mood::Panicking => panic!("moody"),
            Mood::Good | Mood::Hanging => self.inner.write(entries),
        }
    }

    fn read(&self, query: &Query, each: &mut dyn FnMut(Entry)) -> Result<()> {
        self.inner.read(query, each)
    }

    fn totals(&self, query: &Query) -> Result<Totals> {
        self.inner.totals(query)
    }

    fn spill(&self) -> Option<PathBuf> {
        self.spill.clone()
    }
}

#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::LedgerFailed(error) => self.0.lock().unwrap().push(error.message().to_owned()),
            Event::LedgerOverflowed => self.0.lock().unwrap().push("overflow".into()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_hanging_ledger_never_holds_a_call_up_and_what_finds_no_room_is_counted() {
    let ledger = Moody::new(Mood::Hanging, None);
    let told = Told::default();
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let client = builder(&one, &ScriptedProvider::new("two"))
        .observer(told.clone())
        .ledger(ledger.clone())
        .ledger_queue(20)
        .build()
        .unwrap();

    for _ in 0..100 {
        client.chat(request("red")).await.unwrap();
    }
    let status = client.books().unwrap().status()[0].clone();
    ledger.become_(Mood::Good);
    let totals = client.books().unwrap().totals(&Query::all()).await.unwrap();

    assert_eq!((status.recorded, status.written), (200, 0));
    // What the thread had taken already waits besides the queue.
    assert!(status.lost >= 100 && status.waiting + status.lost == 200, "{status:?}");
    assert_eq!(totals.calls + totals.attempts, status.waiting);
    assert_eq!(*told.0.lock().unwrap(), ["overflow"]);
}

#[tokio::test]
async fn a_hanging_ledger_with_a_place_to_spill_loses_nothing() {
    let folder = Folder::new("spill");
    let ledger = Moody::new(Mood::Hanging, Some(folder.path("ledger")));
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let client = builder(&one, &ScriptedProvider::new("two"))
        .ledger(ledger.clone())
        .ledger_queue(2_000)
        .build()
        .unwrap();

    // A burst, which is faster than any disk, beyond the capacity.
    for _ in 0..3_000 {
        client.chat(request("red")).await.unwrap();
    }
    while client.books().unwrap().status()[0].spilled == 0 {
        std::thread::yield_now();
    }
    assert!(!folder.files().is_empty());
    let status = client.books().unwrap().status()[0].clone();
    ledger.become_(Mood::Good);
    let totals = client.books().unwrap().totals(&Query::all()).await.unwrap();

    assert_eq!((status.lost, totals.calls, totals.cost.to_string()), (0, 3_000, "$3000".into()));
    assert_eq!(folder.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_a_failing_ledger_could_not_take_is_written_later_even_by_the_next_process() {
    let folder = Folder::new("later");
    let told = Told::default();
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let ledger = Moody::new(Mood::Failing, Some(folder.path("ledger")));
    let client = |ledger: &Moody| {
        builder(&one, &ScriptedProvider::new("two"))
            .observer(told.clone())
            .ledger(ledger.clone())
            .build()
            .unwrap()
    };

    let first = client(&ledger);
    first.chat(request("red")).await.unwrap();
    let error = first.books().unwrap().flush().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Storage, "the disk is full"));
    assert_eq!(first.books().unwrap().totals(&Query::all()).await.unwrap_err().kind(), ErrorKind::Storage);
    assert!(first.books().unwrap().status()[0].last_failure.as_deref().unwrap().contains("the disk is full"));
    drop(first);
    assert!(told.0.lock().unwrap().iter().all(|told| told == "the disk is full"));
    assert_eq!(folder.files().len(), 1);

    ledger.become_(Mood::Good);
    let second = client(&ledger);
    second.chat(request("red")).await.unwrap();
    let totals = second.books().unwrap().totals(&Query::all()).await.unwrap();
    assert_eq!((totals.calls, totals.cost.to_string()), (2, "$2".into()));
    assert!(folder.files().is_empty());
}

#[expect(clippy::disallowed_methods, reason = "the ledger's thread waits by the system's clock")]
#[tokio::test]
async fn a_failing_ledger_is_asked_again_at_growing_intervals() {
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let ledger = Moody::new(Mood::Failing, None);
    let began = std::time::Instant::now();
    let client = builder(&one, &ScriptedProvider::new("two")).ledger(ledger.clone()).build().unwrap();

    client.chat(request("red")).await.unwrap();
    while ledger.failures.load(Ordering::SeqCst) < 3 {
        std::thread::yield_now();
    }

    // 100 ms and 200 ms lie between them, on any machine.
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());

    // What it had in hand needs no further call to be written.
    ledger.become_(Mood::Good);
    while client.books().unwrap().status()[0].written == 0 {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn damaged_lines_of_a_spill_file_are_counted_and_set_aside_and_hold_nothing_up() {
    let folder = Folder::new("damaged");
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let ledger = Moody::new(Mood::Failing, Some(folder.path("ledger")));
    let client = || builder(&one, &ScriptedProvider::new("two")).ledger(ledger.clone()).build().unwrap();
    let first = client();
    first.chat(request("red")).await.unwrap();
    drop(first);
    let file = folder.files().remove(0);
    let lines = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("no entry\n{lines}")).unwrap();

    ledger.become_(Mood::Good);
    let second = client();
    second.chat(request("red")).await.unwrap();
    let error = second.books().unwrap().flush().await.unwrap_err();

    assert!(error.message().contains("1 entries were lost"), "{error}");
    second.books().unwrap().flush().await.unwrap();
    let status = second.books().unwrap().status()[0].clone();
    assert_eq!((status.damaged, status.lost, status.waiting, status.failures), (1, 0, 0, 1));
    assert_eq!(second.books().unwrap().totals(&Query::all()).await.unwrap().calls, 2);
    assert_eq!(folder.files().len(), 1);
    assert!(folder.files()[0].to_str().unwrap().ends_with(".damaged"));
}

#[test]
fn a_file_has_one_ledger_at_a_time() {
    let folder = Folder::new("alone");
    let path = folder.path("ledger.jsonl");
    let first = JsonLinesLedger::open(&path).unwrap();

    let error = JsonLinesLedger::open(&path).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("has the ledger's file open"), "{error}");
    drop(first);
    JsonLinesLedger::open(&path).unwrap();
}

#[tokio::test]
async fn a_ledger_that_panics_costs_no_call_and_no_entry() {
    let ledger = Moody::new(Mood::Panicking, None);
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let client = builder(&one, &ScriptedProvider::new("two")).ledger(ledger.clone()).build().unwrap();

    client.chat(request("red")).await.unwrap();
    assert_eq!(client.books().unwrap().flush().await.unwrap_err().kind(), ErrorKind::Internal);
    ledger.become_(Mood::Good);

    assert_eq!(client.books().unwrap().totals(&Query::all()).await.unwrap().calls, 1);
}

#[tokio::test]
async fn dropping_the_client_writes_what_is_left() {
    let folder = Folder::new("drop");
    let path = folder.path("ledger.jsonl");
    let one = ScriptedProvider::new("one").always(|| answer(1_000_000, 0));
    let client = builder(&one, &ScriptedProvider::new("two"))
        .ledger(JsonLinesLedger::open(&path).unwrap())
        .build()
        .unwrap();

    for _ in 0..50 {
        client.chat(request("red")).await.unwrap();
    }
    drop(client);

    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 100);
}

#[test]
fn a_ledger_needs_no_runtime() {
    let done = AtomicBool::new(false);
    let one = ScriptedProvider::new("one").then(answer(1_000_000, 0));
    let client = builder(&one, &ScriptedProvider::new("two")).ledger(MemoryLedger::new(10)).build().unwrap();

    block_on(async {
        client.chat(request("red")).await.unwrap();
        let totals = client.books().unwrap().totals(&Query::all()).await.unwrap();
        assert_eq!(totals.calls, 1);
        done.store(true, Ordering::SeqCst);
    });

    assert!(done.load(Ordering::SeqCst));
}

/// The least that can run a future.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::park();
    }
}
