//! The calls of late, so that an answer can be rated after it was given.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::memory::RouteMemory;
use crate::error::{Error, ErrorKind, Result};
use crate::routing::{Rated, RoutingPolicy, Strength};
use crate::types::{CallId, Target};

/// What is needed to pass a rating on. Holds neither prompts nor answers, and no more than [`MOST`] calls.
#[derive(Debug, Default)]
pub(super) struct Ratings {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    calls: HashMap<CallId, Answered>,
    /// Oldest first.
    order: VecDeque<CallId>,
}

/// One call that was answered.
pub(super) struct Answered {
    pub(super) policy: Arc<dyn RoutingPolicy>,
    pub(super) target: Target,
    /// What asking a strong model was expected to gain.
    pub(super) gain: Option<f64>,
    pub(super) by: Strength,
    /// Where the route counts.
    pub(super) memory: Option<Arc<RouteMemory>>,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("target", &self.target).field("by", &self.by).finish_non_exhaustive()
    }
}

impl Ratings {
    pub(super) fn remember(&self, id: CallId, answered: Answered) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.order.len() >= MOST
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.calls.remove(&oldest);
        }
        recent.order.push_back(id);
        recent.calls.insert(id, answered);
    }

    /// Tells the policy that decided the call how good its answer was. Each answer is rated once.
    pub(super) fn rate(&self, id: CallId, score: f64) -> Result<()> {
        if !(0.0..=1.0).contains(&score) {
            let message = format!("a score lies between 0 and 1, and {score} does not");
            return Err(Error::new(ErrorKind::InvalidRequest, message));
        }
        let answered = {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.calls.remove(&id)
        };
        let answered = answered.ok_or_else(|| {
            let message = format!(
                "no answered call {id} is remembered: it is none of this client's last {MOST}, or was rated already"
            );
            Error::new(ErrorKind::InvalidRequest, message)
        })?;
        if let Some(memory) = &answered.memory {
            memory.arms().rate(&answered.target, score);
        }
        let told = catch_unwind(AssertUnwindSafe(|| {
            answered.policy.feedback(&answered.target, score);
            if let Some(escalation) = answered.policy.escalation() {
                escalation.rated(&Rated::new(answered.gain, answered.by, score));
            }
        }));
        told.map_err(|_| Error::new(ErrorKind::Internal, "the routing policy panicked over a rating"))
    }
}

/// Ratings come late: an hour's worth at one call a second, in less than a megabyte.
const MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::policy::Ordered;

    fn answered() -> Answered {
        let target = "lab/m".parse().unwrap();
        Answered { policy: Arc::new(Ordered::new()), target, gain: None, by: Strength::Strong, memory: None }
    }

    #[test]
    fn only_recent_calls_are_remembered_and_each_is_rated_once() {
        let ratings = Ratings::default();
        for number in 0..=MOST {
            ratings.remember(CallId::new(number as u128), answered());
        }

        assert_eq!(ratings.rate(CallId::new(0), 1.0).unwrap_err().kind(), ErrorKind::InvalidRequest);
        assert!(ratings.rate(CallId::new(1), 1.0).is_ok());
        assert!(ratings.rate(CallId::new(1), 1.0).unwrap_err().message().contains("rated already"));
        // What was rated makes no room before its time has come, and never too little.
        for number in 0..2 * MOST {
            ratings.remember(CallId::new((MOST + 1 + number) as u128), answered());
        }
        let recent = ratings.recent.lock().unwrap();
        assert!(recent.order.len() <= MOST && recent.calls.len() <= MOST);
    }

    #[test]
    fn scores_out_of_range_are_refused_and_leave_the_call_to_be_rated() {
        let ratings = Ratings::default();
        ratings.remember(CallId::new(1), answered());

        for score in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(ratings.rate(CallId::new(1), score).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
        assert!(ratings.rate(CallId::new(1), 0.0).is_ok());
    }
}
