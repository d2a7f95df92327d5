//! Mostly the cheapest, but not only.

use super::draw;
use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};

/// Draws among the cheapest targets with a weight of one over the square of the expected cost: of two, where one costs
/// three times as much, it gets one request in ten. Free targets come first, unknown prices last. This is how OpenRouter
/// spreads load.
///
/// Of long lists the sixteen cheapest take part; further down the weights are next to nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct InverseSquare;

impl InverseSquare {
    /// Makes one; it holds no state.
    pub const fn new() -> Self {
        Self
    }
}

impl RoutingPolicy for InverseSquare {
    fn name(&self) -> &'static str {
        "inverse square of the price"
    }

    #[expect(clippy::float_arithmetic, reason = "weights are shares, not money")]
    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let cheapest = shortlist.cheapest(facts, facts.max_targets.max(TAKING_PART));
        let pico = |cost: Option<crate::types::Usd>| cost.map(crate::types::Usd::pico);
        let (free, priced): (Vec<_>, Vec<_>) =
            cheapest.into_iter().partition(|(_, cost)| pico(*cost) == Some(0));
        let least = priced.iter().find_map(|(_, cost)| pico(*cost));
        let weights: Vec<(usize, f64)> = priced
            .iter()
            .map(|(position, cost)| {
                let ratio = least.zip(pico(*cost)).map(|(least, cost)| ratio(least, cost));
                (*position, ratio.map_or(0.0, |ratio| ratio * ratio))
            })
            .collect();
        let mut random = facts.random();
        let mut drawn = draw::weighted(
            &mut random,
            &free.iter().map(|(position, _)| (*position, 1.0)).collect::<Vec<_>>(),
            facts.max_targets,
        );
        // Without a single known price there is nothing to weigh by, and the order given stands.
        let rest = facts.max_targets - drawn.len();
        if least.is_some() {
            drawn.extend(draw::weighted(&mut random, &weights, rest));
        } else {
            drawn.extend(weights.iter().map(|(position, _)| *position).take(rest));
        }
        Plan::new(drawn.into_iter().map(|position| {
            let weight = weights.iter().find(|(known, _)| *known == position).map(|(_, weight)| *weight);
            match weight {
                None => Choice::new(position, "free"),
                Some(weight) if weight > 0.0 => {
                    Choice::new(position, "drawn by the inverse square of its price").scored(weight)
                }
                Some(_) => Choice::new(position, "price unknown"),
            }
        }))
    }
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "weights are shares, not money")]
fn ratio(least: i128, cost: i128) -> f64 {
    least as f64 / cost as f64
}

const TAKING_PART: usize = 16;
