//! Speech made from text.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{CallOptions, Extra, ReplyFacts};
use crate::error::{Error, ErrorKind, Result};

/// A text to be spoken.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct SpeechRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// What to say.
    pub text: String,
    /// The voice, as the vendor names it.
    pub voice: String,
    /// How to say it, where the vendor takes such a thing.
    pub instructions: Option<String>,
    /// The kind of file in the vendor's words: `mp3`, `wav`, `opus`.
    pub format: Option<String>,
    /// Fields without a name here.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl SpeechRequest {
    /// `text` in `voice` for `model`, which is `provider/model` or a route's name.
    pub fn new(model: impl Into<String>, voice: impl Into<String>, text: impl Into<String>) -> Self {
        Self { model: model.into(), voice: voice.into(), text: text.into(), ..Self::default() }
    }

    /// Sets how to say it.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Sets the kind of file, in the vendor's words.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Checks everything that can be known without a target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there is no text or no voice.
    pub fn validate(&self) -> Result<()> {
        if self.text.trim().is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, "there is nothing to say"));
        }
        if self.voice.is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, "there is no voice; name one of the vendor's"));
        }
        Ok(())
    }
}

impl fmt::Debug for SpeechRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpeechRequest")
            .field("model", &self.model)
            .field("voice", &self.voice)
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What a provider answered to a [`SpeechRequest`].
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct SpeechReply {
    /// The sound.
    pub audio: Bytes,
    /// For example `audio/mpeg`, where the vendor says so.
    pub media_type: Option<String>,
    /// What else it said.
    pub facts: ReplyFacts,
}

impl SpeechReply {
    /// Sound without further facts.
    pub fn new(audio: impl Into<Bytes>) -> Self {
        Self { audio: audio.into(), ..Self::default() }
    }
}

impl fmt::Debug for SpeechReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpeechReply({:?}, {} bytes, {:?})", self.media_type, self.audio.len(), self.facts)
    }
}
