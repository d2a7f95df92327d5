//! Best, cheaper, light.

use crate::routing::{Plan, RequestFacts, RoutingPolicy, Shortlist, Tier};
use crate::types::{Attempt, Stakes, Target};

/// Goes from tier to tier of the targets' [`tier`](crate::routing::Traits::tier); another policy ranks within one. What has
/// no tier counts as best.
///
/// * Stakes normal or high: best, then cheaper, then light, which keeps a product answering when the rest is down.
/// * Stakes low: cheaper, then light, then best.
#[derive(Clone, Copy, Debug)]
pub struct Tiered<P> {
    within: P,
}

impl<P: RoutingPolicy> Tiered<P> {
    /// `within` ranks the targets of one tier.
    pub const fn new(within: P) -> Self {
        Self { within }
    }
}

impl<P: RoutingPolicy> RoutingPolicy for Tiered<P> {
    fn name(&self) -> &'static str {
        "tiered"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let tiers = match facts.stakes {
            Stakes::Low => [Tier::Cheaper, Tier::Light, Tier::Best],
            Stakes::Normal | Stakes::High => [Tier::Best, Tier::Cheaper, Tier::Light],
        };
        let mut plan = Plan::default();
        for tier in tiers {
            let own = shortlist.narrowed(|position| {
                let traits = shortlist.candidate(position).map(|candidate| &candidate.traits);
                traits.and_then(|traits| traits.tier).unwrap_or(Tier::Best) == tier
            });
            let mut choices = self.within.plan(facts, &own).choices;
            for choice in &mut choices {
                choice.reason = format!("{}: {}", tier.as_str(), choice.reason).into();
            }
            plan.choices.append(&mut choices);
            if plan.choices.len() >= facts.max_targets {
                break;
            }
        }
        plan.choices.truncate(facts.max_targets);
        plan
    }

    fn observe(&self, attempt: &Attempt) {
        self.within.observe(attempt);
    }

    fn feedback(&self, target: &Target, score: f64) {
        self.within.feedback(target, score);
    }

    fn escalation(&self) -> Option<&dyn crate::routing::Escalation> {
        self.within.escalation()
    }
}
