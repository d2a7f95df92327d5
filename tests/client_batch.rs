//! Many requests as one piece of work.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test target may panic")]

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use futures::FutureExt as _;
use polyroute::catalog::Charge;
use polyroute::client::{BatchOutcome, BatchProgress, Origin, Stopped};
use polyroute::provider::Call;
use polyroute::testing::{ScriptedProvider, VirtualClock};
use polyroute::types::{Reply, Usage};
use polyroute::{ChatRequest, Client, Error, ErrorKind, Price, Provider, Result, async_trait};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

/// Answers with what it was asked, at $1 for each answer; `fail` in a question fails once, `bad` always.
#[derive(Clone, Debug)]
struct Echo {
    clock: VirtualClock,
    asked: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    /// Beyond this many questions, no answer ever comes.
    silent_after: usize,
}

impl Echo {
    fn new(clock: &VirtualClock) -> Self {
        Self {
            clock: clock.clone(),
            asked: Arc::default(),
            running: Arc::default(),
            most: Arc::default(),
            silent_after: usize::MAX,
        }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

#[async_trait]
impl Provider for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    async fn chat(&self, call: Call<'_>) -> Result<Reply> {
        let question = call.request.messages[0].text();
        let (times, all) = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(question.clone());
            (asked.iter().filter(|own| **own == question).count(), asked.len())
        };
        if all > self.silent_after {
            std::future::pending::<()>().await;
        }
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.clock.sleep(Duration::from_millis(100)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        if question.contains("bad") {
            return Err(Error::new(ErrorKind::InvalidRequest, "scripted"));
        }
        if question.contains("fail") && times == 1 {
            return Err(Error::new(ErrorKind::Authentication, "scripted").with_retry_after(Duration::ZERO));
        }
        if question.contains("busy") && times <= 3 {
            return Err(Error::new(ErrorKind::Overloaded, "scripted"));
        }
        Ok(Reply::text(question.to_uppercase()).with_usage(Usage::of(1, 1_000_000)))
    }
}

use polyroute::clock::Clock as _;

fn client(echo: &Echo) -> Client {
    Client::builder()
        .provider(echo.clone())
        .price("echo/m", Price::per_million("0", "1").unwrap())
        .clock(echo.clock.clone())
        .seed(1)
        .build()
        .unwrap()
}

fn clock() -> VirtualClock {
    VirtualClock::automatic(UNIX_EPOCH + Duration::from_secs(1_764_000_000))
}

fn requests(questions: impl IntoIterator<Item = impl Into<String>>) -> Vec<ChatRequest> {
    questions
        .into_iter()
        .map(|question| ChatRequest::new("echo/m").user(question).max_output_tokens(1_000_000))
        .collect()
}

fn numbered(count: usize) -> Vec<ChatRequest> {
    requests((0..count).map(|number| format!("q{number}")))
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_requests_and_no_more_run_at_once_than_allowed() {
    let echo = Echo::new(&clock());
    let seen: Arc<Mutex<Vec<BatchProgress>>> = Arc::default();
    let keep = Arc::clone(&seen);

    let report = client(&echo)
        .batch(numbered(50))
        .concurrency(7)
        .on_progress(move |progress| keep.lock().unwrap().push(progress.clone()))
        .run()
        .await
        .unwrap();

    assert_eq!((report.answered(), report.failed(), report.not_run()), (50, 0, 0));
    assert!(report.items.iter().all(|item| item.text().unwrap() == format!("Q{}", item.index)));
    assert_eq!(report.spent.to_string(), "$50");
    assert_eq!(echo.most.load(Ordering::SeqCst), 7);
    let seen = seen.lock().unwrap();
    assert_eq!((seen[0].running, seen[0].done, seen[0].total), (7, 0, 50));
    let last = seen.last().unwrap();
    assert_eq!((last.running, last.done, last.spent), (0, 50, report.spent));
    assert!(seen.windows(2).all(|pair| pair[0].done <= pair[1].done && pair[0].elapsed <= pair[1].elapsed));
}

#[tokio::test]
async fn a_budget_is_kept_and_what_was_not_sent_says_so() {
    let echo = Echo::new(&clock());

    let report = client(&echo).batch(numbered(50)).budget("10.5".parse().unwrap()).run().await.unwrap();

    assert_eq!((report.answered(), report.not_run(), report.spent.to_string()), (10, 40, "$10".into()));
    assert!(matches!(report.stopped, Some(Stopped::Budget)));
    assert_eq!(echo.asked().len(), 10);
    let none = client(&echo).batch(numbered(5)).budget("0".parse().unwrap()).run().await.unwrap();
    assert_eq!((none.answered(), none.not_run()), (0, 5));
}

#[tokio::test]
async fn a_budget_takes_every_token_for_the_dearest_it_may_be() {
    let echo = Echo::new(&clock());
    // Thought at $3, written at $1: an answer of a million tokens may cost $3.
    let price = Price::per_million("0", "1").unwrap().with(Charge::Reasoning, "3").unwrap();
    let client = Client::builder()
        .provider(echo.clone())
        .price("echo/m", price)
        .clock(echo.clock.clone())
        .seed(1)
        .build()
        .unwrap();

    let report = client.batch(numbered(5)).budget("2.5".parse().unwrap()).run().await.unwrap();

    assert_eq!((report.answered(), report.not_run()), (0, 5), "{report:?}");
    assert!(echo.asked().is_empty());
}

#[tokio::test]
async fn a_journal_that_another_run_has_open_is_refused() {
    let folder = Folder::new("held");
    let journal = folder.path("journal.jsonl");
    let echo = Echo::new(&clock());
    let other = fs::File::create(&journal).unwrap();
    other.lock().unwrap();
    let run = async || client(&echo).batch(numbered(1)).journal(&journal).run().await;

    let error = run().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("another batch has the journal open"), "{error}");
    drop(other);
    assert_eq!(run().await.unwrap().answered(), 1);
}

#[tokio::test]
async fn a_request_whose_price_is_unknown_fails_under_a_budget_before_it_is_sent() {
    let echo = Echo::new(&clock());
    let unpriced = ChatRequest::new("echo/other").user("q").max_output_tokens(5);

    let report = client(&echo).batch([unpriced]).budget("10".parse().unwrap()).run().await.unwrap();

    let BatchOutcome::Failed(error) = &report.items[0].outcome else { panic!("{report:?}") };
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(echo.asked().is_empty());
}

#[tokio::test]
async fn a_batch_goes_on_after_a_kill_without_paying_again() {
    let folder = Folder::new("resume");
    let journal = folder.path("journal.jsonl");
    let clock = VirtualClock::manual(UNIX_EPOCH);
    let mut first = Echo::new(&clock);
    first.silent_after = 30;
    // Killed: the future is dropped in the middle, and the last line is torn.
    {
        let client = client(&first);
        let mut run = Box::pin(client.batch(numbered(50)).concurrency(4).journal(&journal).run());
        let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        while lines() < 31 {
            assert!(run.as_mut().now_or_never().is_none());
            clock.advance(Duration::from_millis(100));
        }
    }
    let text = fs::read_to_string(&journal).unwrap();
    assert_eq!(text.lines().count(), 31);
    let torn = text.len() - 10;
    fs::write(&journal, &text[..torn]).unwrap();

    let second = Echo::new(&self::clock());
    let mut again = numbered(50);
    again.reverse();
    let report = client(&second).batch(again).journal(&journal).run().await.unwrap();

    assert_eq!((report.answered(), report.resumed, report.spent.to_string()), (50, 29, "$50".into()));
    assert_eq!(second.asked().len(), 21);
    for item in &report.items {
        assert_eq!(item.text().unwrap(), format!("Q{}", 49 - item.index));
    }
    let third = Echo::new(&self::clock());
    let report = client(&third).batch(numbered(50)).journal(&journal).run().await.unwrap();
    assert_eq!((report.resumed, third.asked().len(), report.spent.to_string()), (50, 0, "$50".into()));
    assert!(report.items.iter().all(|item| item.answer().unwrap().origin == Origin::Journal));
    let usage = report.items[0].answer().unwrap().reply.usage.clone().unwrap();
    assert_eq!(usage.output_tokens, Some(1_000_000));
}

#[tokio::test]
async fn the_budget_counts_what_earlier_runs_spent() {
    let folder = Folder::new("budget");
    let journal = folder.path("journal.jsonl");
    let echo = Echo::new(&clock());
    let run = async |budget: &str| {
        client(&echo)
            .batch(numbered(20))
            .journal(&journal)
            .budget(budget.parse().unwrap())
            .run()
            .await
            .unwrap()
    };

    assert_eq!(run("5").await.answered(), 5);
    assert_eq!(run("5").await.answered(), 5);
    let report = run("8").await;

    assert_eq!((report.answered(), report.resumed, report.spent.to_string()), (8, 5, "$8".into()));
    assert_eq!(echo.asked().len(), 8);
}

#[tokio::test]
async fn the_same_request_twice_is_asked_twice_and_resumed_twice() {
    let folder = Folder::new("twice");
    let journal = folder.path("journal.jsonl");
    let echo = Echo::new(&clock());

    for expected in [2, 3] {
        let report =
            client(&echo).batch(requests(vec!["same"; expected])).journal(&journal).run().await.unwrap();
        assert_eq!((report.answered(), echo.asked().len()), (expected, expected));
    }
}

#[tokio::test]
async fn passing_failures_are_taken_up_again_and_lasting_ones_are_not() {
    let echo = Echo::new(&clock());
    let questions = ["a", "busy 1", "bad", "b", "busy 2"];

    let once = client(&echo).batch(requests(questions)).retry_failed(0).run().await.unwrap();
    let again = client(&Echo::new(&clock())).batch(requests(questions)).run().await.unwrap();

    assert_eq!((once.answered(), once.failed()), (2, 3));
    assert_eq!((again.answered(), again.failed()), (4, 1));
    let BatchOutcome::Failed(error) = &again.items[2].outcome else { panic!("{again:?}") };
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::InvalidRequest, 1));
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    let echo = Echo::new(&clock());
    let title = "{\"polyroute_batch\":1}\n";
    for (name, text) in [
        ("a", "precious"),
        ("b", "precious\n"),
        ("c", "{\"polyroute_batch\":2}\n"),
        ("d", &format!("{title}CANARY\n{{}}\n")),
    ] {
        let path = folder.path(name);
        fs::write(&path, text).unwrap();

        let error = client(&echo).batch(numbered(1)).journal(&path).run().await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(!format!("{error:?}").contains("CANARY"));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    for start in [0, 1, 10, title.len()] {
        let path = folder.path(&format!("torn {start}"));
        fs::write(&path, &title[..start]).unwrap();
        assert_eq!(client(&echo).batch(numbered(1)).journal(&path).run().await.unwrap().answered(), 1);
    }
    let nowhere = folder.path("no/such/folder");
    assert!(client(&echo).batch(numbered(1)).journal(nowhere).run().await.is_err());
}

