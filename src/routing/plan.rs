//! What a policy decides.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::types::Reading;

/// Candidates in the order they are to be tried.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Best first.
    pub choices: Vec<Choice>,
    /// Why there is no choice, where the policy means it.
    pub refusal: Option<Cow<'static, str>>,
}

impl Plan {
    /// These choices, best first.
    pub fn new(choices: impl IntoIterator<Item = Choice>) -> Self {
        Self { choices: choices.into_iter().collect(), refusal: None }
    }

    /// No target will do, for this reason.
    pub fn refused(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { choices: Vec::new(), refusal: Some(reason.into()) }
    }
}

/// One place in a plan.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The candidate's position in the route, as the shortlist gives it.
    pub candidate: usize,
    /// Why it stands here, in a few words.
    pub reason: Cow<'static, str>,
    /// What the policy ranked by, where that is a number; its unit and direction are the policy's own.
    pub score: Option<f64>,
    /// Is its answer read by the policy before the caller gets it?
    pub reading: Reading,
    /// When is it its turn?
    #[serde(default)]
    pub turn: Turn,
}

/// When is it a choice's turn?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// In the order of the plan.
    #[default]
    InOrder,
    /// After all others, also those that are planned later because they are not well, or come later in an `order`.
    Last,
}

impl Choice {
    /// The candidate at this position, for this reason.
    pub fn new(candidate: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { candidate, reason: reason.into(), score: None, reading: Reading::Unread, turn: Turn::InOrder }
    }

    /// As this, ranked by `score`; what is not a finite number is no score.
    #[must_use]
    pub fn scored(self, score: f64) -> Self {
        Self { score: Some(score).filter(|score| score.is_finite()), ..self }
    }

    /// As this, with its answer read by the policy before the caller gets it.
    #[must_use]
    pub fn reviewed(self) -> Self {
        Self { reading: Reading::Reviewed, ..self }
    }

    /// As this, but only after all others.
    #[must_use]
    pub fn last_resort(self) -> Self {
        Self { turn: Turn::Last, ..self }
    }
}
