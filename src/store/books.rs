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
    meters: HashMap<Box<str>, Slot>,
    capacity: usize,
    open: HashMap<u128, Open, ById>,
    /// When reservations run out, soonest first; those that are settled are dropped now and then.
    ends: BinaryHeap<Reverse<(i64, u128)>>,
    settled: Settled,
}

#[derive(Debug)]
struct Slot {
    state: State,
    until: Option<i64>,
    holds: u32,
}

#[derive(Debug)]
struct Open {
    until: i64,
    holds: Vec<Hold>,
}

#[derive(Debug)]
struct Hold {
    meter: Arc<Meter>,
    amount: u128,
    mark: i64,
}

impl Books {
    /// Books of at most `capacity` meters.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            meters: HashMap::new(),
            capacity,
            open: HashMap::default(),
            ends: BinaryHeap::new(),
            settled: Settled::default(),
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
        let mut refusals = Vec::new();
        for (place, claim) in claims.iter().enumerate() {
            let slot = self.slot(&claim.meter, now)?;
            let rule = claim.meter.rule();
            slot.state.mend(rule, now);
            if let Err(cure) = slot.state.check(rule, claim.amount, now) {
                refusals.push(Refusal::new(place, slot.state.level(rule, now), cure));
            }
        }
        if !refusals.is_empty() {
            return Ok(Verdict::Refused(refusals));
        }
        let mut levels = Vec::with_capacity(claims.len());
        let mut holds = Vec::with_capacity(claims.len());
        for claim in claims {
            let Some(slot) = self.meters.get_mut(claim.meter.key()) else { continue };
            let rule = claim.meter.rule();
            let mark = slot.state.hold(rule, claim.amount, now);
            slot.until = claim.meter.keep().map(|keep| now.saturating_add(micros(keep)));
            slot.holds = slot.holds.saturating_add(1);
            levels.push(slot.state.level(rule, now));
            holds.push(Hold { meter: Arc::clone(&claim.meter), amount: claim.amount, mark });
        }
        let until = now.saturating_add(lease);
        self.open.insert(id, Open { until, holds });
        self.ends.push(Reverse((until, id)));
        self.forget_ends();
        Ok(Verdict::Held(levels))
    }

    pub(super) fn settle(&mut self, id: u128, used: &[Claim], now: i64) -> Result<Vec<Level>> {
        self.lapse(now);
        let open = self.open.remove(&id);
        if !self.settled.insert(id) {
            return self.levels(used, now);
        }
        let holds = open.map(|open| open.holds).unwrap_or_default();
        let mut levels = Vec::with_capacity(used.len());
        for (place, claim) in used.iter().enumerate() {
            let rule = claim.meter.rule();
            let hold = holds.get(place).filter(|hold| hold.meter.key() == claim.meter.key());
            let slot = self.slot(&claim.meter, now)?;
            slot.state.settle(rule, hold.map(|hold| (hold.amount, hold.mark)), claim.amount, now);
            slot.holds = slot.holds.saturating_sub(u32::from(hold.is_some()));
            levels.push(slot.state.level(rule, now));
        }
        Ok(levels)
    }

    fn levels(&mut self, claims: &[Claim], now: i64) -> Result<Vec<Level>> {
        claims
            .iter()
            .map(|claim| Ok(self.slot(&claim.meter, now)?.state.level(claim.meter.rule(), now)))
            .collect()
    }

    /// The meter's slot, new where there is none or it has run out.
    fn slot(&mut self, meter: &Meter, now: i64) -> Result<&mut Slot> {
        if !self.meters.contains_key(meter.key()) && self.meters.len() >= self.capacity {
            self.meters.retain(|_, slot| !slot.has_run_out(now));
            if self.meters.len() >= self.capacity {
                return Err(Error::new(
                    ErrorKind::Storage,
                    "the memory store has no room for another meter; raise its capacity",
                ));
            }
        }
        let fresh = || Slot {
            state: State::new(meter.rule()),
            until: meter.keep().map(|keep| now.saturating_add(micros(keep))),
            holds: 0,
        };
        // Looked up by reference first: entry() would copy the key of every call.
        if !self.meters.contains_key(meter.key()) {
            self.meters.insert(meter.key().into(), fresh());
        }
        let Some(slot) = self.meters.get_mut(meter.key()) else {
            return Err(Error::new(ErrorKind::Internal, "a meter vanished while it was looked at"));
        };
        if slot.has_run_out(now) || !slot.state.suits(meter.rule()) {
            *slot = fresh();
        }
        Ok(slot)
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
            for hold in open.holds {
                if let Some(slot) = self.meters.get_mut(hold.meter.key()) {
                    slot.state.lapse(hold.amount);
                    slot.holds = slot.holds.saturating_sub(1);
                }
            }
        }
    }

    /// Most reservations are settled long before they run out.
    fn forget_ends(&mut self) {
        if self.ends.len() > 2 * self.open.len() + 1_024 {
            let Self { ends, open, .. } = self;
            ends.retain(|Reverse((_, id))| open.contains_key(id));
        }
    }
}

impl Slot {
    fn has_run_out(&self, now: i64) -> bool {
        self.holds == 0 && self.until.is_some_and(|until| until <= now)
    }
}

/// The reservations that were settled last, so that a settlement that is repeated counts once.
#[derive(Debug, Default)]
struct Settled {
    recent: HashSet<u128, ById>,
    before: HashSet<u128, ById>,
}

impl Settled {
    /// Says whether `id` is new.
    fn insert(&mut self, id: u128) -> bool {
        if self.before.contains(&id) || !self.recent.insert(id) {
            return false;
        }
        if self.recent.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.recent);
        }
        true
    }
}

/// Ids are random already.
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
        let mixed = u64::try_from(low ^ high).unwrap_or_default();
        self.0 = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

pub(super) fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

/// A reservation takes a few hundred bytes.
const MOST_OPEN: usize = 1_000_000;

/// How many settlements each of two generations remembers.
const REMEMBERED: usize = 65_536;
