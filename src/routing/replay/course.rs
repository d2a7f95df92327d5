//! What a call comes to under a plan, and what is guessed where nobody saw it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Basis, Ended, Logged, Observed, Replayed, Sums};
use crate::routing::Candidates;
use crate::types::{Reading, Target, Usd};

/// What a call comes to while targets are asked one after the other.
pub(super) struct Course {
    pub(super) target: Option<Target>,
    pub(super) basis: Basis,
    cost: Usd,
    cost_unknown: bool,
    pub(super) latency: Duration,
    pub(super) latency_unknown: bool,
    pub(super) quality: Option<f64>,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            target: None,
            basis: Basis::Observed,
            cost: Usd::ZERO,
            cost_unknown: false,
            latency: Duration::ZERO,
            latency_unknown: false,
            quality: None,
        }
    }
}

impl Course {
    /// Nothing can be said.
    pub(super) fn unknown() -> Self {
        Self { basis: Basis::Unknown, ..Self::default() }
    }

    /// Follows `plan` until somebody answers.
    pub(super) fn along(
        plan: &[(&Target, Reading)],
        logged: &Logged,
        candidates: &Candidates,
        means: &Means<'_>,
    ) -> Self {
        if logged.follows(plan) {
            return logged.actual();
        }
        let mut course = Self::default();
        for (target, reading) in plan {
            let mut seen = match logged.of(target) {
                Some(seen) => seen,
                None => match means.guess(target, logged, candidates) {
                    Some(guessed) => {
                        course.basis = Basis::Estimated;
                        guessed
                    }
                    None => return Self::unknown(),
                },
            };
            match (seen.ended, *reading) {
                // Nobody reads it, so that it is what the caller gets.
                (Ended::Escalated, Reading::Unread) => seen.ended = Ended::Answered,
                (Ended::Answered, Reading::Reviewed) if seen.reading == Reading::Unread => {
                    course.basis = Basis::Estimated;
                }
                _ => {}
            }
            course.add(&seen);
            if seen.ended == Ended::Answered {
                break;
            }
        }
        course
    }

    pub(super) fn add(&mut self, seen: &Observed) {
        match seen.cost {
            Some(cost) => self.cost = self.cost.saturating_add(cost),
            None => self.cost_unknown = true,
        }
        match seen.latency {
            Some(latency) => self.latency = self.latency.saturating_add(latency),
            None => self.latency_unknown = true,
        }
        // An answer that was not good enough is better than none.
        if seen.ended.is_answer() {
            self.target = Some(seen.target.clone());
            self.quality = seen.quality;
        }
    }

    pub(super) fn cost(&self) -> Option<Usd> {
        (!self.cost_unknown).then_some(self.cost)
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        (!self.latency_unknown).then_some(self.latency)
    }

    pub(super) fn compared(self, logged: &Logged, actual: &Self) -> Replayed {
        let known = self.basis != Basis::Unknown;
        let cost = self.cost().filter(|_| known);
        let answers = || logged.observed.iter().filter(|seen| seen.ended.is_answer());
        let best = answers().filter_map(|seen| seen.quality).max_by(f64::total_cmp);
        let cheapest = answers()
            .filter(|seen| seen.quality.zip(self.quality).is_some_and(|(seen, own)| seen >= own))
            .filter_map(|seen| seen.cost)
            .min();
        Replayed {
            latency: self.latency().filter(|_| known),
            saved: actual.cost().zip(cost).map(|(was, is)| was.saturating_sub(is)),
            regret: cost.zip(cheapest).map(|(own, cheapest)| own.saturating_sub(cheapest).max(Usd::ZERO)),
            quality_regret: best.zip(self.quality).map(|(best, own)| (best - own).max(0.0)),
            quality: self.quality,
            target: self.target,
            basis: self.basis,
            cost,
        }
    }
}

/// What each target came to on the average of the log.
pub(super) struct Means<'a>(BTreeMap<&'a Target, Known>);

#[derive(Default)]
struct Known {
    answers: Sums,
    failures: Sums,
    answered: usize,
    failed: usize,
}

impl<'a> Means<'a> {
    pub(super) fn of(log: &'a [Logged]) -> Self {
        let mut means: BTreeMap<&Target, Known> = BTreeMap::new();
        for seen in log.iter().flat_map(|logged| &logged.observed) {
            let known = means.entry(&seen.target).or_default();
            match seen.ended {
                Ended::Answered | Ended::Escalated => {
                    known.answered += 1;
                    known.answers.note(seen.cost, seen.latency, seen.quality);
                }
                Ended::Failed => {
                    known.failed += 1;
                    known.failures.note(seen.cost, seen.latency, None);
                }
                Ended::Cancelled => {}
            }
        }
        Self(means)
    }

    /// What `target` would probably have made of a request it was never asked; `None` when it is not in the log at all.
    pub(super) fn guess(
        &self,
        target: &Target,
        logged: &Logged,
        candidates: &Candidates,
    ) -> Option<Observed> {
        let known = self.0.get(target)?;
        let mean = |sums: &Sums| (sums.latencies > 0).then_some(sums.latency);
        if known.answered == 0 {
            let failed = Observed::new(target.clone(), Some(Usd::ZERO), mean(&known.failures), None);
            return (known.failed > 0).then(|| failed.ended(Ended::Failed));
        }
        let answers = &known.answers;
        let candidate = candidates.as_slice().iter().find(|candidate| candidate.target == *target);
        let cost = candidate.and_then(|candidate| candidate.expected_cost(&logged.facts));
        let quality = (answers.qualities > 0).then_some(answers.quality);
        Some(Observed::new(target.clone(), cost, mean(answers), quality))
    }
}
