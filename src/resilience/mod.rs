//! When to try again, where, and until when. Decisions are values; nothing here sleeps or sends.

mod backoff;
mod deadline;
mod retry;
mod timeouts;

pub use backoff::Backoff;
pub use deadline::Deadline;
pub use retry::{Next, RetryPolicy, Situation, Throttled, Untried};
pub use timeouts::Timeouts;
