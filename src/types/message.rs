//! Messages as ordered blocks.

use std::fmt;

use base64::Engine as _;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{CacheTtl, Extra, Json, Wire};
use crate::error::{Error, ErrorKind, Result};

/// Who speaks.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions from the application.
    System,
    /// OpenAI's newer name for [`System`](Self::System); other wires treat the two alike.
    Developer,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls.
    Tool,
    /// A role this crate has no name for.
    Other(String),
}

/// One turn of a conversation: a role and its content, in order.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The content, in order.
    pub parts: Vec<Part>,
    /// A participant's name, where the vendor has the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The vendor may cache the prompt up to the end of this message; see [`CacheOptions`](super::CacheOptions).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheTtl>,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Message {
    /// A message of `role` with `parts`.
    pub fn new(role: Role, parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        Self {
            role,
            parts: parts.into_iter().map(Into::into).collect(),
            name: None,
            cache: None,
            extra: Extra::new(),
        }
    }

    /// Lets the vendor cache the prompt up to the end of this message.
    #[must_use]
    pub fn cached(mut self, ttl: CacheTtl) -> Self {
        self.cache = Some(ttl);
        self
    }

    /// Instructions.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, [Part::text(text)])
    }

    /// A question in plain text.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, [Part::text(text)])
    }

    /// An earlier answer in plain text.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, [Part::text(text)])
    }

    /// Results of tool calls. Put all results of one turn in one message.
    pub fn tool_results(results: impl IntoIterator<Item = ToolResult>) -> Self {
        Self::new(Role::Tool, results)
    }

    /// All text, joined with nothing in between.
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

/// One block of content.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text(Text),
    /// A picture.
    Image(Image),
    /// A file, such as a PDF.
    Document(Document),
    /// Sound.
    Audio(Audio),
    /// Film.
    Video(Video),
    /// The model asks for a function to be run.
    ToolCall(ToolCall),
    /// What the function returned.
    ToolResult(ToolResult),
    /// The model's reasoning.
    Reasoning(Reasoning),
    /// The model declined, in a field of its own.
    Refusal(Refusal),
    /// A block this crate has no name for; replayed verbatim to the wire it came from, dropped elsewhere.
    Opaque(Opaque),
}

impl Part {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(Text { text: text.into(), extra: Extra::new() })
    }

    /// A picture at an address the provider can fetch.
    pub fn image_url(url: impl Into<String>) -> Self {
        Self::Image(Image::new(MediaSource::Url(url.into())))
    }

    /// A picture in memory; `media_type` is for example `image/png`.
    pub fn image_bytes(media_type: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self::Image(Image::new(MediaSource::bytes(media_type, data)))
    }

    /// A file in memory; `media_type` is for example `application/pdf`.
    pub fn document_bytes(media_type: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self::Document(Document::new(MediaSource::bytes(media_type, data)))
    }

    /// About how many bytes this is on the wire.
    pub(crate) fn size_hint(&self) -> usize {
        let media = |source: &MediaSource| match source {
            MediaSource::Url(text) | MediaSource::FileId(text) | MediaSource::Base64 { data: text, .. } => {
                text.len()
            }
        };
        48 + match self {
            Self::Text(text) => text.text.len(),
            Self::Image(image) => media(&image.source),
            Self::Document(document) => media(&document.source),
            Self::Audio(audio) => media(&audio.source),
            Self::Video(video) => media(&video.source),
            Self::ToolCall(call) => call.arguments.len(),
            Self::ToolResult(result) => result.content.iter().map(Self::size_hint).sum(),
            Self::Reasoning(reasoning) => {
                reasoning.text.len() + reasoning.state.as_ref().map_or(0, |state| state.json.as_str().len())
            }
            Self::Refusal(refusal) => refusal.text.len(),
            Self::Opaque(opaque) => opaque.json.as_str().len(),
        }
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.text),
            _ => None,
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// Implements `From<Block> for Part` for each block type.
macro_rules! block_into_part {
    ($($block:ident),*) => {$(
        impl From<$block> for Part {
            fn from(block: $block) -> Self {
                Self::$block(block)
            }
        }
    )*};
}
block_into_part!(Text, Image, Document, Audio, Video, ToolCall, ToolResult, Reasoning, Refusal, Opaque);

/// Text.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Fields without a name here, such as citations or a signature.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Text {
    /// Text without extra fields.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), extra: Extra::new() }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.text.len())
    }
}

/// Where a picture, file, sound or film is.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// At an address that the provider fetches itself.
    Url(String),
    /// Here, as base64 in the standard alphabet.
    Base64 {
        /// For example `image/png`.
        media_type: String,
        /// Standard base64 with padding.
        data: String,
    },
    /// Uploaded to the provider earlier; only that provider knows the id.
    FileId(String),
}

