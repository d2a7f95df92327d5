//! What to do after an attempt failed.

use std::time::Duration;

use super::Backoff;
use crate::error::{Advice, Failover, Retry};

/// How often and how patiently to try. One budget for all targets of a call.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most attempts of one call over all targets, the first included. Default 3, at most 5.
    pub max_attempts: u32,
    /// The ceiling of the first pause after a passing fault. Default 50 ms.
    pub base: Duration,
    /// The ceiling of the first pause after "too many requests". Default 1 s.
    pub throttled_base: Duration,
    /// No pause is longer. Default 20 s.
    pub cap: Duration,
    /// The longest `Retry-After` that is waited for; with a longer one the target is given up. Default 2 s.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            base: Duration::from_millis(50),
            throttled_base: Duration::from_secs(1),
            cap: Duration::from_secs(20),
            max_retry_after: Duration::from_secs(2),
        }
    }
}

impl RetryPolicy {
    /// Sets the most attempts of one call; 1 means no retry and no failover. Clamped to 1 to 5.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.clamp(1, ATTEMPTS_CAP);
        self
    }

    /// Sets the ceiling of the first pause and of all pauses.
    #[must_use]
    pub fn pauses(mut self, base: Duration, cap: Duration) -> Self {
        self.base = base;
        self.cap = cap;
        self
    }
}

/// What is known after an attempt failed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// What the error advises.
    pub advice: Advice,
    /// Was it "too many requests"?
    pub throttled: Throttled,
    /// How long the provider asked to be left alone.
    pub retry_after: Option<Duration>,
    /// Attempts made so far, over all targets.
    pub attempts: u32,
    /// Failures of this target so far.
    pub failures_here: u32,
    /// Is there a target that has not been tried and may serve?
    pub untried: Untried,
    /// What is left of the total time.
    pub remaining: Duration,
    /// Uniform in the range of a `u64`; the source of jitter.
    pub chance: u64,
}

/// Was the failure "too many requests"?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttled {
    /// It was.
    Yes,
    /// It was something else.
    No,
}

/// Is there a target left that has not been tried?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untried {
    /// At least one.
    Some,
    /// None.
    None,
}

/// What to do next.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send to the next untried target, at once.
    Failover,
    /// Wait, then send to a target that was tried before.
    Wait(Duration),
    /// Return the error.
    GiveUp,
}

impl RetryPolicy {
    /// Decides. Another target is better than the same one after a pause, so failover comes first.
    pub fn decide(&self, situation: &Situation) -> Next {
        if situation.attempts >= self.max_attempts.clamp(1, ATTEMPTS_CAP) || situation.remaining.is_zero() {
            return Next::GiveUp;
        }
        match situation.advice.failover {
            Failover::Allowed | Failover::LargerWindow if situation.untried == Untried::Some => {
                Next::Failover
            }
            Failover::Forbidden => Next::GiveUp,
            _ => match self.pause(situation) {
                Some(pause) if pause < situation.remaining => Next::Wait(pause),
                _ => Next::GiveUp,
            },
        }
    }

    /// The pause before the same target is worth another attempt; `None` when it never is.
    pub fn pause(&self, situation: &Situation) -> Option<Duration> {
        if situation.advice.retry == Retry::Never {
            return None;
        }
        if let Some(asked) = situation.retry_after {
            let spread = draw_below(EARLY_HERD, situation.chance);
            return (asked <= self.max_retry_after).then(|| asked.saturating_add(spread));
        }
        let base = match situation.throttled {
            Throttled::Yes => self.throttled_base,
            Throttled::No => self.base,
        };
        let ceiling = Backoff::new(base, self.cap).ceiling(situation.failures_here);
        Some(draw_below(ceiling, situation.chance))
    }
}

