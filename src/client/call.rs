//! One call from its beginning to its end: attempts are recorded and settled exactly once, on drop too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Span;

use super::Inner;
use super::candidates::{self, Planned, PlannedTarget};
use crate::account;
use crate::error::{Billed, Error, ErrorKind};
use crate::resilience::Deadline;
use crate::telemetry::{self, CallFinished, Event};
use crate::types::{
    Adaptation, AdaptationKind, Attempt, AttemptReason, CallId, CallSummary, Completeness, Cost, Decision,
    Outcome, Usage,
};

/// A running call. Whatever is still open when it is dropped was cancelled, and is settled as such.
pub(super) struct RunningCall {
    pub(super) inner: Arc<Inner>,
    pub(super) planned: Planned,
    pub(super) deadline: Deadline,
    pub(super) attempts: Vec<Attempt>,
    /// The service tier the caller asked for; it counts where the provider does not say which one served.
    asked_tier: Option<String>,
    id: CallId,
    operation: &'static str,
    span: Span,
    started: Instant,
    /// When the clock was last read. It is read once for each thing that takes time, not for each record of it.
    latest: Instant,
    current: Option<CurrentAttempt>,
    settled: bool,
}

struct CurrentAttempt {
    place: usize,
    attempt: Attempt,
    started: Instant,
    span: Span,
}

/// What an answer consumed and which tier served it.
#[derive(Default)]
pub(super) struct Consumed<'a> {
    pub(super) usage: Option<&'a Usage>,
    pub(super) service_tier: Option<&'a str>,
}

impl RunningCall {
    pub(super) fn begin(
        inner: &Arc<Inner>,
        operation: &'static str,
        model: &str,
        planned: Planned,
        total: Duration,
    ) -> Box<Self> {
        let started = inner.clock.now();
        let span = telemetry::call_span(operation, model);
        if let Some(route) = &planned.decision.route {
            span.record("polyroute.route", route.as_str());
        }
        // Boxed, because it is handed from the attempts to the summary or the stream, and is large.
        Box::new(Self {
            inner: Arc::clone(inner),
            planned,
            deadline: Deadline::after(started, total),
            attempts: Vec::new(),
            asked_tier: None,
            id: inner.call_id(),
            operation,
            span,
            started,
            latest: started,
            current: None,
            settled: false,
        })
    }

    /// The caller asks for this service tier.
    pub(super) fn ask_for_tier(&mut self, tier: Option<&str>) {
        self.asked_tier = tier.map(str::to_owned);
    }

    /// What was changed to fit the target that is answering.
    pub(super) fn note_adaptations(&mut self, adaptations: &[Adaptation]) {
        if adaptations.iter().any(|adaptation| {
            adaptation.kind == AdaptationKind::Dropped && adaptation.field == "service_tier"
        }) {
            self.asked_tier = None;
        }
    }

    /// Begins an attempt at the target in this place of the plan; returns its span.
    pub(super) fn begin_attempt(&mut self, place: usize, reason: AttemptReason) -> Span {
        let Some(PlannedTarget { target, .. }) = self.planned.targets.get(place) else { return Span::none() };
        // The first attempt begins with the call.
        if !self.attempts.is_empty() {
            self.latest = self.inner.clock.now();
        }
        let now = self.latest;
        let span = self.span.in_scope(|| telemetry::attempt_span(self.operation, target, reason));
        let attempt = Attempt::new(target.clone(), reason, now.saturating_duration_since(self.started));
        for observer in &self.inner.observers {
            observer.observe(&Event::AttemptStarted { target, reason });
        }
        self.current = Some(CurrentAttempt { place, attempt, started: now, span: span.clone() });
        span
    }

    /// The answer has begun.
    pub(super) fn first_token(&mut self, at: Instant) {
        if let Some(current) = &mut self.current {
            current.attempt.time_to_first_token = Some(at.saturating_duration_since(current.started));
        }
    }

    pub(super) fn note_response(&mut self, status: Option<u16>, request_id: Option<Box<str>>) {
        if let Some(current) = &mut self.current {
            current.attempt.status = status;
            current.attempt.request_id = request_id;
        }
    }

    /// The running attempt failed after `consumed`; where that is unknown, after what the error says had come.
    pub(super) fn fail_attempt(&mut self, error: &Error, consumed: &Consumed<'_>) {
        if let Some(current) = &mut self.current {
            current.attempt.status = error.status().or(current.attempt.status);
            if let Some(id) = error.request_id() {
                current.attempt.request_id = Some(id.into());
            }
        }
        let partial = error.partial();
        let consumed = Consumed {
            usage: consumed.usage.or_else(|| partial?.usage.as_ref()),
            service_tier: consumed.service_tier.or_else(|| partial?.service_tier.as_deref()),
        };
        self.close_attempt(Outcome::Failed(error.kind()), &consumed);
    }

