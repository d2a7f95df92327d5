//! Fewest running requests.

use super::draw;
use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};

/// Tries the target first that has the fewest attempts running; equal ones by chance. Of lists longer than 64, the least
/// busy of 64 drawn.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LeastBusy;

impl LeastBusy {
    /// Makes one; what it goes by is kept by the client.
    pub const fn new() -> Self {
        Self
    }
}

impl RoutingPolicy for LeastBusy {
    fn name(&self) -> &'static str {
        "least busy"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        // Drawn in an order by chance, and sorting keeps the order of equals.
        let drawn = draw::some(&mut facts.random(), shortlist, facts.max_targets.max(LOOKED_AT));
        let mut busy: Vec<(u32, usize)> =
            drawn.into_iter().map(|position| (shortlist.live(position).in_flight, position)).collect();
        busy.sort_by_key(|(in_flight, _)| *in_flight);
        Plan::new(busy.into_iter().take(facts.max_targets).enumerate().map(
            |(place, (in_flight, position))| {
                let reason =
                    if place == 0 { "fewest running attempts" } else { "next fewest running attempts" };
                Choice::new(position, reason).scored(f64::from(in_flight))
            },
        ))
    }
}

const LOOKED_AT: usize = 64;
