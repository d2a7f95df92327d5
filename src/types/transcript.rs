//! Text made from speech.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{CallOptions, Extra, ReplyFacts};
use crate::error::{Error, ErrorKind, Result};

/// A recording to be written down.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct TranscriptRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// The recording.
    pub audio: Bytes,
    /// Its name with the usual ending, such as `meeting.mp3`: vendors tell the kind of file by it.
    pub file_name: String,
    /// For example `audio/mpeg`.
    pub media_type: String,
    /// The language spoken, as two letters, where it is known.
    pub language: Option<String>,
    /// Words that may occur, such as names.
    pub prompt: Option<String>,
    /// Fields without a name here.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl TranscriptRequest {
    /// `audio` for `model`, which is `provider/model` or a route's name. `file_name` ends as is usual for its kind.
    pub fn new(model: impl Into<String>, file_name: impl Into<String>, audio: impl Into<Bytes>) -> Self {
        let file_name = file_name.into();
        let media_type = media_type(&file_name).to_owned();
        Self { model: model.into(), audio: audio.into(), file_name, media_type, ..Self::default() }
    }

    /// Sets the language spoken, as two letters.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Sets words that may occur.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Checks everything that can be known without a target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there is no recording, or its name or kind holds a character that could end the
    /// field it travels in.
    pub fn validate(&self) -> Result<()> {
        let refuse = |message: &'static str| Err(Error::new(ErrorKind::InvalidRequest, message));
        if self.audio.is_empty() {
            return refuse("there is no recording");
        }
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        };
        if !is_plain(&self.file_name) {
            return refuse(
                "file_name is not a plain name such as meeting.mp3, without quotes, spaces or line breaks",
            );
        }
        if !is_plain(&self.media_type) || !self.media_type.contains('/') {
            return refuse("media_type is not a media type such as audio/mpeg");
        }
        Ok(())
    }
}

/// By the ending, as such files are usually named (from general knowledge).
fn media_type(file_name: &str) -> &'static str {
    match file_name.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
        Some("mp3" | "mpeg" | "mpga") => "audio/mpeg",
        Some("wav") => "audio/wav",
        Some("m4a" | "mp4") => "audio/mp4",
        Some("ogg" | "oga" | "opus") => "audio/ogg",
        Some("flac") => "audio/flac",
        Some("webm") => "audio/webm",
        _ => "application/octet-stream",
    }
}

impl fmt::Debug for TranscriptRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptRequest")
            .field("model", &self.model)
            .field("media_type", &self.media_type)
            .field("audio_bytes", &self.audio.len())
            .finish_non_exhaustive()
    }
}

/// What a provider answered to a [`TranscriptRequest`].
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct TranscriptReply {
    /// What was said.
    pub text: String,
    /// The language, where the vendor says so.
    pub language: Option<String>,
    /// How long the recording is, where the vendor says so.
    pub duration: Option<Duration>,
    /// Fields without a name here, such as `segments` and `words`.
    pub extra: Extra,
    /// What else it said.
    pub facts: ReplyFacts,
}

impl TranscriptReply {
    /// Text without further facts.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl fmt::Debug for TranscriptReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranscriptReply")
            .field("text_bytes", &self.text.len())
            .field("language", &self.language)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}
