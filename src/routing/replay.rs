//! What would last week have cost with another policy?

#![expect(clippy::float_arithmetic, reason = "means of quality and latency; money stays whole")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Candidates, Question, RequestFacts, RoutingPolicy, decide};
use crate::types::{Attempt, AttemptReason, CallSummary, Outcome, Target, Usd};

/// One call as it was: what was known before, and what is known of each target that was tried. Serialises; holds no
/// prompt and no answer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// What the policy knew.
    pub facts: RequestFacts,
    /// What came of each target that was tried, in this order.
    pub observed: Vec<Observed>,
    /// Who answered; `None` when the call failed.
    pub answered: Option<Target>,
}

/// What came of one request at one target.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The target.
    pub target: Target,
    /// How it ended.
    pub ended: Ended,
    /// What it cost; `None` when that is unknown.
    pub cost: Option<Usd>,
    /// How long it took.
    pub latency: Option<Duration>,
    /// How good the answer was, from 0 to 1; `None` when nobody said.
    pub quality: Option<f64>,
}

/// How an attempt of the log ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// With an answer that the caller got, or would have.
    Answered,
    /// With an answer that was not good enough, so that another target was asked.
    Escalated,
    /// With an error, or cancelled.
    Failed,
}

impl Observed {
    /// `target` answered.
    pub fn new(target: Target, cost: Option<Usd>, latency: Option<Duration>, quality: Option<f64>) -> Self {
        Self { target, ended: Ended::Answered, cost, latency, quality: quality.filter(|q| q.is_finite()) }
    }

    /// As this, but it ended so.
    #[must_use]
    pub fn ended(self, ended: Ended) -> Self {
        Self { ended, ..self }
    }
}

impl Logged {
    /// A call about which `facts` were known. They are those of [`Client::facts`](crate::Client::facts), taken when the call
    /// was made; chance and gain are set to those that decided it.
    pub fn new(mut facts: RequestFacts, summary: &CallSummary) -> Self {
        facts.chance = summary.decision.chance;
        facts.gain = summary.decision.gain.or(facts.gain);
        let follows = summary.attempts.iter().skip(1).map(|next| Some(next.reason)).chain([None]);
        let observed =
            summary.attempts.iter().zip(follows).map(|(attempt, next)| observed(attempt, next)).collect();
        Self { facts, observed, answered: Some(summary.target.clone()) }
    }

    /// A call that failed after these attempts.
    pub fn failed(facts: RequestFacts, attempts: &[Attempt]) -> Self {
        Self {
            facts,
            observed: attempts.iter().map(|attempt| observed(attempt, None)).collect(),
            answered: None,
        }
    }

    /// As this, with a target that was observed beside the call: in shadow, by an audit, or by hand.
    #[must_use]
    pub fn also(mut self, observed: Observed) -> Self {
        self.observed.push(observed);
        self
    }

    /// As this, with the answer the caller got rated: from 0 to 1, what is no number is ignored.
    #[must_use]
    pub fn rated(mut self, score: f64) -> Self {
        let answer = self.observed.iter_mut().rev().find(|seen| Some(&seen.target) == self.answered.as_ref());
        if let Some(answer) = answer.filter(|_| score.is_finite()) {
            answer.quality = Some(score.clamp(0.0, 1.0));
        }
        self
    }

    /// What the call really came to: everything that was tried until somebody answered.
    fn actual(&self) -> Course {
        let mut course = Course::default();
        for seen in &self.observed {
            course.add(seen);
            if seen.ended == Ended::Answered {
                break;
            }
        }
        course
    }
}

fn observed(attempt: &Attempt, next: Option<AttemptReason>) -> Observed {
    let ended = match (attempt.outcome, next) {
        (Outcome::Answered, Some(AttemptReason::Escalation)) => Ended::Escalated,
        (Outcome::Answered, _) => Ended::Answered,
        (Outcome::Failed(_) | Outcome::Cancelled, _) => Ended::Failed,
    };
    // A failed attempt that consumed nothing cost nothing.
    let nothing = ended == Ended::Failed && attempt.completeness == crate::types::Completeness::Exact;
    let cost = attempt.cost.or_else(|| nothing.then_some(Usd::ZERO));
    Observed::new(attempt.target.clone(), cost, Some(attempt.elapsed), None).ended(ended)
}

