//! By what rate limits leave.

use super::draw;
use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};

/// Spreads requests in proportion to what each target's rate limits leave, as its responses say: one with half of its limit
/// left gets half the share of one with all of it. A target that never said counts as having all; one with nothing left
/// comes last. Of lists longer than 64, 64 drawn take part.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct UsageAware;

impl UsageAware {
    /// Makes one; what it goes by is kept by the client.
    pub const fn new() -> Self {
        Self
    }
}

impl RoutingPolicy for UsageAware {
    fn name(&self) -> &'static str {
        "usage aware"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let mut random = facts.random();
        let looked_at = draw::some(&mut random, shortlist, facts.max_targets.max(LOOKED_AT));
        let left: Vec<(usize, f64)> = looked_at
            .into_iter()
            .map(|position| {
                (
                    position,
                    shortlist
                        .live(position)
                        .headroom
                        .filter(|left| left.is_finite())
                        .map_or(1.0, |left| left.clamp(0.0, 1.0)),
                )
            })
            .collect();
        let drawn = draw::weighted(&mut random, &left, facts.max_targets);
        Plan::new(drawn.into_iter().map(|position| {
            let own = left.iter().find(|(known, _)| *known == position).map_or(1.0, |(_, left)| *left);
            Choice::new(position, "drawn by what its rate limits leave").scored(own)
        }))
    }
}

const LOOKED_AT: usize = 64;
