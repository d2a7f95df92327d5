//! The orderly end of a client.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use super::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::resilience::Deadline;

/// What became of the calls that ran when the client was shut down.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// They came to their own end in time.
    pub finished: usize,
    /// They were cancelled when time was up, and are settled.
    pub cancelled: usize,
    /// Futures and streams that somebody holds without polling them: nobody can end these but whoever holds them. They
    /// are settled when they are polled or dropped.
    pub held: usize,
}

pub(super) async fn shut_down(inner: &Arc<Inner>, limit: Duration) -> Result<Shutdown> {
    let (clock, flights) = (&inner.clock, &inner.flights);
    let deadline = Deadline::after(clock.now(), limit);
    flights.close();
    inner.tasks.stop_services();
    let running = flights.count();
    let _ = select(flights.empty(), clock.sleep(limit)).await;
    let late = flights.count();
    flights.stop();
    if late > 0 {
        let _ = select(flights.empty(), clock.sleep(TO_NOTICE)).await;
    }
    // Also what cancelled calls have left to read.
    let left = deadline.remaining(clock.now());
    inner.tasks.close(clock.sleep(left), clock.sleep(left.saturating_add(TO_SETTLE))).await;
    let last = || clock.sleep(deadline.remaining(clock.now()).max(TO_SETTLE));
    if let Some(gate) = &inner.gate {
        let _ = select(pin!(gate.catch_up()), last()).await;
    }
    let written = match &inner.books {
        Some(books) => match select(pin!(books.flush()), last()).await {
            Either::Left((written, _)) => written,
            Either::Right(((), _)) => {
                Err(Error::new(ErrorKind::Storage, "a ledger had not written everything when time was up"))
            }
        },
        None => Ok(()),
    };
    let held = flights.count();
    let (finished, cancelled) = (running.saturating_sub(late), late.saturating_sub(held));
    match written {
        Ok(()) => Ok(Shutdown { finished, cancelled, held }),
        Err(error) => Err(Error::new(
            error.kind(),
            format!(
                "{}; {finished} calls had finished, {cancelled} were cancelled, {held} are held",
                error.message()
            ),
        )),
    }
}

/// Enough for every task that waits to be polled once.
const TO_NOTICE: Duration = Duration::from_secs(1);

/// What a store and a ledger have to take what is booked, whatever is left of the time.
const TO_SETTLE: Duration = Duration::from_secs(1);
