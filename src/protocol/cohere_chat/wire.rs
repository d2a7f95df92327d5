//! The request as it is written, mirrored.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::protocol::Mode;
use crate::protocol::function::ToolSpec;
use crate::protocol::object::{Extras, Object, Pairs};
use crate::types::{Json, ToolCall};

/// The body.
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Turn<'a>>,
    pub(super) tools: Vec<ToolSpec<'a>>,
    pub(super) tool_choice: Option<&'static str>,
    pub(super) strict_tools: Option<bool>,
    pub(super) response_format: Option<Format<'a>>,
    pub(super) thinking: Option<Thinking>,
    pub(super) max_tokens: Option<u64>,
    pub(super) stop_sequences: &'a [String],
    pub(super) temperature: Option<f64>,
    pub(super) p: Option<f64>,
    pub(super) k: Option<u64>,
    pub(super) seed: Option<u64>,
    pub(super) frequency_penalty: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) logprobs: Option<bool>,
    pub(super) mode: Mode,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("model", self.model)?;
        object.put("messages", &self.messages)?;
        if !self.tools.is_empty() {
            object.put("tools", &self.tools)?;
        }
        object.put_some("tool_choice", self.tool_choice)?;
        object.put_some("strict_tools", self.strict_tools.as_ref())?;
        object.put_some("response_format", self.response_format.as_ref())?;
        object.put_some("thinking", self.thinking.as_ref())?;
        object.put_some("max_tokens", self.max_tokens.as_ref())?;
        if !self.stop_sequences.is_empty() {
            object.put("stop_sequences", self.stop_sequences)?;
        }
        object.put_some("temperature", self.temperature.as_ref())?;
        object.put_some("p", self.p.as_ref())?;
        object.put_some("k", self.k.as_ref())?;
        object.put_some("seed", self.seed.as_ref())?;
        object.put_some("frequency_penalty", self.frequency_penalty.as_ref())?;
        object.put_some("presence_penalty", self.presence_penalty.as_ref())?;
        object.put_some("logprobs", self.logprobs.as_ref())?;
        // The field is required: https://docs.cohere.com/reference/chat (read 2026-11-23).
        object.put("stream", &(self.mode == Mode::Stream))?;
        object.end()
    }
}

/// One message.
pub(super) struct Turn<'a> {
    pub(super) speaker: Speaker<'a>,
    pub(super) content: Vec<Block<'a>>,
    pub(super) extra: Extras<'a>,
}

/// The four roles and what only one of them has.
pub(super) enum Speaker<'a> {
    Assistant { plan: String, calls: Vec<&'a ToolCall> },
    System,
    Tool { call_id: &'a str },
    User,
}

impl Serialize for Turn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        match &self.speaker {
            Speaker::Assistant { plan, calls } => {
                object.put("role", "assistant")?;
                if !plan.is_empty() {
                    object.put("tool_plan", plan)?;
                }
                if !calls.is_empty() {
                    object.put("tool_calls", &Calls(calls))?;
                }
                if self.content.is_empty() {
                    return object.end();
                }
            }
            Speaker::System => object.put("role", "system")?,
            Speaker::Tool { call_id } => {
                object.put("role", "tool")?;
                object.put("tool_call_id", call_id)?;
            }
            Speaker::User => object.put("role", "user")?,
        }
        match self.content.as_slice() {
            [] => object.put("content", "")?,
            [Block { content: Content::Text(text), extra }] if extra.is_empty() => {
                object.put("content", text)?;
            }
            blocks => object.put("content", blocks)?,
        }
        object.end()
    }
}

struct Calls<'a>(&'a [&'a ToolCall]);

impl Serialize for Calls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|call| Call(call)))
    }
}

struct Call<'a>(&'a ToolCall);

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let arguments = if self.0.arguments.trim().is_empty() { "{}" } else { &self.0.arguments };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("type", "function")?;
        map.serialize_entry("function", &Pairs([("name", &self.0.name), ("arguments", arguments)]))?;
        map.end()
    }
}

/// One block of content.
pub(super) struct Block<'a> {
    pub(super) content: Content<'a>,
    pub(super) extra: Extras<'a>,
}

/// What a block holds.
pub(super) enum Content<'a> {
    Image {
        url: Cow<'a, str>,
        detail: Option<&'a str>,
    },
    Text(&'a str),
    Thinking(&'a str),
    /// As it was received.
    Verbatim(&'a Json),
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Content::Verbatim(json) = &self.content {
            return json.serialize(serializer);
        }
        let mut object = Object::begin(serializer, &self.extra)?;
        match &self.content {
            Content::Image { url, detail } => {
                object.put("type", "image_url")?;
                match detail {
                    Some(detail) => object.put("image_url", &Pairs([("url", url), ("detail", detail)]))?,
                    None => object.put("image_url", &Pairs([("url", url)]))?,
                }
            }
            Content::Text(text) => {
                object.put("type", "text")?;
                object.put("text", text)?;
            }
            Content::Thinking(text) => {
                object.put("type", "thinking")?;
                object.put("thinking", text)?;
            }
            Content::Verbatim(_) => {}
        }
        object.end()
    }
}

/// JSON, to a schema or to any.
pub(super) struct Format<'a>(pub(super) Option<&'a Json>);

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "json_object")?;
        if let Some(schema) = self.0 {
            map.serialize_entry("json_schema", schema)?;
        }
        map.end()
    }
}

/// Whether to think.
#[derive(Clone, Copy)]
pub(super) enum Thinking {
    Disabled,
    Enabled { token_budget: Option<u64> },
}

impl Serialize for Thinking {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Disabled => map.serialize_entry("type", "disabled")?,
            Self::Enabled { token_budget } => {
                map.serialize_entry("type", "enabled")?;
                if let Some(budget) = token_budget {
                    map.serialize_entry("token_budget", budget)?;
                }
            }
        }
        map.end()
    }
}
