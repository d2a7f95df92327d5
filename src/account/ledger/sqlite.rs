//! Entries in an SQLite database; the only file of this room that names `rusqlite`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, params};

use super::entry::millis;
use super::{Entry, EntryId, Ledger, Query, storage};
use crate::error::{Error, ErrorKind, Result};
use crate::store::database::{self, Unopened};

/// A database file; several processes may write one. Readable by its owner only where the system knows owners.
///
/// Each batch is one transaction of a write-ahead log and synced to the disk before it counts as written. The table
/// `ledger_entries` may be read by others: `at_ms`, `kind`, `vendor`, `family`, and in `entry` all of it as JSON.
#[derive(Debug)]
pub struct SqliteLedger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteLedger {
    /// Opens the file or makes it. It may hold other tables.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be opened for writing, is damaged, or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let opened = database::open(&path, |connection| connection.execute_batch(SCHEMA));
        let connection = opened.map_err(|error| match error {
            Unopened::File(error) => storage("the ledger's database cannot be opened for writing", error),
            Unopened::Database(error) => explain(error),
        })?;
        Ok(Self { path, connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in the middle of a transaction rolls it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for SqliteLedger {
    fn write(&self, entries: &[Entry]) -> Result<()> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(explain)?;
        {
            let mut insert = transaction.prepare(INSERT).map_err(explain)?;
            let mut json = Vec::new();
            for entry in entries {
                json.clear();
                serde_json::to_writer(&mut json, entry)
                    .map_err(|_| Error::new(ErrorKind::Internal, "an entry cannot be written as JSON"))?;
                let text = std::str::from_utf8(&json)
                    .map_err(|_| Error::new(ErrorKind::Internal, "JSON is UTF-8"))?;
                let EntryId { run, number } = entry.id;
                let (kind, vendor) = (entry.kind.as_str(), entry.provider());
                let at = i64::try_from(millis(entry.at)).unwrap_or(i64::MAX);
                insert
                    .execute(params![
                        run.cast_signed(),
                        number.cast_signed(),
                        at,
                        kind,
                        vendor,
                        entry.family,
                        text
                    ])
                    .map_err(explain)?;
            }
        }
        transaction.commit().map_err(explain)
    }

    fn read(&self, query: &Query, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let bound = |moment: Option<_>, open: i64| {
            moment.map_or(open, |moment| i64::try_from(millis(moment)).unwrap_or(i64::MAX))
        };
        let connection = self.lock();
        let mut select = connection.prepare(SELECT).map_err(explain)?;
        // The database narrows by what it has an index or a column for; the rest is looked at here. A moment between two
        // milliseconds is decided here as well.
        let only = |values: &[String]| match values {
            [one] => Some(one.clone()),
            _ => None,
        };
        let mut rows = select
            .query(params![
                bound(query.since, i64::MIN),
                bound(query.until, i64::MAX),
                query.kind.map(super::EntryKind::as_str),
                only(&query.providers),
                only(&query.families),
            ])
            .map_err(explain)?;
        while let Some(row) = rows.next().map_err(explain)? {
            let text = row.get_ref(0).map_err(explain)?;
            let entry: Entry =
                text.as_str().ok().and_then(|text| serde_json::from_str(text).ok()).ok_or_else(damaged)?;
            if query.matches(&entry) {
                each(entry);
            }
        }
        Ok(())
    }

    fn spill(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}

/// What SQLite says, as what to do about it.
fn explain(error: rusqlite::Error) -> Error {
    let message = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk of the ledger's database is full",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "the ledger's database is read-only",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => return damaged().with_source(error),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process keeps the ledger's database locked"
        }
        _ => "the ledger's database cannot be read or written",
    };
    Error::new(ErrorKind::Storage, message).with_source(error)
}

fn damaged() -> Error {
    Error::new(
        ErrorKind::Storage,
        "the ledger's database is damaged or no database; restore it from a backup or give the ledger another file",
    )
}

const SCHEMA: &str = "
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS ledger_entries (
        run INTEGER NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
        vendor TEXT NOT NULL, family TEXT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (run, number)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ledger_entries_at ON ledger_entries (at_ms);
";

const INSERT: &str = "INSERT OR IGNORE INTO ledger_entries (run, number, at_ms, kind, vendor, family, entry)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const SELECT: &str = "SELECT entry FROM ledger_entries WHERE at_ms >= ?1 AND at_ms <= ?2
    AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR vendor = ?4) AND (?5 IS NULL OR family = ?5)";
