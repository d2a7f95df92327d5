//! What would last week have cost with another policy?

#![expect(clippy::float_arithmetic, reason = "means of quality and latency; money stays whole")]

mod course;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::course::{Course, Means};
use super::{Candidates, Question, RequestFacts, RoutingPolicy, decide};
use crate::error::ErrorKind;
use crate::types::{
    Attempt, AttemptReason, CallSummary, Completeness, Outcome, Preferences, Reading, Target, Usd,
};

/// One call as it was: what was known before, and what is known of each target that was tried. Serialises; holds no
/// prompt and no answer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// What the policy knew.
    pub facts: RequestFacts,
    /// What came of each attempt, in the order they began; and after them what was observed beside the call.
    pub observed: Vec<Observed>,
    /// How many of these the call made itself.
    pub made: usize,
    /// Who answered; `None` when the call failed.
    pub answered: Option<Target>,
    /// From the call's start to its end.
    pub elapsed: Option<Duration>,
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
    /// Did the policy read the answer before the caller got it?
    #[serde(default)]
    pub reading: Reading,
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
    /// With an error.
    Failed,
    /// Another one was faster, so that nobody knows how it would have ended.
    Cancelled,
}

impl Observed {
    /// `target` answered.
    pub fn new(target: Target, cost: Option<Usd>, latency: Option<Duration>, quality: Option<f64>) -> Self {
        let quality = quality.filter(|quality| quality.is_finite());
        Self { target, ended: Ended::Answered, cost, latency, quality, reading: Reading::Unread }
    }

    /// As this, but it ended so. What was not good enough has been read.
    #[must_use]
    pub fn ended(self, ended: Ended) -> Self {
        let reading = if ended == Ended::Escalated { Reading::Reviewed } else { self.reading };
        Self { ended, reading, ..self }
    }
}

impl Logged {
    /// A call about which `facts` were known. They are those of [`Client::facts`](crate::Client::facts), taken when the call
    /// was made; chance and gain are set to those that decided it.
    pub fn new(mut facts: RequestFacts, summary: &CallSummary) -> Self {
        facts.chance = summary.decision.chance;
        facts.gain = summary.decision.gain.or(facts.gain);
        let is_read = |target: &Target| {
            let ranked = summary.decision.ranked.iter().find(|ranked| ranked.target == *target);
            ranked.map_or(Reading::Unread, |ranked| ranked.reading)
        };
        let observed: Vec<Observed> = observed(&summary.attempts)
            .map(|seen| Observed { reading: is_read(&seen.target), ..seen })
            .collect();
        let made = observed.len();
        Self { facts, observed, made, answered: Some(summary.target.clone()), elapsed: Some(summary.elapsed) }
    }

    /// A call that failed after these attempts.
    pub fn failed(facts: RequestFacts, attempts: &[Attempt]) -> Self {
        let elapsed = attempts.iter().map(|attempt| attempt.started_after + attempt.elapsed).max();
        let observed: Vec<Observed> = observed(attempts).collect();
        let made = observed.len();
        Self { facts, observed, made, answered: None, elapsed }
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

    /// The attempts of the call itself.
    fn own(&self) -> impl Iterator<Item = &Observed> {
        self.observed.iter().take(self.made)
    }

    /// What the call really came to, with everything that was tried.
    fn actual(&self) -> Course {
        let mut course = Course::default();
        for seen in self.own() {
            course.add(seen);
        }
        course.target.clone_from(&self.answered);
        let answer = self.own().filter(|seen| Some(&seen.target) == self.answered.as_ref()).last();
        course.quality = answer.and_then(|answer| answer.quality);
        if let Some(elapsed) = self.elapsed {
            // Attempts may have run side by side, and pauses lie between them.
            (course.latency, course.latency_unknown) = (elapsed, false);
        }
        course
    }

    /// Would a call with this plan have done what this one did, step by step?
    fn follows(&self, plan: &[(&Target, Reading)]) -> bool {
        let mut trail: Vec<(&Target, Reading)> = Vec::new();
        for seen in self.own() {
            if trail.iter().all(|(known, _)| **known != seen.target) {
                trail.push((&seen.target, seen.reading));
            }
        }
        !trail.is_empty() && plan.starts_with(&trail)
    }

    /// All that came of `target`, up to an answer; `None` when it was not tried to an end.
    fn of(&self, target: &Target) -> Option<Observed> {
        let ended = |seen: &&Observed| seen.target == *target && seen.ended != Ended::Cancelled;
        let mut seen = self.observed.iter().filter(ended);
        let mut all = seen.next()?.clone();
        for next in seen {
            if all.ended != Ended::Failed {
                break;
            }
            all = Observed {
                cost: all.cost.zip(next.cost).map(|(one, other)| one.saturating_add(other)),
                latency: all.latency.zip(next.latency).map(|(one, other)| one.saturating_add(other)),
                ..next.clone()
            };
        }
        Some(all)
    }
}

/// What came of `attempts`, in the order they began.
fn observed(attempts: &[Attempt]) -> impl Iterator<Item = Observed> {
    let mut attempts: Vec<&Attempt> = attempts.iter().collect();
    attempts.sort_by_key(|attempt| attempt.started_after);
    let follows = attempts.iter().skip(1).map(|next| Some(next.reason)).chain([None]).collect::<Vec<_>>();
    attempts.into_iter().zip(follows).map(|(attempt, next)| outcome(attempt, next))
}

fn outcome(attempt: &Attempt, next: Option<AttemptReason>) -> Observed {
    let ended = match (attempt.outcome, next) {
        (Outcome::Answered, Some(AttemptReason::Escalation)) => Ended::Escalated,
        (Outcome::Answered, _) => Ended::Answered,
        (Outcome::Failed(_), _) => Ended::Failed,
        (Outcome::Cancelled, _) => Ended::Cancelled,
    };
    // A failed attempt that consumed nothing cost nothing.
    let nothing = ended != Ended::Answered && attempt.completeness == Completeness::Exact;
    let cost = attempt.cost.or_else(|| nothing.then_some(Usd::ZERO));
    Observed::new(attempt.target.clone(), cost, Some(attempt.elapsed), None).ended(ended)
}

impl Ended {
    const fn is_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Escalated)
    }
}