/// How well it is known what another policy would have come to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Every target it would have asked was tried with this very request.
    Observed,
    /// One was not: its cost is the expected one, quality and latency its mean over the log. A guess, the more so the more
    /// the policy that made the log chose by difficulty.
    Estimated,
    /// Nothing is known of a target it would have asked, or no target was left.
    Unknown,
}

/// One call under another policy.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// Who would have answered; `None` when nobody could, or it is not known.
    pub target: Option<Target>,
    /// How well the rest is known.
    pub basis: Basis,
    /// What it would have cost, all legs together.
    pub cost: Option<Usd>,
    /// How long it would have taken.
    pub latency: Option<Duration>,
    /// How good the answer would have been.
    pub quality: Option<f64>,
    /// What it would have saved against what the call cost; less than zero when it would have cost more.
    pub saved: Option<Usd>,
    /// How much more it costs than the cheapest target that was observed with this request to be at least as good.
    pub regret: Option<Usd>,
    /// How much better the best target was that was observed with this request.
    pub quality_regret: Option<f64>,
}

/// A log under another policy.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Call by call, in the order of the log.
    pub calls: Vec<Replayed>,
    /// How many go to another target first.
    pub changed: usize,
    /// What is known of the log as it was.
    pub actual: Sums,
    /// The same under the policy; only over calls whose basis is not [`Basis::Unknown`].
    pub replayed: Sums,
}

/// Sums over calls. Each over those for which it is known; their number stands beside it.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// All costs that are known.
    pub cost: Usd,
    /// How many costs those are.
    pub costs: usize,
    /// The mean quality.
    pub quality: f64,
    /// How many qualities are known.
    pub qualities: usize,
    /// The mean latency.
    pub latency: Duration,
    /// How many latencies are known.
    pub latencies: usize,
}

impl Replay {
    /// How many calls have this basis.
    pub fn count(&self, basis: Basis) -> usize {
        self.calls.iter().filter(|call| call.basis == basis).count()
    }

    /// What would have been saved, over the calls for which both costs are known.
    pub fn saved(&self) -> Usd {
        self.calls.iter().filter_map(|call| call.saved).fold(Usd::ZERO, Usd::saturating_add)
    }
}

/// Runs `policy` over `log`, choosing among `candidates`, and says what it would have come to. Sends nothing.
///
/// The policy sees the facts of each call and learns nothing from outcomes; for state it keeps, give it the state it is to
/// have. Health is taken to be good. A target that was never tried with a request is estimated, and marked so.
pub fn replay(log: &[Logged], candidates: &Candidates, policy: &dyn RoutingPolicy) -> Replay {
    let means = Means::of(log);
    let mut result = Replay::default();
    for logged in log {
        let actual = logged.actual();
        result.actual.add(actual.cost(), actual.latency(), actual.quality);
        let planned = decide(policy, &Question::new(&logged.facts, candidates)).map(|decided| decided.plan);
        let plan: Vec<&Target> = planned
            .iter()
            .flat_map(|plan| &plan.choices)
            .filter_map(|choice| candidates.get(choice.candidate).map(|candidate| &candidate.target))
            .collect();
        let first = logged.observed.first().map(|seen| &seen.target);
        result.changed += usize::from(plan.first().copied() != first);
        let course = Course::along(&plan, logged, candidates, &means);
        let call = course.compared(logged, &actual);
        if call.basis != Basis::Unknown {
            result.replayed.add(call.cost, call.latency, call.quality);
        }
        result.calls.push(call);
    }
    result
}

