//! How far the weak model may be trusted, by what has been observed, so that quality stays above a floor.

#![expect(clippy::float_arithmetic, reason = "statistics of quality, never money")]

use crate::error::{Error, ErrorKind, Result};

/// A share of the strong model's quality that must be kept, and how sure one has to be of it.
///
/// The bound is a lower confidence bound, not an estimate: with few observations it lies low, so more goes to the strong
/// model, and below [`least`](Self::least) observations everything does.
///
/// ```
/// use polyroute::routing::{Observation, QualityFloor};
///
/// let floor = QualityFloor::new(0.95)?;
/// // Ten good answers prove nothing.
/// let few = vec![Observation::new(0.1, 1.0, 1.0); 10];
/// assert!(floor.threshold(&few).asks_strong(-1.0));
/// // The weak model fails exactly where a gain was foreseen.
/// let many: Vec<_> = (0..400)
///     .map(|n| if n % 4 == 0 { Observation::new(0.6, 1.0, 0.0) } else { Observation::new(0.1, 1.0, 1.0) })
///     .collect();
/// let threshold = floor.threshold(&many);
/// assert!(threshold.asks_strong(0.6) && !threshold.asks_strong(0.1));
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualityFloor {
    share: f64,
    least: usize,
    deviations: f64,
}

/// The outcomes of one prompt at both models, and the gain that was foreseen for it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// What asking the strong model was expected to gain; any scale, as long as more means more.
    pub gain: f64,
    /// Quality of the strong model's answer, between zero and one.
    pub strong: f64,
    /// Quality of the weak model's answer, between zero and one.
    pub weak: f64,
}

impl Observation {
    /// Foreseen gain and both outcomes. What is no number counts against the weak model.
    pub fn new(gain: f64, strong: f64, weak: f64) -> Self {
        let sane = |quality: f64, unknown: f64| {
            if quality.is_nan() { unknown } else { quality.clamp(0.0, 1.0) }
        };
        let gain = if gain.is_nan() { f64::INFINITY } else { gain };
        Self { gain, strong: sane(strong, 1.0), weak: sane(weak, 0.0) }
    }
}

/// From which foreseen gain on the strong model is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold(f64);

impl Threshold {
    /// The strong model is always asked.
    pub const STRONG: Self = Self(f64::NEG_INFINITY);

    /// From this gain on; what is no number asks always.
    pub fn new(gain: f64) -> Self {
        if gain.is_nan() { Self::STRONG } else { Self(gain) }
    }

    /// The gain itself: minus infinity for always, infinity for never.
    pub const fn gain(self) -> f64 {
        self.0
    }

    /// Is the strong model asked where this gain is foreseen? Always where it is no number.
    pub fn asks_strong(self, gain: f64) -> bool {
        gain.is_nan() || gain >= self.0
    }
}

impl QualityFloor {
    /// At least `share` of the strong model's quality, between zero and one, with 99 % confidence and no fewer than 50
    /// observations.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when `share` is no number between zero and one.
    pub fn new(share: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&share) {
            let message =
                format!("a quality floor is a share between 0 and 1, for example 0.95, not {share}");
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(Self { share, least: 50, deviations: 2.326 })
    }

    /// The share of the strong model's quality.
    pub const fn share(self) -> f64 {
        self.share
    }

    /// Below this number of observations everything goes to the strong model. 50 by default, never below 10: a bound from
    /// fewer means nothing.
    #[must_use]
    pub fn least(mut self, observations: usize) -> Self {
        self.least = observations.max(10);
        self
    }

    /// How many standard errors the bound lies below the mean: 2.326, for 99 %, by default; never negative.
    #[must_use]
    pub fn deviations(mut self, deviations: f64) -> Self {
        self.deviations = if deviations.is_finite() { deviations.max(0.0) } else { self.deviations };
        self
    }

    /// The threshold that sends as little as possible to the strong model while the floor holds.
    ///
    /// Shares are tried from all strong downwards, in twentieths, and the first that cannot be vouched for ends the search:
    /// looking at many and taking the luckiest would break the confidence.
    pub fn threshold(&self, observations: &[Observation]) -> Threshold {
        self.weighted(observations.iter().map(|one| (*one, 1.0)).collect())
    }

