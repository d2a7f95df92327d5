//! One call from its beginning to its end: attempts are recorded and settled exactly once, on drop too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Span;

use super::Inner;
use super::booking::{self, Booking, Ended};
use super::candidates::{self, Planned, PlannedTarget};
use super::flights::Flight;
use super::operation::{Answer, Meter};
use super::probe;
use super::received::{Received, completeness, measured};
use super::shadow;
use super::spend::Spend;
use super::walk::{Step, Toll, Walk};
use crate::account;
use crate::catalog::{Capability, Model, Support};
use crate::error::{Bench, Error, ErrorKind, TimeoutPhase};
use crate::provider::Cancelling;
use crate::resilience::{Change, Clocked, Deadline, Effects, Ended as Finished, Permit, Timeouts};
use crate::routing::{self, Strength};
use crate::telemetry::{self, CallFinished, Event};
use crate::types::{
    Adaptation, AdaptationKind, Attempt, CallId, CallOptions, CallSummary, Cost, Decision, Hedging, Outcome,
    Reply, StreamEvent, Target, TimeLimits, Usage,
};

/// A running call. Whatever is still open when it is dropped was cancelled, and is settled as such.
pub(super) struct RunningCall {
    pub(super) inner: Arc<Inner>,
    pub(super) planned: Planned,
    pub(super) deadline: Deadline,
    /// The attempts that have ended, oldest first.
    pub(super) attempts: Vec<Attempt>,
    /// What was tried so far; the one budget of attempts.
    pub(super) walk: Walk,
    /// How long the parts of the attempt that began last may take.
    limits: Timeouts,
    /// What the caller says of that.
    own_limits: TimeLimits,
    hedging: Hedging,
    thinking: Thinking,
    /// The service tier the caller asked for; it counts where the provider does not say which one served.
    asked_tier: Option<String>,
    /// What the prompt comes to, roughly; it counts where a provider did not get to say.
    prompt_tokens: Option<u64>,
    /// What the answer is expected to come to, roughly; it counts where a vendor bills an answer that nobody waits for.
    answer_tokens: u64,
    id: CallId,
    operation: &'static str,
    span: Span,
    started: Instant,
    /// When the clock was last read. It is read once for each thing that takes time, not for each record of it.
    latest: Instant,
    /// The attempts that run, each at a place of its own: seldom more than one. Boxed, because each is large and goes from
    /// hand to hand.
    #[expect(clippy::vec_box, reason = "removing one would move the others")]
    open: Vec<Box<OpenAttempt>>,
    /// Who answered, once somebody has.
    answered: Option<(Target, Option<Cost>)>,
    /// Counts the call as running.
    flight: Option<Flight>,
    /// Who else is asked what this call asks.
    pub(super) shadows: Option<Box<shadow::Planning>>,
    /// What goes into the ledger, where there is one.
    booking: Option<Box<Booking>>,
    /// What is reserved on the application's own limits, where there are any.
    pub(super) spend: Option<Box<Spend>>,
    settled: bool,
}

struct OpenAttempt {
    place: usize,
    attempt: Attempt,
    started: Instant,
    span: Span,
    meter: Arc<Meter>,
    received: Received,
    permit: Permit,
    /// What the attempt took from its provider's retry budget, to be given back when it succeeds.
    toll: u32,
    tier: AskedTier,
}

/// The service tier that an attempt asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AskedTier {
    /// What the caller asked for, if anything.
    Callers,
    /// That of its target on this route.
    Routes(&'static str),
    /// None: the target takes no service tier, so that the one asked for does not count.
    Dropped,
}

/// An attempt that has begun.
pub(super) struct Begun {
    pub(super) span: Span,
    /// Where the attempt notes what it has consumed, in case it is ended from outside.
    pub(super) meter: Arc<Meter>,
    /// Which of the provider's keys to use.
    pub(super) key: usize,
}

