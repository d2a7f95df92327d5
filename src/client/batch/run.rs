//! The loop of a batch: what may be sent is sent, what comes back is written down.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};

use super::journal::{Earlier, Journal};
use super::vendor::Parked;
use super::{
    Batch, BatchAnswer, BatchItem, BatchOutcome, BatchProgress, BatchReport, Origin, Stopped, print,
};
use crate::client::spend::{self, Asked};
use crate::client::{Inner, candidates, pipeline};
use crate::error::{Error, ErrorKind, Result};
use crate::quota::{CostBound, UnknownPrice};
use crate::types::{Attempt, ChatRequest, ChatResponse, Completeness, Usd};

pub(super) async fn run(batch: Batch) -> Result<BatchReport> {
    let (journal, earlier) = match &batch.journal {
        Some(path) => {
            let (journal, earlier) = Journal::open(path)?;
            (Some(journal), earlier)
        }
        None => (None, Earlier::default()),
    };
    let mut work = Work::new(&batch, journal, earlier);
    work.hand_over().await;
    work.run_through(work.due(0)).await;
    work.collect().await;
    // First what vendors left over, then what failed.
    for round in 0..=batch.rounds {
        let queue = work.due(round);
        if queue.is_empty() && round > 0 {
            break;
        }
        if round > 0 {
            batch.inner.clock.sleep(work.pause(round)).await;
        }
        work.run_through(queue).await;
    }
    Ok(work.finish())
}

pub(super) struct Work<'b> {
    pub(super) batch: &'b Batch,
    pub(super) journal: Option<Journal>,
    pub(super) started: Instant,
    pub(super) items: Vec<Item>,
    pub(super) spent: Usd,
    pub(super) unknown: u64,
    /// The most that what is on its way can cost.
    pub(super) reserved: Usd,
    /// Kept up to date by [`Self::set`].
    pub(super) state: BatchProgress,
    pub(super) stopped: Option<Stopped>,
    /// What vendors have.
    pub(super) parked: Vec<Parked>,
    /// How many batches were ever handed over.
    pub(super) batches: u64,
}

pub(super) struct Item {
    /// Empty where nobody writes a journal.
    pub(super) print: String,
    pub(super) outcome: BatchOutcome,
    pub(super) place: Place,
}

/// Who has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It may be asked directly.
    Here,
    /// A vendor, or nobody knows: asked directly it might be paid twice.
    Vendor,
}

/// A call of the batch that has come back.
struct Back {
    index: usize,
    reserved: Usd,
    outcome: Result<ChatResponse>,
}

impl<'b> Work<'b> {
    fn new(batch: &'b Batch, journal: Option<Journal>, mut earlier: Earlier) -> Self {
        let spent = earlier.spent;
        let items: Vec<Item> = batch
            .requests
            .iter()
            .map(|request| {
                let print = if journal.is_some() { print::print(request) } else { Ok(String::new()) };
                match print {
                    Ok(print) => {
                        let known = earlier.take(&print);
                        let outcome = known
                            .map_or(BatchOutcome::NotRun, |known| BatchOutcome::Answered(Box::new(known)));
                        Item { print, outcome, place: Place::Here }
                    }
                    Err(error) => Item {
                        print: String::new(),
                        outcome: BatchOutcome::Failed(error),
                        place: Place::Here,
                    },
                }
            })
            .collect();
        let started = batch.inner.clock.now();
        let mut state = BatchProgress { total: items.len(), ..BatchProgress::default() };
        for item in &items {
            state.count(&item.outcome, 1);
        }
        state.resumed = state.done;
        let mut work = Self {
            batch,
            journal,
            started,
            items,
            spent,
            unknown: 0,
            reserved: Usd::ZERO,
            state,
            stopped: None,
            parked: Vec::new(),
            batches: earlier.batches,
        };
        work.take_up(&mut earlier);
        work
    }

    /// The requests to send in this round: at first all without an answer, then those that may do better.
    pub(super) fn due(&self, round: u32) -> VecDeque<usize> {
        let due = |item: &Item| match &item.outcome {
            _ if item.place == Place::Vendor => false,
            BatchOutcome::Answered(_) => false,
            BatchOutcome::NotRun => round == 0,
            BatchOutcome::Failed(error) => round > 0 && error.is_retryable(),
        };
        if self.stopped.is_some() {
            return VecDeque::new();
        }
        self.items.iter().enumerate().filter(|(_, item)| due(item)).map(|(index, _)| index).collect()
    }

    /// As long as the most patient provider asked for, or longer from round to round.
    fn pause(&self, round: u32) -> Duration {
        let asked = self.items.iter().filter_map(|item| match &item.outcome {
            BatchOutcome::Failed(error) => error.retry_after(),
            BatchOutcome::Answered(_) | BatchOutcome::NotRun => None,
        });
        let longer = FIRST_PAUSE.saturating_mul(1 << round.saturating_sub(1).min(6));
        asked.fold(longer, Duration::max).min(LONGEST_PAUSE)
    }

    async fn run_through(&mut self, mut queue: VecDeque<usize>) {
        let batch = self.batch;
        let mut running = FuturesUnordered::new();
        loop {
            while self.stopped.is_none() && running.len() < batch.concurrency {
                let Some(index) = queue.pop_front() else { break };
                let Some(request) = batch.requests.get(index) else { continue };
                match self.reserve(request) {
                    Ok(Reserved::Yes(reserved)) => {
                        self.state.running += 1;
                        // On its way again, it has not failed yet.
                        self.set(index, BatchOutcome::NotRun);
                        self.reserved = self.reserved.saturating_add(reserved);
                        running.push(async move {
                            let outcome = pipeline::chat(&batch.inner, request).await;
                            Back { index, reserved, outcome }
                        });
                    }
                    // What is on its way usually costs less than it might.
                    Ok(Reserved::No) => {
                        queue.push_front(index);
                        // So does what vendors have.
                        if running.is_empty() && self.parked.is_empty() {
                            self.stopped = Some(Stopped::Budget);
                        }
                        break;
                    }
                    Err(error) => self.set(index, BatchOutcome::Failed(error)),
                }
            }
            self.report();
            match running.next().await {
                Some(back) => self.take_back(back),
                None if queue.is_empty() || self.stopped.is_some() || !self.parked.is_empty() => return,
                None => {}
            }
        }
    }

