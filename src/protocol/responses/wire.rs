//! The request as it is written, mirrored.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::input::Ids;
use super::tool::{Choice, Tools};
use crate::protocol::Mode;
use crate::protocol::fields::Fields;
use crate::protocol::object::{Extras, Object};
use crate::types::{ChatRequest, Json, MediaSource, ResponseFormat, ToolCall};

/// The body.
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) input: Vec<Item<'a>>,
    pub(super) request: &'a ChatRequest,
    pub(super) tools: Tools<'a>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) text: Merged<'a, Format<'a>>,
    pub(super) reasoning: Merged<'a, &'static str>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) user: (&'static str, Option<&'a str>),
    pub(super) include: Include<'a>,
    pub(super) store: Option<bool>,
    pub(super) mode: Mode,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.request;
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("model", self.model)?;
        object.put("input", &self.input)?;
        if !request.tools.is_empty() {
            object.put("tools", &self.tools)?;
        }
        object.put_some("tool_choice", request.meant_tool_choice().map(Choice).as_ref())?;
        object.put_some("parallel_tool_calls", self.parallel_tool_calls.as_ref())?;
        object.put_some("text", Some(&self.text).filter(|text| !text.is_empty()))?;
        object.put_some("reasoning", Some(&self.reasoning).filter(|reasoning| !reasoning.is_empty()))?;
        object.put_some("max_output_tokens", request.max_output_tokens.as_ref())?;
        object.put_some("temperature", self.temperature.as_ref())?;
        object.put_some("top_p", self.top_p.as_ref())?;
        let top_logprobs = request.logprobs.map(|logprobs| logprobs.top).filter(|top| *top > 0);
        object.put_some("top_logprobs", top_logprobs.as_ref())?;
        object.put_some(self.user.0, self.user.1)?;
        if !request.metadata.is_empty() {
            object.put("metadata", &request.metadata)?;
        }
        object.put_some("service_tier", request.service_tier.as_ref())?;
        object.put_some("include", Some(&self.include).filter(|include| !include.is_empty()))?;
        object.put_some("store", self.store.as_ref())?;
        if self.mode == Mode::Stream {
            object.put("stream", &true)?;
        }
        object.end()
    }
}

/// One item of the conversation.
pub(super) enum Item<'a> {
    Message(Said<'a>),
    Call(&'a ToolCall, Extras<'a>),
    Output(Output<'a>),
    /// An item as it was received.
    Verbatim(&'a Json),
    /// An item as it was received, but for its id.
    WithoutId(Fields<'a>),
}

/// A message.
pub(super) struct Said<'a> {
    pub(super) role: &'a str,
    pub(super) blocks: Vec<Block<'a>>,
    /// Id, phase and the like, as they were received.
    pub(super) about: Option<&'a Json>,
    pub(super) ids: Ids,
    pub(super) extra: Extras<'a>,
}

impl<'a> Said<'a> {
    pub(super) fn new(role: &'a str) -> Self {
        Self { role, blocks: Vec::new(), about: None, ids: Ids::Kept, extra: Extras::default() }
    }
}

/// What a function returned.
pub(super) struct Output<'a> {
    pub(super) call_id: &'a str,
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Message(said) => said.serialize(serializer),
            Self::Call(call, extra) => {
                let mut object = Object::begin(serializer, extra)?;
                object.put("type", "function_call")?;
                object.put("call_id", &call.id)?;
                object.put("name", &call.name)?;
                let written = call.arguments.trim();
                object.put("arguments", if written.is_empty() { "{}" } else { &call.arguments })?;
                object.end()
            }
            Self::Output(output) => {
                let mut object = Object::begin(serializer, &output.extra)?;
                object.put("type", "function_call_output")?;
                object.put("call_id", output.call_id)?;
                object.put("output", &Blocks(&output.blocks))?;
                object.end()
            }
            Self::Verbatim(json) => json.serialize(serializer),
            Self::WithoutId(fields) => {
                serializer.collect_map(fields.iter().filter(|(name, _)| *name != "id"))
            }
        }
    }
}

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let about: Option<Fields<'_>> =
            self.about.and_then(|about| serde_json::from_str(about.as_str()).ok());
        let mut has_id = false;
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("type", "message")?;
        object.put("role", self.role)?;
        for (name, value) in about.iter().flat_map(Fields::iter) {
            if name == "id" {
                if self.ids == Ids::LeftOut {
                    continue;
                }
                has_id = true;
            }
            object.put(name, value)?;
        }
        if has_id {
            // An item that has an id is an earlier answer, which must be complete in form too.
            object.put("status", "completed")?;
            object.put("content", &self.blocks)?;
        } else {
            object.put("content", &Blocks(&self.blocks))?;
        }
        object.end()
    }
}

