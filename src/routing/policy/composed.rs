//! Constraint, score, pick.

use std::cmp::Ordering;

use crate::routing::price_book::Offer;
use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};
use crate::types::Stakes;

/// A policy put together: what a target must have, what decides between those that have it, and what breaks ties.
///
/// ```
/// use polyroute::Route;
/// use polyroute::routing::policy::{Composed, Score};
///
/// // The cheapest that is good enough; of equals the quickest.
/// let policy = Composed::by(Score::Cost).quality_at_least(0.6).then_by(Score::FirstToken);
/// let route = Route::with_policy(policy, ["openai/gpt-6-luna", "groq/openai/gpt-oss-20b"]);
/// # assert_eq!(route.policy().name(), "composed");
/// ```
#[derive(Clone, Debug)]
pub struct Composed {
    least_quality: Option<f64>,
    least_for_high: Option<f64>,
    scores: Vec<Score>,
    alike: f64,
    any_of: usize,
}

/// What decides between targets. What is unknown, or not a number, comes last.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// The least expected cost first.
    Cost,
    /// The shortest time to the first token first.
    FirstToken,
    /// The most tokens per second first.
    Throughput,
    /// The fewest running attempts first.
    Load,
    /// The most that rate limits leave first.
    Headroom,
    /// The best answers first.
    Quality,
}

impl Composed {
    /// Ranks by `score`.
    pub fn by(score: Score) -> Self {
        Self { least_quality: None, least_for_high: None, scores: vec![score], alike: 0.0, any_of: 1 }
    }

    /// Breaks ties by `score`. May be called again for ties that remain.
    #[must_use]
    pub fn then_by(mut self, score: Score) -> Self {
        self.scores.push(score);
        self
    }

    /// Leaves out targets whose [`quality`](crate::routing::Traits::quality) is lower, or unknown.
    #[must_use]
    pub fn quality_at_least(mut self, least: f64) -> Self {
        self.least_quality = Some(least);
        self
    }

    /// Leaves out targets whose quality is lower, or unknown, for calls with high stakes; for others the quality above, if
    /// any, is enough.
    #[must_use]
    pub fn quality_for_high_stakes(mut self, least: f64) -> Self {
        self.least_for_high = Some(least);
        self
    }

    /// Calls two targets alike whose first scores differ by less than this share of the best, such as `0.05`; ties are
    /// broken among them.
    #[must_use]
    pub fn alike_within(mut self, share: f64) -> Self {
        self.alike = if share.is_finite() && share > 0.0 { share } else { 0.0 };
        self
    }

    /// Draws the first among the best `count`, each as likely as the others, so that not all traffic goes to one.
    #[must_use]
    pub fn any_of_best(mut self, count: usize) -> Self {
        self.any_of = count.max(1);
        self
    }
}

impl RoutingPolicy for Composed {
    fn name(&self) -> &'static str {
        "composed"
    }

    #[expect(clippy::float_arithmetic, reason = "scores are not money")]
    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let least_quality = match (facts.stakes, self.least_for_high, self.least_quality) {
            (Stakes::High, Some(high), usual) => Some(usual.map_or(high, |usual| high.max(usual))),
            (_, _, usual) => usual,
        };
        let good = least_quality.map(|least| shortlist.as_good_as(least));
        let good = good.as_ref().unwrap_or(shortlist);
        let mut ranked = self.worth_ranking(facts, good);
        if ranked.is_empty() && !shortlist.is_empty() {
            let least = least_quality.unwrap_or_default();
            return Plan::refused(format!("no target is known to have quality {least}"));
        }
        if self.alike > 0.0 {
            let best = ranked.iter().filter_map(|place| place.key).fold(f64::INFINITY, f64::min);
            let limit = best + best.abs() * self.alike;
            for place in &mut ranked {
                place.key = place.key.map(|key| if key <= limit { best } else { key });
            }
        }
        for place in &mut ranked {
            place.first = place.key;
        }
        let wanted = facts.max_targets.max(self.any_of);
        settle(&mut ranked, self.scores.get(1..).unwrap_or_default(), wanted, facts, shortlist);
        let best = ranked.len().min(self.any_of);
        if best > 1 {
            let drawn = facts.random().usize(..best);
            if let Some(first) = ranked.get_mut(..=drawn) {
                first.rotate_right(1);
            }
        }
        Plan::new(ranked.into_iter().take(facts.max_targets).enumerate().map(|(number, place)| {
            let reason = if number == 0 { "best score" } else { "next best score" };
            let choice = Choice::new(place.position, reason);
            match place.first {
                Some(score) => choice.scored(score),
                None => choice,
            }
        }))
    }
}