    /// The same for the traffic that `gains` was foreseen for, where some of it was observed more often than the rest: it is
    /// cut into tenths by the gain, and each counts as much as it has calls. Of a tenth without observations the weak model
    /// is taken to know nothing.
    pub(crate) fn threshold_for(&self, observations: &[Observation], gains: &[f64]) -> Threshold {
        if observations.len() < self.least || gains.len() < self.least {
            return self.threshold(observations);
        }
        let mut gains = gains.to_vec();
        gains.sort_by(f64::total_cmp);
        // The upper ends of the tenths; equal gains stay together.
        let mut ends: Vec<f64> = (1..=TENTHS)
            .filter_map(|tenth| gains.get((gains.len() * tenth / TENTHS).max(1) - 1))
            .copied()
            .collect();
        ends.dedup();
        let place = |gain: f64| ends.partition_point(|end| *end < gain).min(ends.len().saturating_sub(1));
        let mut calls = vec![0.0; ends.len()];
        let mut seen = vec![0.0; ends.len()];
        let add = |counts: &mut Vec<f64>, gain: f64| {
            if let Some(count) = counts.get_mut(place(gain)) {
                *count += 1.0;
            }
        };
        gains.iter().for_each(|gain| add(&mut calls, *gain));
        observations.iter().for_each(|one| add(&mut seen, one.gain));
        let all = calls.iter().sum::<f64>().max(1.0);
        let scale = observations.len() as f64 / all;
        let weight = |place: usize| {
            let (calls, seen) = (calls.get(place).copied(), seen.get(place).copied());
            calls.unwrap_or_default() * scale / seen.unwrap_or_default().max(1.0)
        };
        let mut weighted: Vec<(Observation, f64)> =
            observations.iter().map(|one| (*one, weight(place(one.gain)))).collect();
        let unseen = (0..ends.len()).filter(|place| seen.get(*place) == Some(&0.0));
        weighted.extend(
            unseen.filter_map(|place| Some((Observation::new(*ends.get(place)?, 1.0, 0.0), weight(place)))),
        );
        self.weighted(weighted)
    }

    fn weighted(&self, mut sorted: Vec<(Observation, f64)>) -> Threshold {
        if sorted.len() < self.least {
            return Threshold::STRONG;
        }
        sorted.sort_by(|(one, _), (other, _)| other.gain.total_cmp(&one.gain));
        let mut best = Threshold::STRONG;
        for step in 1..=STEPS {
            let strong = sorted.len() * (STEPS - step) / STEPS;
            // Equal gains cannot be told apart later, so they stay together.
            let gain = match strong.checked_sub(1).and_then(|last| sorted.get(last)) {
                Some((last, _)) => last.gain,
                None => f64::INFINITY,
            };
            // What no observation lies below, none can vouch for.
            if sorted.last().is_none_or(|(easiest, _)| easiest.gain >= gain) {
                continue;
            }
            if !self.holds(&sorted, gain) {
                break;
            }
            best = Threshold(gain);
        }
        best
    }

    /// Is the quality kept above the floor, when from `gain` on the strong model answers? One failure more than was seen
    /// is reckoned with.
    fn holds(&self, observations: &[(Observation, f64)], gain: f64) -> bool {
        let surplus = |one: &Observation| {
            let kept = if one.gain >= gain && gain.is_finite() { one.strong } else { one.weak };
            kept - self.share * one.strong
        };
        let (mut count, mut sum, mut squares) = (1.0, -self.share, self.share * self.share);
        let mut weights_squared = 1.0;
        for (one, weight) in observations {
            let surplus = surplus(one);
            count += weight;
            sum += weight * surplus;
            squares += weight * surplus * surplus;
            weights_squared += weight * weight;
        }
        let mean: f64 = sum / count;
        let variance = (squares / count - mean * mean).max(0.0);
        // What uneven weights leave of so many observations.
        let effective = count * count / weights_squared;
        mean - self.deviations * (variance / effective).sqrt() >= 0.0
    }
}

const STEPS: usize = 20;
const TENTHS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(share: f64) -> QualityFloor {
        QualityFloor::new(share).unwrap()
    }

    #[test]
    fn few_observations_ask_the_strong_model() {
        let observations = vec![Observation::new(0.0, 1.0, 1.0); 49];

        assert_eq!(floor(0.5).threshold(&observations), Threshold::STRONG);
        assert_eq!(floor(0.5).threshold(&[]), Threshold::STRONG);
    }

    #[test]
    fn a_weak_model_as_good_is_asked_for_everything_once_that_is_proven() {
        let observations = vec![Observation::new(0.0, 1.0, 1.0); 200];

        assert_eq!(floor(0.95).threshold(&observations).gain(), f64::INFINITY);
        assert_eq!(floor(1.0).threshold(&observations), Threshold::STRONG, "nothing proves perfection");
    }

    #[test]
    fn the_bound_lies_below_the_mean() {
        // The weak model keeps 96 % on the whole: more than the floor, but 100 of them prove no more than 92 %.
        let observations: Vec<Observation> =
            (0..100).map(|n| Observation::new(0.1, 1.0, if n % 25 == 0 { 0.0 } else { 1.0 })).collect();
        let many: Vec<Observation> = observations.iter().copied().cycle().take(10_000).collect();

        assert!(floor(0.95).threshold(&observations).asks_strong(0.1));
        assert!(!floor(0.95).threshold(&many).asks_strong(0.1));
    }

    #[test]
    fn what_is_no_number_goes_to_the_strong_model() {
        assert!(QualityFloor::new(f64::NAN).is_err() && QualityFloor::new(1.5).is_err());
        assert!(Threshold::new(f64::NAN).asks_strong(f64::NEG_INFINITY));
        assert!(Threshold::new(f64::INFINITY).asks_strong(f64::NAN));
        let broken = Observation::new(f64::NAN, f64::NAN, f64::NAN);
        assert_eq!((broken.gain, broken.strong, broken.weak), (f64::INFINITY, 1.0, 0.0));
        assert!(floor(0.9).threshold(&vec![broken; 100]).asks_strong(0.0));
    }
}
