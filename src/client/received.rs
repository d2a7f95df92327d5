//! What has come of an attempt, and what that says of its cost and of its target.

use crate::error::{Billed, Error};
use crate::resilience::{Clocked, Measured};
use crate::types::{Attempt, Completeness, Outcome, StreamEvent, Usage};

/// What has come of a streamed answer.
#[derive(Default)]
pub(super) struct Received {
    pub(super) usage: Option<Box<Usage>>,
    pub(super) service_tier: Option<String>,
    /// Of everything the model wrote.
    pub(super) bytes: usize,
    pub(super) finished: bool,
}

impl Received {
    /// This came next.
    pub(super) fn note(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Text(text) | StreamEvent::Refusal(text) | StreamEvent::Reasoning(text) => {
                self.bytes += text.len();
            }
            StreamEvent::ToolCallArguments { delta, .. } => self.bytes += delta.len(),
            StreamEvent::Part(part) => self.bytes += part.as_text().map_or(0, str::len),
            StreamEvent::Alternative { event, .. } if !matches!(**event, StreamEvent::Finish(_)) => {
                self.note(event)
            }
            StreamEvent::Usage(usage) => self.usage = Some(usage.clone()),
            StreamEvent::Finish(finish) => {
                self.finished = true;
                self.service_tier.clone_from(&finish.service_tier);
            }
            _ => {}
        }
    }
}

/// What the times of an attempt say about its target. One that failed says something only where it took its time.
/// `overtaken` is what another attempt was quicker with.
pub(super) fn measured(attempt: &Attempt, overtaken: Option<Clocked>) -> Measured {
    let mut measured = Measured { first_token: attempt.time_to_first_token, ..Measured::default() };
    match (attempt.outcome, attempt.time_to_first_token) {
        (Outcome::Answered, Some(first)) => {
            let tokens = attempt.usage.as_ref().and_then(|usage| usage.output_tokens);
            measured.generation = tokens.map(|tokens| (attempt.elapsed.saturating_sub(first), tokens));
        }
        (Outcome::Answered, None) => measured.answer = Some(attempt.elapsed),
        (Outcome::Cancelled, None) => measured.at_least = overtaken.map(|of| (of, attempt.elapsed)),
        (Outcome::Failed(_) | Outcome::Cancelled, _) => {}
    }
    measured
}

/// How well the cost of an attempt is known of which so much was received.
pub(super) fn completeness(attempt: &Attempt, received: &Received) -> Completeness {
    let unbilled = match attempt.outcome {
        Outcome::Answered | Outcome::Cancelled => false,
        Outcome::Failed(kind) => Error::new(kind, "").advice().billed == Billed::No,
    };
    match (attempt.outcome, attempt.cost) {
        (Outcome::Answered, Some(_)) => Completeness::Exact,
        (Outcome::Cancelled, Some(_)) if received.finished => Completeness::Exact,
        (_, Some(_)) => Completeness::Estimated,
        (_, None) if unbilled => Completeness::Exact,
        (_, None) => Completeness::Unknown,
    }
}

/// How well the cost of an attempt is known of which nothing was received but what its usage says.
pub(super) fn known_to_be(attempt: &Attempt) -> Completeness {
    completeness(attempt, &Received::default())
}
