//! Strictly by one number.

use std::cmp::Ordering;

use crate::routing::{Choice, Plan, RequestFacts, RoutingPolicy, Shortlist};
use crate::types::{Sort, SortBy};

/// Tries the target first that is best by one number, always: what `sort` in [`Preferences`](crate::types::Preferences)
/// asks for. All traffic goes to one target until it is no longer best; [`Fastest`](super::Fastest) spreads it.
#[derive(Clone, Copy, Debug)]
pub struct Sorted {
    by: SortBy,
}

impl Sorted {
    /// By this number.
    pub const fn new(sort: Sort) -> Self {
        Self { by: sort.by }
    }
}

impl RoutingPolicy for Sorted {
    fn name(&self) -> &'static str {
        match self.by {
            SortBy::Price => "sort by price",
            SortBy::Throughput => "sort by throughput",
            SortBy::Latency => "sort by latency",
        }
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        if self.by == SortBy::Price {
            return super::Cheapest::new().plan(facts, shortlist);
        }
        let mut ranked: Vec<(Option<f64>, usize)> =
            shortlist.positions().map(|position| (self.measure(shortlist, position), position)).collect();
        ranked.sort_by(|(one, _), (other, _)| match (one, other) {
            (Some(one), Some(other)) => one.total_cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        Plan::new(ranked.into_iter().take(facts.max_targets).map(|(measure, position)| match measure {
            Some(measure) => Choice::new(position, self.name()).scored(measure),
            None => Choice::new(position, "not measured yet"),
        }))
    }
}

impl Sorted {
    /// Smaller is better.
    #[expect(clippy::float_arithmetic, reason = "a measured speed is no amount of money")]
    fn measure(&self, shortlist: &Shortlist<'_>, position: usize) -> Option<f64> {
        let live = shortlist.live(position);
        let measure = match self.by {
            SortBy::Throughput => live.tokens_per_second.map(|speed| -speed),
            SortBy::Latency | SortBy::Price => live.first_token.map(|time| time.as_secs_f64()),
        };
        measure.filter(|measure| measure.is_finite())
    }
}