/// A target on its way to its place.
struct Place {
    position: usize,
    /// What decides first.
    first: Option<f64>,
    /// What is being compared.
    key: Option<f64>,
}

impl Place {
    fn new(position: usize, key: Option<f64>) -> Self {
        Self { position, first: None, key }
    }
}

/// Sorts by the keys, and those that are equal by what breaks ties, as far as the first `wanted` are concerned.
fn settle(
    places: &mut [Place],
    ties: &[Score],
    wanted: usize,
    facts: &RequestFacts,
    shortlist: &Shortlist<'_>,
) {
    places.sort_by(|one, other| compare(one.key, other.key));
    let Some((score, ties)) = ties.split_first() else { return };
    let mut before = 0;
    for equals in places.chunk_by_mut(|one, other| compare(one.key, other.key) == Ordering::Equal) {
        if before >= wanted {
            break;
        }
        let count = equals.len();
        if count > 1 {
            for place in equals.iter_mut() {
                place.key = score.of(place.position, facts, shortlist);
            }
            settle(equals, ties, wanted - before, facts, shortlist);
        }
        before += count;
    }
}

impl Composed {
    /// Those that may come out first, with their first scores. Where cost decides, all but the cheapest can be left out of a
    /// long list, as long as none of those left out costs the same as one that is planned.
    fn worth_ranking(&self, facts: &RequestFacts, good: &Shortlist<'_>) -> Vec<Place> {
        let first = self.scores.first().copied().unwrap_or(Score::Cost);
        let wanted = facts.max_targets.max(self.any_of).max(1);
        let mut looked_at = wanted.saturating_add(TIES);
        while first == Score::Cost && self.alike <= 0.0 && looked_at < good.len() / 2 {
            let cheapest = good.offers(facts, looked_at);
            match (cheapest.get(wanted - 1), cheapest.last()) {
                (Some(wanted), Some(last)) if last.is_priced() && wanted.costs_less_than(last) => {
                    let place = |offer: &Offer| Place::new(offer.position, offer.score());
                    return cheapest.iter().map(place).collect();
                }
                (Some(wanted), Some(_)) if wanted.is_priced() => looked_at = looked_at.saturating_mul(16),
                _ => break,
            }
        }
        good.positions().map(|position| Place::new(position, first.of(position, facts, good))).collect()
    }
}

impl Score {
    /// Smaller is better.
    #[expect(clippy::float_arithmetic, reason = "scores are not money")]
    fn of(self, position: usize, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Option<f64> {
        let live = || shortlist.live(position);
        let score = match self {
            Self::Cost => shortlist.offer(position, facts).score(),
            Self::FirstToken => live().first_token.map(|time| time.as_secs_f64()),
            Self::Throughput => live().tokens_per_second.map(|speed| -speed),
            Self::Load => Some(f64::from(live().in_flight)),
            Self::Headroom => live().headroom.map(|left| -left),
            Self::Quality => shortlist.candidate(position)?.traits.quality.map(|quality| -quality),
        };
        score.filter(|score| score.is_finite())
    }
}

fn compare(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// So many more than are planned are looked at, in case several cost the same.
const TIES: usize = 3;
