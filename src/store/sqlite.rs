//! State in a file: an SQLite database in write-ahead mode, written by one thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::oneshot;

use super::Store;
use super::answer::Answer;
use super::books::micros;
use super::memory::check_size;
use super::meter::{Claim, Level, Verdict};
use super::tables::{Failure, Outcome, Tables, explain};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// A [`Store`] in an SQLite database: it survives the process, and several processes on one machine may share it.
///
/// What was acknowledged survives a kill at any instant, and with [`Durability::Power`] a power cut. Operations that come
/// at the same time are written as one transaction, by one thread; each is still all or nothing. Times are those of the
/// calendar, so that they mean something after a restart; should it go back, what was to lapse lapses later.
#[derive(Debug)]
pub struct SqliteStore {
    queue: Option<Sender<Box<dyn Work>>>,
    writer: Option<JoinHandle<()>>,
    waiting: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
}

/// What a write survives once it is acknowledged.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however sudden. Quick: the file is synced to the disk now and then.
    #[default]
    Process,
    /// A power cut too: every transaction is synced.
    Power,
}

/// How an [`SqliteStore`] keeps its file.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SqliteOptions {
    /// What a write survives.
    pub durability: Durability,
    /// How large the file may grow, in bytes; `None` is as large as the disk. What does not fit is refused.
    pub most_bytes: Option<u64>,
}

impl SqliteOptions {
    /// As usual: survives the process, as large as the disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a write survives.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how large the file may grow, in bytes.
    pub fn most_bytes(mut self, bytes: u64) -> Self {
        self.most_bytes = Some(bytes);
        self
    }
}

impl SqliteStore {
    /// Opens the database at `path`, or makes it, readable by its owner only where the system knows owners. Its tables
    /// begin with `polyroute_`; the file may hold others. Times are those of `clock`.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when the file cannot be opened for writing, is no database, or is damaged.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::open_with(path, SqliteOptions::new(), clock)
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let tables = Tables::open(path.as_ref(), options)?;
        let (queue, jobs) = channel();
        let writer = std::thread::Builder::new()
            .name("polyroute-store".to_owned())
            .spawn(move || write(tables, &jobs))
            .map_err(|error| {
                Error::new(ErrorKind::Storage, "no thread can be started for the database").with_source(error)
            })?;
        Ok(Self { queue: Some(queue), writer: Some(writer), waiting: Arc::default(), clock })
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tables, i64) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        let now = self.now()?;
        if self.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
            return Err(Error::new(
                ErrorKind::StoreUnavailable,
                "the database is too slow for what is asked of it; its queue is full",
            )
            .not_sent());
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let waiting = Arc::clone(&self.waiting);
        let job = Job { now, work: Some(work), outcome: None, answer, waiting };
        let gone = || Error::new(ErrorKind::Internal, "the thread that writes the database has ended");
        let Some(queue) = &self.queue else { return Err(gone()) };
        queue.send(Box::new(job)).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    fn now(&self) -> Result<i64> {
        let since = self.clock.wall().duration_since(UNIX_EPOCH);
        since.ok().and_then(|since| i64::try_from(since.as_micros()).ok()).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "the clock shows a time before 1970; set it right")
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let key = key.to_owned();
        self.ask(move |tables, now| tables.get(&key, now)).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        check_size(key, &value)?;
        let key = key.to_owned();
        self.ask(move |tables, now| tables.put(&key, &value, until(ttl, now))).await
    }

    async fn add(&self, key: &str, amount: i64, ttl: Option<Duration>) -> Result<i64> {
        check_size(key, &[])?;
        let key = key.to_owned();
        self.ask(move |tables, now| tables.add(&key, amount, until(ttl, now), now)).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        check_size(key, &value)?;
        let (key, expected) = (key.to_owned(), expected.map(<[u8]>::to_vec));
        self.ask(move |tables, now| {
            if tables.get(&key, now)?.as_deref() != expected.as_deref() {
                return Ok(false);
            }
            tables.put(&key, &value, until(ttl, now)).map(|()| true)
        })
        .await
    }

    async fn remove(&self, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.ask(move |tables, _| tables.remove(&key)).await
    }

    fn reserve<'a>(&'a self, id: u128, lease: Duration, claims: &'a [Claim]) -> Answer<'a, Verdict> {
        Answer::later(async move {
            let (lease, claims) = (micros(lease), claims.to_vec());
            self.ask(move |tables, now| tables.reserve(id, now.saturating_add(lease), &claims, now)).await
        })
    }

    fn settle<'a>(&'a self, id: u128, used: &'a [Claim]) -> Answer<'a, Vec<Level>> {
        Answer::later(async move {
            let used = used.to_vec();
            self.ask(move |tables, now| tables.settle(id, &used, now)).await
        })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The thread writes what it has been given, and ends.
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

/// One operation on its way through the thread.
trait Work: Send {
    /// Does it within the transaction that is open.
    fn run(&mut self, tables: &Tables) -> std::result::Result<(), rusqlite::Error>;

    /// Says how it ended, or that the transaction failed.
    fn answer(self: Box<Self>, failed: Option<&rusqlite::Error>);
}

struct Job<F, T> {
    now: i64,
    work: Option<F>,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
    waiting: Arc<AtomicUsize>,
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce(&Tables, i64) -> Outcome<T> + Send,
    T: Send,
{
    fn run(&mut self, tables: &Tables) -> std::result::Result<(), rusqlite::Error> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.outcome = Some(match work(tables, self.now) {
            Ok(value) => Ok(value),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Database(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<&rusqlite::Error>) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let outcome = match (failed, self.outcome) {
            (None, Some(outcome)) => outcome,
            (Some(error), _) => Err(explain(error)),
            (None, None) => Err(Error::new(ErrorKind::Internal, "an operation of the database was left out")),
        };
        // Whoever asked may be gone; it is done all the same.
        drop(self.answer.send(outcome));
    }
}

/// The thread: takes what has come, writes it as one transaction, answers.
fn write(mut tables: Tables, jobs: &Receiver<Box<dyn Work>>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(MOST_AT_ONCE - 1));
        let written = tables.transaction(|tables| batch.iter_mut().try_for_each(|job| job.run(tables)));
        let failed = written.err();
        for job in batch {
            job.answer(failed.as_ref());
        }
    }
}

fn until(ttl: Option<Duration>, now: i64) -> Option<i64> {
    // A time to live beyond the range of the clock is for good.
    ttl.and_then(|ttl| now.checked_add(i64::try_from(ttl.as_micros()).ok()?))
}

/// Operations in one transaction.
const MOST_AT_ONCE: usize = 256;

/// Operations that wait for the thread.
const MOST_WAITING: usize = 100_000;
