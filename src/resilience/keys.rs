//! The keys of one provider: which may be used, and what they have left.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::budget::RetryBudget;
use super::standing::{KeyHealth, Standing};
use crate::error::ErrorKind;
use crate::types::RateLimits;

/// What all models of one provider share. Times are counted from the beginning of the client.
#[derive(Debug)]
pub(crate) struct ProviderState {
    /// What fails together: a hedge never goes to the same.
    domain: Box<str>,
    budget: RetryBudget,
    keys: Box<[Key]>,
    turn: AtomicUsize,
}

#[derive(Debug, Default)]
struct Key {
    benched_until: AtomicU64,
    benched_at: AtomicU64,
    because: Mutex<Option<ErrorKind>>,
}

/// One key's allowance at one model, or at several that share it.
#[derive(Debug)]
pub(super) struct Pool {
    cooling_until: AtomicU64,
    /// Refusals without an answer in between.
    strikes: AtomicU32,
    /// What is left, in thousandths; more than 1000 when nobody said.
    headroom: AtomicU32,
    headroom_until: AtomicU64,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            cooling_until: AtomicU64::new(0),
            strikes: AtomicU32::new(0),
            headroom: AtomicU32::new(UNKNOWN),
            headroom_until: AtomicU64::new(0),
        }
    }
}

/// Why no key can be used, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoKey {
    pub(super) standing: Standing,
    pub(super) until: u64,
}

impl ProviderState {
    pub(super) fn new(keys: usize, domain: &str) -> Self {
        Self {
            domain: domain.into(),
            budget: RetryBudget::full(),
            keys: (0..keys.max(1)).map(|_| Key::default()).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// How many retries it may still be sent.
    pub(crate) fn budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// What fails together with it.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    pub(super) fn pools(&self) -> Arc<[Pool]> {
        self.keys.iter().map(|_| Pool::default()).collect()
    }

    /// The next key in turn that may be used; of none the one that may be used soonest is told with the reason.
    pub(super) fn pick(&self, pools: &[Pool], now: u64) -> Result<usize, NoKey> {
        let usable = |place: &usize| self.blocked(pools, *place, now).is_none();
        match self.keys.len() {
            1 => usable(&0).then_some(0),
            several => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                (0..several).map(|step| turn.wrapping_add(step) % several).find(usable)
            }
        }
        .ok_or_else(|| self.least_bad(pools, now).1)
    }

    /// May any key be used?
    pub(super) fn check(&self, pools: &[Pool], now: u64) -> Result<(), NoKey> {
        if (0..self.keys.len()).any(|place| self.blocked(pools, place, now).is_none()) {
            return Ok(());
        }
        Err(self.least_bad(pools, now).1)
    }

    /// May any key be used but the one at `place`?
    pub(super) fn has_other(&self, pools: &[Pool], place: usize, now: u64) -> bool {
        let mut others = (0..self.keys.len()).filter(|other| *other != place);
        others.any(|other| self.blocked(pools, other, now).is_none())
    }

    /// The key that is least out of use.
    pub(super) fn least_bad(&self, pools: &[Pool], now: u64) -> (usize, NoKey) {
        let free = NoKey { standing: Standing::Healthy, until: now };
        (0..self.keys.len())
            .map(|place| (place, self.blocked(pools, place, now).unwrap_or(free)))
            .min_by_key(|(_, blocked)| (blocked.standing, blocked.until))
            .unwrap_or((0, free))
    }

    fn blocked(&self, pools: &[Pool], place: usize, now: u64) -> Option<NoKey> {
        let benched = self.keys.get(place).map_or(0, |key| key.benched_until.load(Ordering::Relaxed));
        let cooling = pools.get(place).map_or(0, |pool| pool.cooling_until.load(Ordering::Relaxed));
        if benched > now {
            Some(NoKey { standing: Standing::NoKey, until: benched })
        } else if cooling > now {
            Some(NoKey { standing: Standing::Throttled, until: cooling })
        } else {
            None
        }
    }

    pub(super) fn bench(&self, place: usize, now: u64, until: u64, kind: ErrorKind) {
        let Some(key) = self.keys.get(place) else { return };
        *key.because.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
        key.benched_at.store(now, Ordering::Relaxed);
        key.benched_until.store(until, Ordering::Relaxed);
    }

