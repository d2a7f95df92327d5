//! Copies of calls for other targets: sampled, compared with the answer that was given, and thrown away.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Inner;
use super::attempt::within;
use super::booking::{self, Booking};
use super::call::{RunningCall, Thinking, limits_of};
use super::candidates::{self, PlannedTarget};
use super::memory::RouteMemory;
use super::operation::{Chat, Meter, Operation as _};
use super::received::known_to_be;
use crate::account;
use crate::error::{Error, Result, TimeoutPhase};
use crate::routing::answer::likeness;
use crate::routing::policy::Ordered;
use crate::routing::{Candidates, Question, Reading, RequestFacts, decide};
use crate::telemetry::{Event, Shadowed};
use crate::types::{
    Attempt, AttemptReason, CallId, CallOptions, ChatRequest, Outcome, Part, Reply, Target, Usage,
};

/// The shadows of one route.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    /// Each with its share of the calls.
    targets: Vec<(Target, f64)>,
    running: Arc<AtomicUsize>,
}

impl Shadows {
    pub(super) fn new(targets: Vec<(Target, f64)>) -> Self {
        Self { targets, running: Arc::default() }
    }

    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().map(|(target, _)| target)
    }
}

/// A call that others are asked as well, once it is answered.
pub(super) struct Planning {
    request: Arc<ChatRequest>,
    targets: Vec<PlannedTarget>,
    /// About so many tokens; it counts where a provider does not get to say.
    prompt_tokens: u64,
    route: String,
    running: Arc<AtomicUsize>,
    memory: Arc<RouteMemory>,
}

/// Who else is asked what `request` asks: those that are drawn, and that it may be sent to.
pub(super) fn sampled(
    call: &RunningCall,
    request: &ChatRequest,
    facts: &RequestFacts,
) -> Option<Box<Planning>> {
    let (inner, decision) = (&call.inner, &call.planned.decision);
    let name = decision.route.as_deref()?;
    let route = inner.registry.routes.get(name)?;
    if route.shadows.targets.is_empty() {
        return None;
    }
    // Other bits of the same chance than those policies begin with.
    let mut random = fastrand::Rng::with_seed(facts.chance.rotate_left(41) ^ SALT);
    let drawn = route.shadows.targets.iter().filter(|(_, share)| random.f64() < *share);
    let drawn: Vec<&Target> = drawn.map(|(target, _)| target).collect();
    let targets: Vec<PlannedTarget> = drawn
        .into_iter()
        .filter_map(|target| {
            let row = candidates::candidate(&inner.registry, &call.planned.prices.catalogue, target.clone());
            let only = Candidates::new([row.clone()]);
            let mut question = Question::new(facts, &only);
            question.before = &call.planned.demanded;
            decide(&Ordered::new(), &question).ok()?;
            let (_, registered) = inner.registry.provider(target.provider())?;
            Some(PlannedTarget {
                endpoint: inner.endpoints.of(&row.target, call.latest()),
                target: row.target,
                provider: Arc::clone(&registered.provider),
                model: row.model,
                reading: Reading::Unread,
                service_tier: None,
            })
        })
        .collect();
    if targets.is_empty() {
        return None;
    }
    Some(Box::new(Planning {
        request: Arc::new(request.clone()),
        targets,
        prompt_tokens: facts.input_tokens,
        route: name.to_owned(),
        running: Arc::clone(&route.shadows.running),
        memory: Arc::clone(&route.memory),
    }))
}

impl Planning {
    /// Asks in the background, beside `reply`, which answered `call`. Who answered it is not asked again.
    pub(super) fn start(self, call: &RunningCall, reply: &Reply) {
        let inner = &call.inner;
        let mut attempts = call.attempts.iter().rev();
        let Some(answered) = attempts.find(|attempt| attempt.outcome == Outcome::Answered) else { return };
        let Self { request, targets, prompt_tokens, route, running, memory } = self;
        let said: Arc<str> = said(reply).into();
        for target in targets {
            let now = call.latest();
            let endpoint = Arc::clone(&target.endpoint);
            if target.target == answered.target || endpoint.check(now).is_err() {
                continue;
            }
            let Some(slot) = Slot::take(&running) else {
                tracing::debug!(target = %target.target, "too many shadows run already");
                continue;
            };
            let booking = inner.books.as_ref().map(|books| {
                let version = call.planned.prices.catalogue.version();
                let mut booking = Booking::new(books, call.id(), "chat", Some(&route), version);
                booking.charge(request.options.as_deref().unwrap_or(&CallOptions::default()));
                booking
            });
            let shadow = Shadow {
                inner: Arc::clone(inner),
                attempt: Attempt::new(target.target.clone(), AttemptReason::Shadow, call.elapsed()),
                key: endpoint.key(now),
                target,
                request: Arc::clone(&request),
                prompt_tokens,
                call: call.id(),
                route: route.clone(),
                answered: answered.clone(),
                said: Arc::clone(&said),
                booking,
                memory: Arc::clone(&memory),
                began: None,
                _slot: slot,
            };
            if inner.tasks.spawn_service(shadow.work()).is_err() {
                tracing::debug!("no shadow: nothing can run in the background");
            }
        }
    }
}

