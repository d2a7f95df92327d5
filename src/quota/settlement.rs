//! What was used is booked: now, or as soon as the store takes it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::gate::Gate;
use super::notice::Notice;
use super::row::{Lines, Stage};
use super::subject::Used;
use super::window::Kind;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::store::{Answer, Level, Meter};

/// What the store did not take yet.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    id: u128,
    lines: Lines,
    /// Since when it may be booked after all, because the store was asked and its answer did not come.
    in_doubt: Option<Instant>,
}

impl Unsettled {
    fn failed(&mut self, error: &Error, now: Instant) {
        if error.kind() == ErrorKind::StoreUnavailable && error.phase() != Phase::NotSent {
            self.in_doubt.get_or_insert(now);
        }
    }

    /// Would the store book it again, if it has booked it already?
    fn is_forgotten(&self, now: Instant) -> bool {
        self.in_doubt.is_some_and(|since| now.saturating_duration_since(since) >= REMEMBERED)
    }
}

impl Gate {
    /// Settles the reservation that was [left](super::Held::leave) under this name. `lines` are those that apply to it now; of
    /// limits whose window has ended since, what was held lapses, and what was used counts in the window that runs.
    ///
    /// Counts once within a month, however often it is repeated.
    pub async fn settle_left(self: &Arc<Self>, id: u128, mut lines: Lines, used: &Used) {
        let settled = format!("settled {id:032x}");
        if matches!(self.store.get(&settled).await, Ok(Some(_))) {
            return;
        }
        self.fill_in(&mut lines, used, used);
        let booked = self.settle(id, &lines).await;
        let is_booked = booked.is_ok();
        self.settled(id, lines, booked);
        if is_booked {
            // Until this is written the store itself remembers.
            drop(self.store.put(&settled, Bytes::from_static(b"1"), Some(MONTH)).await);
        }
    }

    /// Replaces what `lines` claim by what was used, by the whole call and at the target it began with.
    pub(super) fn fill_in(&self, lines: &mut Lines, whole: &Used, at_target: &Used) {
        for (line, claim) in lines.lines.iter().zip(&mut lines.claims) {
            let Some(row) = self.rows.get(line.row) else { continue };
            let used = if line.of == Stage::Call { whole } else { at_target };
            claim.amount = used.of(row.limit.measure).min(Meter::MOST);
        }
    }

    /// Books the claims of `lines` for the reservation `id`.
    pub(super) fn settle<'a>(&'a self, id: u128, lines: &'a Lines) -> Answer<'a, Vec<Level>> {
        self.store.settle(id, &lines.claims)
    }

    /// The store has booked `lines`, or did not and is asked again as soon as it can.
    pub(super) fn settled(self: &Arc<Self>, id: u128, lines: Lines, booked: Result<Vec<Level>>) {
        let error = match booked {
            Ok(levels) => {
                self.see_settled(&lines, &levels);
                self.queue.released(&lines.claims);
                self.settle_the_rest();
                return;
            }
            Err(error) => error,
        };
        let only_a_hold = lines.claims.iter().all(|claim| claim.amount == 0);
        let mut next = Unsettled { id, lines, in_doubt: None };
        next.failed(&error, self.clock.now());
        let mut unsettled = self.unsettled();
        if only_a_hold {
            // Only a hold to give back, if there was one: it lapses by itself.
            if unsettled.len() < MOST_UNSETTLED / 2 {
                unsettled.push_back(next);
                self.waiting.store(unsettled.len(), Ordering::Release);
            }
            return;
        }
        if unsettled.len() >= MOST_UNSETTLED {
            drop(unsettled);
            self.host.notice(Notice::Lost);
            return;
        }
        unsettled.push_back(next);
        let waiting = unsettled.len();
        self.waiting.store(waiting, Ordering::Release);
        drop(unsettled);
        self.host.notice(Notice::Unsettled { kind: error.kind(), waiting });
        self.settle_later();
    }

