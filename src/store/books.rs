//! Meters and open reservations in this process's memory.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::meter::{Claim, Level, Meter, Refusal, Verdict};
use super::state::State;
use crate::error::{Error, ErrorKind, Result};

/// What is used and held. Times are microseconds since the store was made.
#[derive(Debug)]
pub(super) struct Books {
    rows: Vec<Option<Row>>,
    /// Which row a meter has.
    places: HashMap<Box<str>, usize>,
    /// Rows that are free.
    empty: Vec<usize>,
    capacity: usize,
    open: HashMap<u128, Open, ById>,
    /// When reservations run out, soonest first; those that are settled are dropped now and then.
    ends: BinaryHeap<Reverse<(i64, u128)>>,
    settled: Settled,
    /// Room that settled reservations have left.
    spare: Vec<Vec<Hold>>,
}

/// One meter. It stays in its place as long as anything is held of it.
#[derive(Debug)]
struct Row {
    meter: Arc<Meter>,
    state: State,
    until: Option<i64>,
    holds: u32,
}

#[derive(Debug)]
struct Open {
    until: i64,
    holds: Vec<Hold>,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    row: usize,
    amount: u128,
    mark: i64,
}

impl Books {
    /// Books of at most `capacity` meters.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            rows: Vec::new(),
            places: HashMap::new(),
            empty: Vec::new(),
            capacity,
            open: HashMap::default(),
            ends: BinaryHeap::new(),
            settled: Settled::default(),
            spare: Vec::new(),
        }
    }

    pub(super) fn reserve(&mut self, id: u128, lease: i64, claims: &[Claim], now: i64) -> Result<Verdict> {
        self.lapse(now);
        if self.open.len() >= MOST_OPEN {
            return Err(Error::new(
                ErrorKind::StoreUnavailable,
                "the memory store holds a million open reservations; ask again when some are settled",
            ));
        }
        let mut holds = self.spare.pop().unwrap_or_default();
        let mut refusals = Vec::new();
        for (place, claim) in claims.iter().enumerate() {
            let (at, row) = match self.row(&claim.meter, now) {
                Ok(found) => found,
                Err(error) => {
                    self.spare(holds);
                    return Err(error);
                }
            };
            let rule = claim.meter.rule();
            row.state.mend(rule, now);
            if let Err(cure) = row.state.check(rule, claim.amount, now) {
                refusals.push(Refusal::new(place, row.state.level(rule, now), cure));
            }
            holds.push(Hold { row: at, amount: claim.amount, mark: 0 });
        }
        if !refusals.is_empty() {
            self.spare(holds);
            return Ok(Verdict::Refused(refusals));
        }
        let mut levels = Vec::with_capacity(claims.len());
        for (claim, hold) in claims.iter().zip(&mut holds) {
            let Some(Some(row)) = self.rows.get_mut(hold.row) else { continue };
            let rule = claim.meter.rule();
            hold.mark = row.state.hold(rule, claim.amount, now);
            row.until = until(&claim.meter, now);
            row.holds = row.holds.saturating_add(1);
            levels.push(row.state.level(rule, now));
        }
        let until = now.saturating_add(lease);
        self.open.insert(id, Open { until, holds });
        self.ends.push(Reverse((until, id)));
        self.forget_ends();
        Ok(Verdict::Held(levels))
    }

    pub(super) fn settle(&mut self, id: u128, used: &[Claim], now: i64) -> Result<Vec<Level>> {
        self.lapse(now);
        if !self.open.contains_key(&id) {
            // Everything has a row before anything is booked.
            for claim in used {
                self.row(&claim.meter, now)?;
            }
        }
        let open = self.open.remove(&id);
        // One that is open was not settled long ago.
        let first = (open.is_some() || !self.settled.contains(id)) && self.settled.insert(id);
        let mut holds = open.map(|open| open.holds).unwrap_or_default();
        let mut levels = Vec::with_capacity(used.len());
        for claim in used {
            let rule = claim.meter.rule();
            let (at, row) = self.row(&claim.meter, now)?;
            if first {
                let hold = holds.iter().position(|hold| hold.row == at).map(|place| holds.swap_remove(place));
                row.state.settle(rule, hold.map(|hold| (hold.amount, hold.mark)), claim.amount, now);
                row.holds = row.holds.saturating_sub(u32::from(hold.is_some()));
            }
            levels.push(row.state.level(rule, now));
        }
        // Nothing stays held of what is settled.
        self.release(holds);
        Ok(levels)
    }

    /// The meter's row and its place, new where there is none or it has run out.
    fn row(&mut self, meter: &Arc<Meter>, now: i64) -> Result<(usize, &mut Row)> {
        let hint = meter.place.seen();
        // Mostly it is the very meter, and nothing need be compared.
        let is_there = |row: &Option<Row>| {
            row.as_ref().is_some_and(|row| Arc::ptr_eq(&row.meter, meter) || row.meter.key() == meter.key())
        };
        let place = match self.rows.get(hint).filter(|row| is_there(row)) {
            Some(_) => hint,
            None => match self.places.get(meter.key()) {
                Some(place) => *place,
                None => self.make_row(meter, now)?,
            },
        };
        meter.place.see(place);
        let Some(Some(row)) = self.rows.get_mut(place) else {
            return Err(Error::new(ErrorKind::Internal, "a meter vanished while it was looked at"));
        };
        if row.has_run_out(now) || !row.state.suits(meter.rule()) {
            row.state = State::new(meter.rule());
            row.until = until(meter, now);
        }
        Ok((place, row))
    }

    fn make_row(&mut self, meter: &Arc<Meter>, now: i64) -> Result<usize> {
        if self.places.len() >= self.capacity {
            self.forget_rows(now);
            if self.places.len() >= self.capacity {
                return Err(Error::new(
                    ErrorKind::Storage,
                    "the memory store has no room for another meter; raise its capacity",
                ));
            }
        }
        let row = Some(Row {
            meter: Arc::clone(meter),
            state: State::new(meter.rule()),
            until: until(meter, now),
            holds: 0,
        });
        let place = self.empty.pop().unwrap_or(self.rows.len());
        match self.rows.get_mut(place) {
            Some(empty) => *empty = row,
            None => self.rows.push(row),
        }
        self.places.insert(meter.key().into(), place);
        Ok(place)
    }

    fn forget_rows(&mut self, now: i64) {
        for (place, entry) in self.rows.iter_mut().enumerate() {
            if let Some(row) = entry.take_if(|row| row.has_run_out(now)) {
                self.places.remove(row.meter.key());
                self.empty.push(place);
            }
        }
    }

    /// Releases what nobody came back for.
    fn lapse(&mut self, now: i64) {
        while let Some(Reverse((until, id))) = self.ends.peek().copied() {
            if until > now {
                return;
            }
            self.ends.pop();
            if self.open.get(&id).is_none_or(|open| open.until != until) {
                continue;
            }
            let Some(open) = self.open.remove(&id) else { continue };
            self.release(open.holds);
        }
    }

    fn release(&mut self, holds: Vec<Hold>) {
        for hold in &holds {
            if let Some(Some(row)) = self.rows.get_mut(hold.row) {
                row.state.lapse(hold.amount);
                row.holds = row.holds.saturating_sub(1);
            }
        }
        self.spare(holds);
    }

    /// Most reservations are settled long before they run out.
    fn forget_ends(&mut self) {
        if self.ends.len() > 2 * self.open.len() + 1_024 {
            let Self { ends, open, .. } = self;
            ends.retain(|Reverse((_, id))| open.contains_key(id));
        }
    }

    fn spare(&mut self, mut holds: Vec<Hold>) {
        if self.spare.len() < MOST_SPARE {
            holds.clear();
            self.spare.push(holds);
        }
    }
}