/// A limit of the operating system on the size of files stands for a full disk.
#[cfg(unix)]
#[tokio::test]
async fn a_journal_that_is_full_stops_the_batch_and_the_next_run_goes_on() {
    const NAME: &str = "a_journal_that_is_full_stops_the_batch_and_the_next_run_goes_on";
    const CHILD: &str = "POLYROUTE_TEST_FULL_JOURNAL";
    let echo = Echo::new(&clock());
    if let Some(journal) = std::env::var_os(CHILD) {
        let report = client(&echo).batch(numbered(200)).concurrency(4).journal(journal).run().await.unwrap();

        let Some(Stopped::Journal(error)) = &report.stopped else { panic!("{report:?}") };
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("is the disk full"), "{error}");
        // What was on its way came back; nothing else was sent.
        assert_eq!((report.answered(), report.failed()), (echo.asked().len(), 0));
        assert!((5..150).contains(&report.answered()), "{}", report.answered());
        return;
    }
    let folder = Folder::new("full");
    let journal = folder.path("journal.jsonl");
    let limited = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(NAME)
        .env(CHILD, &journal)
        .output()
        .unwrap();
    assert!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stdout));

    let written = fs::read_to_string(&journal).unwrap();
    assert!(written.ends_with('\n'), "a line that did not fit is taken back");
    let report = client(&echo).batch(numbered(200)).journal(&journal).run().await.unwrap();
    assert_eq!((report.answered(), report.resumed), (200, written.lines().count() - 1));
    assert_eq!(echo.asked().len(), 200 - report.resumed);
}

#[tokio::test]
async fn no_requests_are_a_finished_batch() {
    let provider = ScriptedProvider::new("p");
    let client = Client::builder().provider(provider).build().unwrap();

    let report = client.batch(Vec::<ChatRequest>::new()).run().await.unwrap();

    assert!(report.items.is_empty() && report.stopped.is_none());
}
