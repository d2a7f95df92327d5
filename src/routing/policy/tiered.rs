//! Best, cheaper, light.

use std::borrow::Cow;

use crate::routing::{Plan, RequestFacts, RoutingPolicy, Shortlist, Tier};
use crate::types::{Attempt, Stakes, Target};

/// Goes from tier to tier of the targets' [`tier`](crate::routing::Traits::tier); another policy ranks within one. What has
/// no tier counts as best.
///
/// * Stakes normal: best, then cheaper, then light, which keeps a product answering when the rest is down.
/// * Stakes high: the same, but not below the tier that [`high_stakes_at_least`](Self::high_stakes_at_least) sets: then no
///   answer is better than a light one.
/// * Stakes low: cheaper, then light, then best.
#[derive(Clone, Copy, Debug)]
pub struct Tiered<P> {
    within: P,
    least_for_high: Tier,
}

impl<P: RoutingPolicy> Tiered<P> {
    /// `within` ranks the targets of one tier.
    pub const fn new(within: P) -> Self {
        Self { within, least_for_high: Tier::Light }
    }

    /// Sets the lowest tier that may answer calls with high stakes; any, unless set. When no target of such a tier is left,
    /// these calls are refused.
    ///
    /// ```
    /// use polyroute::routing::Tier;
    /// use polyroute::routing::policy::{Ordered, Tiered};
    ///
    /// let careful = Tiered::new(Ordered::new()).high_stakes_at_least(Tier::Cheaper);
    /// # let _ = careful;
    /// ```
    #[must_use]
    pub const fn high_stakes_at_least(mut self, tier: Tier) -> Self {
        self.least_for_high = tier;
        self
    }

    /// The tiers to go through, in this order.
    const fn tiers(&self, stakes: Stakes) -> &'static [Tier] {
        match (stakes, self.least_for_high) {
            (Stakes::Low, _) => &[Tier::Cheaper, Tier::Light, Tier::Best],
            (Stakes::Normal, _) | (Stakes::High, Tier::Light) => &[Tier::Best, Tier::Cheaper, Tier::Light],
            (Stakes::High, Tier::Cheaper) => &[Tier::Best, Tier::Cheaper],
            (Stakes::High, Tier::Best) => &[Tier::Best],
        }
    }
}

impl<P: RoutingPolicy> RoutingPolicy for Tiered<P> {
    fn name(&self) -> &'static str {
        "tiered"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let mut plan = Plan::default();
        let mut refusal = None;
        for tier in self.tiers(facts.stakes).iter().copied() {
            let own = shortlist.of_tier(tier);
            let planned = self.within.plan(facts, &own);
            refusal = refusal.or(planned.refusal);
            let mut choices = planned.choices;
            for choice in &mut choices {
                choice.reason = format!("{}: {}", tier.as_str(), choice.reason).into();
            }
            plan.choices.append(&mut choices);
            if plan.choices.len() >= facts.max_targets {
                break;
            }
        }
        plan.choices.truncate(facts.max_targets);
        if plan.choices.is_empty() && !shortlist.is_empty() {
            let too_low = || Cow::Borrowed("the stakes are high, and only targets of a lower tier are left");
            plan.refusal = refusal.or_else(|| (facts.stakes == Stakes::High).then(too_low));
        }
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
