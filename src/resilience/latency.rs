//! How fast an endpoint is: averages that forget with time, and the slow end of the distribution.

use std::time::{Duration, Instant};

/// An average in which a sample of `DECAY` ago weighs a third of one of now, however many came since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecayingMean {
    value: f64,
    at: Instant,
}

#[expect(clippy::float_arithmetic, reason = "an average of latencies is no money")]
impl DecayingMean {
    pub(crate) fn of(sample: f64, at: Instant) -> Self {
        Self { value: sample, at }
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// Adds a sample. Samples of the same moment share its weight as if they came `LEAST_STEP` after one another.
    pub(crate) fn add(&mut self, sample: f64, now: Instant) {
        let step = now.saturating_duration_since(self.at).max(LEAST_STEP);
        let kept = (-step.as_secs_f64() / DECAY.as_secs_f64()).exp();
        self.value = self.value.mul_add(kept, sample * (1.0 - kept));
        self.at = now;
    }

    /// Adds a sample; one above the average replaces it at once, so that trouble is seen before it is averaged away.
    pub(crate) fn add_peak(&mut self, sample: f64, now: Instant) {
        if sample > self.value {
            *self = Self::of(sample, now);
        } else {
            self.add(sample, now);
        }
    }
}

/// Answers of language models take seconds; ten of them, as in other balancers, would hold about one.
const DECAY: Duration = Duration::from_secs(60);

/// Twenty samples of one moment count as one second.
const LEAST_STEP: Duration = Duration::from_millis(50);

/// How many samples fell into which range of durations, each range a tenth wider than the one before. Old ones are forgotten
/// by halves.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Box<[u32; BUCKETS]>,
    total: u32,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: Box::new([0; BUCKETS]), total: 0 }
    }

    pub(crate) fn add(&mut self, sample: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(sample)) {
            *count += 1;
            self.total += 1;
        }
        if self.total >= REMEMBERED {
            for count in self.counts.iter_mut() {
                *count /= 2;
            }
            self.total = self.counts.iter().sum();
        }
    }

    /// The upper end of the range below which `percent` of the samples fall; `None` while there are too few to say.
    pub(crate) fn percentile(&self, percent: u32) -> Option<Duration> {
        if self.total < FEWEST {
            return None;
        }
        let wanted = u64::from(self.total) * u64::from(percent.min(100));
        let mut below = 0_u64;
        for (place, count) in self.counts.iter().enumerate() {
            below += u64::from(*count) * 100;
            if below >= wanted {
                return Some(upper(place));
            }
        }
        None
    }
}

#[expect(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a range"
)]
fn bucket(sample: Duration) -> usize {
    let scaled = (sample.as_secs_f64() / SHORTEST).max(1.0).ln() / GROWTH.ln();
    (scaled.ceil() as usize).min(BUCKETS - 1)
}

#[expect(clippy::float_arithmetic, reason = "a range")]
fn upper(place: usize) -> Duration {
    let power = i32::try_from(place).unwrap_or(i32::MAX);
    Duration::try_from_secs_f64(SHORTEST * GROWTH.powi(power)).unwrap_or(Duration::MAX)
}

/// One millisecond to some ten minutes.
const BUCKETS: usize = 141;
const SHORTEST: f64 = 0.001;
const GROWTH: f64 = 1.1;

/// Halved when there are more, so that the last thousand count.
const REMEMBERED: u32 = 1_000;

/// Of fewer samples nobody can say what a twentieth is.
const FEWEST: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_average_forgets_with_time_and_not_with_samples() {
        let start = SystemClock::new().now();
        let mut mean = DecayingMean::of(1.0, start);
        mean.add(11.0, start + 60 * SECOND);
        assert!((mean.value() - (1.0 + 10.0 * (1.0 - (-1.0_f64).exp()))).abs() < 1e-9);

        let mut busy = DecayingMean::of(1.0, start);
        for step in 1..=60_000_u32 {
            busy.add(11.0, start + SECOND * step / 1000);
        }
        // A thousand samples a second weigh as their seconds, but for the least step.
        assert!(busy.value() > 10.9, "{}", busy.value());
    }

    #[test]
    fn a_peak_is_seen_at_once_and_forgotten_slowly() {
        let start = SystemClock::new().now();
        let mut mean = DecayingMean::of(1.0, start);
        mean.add_peak(10.0, start + SECOND);
        assert!((mean.value() - 10.0).abs() < 1e-9);

        mean.add_peak(1.0, start + 61 * SECOND);
        assert!(mean.value() > 4.0 && mean.value() < 5.0, "{}", mean.value());
    }

    #[test]
    fn a_percentile_is_within_a_tenth_and_unknown_while_there_are_few() {
        let mut histogram = Histogram::new();
        for number in 1..=19 {
            histogram.add(Duration::from_millis(number));
        }
        assert_eq!(histogram.percentile(95), None);

        let mut histogram = Histogram::new();
        for number in 1..=900_u64 {
            histogram.add(Duration::from_millis(number));
        }
        for percent in [50, 90, 95, 99] {
            let found = histogram.percentile(percent).unwrap();
            let exact = Duration::from_millis(u64::from(percent) * 9);
            assert!(found >= exact && found <= exact * 111 / 100, "{percent}: {found:?}");
        }
    }

    #[test]
    fn what_was_slow_long_ago_is_forgotten() {
        let mut histogram = Histogram::new();
        for _ in 0..500 {
            histogram.add(Duration::from_secs(10));
        }
        for _ in 0..20_000 {
            histogram.add(Duration::from_millis(100));
        }

        assert!(histogram.percentile(95).unwrap() < Duration::from_millis(120));
        for extreme in [Duration::ZERO, Duration::MAX] {
            histogram.add(extreme);
        }
    }
}
