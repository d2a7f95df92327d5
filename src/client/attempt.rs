//! The attempt loop: send, and after a failure fail over, wait or give up. The only place where attempts are made.

use std::time::Duration;

use futures::future::{Either, select};
use tracing::Instrument as _;

use super::call::RunningCall;
use super::operation::Operation;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Failover, Result, Retry};
use crate::resilience::{Next, Situation, Throttled, Untried};
use crate::types::AttemptReason;

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
        call.fail_attempt(&error, None);
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
    match within(&*call.inner.clock, limit.min(remaining), started).await {
        Some(outcome) => outcome.map_err(|error| error.with_target(target.target.clone())),
        None if remaining <= limit => Err(call.deadline_exceeded().with_target(target.target.clone())),
        None => Err(Error::timeout(phase, limit).with_target(target.target.clone())),
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
    /// Failed this often, and may be tried again after a pause.
    Failed(u32),
    Dead,
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
            let failures = if let Place::Failed(failures) = *state { failures } else { 0 };
            // A Retry-After too long to wait for means this target is no use within this call.
            let told_off = error.retry_after().is_some_and(|wait| wait > call.inner.retry.max_retry_after);
            *state = match error.advice().retry {
                Retry::AfterBackoff if !told_off => Place::Failed(failures + 1),
                Retry::AfterBackoff | Retry::Never => Place::Dead,
            };
        }
    }

    /// Where to go next and after which pause; `None` to give up.
    fn next(&self, error: &Error, call: &RunningCall) -> Option<(Step, Duration)> {
        let untried = self.first(|place, state| state == Place::Untried && self.fits(place, call));
        // After the last target failed for good, an earlier one may still be worth another attempt.
        let again = self.first(|place, state| matches!(state, Place::Failed(_)) && self.fits(place, call));
        let failures = again.and_then(|place| self.places.get(place)).map_or(1, |state| match state {
            Place::Failed(failures) => *failures,
            Place::Untried | Place::Dead => 1,
        });
        let mut advice = error.advice();
        if advice.failover != Failover::Forbidden {
            advice.retry = if again.is_some() { Retry::AfterBackoff } else { Retry::Never };
        }
        let situation = Situation {
            advice,
            throttled: if error.kind() == ErrorKind::RateLimited { Throttled::Yes } else { Throttled::No },
            retry_after: error.retry_after().filter(|wait| *wait <= call.inner.retry.max_retry_after),
            attempts: self.sent,
            failures_here: failures,
            untried: if untried.is_some() { Untried::Some } else { Untried::None },
            remaining: call.remaining(),
            chance: call.inner.chance(),
        };
        match call.inner.retry.decide(&situation) {
            Next::Failover => {
                Some((Step { place: untried?, reason: AttemptReason::Failover }, Duration::ZERO))
            }
            Next::Wait(pause) => Some((Step { place: again?, reason: AttemptReason::Retry }, pause)),
            Next::GiveUp => None,
        }
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
