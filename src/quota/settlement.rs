//! What was used is booked: now, or as soon as the store takes it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::gate::Gate;
use super::notice::Notice;
use super::row::{Lines, Stage};
use super::subject::Used;
use super::window::Kind;
use crate::error::Result;
use crate::store::{Answer, Claim, Level, Meter};

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
        let claims = lines.claims;
        let mut unsettled = self.unsettled();
        if claims.iter().all(|claim| claim.amount == 0) {
            // Only a hold to give back, if there was one: it lapses by itself.
            if unsettled.len() < MOST_UNSETTLED / 2 {
                unsettled.push_back((id, claims));
                self.waiting.store(unsettled.len(), Ordering::Release);
            }
            return;
        }
        if unsettled.len() >= MOST_UNSETTLED {
            drop(unsettled);
            self.host.notice(Notice::Lost);
            return;
        }
        unsettled.push_back((id, claims));
        let waiting = unsettled.len();
        self.waiting.store(waiting, Ordering::Release);
        drop(unsettled);
        self.host.notice(Notice::Unsettled { kind: error.kind(), waiting });
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

    /// Books what the store did not take before, as far as it takes it now.
    pub async fn catch_up(&self) {
        loop {
            let Some((id, claims)) = self.unsettled().front().cloned() else { return };
            if self.store.settle(id, &claims).await.is_err() {
                return;
            }
            self.queue.released(&claims);
            // Somebody else may have settled it meanwhile; it counts once.
            let mut unsettled = self.unsettled();
            unsettled.retain(|(other, _)| *other != id);
            self.waiting.store(unsettled.len(), Ordering::Release);
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

    fn unsettled(&self) -> MutexGuard<'_, VecDeque<(u128, Vec<Claim>)>> {
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

/// How many calls may wait to be booked.
const MOST_UNSETTLED: usize = 10_000;

/// For longer no vendor keeps the results of a batch.
const MONTH: Duration = Duration::from_secs(32 * 86_400);
