//! Which targets to try, in which order.
//!
//! A policy ranks facts about targets, never the providers themselves, so it is pure, synchronous and tested with a table.

pub mod answer;
mod candidate;
mod candidates;
mod constraint;
mod decide;
pub mod difficulty;
mod escalation;
mod facts;
mod family;
mod floor;
mod live;
mod plan;
pub mod policy;
mod price_book;
pub mod replay;
mod route;
mod rule;
mod sensitive;
mod shortlist;
mod tags;
mod traits;

pub use candidate::Candidate;
pub use candidates::Candidates;
pub use decide::{Decided, Question, decide, observe};
pub use escalation::{Audit, Escalation, Rated, Rater, Review, Reviewed, Strength};
pub use facts::{Labels, RequestFacts, Warm};
pub use floor::{Observation, QualityFloor, Threshold};
pub use live::{AllHealthy, Health, Live, LiveFacts, NothingKnown, Observed};
pub use plan::{Choice, Plan, Turn};
pub use route::{Route, RouteTarget};
pub use rule::Rule;
pub use sensitive::{Detection, SensitiveData};
pub use shortlist::Shortlist;
pub use traits::{DataPolicy, Distillable, Hosting, Tier, Traits};

pub(crate) use decide::escalation;
pub(crate) use family::{Family, Weights};
pub(crate) use route::ServiceTiers;
pub(crate) use sensitive::is_sensitive;

pub use crate::types::Reading;
use crate::types::{Attempt, Target};

/// Ranks the targets that can serve a request.
///
/// Laws, tested for every policy of this crate:
/// * planned targets are on the shortlist, each at most once;
/// * equal arguments and an equal past give equal plans: time and chance arrive in the facts;
/// * an empty shortlist gives an empty plan, any other at least one choice, or a [refusal](Plan::refused).
///
/// A call whose policy breaks them, or panics, fails with [`ErrorKind::Internal`](crate::ErrorKind::Internal).
pub trait RoutingPolicy: std::fmt::Debug + Send + Sync {
    /// Its name, for decisions and telemetry. Constant.
    fn name(&self) -> &'static str;

    /// Ranks the candidates of `shortlist`, best first. A plan may leave candidates out: they are then never tried, and
    /// more than [`max_targets`](RequestFacts::max_targets) are cut off.
    ///
    /// Must not block. Time and chance are in `facts`. It may be asked several times for one call: for each group of targets,
    /// and again where one that it chose turns out not to be well.
    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan;

    /// Is told how each attempt ended, to learn from it. By default it does not.
    fn observe(&self, attempt: &Attempt) {
        let _ = attempt;
    }

    /// Is told how good an answer of `target` was, from 0 to 1, to learn from it. By default it does not.
    fn feedback(&self, target: &Target, score: f64) {
        let _ = (target, score);
    }

    /// What it does beyond ranking, for policies that read answers and learn how good they are. By default nothing.
    /// Whoever wraps a policy forwards it.
    fn escalation(&self) -> Option<&dyn Escalation> {
        None
    }
}

const _: fn(Box<dyn RoutingPolicy>) = |_object_safe| ();