/// One copy on its way. Dropped before it has ended it was broken off, and is booked as such.
struct Shadow {
    inner: Arc<Inner>,
    target: PlannedTarget,
    key: usize,
    request: Arc<ChatRequest>,
    prompt_tokens: u64,
    call: CallId,
    route: String,
    answered: Attempt,
    said: Arc<str>,
    booking: Option<Booking>,
    memory: Arc<RouteMemory>,
    attempt: Attempt,
    /// `None` before it was sent, and after it was booked.
    began: Option<Instant>,
    _slot: Slot,
}

impl Shadow {
    /// Boxed, because what a provider does is large.
    fn work(mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            self.began = Some(self.inner.clock.now());
            let (target, request) = (self.target.clone(), Arc::clone(&self.request));
            let (operation, meter) = (Chat(&request), Meter::default());
            let limit = self.limit();
            let asked = operation.start(&target, self.key, &meter);
            let outcome = within(&*self.inner.clock, limit, asked).await;
            let outcome = outcome.unwrap_or_else(|| Err(Error::timeout(TimeoutPhase::Answer, limit)));
            self.end(outcome);
        })
    }

    fn limit(&self) -> Duration {
        limits_of(&self.inner, Some(&self.route), &self.target, Thinking::IfTheModelDoes).answer
    }

    fn end(&mut self, outcome: Result<Reply>) {
        let (outcome, usage, tier, agreement) = match outcome {
            Ok(reply) => {
                let agreement = likeness(&self.said, &said(&reply));
                (Outcome::Answered, reply.usage, reply.service_tier, Some(agreement))
            }
            Err(error) => {
                let usage = error.partial().and_then(|partial| partial.usage.clone());
                (Outcome::Failed(error.kind()), usage, None, None)
            }
        };
        self.book(outcome, usage, tier.as_deref(), agreement);
    }

    /// Once, however it ended.
    fn book(&mut self, outcome: Outcome, usage: Option<Usage>, tier: Option<&str>, agreement: Option<f64>) {
        let Some(began) = self.began.take() else { return };
        let at = self.inner.clock.wall();
        let model = self.target.model.as_deref();
        let priced = model.zip(usage.as_ref());
        let cost = priced
            .and_then(|(model, usage)| candidates::price(model, usage, at, tier))
            .or_else(|| usage.as_ref().and_then(account::reported));
        self.attempt.outcome = outcome;
        self.attempt.elapsed = self.inner.clock.now().saturating_duration_since(began);
        self.attempt.cost = cost.as_ref().map(|cost| cost.total);
        self.attempt.usage = usage;
        self.attempt.completeness = known_to_be(&self.attempt);
        if let Some(booking) = &self.booking {
            booking.attempt(&self.attempt, Some(&self.target), booking::source(cost.as_ref()), at);
        }
        self.memory.arms().note_shadow(&self.attempt, agreement);
        let shadowed = Shadowed::new(self.call, &self.route, &self.attempt, &self.answered, agreement);
        for observer in &self.inner.observers {
            observer.observe(&Event::Shadowed(shadowed));
        }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        // The prompt was on its way.
        let usage = Usage::of(self.prompt_tokens, 0);
        self.book(Outcome::Cancelled, Some(usage), None, None);
    }
}

/// One of the places that the shadows of a route have.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(running: &Arc<AtomicUsize>) -> Option<Self> {
        let taken = running.fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
            (running < MOST_RUNNING).then_some(running + 1)
        });
        taken.is_ok().then(|| Self(Arc::clone(running)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What is compared: the text, and what tools are called with.
fn said(reply: &Reply) -> String {
    let mut said = reply.message.text();
    for part in &reply.message.parts {
        if let Part::ToolCall(call) = part {
            said.push(' ');
            said.push_str(&call.name);
            said.push(' ');
            said.push_str(call.arguments.as_str());
        }
    }
    said
}

const MOST_RUNNING: usize = 16;

const SALT: u64 = 0x5851_f42d_4c95_7f2d;
