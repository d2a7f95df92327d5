//! The arithmetic of meters, for the stores that compute it in this process. The script of the Redis store says the same
//! in its own words; `tests/store_contract.rs` holds them to each other.

use std::collections::VecDeque;
use std::time::Duration;

use super::meter::{Cure, Level, Meter, Rule};

/// What a store remembers of one meter. Times are microseconds of the store's own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Total {
        used: u128,
        held: u128,
    },
    Rolling {
        /// Use in each part of the window, oldest first, with the part's number since the beginning of time.
        parts: VecDeque<(i64, u128)>,
        held: u128,
    },
    Bucket {
        /// When the bucket will be full again: microseconds times the bucket's amount, so that nothing is rounded.
        full_at: i128,
        /// How much earlier that is than if nothing had flowed back; microseconds.
        returned: i64,
    },
}

impl State {
    pub(super) fn new(rule: Rule) -> Self {
        match rule {
            Rule::Total { .. } => Self::Total { used: 0, held: 0 },
            Rule::Rolling { .. } => Self::Rolling { parts: VecDeque::new(), held: 0 },
            Rule::Bucket { .. } => Self::Bucket { full_at: i128::MIN / 4, returned: 0 },
        }
    }

    /// Is it of the kind the rule needs? A limit may have been changed from one kind to another under the same name.
    pub(super) fn suits(&self, rule: Rule) -> bool {
        matches!(
            (self, rule),
            (Self::Total { .. }, Rule::Total { .. })
                | (Self::Rolling { .. }, Rule::Rolling { .. })
                | (Self::Bucket { .. }, Rule::Bucket { .. })
        )
    }

    /// How full it is at `now`.
    pub(super) fn level(&self, rule: Rule, now: i64) -> Level {
        match (self, rule) {
            (Self::Total { used, held }, _) => Level::new(*used, *held),
            (Self::Rolling { parts, held }, Rule::Rolling { window, .. }) => {
                let first = oldest_part(window, now);
                let live = parts.iter().filter(|(part, _)| *part >= first);
                Level::new(live.fold(0, |sum, (_, used)| sum.saturating_add(*used)), *held)
            }
            (Self::Bucket { full_at, .. }, Rule::Bucket { amount, period, .. }) => {
                let missing = positive(full_at.saturating_sub(scaled(now, amount)));
                Level::new(missing.div_ceil(period.as_micros().max(1)), 0)
            }
            (Self::Rolling { .. } | Self::Bucket { .. }, _) => Level::default(),
        }
    }

    /// Would `amount` fit at `now`?
    pub(super) fn check(&self, rule: Rule, amount: u128, now: i64) -> Result<(), Cure> {
        match (self, rule) {
            (Self::Bucket { full_at, .. }, Rule::Bucket { amount: refill, period, burst }) => {
                let present = scaled(now, refill);
                let full = (*full_at).max(present).saturating_add(filled(amount, period));
                let most = present.saturating_add(filled(u128::from(burst), period));
                if full <= most {
                    return Ok(());
                }
                if amount > u128::from(burst) {
                    return Err(Cure::Never);
                }
                Err(Cure::After(microseconds(positive(full - most).div_ceil(u128::from(refill.max(1))))))
            }
            (_, Rule::Total { limit } | Rule::Rolling { limit, .. }) => {
                let Some(limit) = limit else { return Ok(()) };
                let level = self.level(rule, now);
                if level.total().saturating_add(amount) <= limit {
                    return Ok(());
                }
                if level.used.saturating_add(amount) <= limit {
                    return Err(Cure::Settlement);
                }
                match (self, rule) {
                    (Self::Rolling { parts, .. }, Rule::Rolling { window, .. }) if amount <= limit => {
                        Err(Cure::After(until_oldest_leaves(parts, window, now)))
                    }
                    _ => Err(Cure::Never),
                }
            }
            _ => Ok(()),
        }
    }

    /// Holds `amount`; returns what [`release`](Self::release) needs to know of it.
    pub(super) fn hold(&mut self, rule: Rule, amount: u128, now: i64) -> i64 {
        match (self, rule) {
            (Self::Total { held, .. } | Self::Rolling { held, .. }, _) => {
                *held = held.saturating_add(amount);
                0
            }
            (Self::Bucket { full_at, returned }, Rule::Bucket { amount: refill, period, .. }) => {
                *full_at = (*full_at).max(scaled(now, refill)).saturating_add(filled(amount, period));
                whole(full_at.div_euclid(i128::from(refill.max(1)))).saturating_add(*returned)
            }
            (Self::Bucket { .. }, _) => 0,
        }
    }

