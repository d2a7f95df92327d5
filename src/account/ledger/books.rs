//! The ledgers of one client: recording, and asking.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;

use super::csv::Table;
use super::{Entry, EntryId, GroupBy, Lane, Ledger, Query, Tell, Totals};
use crate::error::{Error, ErrorKind, Result};

/// What a client has recorded: flush, sums, entries, export. Cloning copies a pointer.
///
/// Every question is answered by the ledger's own thread after everything recorded before the question was written, so a
/// sum holds every call that had ended. Several ledgers: the first that can be read answers. Dropping the future of a
/// question leaves the ledgers as they are. Dropping the last handle, or the client where there is none, writes what is
/// left and waits for that.
#[derive(Clone)]
pub struct Books {
    shared: Arc<Shared>,
}

struct Shared {
    run: u64,
    next: AtomicU64,
    lanes: Vec<Lane>,
}

/// How one ledger is doing.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerStatus {
    /// Entries that were made.
    pub recorded: u64,
    /// Entries the ledger has acknowledged, except those that had been spilled before.
    pub written: u64,
    /// Entries that wait in memory.
    pub waiting: u64,
    /// Entries that were put into spill files because the ledger was slow or failed. They are written later, by this
    /// process or the next.
    pub spilled: u64,
    /// Entries that found neither room in the queue nor a place to spill.
    pub lost: u64,
    /// Lines of spill files, of this process or one before, that are no entries. The files are kept with `.damaged` behind
    /// their names.
    pub damaged: u64,
    /// How often writing or spilling failed.
    pub failures: u64,
    /// What the last failure was.
    pub last_failure: Option<String>,
}

impl Books {
    /// Opens the way to `ledgers`, `capacity` entries each.
    pub(crate) fn open(ledgers: Vec<Box<dyn Ledger>>, capacity: usize, tell: &Tell) -> Result<Self> {
        let lanes = ledgers
            .into_iter()
            .map(|ledger| Lane::open(ledger, capacity, Arc::clone(tell)))
            .collect::<Result<_>>()?;
        // Not from the client's seed: a program with a fixed seed must not name its entries as it did yesterday.
        let run = RandomState::new().hash_one(0);
        Ok(Self { shared: Arc::new(Shared { run, next: AtomicU64::new(1), lanes }) })
    }

