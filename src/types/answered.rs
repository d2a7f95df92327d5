//! Answers other than to a chat, and how they came about.

use super::{Attempt, CallSummary, Cost, Target, Usage};

/// What a provider answered beside the content.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyFacts {
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// The provider's request id.
    pub request_id: Option<Box<str>>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
}

/// What a provider answered, and how it came about.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Answered<R> {
    /// What the provider answered.
    pub reply: R,
    /// Who answered, after which attempts, for how much.
    pub summary: CallSummary,
}

impl<R> Answered<R> {
    /// Joins the two halves.
    pub fn new(reply: R, summary: CallSummary) -> Self {
        Self { reply, summary }
    }

    /// Who answered.
    pub fn target(&self) -> &Target {
        &self.summary.target
    }

    /// What the answering attempt cost, by what was paid for; `None` when the usage or the price is unknown.
    pub fn cost(&self) -> Option<&Cost> {
        self.summary.cost.as_ref()
    }

    /// Every attempt, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.summary.attempts
    }
}

impl<R: AsRef<ReplyFacts>> Answered<R> {
    /// What the answering attempt consumed.
    pub fn usage(&self) -> Option<&Usage> {
        self.reply.as_ref().usage.as_ref()
    }
}
