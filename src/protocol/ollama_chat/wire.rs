//! The request as it is written, mirrored.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::protocol::Mode;
use crate::protocol::function::ToolSpec;
use crate::protocol::object::{Extras, Group, Object};
use crate::types::{Json, Logprobs};

/// The body.
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Turn<'a>>,
    pub(super) tools: Vec<ToolSpec<'a>>,
    pub(super) format: Option<Format<'a>>,
    pub(super) think: Option<Think>,
    pub(super) options: Options<'a>,
    pub(super) logprobs: Option<Logprobs>,
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
        object.put_some("format", self.format.as_ref())?;
        object.put_some("think", self.think.as_ref())?;
        let options = self.options.group();
        if !options.is_empty() {
            object.put("options", &options)?;
        }
        // <https://docs.ollama.com/api/chat> (seen in the vendor's own client).
        if let Some(Logprobs { top }) = self.logprobs {
            object.put("logprobs", &true)?;
            object.put_some("top_logprobs", Some(&top).filter(|top| **top > 0))?;
        }
        // Without the field the answer is streamed.
        object.put("stream", &(self.mode == Mode::Stream))?;
        object.end()
    }
}

/// One message.
pub(super) struct Turn<'a> {
    pub(super) role: &'static str,
    pub(super) content: String,
    pub(super) thinking: String,
    pub(super) images: Vec<&'a str>,
    pub(super) calls: Vec<Call<'a>>,
    /// The name and the call's id of a result.
    pub(super) result_of: Option<(&'a str, &'a str)>,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Turn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("role", self.role)?;
        object.put("content", &self.content)?;
        if !self.thinking.is_empty() {
            object.put("thinking", &self.thinking)?;
        }
        if !self.images.is_empty() {
            object.put("images", &self.images)?;
        }
        if !self.calls.is_empty() {
            object.put("tool_calls", &self.calls)?;
        }
        if let Some((name, id)) = self.result_of {
            object.put("tool_name", name)?;
            object.put("tool_call_id", id)?;
        }
        object.end()
    }
}

/// A call the model made earlier.
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    /// An object.
    pub(super) arguments: &'a RawValue,
}

impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Function<'a>(&'a str, &'a RawValue);
        impl Serialize for Function<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("name", self.0)?;
                map.serialize_entry("arguments", self.1)?;
                map.end()
            }
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("id", self.id)?;
        map.serialize_entry("function", &Function(self.name, self.arguments))?;
        map.end()
    }
}

/// JSON of any kind, or to a schema.
pub(super) enum Format<'a> {
    Json,
    Schema(&'a Json),
}

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json => serializer.serialize_str("json"),
            Self::Schema(schema) => schema.serialize(serializer),
        }
    }
}

/// Whether and how much to think.
#[derive(Clone, Copy)]
pub(super) enum Think {
    Switch(bool),
    Level(&'static str),
}

impl Serialize for Think {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Switch(on) => serializer.serialize_bool(*on),
            Self::Level(level) => serializer.serialize_str(level),
        }
    }
}

/// Sampling and the runtime's own settings: <https://docs.ollama.com/modelfile> (read 2026-11-25).
pub(super) struct Options<'a> {
    pub(super) num_predict: Option<u64>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
    pub(super) seed: Option<i64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) frequency_penalty: Option<f64>,
    pub(super) stop: &'a [String],
    /// The caller's, which win.
    pub(super) own: Option<&'a Json>,
}

impl Options<'_> {
    fn group(&self) -> Group<'_, Setting<'_>> {
        let count = |value: Option<u64>| value.map(Setting::Count);
        let number = |value: Option<f64>| value.map(Setting::Number);
        let own = [
            ("num_predict", count(self.num_predict)),
            ("temperature", number(self.temperature)),
            ("top_p", number(self.top_p)),
            ("top_k", count(self.top_k)),
            ("seed", self.seed.map(Setting::Seed)),
            ("presence_penalty", number(self.presence_penalty)),
            ("frequency_penalty", number(self.frequency_penalty)),
            ("stop", (!self.stop.is_empty()).then_some(Setting::Texts(self.stop))),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Group { own, extra: self.own }
    }
}

/// The value of an option.
#[derive(Serialize)]
#[serde(untagged)]
enum Setting<'a> {
    Count(u64),
    Number(f64),
    Seed(i64),
    Texts(&'a [String]),
}
