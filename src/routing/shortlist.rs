//! The candidates that are left for one request.

use super::candidates::has;
use super::price_book::Offer;
use super::{Candidate, Candidates, Health, Live, LiveFacts, Observed, RequestFacts, Tier};
use crate::types::{Target, Usd};

/// The candidates that can serve one request and may, with what is known of them now. What a policy ranks.
///
/// Candidates are named by their position in the route.
#[derive(Clone, Debug)]
pub struct Shortlist<'a> {
    candidates: &'a Candidates,
    live: &'a dyn LiveFacts,
    kept: Kept,
}

#[derive(Clone, Debug)]
enum Kept {
    All,
    /// A bit for each candidate, and how many are set.
    Some {
        bits: Box<[u64]>,
        count: usize,
    },
}

impl<'a> Shortlist<'a> {
    /// All of `candidates`.
    pub fn all(candidates: &'a Candidates, live: &'a dyn LiveFacts) -> Self {
        Self { candidates, live, kept: Kept::All }
    }

    /// Those of `candidates` that `keep` wants.
    pub fn of(candidates: &'a Candidates, live: &'a dyn LiveFacts, keep: impl FnMut(usize) -> bool) -> Self {
        Self::all(candidates, live).narrowed(keep)
    }

    /// Those of `candidates` whose bit is set; there is one for each, and none more.
    pub(super) fn of_bits(candidates: &'a Candidates, live: &'a dyn LiveFacts, bits: Box<[u64]>) -> Self {
        let ones: u32 = bits.iter().map(|word| word.count_ones()).sum();
        let count = usize::try_from(ones).unwrap_or(usize::MAX);
        let kept = if count == candidates.len() { Kept::All } else { Kept::Some { bits, count } };
        Self { candidates, live, kept }
    }

    /// Those of this list whose bit is set.
    pub(super) fn among(&self, bits: &[u64]) -> Self {
        let words = bits.iter().zip(0..).map(|(word, number)| word & self.word(number));
        Self::of_bits(self.candidates, self.live, words.collect())
    }

