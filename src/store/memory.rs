//! State in this process only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::Store;
use super::answer::Answer;
use super::books::{Books, micros};
use super::meter::{Claim, Level, Verdict};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// A bounded [`Store`] in memory: lost with the process, never larger than its capacity.
///
/// When full of values, what has run out goes first, then what runs out soonest; a write is refused only when every entry
/// has no end. Meters are never forgotten before their time: when there are as many as the capacity, further ones are
/// refused.
#[derive(Debug)]
pub struct MemoryStore {
    entries: Mutex<HashMap<Box<str>, Entry>>,
    books: Mutex<Books>,
    capacity: usize,
    clock: Arc<dyn Clock>,
    /// The beginning of the time that meters know; it does not jump with the calendar.
    start: Instant,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Bytes,
    until: Option<Instant>,
}

impl MemoryStore {
    /// At most `capacity` entries and as many meters, timed by `clock`.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let capacity = capacity.max(1);
        Self {
            entries: Mutex::new(HashMap::new()),
            books: Mutex::new(Books::new(capacity)),
            capacity,
            start: clock.now(),
            clock,
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // As for the entries: nothing panics while it is held.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> i64 {
        micros(self.clock.now().saturating_duration_since(self.start))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        // No code can panic while it holds the lock; if it did, the map itself would still be whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, ttl: Option<Duration>) -> Option<Instant> {
        // A time to live beyond the range of the clock is for good.
        ttl.and_then(|ttl| self.clock.now().checked_add(ttl))
    }

    fn write(&self, entries: &mut HashMap<Box<str>, Entry>, key: &str, entry: Entry) -> Result<()> {
        check_size(key, &entry.value)?;
        if entries.len() >= self.capacity && !entries.contains_key(key) {
            let now = self.clock.now();
            entries.retain(|_, entry| !entry.has_run_out(now));
            if entries.len() >= self.capacity {
                let soonest = entries
                    .iter()
                    .filter_map(|(key, entry)| Some((entry.until?, key)))
                    .min_by_key(|(until, _)| *until)
                    .map(|(_, key)| key.clone());
                let Some(soonest) = soonest else {
                    return Err(Error::new(
                        ErrorKind::InvalidRequest,
                        "the memory store is full; raise its capacity",
                    ));
                };
                entries.remove(&soonest);
            }
        }
        entries.insert(key.into(), entry);
        Ok(())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let now = self.clock.now();
        Ok(live(&self.lock(), key, now).map(|entry| entry.value.clone()))
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let until = self.until(ttl);
        self.write(&mut self.lock(), key, Entry { value, until })
    }

    async fn add(&self, key: &str, amount: i64, ttl: Option<Duration>) -> Result<i64> {
        let now = self.clock.now();
        let fresh = self.until(ttl);
        let mut entries = self.lock();
        let (old, until) = match live(&entries, key, now) {
            Some(entry) => (read_number(&entry.value)?, entry.until),
            None => (0, fresh),
        };
        let sum = old
            .checked_add(amount)
            .ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "the counter would overflow"))?;
        self.write(&mut entries, key, Entry { value: sum.to_string().into(), until })?;
        Ok(sum)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        let now = self.clock.now();
        let until = self.until(ttl);
        let mut entries = self.lock();
        if live(&entries, key, now).map(|entry| &*entry.value) != expected {
            return Ok(false);
        }
        self.write(&mut entries, key, Entry { value, until })?;
        Ok(true)
    }

    async fn remove(&self, key: &str) -> Result<()> {
        self.lock().remove(key);
        Ok(())
    }

    fn reserve<'a>(&'a self, id: u128, lease: Duration, claims: &'a [Claim]) -> Answer<'a, Verdict> {
        let now = self.elapsed();
        Answer::now(self.books().reserve(id, micros(lease), claims, now))
    }

    fn settle<'a>(&'a self, id: u128, used: &'a [Claim]) -> Answer<'a, Vec<Level>> {
        let now = self.elapsed();
        Answer::now(self.books().settle(id, used, now))
    }
}

impl Entry {
    fn has_run_out(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

fn live<'a>(entries: &'a HashMap<Box<str>, Entry>, key: &str, now: Instant) -> Option<&'a Entry> {
    entries.get(key).filter(|entry| !entry.has_run_out(now))
}

fn read_number(value: &Bytes) -> Result<i64> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::new(ErrorKind::InvalidRequest, "the value under this key is no number"))
}

pub(super) fn check_size(key: &str, value: &[u8]) -> Result<()> {
    if key.len() > 512 || value.len() > 1 << 20 {
        return Err(Error::new(
            ErrorKind::InvalidRequest,
            "a key holds at most 512 bytes, a value at most 1 MiB",
        ));
    }
    Ok(())
}
