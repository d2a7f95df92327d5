//! What a policy may know of a target at this moment.

use std::fmt;
use std::time::Duration;

use crate::types::Percentiles;

/// How a target has been doing, at the moment of planning.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Live {
    /// May it be used?
    pub health: Health,
    /// Time to the first token: an average that forgets, rises at once and falls slowly; `None` when it was never seen.
    pub first_token: Option<Duration>,
    /// Tokens per second once the answer has begun; `None` when it was never seen.
    pub tokens_per_second: Option<f64>,
    /// Attempts that are running now.
    pub in_flight: u32,
    /// What its rate limits leave, from 0 (nothing) to 1 (everything); `None` when it never said.
    pub headroom: Option<f64>,
}

/// May a target be used?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// As always.
    #[default]
    Healthy,
    /// It fails more often than it should: behind all healthy ones. For live facts of your own; a client's targets are in use
    /// or not.
    Degraded,
    /// Its breaker is open, or it asked to be left alone: only when all others have failed.
    Unavailable,
}

/// Where live facts are read when a plan is made: registries of the client, or a slice in tests and replays.
///
/// Only what a policy asks for is read, so that deciding between thousands of targets does not read thousands of records.
pub trait LiveFacts: fmt::Debug + Send + Sync {
    /// What is known now of the candidate in this position.
    fn live(&self, position: usize) -> Live;

    /// May it be used? The same as in [`live`](Self::live), for those who ask for nothing else.
    fn health(&self, position: usize) -> Health {
        self.live(position).health
    }

    /// Times to the first token in seconds, and tokens per second, over the last five minutes.
    fn percentiles(&self, position: usize) -> Observed {
        let _ = position;
        Observed::default()
    }

    /// Is it certain that every candidate is healthy? Then none is asked for its health.
    fn all_healthy(&self) -> AllHealthy {
        AllHealthy::Unknown
    }
}

/// Is it certain that every candidate is healthy?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllHealthy {
    /// It is.
    Certain,
    /// Each must be asked.
    Unknown,
}

/// Percentiles over the last five minutes; `None` where too little was seen.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observed {
    /// Seconds to the first token.
    pub first_token: Percentiles,
    /// Tokens per second; the 90th percentile is what nine of ten answers were faster than.
    pub tokens_per_second: Percentiles,
}

/// Nothing is known: every target is healthy and idle.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NothingKnown;

impl LiveFacts for NothingKnown {
    fn live(&self, _: usize) -> Live {
        Live::default()
    }

    fn all_healthy(&self) -> AllHealthy {
        AllHealthy::Certain
    }
}

/// One record for each candidate; none for those past the end.
impl LiveFacts for Vec<Live> {
    fn live(&self, position: usize) -> Live {
        self.get(position).copied().unwrap_or_default()
    }
}

const _: fn(Box<dyn LiveFacts>) = |_object_safe| ();
