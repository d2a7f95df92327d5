//! What a call holds until it is settled: exactly once, refunded on drop.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::gate::Gate;
use super::row::Lines;
use super::subject::Used;
use crate::store::Claim;

/// A reservation. Dropped without being settled, everything is given back.
#[must_use]
pub struct Held {
    gate: Arc<Gate>,
    id: u128,
    lines: Lines,
    /// The place of a limit that sends calls elsewhere.
    pub(super) diversion: Option<usize>,
    /// Taken by the settlement.
    open: bool,
}

impl Held {
    pub(super) fn new(gate: &Arc<Gate>, id: u128, lines: Lines) -> Self {
        Self { gate: Arc::clone(gate), id, lines, diversion: None, open: true }
    }

    pub(super) fn all(&self) -> &Lines {
        &self.lines
    }

    pub(super) fn claims(&self) -> &[Claim] {
        &self.lines.claims
    }

    /// Nothing is held after all.
    pub(super) fn forget(mut self) -> Lines {
        self.open = false;
        std::mem::take(&mut self.lines)
    }

    /// The limit that is so full that calls take another route, and that route.
    pub fn diversion(&self) -> Option<(&str, &str)> {
        self.gate.diverts(self.diversion?)
    }

    /// Lets go of it without giving anything back: it stays held until it [is settled](Gate::settle_left),
    /// by this process or another that shares the store, or lapses. Returns its name.
    pub fn leave(self) -> u128 {
        let id = self.id;
        self.forget();
        id
    }

    /// Books what was really used and gives the rest back. The future does so even when it is dropped.
    pub fn settle(self, used: &Used) -> Settling {
        self.settle_with(used, used)
    }

    /// As [`settle`](Self::settle), with what was used by the whole call and at the target it began with.
    pub fn settle_with(mut self, whole: &Used, at_target: &Used) -> Settling {
        self.open = false;
        self.work(whole, at_target)
    }

    fn work(&mut self, whole: &Used, at_target: &Used) -> Settling {
        let mut lines = std::mem::take(&mut self.lines);
        self.gate.fill_in(&mut lines, whole, at_target);
        Settling::begin(&self.gate, self.id, lines)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            drop(self.work(&Used::default(), &Used::default()));
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("lines", &self.lines.lines.len()).finish_non_exhaustive()
    }
}

/// A settlement on its way. Dropped before its end it goes on in the background.
#[must_use]
pub struct Settling {
    gate: Arc<Gate>,
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Settling {
    fn begin(gate: &Arc<Gate>, id: u128, lines: Lines) -> Self {
        let at_once = gate.settle(id, &lines).at_once().ok();
        if let Some(booked) = at_once {
            gate.settled(id, lines, booked);
            return Self { gate: Arc::clone(gate), work: None };
        }
        let store = Arc::clone(gate);
        let work = async move {
            let booked = store.settle(id, &lines).await;
            store.settled(id, lines, booked);
        };
        Self { gate: Arc::clone(gate), work: Some(Box::pin(work)) }
    }
}

impl Future for Settling {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(work) = &mut self.work else { return Poll::Ready(()) };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        if let Some(mut work) = self.work.take() {
            // What the store does by itself once it is told goes on without us.
            if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.gate.host().finish(work);
            }
        }
    }
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settling").field("done", &self.work.is_none()).finish_non_exhaustive()
    }
}
