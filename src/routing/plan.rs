//! What a policy decides.

use std::borrow::Cow;

/// Candidates in the order they are to be tried.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Best first.
    pub choices: Vec<Choice>,
}

impl Plan {
    /// These choices, best first.
    pub fn new(choices: impl IntoIterator<Item = Choice>) -> Self {
        Self { choices: choices.into_iter().collect() }
    }
}

/// One place in a plan.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Position in the slice of candidates.
    pub candidate: usize,
    /// Why it stands here, in a few words.
    pub reason: Cow<'static, str>,
}

impl Choice {
    /// The candidate at this position, for this reason.
    pub fn new(candidate: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { candidate, reason: reason.into() }
    }
}
