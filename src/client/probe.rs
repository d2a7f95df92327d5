//! Small requests of the client's own, beside its calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};

use super::Inner;
use super::attempt::within;
use super::booking::{self, Booking};
use super::call::{Thinking, announce, limits_of};
use super::candidates::{self, PlannedTarget};
use super::operation::{Meter, OpenStream, Operation as _};
use crate::catalog::{Capability, Mode, Support};
use crate::error::{Billed, Error, TimeoutPhase};
use crate::resilience::{Ended, Endpoint, Measured, ProbePlan, ProbePolicy};
use crate::routing::Reading;
use crate::telemetry::Event;
use crate::types::{Attempt, AttemptReason, ChatRequest, Completeness, Outcome, Usage};

/// The probes of one client: nothing runs before its first call.
#[derive(Debug)]
pub(super) struct Probes {
    policy: ProbePolicy,
    plan: Mutex<ProbePlan>,
    begun: AtomicBool,
}

impl Probes {
    pub(super) fn new(policy: ProbePolicy, now: Instant) -> Self {
        let policy = policy.every(policy.every);
        Self { policy, plan: Mutex::new(ProbePlan::new(policy, now)), begun: AtomicBool::new(false) }
    }
}

/// Begins to probe, if the client is to and has not begun. Without a runtime the next call tries again.
pub(super) fn begin(inner: &Arc<Inner>) {
    let Some(probes) = &inner.probes else { return };
    if probes.begun.swap(true, Ordering::Relaxed) {
        return;
    }
    if inner.tasks.spawn_service(watch(Arc::clone(inner))).is_err() {
        probes.begun.store(false, Ordering::Relaxed);
    }
}

/// Ends with the client: see [`Tasks`](super::tasks::Tasks). A target that lets its probe wait holds up nobody else's.
async fn watch(inner: Arc<Inner>) {
    let Some(probes) = &inner.probes else { return };
    let mut running = FuturesUnordered::new();
    let mut asked: Vec<Arc<Endpoint>> = Vec::new();
    loop {
        let mut timer = inner.clock.sleep(probes.policy.every);
        while !running.is_empty()
            && let Either::Right((ended, _)) = select(&mut timer, running.next()).await
        {
            asked.retain(|endpoint| ended.as_ref() != Some(endpoint.target()));
        }
        // At once where it is over already.
        timer.await;
        for endpoint in due(&inner, probes) {
            if asked.iter().any(|other| other.target() == endpoint.target()) {
                continue;
            }
            asked.push(Arc::clone(&endpoint));
            let inner = &inner;
            running.push(async move {
                probe(inner, probes, &endpoint).await;
                endpoint.target().clone()
            });
        }
    }
}

fn due(inner: &Inner, probes: &Probes) -> Vec<Arc<Endpoint>> {
    let now = inner.clock.now();
    let plan = probes.plan.lock().unwrap_or_else(PoisonError::into_inner);
    let routed = inner.registry.routes.values().flat_map(|route| route.candidates.as_slice());
    let mut due: Vec<Arc<Endpoint>> = routed
        .map(|candidate| inner.endpoints.of(&candidate.target, now))
        .filter(|endpoint| plan.is_due(endpoint, now))
        .collect();
    // A target may be in several routes.
    due.sort_by(|one, other| one.target().cmp(other.target()));
    due.dedup_by(|one, other| one.target() == other.target());
    due
}

