//! What each format has of its own.

use bytes::Bytes;
use serde_json::Value;

use super::answer::Answer;
use super::chat_completions::ChatCompletions;
use super::check::Denial;
use super::generate_content::GenerateContent;
use super::loose::{CohereChat, Converse, OllamaChat, VertexMessages};
use super::messages::Messages;
use super::question::Question;
use super::request::Received;
use super::responses::Responses;
use super::vendor::Rules;
use super::watsonx::Watsonx;

/// A vendor's side of a format.
pub(super) trait Format: Sync {
    /// The key, where the format has it.
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str>;

    fn wrong_key(&self) -> Denial;

    fn unknown_model(&self, model: &str) -> Denial;

    /// Reads a request as strictly as the vendor does.
    fn read(&self, request: &Received, rules: &Rules) -> Result<Question, Denial>;

    fn whole(&self, answer: &Answer) -> Value;

    fn events(&self, answer: &Answer) -> Vec<Event>;

    fn failure(&self, denial: &Denial) -> Value;

    /// An error in the middle of a stream.
    fn failure_event(&self, denial: &Denial) -> Event {
        Event::new(&self.failure(denial))
    }

    /// The type of a stream.
    fn media_type(&self) -> &'static str {
        "text/event-stream"
    }

    /// The header that names the request, for the vendor's support.
    fn id_header(&self) -> &'static str;
}

/// The format a request is written in, by its path.
pub(super) fn format_of(request: &Received) -> Option<&'static dyn Format> {
    if request.is_for("/chat/completions") || request.is_for("/embeddings") {
        Some(&ChatCompletions)
    } else if request.is_for("/text/chat") || request.is_for("/text/chat_stream") {
        Some(&Watsonx)
    } else if request.is_for("/messages") || request.path.contains("/messages/batches") {
        Some(&Messages)
    } else if request.is_for(":generateContent") || request.is_for(":streamGenerateContent") {
        Some(&GenerateContent)
    } else if request.is_for("/responses") {
        Some(&Responses)
    } else if request.is_for("/converse") || request.is_for("/converse-stream") {
        Some(&Converse)
    } else if request.is_for(":rawPredict") || request.is_for(":streamRawPredict") {
        Some(&VertexMessages)
    } else if request.is_for("/v2/chat") || request.is_for("/v1/chat") {
        Some(&CohereChat)
    } else if request.is_for("/api/chat") {
        Some(&OllamaChat)
    } else {
        None
    }
}

/// One server-sent event.
pub(super) struct Event {
    name: Option<&'static str>,
    pub(super) data: String,
    line_end: &'static str,
    /// The whole event, where it is no server-sent one.
    other: Option<Bytes>,
}

impl Event {
    pub(super) fn new(data: &Value) -> Self {
        Self { name: None, data: data.to_string(), line_end: "\n", other: None }
    }

    /// An event whose data is not JSON.
    pub(super) fn text(data: &str) -> Self {
        Self { name: None, data: data.to_owned(), line_end: "\n", other: None }
    }

    /// A frame of bytes.
    pub(super) fn binary(frame: Bytes) -> Self {
        Self { other: Some(frame), ..Self::text("") }
    }

    /// A line of JSON.
    pub(super) fn line(data: &Value) -> Self {
        Self::binary(format!("{data}\n").into())
    }

    pub(super) fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    pub(super) fn with_line_end(mut self, line_end: &'static str) -> Self {
        self.line_end = line_end;
        self
    }

    pub(super) fn frame(&self) -> Bytes {
        if let Some(frame) = &self.other {
            return frame.clone();
        }
        let end = self.line_end;
        let name = self.name.map(|name| format!("event: {name}{end}")).unwrap_or_default();
        format!("{name}data: {}{end}{end}", self.data).into()
    }
}

/// Cuts a text into what a model would send as deltas: words, each with the space after it.
pub(super) fn deltas(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// Cuts arguments anywhere between two characters, as models do.
pub(super) fn fragments(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(7).map(|piece| piece.iter().collect()).collect()
}