/// How well it is known what another policy would have come to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Every target it would have asked was tried with this very request.
    Observed,
    /// One was not: its cost is the expected one, quality and latency its mean over the log, and it fails where it always
    /// did. Or it was, but its answer would have been read, and was not. A guess, the more so the more the policy that made
    /// the log chose by difficulty.
    Estimated,
    /// Nothing is known of a target it would have asked.
    Unknown,
}

/// One call under another policy.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// Who would have answered; `None` when the call would have failed, or it is not known.
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
    /// For how many the policy has no plan: it failed, or refuses them. Their basis is [`Basis::Unknown`].
    #[serde(default)]
    pub refused: usize,
    /// What is known of the log as it was; like what follows only over calls whose basis is not [`Basis::Unknown`].
    pub actual: Sums,
    /// The same calls under the policy.
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
    /// How many calls nobody answered.
    pub failed: usize,
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

/// Runs `policy` over `log`, choosing among `candidates`, and says what it would have come to. Sends nothing. `route` is what
/// the route demands; what each call demands is among its facts.
///
/// The policy sees the facts of each call and learns nothing from outcomes; for state it keeps, give it the state it is to
/// have. Health is taken to be good. Where the policy asks the same targets as the call did, the call ends as it did. A
/// target that was never tried with a request is estimated, and marked so.
pub fn replay(
    log: &[Logged],
    candidates: &Candidates,
    policy: &dyn RoutingPolicy,
    route: Option<&Preferences>,
) -> Replay {
    let means = Means::of(log);
    let mut result = Replay::default();
    for logged in log {
        let question = Question { route, ..Question::new(&logged.facts, candidates) };
        let planned = match decide(policy, &question) {
            // Like the client: who has nothing for what is left of a budget is asked again without it.
            Err(error) if error.kind() == ErrorKind::Unsupported && logged.facts.budget_left.is_some() => {
                let unbounded = RequestFacts { budget_left: None, ..logged.facts.clone() };
                decide(policy, &Question { facts: &unbounded, ..question })
            }
            planned => planned,
        };
        let planned = planned.map(|decided| decided.plan);
        result.refused += usize::from(planned.is_err());
        let plan: Vec<(&Target, Reading)> = planned
            .iter()
            .flat_map(|plan| &plan.choices)
            .filter_map(|choice| Some((&candidates.get(choice.candidate)?.target, choice.reading)))
            .collect();
        let first = logged.observed.first().map(|seen| &seen.target);
        result.changed += usize::from(plan.first().map(|(target, _)| *target) != first);
        let actual = logged.actual();
        // Without a plan there is nothing to compare, least of all a saving.
        let course = match planned {
            Ok(_) => Course::along(&plan, logged, candidates, &means),
            Err(_) => Course::unknown(),
        };
        if course.basis != Basis::Unknown {
            result.actual.add(&actual);
            result.replayed.add(&course);
        }
        result.calls.push(course.compared(logged, &actual));
    }
    result
}

impl Sums {
    fn add(&mut self, course: &Course) {
        self.failed += usize::from(course.target.is_none());
        self.note(course.cost(), course.latency(), course.quality);
    }