async fn probe(inner: &Arc<Inner>, probes: &Probes, endpoint: &Arc<Endpoint>) {
    let target = endpoint.target().clone();
    let Some((_, registered)) = inner.registry.provider(target.provider()) else { return };
    let model = candidates::describe(inner, &target);
    if model.as_ref().is_some_and(|model| model.mode != Mode::Chat) {
        return;
    }
    let thinks = model.as_ref().is_some_and(|model| model.supports(Capability::Reasoning) == Support::Yes);
    // Vendors refuse a model that thinks the room for not even one thought.
    let room = if thinks { 16 } else { 1 };
    let price = model.as_ref().and_then(|model| model.price.as_ref());
    let cost = price.and_then(|price| price.estimate(INPUT_TOKENS, room, inner.clock.wall()));
    let began = inner.clock.now();
    let granted = |plan: &Mutex<ProbePlan>| {
        plan.lock().unwrap_or_else(PoisonError::into_inner).take(&target, cost, began)
    };
    let Ok(permit) = endpoint.admit(began, inner.chance()) else { return };
    // Without the money the permit is dropped, and the next call makes the probe.
    if !granted(&probes.plan) {
        return;
    }
    let request = ChatRequest::new(target.as_str()).user("ping").max_output_tokens(room);
    let planned = PlannedTarget {
        target: target.clone(),
        provider: Arc::clone(&registered.provider),
        endpoint: Arc::clone(endpoint),
        model,
        reading: Reading::Unread,
        service_tier: None,
    };
    let mut account = Account::open(inner, &planned, Usage::of(INPUT_TOKENS, room), began);
    let (open, meter) = (OpenStream::new(&request, Arc::clone(&inner.clock)), Meter::default());
    let limit = limits_of(inner, None, &planned, Thinking::IfTheModelDoes).first_token;
    let opened = within(&*inner.clock, limit, open.start(&planned, permit.key(), &meter)).await;
    let outcome = opened.unwrap_or_else(|| Err(Error::timeout(TimeoutPhase::FirstToken, limit)));
    let now = inner.clock.now();
    let elapsed = now.saturating_duration_since(began);
    let (ended, measured) = match &outcome {
        Ok(_) => (Ended::Answered, Measured { first_token: Some(elapsed), ..Measured::default() }),
        Err(error) => (Ended::Failed(error), Measured::default()),
    };
    let effects = permit.finish(&ended, measured, now, inner.chance());
    let outcome = match &outcome {
        Ok(_) => Outcome::Answered,
        Err(error) => Outcome::Failed(error.kind()),
    };
    account.close(outcome, meter.take().as_deref(), elapsed);
    announce(inner, &target, outcome, effects, now);
    for observer in &inner.observers {
        observer.observe(&Event::Probed { target: &target, outcome, elapsed, cost });
    }
}

/// What goes into the ledger about one probe: a call of its own, of nobody's scopes. One that is dropped was cancelled.
struct Account<'a> {
    inner: &'a Inner,
    planned: &'a PlannedTarget,
    /// Taken when it is closed.
    booking: Option<Booking>,
    /// What it comes to where the vendor does not say.
    expected: Usage,
    began: Instant,
}

impl<'a> Account<'a> {
    fn open(inner: &'a Inner, planned: &'a PlannedTarget, expected: Usage, began: Instant) -> Self {
        let booking = inner.books.as_ref().map(|books| {
            let prices = inner.prices.get();
            Booking::new(books, inner.call_id(), "probe", None, prices.catalogue.version())
        });
        Self { inner, planned, booking, expected, began }
    }

    fn close(&mut self, outcome: Outcome, said: Option<&Usage>, elapsed: Duration) {
        let Some(booking) = self.booking.take() else { return };
        let at = self.inner.clock.wall();
        let mut attempt = Attempt::new(self.planned.target.clone(), AttemptReason::Probe, Duration::ZERO);
        attempt.outcome = outcome;
        attempt.elapsed = elapsed;
        let mut cost = None;
        if let Outcome::Failed(kind) = outcome
            && Error::new(kind, "").advice().billed == Billed::No
        {
            attempt.completeness = Completeness::Exact;
        } else {
            // It is cut off before a vendor says what it comes to at its end.
            let mut usage = said.cloned().unwrap_or_default();
            usage.input_tokens = usage.input_tokens.or(self.expected.input_tokens);
            usage.output_tokens = usage.output_tokens.max(self.expected.output_tokens);
            let model = self.planned.model.as_ref();
            cost = model.and_then(|model| candidates::price(model, &usage, at, None));
            attempt.completeness =
                if cost.is_some() { Completeness::Estimated } else { Completeness::Unknown };
            attempt.usage = Some(usage);
        }
        if outcome == Outcome::Answered {
            attempt.time_to_first_token = Some(elapsed);
        }
        attempt.cost = cost.as_ref().map(|cost| cost.total);
        booking.attempt(&attempt, Some(self.planned), booking::source(cost.as_ref()), at);
        booking.call(&booking::Ended { attempts: &[attempt], outcome, elapsed, at });
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let elapsed = self.inner.clock.now().saturating_duration_since(self.began);
        self.close(Outcome::Cancelled, None, elapsed);
    }
}

/// What vendors wrap around one word.
const INPUT_TOKENS: u64 = 10;
