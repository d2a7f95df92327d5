//! As written.

use crate::routing::{Candidate, Choice, Plan, RequestFacts, RoutingPolicy};

/// Tries the targets in the order they were given.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Ordered;

impl Ordered {
    /// Makes one; it holds no state.
    pub const fn new() -> Self {
        Self
    }
}

impl RoutingPolicy for Ordered {
    fn name(&self) -> &'static str {
        "ordered"
    }

    fn plan(&self, facts: &RequestFacts, candidates: &[Candidate]) -> Plan {
        let reason = |place| if place == 0 { "first in order" } else { "next in order" };
        Plan::new(
            (0..candidates.len()).take(facts.max_targets).map(|place| Choice::new(place, reason(place))),
        )
    }
}