    /// The store has just answered: it may take what it did not take before.
    pub(super) fn settle_the_rest(self: &Arc<Self>) {
        if self.waiting.load(Ordering::Acquire) == 0 || self.settling.swap(true, Ordering::AcqRel) {
            return;
        }
        let gate = Arc::clone(self);
        let done = Settled(Arc::clone(self));
        self.host.finish(Box::pin(async move {
            let _done = done;
            gate.catch_up().await;
        }));
    }

    /// Nobody may ask the store for anything else: it is asked from time to time.
    fn settle_later(self: &Arc<Self>) {
        if self.watching.swap(true, Ordering::AcqRel) {
            return;
        }
        let watching = Watching(Arc::clone(self));
        self.host.watch(Box::pin(async move {
            let Watching(gate) = &watching;
            loop {
                gate.clock.sleep(EVERY).await;
                if !gate.settling.swap(true, Ordering::AcqRel) {
                    let _done = Settled(Arc::clone(gate));
                    gate.catch_up().await;
                }
                gate.watching.store(false, Ordering::Release);
                if gate.waiting.load(Ordering::Acquire) == 0 || gate.watching.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        }));
    }

    /// Books what the store did not take before, as far as it takes it now. What it refuses does not keep the others
    /// waiting.
    pub async fn catch_up(&self) {
        let waiting = self.unsettled().len();
        for _ in 0..waiting {
            let Some(next) = self.unsettled().front().cloned() else { return };
            if next.is_forgotten(self.clock.now()) {
                self.remove(next.id);
                if next.lines.claims.iter().any(|claim| claim.amount > 0) {
                    self.host.notice(Notice::Lost);
                }
                continue;
            }
            match self.settle(next.id, &next.lines).await {
                Ok(levels) => {
                    self.see_settled(&next.lines, &levels);
                    self.queue.released(&next.lines.claims);
                    self.remove(next.id);
                }
                Err(error) => {
                    self.put_off(next.id, &error);
                    if error.kind() == ErrorKind::StoreUnavailable {
                        return;
                    }
                }
            }
        }
    }

    /// It is settled, or never will be. Somebody else may have settled it meanwhile; it counts once.
    fn remove(&self, id: u128) {
        let mut unsettled = self.unsettled();
        unsettled.retain(|other| other.id != id);
        self.waiting.store(unsettled.len(), Ordering::Release);
    }

    /// The others go first.
    fn put_off(&self, id: u128, error: &Error) {
        let mut unsettled = self.unsettled();
        let Some(place) = unsettled.iter().position(|other| other.id == id) else { return };
        if let Some(mut next) = unsettled.remove(place) {
            next.failed(error, self.clock.now());
            unsettled.push_back(next);
        }
    }

    fn see_settled(&self, lines: &Lines, levels: &[Level]) {
        for ((line, claim), level) in lines.lines.iter().zip(&lines.claims).zip(levels) {
            let Some(row) = self.rows.get(line.row) else { continue };
            row.see(&line.counter, level.total());
            if !matches!(row.limit.window.0, Kind::Refill(_)) {
                self.warn(row, line, level.used.saturating_sub(claim.amount), level.used);
            }
        }
    }

    fn unsettled(&self) -> MutexGuard<'_, VecDeque<Unsettled>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rest is settled, or as much of it as could be; the next may try, also when the work was dropped.
struct Settled(Arc<Gate>);

impl Drop for Settled {
    fn drop(&mut self) {
        self.0.settling.store(false, Ordering::Release);
    }
}

/// Somebody asks from time to time; the next may, also when the work was dropped.
struct Watching(Arc<Gate>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watching.store(false, Ordering::Release);
    }
}

/// How often the store is asked to take what it did not take.
const EVERY: Duration = Duration::from_secs(5);

/// Stores remember for two hours what was settled; their clocks and this one differ a little.
const REMEMBERED: Duration = Duration::from_secs(115 * 60);

/// How many calls may wait to be booked.
const MOST_UNSETTLED: usize = 10_000;

/// For longer no vendor keeps the results of a batch.
const MONTH: Duration = Duration::from_secs(32 * 86_400);
