//! Entries in this process only.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Entry, EntryId, Ledger, Query, Totals};
use crate::error::Result;

/// The last entries in memory; older ones are kept as sums only.
///
/// A sum over everything never shrinks. A sum with conditions covers the entries still held and says in
/// [`Totals::forgotten`] how many are not. An entry that comes again, as those of a batch do whose results are fetched
/// again, is known by its id while it is held and for 65,536 entries after that.
#[derive(Debug)]
pub struct MemoryLedger {
    held: Mutex<Held>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Held {
    entries: VecDeque<Entry>,
    ids: HashSet<EntryId>,
    older: Totals,
    forgotten: u64,
    /// Entries that are kept as sums only and are not to be added again, oldest first.
    gone: VecDeque<EntryId>,
}

impl MemoryLedger {
    /// At most `capacity` entries, about half a kilobyte each; at least one.
    pub fn new(capacity: usize) -> Self {
        Self { held: Mutex::default(), capacity: capacity.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn write(&self, entries: &[Entry]) -> Result<()> {
        let mut held = self.lock();
        for entry in entries {
            if !held.ids.insert(entry.id) {
                continue;
            }
            if held.entries.len() >= self.capacity
                && let Some(oldest) = held.entries.pop_front()
            {
                held.gone.push_back(oldest.id);
                if held.gone.len() > REMEMBERED
                    && let Some(id) = held.gone.pop_front()
                {
                    held.ids.remove(&id);
                }
                held.older.add(&oldest);
                held.forgotten += 1;
            }
            held.entries.push_back(entry.clone());
        }
        Ok(())
    }

    fn read(&self, query: &Query, each: &mut dyn FnMut(Entry)) -> Result<()> {
        // Copied first: what `each` does takes its time.
        let matching: Vec<Entry> =
            self.lock().entries.iter().filter(|entry| query.matches(entry)).cloned().collect();
        matching.into_iter().for_each(each);
        Ok(())
    }

    fn totals(&self, query: &Query) -> Result<Totals> {
        let held = self.lock();
        let mut totals = if *query == Query::all() {
            held.older.clone()
        } else {
            Totals { forgotten: held.forgotten, ..Totals::default() }
        };
        held.entries.iter().filter(|entry| query.matches(entry)).for_each(|entry| totals.add(entry));
        Ok(totals)
    }
}

/// So many ids outlive their entries.
const REMEMBERED: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::account::EntryKind;
    use crate::types::CallId;

    #[test]
    fn an_entry_that_made_room_is_not_added_again() {
        let ledger = MemoryLedger::new(1);
        let entry = |number| {
            let mut entry =
                Entry::new(EntryId::new(1, number), EntryKind::Attempt, CallId::new(1), UNIX_EPOCH);
            entry.cost = Some("1".parse().unwrap());
            entry
        };

        for number in [1, 2, 1, 2, 1] {
            ledger.write(&[entry(number)]).unwrap();
        }

        assert_eq!(ledger.totals(&Query::all()).unwrap().cost.to_string(), "$2");
    }
}
