//! The candidates of a route, prepared once.

use super::price_book::PriceBook;
use super::{Candidate, RequestFacts, Shortlist};
use crate::catalog::CapabilitySet;
use crate::types::Target;

/// The candidates of a route. What does not depend on a request is computed once, so that a decision reads little.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    rows: Box<[Candidate]>,
    /// What each is known to be unable to do, and its window.
    gates: Box<[Gate]>,
    /// What any of them is unable to do.
    any_cannot: CapabilitySet,
    smallest_window: u64,
    pub(super) prices: PriceBook,
    pub(super) plain: Plain,
}

/// What a candidate lets through.
#[derive(Clone, Copy, Debug)]
struct Gate {
    cannot: CapabilitySet,
    /// In tokens; the largest number when it is unknown. Larger windows than four billion are cut to it.
    window: u32,
}

/// Do the targets say anything that only some requests need to know?
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plain {
    /// Has any of them a tag?
    pub(super) tagged: bool,
    /// Has any of them an order?
    pub(super) ordered: bool,
}

impl Candidates {
    /// Prepares `rows`. Two of one target are kept, and the second is never planned after the first.
    pub fn new(rows: impl IntoIterator<Item = Candidate>) -> Self {
        let rows: Box<[Candidate]> = rows.into_iter().collect();
        let gates: Box<[Gate]> = rows.iter().map(Gate::of).collect();
        let any_cannot = gates.iter().fold(CapabilitySet::default(), |any, gate| any.union(gate.cannot));
        let smallest_window = gates
            .iter()
            .map(|gate| gate.window)
            .min()
            .map_or(u64::MAX, |window| Gate { window, ..NO_GATE }.window());
        let prices = PriceBook::new(&rows);
        let plain = Plain {
            tagged: rows.iter().any(|row| !row.traits.tags.is_empty()),
            ordered: rows.iter().any(|row| row.traits.order.is_some()),
        };
        Self { rows, gates, any_cannot, smallest_window, prices, plain }
    }

    /// The candidates, in the order of the route.
    pub fn as_slice(&self) -> &[Candidate] {
        &self.rows
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The candidate in this position.
    pub fn get(&self, position: usize) -> Option<&Candidate> {
        self.rows.get(position)
    }

    /// Where `target` stands.
    pub fn position(&self, target: &Target) -> Option<usize> {
        self.rows.iter().position(|row| row.target == *target)
    }

    /// All of them, with nothing known of their present state.
    pub fn all(&self) -> Shortlist<'_> {
        Shortlist::all(self, &super::live::NothingKnown)
    }

    /// Can every candidate do what the request needs, and take its prompt?
    pub(super) fn all_can(&self, facts: &RequestFacts) -> bool {
        self.any_cannot.intersection(facts.needs).is_empty()
            && facts.least_input_tokens <= self.smallest_window
    }

    /// Can this one?
    pub(super) fn can(&self, position: usize, facts: &RequestFacts) -> bool {
        self.gates.get(position).is_some_and(|gate| {
            gate.cannot.intersection(facts.needs).is_empty() && facts.least_input_tokens <= gate.window()
        })
    }
}

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(rows: I) -> Self {
        Self::new(rows)
    }
}

impl Gate {
    fn of(row: &Candidate) -> Self {
        let Some(model) = &row.model else { return NO_GATE };
        let window =
            model.context_window.map_or(u32::MAX, |window| u32::try_from(window).unwrap_or(u32::MAX));
        Self { cannot: model.capabilities.cannot(), window }
    }

    fn window(self) -> u64 {
        if self.window == u32::MAX { u64::MAX } else { u64::from(self.window) }
    }
}

const NO_GATE: Gate = Gate { cannot: CapabilitySet::EMPTY, window: u32::MAX };
