//! The figures routers are compared by: the curve of quality over strong calls, its area, and what a share of quality costs.

use serde_json::{Map, Value, json};

use super::records::Outcome;

/// Dollars per million tokens, input and output alike, as the published comparison of these two models has them.
const STRONG_PRICE: f64 = 24.7;
const WEAK_PRICE: f64 = 0.24;

/// One question after the decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Graded {
    pub(crate) outcome: Outcome,
    /// Was the cheap call made to decide? It is then on the bill whoever answers.
    pub(crate) paid_cheap: bool,
    /// Did the router send it to the strong model under its quality floor?
    pub(crate) strong_at_floor: bool,
}

#[derive(Clone, Copy)]
enum To {
    Strong,
    Weak,
}

impl Graded {
    fn strong_cost(&self) -> f64 {
        (self.outcome.prompt_tokens + self.outcome.strong_tokens) * STRONG_PRICE
    }

    fn weak_cost(&self) -> f64 {
        (self.outcome.prompt_tokens + self.outcome.weak_tokens) * WEAK_PRICE
    }

    fn routed_cost(&self, to: To) -> f64 {
        match (to, self.paid_cheap) {
            (To::Strong, true) => self.strong_cost() + self.weak_cost(),
            (To::Strong, false) => self.strong_cost(),
            (To::Weak, _) => self.weak_cost(),
        }
    }

    fn gap(&self) -> f64 {
        self.outcome.strong - self.outcome.weak
    }
}

/// All figures of one router on one set. `ranked` begins with the question the router would send to the strong model
/// before all others.
pub(crate) fn figures(ranked: &[Graded], seed: u64) -> Map<String, Value> {
    let weights = vec![1.0; ranked.len()];
    let (low, high) = interval(ranked, seed, |weights| apgr(ranked, weights));
    let realised = |weights: &[f64]| {
        let kept = ranked.iter().zip(weights).map(|(one, weight)| {
            weight * if one.strong_at_floor { one.outcome.strong } else { one.outcome.weak }
        });
        let strong = ranked.iter().zip(weights).map(|(one, weight)| weight * one.outcome.strong);
        kept.sum::<f64>() / strong.sum::<f64>()
    };
    let (floor_low, floor_high) = interval(ranked, seed, realised);
    let count = ranked.len() as f64;
    let bill: f64 = ranked.iter().map(Graded::strong_cost).sum();
    let floor_bill: f64 = ranked
        .iter()
        .map(|one| one.routed_cost(if one.strong_at_floor { To::Strong } else { To::Weak }))
        .sum();
    let at_floor = ranked.iter().filter(|one| one.strong_at_floor).count() as f64;

    let mut figures = Map::new();
    let mut set = |name: &str, value: Value| figures.insert(name.to_owned(), value);
    set("n", json!(ranked.len()));
    set("apgr", rounded(apgr(ranked, &weights)));
    set("apgr_95", json!([rounded(low), rounded(high)]));
    set("cpt50", percent(share_of_gap(ranked, 0.5)));
    set("cpt80", percent(share_of_gap(ranked, 0.8)));
    for share in [1.0, 0.99, 0.98, 0.95] {
        let reached = calls_for(ranked, share);
        let name = format!("{:.0}", share * 100.0);
        set(&format!("strong_calls_at_{name}"), percent(reached.map(|calls| calls as f64 / count)));
        let saved = reached.map(|calls| {
            1.0 - ranked
                .iter()
                .enumerate()
                .map(|(rank, one)| one.routed_cost(if rank < calls { To::Strong } else { To::Weak }))
                .sum::<f64>()
                / bill
        });
        set(&format!("bill_saved_at_{name}"), percent(saved));
    }
    set("floor_realised", rounded(realised(&weights)));
    set("floor_realised_95", json!([rounded(floor_low), rounded(floor_high)]));
    set("floor_strong_calls", percent(Some(at_floor / count)));
    set("floor_bill_saved", percent(Some(1.0 - floor_bill / bill)));
    figures
}

/// The area under the share of the quality gap recovered, over the share of strong calls.
fn apgr(ranked: &[Graded], weights: &[f64]) -> f64 {
    let all: f64 = weights.iter().sum();
    let gap: f64 = ranked.iter().zip(weights).map(|(one, weight)| weight * one.gap()).sum();
    let (mut recovered, mut area) = (0.0, 0.0);
    for (one, weight) in ranked.iter().zip(weights) {
        let step = weight * one.gap();
        area += weight * (recovered + step / 2.0);
        recovered += step;
    }
    area / gap / all
}

/// The smallest share of strong calls that recovers this share of the gap.
fn share_of_gap(ranked: &[Graded], share: f64) -> Option<f64> {
    let gap: f64 = ranked.iter().map(Graded::gap).sum();
    let mut recovered = 0.0;
    for (rank, one) in ranked.iter().enumerate() {
        recovered += one.gap();
        if recovered >= share * gap - TINY {
            return Some((rank + 1) as f64 / ranked.len() as f64);
        }
    }
    None
}

/// The smallest number of strong calls that keeps this share of the strong model's quality.
fn calls_for(ranked: &[Graded], share: f64) -> Option<usize> {
    let strong: f64 = ranked.iter().map(|one| one.outcome.strong).sum();
    let mut quality: f64 = ranked.iter().map(|one| one.outcome.weak).sum();
    for (calls, one) in ranked.iter().enumerate() {
        if quality >= share * strong - TINY {
            return Some(calls);
        }
        quality += one.gap();
    }
    (quality >= share * strong - TINY).then_some(ranked.len())
}

/// The middle 95 % of `figure` over questions drawn with replacement.
fn interval(ranked: &[Graded], seed: u64, figure: impl Fn(&[f64]) -> f64) -> (f64, f64) {
    let mut chance = Chance::new(seed);
    let mut values: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let mut weights = vec![0.0; ranked.len()];
            for _ in 0..ranked.len() {
                if let Some(weight) = weights.get_mut(chance.below(ranked.len())) {
                    *weight += 1.0;
                }
            }
            figure(&weights)
        })
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((values.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    (at(0.025), at(0.975))
}

/// Numbers that look drawn and are the same each time (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn rounded(value: f64) -> Value {
    json!((value * 10_000.0).round() / 10_000.0)
}

fn percent(share: Option<f64>) -> Value {
    share.map_or(Value::Null, |share| json!((share * 10_000.0).round() / 100.0))
}

/// Sums of scores such as 8.15 are not exact.
const TINY: f64 = 1e-9;
const DRAWS: usize = 1_000;
