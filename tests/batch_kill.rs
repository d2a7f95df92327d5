//! A process that runs a batch is killed, again and again: what its journal has is never asked and paid again.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test target may"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use polyroute::client::BatchReport;
use polyroute::testing::{Sandbox, SandboxVendor};
use polyroute::{ChatRequest, Client, Price, Settings, Usd};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

/// Where the child finds its vendor and its journal; set by the parent only.
const VENDOR: &str = "POLYROUTE_TEST_VENDOR";
const JOURNAL: &str = "POLYROUTE_TEST_JOURNAL";

const REQUESTS: usize = 2_000;
const AT_ONCE: usize = 8;
const KILLS: u64 = 30;

#[test]
fn what_the_journal_of_a_killed_process_has_is_not_asked_again() {
    let folder = Folder::new("killed");
    let journal = folder.path("journal.jsonl");
    let sandbox = Sandbox::open().unwrap();
    let vendor = sandbox.openai();

    let mut finished = 0;
    for round in 0..KILLS {
        let asked = times_asked(&vendor);
        let known = in_journal(&journal);
        let mut chance = fastrand::Rng::with_seed(round);
        let mut child = spawn(&journal, vendor.url());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..chance.u32(1..60) {
            // The test runner's own lines count too: the kill may come before the first request.
            lines.next().expect("the batch is longer than its process lives").unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while sandbox.open_connections() > 0 {
            std::thread::yield_now();
        }

        let now = times_asked(&vendor);
        for question in known.keys() {
            assert_eq!(now.get(question), asked.get(question), "{question} had an answer");
        }
        finished = in_journal(&journal).len();
    }
    // Some were done, and some are left.
    assert!((200..REQUESTS).contains(&finished), "{finished} were finished");
    let killed = vendor.requests();
    assert!(killed <= finished + usize::try_from(KILLS).unwrap() * AT_ONCE, "{killed} for {finished}");

    let report = run(&journal, vendor.url(), |_| {});

    assert_eq!((report.answered(), report.resumed), (REQUESTS, finished));
    assert_eq!(vendor.requests(), killed + REQUESTS - finished);
    assert_eq!(report.spent, "2000".parse::<Usd>().unwrap());
    let lines = in_journal(&journal);
    assert!(lines.len() == REQUESTS && lines.values().all(|answers| *answers == 1));
}

#[test]
#[ignore = "run by another test, as a process of its own"]
fn child_runs_a_batch() {
    let told = |name| std::env::var(name).expect("this test is run by another one");
    run(Path::new(&told(JOURNAL)), &told(VENDOR), |done| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "done {done}").unwrap();
        out.flush().unwrap();
    });
}

fn spawn(journal: &Path, vendor: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_runs_a_batch", "--nocapture"])
        .env(JOURNAL, journal)
        .env(VENDOR, vendor)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A dollar for each answer.
fn run(journal: &Path, vendor: &str, progress: impl Fn(usize) + Send + Sync + 'static) -> BatchReport {
    let price =
        Price::per_million("0", "0").unwrap().with(polyroute::catalog::Charge::PerRequest, "1").unwrap();
    let settings = Settings::vendor("openai").api_key("sk-test").base_url(vendor);
    let client = Client::builder().vendor(settings).price("openai/m", price).build().unwrap();
    let requests = (0..REQUESTS).map(|n| ChatRequest::new("openai/m").user(format!("question {n:04}")));
    let batch = client.batch(requests).concurrency(AT_ONCE).journal(journal);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(batch.on_progress(move |now| progress(now.done)).run()).unwrap()
}

/// How often the vendor was asked each question.
fn times_asked(vendor: &SandboxVendor) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for received in vendor.received() {
        let question = received.json["messages"][0]["content"].as_str().unwrap().to_owned();
        *times.entry(question).or_default() += 1;
    }
    times
}

/// How many answers the journal has to each question. A torn last line is none.
fn in_journal(journal: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut times = BTreeMap::new();
    for line in whole.lines().filter(|line| line.contains("\"answered\"")) {
        let place = line.find("question ").expect("the sandbox repeats the question");
        *times.entry(line[place..place + "question 0000".len()].to_owned()).or_default() += 1;
    }
    times
}
