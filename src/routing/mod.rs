//! Which targets to try, in which order.
//!
//! A policy ranks facts about targets, never the providers themselves, so it is pure, synchronous and tested with a table.

mod candidate;
mod facts;
mod filter;
mod plan;
pub mod policy;
mod route;

pub use candidate::Candidate;
pub use facts::RequestFacts;
pub use filter::{Kept, filter};
pub use plan::{Choice, Plan};
pub use route::Route;

use crate::types::Attempt;

/// Ranks the targets that can serve a request.
///
/// Laws, tested for every policy of this crate:
/// * planned targets are candidates, each at most once;
/// * equal arguments give equal plans: time and chance arrive in the facts;
/// * no candidates, empty plan.
pub trait RoutingPolicy: std::fmt::Debug + Send + Sync {
    /// Its name, for decisions and telemetry. Constant.
    fn name(&self) -> &'static str;

    /// Ranks `candidates`, best first. A plan may leave candidates out: they are then never tried.
    ///
    /// Must not block. Time and chance are in `facts`.
    fn plan(&self, facts: &RequestFacts, candidates: &[Candidate]) -> Plan;

    /// Is told how each attempt ended, to learn from it. By default it does not.
    fn observe(&self, attempt: &Attempt) {
        let _ = attempt;
    }
}

const _: fn(Box<dyn RoutingPolicy>) = |_object_safe| ();