    /// Ends a hold of `amount`, which was given `mark`, of which `used` was used.
    pub(super) fn settle(&mut self, rule: Rule, hold: Option<(u128, i64)>, used: u128, now: i64) {
        match (&mut *self, rule) {
            (Self::Total { used: all, held }, _) => {
                *held = held.saturating_sub(hold.map_or(0, |(amount, _)| amount));
                *all = all.saturating_add(used).min(Meter::MOST);
            }
            (Self::Rolling { parts, held }, Rule::Rolling { window, .. }) => {
                *held = held.saturating_sub(hold.map_or(0, |(amount, _)| amount));
                let (first, this) = (oldest_part(window, now), part(window, now));
                parts.retain(|(part, _)| *part >= first);
                match parts.iter_mut().find(|(part, _)| *part == this) {
                    Some((_, sum)) => *sum = sum.saturating_add(used).min(Meter::MOST),
                    None if used > 0 => parts.push_back((this, used)),
                    None => {}
                }
            }
            (Self::Bucket { .. }, Rule::Bucket { .. }) => {
                // A hold that has lapsed was kept as used, and its mark with it.
                let (amount, mark) = hold.unwrap_or((0, i64::MIN));
                if used > amount {
                    self.owe(rule, used - amount, now);
                } else {
                    self.give_back(rule, amount - used, mark, now);
                }
            }
            (Self::Rolling { .. } | Self::Bucket { .. }, _) => {}
        }
    }

    /// A hold ran out: whoever took it is gone. What was held of a bucket stays used.
    pub(super) fn lapse(&mut self, amount: u128) {
        match self {
            Self::Total { held, .. } | Self::Rolling { held, .. } => *held = held.saturating_sub(amount),
            Self::Bucket { .. } => {}
        }
    }

    /// A bucket that is fuller than it can get was filled under a clock that has gone back since.
    pub(super) fn mend(&mut self, rule: Rule, now: i64) {
        if let (Self::Bucket { full_at, .. }, Rule::Bucket { amount, .. }) = (self, rule) {
            *full_at = (*full_at).min(scaled(now, amount).saturating_add(most_owed(rule)));
        }
    }

    fn owe(&mut self, rule: Rule, amount: u128, now: i64) {
        if let (Self::Bucket { full_at, .. }, Rule::Bucket { amount: refill, period, .. }) = (self, rule) {
            let present = scaled(now, refill);
            let full = (*full_at).max(present).saturating_add(filled(amount, period));
            *full_at = full.min(present.saturating_add(most_owed(rule)));
        }
    }

    /// Lets `amount` flow back, but no more than is still missing because of the hold: what would have been refilled by
    /// now, had it never been held, is no longer anybody's.
    fn give_back(&mut self, rule: Rule, amount: u128, mark: i64, now: i64) {
        if let (Self::Bucket { full_at, returned }, Rule::Bucket { amount: refill, period, .. }) =
            (self, rule)
        {
            let left = mark.saturating_sub(*returned).saturating_sub(now).max(0);
            let back = filled(amount, period).min(scaled(left, refill));
            *full_at = full_at.saturating_sub(back);
            *returned = returned.saturating_add(whole(
                i128::try_from(positive(back).div_ceil(u128::from(refill.max(1)))).unwrap_or(i128::MAX),
            ));
        }
    }
}

/// How many parts a rolling window is counted in.
pub(super) const PARTS: u128 = 60;

/// How many times its own content a bucket can owe.
pub(super) const MOST_OWED: u128 = 10;

/// The length of one part in microseconds.
pub(super) fn part_length(window: Duration) -> i64 {
    i64::try_from(window.as_micros().div_ceil(PARTS)).unwrap_or(i64::MAX).max(1)
}

fn part(window: Duration, now: i64) -> i64 {
    now.div_euclid(part_length(window))
}

/// The oldest part that is still within the window, if only with its end.
fn oldest_part(window: Duration, now: i64) -> i64 {
    part(window, now) - i64::try_from(PARTS).unwrap_or(0)
}

fn until_oldest_leaves(parts: &VecDeque<(i64, u128)>, window: Duration, now: i64) -> Duration {
    let first = oldest_part(window, now);
    let Some(oldest) = parts.iter().map(|(part, _)| *part).filter(|part| *part >= first).min() else {
        return Duration::ZERO;
    };
    let leaves = (oldest + i64::try_from(PARTS).unwrap_or(0) + 1).saturating_mul(part_length(window));
    microseconds(positive(i128::from(leaves) - i128::from(now)))
}

fn most_owed(rule: Rule) -> i128 {
    match rule {
        Rule::Bucket { burst, period, .. } => filled(u128::from(burst).saturating_mul(MOST_OWED), period),
        Rule::Total { .. } | Rule::Rolling { .. } => 0,
    }
}

fn scaled(time: i64, refill: u64) -> i128 {
    i128::from(time).saturating_mul(i128::from(refill.max(1)))
}

/// How long `amount` takes to flow in, scaled as `full_at` is.
fn filled(amount: u128, period: Duration) -> i128 {
    i128::try_from(amount.saturating_mul(period.as_micros())).unwrap_or(i128::MAX / 4)
}

fn positive(value: i128) -> u128 {
    u128::try_from(value).unwrap_or(0)
}

fn whole(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

pub(super) fn microseconds(count: u128) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or(u64::MAX))
}
