//! How many attempts beyond the first may be made, so that an outage is not made worse by those who suffer from it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::Throttled;

/// One provider's allowance of retries: a bucket that clean successes fill.
///
/// The numbers are those of the AWS SDKs since 2026: an empty bucket never delays a first attempt.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: AtomicU32,
}

impl RetryBudget {
    /// A full bucket.
    pub(crate) fn full() -> Self {
        Self { tokens: AtomicU32::new(CAPACITY) }
    }

    /// Takes what a retry after such a failure costs; `None` when there is not enough.
    pub(crate) fn withdraw(&self, throttled: Throttled) -> Option<u32> {
        let cost = match throttled {
            Throttled::Yes => THROTTLED_COST,
            Throttled::No => TRANSIENT_COST,
        };
        self.tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| tokens.checked_sub(cost))
            .ok()
            .map(|_| cost)
    }

    /// Gives tokens back: one for a success at the first attempt, the cost for a retry that succeeded.
    pub(crate) fn deposit(&self, tokens: u32) {
        // Most of the time the bucket is full, and nothing need be written that other threads read.
        if self.tokens.load(Ordering::Relaxed) < CAPACITY {
            let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
                Some(now.saturating_add(tokens).min(CAPACITY))
            });
        }
    }

    #[cfg(test)]
    pub(crate) fn left(&self) -> u32 {
        self.tokens.load(Ordering::Relaxed)
    }
}

const CAPACITY: u32 = 500;
const TRANSIENT_COST: u32 = 14;
const THROTTLED_COST: u32 = 5;

/// How much a client sends beyond one attempt for each call: at most a fifth of the calls of the last ten seconds, and never
/// less than ten a second.
#[derive(Debug, Default)]
pub(crate) struct ExtraLoad {
    calls: Seconds,
    extra: Seconds,
}

impl ExtraLoad {
    /// A call begins, `now` after the client did.
    pub(crate) fn call(&self, now: Duration) {
        self.calls.add(now);
    }

    /// An attempt is made that nobody could avoid; it counts, and leaves less for others.
    pub(crate) fn note(&self, now: Duration) {
        self.extra.add(now);
    }

    /// May one more attempt be made? If so it is counted.
    pub(crate) fn take(&self, now: Duration) -> bool {
        let allowed = (self.calls.sum(now) / 5).max(FLOOR_PER_SECOND * u64::from(WINDOW_SECONDS));
        let granted = self.extra.sum(now) < allowed;
        if granted {
            self.extra.add(now);
        }
        granted
    }
}

const FLOOR_PER_SECOND: u64 = 10;
const WINDOW_SECONDS: u32 = 10;

/// Counts of the last seconds. Each slot holds its second in the upper half and its count in the lower.
#[derive(Debug, Default)]
struct Seconds {
    slots: [AtomicU64; 16],
}

impl Seconds {
    fn add(&self, now: Duration) {
        let second = now.as_secs() & u64::from(u32::MAX);
        let place = usize::try_from(second % 16).unwrap_or(0);
        let Some(slot) = self.slots.get(place) else { return };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            let count = if held >> 32 == second { held & u64::from(u32::MAX) } else { 0 };
            Some(second << 32 | (count + 1).min(u64::from(u32::MAX)))
        });
    }

    fn sum(&self, now: Duration) -> u64 {
        let second = now.as_secs() & u64::from(u32::MAX);
        let oldest = (second + 1).saturating_sub(u64::from(WINDOW_SECONDS));
        let held = self.slots.iter().map(|slot| slot.load(Ordering::Relaxed));
        held.filter(|held| (oldest..=second).contains(&(held >> 32)))
            .map(|held| held & u64::from(u32::MAX))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_five_passing_faults_empty_the_bucket_and_clean_successes_fill_it() {
        let budget = RetryBudget::full();
        let granted = (0..1000).filter(|_| budget.withdraw(Throttled::No).is_some()).count();

        assert_eq!((granted, budget.left()), (35, 10));
        assert_eq!(budget.withdraw(Throttled::Yes), Some(5));
        for _ in 0..9 {
            budget.deposit(1);
        }
        assert_eq!(budget.withdraw(Throttled::No), Some(14));
        budget.deposit(10_000);
        assert_eq!(budget.left(), 500);
    }

    #[test]
    fn extra_load_is_a_fifth_of_the_calls_and_never_less_than_ten_a_second() {
        let load = ExtraLoad::default();
        let second = Duration::from_secs;
        assert_eq!((0..1000).filter(|_| load.take(second(0))).count(), 100);
        assert_eq!((0..1000).filter(|_| load.take(second(9))).count(), 0);
        assert_eq!((0..1000).filter(|_| load.take(second(10))).count(), 100);

        for _ in 0..5_000 {
            load.call(second(30));
        }
        assert_eq!((0..5_000).filter(|_| load.take(second(31))).count(), 1_000);
        assert_eq!((0..5_000).filter(|_| load.take(second(39))).count(), 0);
    }

    #[test]
    fn the_second_in_which_the_counter_wraps_round_is_a_second_like_others() {
        let load = ExtraLoad::default();
        let far = Duration::from_secs(u64::from(u32::MAX) + 5);

        assert!(load.take(far));
        load.note(far);
        assert_eq!(load.extra.sum(far), 2);
    }
}