/// Does a model that can think before it answers do so?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    IfTheModelDoes,
    /// Unless it cannot be told not to.
    Off,
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
        inner.endpoints.note_call(started);
        probe::begin(inner);
        let mut planned = planned;
        planned.leave_tiers(|_, target| target.endpoint.is_tier_benched(started));
        let span = telemetry::call_span(operation, model);
        if let Some(route) = &planned.decision.route {
            span.record("polyroute.route", route.as_str());
        }
        let id = inner.call_id();
        let route = planned.decision.route.as_deref();
        let booking = inner.books.as_ref().map(|books| {
            Box::new(Booking::new(books, id, operation, route, planned.prices.catalogue.version()))
        });
        // Boxed, because it is handed from the attempts to the summary or the stream, and is large.
        Box::new(Self {
            inner: Arc::clone(inner),
            planned,
            deadline: Deadline::after(started, total),
            attempts: Vec::new(),
            walk: Walk::default(),
            limits: inner.timeouts,
            own_limits: TimeLimits::default(),
            hedging: Hedging::default(),
            thinking: Thinking::IfTheModelDoes,
            asked_tier: None,
            prompt_tokens: None,
            answer_tokens: 0,
            flight: None,
            id,
            operation,
            span,
            started,
            latest: started,
            open: Vec::new(),
            answered: None,
            shadows: None,
            booking,
            spend: None,
            settled: false,
        })
    }

    /// The caller asks for this service tier.
    pub(super) fn ask_for_tier(&mut self, tier: Option<&str>) {
        self.asked_tier = tier.map(str::to_owned);
    }

    /// The caller wants no thinking, so that nothing need be waited for.
    pub(super) fn think(&mut self, thinking: Thinking) {
        self.thinking = thinking;
    }

    /// How long the parts of the attempt that began last may take.
    pub(super) fn limits(&self) -> &Timeouts {
        &self.limits
    }

    /// What the client allows an attempt at `place`, what is said of its route, provider and target, and what the caller says.
    fn limits_at(&self, place: usize) -> Timeouts {
        let Some(target) = self.planned.targets.get(place) else { return self.inner.timeouts };
        let route = self.planned.decision.route.as_deref();
        limits_of(&self.inner, route, target, self.thinking).but(&self.own_limits)
    }

    /// When an attempt at `place` has taken so long that a second one may be made beside it; `None` when none may.
    pub(super) fn hedge_after(&self, place: usize, of: Clocked) -> Option<Duration> {
        let hedges = self.inner.hedges.as_ref()?;
        if self.hedging == Hedging::Never || !self.attempts.is_empty() || self.planned.targets.len() < 2 {
            return None;
        }
        hedges.note_call();
        self.open.iter().find(|open| open.place == place)?.permit.endpoint().p95(of)
    }

    /// Who pays, and how the call is to be made, as the caller says.
    pub(super) fn charge(&mut self, options: Option<&CallOptions>) {
        if let Some(options) = options {
            self.own_limits = options.time_limits;
            self.hedging = options.hedging;
        }
        if let (Some(booking), Some(options)) = (&mut self.booking, options) {
            booking.charge(options);
        }
    }

    /// The call runs for as long as this is held.
    pub(super) fn hold(&mut self, flight: Flight) {
        self.flight = Some(flight);
    }

    /// The prompt and the answer come to about so many tokens.
    pub(super) fn estimate(&mut self, prompt: u64, answer: u64) {
        self.prompt_tokens = Some(prompt);
        self.answer_tokens = answer;
    }

    /// Begins the attempt that `step` says, with leave for it. None is running at its place.
    pub(super) fn begin_attempt(&mut self, step: &mut Step, permit: Permit) -> Begun {
        let (place, reason) = (step.place, step.reason);
        self.limits = self.limits_at(place);
        let (meter, key) = (Arc::new(Meter::held_to(self.limits.pace)), permit.key());
        let Some(PlannedTarget { target, service_tier, .. }) = self.planned.targets.get(place) else {
            return Begun { span: Span::none(), meter, key };
        };
        let tier = match service_tier {
            Some(tier) if self.asked_tier.is_none() => AskedTier::Routes(tier),
            _ => AskedTier::Callers,
        };
        // The first attempt begins with the call.
        if !self.attempts.is_empty() || !self.open.is_empty() {
            self.latest = self.inner.clock.now();
        }
        let now = self.latest;
        let span = self.span.in_scope(|| telemetry::attempt_span(self.operation, target, reason));
        let attempt = Attempt::new(target.clone(), reason, now.saturating_duration_since(self.started));
        for observer in &self.inner.observers {
            observer.observe(&Event::AttemptStarted { target, reason });
        }
        // Room for the one that most calls need, rather than for four.
        self.open.reserve_exact(1);
        self.open.push(Box::new(OpenAttempt {
            place,
            attempt,
            started: now,
            span: span.clone(),
            meter: Arc::clone(&meter),
            received: Received::default(),
            permit,
            toll: step.toll.take().map_or(0, Toll::pay),
            tier,
        }));
        Begun { span, meter, key }
    }

    /// The answer of the only running attempt has begun.
    pub(super) fn first_token(&mut self, at: Instant) {
        if let Some(open) = self.open.last_mut() {
            let first_token = at.saturating_duration_since(open.started);
            open.attempt.time_to_first_token = Some(first_token);
            let effects = open.permit.began(first_token, at, self.inner.chance());
            announce(&self.inner, &open.attempt.target, Outcome::Answered, effects, at);
        }
    }

    /// This has come of the only running attempt's answer. It is what counts when the attempt ends, however it ends.
    pub(super) fn note_event(&mut self, event: &StreamEvent) {
        if let Some(open) = self.open.last_mut() {
            open.received.note(event);
        }
    }

    /// Has the only running attempt's answer come to its end?
    pub(super) fn is_finished(&self) -> bool {
        match self.open.last() {
            Some(open) => open.received.finished,
            // It was whole before its first piece was given.
            None => self.answered.is_some(),
        }
    }

    /// Was it a target that answered whose answers are reviewed?
    pub(super) fn is_answered_by_the_reviewed(&self) -> bool {
        let answered = self.answered.as_ref().map(|(target, _)| target);
        answered.is_some_and(|target| self.planned.answered_by(target).by == Strength::Weak)
    }

    /// Would closing the only running attempt's stream save nothing?
    pub(super) fn is_billed_to_the_end(&self) -> bool {
        let target = self.running().and_then(|place| self.planned.targets.get(place));
        target.is_some_and(|target| target.provider.habits().cancelling == Cancelling::BilledToTheEnd)
    }

    /// The attempt at `place` came to an answer; it stays open until the answer is complete.
    pub(super) fn note_answer(&mut self, place: usize, answer: &impl Answer) {
        if !self.attempts.is_empty() {
            // Another one may have begun after it.
            self.limits = self.limits_at(place);
        }
        let Some(open) = self.open.iter_mut().find(|open| open.place == place) else { return };
        let (status, request_id) = answer.response();
        open.attempt.status = status;
        open.attempt.request_id = request_id.map(Into::into);
        if let Some(limits) = answer.rate_limits() {
            open.permit.note_limits(limits, self.latest);
        }
        if answer.adaptations().iter().any(|adaptation| {
            adaptation.kind == AdaptationKind::Dropped && adaptation.field == "service_tier"
        }) {
            open.tier = AskedTier::Dropped;
        }
    }

    /// The only running attempt failed after `consumed`; where that is unknown, after what the error says had come.
    pub(super) fn fail_attempt(&mut self, error: &Error, consumed: &Consumed<'_>) -> FailedAttempt {
        let place = self.running();
        place.map(|place| self.fail_attempt_at(place, error, consumed)).unwrap_or_default()
    }

    /// The attempt at `place` failed.
    pub(super) fn fail_attempt_at(
        &mut self,
        place: usize,
        error: &Error,
        consumed: &Consumed<'_>,
    ) -> FailedAttempt {
        if let Some(open) = self.open.iter_mut().find(|open| open.place == place) {
            open.attempt.status = error.status().or(open.attempt.status);
            if let Some(id) = error.request_id() {
                open.attempt.request_id = Some(id.into());
            }
        }
        let partial = error.partial();
        let consumed = Consumed {
            usage: consumed.usage.or_else(|| partial?.usage.as_ref()),
            service_tier: consumed.service_tier.or_else(|| partial?.service_tier.as_deref()),
        };
        let worked = match error.timeout_phase() {
            Some(TimeoutPhase::Connect) => false,
            Some(_) => true,
            None => self.open.iter().any(|open| open.place == place && open.received.bytes > 0),
        };
        let gaps = if worked && error.may_be_billed() { Gaps::Estimated } else { Gaps::Left };
        let key = self.open.iter().find(|open| open.place == place).map(|open| open.permit.key());
        let cooling = self.close_attempt(place, Finished::Failed(error), &consumed, gaps).cooling;
        FailedAttempt { key, cooling }
    }

    /// The only running attempt answered; returns what it cost. When none runs, an earlier answer is what the caller gets,
    /// and its cost is known already.
    pub(super) fn answer_attempt(&mut self, consumed: &Consumed<'_>) -> Option<Cost> {
        if let Some(place) = self.running() {
            let target = self.planned.targets.get(place)?.target.clone();
            let cost = self.close_attempt(place, Finished::Answered, consumed, Gaps::Left).cost;
            self.answered = Some((target, cost));
        }
        self.answered.as_ref()?.1.clone()
    }

    /// Every running attempt was dropped by the caller, the one that is being answered after `consumed`.
    pub(super) fn cancel_attempt(&mut self, consumed: &Consumed<'_>) {
        while let Some(place) = self.running() {
            self.cancel_attempt_at(place, consumed);
        }
    }

    /// The attempt at `place` is no longer wanted.
    pub(super) fn cancel_attempt_at(&mut self, place: usize, consumed: &Consumed<'_>) {
        self.close_attempt(place, Finished::Cancelled, consumed, Gaps::Estimated);
    }

    /// The attempt at `place` is no longer wanted, because another one was quicker.
    pub(super) fn overtake_attempt_at(&mut self, place: usize, with: Clocked) {
        self.close_attempt(place, Finished::Overtaken(with), &Consumed::default(), Gaps::Estimated);
    }

    /// The places of the attempts that still run.
    pub(super) fn open_places(&self) -> impl Iterator<Item = usize> {
        self.open.iter().map(|open| open.place)
    }

    /// The place of the attempt that began last and still runs.
    pub(super) fn running(&self) -> Option<usize> {
        self.open.last().map(|open| open.place)
    }

    fn close_attempt(
        &mut self,
        place: usize,
        ended: Finished<'_>,
        consumed: &Consumed<'_>,
        gaps: Gaps,
    ) -> Closed {
        let Some(position) = self.open.iter().position(|open| open.place == place) else {
            return Closed::default();
        };
        let mut open = self.open.remove(position);
        let (attempt, received) = (&mut open.attempt, &mut open.received);
        let noted =
            received.usage.take().or_else(|| if consumed.usage.is_none() { open.meter.take() } else { None });
        let reported = consumed.usage.or(noted.as_deref());
        let usage = match gaps {
            Gaps::Estimated if !received.finished => {
                self.with_gaps_filled(reported, received.bytes, self.expected_at(place))
            }
            Gaps::Estimated | Gaps::Left => reported.cloned(),
        };
        let asked = match open.tier {
            AskedTier::Callers => self.asked_tier.as_deref(),
            AskedTier::Routes(tier) => Some(tier),
            AskedTier::Dropped => None,
        };
        let served = consumed.service_tier.or(received.service_tier.as_deref());
        let consumed = Consumed { usage: usage.as_ref(), service_tier: served.or(asked) };
        let cost = self.planned.targets.get(place).and_then(|target| self.price(target, &consumed));
        attempt.outcome = match &ended {
            Finished::Answered => Outcome::Answered,
            Finished::Failed(error) => Outcome::Failed(error.kind()),
            Finished::Cancelled | Finished::Overtaken(_) => Outcome::Cancelled,
        };
        self.latest = self.inner.clock.now();
        attempt.elapsed = self.latest.saturating_duration_since(open.started);
        attempt.usage = usage;
        attempt.cost = cost.as_ref().map(|cost| cost.total);
        attempt.completeness = completeness(attempt, received);
        let attempt = &open.attempt;
        telemetry::record_attempt(&open.span, attempt);
        for observer in &self.inner.observers {
            observer.observe(&Event::AttemptFinished(attempt));
        }
        routing::observe(&*self.planned.policy, attempt);
        if let Some(memory) = &self.planned.memory {
            let registered = self.inner.registry.provider(attempt.target.provider());
            let vendor = registered.map_or("", |(_, registered)| {
                registered.traits.vendor.as_deref().unwrap_or(&registered.priced_as)
            });
            memory.note(attempt, vendor, self.latest);
        }
        if let Some(booking) = &self.booking {
            let target = self.planned.targets.get(place);
            booking.attempt(attempt, target, booking::source(cost.as_ref()), self.inner.clock.wall());
        }
        let ended = match (ended, open.tier) {
            (Finished::Failed(error), AskedTier::Routes(_)) if may_be_for_its_tier(error) => {
                Finished::Cancelled
            }
            (ended, _) => ended,
        };
        let cooling = self.conclude(open.permit, &ended, attempt, open.toll);
        self.attempts.reserve_exact(1);
        self.attempts.push(open.attempt);
        Closed { cost, cooling }
    }

    /// May the running attempt at `place` have failed only for the service tier that its route asks for? Then the target is
    /// asked on the usual tier from now on.
    pub(super) fn leave_tier(&mut self, place: usize, error: &Error) -> bool {
        let open = self.open.iter().find(|open| open.place == place);
        let is_on_tier = open.is_some_and(|open| matches!(open.tier, AskedTier::Routes(_)));
        if !is_on_tier || !may_be_for_its_tier(error) || !self.inner.endpoints.take_extra(self.latest) {
            return false;
        }
        // What the caller asked may be wrong whatever the tier.
        if error.kind() != ErrorKind::InvalidRequest
            && let Some(target) = self.planned.targets.get(place)
        {
            target.endpoint.bench_tier(self.latest);
        }
        self.planned.leave_tiers(|other, _| other == place);
        true
    }

    /// Tells the target's record how the attempt went; returns for how long its quota pool is left alone.
    fn conclude(
        &self,
        permit: Permit,
        ended: &Finished<'_>,
        attempt: &Attempt,
        toll: u32,
    ) -> Option<Duration> {
        let endpoint = Arc::clone(permit.endpoint());
        if matches!(ended, Finished::Answered) {
            let clean = u32::from(self.attempts.is_empty());
            endpoint.provider().budget().deposit(toll + clean);
        }
        let overtaken = if let Finished::Overtaken(with) = ended { Some(*with) } else { None };
        let effects = permit.finish(ended, measured(attempt, overtaken), self.latest, self.inner.chance());
        announce(&self.inner, &attempt.target, attempt.outcome, effects, self.latest);
        let (bench, wait) = effects.benched?;
        (bench == Bench::QuotaPool).then_some(wait)
    }

    /// What an attempt consumed that did not come to its end: as far as the provider said, otherwise by the length of the
    /// prompt and of what arrived. A vendor that counts as it goes may be behind; one that counts what it hides is not.
    /// `expected` is what is billed at least.
    fn with_gaps_filled(&self, reported: Option<&Usage>, received: usize, expected: u64) -> Option<Usage> {
        let mut usage = reported.cloned().unwrap_or_default();
        usage.input_tokens = Some(usage.input_tokens.or(self.prompt_tokens)?);
        let written = u64::try_from(received.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX).max(expected);
        usage.output_tokens = Some(usage.output_tokens.map_or(written, |said| said.max(written)));
        Some(usage)
    }

    /// What is billed at least of an answer that nobody waits for any more: where the vendor finishes it all the same and
    /// nobody reads how much it was, what answers usually come to.
    fn expected_at(&self, place: usize) -> u64 {
        let target = self.planned.targets.get(place);
        match target.map(|target| target.provider.habits().cancelling) {
            Some(Cancelling::BilledToTheEnd) => self.answer_tokens,
            _ => 0,
        }
    }

    fn price(&self, target: &PlannedTarget, consumed: &Consumed<'_>) -> Option<Cost> {
        let usage = consumed.usage?;
        target
            .model
            .as_ref()
            .and_then(|model| candidates::price(model, usage, self.inner.clock.wall(), consumed.service_tier))
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
        let target = self.answered.take().map_or_else(|| self.planned.first.clone(), |(target, _)| target);
        self.inner.ratings.remember(self.id, self.planned.answered_by(&target));
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

    pub(super) fn id(&self) -> CallId {
        self.id
    }

    /// Who else is asked, once it is answered by `reply`.
    pub(super) fn start_shadows(&mut self, reply: &Reply) {
        if let Some(shadows) = self.shadows.take() {
            shadows.start(self, reply);
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.latest.saturating_duration_since(self.started)
    }

    /// Reads the clock anew.
    pub(super) fn read_clock(&mut self) -> Instant {
        self.latest = self.inner.clock.now();
        self.latest
    }

    /// Time has passed although no attempt was made.
    pub(super) fn look_at_the_clock(&mut self) {
        self.latest = self.inner.clock.now();
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
    pub(super) fn deadline_exceeded() -> Error {
        Error::new(ErrorKind::DeadlineExceeded, "the total time of the call ran out")
    }

    fn settle(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        // Unless that was waited for already.
        drop(self.settlements());
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
        if let Some(booking) = &self.booking {
            let (attempts, elapsed) = (&self.attempts, self.elapsed());
            booking.call(&Ended { attempts, outcome, elapsed, at: self.inner.clock.wall() });
        }
    }
}

/// A flexible tier that has no room, or is not sold for this deployment, says so with these and says nothing about the usual
/// one. OpenAI answers 429 for want of room, Azure 400 where the deployment's kind or model does not take it:
/// <https://developers.openai.com/api/docs/guides/flex-processing>,
/// <https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing> (read 2026-11-26).
fn may_be_for_its_tier(error: &Error) -> bool {
    use ErrorKind::{InvalidRequest, Overloaded, Permission, RateLimited, Unsupported};
    [InvalidRequest, Overloaded, Permission, RateLimited, Unsupported].contains(&error.kind())
}

/// What the client allows an attempt at `planned`, and what is said of its route, provider and target.
pub(super) fn limits_of(
    inner: &Inner,
    route: Option<&str>,
    planned: &PlannedTarget,
    thinking: Thinking,
) -> Timeouts {
    let PlannedTarget { target, model, service_tier, .. } = planned;
    let mut limits = inner.timeouts;
    let thinks = |model: &Arc<Model>| match thinking {
        Thinking::IfTheModelDoes => model.supports(Capability::Reasoning) == Support::Yes,
        Thinking::Off => model.supports(Capability::ReasoningAlwaysOn) == Support::Yes,
    };
    if service_tier.is_some() || model.as_ref().is_some_and(thinks) {
        limits = limits.for_reasoning();
    }
    if !inner.time_limits.is_empty() {
        let names = [route, Some(target.provider()), Some(target.as_str())];
        for said in names.into_iter().flatten().filter_map(|name| inner.time_limits.get(name)) {
            limits = limits.but(said);
        }
    }
    limits
}

/// What is done where a provider did not say what was consumed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    Left,
    Estimated,
}

/// Tells the observers whom an attempt put out of use, or back into it.
pub(super) fn announce(inner: &Inner, target: &Target, outcome: Outcome, effects: Effects, now: Instant) {
    let tell = |event: &Event<'_>| inner.observers.iter().for_each(|observer| observer.observe(event));
    match effects.change {
        Change::Nothing => {}
        Change::Opened { until } => {
            tell(&Event::TargetOpened { target, retry_in: until.saturating_duration_since(now) });
        }
        Change::Closed => tell(&Event::TargetClosed { target }),
    }
    if let (Some((what, wait)), Outcome::Failed(because)) = (effects.benched, outcome) {
        tell(&Event::Benched { target, what, because, wait });
    }
}

/// What the failure of an attempt came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FailedAttempt {
    /// The key that was used, where anything was sent.
    pub(super) key: Option<usize>,
    /// For how long its quota pool is left alone, where it was one request too many.
    pub(super) cooling: Option<Duration>,
}

/// What the end of an attempt came to.
#[derive(Default)]
struct Closed {
    cost: Option<Cost>,
    cooling: Option<Duration>,
}

/// Of English text and of code, with the common vocabularies; other scripts need more.
const BYTES_PER_TOKEN: usize = 4;

impl Drop for RunningCall {
    fn drop(&mut self) {
        if !self.settled {
            self.cancel_attempt(&Consumed::default());
            self.latest = self.inner.clock.now();
            self.settle(Outcome::Cancelled);
        }
    }
}