    /// This list, with what is known now read from `live`.
    pub(super) fn watched<'b>(&self, live: &'b dyn LiveFacts) -> Shortlist<'b>
    where
        'a: 'b,
    {
        Shortlist { candidates: self.candidates, live, kept: self.kept.clone() }
    }

    /// Those of this list that are known to be at least so good.
    pub(super) fn as_good_as(&self, least: f64) -> Self {
        self.among(&self.candidates.as_good_as(least))
    }

    /// Those of this list that are of this tier; those that have none count as best.
    pub(super) fn of_tier(&self, tier: Tier) -> Self {
        self.among(self.candidates.of_tier(tier))
    }

    /// Those of this list that are not among `positions`, and then those that are.
    pub(super) fn parted(&self, positions: impl Iterator<Item = usize>) -> [Self; 2] {
        let mut rest: Box<[u64]> =
            (0..self.candidates.len().div_ceil(64)).map(|number| self.word(number)).collect();
        let mut taken = vec![0; rest.len()].into_boxed_slice();
        for position in positions.filter(|position| self.contains(*position)) {
            let bit = 1 << (position % 64);
            if let (Some(rest), Some(taken)) = (rest.get_mut(position / 64), taken.get_mut(position / 64)) {
                *rest &= !bit;
                *taken |= bit;
            }
        }
        [rest, taken].map(|bits| Self::of_bits(self.candidates, self.live, bits))
    }

    /// Those of this list that `keep` wants as well.
    #[must_use]
    pub fn narrowed(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let mut bits = vec![0_u64; self.candidates.len().div_ceil(64)].into_boxed_slice();
        let mut count = 0;
        for (word, base) in bits.iter_mut().zip((0..).step_by(64)) {
            let mut left = self.word(base / 64);
            while left != 0 {
                let place = left.trailing_zeros();
                left &= left - 1;
                if usize::try_from(place).is_ok_and(|place| keep(base + place)) {
                    *word |= 1 << place;
                    count += 1;
                }
            }
        }
        let kept = if count == self.candidates.len() { Kept::All } else { Kept::Some { bits, count } };
        Self { candidates: self.candidates, live: self.live, kept }
    }

    /// The bits of 64 neighbours.
    fn word(&self, number: usize) -> u64 {
        match &self.kept {
            Kept::Some { bits, .. } => bits.get(number).copied().unwrap_or(0),
            Kept::All => match self.candidates.len().saturating_sub(number * 64) {
                left @ 0..64 => (1 << left) - 1,
                _ => u64::MAX,
            },
        }
    }

    /// The first `most` positions that are not left.
    pub(super) fn removed(&self, most: usize) -> Vec<usize> {
        let Kept::Some { bits, .. } = &self.kept else { return Vec::new() };
        let mut removed = Vec::with_capacity(most.min(self.candidates.len() - self.len()));
        for (word, base) in bits.iter().zip((0..).step_by(64)) {
            let mut left = !word;
            while left != 0 && removed.len() < most {
                let place = usize::try_from(left.trailing_zeros()).unwrap_or(0);
                left &= left - 1;
                if base + place < self.candidates.len() {
                    removed.push(base + place);
                }
            }
        }
        removed
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        match &self.kept {
            Kept::All => self.candidates.len(),
            Kept::Some { count, .. } => *count,
        }
    }

    /// Is none left?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is the candidate in this position still there?
    pub fn contains(&self, position: usize) -> bool {
        match &self.kept {
            Kept::All => position < self.candidates.len(),
            Kept::Some { bits, .. } => has(bits, position),
        }
    }

    /// The positions that are left, in the order of the route.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        let bits = match &self.kept {
            Kept::All => &[],
            Kept::Some { bits, .. } => &**bits,
        };
        let all = if matches!(self.kept, Kept::All) { self.candidates.len() } else { 0 };
        let some = bits.iter().zip((0_usize..).step_by(64)).flat_map(|(word, base)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                left &= left - 1;
                Some(base + bit)
            })
        });
        (0..all).chain(some)
    }

    /// The position of the `place`th that is left, counting from 0.
    pub fn nth(&self, place: usize) -> Option<usize> {
        match &self.kept {
            Kept::All => (place < self.candidates.len()).then_some(place),
            Kept::Some { bits, .. } => {
                // Whole words are passed over by their number of bits.
                let mut left = place;
                for (word, base) in bits.iter().zip((0_usize..).step_by(64)) {
                    let count = usize::try_from(word.count_ones()).unwrap_or(64);
                    if left >= count {
                        left -= count;
                        continue;
                    }
                    let mut word = *word;
                    for _ in 0..left {
                        word &= word - 1;
                    }
                    return Some(base + usize::try_from(word.trailing_zeros()).unwrap_or(0));
                }
                None
            }
        }
    }

    /// The positions and the candidates that are left, in the order of the route.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &'a Candidate)> + '_ {
        self.positions().filter_map(|position| Some((position, self.candidates.get(position)?)))
    }

    /// The candidate in this position, if it is left.
    pub fn candidate(&self, position: usize) -> Option<&'a Candidate> {
        self.candidates.get(position).filter(|_| self.contains(position))
    }

    /// Where `target` stands, if it is left: the first of several places.
    pub fn position(&self, target: &Target) -> Option<usize> {
        let mut rows = self.candidates.as_slice().iter().enumerate();
        rows.find(|(position, row)| row.target == *target && self.contains(*position))
            .map(|(position, _)| position)
    }

    /// All candidates of the route, left or not.
    pub fn candidates(&self) -> &'a Candidates {
        self.candidates
    }

    /// How the candidate in this position is doing now.
    pub fn live(&self, position: usize) -> Live {
        self.live.live(position)
    }

    /// May the candidate in this position be used now?
    pub fn health(&self, position: usize) -> Health {
        self.live.health(position)
    }

    /// How it did over the last five minutes.
    pub fn percentiles(&self, position: usize) -> Observed {
        self.live.percentiles(position)
    }

    /// What the request is expected to cost there: the prompt at its price, less what is likely saved by the provider's
    /// prompt cache, and the expected answer at its price. `None` when unknown.
    pub fn expected_cost(&self, position: usize, facts: &RequestFacts) -> Option<Usd> {
        self.offer(position, facts).cost()
    }

    /// The `most` candidates with the least expected cost, cheapest first, equal ones as written, unknown prices last.
    /// Does not look at all of a long list.
    pub fn cheapest(&self, facts: &RequestFacts, most: usize) -> Vec<(usize, Option<Usd>)> {
        self.offers(facts, most).iter().map(|offer| (offer.position, offer.cost())).collect()
    }

    pub(in crate::routing) fn offer(&self, position: usize, facts: &RequestFacts) -> Offer {
        self.candidates.prices.offer(position, facts, self)
    }

    pub(in crate::routing) fn offers(&self, facts: &RequestFacts, most: usize) -> Vec<Offer> {
        self.candidates.prices.cheapest(facts, self, most)
    }
}