    /// The running attempt answered; returns what it cost.
    pub(super) fn answer_attempt(&mut self, consumed: &Consumed<'_>) -> Option<Cost> {
        self.close_attempt(Outcome::Answered, consumed)
    }

    /// The running attempt was dropped by the caller after `consumed`.
    pub(super) fn cancel_attempt(&mut self, consumed: &Consumed<'_>) {
        self.close_attempt(Outcome::Cancelled, consumed);
    }

    fn close_attempt(&mut self, outcome: Outcome, consumed: &Consumed<'_>) -> Option<Cost> {
        let CurrentAttempt { place, mut attempt, started, span } = self.current.take()?;
        let cost = self.planned.targets.get(place).and_then(|target| self.price(target, consumed));
        attempt.outcome = outcome;
        self.latest = self.inner.clock.now();
        attempt.elapsed = self.latest.saturating_duration_since(started);
        attempt.usage = consumed.usage.cloned();
        attempt.cost = cost.as_ref().map(|cost| cost.total);
        attempt.completeness = completeness(&attempt);
        telemetry::record_attempt(&span, &attempt);
        for observer in &self.inner.observers {
            observer.observe(&Event::AttemptFinished(&attempt));
        }
        self.planned.policy.observe(&attempt);
        self.attempts.push(attempt);
        cost
    }

    fn price(&self, target: &PlannedTarget, consumed: &Consumed<'_>) -> Option<Cost> {
        let usage = consumed.usage?;
        let tier = consumed.service_tier.or(self.asked_tier.as_deref());
        target
            .model
            .as_ref()
            .and_then(|model| candidates::price(model, usage, self.inner.clock.wall(), tier))
            .or_else(|| account::reported(usage))
    }

    /// The call answered.
    pub(super) fn succeed(
        mut self: Box<Self>,
        cost: Option<Cost>,
        adaptations: Vec<Adaptation>,
    ) -> CallSummary {
        self.settle(Outcome::Answered);
        let elapsed = self.elapsed();
        let attempts = std::mem::take(&mut self.attempts);
        let decision = std::mem::replace(&mut self.planned.decision, Decision::new(None, ""));
        let target =
            attempts.last().map_or_else(|| self.planned.first.clone(), |attempt| attempt.target.clone());
        let mut summary = CallSummary::new(target, decision, attempts, elapsed);
        summary.id = self.id;
        summary.cost = cost;
        summary.adaptations = adaptations;
        summary
    }

    /// The call failed with `error`, which is given the attempts.
    pub(super) fn fail(mut self: Box<Self>, error: Error) -> Error {
        self.settle(Outcome::Failed(error.kind()));
        let attempts = std::mem::take(&mut self.attempts);
        error.with_attempts(attempts)
    }

    fn elapsed(&self) -> Duration {
        self.latest.saturating_duration_since(self.started)
    }

    /// When the last attempt began or ended.
    pub(super) fn latest(&self) -> Instant {
        self.latest
    }

    /// What was left of the total time when the last attempt began or ended.
    pub(super) fn remaining(&self) -> Duration {
        self.deadline.remaining(self.latest)
    }

    /// The caller's total time ran out.
    pub(super) fn deadline_exceeded(&self) -> Error {
        Error::new(ErrorKind::DeadlineExceeded, "the total time of the call ran out")
    }

    fn settle(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let finished = CallFinished::new(
            self.planned.decision.route.as_deref(),
            outcome,
            &self.attempts,
            self.elapsed(),
        );
        self.span.record("polyroute.attempts", self.attempts.len());
        if let Ok(cost) = i64::try_from(finished.cost.pico() / 1_000_000) {
            self.span.record("polyroute.cost.micro_usd", cost);
        }
        if let Outcome::Failed(kind) = outcome {
            self.span.record("error.type", kind.as_str());
        }
        for observer in &self.inner.observers {
            observer.observe(&Event::CallFinished(finished));
        }
    }
}

/// How well the cost of a finished attempt is known.
fn completeness(attempt: &Attempt) -> Completeness {
    let unbilled = match attempt.outcome {
        Outcome::Answered | Outcome::Cancelled => false,
        Outcome::Failed(kind) => Error::new(kind, "").advice().billed == Billed::No,
    };
    match (attempt.outcome, attempt.cost) {
        (Outcome::Answered, Some(_)) => Completeness::Exact,
        (_, Some(_)) => Completeness::Estimated,
        (_, None) if unbilled => Completeness::Exact,
        (_, None) => Completeness::Unknown,
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if !self.settled {
            self.cancel_attempt(&Consumed::default());
            self.latest = self.inner.clock.now();
            self.settle(Outcome::Cancelled);
        }
    }
}
