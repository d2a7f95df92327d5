//! Where the prompt still lies in a cache.

use crate::routing::{Choice, Health, Plan, Reading, RequestFacts, RoutingPolicy, Shortlist, Turn};

/// Keeps a conversation where its beginning still lies in the provider's prompt cache, or where its session was served
/// last, as long as that is worth it; otherwise, and for the fallbacks, another policy ranks.
///
/// Staying is worth it while the target is healthy, its rate limits leave something, and the request is expected to cost
/// there at most the given factor of what it costs at the cheapest target; what the cache is likely to save is taken into
/// account on both sides. The factor is 1.25 unless set.
///
/// What the other policy would not have, nobody stays at: a target that it leaves out or refuses, one whose answers it reads
/// first, or its last resort.
#[derive(Clone, Copy, Debug)]
pub struct Sticky<P> {
    otherwise: P,
    most: f64,
    busiest: u32,
}

impl<P: RoutingPolicy> Sticky<P> {
    /// Stays where it is worth it; `otherwise` ranks the rest.
    pub const fn or(otherwise: P) -> Self {
        Self { otherwise, most: 1.25, busiest: 32 }
    }

    /// Sets how many times the cheapest target's cost staying may cost. What is not a number at least 1 counts as 1.
    #[must_use]
    pub fn at_most(self, factor: f64) -> Self {
        Self { most: if factor >= 1.0 { factor } else { 1.0 }, ..self }
    }

    /// Sets how many attempts may be running at a target for which a conversation waits; 32 unless set.
    #[must_use]
    pub fn unless_busier_than(self, attempts: u32) -> Self {
        Self { busiest: attempts, ..self }
    }

    /// Where to stay, if anywhere.
    fn home(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Option<usize> {
        if facts.warm.is_empty() {
            return None;
        }
        let cheapest = shortlist.cheapest(facts, 1).first().and_then(|(_, cost)| *cost);
        facts
            .warm
            .iter()
            .filter_map(|warm| {
                let position = shortlist.position(&warm.target)?;
                let live = shortlist.live(position);
                let has_room = live.headroom.is_none_or(|left| left >= LEAST_HEADROOM);
                if live.health != Health::Healthy || !has_room || live.in_flight > self.busiest {
                    return None;
                }
                let cost = shortlist.expected_cost(position, facts);
                // Unknown prices cannot be traded, and the conversation stays where it was.
                let is_worth_it = match (cost, cheapest) {
                    (Some(cost), Some(cheapest)) => is_within(cost.pico(), cheapest.pico(), self.most),
                    _ => true,
                };
                let likely = if warm.probability.is_finite() { warm.probability } else { 0.0 };
                (is_worth_it && likely >= LEAST_LIKELY).then_some((position, likely))
            })
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map(|(position, _)| position)
    }

    /// What the other policy, which made `plan`, says of `home`, where it would have that answer.
    fn staying(
        &self,
        home: usize,
        plan: &Plan,
        facts: &RequestFacts,
        shortlist: &Shortlist<'_>,
    ) -> Option<Choice> {
        let own = |plan: &Plan| plan.choices.iter().find(|choice| choice.candidate == home).cloned();
        let choice = own(plan).or_else(|| {
            // A full plan leaves out whatever has no room; whether the target would do is asked of it alone.
            let is_full = !plan.choices.is_empty() && plan.choices.len() >= facts.max_targets;
            let [_, alone] = shortlist.parted(std::iter::once(home));
            is_full.then(|| own(&self.otherwise.plan(facts, &alone))).flatten()
        })?;
        (choice.reading == Reading::Unread && choice.turn == Turn::InOrder)
            .then(|| Choice { reason: "the conversation is known there".into(), ..choice })
    }
}

impl<P: RoutingPolicy> RoutingPolicy for Sticky<P> {
    fn name(&self) -> &'static str {
        "sticky"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let mut plan = self.otherwise.plan(facts, shortlist);
        let home = self.home(facts, shortlist);
        if let Some(choice) = home.and_then(|home| self.staying(home, &plan, facts, shortlist)) {
            plan.choices.retain(|other| other.candidate != choice.candidate);
            plan.choices.insert(0, choice);
            plan.choices.truncate(facts.max_targets.max(1));
        }
        plan
    }

    fn observe(&self, attempt: &crate::types::Attempt) {
        self.otherwise.observe(attempt);
    }

    fn feedback(&self, target: &crate::types::Target, score: f64) {
        self.otherwise.feedback(target, score);
    }

    fn escalation(&self) -> Option<&dyn crate::routing::Escalation> {
        self.otherwise.escalation()
    }
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a factor, not an amount")]
fn is_within(cost: i128, cheapest: i128, factor: f64) -> bool {
    cost as f64 <= cheapest as f64 * factor
}

const LEAST_HEADROOM: f64 = 0.05;

/// A cache that is probably gone holds nobody.
const LEAST_LIKELY: f64 = 0.5;