    /// The key worked for what was sent at `sent`: it is back in use, unless it was refused after that.
    pub(super) fn accept(&self, place: usize, sent: u64) {
        let Some(key) = self.keys.get(place) else { return };
        if key.benched_until.load(Ordering::Relaxed) != 0 && key.benched_at.load(Ordering::Relaxed) <= sent {
            key.benched_until.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn report(&self, pools: &[Pool], now: u64) -> Vec<KeyHealth> {
        let report = |(place, key): (usize, &Key)| match self.blocked(pools, place, now) {
            None => KeyHealth { standing: Standing::Healthy, retry_in: None, because: None },
            Some(blocked) => KeyHealth {
                standing: blocked.standing,
                retry_in: Some(Duration::from_nanos(blocked.until - now)),
                because: if blocked.standing == Standing::Throttled {
                    Some(ErrorKind::RateLimited)
                } else {
                    *key.because.lock().unwrap_or_else(PoisonError::into_inner)
                },
            },
        };
        self.keys.iter().enumerate().map(report).collect()
    }
}

impl Pool {
    /// Leaves the pool alone as long as the provider asked; without a hint longer each time. To be left alone for no time is
    /// no hint: a date that has passed on the way says so too.
    pub(super) fn cool(&self, hint: Option<Duration>, longest: Duration, now: u64) -> Duration {
        // What was sent before the first refusal is refused too; that is one strike, not many.
        let cooling = self.cooling_until.load(Ordering::Relaxed) > now;
        let strikes = if cooling {
            self.strikes.load(Ordering::Relaxed).saturating_sub(1)
        } else {
            self.strikes.fetch_add(1, Ordering::Relaxed)
        };
        let strikes = strikes.min(6);
        let hint = hint.filter(|hint| !hint.is_zero());
        let wait = hint.unwrap_or(FIRST_COOLDOWN * (1 << strikes)).min(longest);
        let until = now.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        self.cooling_until.fetch_max(until, Ordering::Relaxed);
        wait
    }

    /// The pool answered.
    pub(super) fn answer(&self) {
        if self.strikes.load(Ordering::Relaxed) != 0 {
            self.strikes.store(0, Ordering::Relaxed);
        }
    }

    /// Was a request refused lately, with no answer since?
    pub(super) fn is_under_pressure(&self) -> bool {
        self.strikes.load(Ordering::Relaxed) != 0
    }

    pub(super) fn note_limits(&self, limits: &RateLimits, now: u64) {
        let Some(headroom) = limits.headroom_permille() else { return };
        let lasts = limits.longest_reset().unwrap_or(USUAL_RESET);
        self.headroom.store(u32::from(headroom), Ordering::Relaxed);
        let until = now.saturating_add(u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX));
        self.headroom_until.store(until, Ordering::Relaxed);
    }

    /// What is left in thousandths, as long as what the provider said holds.
    pub(super) fn headroom(&self, now: u64) -> Option<u16> {
        let headroom = self.headroom.load(Ordering::Relaxed);
        let holds = headroom != UNKNOWN && self.headroom_until.load(Ordering::Relaxed) > now;
        if holds { u16::try_from(headroom).ok() } else { None }
    }
}

const UNKNOWN: u32 = u32::MAX;

/// Most limits are those of a minute.
const USUAL_RESET: Duration = Duration::from_secs(60);

/// What "too many requests" without a hint means at first.
const FIRST_COOLDOWN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn keys_take_turns_and_a_benched_one_is_passed_over_until_its_time() {
        let provider = ProviderState::new(3, "host");
        let pools = provider.pools();
        let picks =
            |now, count| -> Vec<usize> { (0..count).map(|_| provider.pick(&pools, now).unwrap()).collect() };
        assert_eq!(picks(0, 6), [0, 1, 2, 0, 1, 2]);

        provider.bench(1, 0, 300 * SECOND, ErrorKind::Authentication);
        assert!(!picks(SECOND, 30).contains(&1));
        assert!(picks(300 * SECOND, 3).contains(&1));
        provider.bench(1, 200 * SECOND, 900 * SECOND, ErrorKind::Authentication);
        provider.accept(1, 199 * SECOND);
        assert!(!picks(300 * SECOND, 3).contains(&1), "what was sent before it was refused says nothing");
        provider.accept(1, 200 * SECOND);
        assert!(picks(300 * SECOND, 3).contains(&1));
    }

    #[test]
    fn with_no_key_left_the_least_bad_and_its_reason_are_told() {
        let provider = ProviderState::new(3, "host");
        let pools = provider.pools();
        provider.bench(0, 0, 100 * SECOND, ErrorKind::QuotaExhausted);
        pools[1].cool(Some(Duration::from_secs(200)), Duration::MAX, 0);
        pools[2].cool(Some(Duration::from_secs(150)), Duration::MAX, 0);

        let none = provider.pick(&pools, SECOND).unwrap_err();

        assert_eq!(none, NoKey { standing: Standing::Throttled, until: 150 * SECOND });
        assert_eq!(provider.least_bad(&pools, SECOND).0, 2);
        let report = provider.report(&pools, SECOND);
        let reasons: Vec<_> = report.iter().map(|key| (key.standing, key.because)).collect();
        assert_eq!(
            reasons,
            [
                (Standing::NoKey, Some(ErrorKind::QuotaExhausted)),
                (Standing::Throttled, Some(ErrorKind::RateLimited)),
                (Standing::Throttled, Some(ErrorKind::RateLimited)),
            ]
        );
    }

    #[test]
    fn a_cooldown_follows_the_hint_within_bounds_and_grows_without_one() {
        let pool = Pool::default();
        let hour = Duration::from_secs(3_600);
        assert_eq!(pool.cool(Some(Duration::from_millis(1_500)), hour, 0), Duration::from_millis(1_500));
        assert_eq!(pool.cool(Some(Duration::from_secs(1_000_000_000)), hour, 0), hour);

        for nothing in [None, Some(Duration::ZERO)] {
            assert_eq!(Pool::default().cool(nothing, hour, 0).as_secs(), 1);
        }

        let pool = Pool::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = pool.cool(None, hour, now);
            // Requests that were on their way are refused as well.
            assert_eq!(pool.cool(None, hour, now), wait);
            waits.push(wait.as_secs());
            now += u64::try_from(wait.as_nanos()).unwrap();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 64]);
        pool.answer();
        assert_eq!(pool.cool(None, hour, now).as_secs(), 1);
    }
}
