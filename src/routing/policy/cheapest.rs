//! Least expected cost first.

use crate::routing::{Plan, RequestFacts, RoutingPolicy, Shortlist};

/// Tries the target first where the request is expected to cost least: the prompt's tokens at the input price, less what
/// is likely saved where its beginning is still in the provider's prompt cache, plus the expected answer's at the output
/// price. Unknown prices come last, in the order given; equal prices keep the order given.
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

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let offers = shortlist.offers(facts, facts.max_targets);
        Plan::new(offers.iter().enumerate().map(|(place, offer)| {
            let reason = match (offer.is_priced(), place) {
                (false, _) => "price unknown",
                (true, 0) => "least expected cost",
                (true, _) => "next least expected cost",
            };
            offer.as_choice(reason)
        }))
    }
}
