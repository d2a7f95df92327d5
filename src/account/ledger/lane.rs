//! The way of entries to one ledger: a bounded queue, the thread that writes, and the thread that spills.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::spill::{self, Spill};
use super::{Entry, Ledger, LedgerStatus};
use crate::error::{Error, ErrorKind, Result};

/// One ledger and what is on its way there. Dropping it writes what is left, spills what cannot be written, and waits
/// for that.
#[derive(Debug)]
pub(crate) struct Lane {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    spiller: Option<JoinHandle<()>>,
}

/// Something the operator should hear of.
pub(crate) enum Incident<'a> {
    /// Entries could not be written or spilled; they wait.
    Failed(&'a Error),
    /// Entries begin to be lost, because the queue is full. Said once until something can be written again.
    Lost,
}

/// Is told of incidents.
pub(crate) type Tell = Arc<dyn Fn(Incident<'_>) + Send + Sync>;

/// Runs on the writing thread after everything recorded before it; is told if that could not be written.
type Job = Box<dyn FnOnce(&dyn Ledger, Option<&Error>) + Send>;

struct Shared {
    sink: Box<dyn Ledger>,
    spill: Option<Spill>,
    capacity: usize,
    state: Mutex<State>,
    /// There is something for the writing thread.
    work: Condvar,
    /// There is something for the spilling thread.
    crowd: Condvar,
    tell: Tell,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Entry>,
    jobs: Vec<Job>,
    /// Spill files may be there.
    spilled: bool,
    /// How many entries the spilling thread has in its hands.
    in_hand: usize,
    /// How many of the lost entries a flush has reported.
    reported: u64,
    closing: bool,
    spilling_ends: bool,
    writer_idle: bool,
    spiller_idle: bool,
    losing: bool,
    /// The last entries could not be spilled: nothing makes room.
    spill_fails: bool,
    status: LedgerStatus,
}

impl Lane {
    /// Opens the way to `sink`. `capacity` entries may wait.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the system gives no thread.
    pub(crate) fn open(sink: Box<dyn Ledger>, capacity: usize, tell: Tell) -> Result<Self> {
        let spill = sink.spill().and_then(|base| Spill::beside(&base));
        if let Some(spill) = &spill {
            spill.remove_unfinished();
        }
        let state = State { spilled: spill.is_some(), ..State::default() };
        let shared = Arc::new(Shared {
            sink,
            spill,
            capacity: capacity.max(1),
            state: Mutex::new(state),
            work: Condvar::new(),
            crowd: Condvar::new(),
            tell,
        });
        let mut lane = Self { shared, writer: None, spiller: None };
        lane.writer = Some(lane.spawn("polyroute-ledger", |shared| Writer::default().run(shared))?);
        if lane.shared.spill.is_some() {
            lane.spiller = Some(lane.spawn("polyroute-spill", Shared::run_spiller)?);
        }
        Ok(lane)
    }

    fn spawn(&self, name: &str, run: fn(&Shared)) -> Result<JoinHandle<()>> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared));
        thread.map_err(|error| {
            Error::new(ErrorKind::Configuration, "the system gives no thread for the ledger")
                .with_source(error)
        })
    }

    /// Puts `entry` into the queue; when that is full, it is counted as lost. Never waits for a disk. While the spilling
    /// thread makes room, which it does slower than a burst comes, the queue may grow to a multiple of its capacity.
    pub(crate) fn record(&self, entry: Entry) {
        let mut state = self.shared.lock();
        state.status.recorded += 1;
        if state.waiting.len() >= self.shared.room(&state) {
            state.status.lost += 1;
            let first = !std::mem::replace(&mut state.losing, true);
            drop(state);
            if first {
                (self.shared.tell)(Incident::Lost);
            }
            return;
        }
        state.waiting.push_back(entry);
        if state.writer_idle {
            self.shared.work.notify_one();
        }
        if state.spiller_idle && state.waiting.len() >= self.shared.crowded() {
            self.shared.crowd.notify_one();
        }
    }

    /// Runs `job` on the writing thread, after everything recorded until now.
    pub(super) fn run(&self, job: Job) {
        self.shared.lock().jobs.push(job);
        self.shared.work.notify_one();
    }

    /// How many entries were lost, or found damaged, since this was asked last.
    pub(super) fn lost_since(&self) -> u64 {
        let mut state = self.shared.lock();
        let lost = state.status.lost + state.status.damaged;
        lost - std::mem::replace(&mut state.reported, lost)
    }

    pub(super) fn status(&self) -> LedgerStatus {
        let state = self.shared.lock();
        let mut status = state.status.clone();
        status.waiting = status
            .recorded
            .saturating_sub(status.written)
            .saturating_sub(status.lost)
            .saturating_sub(status.spilled);
        status
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // The spilling thread first: it may give entries back. A thread that panicked has nothing to wait for.
        self.shared.lock().spilling_ends = true;
        self.shared.crowd.notify_all();
        let _ = self.spiller.take().map(JoinHandle::join);
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on the spilling thread makes room.
    fn crowded(&self) -> usize {
        self.capacity - self.capacity / 4
    }

    /// So many entries may wait.
    fn room(&self, state: &State) -> usize {
        let makes_room = self.spill.is_some() && !state.spill_fails;
        if makes_room { self.overshoot() } else { self.capacity }
    }

    fn overshoot(&self) -> usize {
        self.capacity.saturating_mul(OVERSHOOT)
    }

    /// Moves waiting entries into files while the queue is nearly full, which happens when the ledger is slow or fails.
    fn run_spiller(&self) {
        let Some(spill) = &self.spill else { return };
        let mut failed = false;
        loop {
            let mut state = self.lock();
            if failed && !state.spilling_ends {
                let waited = self.crowd.wait_timeout(state, FIRST_PAUSE);
                state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
            }
            state.spiller_idle = true;
            let crowd = self
                .crowd
                .wait_while(state, |state| !state.spilling_ends && state.waiting.len() < self.crowded());
            let mut state = crowd.unwrap_or_else(PoisonError::into_inner);
            state.spiller_idle = false;
            if state.spilling_ends {
                return;
            }
            let share = state.waiting.len().min(MOST_AT_ONCE);
            let mut entries: Vec<Entry> = state.waiting.drain(..share).collect();
            state.in_hand = share;
            drop(state);
            failed = match spill.write(&entries) {
                Ok(()) => {
                    self.note_spilled(entries.len());
                    false
                }
                Err(error) => {
                    let mut state = self.lock();
                    // Back to where they were, as far as there is room still.
                    while state.waiting.len() < self.overshoot()
                        && let Some(entry) = entries.pop()
                    {
                        state.waiting.push_front(entry);
                    }
                    state.status.lost += count(entries.len());
                    state.spill_fails = true;
                    state.in_hand = 0;
                    drop(state);
                    self.work.notify_one();
                    self.note_failure(&error);
                    true
                }
            };
        }
    }

    fn note_spilled(&self, entries: usize) {
        let mut state = self.lock();
        state.status.spilled += count(entries);
        state.spill_fails = false;
        state.spilled = true;
        state.in_hand = 0;
        self.work.notify_one();
    }

    fn note_failure(&self, error: &Error) {
        let mut state = self.lock();
        state.status.failures += 1;
        state.status.last_failure = Some(error.to_string());
        drop(state);
        (self.tell)(Incident::Failed(error));
    }

    fn note_damage(&self, lines: u64) {
        self.lock().status.damaged += lines;
        self.note_failure(&Error::new(
            ErrorKind::Storage,
            "lines of a spill file are damaged; it is kept under its name with .damaged behind it",
        ));
    }

    fn note_written(&self, entries: usize) {
        let mut state = self.lock();
        state.status.written += count(entries);
        state.losing = false;
    }

    /// A ledger of the application may panic; the entries are then still there.
    fn write(&self, entries: &[Entry]) -> Result<()> {
        catch_unwind(AssertUnwindSafe(|| self.sink.write(entries)))
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the ledger panicked")))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("sink", &self.sink).finish_non_exhaustive()
    }
}

