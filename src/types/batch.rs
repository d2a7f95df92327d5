//! Work that a vendor does when it has time, at a lower price.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A batch a vendor has taken. Keep it, for example as JSON, to ask for its state and results later, from any process.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchJob {
    /// `provider/model`.
    pub target: String,
    /// The vendor's name for it.
    pub id: String,
    /// How many requests it has.
    pub requests: usize,
    /// Who pays: the scopes of its requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, String>,
    /// The tags of its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it holds of the application's limits, by its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<String>,
}

impl BatchJob {
    /// The batch `id` of so many requests at `target`, which is `provider/model`.
    pub fn new(target: impl Into<String>, id: impl Into<String>, requests: usize) -> Self {
        Self {
            target: target.into(),
            id: id.into(),
            requests,
            scopes: BTreeMap::new(),
            tags: Vec::new(),
            reservation: None,
        }
    }
}

/// Names of scopes only: their values may be names of people.
impl fmt::Debug for BatchJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchJob")
            .field("target", &self.target)
            .field("id", &self.id)
            .field("requests", &self.requests)
            .field("scopes", &self.scopes.keys())
            .finish_non_exhaustive()
    }
}

/// How far a vendor is with a batch.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchState {
    /// Where it stands.
    pub phase: BatchPhase,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that failed, expired or were cancelled.
    pub failed: u64,
}

impl BatchState {
    /// A state.
    pub fn new(phase: BatchPhase, answered: u64, failed: u64) -> Self {
        Self { phase, answered, failed }
    }
}

/// Where a vendor's batch stands.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchPhase {
    /// The vendor is at it; ask again later.
    Running,
    /// It is over, and what was answered can be had. Cancelled and expired batches end so, too.
    Ended,
    /// The vendor refused it as a whole.
    Refused,
}
