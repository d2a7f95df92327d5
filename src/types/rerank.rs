//! Texts put in the order of their relevance to a question.

use std::fmt;
use std::time::Duration;

use super::{Attempt, CallOptions, CallSummary, Cost, Extra, Target, Usage};
use crate::error::{Error, ErrorKind, Result};

/// Texts to put in the order of their relevance to a query.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct RerankRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// What the texts are to be relevant to.
    pub query: String,
    /// The texts.
    pub documents: Vec<String>,
    /// How many of the most relevant to return; all otherwise.
    pub top_n: Option<u32>,
    /// Fields without a name here.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl RerankRequest {
    /// `documents` by their relevance to `query`, for `model`, which is `provider/model` or a route's name.
    pub fn new(
        model: impl Into<String>,
        query: impl Into<String>,
        documents: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            model: model.into(),
            query: query.into(),
            documents: documents.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Sets how many of the most relevant to return.
    #[must_use]
    pub fn top_n(mut self, top_n: u32) -> Self {
        self.top_n = Some(top_n);
        self
    }

    /// Checks everything that can be known without a target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there is no query or no document, or `top_n` is 0.
    pub fn validate(&self) -> Result<()> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidRequest, message));
        if self.query.is_empty() {
            return invalid("the query is empty");
        }
        if self.documents.is_empty() {
            return invalid("there is nothing to rank");
        }
        if self.top_n == Some(0) {
            return invalid("top_n is 0");
        }
        Ok(())
    }
}

impl fmt::Debug for RerankRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RerankRequest")
            .field("model", &self.model)
            .field("documents", &self.documents.len())
            .field("top_n", &self.top_n)
            .finish_non_exhaustive()
    }
}

/// How relevant one document is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relevance {
    /// Which document, counted from 0 in the order of the request.
    pub index: usize,
    /// The higher the more relevant; comparable only within one answer.
    pub score: f64,
}

impl Relevance {
    /// The document at `index` has this `score`.
    pub fn new(index: usize, score: f64) -> Self {
        Self { index, score }
    }
}

/// What a provider answered to a [`RerankRequest`].
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RerankReply {
    /// In the order the provider gave, usually the most relevant first.
    pub results: Vec<Relevance>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// The provider's request id.
    pub request_id: Option<Box<str>>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
}

impl RerankReply {
    /// An order without further facts.
    pub fn new(results: Vec<Relevance>) -> Self {
        Self { results, ..Self::default() }
    }
}

/// An order of documents and how it came about.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct RerankResponse {
    /// What the provider answered.
    pub reply: RerankReply,
    /// Who answered, after which attempts, for how much.
    pub summary: CallSummary,
}

impl RerankResponse {
    /// Joins the two halves.
    pub fn new(reply: RerankReply, summary: CallSummary) -> Self {
        Self { reply, summary }
    }

    /// In the order the provider gave, usually the most relevant first.
    pub fn results(&self) -> &[Relevance] {
        &self.reply.results
    }

    /// What the answering attempt consumed.
    pub fn usage(&self) -> Option<&Usage> {
        self.reply.usage.as_ref()
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
