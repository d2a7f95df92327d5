//! When to try again, where, and until when; which targets are well. Decisions are values; nothing here sleeps or sends.

mod backoff;
mod breaker;
mod budget;
mod deadline;
mod endpoint;
mod endpoints;
mod hedge;
mod keys;
mod latency;
mod probe;
mod retry;
mod standing;
mod timeouts;

pub use backoff::Backoff;
pub use breaker::BreakerPolicy;
pub(crate) use breaker::Change;
pub use deadline::Deadline;
pub(crate) use endpoint::{Clocked, Effects, Ended, Endpoint, Measured, Permit, Refusal};
pub(crate) use endpoints::Endpoints;
pub(crate) use hedge::HedgeBudget;
pub use hedge::HedgePolicy;
pub(crate) use probe::ProbePlan;
pub use probe::ProbePolicy;
pub use retry::{Next, RetryPolicy, Situation, Throttled, Untried};
pub use standing::{HealthPolicy, KeyHealth, Signals, Standing, TargetHealth, WhenNoneHealthy};
pub use timeouts::Timeouts;
