//! The request as it is written, mirrored.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::tool::{Choice, ToolSpec};
use crate::protocol::Mode;
use crate::protocol::fields::Fields;
use crate::protocol::object::{Extras, Object, Pairs};
use crate::protocol::speaker::Speaker;
use crate::types::{Json, ToolOutcome};

/// Who serves the models, where that changes the body.
#[derive(Clone, Copy)]
pub(super) enum Host {
    Anthropic,
    Vertex,
}

/// The body.
pub(super) struct Body<'a> {
    pub(super) host: Host,
    pub(super) model: &'a str,
    pub(super) max_tokens: u64,
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Turn<'a>>,
    pub(super) tools: Vec<ToolSpec<'a>>,
    pub(super) tool_choice: Option<Choice<'a>>,
    pub(super) thinking: Option<Thinking>,
    pub(super) output_config: OutputConfig<'a>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
    pub(super) stop_sequences: &'a [String],
    pub(super) user_id: Option<&'a str>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) mode: Mode,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        match self.host {
            Host::Anthropic => object.put("model", self.model)?,
            Host::Vertex => object.put("anthropic_version", "vertex-2023-10-16")?,
        }
        object.put("max_tokens", &self.max_tokens)?;
        match self.system.as_slice() {
            [] => {}
            [Block { content: Content::Text(text), extra }] if extra.is_empty() => {
                object.put("system", text)?
            }
            blocks => object.put("system", blocks)?,
        }
        object.put("messages", &self.messages)?;
        if !self.tools.is_empty() {
            object.put("tools", &self.tools)?;
        }
        object.put_some("tool_choice", self.tool_choice.as_ref())?;
        object.put_some("thinking", self.thinking.as_ref())?;
        if !self.output_config.is_empty() {
            object.put("output_config", &self.output_config)?;
        }
        object.put_some("temperature", self.temperature.as_ref())?;
        object.put_some("top_p", self.top_p.as_ref())?;
        object.put_some("top_k", self.top_k.as_ref())?;
        if !self.stop_sequences.is_empty() {
            object.put("stop_sequences", self.stop_sequences)?;
        }
        object.put_some("metadata", self.user_id.map(|id| Pairs([("user_id", id)])).as_ref())?;
        object.put_some("service_tier", self.service_tier)?;
        if self.mode == Mode::Stream {
            object.put("stream", &true)?;
        }
        object.end()
    }
}

/// One message.
pub(super) struct Turn<'a> {
    pub(super) role: Speaker,
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) extra: Extras<'a>,
}

impl Turn<'_> {
    /// Does it hold tool results?
    pub(super) fn answers_calls(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block.content, Content::ToolResult { .. }))
    }
}

impl Serialize for Turn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("role", &self.role)?;
        object.put("content", &self.blocks)?;
        object.end()
    }
}

/// One block of content.
pub(super) struct Block<'a> {
    pub(super) content: Content<'a>,
    pub(super) extra: Extras<'a>,
}

/// What a block holds.
pub(super) enum Content<'a> {
    Text(&'a str),
    Image(Source<'a>),
    Document {
        source: Source<'a>,
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: &'a RawValue,
    },
    ToolResult {
        id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        outcome: ToolOutcome,
    },
    /// A reasoning block as it was received.
    Thinking(&'a Json),
    /// Any other block as it was received.
    Verbatim(&'a Json),
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match &self.content {
            Content::Text(_) => "text",
            Content::Image(_) => "image",
            Content::Document { .. } => "document",
            Content::ToolUse { .. } => "tool_use",
            Content::ToolResult { .. } => "tool_result",
            Content::Thinking(json) | Content::Verbatim(json) => return json.serialize(serializer),
        };
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("type", kind)?;
        match &self.content {
            Content::Text(text) => object.put("text", text)?,
            Content::Image(source) => object.put("source", source)?,
            Content::Document { source, title } => {
                object.put("source", source)?;
                object.put_some("title", *title)?;
            }
            Content::ToolUse { id, name, input } => {
                object.put("id", id)?;
                object.put("name", name)?;
                object.put("input", input)?;
            }
            Content::ToolResult { id, content, outcome } => {
                object.put("tool_use_id", id)?;
                if !content.is_empty() {
                    object.put("content", content)?;
                }
                if *outcome == ToolOutcome::Failure {
                    object.put("is_error", &true)?;
                }
            }
            Content::Thinking(_) | Content::Verbatim(_) => {}
        }
        object.end()
    }
}

/// Where a picture or file is.
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    File(&'a str),
    PlainText(String),
    Url(&'a str),
}

impl Serialize for Source<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Base64 { media_type, data } => {
                Pairs([("type", "base64"), ("media_type", media_type), ("data", data)]).serialize(serializer)
            }
            Self::File(id) => Pairs([("type", "file"), ("file_id", id)]).serialize(serializer),
            Self::PlainText(text) => {
                Pairs([("type", "text"), ("media_type", "text/plain"), ("data", text)]).serialize(serializer)
            }
            Self::Url(url) => Pairs([("type", "url"), ("url", url)]).serialize(serializer),
        }
    }
}

/// Whether to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Thinking {
    Adaptive,
    Disabled,
    Enabled { budget_tokens: u64 },
}

impl Serialize for Thinking {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            // Models since Opus 4.7 leave the text of their thinking out unless they are asked for it:
            // https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking (read 2026-11-23).
            Self::Adaptive => {
                map.serialize_entry("type", "adaptive")?;
                map.serialize_entry("display", "summarized")?;
            }
            Self::Disabled => map.serialize_entry("type", "disabled")?,
            Self::Enabled { budget_tokens } => {
                map.serialize_entry("type", "enabled")?;
                map.serialize_entry("budget_tokens", budget_tokens)?;
            }
        }
        map.end()
    }
}

/// How hard to try and what to write.
pub(super) struct OutputConfig<'a> {
    pub(super) effort: Option<&'static str>,
    pub(super) schema: Option<&'a Json>,
    /// The caller's own fields; they win.
    pub(super) extra: Option<&'a Json>,
}

impl OutputConfig<'_> {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.schema.is_none() && self.extra.is_none()
    }
}

impl Serialize for OutputConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own: Option<Fields<'_>> = self.extra.and_then(|extra| serde_json::from_str(extra.as_str()).ok());
        let free = |name: &str| own.as_ref().is_none_or(|own| own.get(name).is_none());
        let mut map = serializer.serialize_map(None)?;
        if let Some(effort) = self.effort.filter(|_| free("effort")) {
            map.serialize_entry("effort", effort)?;
        }
        if let Some(schema) = self.schema.filter(|_| free("format")) {
            map.serialize_entry("format", &Format(schema))?;
        }
        for (name, value) in own.iter().flat_map(Fields::iter) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

struct Format<'a>(&'a Json);

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "json_schema")?;
        map.serialize_entry("schema", self.0)?;
        map.end()
    }
}
