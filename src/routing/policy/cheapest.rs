//! Least expected cost first.

use crate::routing::{Candidate, Choice, Plan, RequestFacts, RoutingPolicy};
use crate::types::Usd;

/// Tries the target first where the request is expected to cost least: the prompt's tokens at the input price plus the
/// expected answer's at the output price. Unknown prices come last, in the order given; equal prices keep the order given.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Cheapest;

impl Cheapest {
    /// Makes one; it holds no state.
    pub const fn new() -> Self {
        Self
    }
}

impl RoutingPolicy for Cheapest {
    fn name(&self) -> &'static str {
        "cheapest"
    }

    fn plan(&self, facts: &RequestFacts, candidates: &[Candidate]) -> Plan {
        // Only as many as can be tried are sorted: one pass over the candidates, a handful kept.
        let mut best: Vec<(Usd, usize)> = Vec::with_capacity(facts.max_targets + 1);
        let mut unpriced = Vec::new();
        for (position, candidate) in candidates.iter().enumerate() {
            let Some(cost) = candidate.expected_cost(facts) else {
                if unpriced.len() < facts.max_targets {
                    unpriced.push(position);
                }
                continue;
            };
            if best.len() == facts.max_targets && best.last().is_none_or(|(worst, _)| cost >= *worst) {
                continue;
            }
            let place = best.partition_point(|(known, _)| *known <= cost);
            best.insert(place, (cost, position));
            best.truncate(facts.max_targets);
        }
        let priced = best.into_iter().enumerate().map(|(place, (_, position))| {
            Choice::new(position, if place == 0 { "least expected cost" } else { "next least expected cost" })
        });
        let unpriced = unpriced.into_iter().map(|position| Choice::new(position, "price unknown"));
        Plan::new(priced.chain(unpriced).take(facts.max_targets))
    }
}
