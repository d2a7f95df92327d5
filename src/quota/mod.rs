//! Limits of the application's own: budgets in money, rates of requests and tokens, calls at the same time.
//!
//! A call carries several scopes (who pays, its tags, its route, the vendor and model it goes to), and every [`Limit`] that
//! applies must agree. Before anything is sent the most it can use is [reserved](Gate::take) on all of them at once, in one
//! step of the [`Store`](crate::store::Store); afterwards what it really used is booked and the rest is free again, on
//! every way out, dropped futures included. What vendors allow is another matter: see
//! [`ErrorKind::RateLimited`](crate::ErrorKind::RateLimited).
//!
//! A call that is dropped, with its client or without, is settled by the store itself once that was told: at once in memory,
//! by its own thread in SQLite. Redis is told by a task of the runtime, which a shutdown waits for; where the runtime ends
//! first, or the process dies, what was held lapses a minute after the call's deadline.
//!
//! The client does all of that: [`ClientBuilder::limits`](crate::ClientBuilder::limits).

mod calendar;
mod gate;
mod held;
mod limit;
mod limits;
mod notice;
mod queue;
mod row;
mod settlement;
mod subject;
mod window;
#[cfg(feature = "timezone")]
mod zone;

pub use calendar::{Unit, Zone};
pub use gate::{AtTarget, Gate, Patience, Refused};
pub use held::{Held, Settling};
pub use limit::{Limit, Measure};
pub use limits::{InDoubt, Limits, UnknownPrice};
pub use notice::{Host, Notice};
pub use row::Lines;
pub use subject::{CostBound, Demand, Subject, Used};
pub use window::Window;