impl Sums {
    fn add(&mut self, cost: Option<Usd>, latency: Option<Duration>, quality: Option<f64>) {
        if let Some(cost) = cost {
            self.cost = self.cost.saturating_add(cost);
            self.costs += 1;
        }
        if let Some(latency) = latency {
            self.latencies += 1;
            let count = self.latencies as f64;
            self.latency = Duration::from_secs_f64(
                (self.latency.as_secs_f64() * (count - 1.0) + latency.as_secs_f64()) / count,
            );
        }
        if let Some(quality) = quality {
            self.qualities += 1;
            self.quality += (quality - self.quality) / self.qualities as f64;
        }
    }
}

/// What a call comes to while targets are asked one after the other.
#[derive(Default)]
struct Course {
    target: Option<Target>,
    estimated: bool,
    cost: Usd,
    cost_unknown: bool,
    latency: Duration,
    latency_unknown: bool,
    quality: Option<f64>,
}

impl Course {
    /// Follows `plan` until somebody answers.
    fn along(plan: &[&Target], logged: &Logged, candidates: &Candidates, means: &Means<'_>) -> Self {
        let mut course = Self::default();
        for target in plan {
            let seen = logged.observed.iter().find(|seen| seen.target == **target);
            let guess = || means.guess(target, logged, candidates);
            let Some(seen) = seen.cloned().or_else(|| {
                course.estimated = true;
                guess()
            }) else {
                return Self { estimated: true, ..Self::default() };
            };
            course.add(&seen);
            if seen.ended == Ended::Answered {
                return course;
            }
        }
        course
    }

    fn add(&mut self, seen: &Observed) {
        match seen.cost {
            Some(cost) => self.cost = self.cost.saturating_add(cost),
            None => self.cost_unknown = true,
        }
        match seen.latency {
            Some(latency) => self.latency = self.latency.saturating_add(latency),
            None => self.latency_unknown = true,
        }
        if seen.ended == Ended::Answered {
            self.target = Some(seen.target.clone());
            self.quality = seen.quality;
        }
    }

    fn cost(&self) -> Option<Usd> {
        (!self.cost_unknown).then_some(self.cost)
    }

    fn latency(&self) -> Option<Duration> {
        (!self.latency_unknown).then_some(self.latency)
    }

    fn compared(self, logged: &Logged, actual: &Self) -> Replayed {
        let basis = match (&self.target, self.estimated) {
            (None, _) => Basis::Unknown,
            (Some(_), true) => Basis::Estimated,
            (Some(_), false) => Basis::Observed,
        };
        let known = basis != Basis::Unknown;
        let cost = self.cost().filter(|_| known);
        let answers = || logged.observed.iter().filter(|seen| seen.ended != Ended::Failed);
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
            basis,
            cost,
        }
    }
}

/// What each target came to on the average of the log.
struct Means<'a>(BTreeMap<&'a Target, Sums>);

impl<'a> Means<'a> {
    fn of(log: &'a [Logged]) -> Self {
        let mut means: BTreeMap<&Target, Sums> = BTreeMap::new();
        for seen in log.iter().flat_map(|logged| &logged.observed) {
            if seen.ended != Ended::Failed {
                means.entry(&seen.target).or_default().add(seen.cost, seen.latency, seen.quality);
            }
        }
        Self(means)
    }

