//! What would become of a request, without sending it.

use std::sync::Arc;

use super::Inner;
use super::candidates;
use super::operation::call;
use crate::catalog::{Capability, Support};
use crate::error::{Error, Result};
use crate::types::{Adaptation, ChatRequest, Decision, Target};

/// What [`Client::check`](super::Client::check) found out.
#[non_exhaustive]
#[derive(Debug)]
pub struct Check {
    /// The order of the targets, and who was left out and why.
    pub decision: Decision,
    /// One verdict for each target that would be tried, in that order.
    pub targets: Vec<TargetCheck>,
}

impl Check {
    /// The verdict about the target that would be asked first.
    pub fn first(&self) -> Option<&TargetCheck> {
        self.targets.first()
    }

    /// The targets that would be sent the request.
    pub fn served(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|check| check.outcome.is_ok()).map(|check| &check.target)
    }
}

/// What one target would make of the request.
#[non_exhaustive]
#[derive(Debug)]
pub struct TargetCheck {
    /// The target.
    pub target: Target,
    /// What would be left out or changed to fit it; or the error with which the request would be refused before a byte
    /// is sent.
    pub outcome: Result<Vec<Adaptation>>,
}

pub(super) fn check(inner: &Arc<Inner>, request: &ChatRequest) -> Result<Check> {
    request.validate()?;
    let planned = candidates::plan(inner, &request.model, &candidates::chat_facts(inner, request))?;
    let verdict = |target: &candidates::PlannedTarget| TargetCheck {
        target: target.target.clone(),
        outcome: target
            .provider
            .check(call(request, target, 0))
            .map_err(|error: Error| error.with_target(target.target.clone())),
    };
    let targets = planned.targets.iter().map(verdict).collect();
    Ok(Check { decision: planned.decision, targets })
}

/// Of a route: can any of its targets?
pub(super) fn supports(inner: &Inner, model: &str, capability: Capability) -> Result<Support> {
    let answers = candidates::descriptions(inner, model)?
        .into_iter()
        .map(|model| model.map_or(Support::Unknown, |model| model.supports(capability)));
    let rank = |support: &Support| match support {
        Support::Yes => 2,
        Support::Unknown => 1,
        Support::No => 0,
    };
    Ok(answers.max_by_key(rank).unwrap_or_default())
}
