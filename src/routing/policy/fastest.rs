//! Shortest wait, without the herd.

use std::cmp::Ordering;

use super::draw;
use crate::routing::{Choice, Live, Plan, RequestFacts, RoutingPolicy, Shortlist};

/// Draws two targets and takes the one where less waiting is expected: its time to the first token, as an average that
/// forgets, times the requests that are running there. Two that are within a quarter of each other share the traffic, as
/// does a target that was never seen. The target that lost, and others drawn, are the fallbacks, fastest first.
///
/// Drawing two keeps a crowd from all running to the one that was fastest a moment ago (Mitzenmacher, *The power of two
/// choices in randomized load balancing*, 2001), and looks at two records where there are thousands.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Fastest;

impl Fastest {
    /// Makes one; what it goes by is kept by the client.
    pub const fn new() -> Self {
        Self
    }
}

impl RoutingPolicy for Fastest {
    fn name(&self) -> &'static str {
        "fastest"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let mut random = facts.random();
        let drawn = draw::some(&mut random, shortlist, facts.max_targets.max(2));
        let mut waits = drawn.into_iter().map(|position| Wait::of(position, shortlist.live(position)));
        let (first, mut rest) = match (waits.next(), waits.next()) {
            (Some(one), Some(other)) if other.is_clearly_less_than(&one) => (other, vec![one]),
            (Some(one), Some(other)) => (one, vec![other]),
            (Some(only), None) => (only, Vec::new()),
            (None, _) => return Plan::default(),
        };
        rest.extend(waits);
        rest.sort_by(Wait::compare);
        let choice = |wait: &Wait, reason: &'static str| {
            let choice = Choice::new(wait.position, reason);
            match wait.seconds {
                Some(seconds) => choice.scored(seconds),
                None => choice,
            }
        };
        let first = choice(&first, "least wait of two drawn");
        let rest = rest.iter().map(|wait| choice(wait, "next least wait"));
        Plan::new(std::iter::once(first).chain(rest).take(facts.max_targets))
    }
}

/// How long a request would wait.
struct Wait {
    position: usize,
    /// `None` when it was never seen.
    seconds: Option<f64>,
    in_flight: u32,
}

impl Wait {
    #[expect(clippy::float_arithmetic, reason = "a measured time is no amount of money")]
    fn of(position: usize, live: Live) -> Self {
        let load = f64::from(live.in_flight) + 1.0;
        let seconds = live.first_token.map(|time| time.as_secs_f64() * load);
        Self { position, seconds, in_flight: live.in_flight }
    }

    /// Less by more than the difference that counts as none.
    #[expect(clippy::float_arithmetic, reason = "a measured time is no amount of money")]
    fn is_clearly_less_than(&self, other: &Self) -> bool {
        match (self.seconds, other.seconds) {
            (Some(own), Some(other)) => own < other * (1.0 - SAME),
            // Of a target that was never seen only its load is known.
            _ => self.in_flight < other.in_flight,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.seconds, other.seconds) {
            (Some(own), Some(other)) => own.total_cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.in_flight.cmp(&other.in_flight),
        }
    }
}

/// Averages of equal providers differ by less than this most of the time.
const SAME: f64 = 0.25;
