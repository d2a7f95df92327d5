//! What can be reserved: amounts on meters, each with the rule that bounds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// Something that is counted and bounded, such as what a team may spend in a month. Made once, shared by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    key: Box<str>,
    rule: Rule,
    keep: Option<Duration>,
    /// Where a store in memory saw it last.
    pub(super) place: Hint,
}

/// How a [`Meter`] bounds what is taken from it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// What is held and what was used stay within `limit` for as long as the meter lives; `None` only counts.
    Total {
        /// The most that may be held and used together.
        limit: Option<u128>,
    },
    /// As `Total`, for what was used within the last `window`. Use is counted in sixtieths of the window and forgotten
    /// when its whole sixtieth has left, so that no window of that length ever holds more than the limit.
    Rolling {
        /// The most that may be held and used together; `None` only counts.
        limit: Option<u128>,
        /// How far back it counts.
        window: Duration,
    },
    /// A bucket that holds `burst` and is refilled evenly with `amount` every `period`. What a reservation held and did
    /// not use flows back, as far as it would not have been refilled meanwhile. Using more than was held leaves a debt of
    /// at most ten buckets.
    Bucket {
        /// What flows in during one period.
        amount: u64,
        /// How long that takes, to a microsecond.
        period: Duration,
        /// What the bucket can hold.
        burst: u64,
    },
}

impl Meter {
    /// A meter under `key`, of at most 400 bytes. It may be forgotten when nothing was reserved of it for `keep`; never with
    /// `None`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the key is too long, a limit is above [`MOST`](Self::MOST), a window or period is
    /// shorter than a microsecond or longer than a year, or a bucket is empty, never refilled, or takes longer than ten
    /// years to fill.
    pub fn new(key: impl Into<Box<str>>, rule: Rule, keep: Option<Duration>) -> Result<Self> {
        let key = key.into();
        if key.len() > LONGEST_KEY {
            return Err(bad("the names of a limit and of whom it applies to are too long together"));
        }
        match rule {
            Rule::Total { limit } | Rule::Rolling { limit, .. }
                if limit.is_some_and(|limit| limit > Self::MOST) =>
            {
                return Err(bad("a limit is too large to be counted exactly"));
            }
            Rule::Rolling { window, .. } if !is_window(window) => return Err(bad_window()),
            Rule::Bucket { period, .. } if !is_window(period) => return Err(bad_window()),
            Rule::Bucket { amount: 0, .. } | Rule::Bucket { burst: 0, .. } => {
                return Err(bad("a rate of zero would refuse everything for good"));
            }
            Rule::Bucket { amount, burst, .. } if amount.max(burst) > MOST_PER_PERIOD => {
                return Err(bad("a rate is too large to be counted exactly"));
            }
            Rule::Bucket { .. } if filling_time(rule) > MICROSECONDS_OF_TEN_YEARS => {
                return Err(bad("a bucket would take longer than ten years to fill"));
            }
            Rule::Total { .. } | Rule::Rolling { .. } | Rule::Bucket { .. } => {}
        }
        Ok(Self { key, rule, keep, place: Hint::default() })
    }

    /// The largest amount that is counted exactly by every store; as money about nine thousand million million dollars.
    pub const MOST: u128 = 9_000_000_000_000_000_000_000_000_000;

    /// Under which key it is kept.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What bounds it.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// How long after its last use it may be forgotten.
    pub fn keep(&self) -> Option<Duration> {
        self.keep
    }
}

/// A place that may be right; whoever follows it looks whether it is. It is no part of what a meter is.
#[derive(Debug, Default)]
pub(super) struct Hint(AtomicUsize);

impl Hint {
    pub(super) fn seen(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn see(&self, place: usize) {
        // A write would take the line from everybody else's cache.
        if self.seen() != place {
            self.0.store(place, Ordering::Relaxed);
        }
    }
}

impl Clone for Hint {
    fn clone(&self) -> Self {
        Self(AtomicUsize::new(self.seen()))
    }
}

impl PartialEq for Hint {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Hint {}

/// An amount on a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// Where it counts.
    pub meter: Arc<Meter>,
    /// How much, at most [`Meter::MOST`].
    pub amount: u128,
}

impl Claim {
    /// `amount` on `meter`, cut to [`Meter::MOST`].
    pub fn new(meter: Arc<Meter>, amount: u128) -> Self {
        Self { meter, amount: amount.min(Meter::MOST) }
    }
}

/// What a store says to a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything is held; the levels after that, in the order of the claims.
    Held(Vec<Level>),
    /// Nothing is held, because of these.
    Refused(Vec<Refusal>),
}

/// How full a meter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Level {
    /// What was used, as far as it still counts. For a bucket, what is missing from it.
    pub used: u128,
    /// What open reservations hold beside that; zero for a bucket, which counts it as used.
    pub held: u128,
}

impl Level {
    /// `used` and `held`.
    pub const fn new(used: u128, held: u128) -> Self {
        Self { used, held }
    }

    /// Both together.
    pub const fn total(self) -> u128 {
        self.used.saturating_add(self.held)
    }
}

/// One claim that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Its place among the claims.
    pub claim: usize,
    /// How full the meter is.
    pub level: Level,
    /// What would let it fit.
    pub cure: Cure,
}

impl Refusal {
    /// The claim in this place does not fit.
    pub const fn new(claim: usize, level: Level, cure: Cure) -> Self {
        Self { claim, level, cure }
    }
}

/// What would let a refused claim fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cure {
    /// Nothing but another meter, such as that of the next month.
    Never,
    /// The settlement of reservations that are open now.
    Settlement,
    /// Time; it may take longer where others come first.
    After(Duration),
}

/// The longest key of a meter.
const LONGEST_KEY: usize = 400;

/// Keeps everything that is computed of a bucket exact in the numbers of every store.
const MOST_PER_PERIOD: u64 = 1_000_000_000_000;

const MICROSECONDS_OF_TEN_YEARS: u128 = 315_360_000_000_000;

/// How long an empty bucket takes to be full, in microseconds; zero for other rules.
fn filling_time(rule: Rule) -> u128 {
    match rule {
        Rule::Bucket { amount, period, burst } => {
            u128::from(burst).saturating_mul(period.as_micros()).div_ceil(u128::from(amount.max(1)))
        }
        Rule::Total { .. } | Rule::Rolling { .. } => 0,
    }
}

fn is_window(window: Duration) -> bool {
    (1..=366 * 24 * 3_600 * 1_000_000).contains(&window.as_micros())
}

fn bad_window() -> Error {
    bad("a window is at least a microsecond and at most a year")
}

fn bad(message: &'static str) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