    /// The name of the next entry.
    pub(crate) fn next_id(&self) -> EntryId {
        EntryId::new(self.shared.run, self.shared.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Records `entry` in every ledger. Never waits for a disk.
    pub(crate) fn record(&self, entry: Entry) {
        if let Some((last, others)) = self.shared.lanes.split_last() {
            for lane in others {
                lane.record(entry.clone());
            }
            last.record(entry);
        }
    }

    /// Waits until everything recorded until now is written in every ledger.
    ///
    /// # Errors
    /// What a ledger could not be written for, such as [`ErrorKind::Storage`]; the entries are kept and written later.
    /// [`ErrorKind::Storage`] also, once, after entries were [lost](LedgerStatus::lost) or found
    /// [damaged](LedgerStatus::damaged).
    pub async fn flush(&self) -> Result<()> {
        let asked: Vec<_> =
            self.shared.lanes.iter().map(|lane| ask(lane, |_, failure| repeat(failure))).collect();
        for answer in asked {
            answer.await.map_err(|_| stopped())??;
        }
        match self.shared.lanes.iter().map(Lane::lost_since).sum() {
            0_u64 => Ok(()),
            lost => Err(Error::new(
                ErrorKind::Storage,
                format!(
                    "{lost} entries were lost: the queue was full, or a spill file is damaged; see LedgerStatus"
                ),
            )),
        }
    }

    /// Sums over every entry that matches.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when no ledger can be read; as [`flush`](Self::flush), because a sum would miss
    /// entries; [`ErrorKind::Storage`] when what is there cannot be read.
    pub async fn totals(&self, query: &Query) -> Result<Totals> {
        let query = query.clone();
        self.first_answer(move |ledger| ledger.totals(&query)).await
    }

    /// Sums for each group of the entries that match, by the group's name.
    ///
    /// # Errors
    /// As [`totals`](Self::totals).
    pub async fn totals_by(&self, group: GroupBy, query: &Query) -> Result<BTreeMap<String, Totals>> {
        let query = query.clone();
        self.first_answer(move |ledger| {
            let mut groups: BTreeMap<String, Totals> = BTreeMap::new();
            ledger.read(&query, &mut |entry| groups.entry(group.key(&entry)).or_default().add(&entry))?;
            Ok(groups)
        })
        .await
    }

    /// Every entry that matches, oldest first.
    ///
    /// # Errors
    /// As [`totals`](Self::totals).
    pub async fn entries(&self, query: &Query) -> Result<Vec<Entry>> {
        let query = query.clone();
        let collect = move |ledger: &dyn Ledger| {
            let mut entries = Vec::new();
            ledger.read(&query, &mut |entry| entries.push(entry))?;
            entries.sort_by_key(|entry| (entry.at, entry.id));
            Ok(entries)
        };
        self.first_answer(collect).await
    }

    /// Writes every entry that matches to `out` as comma-separated values, as [`write_csv`](super::write_csv) says;
    /// returns `out`. It is written by the ledger's thread.
    ///
    /// # Errors
    /// As [`totals`](Self::totals); [`ErrorKind::Storage`] when `out` fails.
    pub async fn export_csv<W: Write + Send + 'static>(&self, query: &Query, out: W) -> Result<W> {
        let (query, out) = (query.clone(), Mutex::new(Some(out)));
        let export = move |ledger: &dyn Ledger| {
            let mut place = out.lock().unwrap_or_else(PoisonError::into_inner);
            let given =
                place.take().ok_or_else(|| Error::new(ErrorKind::Internal, "the table is written once"))?;
            let mut table = Table::new(given);
            let mut outcome = Ok(());
            let read = ledger.read(&query, &mut |entry| {
                if outcome.is_ok() {
                    outcome = table.put(&entry);
                }
            });
            if let Err(error) = read {
                // For the next ledger, if this one cannot be read at all.
                *place = Some(table.into_out());
                return Err(error);
            }
            outcome.and_then(|()| table.finish())
        };
        self.first_answer(export).await
    }

    /// How each ledger is doing, in the order they were added.
    pub fn status(&self) -> Vec<LedgerStatus> {
        self.shared.lanes.iter().map(Lane::status).collect()
    }

    /// The answer of the first ledger that can be read.
    async fn first_answer<T: Send + 'static>(
        &self,
        question: impl Fn(&dyn Ledger) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let question = Arc::new(question);
        let mut unsupported =
            Error::new(ErrorKind::Unsupported, "the client has no ledger; add one with .ledger(..)");
        for lane in &self.shared.lanes {
            let question = Arc::clone(&question);
            let answer = ask(lane, move |ledger, failure| {
                repeat(failure)?;
                question(ledger)
            });
            match answer.await.map_err(|_| stopped())? {
                Err(error) if error.kind() == ErrorKind::Unsupported => unsupported = error,
                answer => return answer,
            }
        }
        Err(unsupported)
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Books").field("lanes", &self.shared.lanes).finish_non_exhaustive()
    }
}

fn ask<T: Send + 'static>(
    lane: &Lane,
    question: impl FnOnce(&dyn Ledger, Option<&Error>) -> Result<T> + Send + 'static,
) -> oneshot::Receiver<Result<T>> {
    let (send, receive) = oneshot::channel();
    lane.run(Box::new(move |ledger, failure| {
        // Nobody may be waiting any more.
        let _ = send.send(question(ledger, failure));
    }));
    receive
}

/// The same error for one more asker.
fn repeat(failure: Option<&Error>) -> Result<()> {
    match failure {
        Some(error) => Err(Error::new(error.kind(), error.message().to_owned())),
        None => Ok(()),
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Internal, "the ledger panicked while it was asked")
}