    fn reserve(&self, request: &ChatRequest) -> Result<Reserved> {
        let Some(budget) = self.batch.budget else { return Ok(Reserved::Yes(Usd::ZERO)) };
        let most = most(&self.batch.inner, request)?;
        let all = self.spent.saturating_add(self.reserved).saturating_add(most);
        Ok(if all <= budget { Reserved::Yes(most) } else { Reserved::No })
    }

    fn take_back(&mut self, Back { index, reserved, outcome }: Back) {
        self.state.running -= 1;
        self.reserved = self.reserved.saturating_sub(reserved);
        let attempts: &[Attempt] = match &outcome {
            Ok(response) => response.attempts(),
            Err(error) => error.attempts(),
        };
        let cost: Usd = attempts.iter().filter_map(|attempt| attempt.cost).sum();
        let unknown =
            |attempt: &&Attempt| attempt.cost.is_none() && attempt.completeness == Completeness::Unknown;
        self.unknown += u64::try_from(attempts.iter().filter(unknown).count()).unwrap_or(u64::MAX);
        self.spent = self.spent.saturating_add(cost);
        let outcome = match outcome {
            Ok(response) => {
                let cost = response.summary.total_cost();
                let (target, call) = (response.target().clone(), response.call_id());
                let reply = response.reply;
                BatchOutcome::Answered(Box::new(BatchAnswer {
                    reply,
                    target,
                    call,
                    cost,
                    origin: Origin::Run,
                }))
            }
            Err(error) => BatchOutcome::Failed(error),
        };
        let print = self.items.get(index).map(|item| item.print.clone()).unwrap_or_default();
        self.write_down(&print, &outcome, cost);
        self.set(index, outcome);
    }

    pub(super) fn write_down(&mut self, print: &str, outcome: &BatchOutcome, cost: Usd) {
        let Some(journal) = &mut self.journal else { return };
        let written = match outcome {
            BatchOutcome::Answered(answer) => journal.answered(print, answer),
            BatchOutcome::Failed(error) => journal.failed(print, error, cost),
            BatchOutcome::NotRun => Ok(()),
        };
        self.note(written);
    }

    /// What cannot be written down is not begun.
    pub(super) fn note(&mut self, written: Result<()>) {
        if let Err(error) = written {
            self.stopped.get_or_insert(Stopped::Journal(error));
        }
    }

    pub(super) fn set(&mut self, index: usize, outcome: BatchOutcome) {
        let Some(item) = self.items.get_mut(index) else { return };
        self.state.count(&item.outcome, -1);
        self.state.count(&outcome, 1);
        item.outcome = outcome;
    }

    pub(super) fn report(&mut self) {
        self.state.spent = self.spent;
        self.state.elapsed = self.elapsed();
        if let Some(progress) = &self.batch.progress {
            progress(&self.state);
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.batch.inner.clock.now().saturating_duration_since(self.started)
    }

    fn finish(mut self) -> BatchReport {
        self.report();
        if let Some(Err(error)) = self.journal.as_mut().map(Journal::sync) {
            self.stopped.get_or_insert(Stopped::Journal(error));
        }
        let elapsed = self.elapsed();
        let items: Vec<BatchItem> = self
            .items
            .into_iter()
            .enumerate()
            .map(|(index, item)| BatchItem { index, outcome: item.outcome })
            .collect();
        let from_journal =
            |item: &&BatchItem| item.answer().is_some_and(|answer| answer.origin == Origin::Journal);
        BatchReport {
            resumed: items.iter().filter(from_journal).count(),
            items,
            spent: self.spent,
            unknown: self.unknown,
            elapsed,
            stopped: self.stopped,
        }
    }
}

impl BatchProgress {
    /// One item more with `outcome`, or one less.
    fn count(&mut self, outcome: &BatchOutcome, change: isize) {
        let counter = match outcome {
            BatchOutcome::Answered(_) => &mut self.done,
            BatchOutcome::Failed(_) => &mut self.failed,
            BatchOutcome::NotRun => return,
        };
        *counter = counter.saturating_add_signed(change);
    }
}

enum Reserved {
    Yes(Usd),
    No,
}

/// The most that one answer to `request` can cost, at the dearest target it may go to.
///
/// # Errors
/// What planning says; [`ErrorKind::Configuration`] when a price is unknown.
fn most(inner: &Arc<Inner>, request: &ChatRequest) -> Result<Usd> {
    request.validate()?;
    let facts = candidates::chat_facts(inner, request);
    let planned = candidates::plan(inner, &request.model, &facts)?;
    let asked = Asked::of_chat(request, &facts);
    let mut dearest = Usd::ZERO;
    for target in planned.targets.iter() {
        let model = target.model.as_deref();
        let demand = spend::demand(model, &asked, UnknownPrice::Refuse, inner.clock.wall());
        let CostBound::Known(cost) = demand.cost else {
            return Err(Error::new(
                ErrorKind::Configuration,
                "a budget needs to know what the request can cost; set the price with .price(..) and \
                 max_output_tokens(..)",
            )
            .with_target(target.target.clone()));
        };
        dearest = dearest.max(cost);
    }
    Ok(dearest)
}

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
