//! Learns which target answers well for its money.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::draw;
use crate::error::{Error, Health};
use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};
use crate::types::{Attempt, Outcome, Target, Usd};

/// Learns from how attempts end and from feedback, and weighs that against price: Thompson sampling. For each target it
/// draws how good an answer may be from what was seen so far, subtracts the cost's share, and ranks by the rest; a target
/// about which little is known is therefore tried now and then, and one that disappoints less and less.
///
/// * An attempt that is answered counts as a success, one that failed as a failure, each with a tenth of the weight of a
///   feedback: that an answer came says little about how good it is.
/// * What was seen counts as two hundred feedbacks at most, so that the newest always matter.
/// * [`quality`](crate::routing::Traits::quality) of a target is where it begins, with the weight of ten feedbacks.
///
/// Of lists longer than 64, 64 drawn take part.
#[derive(Debug)]
pub struct Bandit {
    /// The share of cost in the score, from 0 (only quality) to 1 (only cost).
    cost_weight: f64,
    arms: Mutex<HashMap<Target, Arm>>,
}

/// What was seen of one target, in feedbacks.
#[derive(Clone, Copy, Debug, Default)]
struct Arm {
    good: f64,
    bad: f64,
    /// Has anybody rated its answers? From then on that it answers says nothing more about them.
    rated: bool,
}

impl Bandit {
    /// Seven parts quality, three parts cost.
    pub fn new() -> Self {
        Self::weighing_cost(0.3)
    }

    /// Sets the share of cost in the score, from 0 (only quality) to 1 (only cost). What is not such a number counts as 0.
    pub fn weighing_cost(share: f64) -> Self {
        Self { cost_weight: if share >= 0.0 { share.min(1.0) } else { 0.0 }, arms: Mutex::default() }
    }

    #[expect(clippy::float_arithmetic, reason = "shares of successes, not money")]
    fn learn(&self, target: &Target, score: f64, weight: f64) {
        if !score.is_finite() {
            return;
        }
        let score = score.clamp(0.0, 1.0);
        let mut arms = self.arms();
        let arm = arms.entry(target.clone()).or_default();
        arm.good += score * weight;
        arm.bad += (1.0 - score) * weight;
        let seen = arm.good + arm.bad;
        if seen > MOST_SEEN {
            arm.good *= MOST_SEEN / seen;
            arm.bad *= MOST_SEEN / seen;
        }
    }

    fn arms(&self) -> MutexGuard<'_, HashMap<Target, Arm>> {
        self.arms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Bandit {
    fn default() -> Self {
        Self::new()
    }
}

impl RoutingPolicy for Bandit {
    fn name(&self) -> &'static str {
        "bandit"
    }

    #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "scores are not money")]
    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let mut random = facts.random();
        let mut drawn = draw::some(&mut random, shortlist, facts.max_targets.max(LOOKED_AT));
        // The order of drawing must not follow from the order of the route.
        drawn.sort_unstable();
        let costs: Vec<Option<Usd>> =
            drawn.iter().map(|position| shortlist.expected_cost(*position, facts)).collect();
        let dearest = costs.iter().flatten().map(|cost| cost.pico()).max().unwrap_or(0).max(1) as f64;
        let arms = self.arms();
        let mut scored: Vec<(f64, usize)> = drawn
            .into_iter()
            .zip(costs)
            .filter_map(|(position, cost)| {
                let candidate = shortlist.candidate(position)?;
                let seen = arms.get(&candidate.target).copied().unwrap_or_default();
                let prior = candidate.traits.quality.filter(|quality| quality.is_finite());
                let prior = prior.map_or((1.0, 1.0), |quality| {
                    let quality = quality.clamp(0.0, 1.0);
                    (1.0 + quality * PRIOR, 1.0 + (1.0 - quality) * PRIOR)
                });
                let quality = beta(&mut random, prior.0 + seen.good, prior.1 + seen.bad);
                // An unknown price is taken for the dearest.
                let cost = cost.map_or(1.0, |cost| cost.pico() as f64 / dearest);
                Some((quality * (1.0 - self.cost_weight) - cost * self.cost_weight, position))
            })
            .collect();
        drop(arms);
        scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        Plan::new(
            scored
                .into_iter()
                .take(facts.max_targets)
                .map(|(score, position)| Choice::new(position, "drawn by what was learnt").scored(score)),
        )
    }

    fn observe(&self, attempt: &Attempt) {
        match attempt.outcome {
            Outcome::Answered => {
                let is_rated = self.arms().get(&attempt.target).is_some_and(|arm| arm.rated);
                if !is_rated {
                    self.learn(&attempt.target, 1.0, OUTCOME_WEIGHT);
                }
            }
            // The caller's own faults are not the target's.
            Outcome::Failed(kind) if Error::new(kind, "").advice().health == Health::Counts => {
                self.learn(&attempt.target, 0.0, OUTCOME_WEIGHT);
            }
            Outcome::Failed(_) | Outcome::Cancelled => {}
        }
    }

    fn feedback(&self, target: &Target, score: f64) {
        if score.is_finite() {
            self.arms().entry(target.clone()).or_default().rated = true;
        }
        self.learn(target, score, 1.0);
    }
}

/// A draw from the beta distribution.
#[expect(clippy::float_arithmetic, reason = "chance, not money")]
fn beta(random: &mut fastrand::Rng, good: f64, bad: f64) -> f64 {
    let (good, bad) = (gamma(random, good), gamma(random, bad));
    let sum = good + bad;
    if sum > 0.0 { good / sum } else { 0.5 }
}

/// A draw from the gamma distribution with this shape, at least 1, and scale 1: Marsaglia and Tsang, *A simple method for
/// generating gamma variables*, 2000.
#[expect(clippy::float_arithmetic, reason = "chance, not money")]
fn gamma(random: &mut fastrand::Rng, shape: f64) -> f64 {
    let d = shape.max(1.0) - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    // More than 95 of 100 tries succeed; the bound only makes it certain that this ends.
    for _ in 0..64 {
        let x = normal(random);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 {
            let u = random.f64().max(f64::MIN_POSITIVE);
            if u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
    d
}

/// A draw from the normal distribution: Box and Muller, 1958.
#[expect(clippy::float_arithmetic, reason = "chance, not money")]
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * random.f64().max(f64::MIN_POSITIVE).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

const LOOKED_AT: usize = 64;
const MOST_SEEN: f64 = 200.0;
const OUTCOME_WEIGHT: f64 = 0.1;
const PRIOR: f64 = 10.0;
