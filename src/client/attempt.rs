//! The attempt loop: send, and after a failure fail over, wait or give up. The only place where attempts are made.

use std::time::{Duration, Instant};

use futures::future::{Either, select};
use tracing::Instrument as _;

use super::call::{Consumed, RunningCall};
use super::operation::Operation;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Failover, Result, Retry};
use crate::resilience::{Next, Situation, Throttled, Untried};
use crate::types::{AttemptReason, Reply};

/// Makes attempts until one succeeds. The successful attempt is left open for the caller to settle.
///
/// # Errors
/// The last attempt's error, once the plan, the attempts or the time are used up.
pub(super) async fn run<O: Operation>(call: &mut RunningCall, operation: &O) -> Result<O::Output> {
    let mut walk = Walk::default();
    let mut step = Step { place: 0, reason: AttemptReason::First };
    loop {
        let error = match attempt(call, operation, step).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        call.fail_attempt(&error, &Consumed::default());
        walk.note(step.place, &error, call);
        let pause = match walk.next(&error, call) {
            None => return Err(error),
            Some((next, pause)) => {
                step = next;
                pause
            }
        };
        if !pause.is_zero() {
            tracing::debug!(
                delay_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "waiting to retry"
            );
            call.inner.clock.sleep(pause).await;
        }
    }
}

async fn attempt<O: Operation>(call: &mut RunningCall, operation: &O, step: Step) -> Result<O::Output> {
    let span = call.begin_attempt(step.place, step.reason);
    let remaining = call.remaining();
    let Some(target) = call.planned.targets.get(step.place) else {
        return Err(Error::new(ErrorKind::Internal, "the plan has no such target"));
    };
    let (limit, phase) = O::limit(&call.inner.timeouts);
    let started = operation.start(target).instrument(span);
    let error = match within(&*call.inner.clock, limit.min(remaining), started).await {
        Some(Ok(output)) => return Ok(output),
        Some(Err(error)) => error,
        None if remaining <= limit => call.deadline_exceeded(),
        None => Error::timeout(phase, limit),
    };
    let error = error.with_target(target.target.clone());
    match operation.consumed() {
        Some(usage) if error.partial().is_none() => {
            Err(error.with_partial(Reply::empty().with_usage(*usage)))
        }
        _ => Err(error),
    }
}

/// The outcome of `work`, or `None` when `limit` passed first; `work` is then dropped.
async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T> + Send) -> Option<T> {
    if limit.is_zero() {
        return None;
    }
    match select(std::pin::pin!(work), clock.sleep(limit)).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
    }
}

#[derive(Clone, Copy)]
struct Step {
    place: usize,
    reason: AttemptReason,
}

/// Which targets of the plan have been tried, and what came of it.
#[derive(Default)]
struct Walk {
    places: Vec<Place>,
    /// Attempts that were really sent; a refusal before sending costs nothing.
    sent: u32,
    /// Once a prompt did not fit, only a window larger than this one will do.
    window_above: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Untried,
    /// May be tried again after a pause.
    Failed(Failures),
    Dead,
}

/// What one target's failures mean for its next attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl Walk {
    fn note(&mut self, place: usize, error: &Error, call: &RunningCall) {
        // Most calls never fail, so the places are laid out at the first failure.
        self.places.resize(call.planned.targets.len(), Place::Untried);
        if error.kind() != ErrorKind::Unsupported {
            self.sent += 1;
        }
        if error.advice().failover == Failover::LargerWindow {
            let window =
                call.planned.targets.get(place).and_then(|target| target.context_window()).unwrap_or(0);
            self.window_above = Some(self.window_above.map_or(window, |known| known.max(window)));
        }
        if let Some(state) = self.places.get_mut(place) {
            let earlier = if let Place::Failed(failures) = *state { failures.count } else { 0 };
            // A Retry-After too long to wait for means this target is no use within this call.
            let asked = error.retry_after().unwrap_or_default();
            let told_off = asked > call.inner.retry.max_retry_after;
            let throttled =
                if error.kind() == ErrorKind::RateLimited { Throttled::Yes } else { Throttled::No };
            *state = match (error.advice().retry, call.latest().checked_add(asked)) {
                (Retry::AfterBackoff, Some(not_before)) if !told_off => {
                    Place::Failed(Failures { count: earlier + 1, throttled, not_before })
                }
                _ => Place::Dead,
            };
        }
    }

    /// Where to go next and after which pause; `None` to give up.
    fn next(&self, error: &Error, call: &RunningCall) -> Option<(Step, Duration)> {
        let untried = self.first(|place, state| state == Place::Untried && self.fits(place, call));
        // After the last target failed for good, an earlier one may still be worth another attempt.
        let again = self.earliest(call);
        let mut advice = error.advice();
        if advice.failover != Failover::Forbidden {
            advice.retry = if again.is_some() { Retry::AfterBackoff } else { Retry::Never };
        }
        let situation = Situation {
            advice,
            throttled: again.as_ref().map_or(Throttled::No, |again| again.failures.throttled),
            retry_after: again.as_ref().map(|again| again.wait).filter(|wait| !wait.is_zero()),
            attempts: self.sent,
            failures_here: again.as_ref().map_or(1, |again| again.failures.count),
            untried: if untried.is_some() { Untried::Some } else { Untried::None },
            remaining: call.remaining(),
            chance: call.inner.chance(),
        };
        match call.inner.retry.decide(&situation) {
            Next::Failover => {
                Some((Step { place: untried?, reason: AttemptReason::Failover }, Duration::ZERO))
            }
            Next::Wait(pause) => Some((Step { place: again?.place, reason: AttemptReason::Retry }, pause)),
            Next::GiveUp => None,
        }
    }

    /// The target that may be tried again soonest; of several the best of the plan.
    fn earliest(&self, call: &RunningCall) -> Option<Again> {
        let now = call.latest();
        let failed = self.places.iter().enumerate().filter_map(|(place, state)| match state {
            Place::Failed(failures) if self.fits(place, call) => {
                let wait = failures.not_before.saturating_duration_since(now);
                Some(Again { place, failures: *failures, wait })
            }
            Place::Failed(_) | Place::Untried | Place::Dead => None,
        });
        failed.min_by_key(|again| again.wait)
    }

    fn fits(&self, place: usize, call: &RunningCall) -> bool {
        let Some(above) = self.window_above else { return true };
        let window = call.planned.targets.get(place).and_then(|target| target.context_window());
        window.is_some_and(|window| window > above)
    }

    fn first(&self, wanted: impl Fn(usize, Place) -> bool) -> Option<usize> {
        self.places.iter().enumerate().position(|(place, state)| wanted(place, *state))
    }
}