    fn note(&mut self, cost: Option<Usd>, latency: Option<Duration>, quality: Option<f64>) {
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::routing::policy::Ordered;
    use crate::routing::{Candidate, Choice, Plan, Shortlist};

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
        let answer = observed.iter().find(|seen| seen.ended == Ended::Answered);
        let answered = answer.map(|seen| seen.target.clone());
        let made = observed.iter().take_while(|seen| seen.ended != Ended::Answered).count();
        let made = made + usize::from(answered.is_some());
        Logged { facts, observed, made, answered, elapsed: None }
    }

    #[test]
    fn a_policy_that_asks_who_was_asked_comes_to_the_same() {
        let log = vec![logged(vec![seen("a/m", 100, 1.0)]), logged(vec![seen("a/m", 50, 0.0)])];

        let replay = replay(&log, &candidates(&["a/m", "b/m"]), &Ordered::new(), None);

        assert_eq!((replay.changed, replay.count(Basis::Observed)), (0, 2));
        assert_eq!(replay.actual, replay.replayed);
        assert_eq!((replay.replayed.cost, replay.replayed.quality), (Usd::from_pico(150), 0.5));
        assert_eq!(replay.saved(), Usd::ZERO);
    }

    #[test]
    fn savings_and_regret_are_told_for_each_call() {
        let log = vec![logged(vec![seen("dear/m", 100, 1.0), seen("cheap/m", 10, 1.0)])];

        let cheap = replay(&log, &candidates(&["cheap/m", "dear/m"]), &Ordered::new(), None);
        let dear = replay(&log, &candidates(&["dear/m", "cheap/m"]), &Ordered::new(), None);

        assert_eq!((cheap.changed, cheap.saved()), (1, Usd::from_pico(90)));
        assert_eq!((cheap.calls[0].regret, dear.calls[0].regret), (dollars(0), dollars(90)));
    }

    #[test]
    fn a_worse_answer_is_a_regret_of_quality() {
        let log = vec![logged(vec![seen("dear/m", 100, 1.0), seen("cheap/m", 10, 0.25)])];

        let cheap = replay(&log, &candidates(&["cheap/m"]), &Ordered::new(), None);

        assert_eq!((cheap.calls[0].quality_regret, cheap.calls[0].regret), (Some(0.75), dollars(0)));
    }

    #[test]
    fn what_was_never_observed_is_estimated_from_other_calls_or_unknown() {
        let log = vec![logged(vec![seen("a/m", 100, 1.0)]), logged(vec![seen("b/m", 10, 0.5)])];

        let known = replay(&log, &candidates(&["b/m", "a/m"]), &Ordered::new(), None);
        let unknown = replay(&log, &candidates(&["c/m"]), &Ordered::new(), None);

        assert_eq!(known.calls[0].basis, Basis::Estimated);
        assert_eq!((known.calls[0].quality, known.calls[0].cost), (Some(0.5), None), "no price, no cost");
        assert_eq!((unknown.count(Basis::Unknown), unknown.replayed.costs), (2, 0));
        assert_eq!(unknown.calls[0].saved, None);
    }

    /// Asks in the order of the route, and reads every answer.
    #[derive(Debug)]
    struct Reader;

    impl RoutingPolicy for Reader {
        fn name(&self) -> &'static str {
            "reader"
        }

