//! How the targets of a route compare: what experiments are read by.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Client;
use super::registry::Meaning;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Attempt, AttemptReason, Outcome, Target, Usd};

/// One target of a route, over all calls since the client was built.
///
/// Means are over what is counted beside them. That one arm does better than another may be chance: compare
/// [`rating_error`](Self::rating_error).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The target.
    pub target: Target,
    /// Its share of the traffic where the route is split by weights; `None` when nobody set one.
    pub weight: Option<f64>,
    /// Calls that began here, whoever answered in the end.
    pub assigned: u64,
    /// Attempts that were answered.
    pub answered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// What all attempts with a known cost came to.
    pub cost: Usd,
    /// How many those are.
    pub costs: u64,
    /// How long answered attempts took on the average; `None` before the first.
    pub latency: Option<Duration>,
    /// How long streams took to their first token on the average; `None` before the first.
    pub first_token: Option<Duration>,
    /// How many of its answers were rated with [`Client::feedback`].
    pub ratings: u64,
    /// The mean of these ratings; `None` before the first.
    pub rating: Option<f64>,
    /// The standard error of that mean; `None` before the second. Two arms that differ by less than twice the root of the sum
    /// of their squares may well be equally good.
    pub rating_error: Option<f64>,
    /// Answers to copies of calls, where it is a [shadow](crate::routing::Route::shadow); they are in no number above but
    /// `failed`, `cost`, `costs` and `latency`.
    pub shadows: u64,
    /// How much these had in common with the answers that were given, from 0 to 1, on the average; `None` before the first.
    pub agreement: Option<f64>,
}

impl Client {
    /// How the targets of `route` compare so far, in the order of the route, its [shadows](crate::routing::Route::shadow) last:
    /// for weighted splits, and for whatever else is tried on a part of the traffic.
    ///
    /// ```
    /// # use polyroute::testing::ScriptedProvider;
    /// # use polyroute::types::Reply;
    /// # use polyroute::{Client, Result, Route};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let lab = ScriptedProvider::new("lab").always(|| Reply::text("Paris."));
    /// let client = Client::builder()
    /// #   .provider(lab)
    ///     .route("split", Route::weighted([("lab/old", 9.0), ("lab/new", 1.0)]))
    ///     .build()?;
    /// let answer = client.chat(("split", "Which city is the capital of France?")).await?;
    /// client.feedback(answer.call_id(), 1.0)?;
    /// for arm in client.arms("split")? {
    ///     println!("{}: {} calls, {:?} ± {:?}", arm.target, arm.assigned, arm.rating, arm.rating_error);
    /// }
    /// # assert_eq!(client.arms("split")?.iter().map(|arm| arm.ratings).sum::<u64>(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NoRoute`] when there is no such route.
    pub fn arms(&self, route: &str) -> Result<Vec<Arm>> {
        let Meaning::Route(known) = self.inner.registry.resolve(route)? else {
            return Err(Error::new(ErrorKind::NoRoute, format!("{route:?} is no route")));
        };
        let mut targets: Vec<(&Target, Option<f64>)> = Vec::new();
        let rows = known.candidates.as_slice().iter().map(|row| (&row.target, row.traits.weight));
        let shadows = known.shadows.targets().map(|target| (target, None));
        for (target, weight) in rows.chain(shadows) {
            if !targets.iter().any(|(known, _)| *known == target) {
                targets.push((target, weight));
            }
        }
        let tallies = known.memory.arms();
        Ok(targets.into_iter().map(|(target, weight)| tallies.arm(target, weight)).collect())
    }
}

/// The sums of a route's targets. Other targets are never added, so that there are few.
#[derive(Debug, Default)]
pub(super) struct Arms {
    tallies: Mutex<BTreeMap<Target, Tally>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    assigned: u64,
    answered: u64,
    failed: u64,
    cost: Usd,
    costs: u64,
    latency: Mean,
    first_token: Mean,
    rating: Mean,
    agreement: Mean,
    shadows: u64,
}

impl Arms {
    /// An attempt of a call is over.
    pub(super) fn note(&self, attempt: &Attempt) {
        self.with(&attempt.target, |tally| {
            tally.assigned += u64::from(attempt.reason == AttemptReason::First);
            tally.answered += u64::from(attempt.outcome == Outcome::Answered);
            tally.add(attempt);
        });
    }

    /// A copy of a call is over.
    pub(super) fn note_shadow(&self, attempt: &Attempt, agreement: Option<f64>) {
        self.with(&attempt.target, |tally| {
            tally.shadows += u64::from(attempt.outcome == Outcome::Answered);
            if let Some(agreement) = agreement {
                tally.agreement.add(agreement);
            }
            tally.add(attempt);
        });
    }

    /// An answer of `target` was rated.
    pub(super) fn rate(&self, target: &Target, score: f64) {
        self.with(target, |tally| tally.rating.add(score));
    }

    fn arm(&self, target: &Target, weight: Option<f64>) -> Arm {
        let tally = self.lock().get(target).copied().unwrap_or_default();
        let seconds = |mean: Mean| Duration::try_from_secs_f64(mean.value()?).ok();
        Arm {
            target: target.clone(),
            weight,
            assigned: tally.assigned,
            answered: tally.answered,
            failed: tally.failed,
            cost: tally.cost,
            costs: tally.costs,
            latency: seconds(tally.latency),
            first_token: seconds(tally.first_token),
            ratings: tally.rating.count,
            rating: tally.rating.value(),
            rating_error: tally.rating.error(),
            shadows: tally.shadows,
            agreement: tally.agreement.value(),
        }
    }

    fn with(&self, target: &Target, change: impl FnOnce(&mut Tally)) {
        let mut tallies = self.lock();
        match tallies.get_mut(target) {
            Some(tally) => change(tally),
            None => change(tallies.entry(target.clone()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Target, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn add(&mut self, attempt: &Attempt) {
        self.failed += u64::from(matches!(attempt.outcome, Outcome::Failed(_)));
        if let Some(cost) = attempt.cost {
            self.cost = self.cost.saturating_add(cost);
            self.costs += 1;
        }
        if attempt.outcome == Outcome::Answered {
            self.latency.add(attempt.elapsed.as_secs_f64());
            if let Some(first) = attempt.time_to_first_token {
                self.first_token.add(first.as_secs_f64());
            }
        }
    }
}

/// A mean and how much the samples differ: Welford, *Note on a method for calculating corrected sums of squares*, 1962.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    count: u64,
    mean: f64,
    squares: f64,
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "times and ratings, never money")]
impl Mean {
    fn add(&mut self, sample: f64) {
        self.count += 1;
        let before = sample - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (sample - self.mean);
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    fn error(&self) -> Option<f64> {
        let others = self.count.checked_sub(1).filter(|others| *others > 0)?;
        Some((self.squares / others as f64 / self.count as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::Mean;

    #[test]
    fn means_know_how_sure_they_are() {
        let mut mean = Mean::default();
        assert_eq!((mean.value(), mean.error()), (None, None));
        mean.add(1.0);
        assert_eq!((mean.value(), mean.error()), (Some(1.0), None));
        for sample in [0.0, 1.0, 0.0] {
            mean.add(sample);
        }

        assert_eq!(mean.value(), Some(0.5));
        // Four of variance a third: the root of a twelfth.
        assert!((mean.error().unwrap() - (1.0_f64 / 12.0).sqrt()).abs() < 1e-12);
    }
}
