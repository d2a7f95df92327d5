//! Which targets of a plan have been tried, and where to go next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{Consumed, FailedAttempt, RunningCall};
use super::candidates::PlannedTarget;
use crate::error::{Bench, Error, ErrorKind, Failover, Result, Retry};
use crate::resilience::{
    Endpoint, Next, Permit, Refusal, Situation, Standing, Throttled, Untried, WhenNoneHealthy,
};
use crate::types::{AttemptReason, Reading, Usd};

/// One attempt to make.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) place: usize,
    pub(super) reason: AttemptReason,
    /// How long to wait before.
    pub(super) pause: Duration,
    /// Leave to make it; where there is a pause it is asked for afterwards.
    pub(super) permit: Option<Permit>,
    /// What was taken from the provider's retry budget.
    pub(super) toll: Option<Toll>,
}

/// What a retry is to cost its provider's budget. Dropped before the attempt is made, it is given back.
#[derive(Debug)]
pub(super) struct Toll {
    endpoint: Arc<Endpoint>,
    tokens: u32,
}

impl Toll {
    /// The attempt is made: so much was paid.
    pub(super) fn pay(mut self) -> u32 {
        std::mem::take(&mut self.tokens)
    }
}

impl Drop for Toll {
    fn drop(&mut self) {
        self.endpoint.provider().budget().deposit(self.tokens);
    }
}

impl Step {
    fn now(place: usize, reason: AttemptReason, permit: Permit) -> Self {
        Self { place, reason, pause: Duration::ZERO, permit: Some(permit), toll: None }
    }
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
    /// Its provider has another key, to be tried at once.
    OtherKey,
    /// A limit of the application's own refused it before anything was sent; may be tried once more.
    Refused(Failures),
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
    /// Where to begin: the best target of the plan that is in use. When none is, what the client's policy says.
    ///
    /// # Errors
    /// The state of the least bad target, where a call is to fail rather than to be tried; the deadline, where it is to wait.
    pub(super) async fn first_step(&mut self) -> Result<Step> {
        let first_tried = self.latest();
        loop {
            let refused = match self.choose(|_| true) {
                Ok((place, permit)) => return Ok(Step::now(place, AttemptReason::First, permit)),
                Err(refused) => refused,
            };
            let Some((place, endpoint, refusal)) = refused else {
                return Err(Error::new(ErrorKind::Internal, "the plan is empty"));
            };
            let patience = match (self.inner.endpoints.policy().when_none, refusal.standing) {
                (WhenNoneHealthy::Fail, _) => Duration::ZERO,
                (WhenNoneHealthy::Wait, _) => self.remaining(),
                // Who asked to be left alone is: a request would only make the pause longer.
                (WhenNoneHealthy::LeastBad, Standing::Throttled) => {
                    let waited = self.latest().saturating_duration_since(first_tried);
                    self.inner.retry.max_retry_after.saturating_sub(waited).min(self.remaining())
                }
                (WhenNoneHealthy::LeastBad, _) => {
                    return Ok(Step::now(place, AttemptReason::First, endpoint.force(self.latest())));
                }
            };
            let left = refusal.until.saturating_duration_since(self.latest());
            let pause = left.max(SHORTEST_WAIT);
            if pause >= patience {
                return Err(self.out_of_use(&endpoint, refusal));
            }
            self.inner.clock.sleep(pause).await;
            self.read_clock();
        }
    }

    /// Leave for `step`, after its pause if it had one; `None` when the target has gone out of use meanwhile.
    pub(super) fn admit(&mut self, step: &mut Step) -> Option<Permit> {
        if let Some(permit) = step.permit.take() {
            return Some(permit);
        }
        let now = self.read_clock();
        let endpoint = self.endpoint(step.place)?;
        match endpoint.admit(now, self.inner.chance()) {
            Ok(permit) => Some(permit),
            Err(refusal) if refusal.standing == Standing::Recovering => Some(endpoint.force(now)),
            Err(_) => None,
        }
    }

