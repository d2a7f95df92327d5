//! One moment by which a call must be over.

use std::time::{Duration, Instant};

/// The end of a call's total time, over all attempts and pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// `None` when the total lies beyond the range of the clock.
    at: Option<Instant>,
}

impl Deadline {
    /// `total` from `now`.
    pub fn after(now: Instant, total: Duration) -> Self {
        Self { at: now.checked_add(total) }
    }

    /// What is left at `now`; zero when it has passed.
    pub fn remaining(self, now: Instant) -> Duration {
        self.at.map_or(Duration::MAX, |at| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    #[test]
    fn an_endless_total_never_ends_and_a_past_one_is_zero() {
        let now = SystemClock::new().now();

        assert_eq!(Deadline::after(now, Duration::MAX).remaining(now), Duration::MAX);
        let deadline = Deadline::after(now, Duration::from_secs(2));
        assert_eq!(deadline.remaining(now + Duration::from_secs(1)), Duration::from_secs(1));
        assert_eq!(deadline.remaining(now + Duration::from_secs(3)), Duration::ZERO);
    }
}
