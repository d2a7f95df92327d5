//! Prices of a route's candidates, sorted once, so that the cheapest are found without looking at all.

use std::cmp::Ordering;

use super::{Candidate, Choice, RequestFacts, Shortlist};
use crate::catalog::{Charge, rounded};
use crate::types::Usd;

/// Rates in columns, and the orders that they put the candidates in.
#[derive(Clone, Debug, Default)]
pub(super) struct PriceBook {
    rates: Box<[Rates]>,
    /// Candidates with a price for prompt and answer, least prompt price first. Built for long lists only.
    by_input: Box<[u32]>,
    /// The same candidates, least answer price first.
    by_output: Box<[u32]>,
    /// Candidates without a rate for prompt or answer, or on a service tier; their price is looked at each time.
    partial: Box<[u32]>,
    unpriced: Box<[u32]>,
}

/// The lowest a candidate may charge: picodollars for a million tokens, which are attodollars for one.
#[derive(Clone, Copy, Debug)]
struct Rates {
    input: u64,
    output: u64,
    request: u64,
    steadiness: Steadiness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steadiness {
    /// These are the rates, at any time and for any prompt.
    Steady,
    /// Rates depend on the time or the prompt, and are never lower.
    Varying,
    /// A rate, or all of them, are missing, or those of a service tier apply.
    Partial,
    /// There is no price.
    Unpriced,
}

/// A candidate and what it is expected to cost, in attodollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routing) struct Offer {
    pub(in crate::routing) position: usize,
    /// [`UNKNOWN`] where there is no price, and so last.
    atto: u128,
}

impl Offer {
    fn new(position: usize, atto: Option<u128>) -> Self {
        Self { position, atto: atto.unwrap_or(UNKNOWN) }
    }

    /// Is its price known?
    pub(in crate::routing) const fn is_priced(&self) -> bool {
        self.atto != UNKNOWN
    }

    /// It, for `reason`, ranked by its score.
    pub(in crate::routing) fn as_choice(&self, reason: &'static str) -> Choice {
        let choice = Choice::new(self.position, reason);
        match self.score() {
            Some(score) => choice.scored(score),
            None => choice,
        }
    }

    /// What it is expected to cost in picodollars, to rank by.
    #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a score, not an amount")]
    pub(in crate::routing) fn score(&self) -> Option<f64> {
        self.is_priced().then(|| self.atto as f64 / ATTO_PER_PICO as f64)
    }

    /// Is it cheaper, wherever it stands?
    pub(in crate::routing) const fn costs_less_than(&self, other: &Self) -> bool {
        self.atto < other.atto
    }

    /// What it is expected to cost.
    pub(in crate::routing) fn cost(&self) -> Option<Usd> {
        self.is_priced().then(|| rounded(self.atto))
    }
}

