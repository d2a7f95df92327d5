//! Time as an argument: the only file that asks the operating system what time it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

/// Monotonic time, calendar time and sleeping.
///
/// [`SystemClock`] is the default; the `testing` feature has a virtual one.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Monotonic time; never goes back.
    fn now(&self) -> Instant;

    /// Calendar time; may jump. Used for prices that change at a date or an hour, never for timeouts.
    fn wall(&self) -> SystemTime;

    /// Resolves after `duration`. Dropping the future cancels it.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// A pending pause.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The operating system's clock, with timers of the current tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// Makes one; it holds no state.
    pub const fn new() -> Self {
        Self
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        // Outside a runtime tokio would panic; the transport reports the missing runtime as an error instead.
        if tokio::runtime::Handle::try_current().is_err() {
            return Box::pin(std::future::pending());
        }
        Box::pin(tokio::time::sleep(duration))
    }
}

const _: fn(Box<dyn Clock>) = |_object_safe| ();