/// Uniform in `[0, ceiling)`.
fn draw_below(ceiling: Duration, chance: u64) -> Duration {
    let nanos = (u128::from(chance) * ceiling.as_nanos()) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The most attempts any configuration can ask for, as gRPC has it (gRFC A6).
const ATTEMPTS_CAP: u32 = 5;

/// Everybody is told the same `Retry-After`; up to this much is added so that not everybody returns at once.
const EARLY_HERD: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    fn after(kind: ErrorKind) -> Situation {
        Situation {
            advice: Error::new(kind, "x").advice(),
            throttled: if kind == ErrorKind::RateLimited { Throttled::Yes } else { Throttled::No },
            retry_after: None,
            attempts: 1,
            failures_here: 1,
            untried: Untried::None,
            remaining: Duration::from_secs(600),
            chance: u64::MAX / 2,
        }
    }

    #[test]
    fn each_failure_leads_to_the_documented_step() {
        use ErrorKind as K;
        let policy = RetryPolicy::default();
        let ms = Duration::from_millis;
        for (kind, untried, expected) in [
            (K::Server, Untried::Some, Next::Failover),
            (K::Server, Untried::None, Next::Wait(ms(25))),
            (K::Connection, Untried::None, Next::Wait(ms(25))),
            (K::RateLimited, Untried::Some, Next::Failover),
            (K::RateLimited, Untried::None, Next::Wait(ms(500))),
            (K::Authentication, Untried::Some, Next::Failover),
            (K::Authentication, Untried::None, Next::GiveUp),
            (K::QuotaExhausted, Untried::None, Next::GiveUp),
            (K::ContextTooLong, Untried::Some, Next::Failover),
            (K::ContextTooLong, Untried::None, Next::GiveUp),
            (K::InvalidRequest, Untried::Some, Next::GiveUp),
            (K::ContentFiltered, Untried::Some, Next::GiveUp),
            (K::DeadlineExceeded, Untried::Some, Next::GiveUp),
        ] {
            let situation = Situation { untried, ..after(kind) };
            let next = match policy.decide(&situation) {
                Next::Wait(pause) => Next::Wait(ms(u64::try_from(pause.as_micros().div_ceil(1000)).unwrap())),
                other => other,
            };

            assert_eq!(next, expected, "{kind} {untried:?}");
        }
    }

    #[test]
    fn attempts_and_time_are_one_budget() {
        let policy = RetryPolicy::default().max_attempts(99);
        assert_eq!(policy.max_attempts, 5);

        let spent = Situation { attempts: 5, untried: Untried::Some, ..after(ErrorKind::Server) };
        assert_eq!(policy.decide(&spent), Next::GiveUp);
        let late =
            Situation { remaining: Duration::ZERO, untried: Untried::Some, ..after(ErrorKind::Server) };
        assert_eq!(policy.decide(&late), Next::GiveUp);
        let short = Situation { remaining: Duration::from_millis(10), ..after(ErrorKind::Server) };
        assert_eq!(policy.decide(&short), Next::GiveUp);
    }

    #[test]
    fn a_short_retry_after_is_obeyed_and_a_long_one_gives_the_target_up() {
        let policy = RetryPolicy::default();
        let asked = |seconds, chance| {
            let retry_after = Some(Duration::from_secs(seconds));
            policy.decide(&Situation { retry_after, chance, ..after(ErrorKind::RateLimited) })
        };

        // Everybody waits as long as asked, and not everybody equally long.
        for seconds in [0, 1, 2] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(asked(seconds, 0), Next::Wait(wait));
            assert_eq!(asked(seconds, 1 << 63), Next::Wait(wait + Duration::from_millis(250)));
            assert!(matches!(asked(seconds, u64::MAX), Next::Wait(pause)
                if pause > wait + Duration::from_millis(499) && pause < wait + Duration::from_millis(500)));
        }
        assert_eq!(asked(60, 0), Next::GiveUp);
        assert_eq!(asked(86_400, 0), Next::GiveUp);
    }
}
