//! Embeddings.

use std::fmt;
use std::time::Duration;

use super::{Attempt, CallOptions, CallSummary, Cost, Extra, Target, Usage};
use crate::error::{Error, ErrorKind, Result};

/// Texts to turn into vectors.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct EmbedRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// The texts.
    pub inputs: Vec<String>,
    /// Length of the vectors, where the model can shorten them.
    pub dimensions: Option<u32>,
    /// Fields without a name here.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl EmbedRequest {
    /// `inputs` for `model`, which is `provider/model` or a route's name.
    pub fn new(model: impl Into<String>, inputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { model: model.into(), inputs: inputs.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Sets the length of the vectors.
    #[must_use]
    pub fn dimensions(mut self, dimensions: u32) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Checks everything that can be known without a target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there is no input, one is empty, or `dimensions` is 0.
    pub fn validate(&self) -> Result<()> {
        if self.inputs.is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, "there is nothing to embed"));
        }
        if let Some(position) = self.inputs.iter().position(String::is_empty) {
            return Err(Error::new(ErrorKind::InvalidRequest, format!("input {position} is empty")));
        }
        if self.dimensions == Some(0) {
            return Err(Error::new(ErrorKind::InvalidRequest, "dimensions is 0"));
        }
        Ok(())
    }
}

impl fmt::Debug for EmbedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedRequest")
            .field("model", &self.model)
            .field("inputs", &self.inputs.len())
            .field("dimensions", &self.dimensions)
            .finish_non_exhaustive()
    }
}

/// What a provider answered to an [`EmbedRequest`].
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct EmbedReply {
    /// One vector for each input, in the order of the inputs.
    pub vectors: Vec<Vec<f32>>,
    /// The model that answered, as the provider names it.
    pub model: Option<String>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// The provider's request id.
    pub request_id: Option<Box<str>>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
}

impl EmbedReply {
    /// Vectors without further facts.
    pub fn new(vectors: Vec<Vec<f32>>) -> Self {
        Self { vectors, ..Self::default() }
    }
}

impl fmt::Debug for EmbedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedReply")
            .field("vectors", &self.vectors.len())
            .field("model", &self.model)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

/// Vectors and how they came about.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct EmbedResponse {
    /// What the provider answered.
    pub reply: EmbedReply,
    /// Who answered, after which attempts, for how much.
    pub summary: CallSummary,
}

impl EmbedResponse {
    /// Joins the two halves.
    pub fn new(reply: EmbedReply, summary: CallSummary) -> Self {
        Self { reply, summary }
    }

    /// One vector for each input, in the order of the inputs.
    pub fn vectors(&self) -> &[Vec<f32>] {
        &self.reply.vectors
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
