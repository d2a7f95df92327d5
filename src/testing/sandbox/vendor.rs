//! One fake vendor: its script, its rules, its records.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batches::{Batches, Served};
use super::chat_completions::ChatCompletions;
use super::check::Denial;
use super::format::format_of;
use super::request::Received;
use super::script::Step;

/// One fake vendor of a [`Sandbox`](super::Sandbox). Clones are the same vendor.
#[derive(Clone)]
pub struct SandboxVendor {
    url: Arc<str>,
    state: Arc<VendorState>,
}

impl SandboxVendor {
    pub(super) fn new(url: String, state: Arc<VendorState>) -> Self {
        Self { url: url.into(), state }
    }

    /// The base URL to give to a client, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds a step for the next `POST` that has none yet.
    pub fn then(&self, step: impl Into<Step>) -> Self {
        self.state.lock().script.push_back(step.into());
        self.clone()
    }

    /// What to do once the script is over; without this, the usual.
    pub fn always(&self, step: impl Into<Step>) -> Self {
        self.state.lock().always = Some(step.into());
        self.clone()
    }

    /// Forgets the script and [`always`](Self::always).
    pub fn reset_script(&self) {
        let mut state = self.state.lock();
        state.script.clear();
        state.always = None;
    }

    /// Refuses requests without this key, in the place where the format has it.
    pub fn require_key(&self, key: impl Into<String>) -> Self {
        self.state.lock().key = Some(key.into());
        self.clone()
    }

    /// Refuses models other than these. Without this, every model is known.
    pub fn offer_models(&self, models: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.state.lock().models = models.into_iter().map(Into::into).collect();
        self.clone()
    }

    /// The requests, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().received.clone()
    }

    /// How many requests arrived.
    pub fn requests(&self) -> usize {
        self.state.lock().received.len()
    }

    /// How many answers went out completely, as scripted, errors and faults included.
    pub fn answered(&self) -> usize {
        self.state.lock().answered
    }

    /// How many requests are being answered now.
    pub fn in_flight(&self) -> usize {
        self.state.lock().in_flight
    }

    /// The most requests that were ever being answered at once.
    pub fn most_in_flight(&self) -> usize {
        self.state.lock().most_in_flight
    }

    /// How many requests the client abandoned before the answer was complete.
    pub fn disconnects(&self) -> usize {
        self.state.lock().disconnects
    }
}

impl fmt::Debug for SandboxVendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SandboxVendor({}, {} requests)", self.url, self.requests())
    }
}

pub(super) struct VendorState {
    pub(super) name: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) script: VecDeque<Step>,
    pub(super) always: Option<Step>,
    pub(super) key: Option<String>,
    pub(super) models: Vec<String>,
    batches: Batches,
    received: Vec<Received>,
    answered: usize,
    in_flight: usize,
    most_in_flight: usize,
    disconnects: usize,
}

/// What a fake vendor knows when it answers one request.
pub(super) struct Rules {
    pub(super) name: String,
    pub(super) key: Option<String>,
    pub(super) models: Vec<String>,
    /// Counts the vendor's requests from 1.
    pub(super) number: usize,
}

impl VendorState {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), inner: Mutex::default() }
    }

    /// Records a request; the guard counts it until dropped.
    pub(super) fn begin(self: &Arc<Self>, request: &Received) -> (Step, Rules, InFlight) {
        let mut inner = self.lock();
        inner.received.push(request.clone());
        inner.in_flight += 1;
        inner.most_in_flight = inner.most_in_flight.max(inner.in_flight);
        // Whoever looks which models there are takes nothing away from the script.
        let step = match request.method.as_str() {
            "GET" if request.is_for("/models") => None,
            _ => inner.script.pop_front().or_else(|| inner.always.clone()),
        };
        let rules = Rules {
            name: self.name.clone(),
            key: inner.key.clone(),
            models: inner.models.clone(),
            number: inner.received.len(),
        };
        (step.unwrap_or_default(), rules, InFlight { state: Arc::clone(self), end: AnswerEnd::Cancelled })
    }

    /// The reply to a request about batches.
    pub(super) fn serve_batch(&self, request: &Received, rules: &Rules) -> Option<Result<Served, Denial>> {
        let mut inner = self.lock();
        let served = inner.batches.serve(request, rules)?;
        let format = format_of(request).unwrap_or(&ChatCompletions);
        let locked_out = rules.key.is_some() && format.key(request) != rules.key.as_deref();
        Some(if locked_out { Err(format.wrong_key()) } else { served })
    }

    pub(super) fn disconnects(&self) -> usize {
        self.lock().disconnects
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the sending of an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerEnd {
    /// The sandbox was stopped.
    Cancelled,
    /// Everything that was planned went out.
    Sent,
    /// The client went away first.
    Disconnected,
}

pub(super) struct InFlight {
    state: Arc<VendorState>,
    pub(super) end: AnswerEnd,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut inner = self.state.lock();
        inner.in_flight = inner.in_flight.saturating_sub(1);
        match self.end {
            AnswerEnd::Sent => inner.answered += 1,
            AnswerEnd::Disconnected => inner.disconnects += 1,
            AnswerEnd::Cancelled => {}
        }
    }
}
