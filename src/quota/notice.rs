//! What limits have to say, and whom to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::error::ErrorKind;

/// Something about limits that somebody should know.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// So many percent of a limit are reached, for the first time in its window: a warning, or a soft limit itself.
    Reached {
        /// The limit's name.
        limit: &'a str,
        /// Of whom, for a limit that applies to each value of a dimension; else empty. May be the name of a person.
        value: &'a str,
        /// The percentage.
        percent: u8,
    },
    /// A call takes another route because of a limit.
    Diverted {
        /// The limit's name.
        limit: &'a str,
        /// The route it takes.
        route: &'a str,
    },
    /// What a call used could not be booked yet; it is tried again.
    Unsettled {
        /// What was wrong with the store.
        kind: ErrorKind,
        /// How many calls wait to be booked.
        waiting: usize,
    },
    /// What a call used will not be booked: too many wait already, or it may be booked and the store has forgotten by now.
    Lost,
    /// The calendar jumped by more than a minute against the time that has passed. Windows follow it; what was used is
    /// not forgotten.
    ClockJumped,
}

/// Names only where values may be names of people.
impl fmt::Debug for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reached { limit, percent, .. } => write!(f, "Reached({limit}, {percent} %)"),
            Self::Diverted { limit, route } => write!(f, "Diverted({limit}, to {route})"),
            Self::Unsettled { kind, waiting } => write!(f, "Unsettled({kind}, {waiting} waiting)"),
            Self::Lost => f.write_str("Lost"),
            Self::ClockJumped => f.write_str("ClockJumped"),
        }
    }
}

/// Where a [`Gate`](super::Gate) lives.
pub trait Host: Send + Sync {
    /// Is told. Must not block.
    fn notice(&self, notice: Notice<'_>);

    /// Finishes `work` later, which books what was used; nobody waits for it. Where that is impossible, as without a
    /// runtime, it is dropped, and what is reserved lapses.
    fn finish(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>);

    /// Runs `work`, which books from time to time what the store did not take, until it ends or the limits are needed no
    /// more. Where that is impossible it is dropped.
    fn watch(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>);
}

const _: fn(Box<dyn Host>) = |_object_safe| ();
