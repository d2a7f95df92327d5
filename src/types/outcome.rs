//! What became of each attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Target, Usage, Usd};
use crate::error::ErrorKind;

/// One request sent, or refused before sending, to one target.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where it went.
    pub target: Target,
    /// Why it was made.
    pub reason: AttemptReason,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, if an answer began.
    pub status: Option<u16>,
    /// The provider's request id.
    pub request_id: Option<Box<str>>,
    /// From the start of the call to the start of this attempt.
    pub started_after: Duration,
    /// From the start of this attempt to the first semantic event; streams only.
    pub time_to_first_token: Option<Duration>,
    /// From the start of this attempt to its end.
    pub elapsed: Duration,
    /// What it consumed, where the provider said so.
    pub usage: Option<Usage>,
    /// What it cost; `None` when the usage or the price is unknown.
    pub cost: Option<Usd>,
    /// How well `usage` and `cost` are known.
    pub completeness: Completeness,
}

impl Attempt {
    /// A record that begins now; the engine fills in the rest.
    pub fn new(target: Target, reason: AttemptReason, started_after: Duration) -> Self {
        Self {
            target,
            reason,
            outcome: Outcome::Cancelled,
            status: None,
            request_id: None,
            started_after,
            time_to_first_token: None,
            elapsed: Duration::ZERO,
            usage: None,
            cost: None,
            completeness: Completeness::Unknown,
        }
    }
}

/// How well it is known what an attempt consumed and cost.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// The provider reported its final usage and the price is known, or it is certain that nothing was billed.
    Exact,
    /// The provider did not get to report all of it; the rest was estimated from what was sent and received.
    Estimated,
    /// It may have been billed, but nobody knows for how much.
    #[default]
    Unknown,
}

/// Why an attempt was made.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptReason {
    /// The plan's first choice.
    First,
    /// The same target again.
    Retry,
    /// Another target after a failure.
    Failover,
    /// Another target beside one that is slow to begin; the first to answer is taken.
    Hedge,
    /// Another target after an answer that was not good enough.
    Escalation,
    /// To go on after an answer that broke off.
    Recovery,
    /// A small request of the client's own, to see how a target does; nobody's call.
    Probe,
    /// Beside the call, to compare the answer of another target; in the ledger only.
    Shadow,
}

impl AttemptReason {
    /// A short stable name for telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Failover => "failover",
            Self::Hedge => "hedge",
            Self::Escalation => "escalation",
            Self::Recovery => "recovery",
            Self::Probe => "probe",
            Self::Shadow => "shadow",
        }
    }
}

/// How an attempt ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With a complete answer.
    Answered,
    /// With an error of this kind.
    Failed(ErrorKind),
    /// The caller dropped the future or stream.
    Cancelled,
}

impl Outcome {
    /// A short stable name for telemetry: `answered`, `cancelled` or the error's kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(kind) => kind.as_str(),
            Self::Cancelled => "cancelled",
        }
    }
}
