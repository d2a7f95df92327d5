//! What was spent: usage times price, and the ledger it is recorded in.

pub(crate) mod alone;
mod cost;
mod ledger;
mod plausible;

pub use cost::{cost, reported};
#[cfg(feature = "sqlite")]
pub use ledger::SqliteLedger;
pub use ledger::{
    Books, Entry, EntryId, EntryKind, Flag, GroupBy, JsonLinesLedger, Ledger, LedgerStatus, MemoryLedger,
    Query, Totals, write_csv,
};
pub(crate) use ledger::{Incident, Tell};
pub(crate) use plausible::{Answered, suspicions};
