//! Hard constraints, applied before any policy.

use std::borrow::Cow;

use super::{Candidate, RequestFacts};
use crate::catalog::Support;
use crate::types::Rejected;

/// What is left after the constraints.
#[non_exhaustive]
#[derive(Debug)]
pub struct Kept<'a> {
    /// The candidates that can serve the request.
    pub candidates: Cow<'a, [Candidate]>,
    /// Those that cannot, and why.
    pub rejected: Vec<Rejected>,
}

/// Removes candidates that are known to be unable to serve the request. Unknown is not unable.
pub fn filter<'a>(facts: &RequestFacts, candidates: &'a [Candidate]) -> Kept<'a> {
    let mut rejected = Vec::new();
    for candidate in candidates {
        if let Some(reason) = unable(facts, candidate) {
            rejected.push(Rejected::new(candidate.target.clone(), reason));
        }
    }
    if rejected.is_empty() {
        return Kept { candidates: Cow::Borrowed(candidates), rejected };
    }
    let able = candidates.iter().filter(|candidate| unable(facts, candidate).is_none()).cloned().collect();
    Kept { candidates: Cow::Owned(able), rejected }
}

fn unable(facts: &RequestFacts, candidate: &Candidate) -> Option<Cow<'static, str>> {
    let model = candidate.model.as_ref()?;
    for need in &facts.needs {
        if model.capabilities.supports(*need) == Support::No {
            return Some(Cow::Owned(format!("the model has no {}", need.as_str())));
        }
    }
    match model.context_window {
        Some(window) if facts.least_input_tokens > window => {
            Some(Cow::Owned(format!("the prompt does not fit its window of {window} tokens")))
        }
        _ => None,
    }
}
