//! Why a target was chosen.

use std::borrow::Cow;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{Target, Usd};

/// How the targets of one call were ranked, always recorded.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The route's name; `None` when the request named a target itself.
    pub route: Option<String>,
    /// The policy's name.
    pub policy: Cow<'static, str>,
    /// The targets to try, best first.
    pub ranked: Vec<Ranked>,
    /// The targets that could not serve the request, and why: of many the first 32.
    pub rejected: Vec<Rejected>,
    /// How many targets there were to choose among.
    #[serde(default)]
    pub candidates: usize,
    /// How many of them could not serve the request, listed or not.
    #[serde(default)]
    pub removed: usize,
    /// Targets that would have stood before others but were out of use then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<Target>,
    /// The chance the policy drew from: with the same past it decides the same again.
    #[serde(default)]
    pub chance: u64,
    /// What a strong model was expected to gain, from minus one to one, where the policy foretells it.
    #[serde(default)]
    pub gain: Option<f64>,
    /// When it was made, by the calendar, for prices that depend on it.
    #[serde(default)]
    pub at: Option<SystemTime>,
    /// The service tier that the call itself asked for; a target's own comes after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Box<str>>,
}

impl Decision {
    /// A decision by `policy`, with nothing in it yet.
    pub fn new(route: Option<String>, policy: impl Into<Cow<'static, str>>) -> Self {
        Self {
            route,
            policy: policy.into(),
            ranked: Vec::new(),
            rejected: Vec::new(),
            candidates: 0,
            removed: 0,
            unavailable: Vec::new(),
            chance: 0,
            gain: None,
            at: None,
            service_tier: None,
        }
    }
}

/// One target of a plan.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The target.
    pub target: Target,
    /// Why it stands here.
    pub reason: Cow<'static, str>,
    /// What the call was expected to cost there before it was sent.
    pub expected_cost: Option<Usd>,
    /// What the policy ranked by, where that is a number; unit and direction are the policy's own.
    #[serde(default)]
    pub score: Option<f64>,
    /// Was its answer to be read by the policy before the caller got it?
    #[serde(default)]
    pub reading: Reading,
}

/// Is an answer read before the caller gets it?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It goes to the caller as it comes.
    #[default]
    Unread,
    /// The policy's [`Escalation`](crate::routing::Escalation) reviews it, and may have another target asked.
    Reviewed,
}

impl Ranked {
    /// `target`, because of `reason`.
    pub fn new(target: Target, reason: impl Into<Cow<'static, str>>, expected_cost: Option<Usd>) -> Self {
        Self { target, reason: reason.into(), expected_cost, score: None, reading: Reading::Unread }
    }
}

/// One target that could not serve the request.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The target.
    pub target: Target,
    /// The short name of the constraint it fails, such as `capability` or `max_price`.
    pub constraint: Cow<'static, str>,
    /// How it fails it.
    pub reason: Cow<'static, str>,
}

impl Rejected {
    /// `target` fails `constraint`, because of `reason`.
    pub fn new(
        target: Target,
        constraint: impl Into<Cow<'static, str>>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { target, constraint: constraint.into(), reason: reason.into() }
    }
}
