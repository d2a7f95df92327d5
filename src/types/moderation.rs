//! Texts judged by a vendor's content policy.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{CallOptions, Extra, ReplyFacts};
use crate::error::{Error, ErrorKind, Result};

/// Texts to be judged.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct ModerationRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// The texts.
    pub inputs: Vec<String>,
    /// Fields without a name here.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl ModerationRequest {
    /// `inputs` for `model`, which is `provider/model` or a route's name.
    pub fn new(model: impl Into<String>, inputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { model: model.into(), inputs: inputs.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Checks everything that can be known without a target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there is no text.
    pub fn validate(&self) -> Result<()> {
        if self.inputs.is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, "there is nothing to judge"));
        }
        Ok(())
    }
}

impl fmt::Debug for ModerationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModerationRequest")
            .field("model", &self.model)
            .field("inputs", &self.inputs.len())
            .finish_non_exhaustive()
    }
}

/// What a vendor thinks of one text.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moderation {
    /// Does it break the policy? `None` where the vendor only gives scores.
    pub flagged: Option<bool>,
    /// The categories, in the vendor's words: does the text fall under it?
    pub categories: BTreeMap<String, bool>,
    /// How sure the vendor is of each, from 0 to 1.
    pub scores: BTreeMap<String, f64>,
}

/// What a provider answered to a [`ModerationRequest`].
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModerationReply {
    /// One judgement for each text, in the order of the texts.
    pub results: Vec<Moderation>,
    /// What else it said.
    pub facts: ReplyFacts,
}

impl ModerationReply {
    /// Judgements without further facts.
    pub fn new(results: Vec<Moderation>) -> Self {
        Self { results, facts: ReplyFacts::default() }
    }

    /// Does any text break the policy?
    pub fn is_flagged(&self) -> bool {
        self.results.iter().any(|result| result.flagged == Some(true))
    }
}
