//! Who is told: observers in this process, and tracing spans by the OpenTelemetry conventions for generative AI.
//!
//! Neither ever sees a prompt, an answer or a key.

mod convention;
mod span;

use std::time::Duration;

pub(crate) use span::{attempt_span, call_span, record_attempt};

use crate::error::{Bench, Error, ErrorKind};
use crate::types::{Attempt, AttemptReason, CallId, Outcome, Target, Usd};

/// Is told of everything that happens, as it happens, on the calling task. Must not block.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

const _: fn(Box<dyn Observer>) = |_object_safe| ();

/// Something that happened.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An attempt begins.
    AttemptStarted {
        /// Where it goes.
        target: &'a Target,
        /// Why it is made.
        reason: AttemptReason,
    },
    /// An attempt is over: answered, failed or cancelled.
    AttemptFinished(&'a Attempt),
    /// A call is over.
    CallFinished(CallFinished<'a>),
    /// A target failed too often and is left alone.
    TargetOpened {
        /// Which.
        target: &'a Target,
        /// When it will be probed.
        retry_in: Duration,
    },
    /// A target has recovered and is in use again.
    TargetClosed {
        /// Which.
        target: &'a Target,
    },
    /// A probe of the client's own is over; it is no call and no attempt.
    Probed {
        /// Where it went.
        target: &'a Target,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
        /// What it was expected to cost; `None` when the price is unknown.
        cost: Option<Usd>,
    },
    /// A copy of an answered call was sent to another target, and its answer compared and thrown away.
    Shadowed(Shadowed<'a>),
    /// A key, its quota pool or a model is left alone.
    Benched {
        /// The target that was asked.
        target: &'a Target,
        /// Who is left alone.
        what: Bench,
        /// What kind of failure it was.
        because: ErrorKind,
        /// For how long.
        wait: Duration,
    },
    /// An update of the prices is in force.
    PricesUpdated,
    /// An update of the prices could not be loaded or was refused; the prices are what they were.
    PriceUpdateRefused(&'a Error),
    /// A ledger could not be written; its entries wait, in memory or in spill files. Told on the ledger's thread.
    LedgerFailed(&'a Error),
    /// A ledger's queue is full and entries begin to be lost. Told once until something can be written again.
    LedgerOverflowed,
    /// So many percent of a limit are reached, for the first time in its window.
    LimitReached(LimitReached<'a>),
    /// A call takes another route, because so much of a limit is used.
    LimitDiverted {
        /// The limit's name.
        limit: &'a str,
        /// The route it takes.
        route: &'a str,
    },
    /// What a call used could not be booked on its limits yet; it is tried again.
    SpendUnsettled {
        /// What was wrong with the store.
        kind: ErrorKind,
        /// How many calls wait to be booked.
        waiting: usize,
    },
    /// What a call used will not be booked on its limits: too many wait already, or the store went away for hours before it
    /// could say whether it has booked it.
    SpendLost,
    /// A provider reported more tokens than there can be. Limits count the most that can be instead.
    ImpossibleUsage {
        /// Who reported it.
        target: &'a Target,
    },
    /// The calendar jumped by more than a minute against the time that has passed. Limits by day and month follow it; what
    /// was used is not forgotten.
    ClockJumped,
}

/// A copy of a call at another target, beside the answer that was given.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Shadowed<'a> {
    /// The call.
    pub call: CallId,
    /// Its route.
    pub route: &'a str,
    /// What became of the copy: where it went, how it ended, how long it took, what it cost.
    pub attempt: &'a Attempt,
    /// The attempt that answered the call.
    pub answered: &'a Attempt,
    /// How much the two answers have in common, from 0 to 1, by their words; `None` when the copy was not answered. A
    /// difference is no proof that one is worse.
    pub agreement: Option<f64>,
}

impl<'a> Shadowed<'a> {
    /// `attempt` was made beside the one that `answered` the call.
    pub const fn new(
        call: CallId,
        route: &'a str,
        attempt: &'a Attempt,
        answered: &'a Attempt,
        agreement: Option<f64>,
    ) -> Self {
        Self { call, route, attempt, answered, agreement }
    }
}

/// A warning about a limit, or a soft limit itself.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LimitReached<'a> {
    /// The limit's name.
    pub limit: &'a str,
    /// Of whom, for a limit that applies to each value of a dimension; else empty. May be the name of a person, and is not
    /// in `Debug`.
    pub value: &'a str,
    /// The percentage.
    pub percent: u8,
}

impl<'a> LimitReached<'a> {
    /// `percent` of `limit` are reached, by `value`.
    pub const fn new(limit: &'a str, value: &'a str, percent: u8) -> Self {
        Self { limit, value, percent }
    }
}

impl std::fmt::Debug for LimitReached<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LimitReached({}, {} %)", self.limit, self.percent)
    }
}

/// A call that is over.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct CallFinished<'a> {
    /// The route's name; `None` when the request named a target itself.
    pub route: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
    /// Every attempt, oldest first.
    pub attempts: &'a [Attempt],
    /// What all attempts with a known cost came to.
    pub cost: Usd,
    /// From the start of the call to its end.
    pub elapsed: Duration,
}

impl<'a> CallFinished<'a> {
    /// A call over `attempts` that ended with `outcome`.
    pub fn new(route: Option<&'a str>, outcome: Outcome, attempts: &'a [Attempt], elapsed: Duration) -> Self {
        let cost = attempts.iter().filter_map(|attempt| attempt.cost).sum();
        Self { route, outcome, attempts, cost, elapsed }
    }
}
