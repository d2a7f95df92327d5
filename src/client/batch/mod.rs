//! Many requests as one piece of work: bounded in concurrency and money, and resumed after a kill.

mod hold;
mod job;
mod journal;
mod print;
mod run;
mod vendor;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Client, Inner};
use crate::error::{Error, Result};
use crate::types::{CallId, ChatRequest, Reply, Target, Usd};

/// Requests that are to be answered; made by [`Client::batch`].
///
/// ```
/// # use polyroute::testing::ScriptedProvider;
/// # use polyroute::types::{Reply, Usage};
/// # use polyroute::{Client, Price};
/// use polyroute::ChatRequest;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> polyroute::Result<()> {
/// # let provider = ScriptedProvider::new("lab").always(|| Reply::text("Good.").with_usage(Usage::of(10, 1)));
/// # let client = Client::builder().provider(provider).price("lab/m", Price::per_million("1", "4")?).build()?;
/// # let folder = std::env::temp_dir().join(format!("polyroute-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let journal = folder.join("reviews.jsonl");
/// let reviews = ["Great.", "Never again.", "It works."];
/// let requests = reviews.map(|review| ChatRequest::new("lab/m").user(review).max_output_tokens(5));
/// let report = client
///     .batch(requests)
///     .concurrency(8)
///     .budget("0.50".parse()?)
///     .journal(&journal)
///     .on_progress(|progress| println!("{} of {}", progress.done + progress.failed, progress.total))
///     .run()
///     .await?;
/// for item in &report.items {
///     println!("{}: {:?}", item.index, item.text());
/// }
/// # assert_eq!((report.answered(), report.not_run()), (3, 0));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok(())
/// # }
/// ```
#[must_use = "a batch does nothing until it is run"]
pub struct Batch {
    inner: Arc<Inner>,
    requests: Vec<ChatRequest>,
    concurrency: usize,
    budget: Option<Usd>,
    journal: Option<PathBuf>,
    rounds: u32,
    patience: Duration,
    progress: Option<Progress>,
}

type Progress = Box<dyn Fn(&BatchProgress) + Send + Sync>;

impl Batch {
    pub(super) fn new(inner: Arc<Inner>, requests: Vec<ChatRequest>) -> Self {
        Self {
            inner,
            requests,
            concurrency: CONCURRENCY,
            budget: None,
            journal: None,
            rounds: 1,
            patience: Duration::ZERO,
            progress: None,
        }
    }