impl Row {
    fn has_run_out(&self, now: i64) -> bool {
        self.holds == 0 && self.until.is_some_and(|until| until <= now)
    }
}

fn until(meter: &Meter, now: i64) -> Option<i64> {
    meter.keep().map(|keep| now.saturating_add(micros(keep)))
}

/// The reservations that were settled last, so that a settlement that is repeated counts once.
#[derive(Debug, Default)]
struct Settled {
    recent: HashSet<u128, ById>,
    before: HashSet<u128, ById>,
}

impl Settled {
    fn contains(&self, id: u128) -> bool {
        self.recent.contains(&id) || self.before.contains(&id)
    }

    /// Says whether `id` is new among the most recent.
    fn insert(&mut self, id: u128) -> bool {
        if !self.recent.insert(id) {
            return false;
        }
        if self.recent.len() >= REMEMBERED {
            std::mem::swap(&mut self.before, &mut self.recent);
            self.recent.clear();
        }
        true
    }
}

/// Ids are random already, or follow each other: those stay neighbours, so that most of what is looked at is in the
/// processor's cache.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

type ById = BuildHasherDefault<IdHasher>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        // Both halves count: an application's own ids may be small numbers.
        let (low, high) = (id & u128::from(u64::MAX), id >> 64);
        let half = |part: u128| u64::try_from(part).unwrap_or_default();
        let place = half(low).wrapping_add(half(high).wrapping_mul(SPREAD));
        // The low bits choose the place in the table, the highest seven tell neighbours from each other.
        self.0 = place & PLACE | place.wrapping_mul(SPREAD) & !PLACE;
    }
}

/// An odd number whose multiples are far from each other: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

const PLACE: u64 = u64::MAX >> 7;

pub(super) fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

/// A reservation takes a few hundred bytes.
const MOST_OPEN: usize = 1_000_000;

/// Reservations that are open at the same time are seldom more.
const MOST_SPARE: usize = 1_024;

/// How many settlements each of two generations remembers.
const REMEMBERED: usize = 65_536;
