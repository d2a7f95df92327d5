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
    /// How often everybody who waits was woken, and forgotten.
    waves: AtomicUsize,
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
        Until { flights: Arc::clone(self), waiting: None, what: What::Stopped }
    }

    /// Are the calls to end?
    pub(super) fn is_stopped(&self) -> bool {
        self.holds(What::Stopped)
    }

    /// Resolves when no call is left.
    pub(super) fn empty(self: &Arc<Self>) -> Until {
        Until { flights: Arc::clone(self), waiting: None, what: What::Empty }
    }

    fn holds(&self, what: What) -> bool {
        match what {
            What::Stopped => self.stage.load(Ordering::SeqCst) == STOPPED,
            What::Empty => self.count() == 0,
        }
    }

    fn wake(&self) {
        let wakers = {
            let mut waiting = self.lock();
            self.waves.fetch_add(1, Ordering::SeqCst);
            std::mem::take(&mut waiting.wakers)
        };
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
    waiting: Option<Registered>,
    what: What,
}

/// Under which number somebody waits since which wave, and who is woken.
#[derive(Debug)]
struct Registered {
    number: u64,
    wave: usize,
    waker: Waker,
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.flights.holds(this.what) {
            return Poll::Ready(());
        }
        // A call is polled for each piece that comes; all calls share the lock.
        let is_registered = |known: &Registered| {
            known.wave == this.flights.waves.load(Ordering::SeqCst) && known.waker.will_wake(context.waker())
        };
        if this.waiting.as_ref().is_some_and(is_registered) {
            return Poll::Pending;
        }
        let mut all = this.flights.lock();
        let number = match &this.waiting {
            Some(known) => known.number,
            None => {
                all.numbered += 1;
                all.numbered
            }
        };
        let wave = this.flights.waves.load(Ordering::SeqCst);
        all.wakers.insert(number, context.waker().clone());
        drop(all);
        this.waiting = Some(Registered { number, wave, waker: context.waker().clone() });
        // Whoever changed it in between may have missed the waker.
        if this.flights.holds(this.what) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some(known) = &self.waiting {
            self.flights.lock().wakers.remove(&known.number);
        }
    }
}

/// The error of a call that was ended by a shutdown.
pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::ShutDown, "the client was shut down before the call had ended")
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn whoever_was_woken_for_nothing_and_waits_on_is_woken_again() {
        let flights = Arc::<Flights>::default();
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let held = flights.enter().unwrap();
        let mut stopped = flights.stopped();
        for _ in 0..3 {
            assert!(Pin::new(&mut stopped).poll(&mut context).is_pending());
        }
        assert_eq!(flights.lock().wakers.len(), 1, "it waits once, however often it is polled");

        flights.close();
        // Somebody comes too late, is refused and goes, and everybody is told to look; nothing has changed for this one.
        flights.wake();
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(Pin::new(&mut stopped).poll(&mut context).is_pending());
        flights.stop();

        assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        assert!(Pin::new(&mut stopped).poll(&mut context).is_ready());
        drop(stopped);
        assert!(flights.lock().wakers.is_empty());
        drop(held);
    }
}