impl MediaSource {
    /// Encodes `data`.
    pub fn bytes(media_type: impl Into<String>, data: impl Into<Bytes>) -> Self {
        let data = base64::engine::general_purpose::STANDARD.encode(data.into());
        Self::Base64 { media_type: media_type.into(), data }
    }
}

impl fmt::Debug for MediaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(_) => f.write_str("Url"),
            Self::Base64 { media_type, data } => write!(f, "Base64({media_type}, {} characters)", data.len()),
            Self::FileId(_) => f.write_str("FileId"),
        }
    }
}

/// A picture.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Where it is.
    pub source: MediaSource,
    /// How closely to look: `low`, `high` or `auto`, where the vendor has the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Image {
    /// A picture from `source`.
    pub fn new(source: MediaSource) -> Self {
        Self { source, detail: None, extra: Extra::new() }
    }
}

/// A file, such as a PDF.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Where it is.
    pub source: MediaSource,
    /// A file name or title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Document {
    /// A file from `source`.
    pub fn new(source: MediaSource) -> Self {
        Self { source, name: None, extra: Extra::new() }
    }
}

/// Sound.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// Where it is.
    pub source: MediaSource,
    /// What is said in it, where the vendor reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Audio {
    /// Sound from `source`.
    pub fn new(source: MediaSource) -> Self {
        Self { source, transcript: None, extra: Extra::new() }
    }
}

/// Film, for the few models that watch it. Others refuse it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// Where it is.
    pub source: MediaSource,
    /// Fields without a name here, such as how many pictures a second to look at.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Video {
    /// Film from `source`.
    pub fn new(source: MediaSource) -> Self {
        Self { source, extra: Extra::new() }
    }
}

/// The model asks for a function to be run.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ties the result to the call. Made up here where the vendor sends none.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments as the model wrote them: usually a JSON object, but a model may get it wrong.
    pub arguments: String,
    /// Fields without a name here, such as a signature.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl ToolCall {
    /// A call of `name` with JSON `arguments`.
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.into(), extra: Extra::new() }
    }

    /// Reads the arguments as a `T`. Empty arguments are `{}`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when the model's arguments are not JSON or do not fit; the error does not repeat
    /// them. Return the failure to the model as a tool result and it usually mends them.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        let text = if self.arguments.trim().is_empty() { "{}" } else { &self.arguments };
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                ErrorKind::InvalidResponse,
                format!("the tool arguments do not fit, line {} column {}", error.line(), error.column()),
            )
        })
    }
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolCall({}, {}, {} bytes)", self.id, self.name, self.arguments.len())
    }
}

/// Did the function do its job?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It did.
    #[default]
    Success,
    /// It did not; the content says why.
    Failure,
}

/// What a function returned.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the [`ToolCall`].
    pub call_id: String,
    /// The function's name; filled in from the call where a vendor needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The result: text, or pictures and files where the vendor takes them.
    pub content: Vec<Part>,
    /// Did the function do its job?
    #[serde(default)]
    pub outcome: ToolOutcome,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl ToolResult {
    /// The function succeeded and returned `text`.
    pub fn new(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            call_id: call_id.into(),
            name: None,
            content: vec![Part::text(text)],
            outcome: ToolOutcome::Success,
            extra: Extra::new(),
        }
    }

    /// The function failed; `text` tells the model why.
    pub fn failure(call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { outcome: ToolOutcome::Failure, ..Self::new(call_id, text) }
    }

    /// All text of the content, joined with nothing in between.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(Part::as_text).collect()
    }
}

/// The model's reasoning: text a person may read, and state only the vendor can.
///
/// State is replayed verbatim to the wire it came from and dropped on any other, which is what makes a failover in the
/// middle of a conversation legal.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// Readable text; empty when the vendor shows none.
    pub text: String,
    /// Signature, encrypted or redacted reasoning, as the vendor sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Opaque>,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Reasoning {
    /// Readable reasoning without state.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), state: None, extra: Extra::new() }
    }
}

impl fmt::Debug for Reasoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reasoning({} bytes", self.text.len())?;
        if let Some(state) = &self.state {
            write!(f, ", {state:?}")?;
        }
        f.write_str(")")
    }
}

/// The model declined, in a field of its own.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the model said.
    pub text: String,
}

impl Refusal {
    /// A refusal in the model's words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({} bytes)", self.text.len())
    }
}

/// JSON that belongs to one wire format and means nothing elsewhere.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Opaque {
    /// Where it came from and may go back to.
    pub wire: Wire,
    /// As it was received.
    pub json: Json,
}

impl Opaque {
    /// `json` of `wire`.
    pub fn new(wire: Wire, json: impl Into<Json>) -> Self {
        Self { wire, json: json.into() }
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({}, {} bytes)", self.wire, self.json.as_str().len())
    }
}
