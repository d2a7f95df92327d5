//! Shares of the traffic.

use super::draw;
use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};

/// Gives each target a share of the traffic in proportion to its [`weight`](crate::routing::Traits::weight); 1 when it has
/// none. A target with weight 0 is only tried when all others failed; if all weigh 0, all weigh the same.
///
/// By default each request is drawn anew. [`sticky`](Self::sticky) keeps the calls of one session at one target; when a
/// target comes or goes, only the sessions that were or will be there move (weighted rendezvous hashing).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Weighted {
    sessions: Sessions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sessions {
    #[default]
    Ignored,
    Kept,
}

impl Weighted {
    /// Draws each request anew.
    pub const fn new() -> Self {
        Self { sessions: Sessions::Ignored }
    }

    /// Keeps the calls of one [`session`](RequestFacts::session) at one target.
    pub const fn sticky() -> Self {
        Self { sessions: Sessions::Kept }
    }
}

impl RoutingPolicy for Weighted {
    fn name(&self) -> &'static str {
        "weighted"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let weights = shortlist.positions().map(|position| (position, weight(shortlist, position)));
        match (self.sessions, facts.session) {
            (Sessions::Kept, Some(session)) => {
                let ranked = by_session(session, shortlist, weights.collect());
                Plan::new(ranked.into_iter().take(facts.max_targets).enumerate().map(|(place, position)| {
                    let reason =
                        if place == 0 { "where the session belongs" } else { "next for the session" };
                    Choice::new(position, reason).scored(weight(shortlist, position))
                }))
            }
            _ => {
                let weights: Vec<(usize, f64)> = weights.collect();
                let drawn = draw::weighted(&mut facts.random(), &weights, facts.max_targets);
                Plan::new(drawn.into_iter().enumerate().map(|(place, position)| {
                    let reason = if place == 0 { "drawn by weight" } else { "drawn next" };
                    Choice::new(position, reason).scored(weight(shortlist, position))
                }))
            }
        }
    }
}

fn weight(shortlist: &Shortlist<'_>, position: usize) -> f64 {
    shortlist.candidate(position).and_then(|row| row.traits.weight).unwrap_or(1.0)
}

/// All of them, the one where the session belongs first: the smallest `-ln(fraction) / weight` wins, which is each as often
/// as its weight says.
#[expect(clippy::float_arithmetic, reason = "weights are shares, not money")]
fn by_session(session: u64, shortlist: &Shortlist<'_>, weights: Vec<(usize, f64)>) -> Vec<usize> {
    let is_weight = |weight: f64| weight.is_finite() && weight > 0.0;
    let none = !weights.iter().any(|(_, weight)| is_weight(*weight));
    let mut ranked: Vec<(f64, usize)> = weights
        .into_iter()
        .map(|(position, weight)| {
            let target = shortlist.candidate(position).map_or("", |row| row.target.as_str());
            let distance = -draw::fraction(session, target).max(f64::MIN_POSITIVE).ln();
            let weight = if none { 1.0 } else { weight };
            (if is_weight(weight) { distance / weight } else { f64::INFINITY }, position)
        })
        .collect();
    ranked.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    ranked.into_iter().map(|(_, position)| position).collect()
}