/// Content: text if that says everything, otherwise blocks.
struct Blocks<'a>(&'a [Block<'a>]);

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [] => serializer.serialize_str(""),
            [Block { content: Content::InputText(text) | Content::OutputText(text), extra }]
                if extra.is_empty() =>
            {
                serializer.serialize_str(text)
            }
            blocks => blocks.serialize(serializer),
        }
    }
}

/// One block of content.
pub(super) struct Block<'a> {
    pub(super) content: Content<'a>,
    pub(super) extra: Extras<'a>,
}

/// What a block holds.
pub(super) enum Content<'a> {
    InputText(&'a str),
    OutputText(&'a str),
    Refusal(&'a str),
    Image {
        source: &'a MediaSource,
        detail: Option<&'a str>,
    },
    File {
        source: &'a MediaSource,
        name: Option<&'a str>,
    },
    /// A block as it was given.
    Verbatim(&'a Json),
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Content::Verbatim(json) = &self.content {
            return json.serialize(serializer);
        }
        let mut object = Object::begin(serializer, &self.extra)?;
        match &self.content {
            Content::InputText(text) => {
                object.put("type", "input_text")?;
                object.put("text", text)?;
            }
            Content::OutputText(text) => {
                object.put("type", "output_text")?;
                object.put("text", text)?;
                object.put("annotations", NO_ANNOTATIONS)?;
            }
            Content::Refusal(text) => {
                object.put("type", "refusal")?;
                object.put("refusal", text)?;
            }
            Content::Image { source, detail } => {
                object.put("type", "input_image")?;
                match source {
                    MediaSource::FileId(id) => object.put("file_id", id)?,
                    MediaSource::Url(_) | MediaSource::Base64 { .. } => {
                        object.put("image_url", &Address(source))?;
                    }
                }
                object.put_some("detail", *detail)?;
            }
            Content::File { source, name } => {
                object.put("type", "input_file")?;
                match source {
                    MediaSource::FileId(id) => object.put("file_id", id)?,
                    MediaSource::Url(url) => object.put("file_url", url)?,
                    MediaSource::Base64 { media_type, .. } => {
                        // Data needs a name beside it.
                        let name = name.unwrap_or_else(|| default_name(media_type));
                        object.put("filename", name)?;
                        object.put("file_data", &Address(source))?;
                    }
                }
            }
            Content::Verbatim(_) => {}
        }
        object.end()
    }
}

const NO_ANNOTATIONS: &[u8] = &[];

fn default_name(media_type: &str) -> &'static str {
    if media_type.starts_with("text/") { "document.txt" } else { "document.pdf" }
}

/// An address, or a `data:` URL.
struct Address<'a>(&'a MediaSource);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MediaSource::Url(text) | MediaSource::FileId(text) => f.write_str(text),
            MediaSource::Base64 { media_type, data } => write!(f, "data:{media_type};base64,{data}"),
        }
    }
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An object with one field of ours, and the caller's own, which win.
pub(super) struct Merged<'a, T> {
    pub(super) name: &'static str,
    pub(super) own: Option<T>,
    pub(super) extra: Option<&'a Json>,
}

impl<T> Merged<'_, T> {
    fn is_empty(&self) -> bool {
        self.own.is_none() && self.extra.is_none()
    }
}

impl<T: Serialize> Serialize for Merged<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given: Option<Fields<'_>> =
            self.extra.and_then(|extra| serde_json::from_str(extra.as_str()).ok());
        let mut map = serializer.serialize_map(None)?;
        let is_free = given.as_ref().is_none_or(|given| given.get(self.name).is_none());
        if let Some(own) = self.own.as_ref().filter(|_| is_free) {
            map.serialize_entry(self.name, own)?;
        }
        for (name, value) in given.iter().flat_map(Fields::iter) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The shape of the answer.
pub(super) struct Format<'a>(pub(super) &'a ResponseFormat);

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            ResponseFormat::Text => map.serialize_entry("type", "text")?,
            ResponseFormat::JsonObject => map.serialize_entry("type", "json_object")?,
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                map.serialize_entry("type", "json_schema")?;
                map.serialize_entry("name", name)?;
                if let Some(description) = description {
                    map.serialize_entry("description", description)?;
                }
                map.serialize_entry("schema", schema)?;
                if let Some(strict) = strict {
                    map.serialize_entry("strict", strict)?;
                }
            }
        }
        map.end()
    }
}

/// What else the answer shall hold: the caller's list and ours.
pub(super) struct Include<'a> {
    pub(super) own: Vec<&'static str>,
    pub(super) extra: Option<&'a Json>,
}

impl Include<'_> {
    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.extra.is_none()
    }
}

impl Serialize for Include<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given: Vec<String> =
            self.extra.and_then(|extra| serde_json::from_str(extra.as_str()).ok()).unwrap_or_default();
        let own = self.own.iter().copied().filter(|own| !given.iter().any(|given| given == own));
        serializer.collect_seq(given.iter().map(String::as_str).chain(own))
    }
}