/// Cheaper first, then as written; unknown prices last.
impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.atto.cmp(&other.atto).then(self.position.cmp(&other.position))
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PriceBook {
    pub(super) fn new(rows: &[Candidate]) -> Self {
        let rates: Box<[Rates]> = rows.iter().map(Rates::of).collect();
        if rows.len() < WORTH_SORTING {
            return Self { rates, ..Self::default() };
        }
        let positions = || (0_u32..).zip(rates.iter());
        let is_sorted = |rates: &Rates| matches!(rates.steadiness, Steadiness::Steady | Steadiness::Varying);
        let sorted = |rate: fn(&Rates) -> u64| {
            let mut order: Vec<(u64, u32)> = positions()
                .filter(|(_, rates)| is_sorted(rates))
                .map(|(position, rates)| (rate(rates), position))
                .collect();
            order.sort_unstable();
            order.into_iter().map(|(_, position)| position).collect()
        };
        Self {
            by_input: sorted(|rates| rates.input),
            by_output: sorted(|rates| rates.output),
            partial: positions()
                .filter(|(_, rates)| rates.steadiness == Steadiness::Partial)
                .map(|(position, _)| position)
                .collect(),
            unpriced: positions()
                .filter(|(_, rates)| rates.steadiness == Steadiness::Unpriced)
                .map(|(position, _)| position)
                .collect(),
            rates,
        }
    }

    /// The `most` cheapest of `shortlist`, cheapest first: exactly, ties as written, unknown prices last.
    ///
    /// Long lists are read from both sorted orders at once until nothing further down can be cheaper than what has been
    /// found (Fagin, Lotem and Naor's threshold algorithm, 2001).
    pub(super) fn cheapest(
        &self,
        facts: &RequestFacts,
        shortlist: &Shortlist<'_>,
        most: usize,
    ) -> Vec<Offer> {
        let mut best = Best { offers: Vec::with_capacity(most + 1), most };
        // The orders are those of the usual rates.
        if self.rates.len() < WORTH_SORTING || facts.service_tier.is_some() {
            for position in shortlist.positions() {
                best.offer(self.offer(position, facts, shortlist));
            }
            return best.offers;
        }
        // A prompt that is still in a cache may cost less than any rate says.
        for warm in &facts.warm {
            if let Some(position) = shortlist.position(&warm.target) {
                best.offer(self.offer(position, facts, shortlist));
            }
        }
        let look = |best: &mut Best, position: u32| {
            let position = widen(position);
            if shortlist.contains(position) {
                best.offer(self.offer(position, facts, shortlist));
            }
        };
        for position in &self.partial {
            look(&mut best, *position);
        }
        for (by_input, by_output) in self.by_input.iter().zip(&self.by_output) {
            look(&mut best, *by_input);
            look(&mut best, *by_output);
            if best.is_settled(self.threshold(*by_input, *by_output, facts)) {
                return best.offers;
            }
        }
        for position in &self.unpriced {
            // They stand in the order written, so that those that come later change nothing once the list is full.
            if best.is_settled(Offer::new(widen(*position), None)) {
                break;
            }
            look(&mut best, *position);
        }
        best.offers
    }

    /// The least that a candidate may cost that stands below these two in both orders.
    fn threshold(&self, by_input: u32, by_output: u32, facts: &RequestFacts) -> Offer {
        let rate = |position: u32, rate: fn(&Rates) -> u64| self.rates.get(widen(position)).map_or(0, rate);
        let input = u128::from(rate(by_input, |rates| rates.input)) * u128::from(facts.input_tokens);
        let output =
            u128::from(rate(by_output, |rates| rates.output)) * u128::from(facts.all_output_tokens());
        // Equal rates stand in the order written, so that what follows at the same price stands behind both.
        let position = widen(by_input.min(by_output));
        Offer::new(position, Some(input.saturating_add(output)))
    }

    /// What the candidate in this position is expected to cost.
    pub(super) fn offer(&self, position: usize, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Offer {
        let atto = self.rates.get(position).and_then(|rates| match rates.steadiness {
            _ if facts.service_tier.is_some() => shortlist.candidate(position)?.expected_atto(facts),
            Steadiness::Steady => Some(rates.atto(facts)),
            Steadiness::Varying | Steadiness::Partial => shortlist.candidate(position)?.expected_atto(facts),
            Steadiness::Unpriced => None,
        });
        let atto = if facts.warm.is_empty() {
            atto
        } else {
            atto.map(|atto| discounted(atto, position, facts, shortlist))
        };
        Offer::new(position, atto)
    }
}

impl Rates {
    fn of(row: &Candidate) -> Self {
        let price = row.model.as_ref().and_then(|model| model.price.as_ref());
        let Some(price) = price.filter(|price| price.currency() == "USD") else { return UNPRICED };
        let lowest = |charge| price.lowest(charge).map(crate::catalog::Rate::pico);
        let (input, output) = (lowest(Charge::Input), lowest(Charge::Output));
        let steadiness = match (input, output) {
            _ if row.service_tier.is_some() => Steadiness::Partial,
            (Some(_), Some(_)) if price.is_steady() => Steadiness::Steady,
            (Some(_), Some(_)) => Steadiness::Varying,
            _ => Steadiness::Partial,
        };
        Self {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            request: lowest(Charge::PerRequest).unwrap_or(0),
            steadiness,
        }
    }

    fn atto(self, facts: &RequestFacts) -> u128 {
        let input = u128::from(self.input) * u128::from(facts.input_tokens);
        let output = u128::from(self.output) * u128::from(facts.all_output_tokens());
        input.saturating_add(output).saturating_add(u128::from(self.request) * ATTO_PER_PICO)
    }
}

/// What is saved on the tokens that are still in the provider's prompt cache, as likely as they are there.
#[expect(clippy::float_arithmetic, reason = "a probability; the amounts stay integers")]
fn discounted(atto: u128, position: usize, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> u128 {
    let saving = || {
        let candidate = shortlist.candidate(position)?;
        let warm = facts.warm.iter().find(|warm| warm.target == candidate.target)?;
        let price = candidate.model.as_ref()?.price.as_ref()?;
        let card = price.card(facts.input_tokens, facts.at, candidate.tier_of(facts))?;
        let saved = card.rate(Charge::Input)?.pico().checked_sub(card.rate(Charge::CachedInput)?.pico())?;
        let tokens = warm.tokens.min(facts.input_tokens);
        let probability = if warm.probability.is_finite() { warm.probability.clamp(0.0, 1.0) } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let millionths = (probability * 1e6) as u128;
        Some(u128::from(saved) * u128::from(tokens) / 1_000_000 * millionths)
    };
    atto.saturating_sub(saving().unwrap_or(0))
}

/// The best offers so far, sorted.
struct Best {
    offers: Vec<Offer>,
    most: usize,
}

impl Best {
    fn is_full(&self) -> bool {
        self.offers.len() >= self.most
    }

    fn offer(&mut self, offer: Offer) {
        if self.is_full() && self.offers.last().is_none_or(|worst| offer >= *worst) {
            return;
        }
        // Each candidate is met in both orders.
        let place = self.offers.partition_point(|known| *known < offer);
        if self.offers.get(place).is_some_and(|known| known.position == offer.position) {
            return;
        }
        self.offers.insert(place, offer);
        self.offers.truncate(self.most);
    }

    /// Is everything from `threshold` on behind the last of a full list?
    fn is_settled(&self, threshold: Offer) -> bool {
        self.is_full() && self.offers.last().is_none_or(|worst| *worst <= threshold)
    }
}

fn widen(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

const UNPRICED: Rates = Rates { input: 0, output: 0, request: 0, steadiness: Steadiness::Unpriced };

/// No price comes to as much.
const UNKNOWN: u128 = u128::MAX;

/// Shorter lists are read through.
const WORTH_SORTING: usize = 24;

const ATTO_PER_PICO: u128 = 1_000_000;
