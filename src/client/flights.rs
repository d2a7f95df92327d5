//! The calls that are on their way: counted, refused once the client closes, and told when time is up.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, ErrorKind, Result};

/// The calls of one client.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: AtomicUsize,
    stage: AtomicU8,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Whoever is to be woken, by a number of its own.
    wakers: BTreeMap<u64, Waker>,
    numbered: u64,
}

/// New calls are welcome; refused; refused, and those that run are to end.
const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const STOPPED: u8 = 2;

impl Flights {
    /// A call begins.
    ///
    /// # Errors
    /// [`ErrorKind::ShutDown`] when the client takes no more.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Flight> {
        // Counted first, so that whoever closes the client either is seen here or sees this call.
        self.open.fetch_add(1, Ordering::SeqCst);
        let flight = Flight(Arc::clone(self));
        match self.stage.load(Ordering::SeqCst) {
            OPEN => Ok(flight),
            _ => Err(Error::new(
                ErrorKind::ShutDown,
                "the client was shut down and takes no new calls; build another one",
            )
            .not_sent()),
        }
    }

    /// How many calls have not ended.
    pub(super) fn count(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Refuses new calls from now on.
    pub(super) fn close(&self) {
        let _ = self.stage.compare_exchange(OPEN, CLOSED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Ends the calls that run, as soon as they are polled.
    pub(super) fn stop(&self) {
        self.stage.store(STOPPED, Ordering::SeqCst);
        self.wake();
    }

    /// Resolves when the calls are to end.
    pub(super) fn stopped(self: &Arc<Self>) -> Until {
        Until { flights: Arc::clone(self), number: None, what: What::Stopped }
    }

    /// Resolves when no call is left.
    pub(super) fn empty(self: &Arc<Self>) -> Until {
        Until { flights: Arc::clone(self), number: None, what: What::Empty }
    }

    fn holds(&self, what: What) -> bool {
        match what {
            What::Stopped => self.stage.load(Ordering::SeqCst) == STOPPED,
            What::Empty => self.count() == 0,
        }
    }

    fn wake(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call on its way.
#[derive(Debug)]
pub(super) struct Flight(Arc<Flights>);

impl Drop for Flight {
    fn drop(&mut self) {
        let last = self.0.open.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.0.stage.load(Ordering::SeqCst) != OPEN {
            self.0.wake();
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Stopped,
    Empty,
}

/// Waits for the calls to be told to end, or to have ended.
#[derive(Debug)]
pub(super) struct Until {
    flights: Arc<Flights>,
    number: Option<u64>,
    what: What,
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.flights.holds(this.what) {
            return Poll::Ready(());
        }
        let mut waiting = this.flights.lock();
        let number = *this.number.get_or_insert_with(|| {
            waiting.numbered += 1;
            waiting.numbered
        });
        match waiting.wakers.get_mut(&number) {
            Some(known) => known.clone_from(context.waker()),
            None => {
                waiting.wakers.insert(number, context.waker().clone());
            }
        }
        drop(waiting);
        // Whoever changed it in between may have missed the waker.
        if this.flights.holds(this.what) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.flights.lock().wakers.remove(&number);
        }
    }
}

/// The error of a call that was ended by a shutdown.
pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::ShutDown, "the client was shut down before the call had ended")
}