        fn plan(&self, _: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
            Plan::new(shortlist.positions().map(|position| Choice::new(position, "in order").reviewed()))
        }
    }

    #[test]
    fn failures_and_escalations_are_followed_and_paid_where_answers_are_read() {
        let log = vec![logged(vec![
            seen("a/m", 5, 0.25).ended(Ended::Escalated),
            seen("b/m", 0, 0.0).ended(Ended::Failed),
            seen("c/m", 100, 1.0),
        ])];
        let candidates = candidates(&["b/m", "a/m", "c/m"]);

        let read = replay(&log, &candidates, &Reader, None);
        let unread = replay(&log, &candidates, &Ordered::new(), None);

        let came = |replay: &Replay| {
            let call = &replay.calls[0];
            (call.target.clone().unwrap(), call.cost, call.latency, call.quality, call.basis)
        };
        let seconds = |number| Some(Duration::from_secs(number));
        // What was never read is taken to be good enough, and that is a guess.
        assert_eq!(came(&read), (target("c/m"), dollars(105), seconds(3), Some(1.0), Basis::Estimated));
        assert_eq!(came(&unread), (target("a/m"), dollars(5), seconds(2), Some(0.25), Basis::Observed));
    }

    #[test]
    fn an_answer_that_was_kept_for_want_of_a_better_one_is_the_calls() {
        let mut kept = logged(vec![
            seen("weak/m", 5, 0.5).ended(Ended::Escalated),
            seen("strong/m", 0, 0.0).ended(Ended::Failed),
        ]);
        kept.answered = Some(target("weak/m"));

        let replay = replay(&[kept], &candidates(&["strong/m", "weak/m"]), &Reader, None);

        assert_eq!(
            (replay.actual.cost, replay.actual.quality, replay.actual.failed),
            (Usd::from_pico(5), 0.5, 0)
        );
        assert_eq!(replay.calls[0].target, Some(target("weak/m")));
        assert_eq!((replay.replayed.failed, replay.calls[0].quality), (0, Some(0.5)));
    }

    #[test]
    fn retries_at_one_target_are_one_leg_and_whoever_lost_a_race_is_guessed() {
        let retried = logged(vec![
            seen("a/m", 1, 0.0).ended(Ended::Failed),
            seen("b/m", 2, 0.0).ended(Ended::Failed),
            seen("a/m", 100, 1.0),
        ]);
        let raced = logged(vec![seen("c/m", 7, 0.0).ended(Ended::Cancelled), seen("a/m", 50, 0.5)]);
        let log = [retried, raced];

        let same = replay(&log[..1], &candidates(&["a/m", "b/m"]), &Ordered::new(), None);
        let alone = replay(&log[..1], &candidates(&["a/m"]), &Ordered::new(), None);
        let race = replay(&log[1..], &candidates(&["c/m", "a/m"]), &Ordered::new(), None);
        let loser = replay(&log[1..], &candidates(&["c/m"]), &Ordered::new(), None);

        assert_eq!(
            (same.changed, same.calls[0].cost, same.calls[0].basis),
            (0, dollars(103), Basis::Observed)
        );
        assert_eq!((alone.calls[0].target.clone(), alone.calls[0].cost), (Some(target("a/m")), dollars(101)));
        assert_eq!((race.calls[0].cost, race.calls[0].basis), (dollars(57), Basis::Observed));
        assert_eq!(loser.calls[0].basis, Basis::Unknown, "it never answered, and never failed");
    }

    #[test]
    fn a_policy_that_asks_the_dead_fails_and_is_compared_over_the_same_calls() {
        let first = logged(vec![seen("dead/m", 0, 0.0).ended(Ended::Failed), seen("a/m", 100, 1.0)]);
        let second = logged(vec![seen("a/m", 50, 0.5)]);
        let log = [first, second, logged(vec![seen("b/m", 7, 1.0)])];

        let dead = replay(&log, &candidates(&["dead/m"]), &Ordered::new(), None);
        let unknown = replay(&log[..2], &candidates(&["c/m"]), &Ordered::new(), None);

        assert_eq!((dead.actual.failed, dead.replayed.failed, dead.replayed.qualities), (0, 3, 0));
        assert_eq!((dead.count(Basis::Observed), dead.count(Basis::Estimated)), (1, 2));
        assert_eq!(dead.calls[1].target, None);
        assert_eq!((unknown.actual.costs, unknown.replayed.costs, unknown.calls[0].saved), (0, 0, None));
    }

    #[test]
    fn what_the_route_demands_holds_in_a_replay() {
        let log = [logged(vec![seen("a/m", 100, 1.0), seen("b/m", 10, 1.0)])];
        let both = candidates(&["b/m", "a/m"]);
        let demands = Preferences { ignore: vec!["b".to_owned()], ..Preferences::default() };
        let nobody = Preferences { only: vec!["c".to_owned()], ..Preferences::default() };

        let held = replay(&log, &both, &Ordered::new(), Some(&demands));
        let refused = replay(&log, &both, &Ordered::new(), Some(&nobody));

        assert_eq!(held.calls[0].target, Some(target("a/m")));
        assert_eq!((refused.calls[0].target.clone(), refused.refused), (None, 1));
        assert_eq!((refused.calls[0].basis, refused.calls[0].saved), (Basis::Unknown, None));
    }

    #[test]
    fn a_policy_that_breaks_saves_nothing() {
        #[derive(Debug)]
        struct Broken;
        impl RoutingPolicy for Broken {
            fn name(&self) -> &'static str {
                "broken"
            }

            fn plan(&self, _: &RequestFacts, _: &Shortlist<'_>) -> Plan {
                Plan::default()
            }
        }
        let log = [logged(vec![seen("a/m", 100, 1.0)])];

        let broken = replay(&log, &candidates(&["a/m"]), &Broken, None);

        assert_eq!((broken.refused, broken.saved(), broken.count(Basis::Unknown)), (1, Usd::ZERO, 1));
        assert_eq!((broken.actual.costs, broken.replayed.costs), (0, 0));
    }

    #[test]
    fn a_log_survives_json() {
        let log = logged(vec![seen("a/m", 5, 0.5)]).rated(0.75).rated(f64::NAN);

        let text = serde_json::to_string(&log).unwrap();

        assert_eq!(serde_json::from_str::<Logged>(&text).unwrap(), log);
        assert_eq!(log.observed[0].quality, Some(0.75));
        assert_eq!(replay(&[], &candidates(&[]), &Ordered::new(), None), Replay::default());
    }
}