    /// Sets how many requests may be on their way at once; 16 by default, at least 1.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    /// Sets how much all of it may cost, what the journal tells of earlier runs included.
    ///
    /// A request is sent only if the most it can cost still fits beside what was spent and what is on its way: every
    /// token of the prompt by a high estimate, and as many tokens of the answer as the request or the model allows, at
    /// the dearest target it may go to. So set [`max_output_tokens`](ChatRequest::max_output_tokens). A request whose
    /// price is not known fails. The one way past the budget is a failed attempt that was billed besides the one that
    /// answered.
    pub fn budget(mut self, budget: Usd) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the file in which finished requests are kept, with their answers. Running the same requests with the same
    /// file again, after a kill or a failure, asks only for what has no answer yet. Requests are recognised by their
    /// content, wherever they stand. For one process at a time; readable by its owner only where the system knows owners.
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(path.into());
        self
    }

    /// Sets how often requests that failed with a [passing](Error::is_retryable) error are taken up again when all others
    /// are done; once by default. That is besides the retries of each call.
    pub fn retry_failed(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    /// Lets vendors answer in their own time, for at most `patience`, where that is cheaper; off by default. They have 24
    /// hours for it and mostly need fewer.
    ///
    /// Requests whose first target is at a vendor that takes batches ([`Client::submit_batch`]) and sells them at a lower
    /// price are handed over, together with those for the same target that agree on who pays; unless they ask for a service
    /// tier, or the route's policy reads answers before the caller gets them. All others are asked directly at once.
    /// What the vendor refuses, leaves out, or has not answered when `patience` is over (the batch is then cancelled) is
    /// asked directly in the end.
    ///
    /// The [`journal`](Self::journal) knows of a batch before the vendor does, so that a run that is killed or dropped
    /// finds it again, and pays for nothing twice. Killed in the very moment of handing over it cannot know whether the
    /// vendor took the batch: its requests then fail, and the error says what to do.
    pub fn vendor_batches(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Is called after every change, on the task that runs the batch.
    pub fn on_progress(mut self, progress: impl Fn(&BatchProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Answers the requests. A request that fails is an item of the report, not an error.
    ///
    /// Dropping the future cancels what is on its way; the journal keeps what was finished.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when the journal cannot be read or is none. One that can no
    /// longer be written stops the batch; see [`BatchReport::stopped`].
    pub async fn run(self) -> Result<BatchReport> {
        run::run(self).await
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("requests", &self.requests.len())
            .field("concurrency", &self.concurrency)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Many requests as one piece of work; see [`Batch`]. Nothing is sent before [`Batch::run`].
    pub fn batch(&self, requests: impl IntoIterator<Item = impl Into<ChatRequest>>) -> Batch {
        Batch::new(Arc::clone(&self.inner), requests.into_iter().map(Into::into).collect())
    }
}

/// How far a batch has come.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchProgress {
    /// All requests.
    pub total: usize,
    /// Those with an answer, from the journal or new.
    pub done: usize,
    /// Of [`done`](Self::done), those that were in the journal.
    pub resumed: usize,
    /// Those that failed and are not being tried again now.
    pub failed: usize,
    /// Those on their way.
    pub running: usize,
    /// Those that a vendor answers in its own time.
    pub at_vendors: usize,
    /// What is known to have been spent, by earlier runs too.
    pub spent: Usd,
    /// Since this run began.
    pub elapsed: Duration,
}

/// What became of a batch.
#[non_exhaustive]
#[derive(Debug)]
pub struct BatchReport {
    /// One for each request, in the order they were given.
    pub items: Vec<BatchItem>,
    /// What is known to have been spent, by earlier runs too.
    pub spent: Usd,
    /// Attempts of this run that may have cost something nobody knows.
    pub unknown: u64,
    /// Of the answers, those that were in the journal.
    pub resumed: usize,
    /// Since this run began.
    pub elapsed: Duration,
    /// Why requests were not sent, if some were not.
    pub stopped: Option<Stopped>,
}

impl BatchReport {
    /// How many have an answer.
    pub fn answered(&self) -> usize {
        self.count(|outcome| matches!(outcome, BatchOutcome::Answered(_)))
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, BatchOutcome::Failed(_)))
    }

    /// How many were not sent.
    pub fn not_run(&self) -> usize {
        self.count(|outcome| matches!(outcome, BatchOutcome::NotRun))
    }

    fn count(&self, wanted: impl Fn(&BatchOutcome) -> bool) -> usize {
        self.items.iter().filter(|item| wanted(&item.outcome)).count()
    }
}

/// One request and what became of it.
#[non_exhaustive]
#[derive(Debug)]
pub struct BatchItem {
    /// Its place among the requests, from 0.
    pub index: usize,
    /// What became of it.
    pub outcome: BatchOutcome,
}

impl BatchItem {
    /// The answer.
    pub fn answer(&self) -> Option<&BatchAnswer> {
        match &self.outcome {
            BatchOutcome::Answered(answer) => Some(answer),
            BatchOutcome::Failed(_) | BatchOutcome::NotRun => None,
        }
    }

    /// The answer's text.
    pub fn text(&self) -> Option<String> {
        self.answer().map(|answer| answer.reply.message.text())
    }
}

/// What became of one request.
#[non_exhaustive]
#[derive(Debug)]
pub enum BatchOutcome {
    /// It was answered, now or in an earlier run.
    Answered(Box<BatchAnswer>),
    /// It failed, the last time with this.
    Failed(Error),
    /// It was not sent; [`BatchReport::stopped`] says why.
    NotRun,
}

/// An answer of a batch.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct BatchAnswer {
    /// The answer. From a journal: without log probabilities and alternatives.
    pub reply: Reply,
    /// Who answered.
    pub target: Target,
    /// The call, as the ledger knows it.
    pub call: CallId,
    /// What all attempts came to; `None` when unknown.
    pub cost: Option<Usd>,
    /// Was it in the journal?
    pub origin: Origin,
}

/// Where an answer is from.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The journal: it was paid for in an earlier run.
    Journal,
    /// This run.
    Run,
}

/// Why a batch did not send everything.
#[non_exhaustive]
#[derive(Debug)]
pub enum Stopped {
    /// The next request might have gone over the budget.
    Budget,
    /// The journal could not be written. Answers that came after that are in the report only.
    Journal(Error),
}

/// Most accounts allow this from the first day.
const CONCURRENCY: usize = 16;
