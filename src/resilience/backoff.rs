//! The exponential curve; the only file that names the `backoff` crate.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// The longest pause before each retry: `base × 2^(retry-1)`, never above the cap.
///
/// The caller draws uniformly below it ("full jitter", AWS Architecture Blog, 2015).
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Backoff {
    /// A curve that begins at `base` and stops growing at `cap`.
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self(ExponentialBackoff {
            current_interval: base,
            initial_interval: base,
            // Jitter, deadline and Retry-After are ours; the crate gives the bare curve.
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: cap,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }

    /// The ceiling before retry number `retry`, counted from 1.
    pub fn ceiling(mut self, retry: u32) -> Duration {
        let cap = self.0.max_interval;
        // Beyond 64 doublings any base above a nanosecond has reached any cap.
        let steps = retry.clamp(1, 64);
        (0..steps).fold(cap, |_, _| self.0.next_backoff().unwrap_or(cap)).min(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let ceiling = |retry| Backoff::new(Duration::from_millis(50), Duration::from_secs(20)).ceiling(retry);

        assert_eq!(ceiling(0), Duration::from_millis(50));
        assert_eq!(ceiling(1), Duration::from_millis(50));
        assert_eq!(ceiling(2), Duration::from_millis(100));
        assert_eq!(ceiling(5), Duration::from_millis(800));
        assert_eq!(ceiling(10), Duration::from_secs(20));
        assert_eq!(ceiling(u32::MAX), Duration::from_secs(20));
    }
}
