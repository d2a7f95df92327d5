//! A second attempt beside one that is slow to begin: whether there is leave for it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::types::Usd;

/// When a call that is slow to begin is sent to a second target as well. Off unless it is set.
///
/// The second attempt is made when the first took longer than 95 of 100 of its target's take to their first content (for
/// answers that are not streamed, to their end). It goes to the next target of the plan that is well, fails together with
/// something else, and has not asked to be left alone. The first to answer is taken; the other is cancelled and accounted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgePolicy {
    /// Of a hundred calls so many may be hedged. Default 5, at most 20.
    pub percent: u32,
    /// What hedges may be expected to cost in one hour; a target whose price is unknown is then never one. Default no limit.
    pub hourly_budget: Option<Usd>,
}

impl Default for HedgePolicy {
    fn default() -> Self {
        Self { percent: 5, hourly_budget: None }
    }
}

impl HedgePolicy {
    /// Sets how many of a hundred calls may be hedged; clamped to 20.
    #[must_use]
    pub fn percent(mut self, percent: u32) -> Self {
        self.percent = percent.min(20);
        self
    }

    /// Sets what hedges may be expected to cost in one hour.
    #[must_use]
    pub fn hourly_budget(mut self, most: Usd) -> Self {
        self.hourly_budget = Some(most);
        self
    }
}

/// What is left of the leave to hedge.
#[derive(Debug)]
pub(crate) struct HedgeBudget {
    policy: HedgePolicy,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    /// Hundredths of a hedge.
    saved: u32,
    hour_began: Instant,
    spent: Usd,
}

impl HedgeBudget {
    pub(crate) fn new(policy: HedgePolicy, now: Instant) -> Self {
        let policy = policy.percent(policy.percent);
        Self { policy, account: Mutex::new(Account { saved: 0, hour_began: now, spent: Usd::default() }) }
    }

    /// A call that may be hedged begins.
    pub(crate) fn note_call(&self) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.saved = (account.saved + self.policy.percent).min(MOST_SAVED);
    }

    /// May a hedge be made that is expected to cost so much? If so it is paid for.
    pub(crate) fn take(&self, cost: Option<Usd>, now: Instant) -> bool {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(account.hour_began) >= HOUR {
            account.hour_began = now;
            account.spent = Usd::default();
        }
        let spent = match (self.policy.hourly_budget, cost) {
            (None, _) => account.spent,
            (Some(_), None) => return false,
            (Some(most), Some(cost)) => match account.spent.checked_add(cost) {
                Some(spent) if spent <= most => spent,
                _ => return false,
            },
        };
        let Some(left) = account.saved.checked_sub(ONE) else { return false };
        account.saved = left;
        account.spent = spent;
        true
    }

    /// A hedge that was paid for so is not made after all.
    pub(crate) fn give_back(&self, cost: Option<Usd>) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.saved = (account.saved + ONE).min(MOST_SAVED);
        let paid = cost.filter(|_| self.policy.hourly_budget.is_some()).unwrap_or_default();
        account.spent = account.spent.saturating_sub(paid).max(Usd::default());
    }
}

const ONE: u32 = 100;

/// Ten hedges: a quiet night is no leave to hedge everything in the morning.
const MOST_SAVED: u32 = 10 * ONE;

const HOUR: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    #[test]
    fn never_more_than_the_share_of_the_calls_is_hedged() {
        let now = SystemClock::new().now();
        let budget = HedgeBudget::new(HedgePolicy::default(), now);
        assert!(!budget.take(None, now), "nothing is saved at first");

        let mut hedges = 0;
        for _ in 0..10_000 {
            budget.note_call();
            hedges += u32::from(budget.take(None, now));
        }
        assert_eq!(hedges, 500);
        for _ in 0..10_000 {
            budget.note_call();
        }
        assert_eq!((0..100).filter(|_| budget.take(None, now)).count(), 10, "the night is not saved up");
    }

    #[test]
    fn hedges_stay_inside_the_hours_money_and_an_unknown_price_is_not_nothing() {
        let now = SystemClock::new().now();
        let cent: Usd = "0.01".parse().unwrap();
        let most: Usd = "0.02".parse().unwrap();
        let budget = HedgeBudget::new(HedgePolicy::default().hourly_budget(most), now);
        for _ in 0..1_000 {
            budget.note_call();
        }

        assert!(!budget.take(None, now));
        let granted = |now| (0..5).filter(|_| budget.take(Some(cent), now)).count();
        assert_eq!(granted(now), 2);
        assert_eq!(granted(now + HOUR / 2), 0);
        assert_eq!(granted(now + HOUR), 2);
    }
}