    /// The attempt at `place` failed with `error`, as its target's record says.
    pub(super) fn note_failure(&mut self, place: usize, error: &Error, failed: FailedAttempt) {
        let latest = self.latest();
        let max_retry_after = self.inner.retry.max_retry_after;
        let window = self.planned.targets.get(place).and_then(|target| target.context_window()).unwrap_or(0);
        let refused_by_us = [ErrorKind::Unsupported, ErrorKind::BudgetExceeded, ErrorKind::LimitExceeded]
            .contains(&error.kind());
        let other_key = matches!(error.advice().bench, Bench::Credential | Bench::QuotaPool)
            && failed.key.zip(self.endpoint(place)).is_some_and(|(key, endpoint)| {
                endpoint.check(latest).is_ok() && endpoint.has_other_key(key, latest)
            });
        let walk = self.walk_on(u32::from(!refused_by_us));
        if error.advice().failover == Failover::LargerWindow {
            walk.window_above = Some(walk.window_above.map_or(window, |known| known.max(window)));
        }
        if let Some(state) = walk.places.get_mut(place) {
            let earlier = match *state {
                Place::Failed(failures) | Place::Refused(failures) => failures.count,
                Place::Untried | Place::OtherKey | Place::Done => 0,
            };
            let refused_again = refused_by_us && matches!(*state, Place::Refused(_));
            // A Retry-After too long to wait for means this target is no use within this call.
            let asked = error.retry_after().filter(|wait| !wait.is_zero()).or(failed.cooling);
            let asked = asked.unwrap_or_default();
            let told_off = asked > max_retry_after;
            let throttled =
                if error.kind() == ErrorKind::RateLimited { Throttled::Yes } else { Throttled::No };
            *state = match (error.advice().retry, latest.checked_add(asked)) {
                _ if other_key => Place::OtherKey,
                // No attempt was made that could be counted, so nothing else would end it.
                _ if refused_again => Place::Done,
                (Retry::AfterBackoff, Some(not_before)) if !told_off => {
                    let failures = Failures { count: earlier + 1, throttled, not_before };
                    if refused_by_us { Place::Refused(failures) } else { Place::Failed(failures) }
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
            Next::Failover => self.go_elsewhere(AttemptReason::Failover),
            Next::Wait(pause) => self.wait(&again?, pause),
            Next::GiveUp => None,
        }
    }

    /// The target of `step` went out of use before the attempt could be made: where to go instead, after the `error` that
    /// the attempt was to follow; `None` to give up.
    pub(super) fn instead(&mut self, step: &mut Step, error: &Error) -> Option<Step> {
        drop(step.toll.take());
        if let Some(state) = self.walk_on(0).places.get_mut(step.place) {
            *state = Place::Done;
        }
        self.next_step(error)
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

    /// The attempt at `place` failed, perhaps only for the service tier it asked for: the same target on the usual tier, at
    /// once, where there is another attempt.
    pub(super) fn on_the_usual_tier(&mut self, place: usize, error: &Error) -> Option<Step> {
        if self.walk.sent + 1 >= self.inner.retry.max_attempts || self.remaining().is_zero() {
            return None;
        }
        if !self.leave_tier(place, error) {
            return None;
        }
        self.fail_attempt_at(place, error, &Consumed::default());
        self.walk_on(1);
        Some(Step { place, reason: AttemptReason::Retry, pause: Duration::ZERO, permit: None, toll: None })
    }

    /// The answer from `place` was not good enough: where to ask next, if anywhere.
    pub(super) fn escalate(&mut self, place: usize) -> Option<Step> {
        if let Some(state) = self.walk_on(1).places.get_mut(place) {
            *state = Place::Done;
        }
        if self.walk.sent >= self.inner.retry.max_attempts || self.remaining().is_zero() {
            return None;
        }
        self.go_elsewhere(AttemptReason::Escalation)
    }

    /// Where to make a second attempt beside the one at `beside`, if there is leave for one: at a target that is well, fails
    /// together with something else, and is under no pressure. Not at one whose answer must be read first: what is read is in no
    /// race, and it is the last resort of a call that wants better.
    pub(super) fn hedge(&mut self, beside: usize) -> Option<Step> {
        let now = self.read_clock();
        // The one that runs counts as well.
        if self.walk.sent + 2 > self.inner.retry.max_attempts || self.remaining().is_zero() {
            return None;
        }
        let domain = self.endpoint(beside)?;
        let domain = domain.provider().domain();
        let fits = |place: usize| {
            place != beside
                && self.is_untried(place)
                && self.is_unread(place)
                && self.endpoint(place).is_some_and(|endpoint| {
                    endpoint.provider().domain() != domain
                        && endpoint.is_in_good_standing()
                        && !endpoint.is_under_pressure()
                })
        };
        let (place, permit) = self.choose(fits).ok()?;
        let cost = self.expected_cost(place);
        let hedges = self.inner.hedges.as_ref()?;
        if !hedges.take(cost, now) || !self.inner.endpoints.take_extra(now) {
            return None;
        }
        Some(Step::now(place, AttemptReason::Hedge, permit))
    }

    /// The hedge to `place` that there was leave for is not made.
    pub(super) fn take_back_hedge(&self, place: usize) {
        if let Some(hedges) = &self.inner.hedges {
            hedges.give_back(self.expected_cost(place));
        }
    }

    fn expected_cost(&self, place: usize) -> Option<Usd> {
        let target = &self.planned.targets.get(place)?.target;
        let ranked = self.planned.decision.ranked.iter().find(|ranked| ranked.target == *target);
        ranked.and_then(|ranked| ranked.expected_cost)
    }

    /// The attempt at `place` was made, and another one was faster.
    pub(super) fn note_lost(&mut self, place: usize) {
        if let Some(state) = self.walk_on(1).places.get_mut(place) {
            *state = Place::Done;
        }
    }

    /// To the best target that was not tried and is in use. One that is well is no more burdened by those who come from
    /// elsewhere than by those who come first; what goes to others is extra load, of which there is little.
    fn go_elsewhere(&self, reason: AttemptReason) -> Option<Step> {
        let now = self.latest();
        let is_same = |place: usize| self.walk.places.get(place) == Some(&Place::OtherKey);
        let (place, permit) = self.choose(|place| self.is_untried(place)).ok()?;
        if is_same(place) && self.inner.endpoints.take_extra(now) {
            return Some(Step::now(place, AttemptReason::Retry, permit));
        }
        let (place, permit) = if is_same(place) {
            drop(permit);
            self.choose(|place| self.is_untried(place) && !is_same(place)).ok()?
        } else {
            (place, permit)
        };
        if permit.endpoint().is_in_good_standing() {
            self.inner.endpoints.note_extra(now);
        } else if !self.inner.endpoints.take_extra(now) {
            return None;
        }
        Some(Step::now(place, reason, permit))
    }

    /// To a target that failed, after a pause, where its provider's budget and the client's allow it.
    fn wait(&self, again: &Again, pause: Duration) -> Option<Step> {
        let endpoint = self.endpoint(again.place)?;
        endpoint.check(self.latest() + pause).ok()?;
        let tokens = endpoint.provider().budget().withdraw(again.failures.throttled)?;
        let toll = Toll { endpoint: Arc::clone(endpoint), tokens };
        if !self.inner.endpoints.take_extra(self.latest()) {
            return None;
        }
        Some(Step { place: again.place, reason: AttemptReason::Retry, pause, permit: None, toll: Some(toll) })
    }

    /// The first target of the plan that is `wanted` and in use, with leave to ask it. One that is coming back is in use when
    /// nobody else is. Of those that are out of use the one that is likeliest to have recovered.
    #[expect(clippy::type_complexity, reason = "an outcome of two things and a refusal of three")]
    fn choose(
        &self,
        wanted: impl Fn(usize) -> bool,
    ) -> std::result::Result<(usize, Permit), Option<(usize, Arc<Endpoint>, Refusal)>> {
        let mut least_bad: Option<(usize, Arc<Endpoint>, Refusal)> = None;
        let when_none = self.inner.endpoints.policy().when_none;
        for place in (0..self.planned.targets.len()).filter(|place| wanted(*place)) {
            let Some(endpoint) = self.endpoint(place) else { continue };
            match endpoint.admit(self.latest(), self.inner.chance()) {
                Ok(permit) => return Ok((place, permit)),
                Err(refusal)
                    if least_bad
                        .as_ref()
                        .is_none_or(|(_, _, best)| refusal.rank(when_none) < best.rank(when_none)) =>
                {
                    least_bad = Some((place, Arc::clone(endpoint), refusal));
                }
                Err(_) => {}
            }
        }
        match least_bad {
            Some((place, endpoint, refusal)) if refusal.standing == Standing::Recovering => {
                Ok((place, endpoint.force(self.latest())))
            }
            refused => Err(refused),
        }
    }

    /// What is known of the target in this place of the plan.
    fn endpoint(&self, place: usize) -> Option<&Arc<Endpoint>> {
        Some(&self.planned.targets.get(place)?.endpoint)
    }

    fn out_of_use(&self, endpoint: &Endpoint, refusal: Refusal) -> Error {
        let left = refusal.until.saturating_duration_since(self.latest());
        let kind = refusal.because.unwrap_or(ErrorKind::Overloaded);
        let message = match refusal.standing {
            Standing::Throttled => "every target is out of use; this one asked to be left alone",
            Standing::NoKey => "every target is out of use; this one accepts none of its keys",
            Standing::UnknownModel => "every target is out of use; this one does not know the model",
            _ => "every target is out of use; this one failed too often",
        };
        let error = Error::new(kind, message).not_sent().with_target(endpoint.target().clone());
        if left.is_zero() { error } else { error.with_retry_after(left) }
    }

    /// Counts attempts that were `sent`.
    fn walk_on(&mut self, sent: u32) -> &mut Walk {
        // Most calls never fail, so the places are laid out at the first failure.
        self.walk.places.resize(self.planned.targets.len(), Place::Untried);
        self.walk.sent += sent;
        &mut self.walk
    }

    fn is_untried(&self, place: usize) -> bool {
        let state = self.walk.places.get(place).copied().unwrap_or(Place::Untried);
        matches!(state, Place::Untried | Place::OtherKey) && self.fits(place)
    }

    fn is_unread(&self, place: usize) -> bool {
        self.planned.targets.get(place).is_some_and(|target| target.reading == Reading::Unread)
    }

    /// Might another target than the one at `place` be asked at once?
    pub(super) fn has_untried_beside(&self, place: usize) -> bool {
        let mut others = (0..self.planned.targets.len()).filter(|other| *other != place);
        others.any(|other| self.is_untried(other) && self.is_in_use(other))
    }

    /// May the target at `place` be asked?
    pub(super) fn is_in_use(&self, place: usize) -> bool {
        self.endpoint(place).is_some_and(|endpoint| endpoint.check(self.latest()).is_ok())
    }

    fn first_untried(&self) -> Option<usize> {
        (0..self.planned.targets.len()).find(|place| self.is_untried(*place) && self.is_in_use(*place))
    }

    /// The target that may be tried again soonest; of several the best of the plan.
    fn earliest(&self) -> Option<Again> {
        let now = self.latest();
        let failed = self.walk.places.iter().enumerate().filter_map(|(place, state)| match state {
            Place::Failed(failures) | Place::Refused(failures) if self.fits(place) => {
                let wait = failures.not_before.saturating_duration_since(now);
                self.endpoint(place)?.check(now + wait).ok()?;
                Some(Again { place, failures: *failures, wait })
            }
            Place::Failed(_) | Place::Refused(_) | Place::Untried | Place::OtherKey | Place::Done => None,
        });
        failed.min_by_key(|again| again.wait)
    }

    fn fits(&self, place: usize) -> bool {
        let Some(above) = self.walk.window_above else { return true };
        let window = self.planned.targets.get(place).and_then(|target| target.context_window());
        window.is_some_and(|window| window > above)
    }
}

/// Those who wait for a probe look again after this.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
