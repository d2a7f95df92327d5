//! The candidates of a route, prepared once.

use std::borrow::Cow;

use super::price_book::PriceBook;
use super::{Candidate, Hosting, RequestFacts, Shortlist, Tier};
use crate::catalog::{Capability, CapabilitySet};
use crate::types::Target;

/// The candidates of a route. What does not depend on a request is computed once, so that a decision reads little.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    rows: Box<[Candidate]>,
    /// For each thing that somebody is known to be unable to do, a bit for each who is.
    unable: Box<[(CapabilitySet, Box<[u64]>)]>,
    /// Known context windows in tokens and whose they are, smallest first.
    windows: Box<[(u64, u32)]>,
    /// A bit for each that is not self-hosted.
    pub(super) away: Box<[u64]>,
    /// How good each is known to be; not a number where nobody knows.
    qualities: Box<[f64]>,
    /// For each quality that somebody has, worst first, a bit for each who is at least so good; empty where they are many.
    levels: Box<[(f64, Box<[u64]>)]>,
    /// A bit for each of a tier: best, which is also where those without one are, cheaper, light.
    tiers: [Box<[u64]>; 3],
    pub(super) prices: PriceBook,
    pub(super) plain: Plain,
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
        let cannot = |row: &Candidate| {
            row.model.as_ref().map_or(CapabilitySet::EMPTY, |model| model.capabilities.cannot())
        };
        let any_cannot = rows.iter().fold(CapabilitySet::default(), |any, row| any.union(cannot(row)));
        let unable = any_cannot.iter().map(|capability| {
            let alone = CapabilitySet::default().with(capability);
            (alone, mask(&rows, |row| cannot(row).contains(capability)))
        });
        let unable = unable.collect();
        let known =
            (0_u32..).zip(&rows).filter_map(|(position, row)| Some((row.context_window()?, position)));
        let mut windows: Box<[(u64, u32)]> = known.collect();
        windows.sort_unstable();
        let away = mask(&rows, |row| row.traits.hosting != Hosting::SelfHosted);
        let qualities: Box<[f64]> = rows.iter().map(|row| row.traits.quality.unwrap_or(f64::NAN)).collect();
        let mut levels: Vec<f64> = qualities.iter().filter(|quality| !quality.is_nan()).copied().collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        levels.truncate(if levels.len() > MOST_LEVELS { 0 } else { MOST_LEVELS });
        let levels = levels.into_iter().map(|level| (level, as_good_as(&qualities, level))).collect();
        let tiers = [Tier::Best, Tier::Cheaper, Tier::Light]
            .map(|tier| mask(&rows, |row| row.traits.tier.unwrap_or(Tier::Best) == tier));
        let prices = PriceBook::new(&rows);
        let plain = Plain {
            tagged: rows.iter().any(|row| !row.traits.tags.is_empty()),
            ordered: rows.iter().any(|row| row.traits.order.is_some()),
        };
        Self { rows, unable, windows, away, qualities, levels, tiers, prices, plain }
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

    /// The smallest context window among them, in tokens; `None` where none is known.
    pub fn smallest_window(&self) -> Option<u64> {
        self.windows.first().map(|(window, _)| *window)
    }

    /// All of them, with nothing known of their present state.
    pub fn all(&self) -> Shortlist<'_> {
        Shortlist::all(self, &super::live::NothingKnown)
    }

    /// Can every candidate do what the request needs, and take its prompt?
    pub(super) fn all_can(&self, facts: &RequestFacts) -> bool {
        self.unable.iter().all(|(alone, _)| alone.intersection(facts.needs).is_empty())
            && self.windows.first().is_none_or(|(window, _)| facts.least_tokens_anywhere() <= *window)
    }

    /// A bit for each that can. Whole words at a time, so that long lists cost little.
    pub(super) fn able(&self, facts: &RequestFacts) -> Box<[u64]> {
        let mut bits = ones(self.len());
        for (_, unable) in self.unable(facts.needs) {
            without(&mut bits, unable);
        }
        let least = facts.least_tokens_anywhere();
        for (window, position) in self.windows.iter().take_while(|(window, _)| *window < least) {
            let position = usize::try_from(*position).unwrap_or(usize::MAX);
            let fits = |row: &Candidate| facts.least_tokens(row.vocabulary()) <= *window;
            if self.rows.get(position).is_some_and(fits) {
                continue;
            }
            if let Some(word) = bits.get_mut(position / 64) {
                *word &= !(1 << (position % 64));
            }
        }
        bits
    }

    /// For each of `needs` that somebody is unable to do, a bit for each who is.
    pub(super) fn unable(&self, needs: CapabilitySet) -> impl Iterator<Item = (Capability, &[u64])> {
        let needed = self.unable.iter().filter(move |(alone, _)| !alone.intersection(needs).is_empty());
        needed.filter_map(|(alone, bits)| Some((alone.first()?, &**bits)))
    }

    /// A bit for each that is known to be at least so good.
    pub(super) fn as_good_as(&self, least: f64) -> Cow<'_, [u64]> {
        let level = self.levels.partition_point(|(level, _)| *level < least);
        match self.levels.get(level) {
            Some((_, bits)) if !least.is_nan() => Cow::Borrowed(bits),
            _ => Cow::Owned(as_good_as(&self.qualities, least).into_vec()),
        }
    }

    /// A bit for each of this tier; those that have none count as best.
    pub(super) fn of_tier(&self, tier: Tier) -> &[u64] {
        let [best, cheaper, light] = &self.tiers;
        match tier {
            Tier::Best => best,
            Tier::Cheaper => cheaper,
            Tier::Light => light,
        }
    }
}

/// A bit for each quality that is at least so good.
fn as_good_as(qualities: &[f64], least: f64) -> Box<[u64]> {
    let word = |qualities: &[f64]| {
        let bits = qualities.iter().enumerate().map(|(place, quality)| u64::from(*quality >= least) << place);
        bits.fold(0, |word, bit| word | bit)
    };
    qualities.chunks(64).map(word).collect()
}

/// So many bits, all set.
fn ones(count: usize) -> Box<[u64]> {
    let mut bits = vec![u64::MAX; count.div_ceil(64)];
    if let Some(last) = bits.last_mut().filter(|_| !count.is_multiple_of(64)) {
        *last = (1 << (count % 64)) - 1;
    }
    bits.into()
}

/// Is the bit of this position set?
pub(super) fn has(bits: &[u64], position: usize) -> bool {
    bits.get(position / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
}

/// Takes what is in `others` out of `bits`.
pub(super) fn without(bits: &mut [u64], others: &[u64]) {
    for (word, other) in bits.iter_mut().zip(others) {
        *word &= !other;
    }
}

/// A bit for each row that `is` so.
fn mask(rows: &[Candidate], is: impl Fn(&Candidate) -> bool) -> Box<[u64]> {
    let word = |rows: &[Candidate]| {
        rows.iter().enumerate().fold(0, |word, (place, row)| word | u64::from(is(row)) << place)
    };
    rows.chunks(64).map(word).collect()
}

/// More different qualities than this are compared one by one.
const MOST_LEVELS: usize = 64;

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(rows: I) -> Self {
        Self::new(rows)
    }
}
