//! The tables of the SQLite store and what is done to them, within a transaction.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use super::books::micros;
use super::database::{self, Unopened};
use super::meter::{Claim, Level, Meter, Refusal, Verdict};
use super::sqlite::{Durability, SqliteOptions};
use super::state::State;
use crate::error::{Error, ErrorKind, Result};

/// An open database.
#[derive(Debug)]
pub(super) struct Tables {
    connection: Connection,
    /// Old rows are swept out now and then.
    operations: Cell<u32>,
}

/// Why an operation did not come to an end.
#[derive(Debug)]
pub(super) enum Failure {
    /// It cannot be done; nothing has been changed.
    Refused(Error),
    /// The database failed; the transaction is void.
    Database(rusqlite::Error),
}

pub(super) type Outcome<T> = std::result::Result<T, Failure>;

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Tables {
    pub(super) fn open(path: &Path, options: SqliteOptions) -> Result<Self> {
        let connection =
            database::open(path, |connection| prepare(connection, options)).map_err(|error| match error {
                Unopened::File(error) => {
                    Error::new(ErrorKind::Storage, "the store's database cannot be opened for writing")
                        .with_source(error)
                }
                Unopened::Database(error) => explain(&error),
            })?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, operations: Cell::new(0) })
    }

    /// Does `work` in one transaction, or nothing of it.
    pub(super) fn transaction(
        &mut self,
        work: impl FnOnce(&Self) -> std::result::Result<(), rusqlite::Error>,
    ) -> std::result::Result<(), rusqlite::Error> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|()| self.connection.execute_batch("COMMIT"));
        if done.is_err() && !self.connection.is_autocommit() {
            // The first error says what is wrong.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        done
    }

    pub(super) fn get(&self, key: &str, now: i64) -> Outcome<Option<Bytes>> {
        let mut select = self.connection.prepare_cached(
            "SELECT value FROM polyroute_values WHERE key = ?1 AND (until IS NULL OR until > ?2)",
        )?;
        let value: Option<Vec<u8>> = select.query_row(params![key, now], |row| row.get(0)).optional()?;
        Ok(value.map(Bytes::from))
    }

    pub(super) fn put(&self, key: &str, value: &[u8], until: Option<i64>) -> Outcome<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO polyroute_values (key, value, until) VALUES (?1, ?2, ?3)",
        )?;
        insert.execute(params![key, value, until])?;
        Ok(())
    }

    pub(super) fn add(&self, key: &str, amount: i64, until: Option<i64>, now: i64) -> Outcome<i64> {
        let refuse = |message| Failure::Refused(Error::new(ErrorKind::InvalidRequest, message));
        let mut select = self.connection.prepare_cached(
            "SELECT value, until FROM polyroute_values WHERE key = ?1 AND (until IS NULL OR until > ?2)",
        )?;
        let old: Option<(Vec<u8>, Option<i64>)> =
            select.query_row(params![key, now], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (old, until) = match old {
            Some((value, until)) => {
                let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse::<i64>().ok());
                (number.ok_or_else(|| refuse("the value under this key is no number"))?, until)
            }
            None => (0, until),
        };
        let sum = old.checked_add(amount).ok_or_else(|| refuse("the counter would overflow"))?;
        self.put(key, sum.to_string().as_bytes(), until)?;
        Ok(sum)
    }

    pub(super) fn remove(&self, key: &str) -> Outcome<()> {
        self.connection.prepare_cached("DELETE FROM polyroute_values WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    pub(super) fn reserve(&self, id: u128, until: i64, claims: &[Claim], now: i64) -> Outcome<Verdict> {
        self.lapse(now)?;
        self.sweep(now)?;
        let mut states = Vec::with_capacity(claims.len());
        let mut refusals = Vec::new();
        for (place, claim) in claims.iter().enumerate() {
            let rule = claim.meter.rule();
            let mut state = self.state(&claim.meter, now)?;
            state.mend(rule, now);
            if let Err(cure) = state.check(rule, claim.amount, now) {
                refusals.push(Refusal::new(place, state.level(rule, now), cure));
            }
            states.push(state);
        }
        if !refusals.is_empty() {
            return Ok(Verdict::Refused(refusals));
        }
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO polyroute_holds (id, meter, amount, mark, until) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        let mut levels = Vec::with_capacity(claims.len());
        for (claim, state) in claims.iter().zip(&mut states) {
            let rule = claim.meter.rule();
            let mark = state.hold(rule, claim.amount, now);
            self.save(&claim.meter, state, now)?;
            let amount = claim.amount.to_string();
            insert.execute(params![id.to_be_bytes(), claim.meter.key(), amount, mark, until])?;
            levels.push(state.level(rule, now));
        }
        Ok(Verdict::Held(levels))
    }

    pub(super) fn settle(&self, id: u128, used: &[Claim], now: i64) -> Outcome<Vec<Level>> {
        self.lapse(now)?;
        let mut remember = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO polyroute_settled (id, at) VALUES (?1, ?2)")?;
        let first = remember.execute(params![id.to_be_bytes(), now])? == 1;
        let mut take = self.connection.prepare_cached(
            "DELETE FROM polyroute_holds WHERE id = ?1 AND meter = ?2 RETURNING amount, mark",
        )?;
        let mut levels = Vec::with_capacity(used.len());
        for claim in used {
            let rule = claim.meter.rule();
            let mut state = self.state(&claim.meter, now)?;
            if first {
                let hold: Option<(String, i64)> = take
                    .query_row(params![id.to_be_bytes(), claim.meter.key()], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()?;
                let hold = match hold {
                    Some((amount, mark)) => Some((number(&amount)?, mark)),
                    None => None,
                };
                state.settle(rule, hold, claim.amount, now);
                self.save(&claim.meter, &state, now)?;
            }
            levels.push(state.level(rule, now));
        }
        Ok(levels)
    }

    /// Releases what nobody came back for.
    fn lapse(&self, now: i64) -> Outcome<()> {
        let mut select = self
            .connection
            .prepare_cached("SELECT id, meter, amount FROM polyroute_holds WHERE until <= ?1")?;
        let lapsed = select
            .query_map([now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<std::result::Result<Vec<(Vec<u8>, String, String)>, _>>()?;
        for (id, meter, amount) in lapsed {
            self.connection
                .prepare_cached("DELETE FROM polyroute_holds WHERE id = ?1 AND meter = ?2")?
                .execute(params![id, meter])?;
            let text: Option<String> = self
                .connection
                .prepare_cached("SELECT state FROM polyroute_meters WHERE key = ?1")?
                .query_row([&meter], |row| row.get(0))
                .optional()?;
            if let Some(text) = text {
                let mut state = read(&text).ok_or_else(damaged)?;
                state.lapse(number(&amount)?);
                self.connection
                    .prepare_cached("UPDATE polyroute_meters SET state = ?2 WHERE key = ?1")?
                    .execute(params![meter, written(&state)])?;
            }
        }
        Ok(())
    }

    /// Forgets what has run out, now and then.
    fn sweep(&self, now: i64) -> Outcome<()> {
        let operations = self.operations.get().wrapping_add(1);
        self.operations.set(operations);
        if !operations.is_multiple_of(SWEEP_EVERY) {
            return Ok(());
        }
        let hour_ago = now.saturating_sub(micros(SETTLED_FOR));
        self.connection.execute("DELETE FROM polyroute_settled WHERE at < ?1", [hour_ago])?;
        self.connection.execute("DELETE FROM polyroute_values WHERE until <= ?1", [now])?;
        self.connection.execute(
            "DELETE FROM polyroute_meters WHERE until <= ?1
             AND NOT EXISTS (SELECT 1 FROM polyroute_holds WHERE meter = polyroute_meters.key)",
            [now],
        )?;
        Ok(())
    }

    fn state(&self, meter: &Meter, now: i64) -> Outcome<State> {
        let mut select = self.connection.prepare_cached(
            "SELECT state FROM polyroute_meters WHERE key = ?1 AND (until IS NULL OR until > ?2)",
        )?;
        let text: Option<String> =
            select.query_row(params![meter.key(), now], |row| row.get(0)).optional()?;
        let Some(text) = text else { return Ok(State::new(meter.rule())) };
        let state = read(&text).ok_or_else(damaged)?;
        Ok(if state.suits(meter.rule()) { state } else { State::new(meter.rule()) })
    }

    fn save(&self, meter: &Meter, state: &State, now: i64) -> Outcome<()> {
        let until = meter.keep().map(|keep| now.saturating_add(micros(keep)));
        let mut insert = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO polyroute_meters (key, state, until) VALUES (?1, ?2, ?3)",
        )?;
        insert.execute(params![meter.key(), written(state), until])?;
        Ok(())
    }
}

/// A state as a line of text.
fn written(state: &State) -> String {
    match state {
        State::Total { used, held } => format!("total {used} {held}"),
        State::Rolling { parts, held } => {
            parts.iter().fold(format!("rolling {held}"), |mut text, (part, used)| {
                // A string takes everything.
                let _ = write!(text, " {part}:{used}");
                text
            })
        }
        State::Bucket { full_at, returned } => format!("bucket {full_at} {returned}"),
    }
}

fn read(text: &str) -> Option<State> {
    let mut words = text.split(' ');
    let state = match words.next()? {
        "total" => State::Total { used: words.next()?.parse().ok()?, held: words.next()?.parse().ok()? },
        "rolling" => {
            let held = words.next()?.parse().ok()?;
            let mut parts = VecDeque::new();
            for word in words.by_ref() {
                let (part, used) = word.split_once(':')?;
                parts.push_back((part.parse().ok()?, used.parse().ok()?));
            }
            State::Rolling { parts, held }
        }
        "bucket" => {
            State::Bucket { full_at: words.next()?.parse().ok()?, returned: words.next()?.parse().ok()? }
        }
        _ => return None,
    };
    words.next().is_none().then_some(state)
}

fn number(text: &str) -> Outcome<u128> {
    text.parse().map_err(|_| damaged())
}

fn damaged() -> Failure {
    Failure::Refused(Error::new(ErrorKind::Storage, DAMAGED))
}

/// What SQLite says, as what to do about it.
fn prepare(connection: &Connection, options: SqliteOptions) -> rusqlite::Result<()> {
    let synchronous = match options.durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    if let Some(bytes) = options.most_bytes {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
        connection.pragma_update(None, "max_page_count", pages.max(1))?;
    }
    connection.execute_batch(SCHEMA)
}

pub(super) fn explain(error: &rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            ErrorKind::Storage,
            "the disk of the store's database is full, or its file as large as SqliteOptions::most_bytes allows",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (ErrorKind::Storage, "the store's database cannot be written; is its file or folder read-only?")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (ErrorKind::Storage, DAMAGED),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::StoreUnavailable, "another process keeps the store's database locked")
        }
        _ => (ErrorKind::Storage, "the store's database cannot be read or written"),
    };
    // The error itself goes to several who asked at the same time; its text goes to each.
    Error::new(kind, message).with_source(error.to_string())
}

const DAMAGED: &str =
    "the store's database is damaged or no database; restore it from a backup or give the store another file";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS polyroute_values (
        key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, until INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS polyroute_meters (
        key TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, until INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS polyroute_holds (
        id BLOB NOT NULL, meter TEXT NOT NULL, amount TEXT NOT NULL, mark INTEGER NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY (id, meter)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS polyroute_holds_until ON polyroute_holds (until);
    CREATE INDEX IF NOT EXISTS polyroute_holds_meter ON polyroute_holds (meter);
    CREATE TABLE IF NOT EXISTS polyroute_settled (id BLOB PRIMARY KEY NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS polyroute_settled_at ON polyroute_settled (at);
";

/// How long a settlement is remembered, so that it counts once.
const SETTLED_FOR: Duration = Duration::from_secs(2 * 3_600);

const SWEEP_EVERY: u32 = 1_000;
