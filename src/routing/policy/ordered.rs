//! As written.

use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};

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

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let reason = |place| if place == 0 { "first in order" } else { "next in order" };
        let places = shortlist.positions().take(facts.max_targets).enumerate();
        Plan::new(places.map(|(place, position)| Choice::new(position, reason(place))))
    }
}