/// The thread that writes.
#[derive(Default)]
struct Writer {
    /// Taken from the queue and not written yet.
    batch: Vec<Entry>,
    /// Failures since something was written.
    failures: u32,
}

/// What there is to do.
struct Turn {
    /// How many waiting entries are to be written before the jobs.
    due: usize,
    jobs: Vec<Job>,
    closing: bool,
}

impl Writer {
    fn run(mut self, shared: &Shared) {
        loop {
            let turn = self.wait(shared);
            let failure = self.write_out(shared, turn.due).err();
            self.failures = if failure.is_some() { self.failures.saturating_add(1) } else { 0 };
            for job in turn.jobs {
                // Whoever asked gets no answer when the ledger panics, and notices.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&*shared.sink, failure.as_ref())));
            }
            if turn.closing {
                return self.put_away(shared);
            }
        }
    }

    fn wait(&self, shared: &Shared) -> Turn {
        let mut state = shared.lock();
        state.writer_idle = true;
        let mut state = if self.failures > 0 {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(7)).min(LONGEST_PAUSE);
            let waited =
                shared.work.wait_timeout_while(state, pause, |state| state.jobs.is_empty() && !state.closing);
            waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state)
        } else {
            let waited = shared.work.wait_while(state, |state| {
                state.waiting.is_empty() && state.jobs.is_empty() && !state.spilled && !state.closing
            });
            waited.unwrap_or_else(PoisonError::into_inner)
        };
        state.writer_idle = false;
        // Whoever asks is told of what is on its way into a file, too.
        if !state.jobs.is_empty() || state.closing {
            let settled = shared.work.wait_while(state, |state| state.in_hand > 0);
            state = settled.unwrap_or_else(PoisonError::into_inner);
        }
        Turn { due: state.waiting.len(), jobs: std::mem::take(&mut state.jobs), closing: state.closing }
    }

    /// Writes what was taken before, `due` waiting entries, and what is in spill files.
    fn write_out(&mut self, shared: &Shared, mut due: usize) -> Result<()> {
        loop {
            if self.batch.is_empty() {
                let mut state = shared.lock();
                let share = due.min(MOST_AT_ONCE).min(state.waiting.len());
                self.batch.extend(state.waiting.drain(..share));
                due -= share;
            }
            if self.batch.is_empty() {
                break;
            }
            self.noting(shared, |shared| shared.write(&self.batch))?;
            shared.note_written(self.batch.len());
            self.batch.clear();
        }
        self.noting(shared, Shared::read_spilled)
    }

    fn noting(&self, shared: &Shared, act: impl FnOnce(&Shared) -> Result<()>) -> Result<()> {
        act(shared).inspect_err(|error| shared.note_failure(error))
    }

    /// The end: what could not be written is spilled, and what cannot be spilled is lost.
    fn put_away(mut self, shared: &Shared) {
        self.batch.extend(shared.lock().waiting.drain(..));
        if self.batch.is_empty() {
            return;
        }
        let entries = self.batch.len();
        let spilled = shared.spill.as_ref().map(|spill| spill.write(&self.batch));
        match spilled {
            Some(Ok(())) => return shared.note_spilled(entries),
            Some(Err(error)) => shared.note_failure(&error),
            None => {}
        }
        shared.lock().status.lost += count(entries);
        (shared.tell)(Incident::Lost);
    }
}

impl Shared {
    /// Brings spilled entries into the ledger.
    fn read_spilled(&self) -> Result<()> {
        let Some(spill) = &self.spill else { return Ok(()) };
        if !std::mem::replace(&mut self.lock().spilled, false) {
            return Ok(());
        }
        let bring = || {
            for file in spill.files() {
                let read = spill::read(&file)?;
                for entries in read.entries.chunks(MOST_AT_ONCE) {
                    self.write(entries)?;
                }
                if read.damaged == 0 {
                    spill::remove(&file)?;
                } else {
                    spill::set_aside(&file)?;
                    self.note_damage(read.damaged);
                }
            }
            Ok(())
        };
        bring().inspect_err(|_| self.lock().spilled = true)
    }
}

fn count(entries: usize) -> u64 {
    u64::try_from(entries).unwrap_or(u64::MAX)
}

/// One transaction or append: large enough that syncing the disk does not matter, small enough to be over soon.
const MOST_AT_ONCE: usize = 4_096;

/// How far a burst may exceed the capacity of the queue while entries are spilled.
const OVERSHOOT: usize = 4;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
