//! Where spend is recorded: one entry for each attempt and each call, written exactly once.
//!
//! A client with a ledger puts entries into a bounded queue, which takes less than a microsecond, and a thread of its own
//! writes them. What the sink could not take yet is spilled to files beside it, where it has such a place, and what can
//! neither be written nor spilled is counted. [`Books`] asks and waits: [`Books::flush`] returns when everything recorded
//! before it is durable.

mod books;
mod csv;
mod entry;
mod jsonl;
mod lane;
mod memory;
mod query;
mod spill;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::path::PathBuf;

pub use books::{Books, LedgerStatus};
pub use csv::write_csv;
pub use entry::{Entry, EntryId, EntryKind, Flag};
pub use jsonl::JsonLinesLedger;
use lane::Lane;
pub(crate) use lane::{Incident, Tell};
pub use memory::MemoryLedger;
pub use query::{GroupBy, Query, Totals};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLedger;

use crate::error::{Error, ErrorKind, Result};

/// A place for entries. Called by one thread that does nothing else, so it may block.
///
/// ```
/// use polyroute::account::{Entry, Ledger};
/// use polyroute::Result;
///
/// /// Counts and forgets.
/// #[derive(Debug, Default)]
/// struct Counter(std::sync::atomic::AtomicUsize);
///
/// impl Ledger for Counter {
///     fn write(&self, entries: &[Entry]) -> Result<()> {
///         self.0.fetch_add(entries.len(), std::sync::atomic::Ordering::Relaxed);
///         Ok(())
///     }
/// }
/// ```
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Writes entries, all or none. When it returns they are as durable as this place can make them; after an error the
    /// same entries come again. An entry whose [`id`](Entry::id) is there already must not be added a second time.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] or whatever fits; the entries are kept and written again later.
    fn write(&self, entries: &[Entry]) -> Result<()>;

    /// Shows every entry that matches to `each`, in no particular order, each once.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented; [`ErrorKind::Storage`] when what is there cannot be read.
    fn read(&self, query: &Query, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let _ = (query, each);
        Err(Error::new(ErrorKind::Unsupported, "this ledger cannot be read"))
    }

    /// Sums over every entry that matches. By default over [`read`](Self::read).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn totals(&self, query: &Query) -> Result<Totals> {
        let mut totals = Totals::default();
        self.read(query, &mut |entry| totals.add(&entry))?;
        Ok(totals)
    }

    /// What the names of spill files begin with; `None`, the default, for places where nothing is spilled.
    fn spill(&self) -> Option<PathBuf> {
        None
    }
}

const _: fn(Box<dyn Ledger>) = |_object_safe| ();

/// An error of the file system.
fn storage(what: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, what).with_source(error)
}
