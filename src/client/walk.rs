//! Which targets of a plan have been tried, and where to go next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::RunningCall;
use super::candidates::PlannedTarget;
use crate::error::{Error, ErrorKind, Failover, Retry};
use crate::resilience::{Next, Situation, Throttled, Untried};
use crate::types::AttemptReason;

/// One attempt to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) place: usize,
    pub(super) reason: AttemptReason,
    /// How long to wait before.
    pub(super) pause: Duration,
}

/// Which targets of the plan have been tried, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Walk {
    places: Vec<Place>,
    /// Attempts that were really sent; a refusal before sending costs nothing.
    sent: u32,
    /// Once a prompt did not fit, only a window larger than this one will do.
    window_above: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Untried,
    /// May be tried again after a pause.
    Failed(Failures),
    /// Not to be tried again within this call.
    Done,
}

/// What one target's failures mean for its next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failures {
    count: u32,
    /// Of the last one.
    throttled: Throttled,
    /// The end of the time the provider asked to be left alone; the failure itself when it did not.
    not_before: Instant,
}

/// A target that was tried and may be tried again.
struct Again {
    place: usize,
    failures: Failures,
    /// What is left of the time its provider asked to be left alone.
    wait: Duration,
}

impl RunningCall {
    /// The attempt at `place` failed with `error`.
    pub(super) fn note_failure(&mut self, place: usize, error: &Error) {
        let latest = self.latest();
        let max_retry_after = self.inner.retry.max_retry_after;
        let window = self.planned.targets.get(place).and_then(|target| target.context_window()).unwrap_or(0);
        let refused_by_us = [ErrorKind::Unsupported, ErrorKind::BudgetExceeded, ErrorKind::LimitExceeded]
            .contains(&error.kind());
        let sent = u32::from(!refused_by_us);
        let walk = self.walk_on(sent);
        if error.advice().failover == Failover::LargerWindow {
            walk.window_above = Some(walk.window_above.map_or(window, |known| known.max(window)));
        }
        if let Some(state) = walk.places.get_mut(place) {
            let earlier = if let Place::Failed(failures) = *state { failures.count } else { 0 };
            // A Retry-After too long to wait for means this target is no use within this call.
            let asked = error.retry_after().unwrap_or_default();
            let told_off = asked > max_retry_after;
            let throttled =
                if error.kind() == ErrorKind::RateLimited { Throttled::Yes } else { Throttled::No };
            *state = match (error.advice().retry, latest.checked_add(asked)) {
                (Retry::AfterBackoff, Some(not_before)) if !told_off => {
                    Place::Failed(Failures { count: earlier + 1, throttled, not_before })
                }
                _ => Place::Done,
            };
        }
    }

    /// Where to go after `error` and after which pause; `None` to give up.
    pub(super) fn next_step(&self, error: &Error) -> Option<Step> {
        let untried = self.first_untried();
        // After the last target failed for good, an earlier one may still be worth another attempt.
        let again = self.earliest();
        let mut advice = error.advice();
        if advice.failover != Failover::Forbidden {
            advice.retry = if again.is_some() { Retry::AfterBackoff } else { Retry::Never };
        }
        let situation = Situation {
            advice,
            throttled: again.as_ref().map_or(Throttled::No, |again| again.failures.throttled),
            retry_after: again.as_ref().map(|again| again.wait).filter(|wait| !wait.is_zero()),
            attempts: self.walk.sent,
            failures_here: again.as_ref().map_or(1, |again| again.failures.count),
            untried: if untried.is_some() { Untried::Some } else { Untried::None },
            remaining: self.remaining(),
            chance: self.inner.chance(),
        };
        match self.inner.retry.decide(&situation) {
            Next::Failover => {
                Some(Step { place: untried?, reason: AttemptReason::Failover, pause: Duration::ZERO })
            }
            Next::Wait(pause) => Some(Step { place: again?.place, reason: AttemptReason::Retry, pause }),
            Next::GiveUp => None,
        }
    }

    /// Targets that are `unfit` are not tried any more.
    pub(super) fn rule_out(&mut self, unfit: impl Fn(&PlannedTarget) -> bool) {
        let targets = Arc::clone(&self.planned.targets);
        for (state, target) in self.walk_on(0).places.iter_mut().zip(targets.iter()) {
            if unfit(target) {
                *state = Place::Done;
            }
        }
    }

    /// The answer from `place` was not good enough: where to ask next, if anywhere.
    pub(super) fn escalate(&mut self, place: usize) -> Option<Step> {
        if let Some(state) = self.walk_on(1).places.get_mut(place) {
            *state = Place::Done;
        }
        if self.walk.sent >= self.inner.retry.max_attempts || self.remaining().is_zero() {
            return None;
        }
        let place = self.first_untried()?;
        Some(Step { place, reason: AttemptReason::Escalation, pause: Duration::ZERO })
    }

    /// Counts attempts that were `sent`.
    fn walk_on(&mut self, sent: u32) -> &mut Walk {
        // Most calls never fail, so the places are laid out at the first failure.
        self.walk.places.resize(self.planned.targets.len(), Place::Untried);
        self.walk.sent += sent;
        &mut self.walk
    }

    fn first_untried(&self) -> Option<usize> {
        let mut places = self.walk.places.iter().enumerate();
        places.find(|(place, state)| **state == Place::Untried && self.fits(*place)).map(|(place, _)| place)
    }

    /// The target that may be tried again soonest; of several the best of the plan.
    fn earliest(&self) -> Option<Again> {
        let now = self.latest();
        let failed = self.walk.places.iter().enumerate().filter_map(|(place, state)| match state {
            Place::Failed(failures) if self.fits(place) => {
                let wait = failures.not_before.saturating_duration_since(now);
                Some(Again { place, failures: *failures, wait })
            }
            Place::Failed(_) | Place::Untried | Place::Done => None,
        });
        failed.min_by_key(|again| again.wait)
    }

    fn fits(&self, place: usize) -> bool {
        let Some(above) = self.walk.window_above else { return true };
        let window = self.planned.targets.get(place).and_then(|target| target.context_window());
        window.is_some_and(|window| window > above)
    }
}