    /// What `target` would probably have made of a request it was never asked; `None` when it is not in the log at all.
    fn guess(&self, target: &Target, logged: &Logged, candidates: &Candidates) -> Option<Observed> {
        let known = self.0.get(target)?;
        let candidate = candidates.as_slice().iter().find(|candidate| candidate.target == *target);
        let cost = candidate.and_then(|candidate| candidate.expected_cost(&logged.facts));
        let latency = (known.latencies > 0).then_some(known.latency);
        let quality = (known.qualities > 0).then_some(known.quality);
        Some(Observed::new(target.clone(), cost, latency, quality))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::routing::Candidate;
    use crate::routing::policy::Ordered;

    fn target(name: &str) -> Target {
        name.parse().unwrap()
    }

    fn candidates(names: &[&str]) -> Candidates {
        Candidates::new(names.iter().map(|name| Candidate::new(target(name), None)))
    }

    fn dollars(pico: i128) -> Option<Usd> {
        Some(Usd::from_pico(pico))
    }

    fn seen(name: &str, cost: i128, quality: f64) -> Observed {
        Observed::new(target(name), dollars(cost), Some(Duration::from_secs(1)), Some(quality))
    }

    fn logged(observed: Vec<Observed>) -> Logged {
        let facts = RequestFacts::new(100, SystemTime::UNIX_EPOCH);
        let answered = observed.first().map(|seen| seen.target.clone());
        Logged { facts, observed, answered }
    }

    #[test]
    fn a_policy_that_asks_who_was_asked_comes_to_the_same() {
        let log = vec![logged(vec![seen("a/m", 100, 1.0)]), logged(vec![seen("a/m", 50, 0.0)])];

        let replay = replay(&log, &candidates(&["a/m", "b/m"]), &Ordered::new());

        assert_eq!((replay.changed, replay.count(Basis::Observed)), (0, 2));
        assert_eq!(replay.actual, replay.replayed);
        assert_eq!((replay.replayed.cost, replay.replayed.quality), (Usd::from_pico(150), 0.5));
        assert_eq!(replay.saved(), Usd::ZERO);
    }

    #[test]
    fn savings_and_regret_are_told_for_each_call() {
        let log = vec![logged(vec![seen("dear/m", 100, 1.0), seen("cheap/m", 10, 1.0)])];

        let cheap = replay(&log, &candidates(&["cheap/m", "dear/m"]), &Ordered::new());
        let dear = replay(&log, &candidates(&["dear/m", "cheap/m"]), &Ordered::new());

        assert_eq!((cheap.changed, cheap.saved()), (1, Usd::from_pico(90)));
        assert_eq!((cheap.calls[0].regret, dear.calls[0].regret), (dollars(0), dollars(90)));
    }

    #[test]
    fn a_worse_answer_is_a_regret_of_quality() {
        let log = vec![logged(vec![seen("dear/m", 100, 1.0), seen("cheap/m", 10, 0.25)])];

        let cheap = replay(&log, &candidates(&["cheap/m"]), &Ordered::new());

        assert_eq!((cheap.calls[0].quality_regret, cheap.calls[0].regret), (Some(0.75), dollars(0)));
    }

    #[test]
    fn what_was_never_observed_is_estimated_from_other_calls_or_unknown() {
        let log = vec![logged(vec![seen("a/m", 100, 1.0)]), logged(vec![seen("b/m", 10, 0.5)])];

        let known = replay(&log, &candidates(&["b/m", "a/m"]), &Ordered::new());
        let unknown = replay(&log, &candidates(&["c/m"]), &Ordered::new());

        assert_eq!(known.calls[0].basis, Basis::Estimated);
        assert_eq!((known.calls[0].quality, known.calls[0].cost), (Some(0.5), None), "no price, no cost");
        assert_eq!((unknown.count(Basis::Unknown), unknown.replayed.costs), (2, 0));
        assert_eq!(unknown.calls[0].saved, None);
    }

    #[test]
    fn failures_and_escalations_are_followed_and_paid() {
        let log = vec![logged(vec![
            seen("a/m", 5, 0.0).ended(Ended::Escalated),
            seen("b/m", 0, 0.0).ended(Ended::Failed),
            seen("c/m", 100, 1.0),
        ])];

        let replay = replay(&log, &candidates(&["a/m", "b/m", "c/m"]), &Ordered::new());

        assert_eq!(replay.calls[0].target, Some(target("c/m")));
        assert_eq!(
            (replay.calls[0].cost, replay.calls[0].latency),
            (dollars(105), Some(Duration::from_secs(3)))
        );
    }

    #[test]
    fn a_log_survives_json() {
        let log = logged(vec![seen("a/m", 5, 0.5)]).rated(0.75).rated(f64::NAN);

        let text = serde_json::to_string(&log).unwrap();

        assert_eq!(serde_json::from_str::<Logged>(&text).unwrap(), log);
        assert_eq!(log.observed[0].quality, Some(0.75));
        assert_eq!(replay(&[], &candidates(&[]), &Ordered::new()), Replay::default());
    }
}
