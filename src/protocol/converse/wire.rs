//! The request as it is written, mirrored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::protocol::messages::wire::Thinking;
use crate::protocol::object::{Empty, Extras, Group, Object, One};
use crate::protocol::speaker::Speaker;
use crate::types::{Json, Tool, ToolOutcome};

/// The body.
pub(super) struct Body<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Turn<'a>>,
    pub(super) inference: Group<'a, Setting<'a>>,
    pub(super) tools: Option<ToolConfig<'a>>,
    pub(super) schema: Option<Schema<'a>>,
    pub(super) model_fields: Group<'a, Setting<'a>>,
    pub(super) metadata: &'a BTreeMap<String, String>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        if !self.system.is_empty() {
            object.put("system", &Blocks(&self.system))?;
        }
        object.put("messages", &self.messages)?;
        if !self.inference.is_empty() {
            object.put("inferenceConfig", &self.inference)?;
        }
        object.put_some("toolConfig", self.tools.as_ref())?;
        object.put_some("outputConfig", self.schema.as_ref())?;
        if !self.model_fields.is_empty() {
            object.put("additionalModelRequestFields", &self.model_fields)?;
        }
        if !self.metadata.is_empty() {
            object.put("requestMetadata", self.metadata)?;
        }
        object.put_some("serviceTier", self.service_tier.map(|tier| One("type", tier)).as_ref())?;
        object.end()
    }
}

/// A value of `inferenceConfig` or `additionalModelRequestFields`.
pub(super) enum Setting<'a> {
    Count(u64),
    Effort(&'static str),
    Number(f64),
    Texts(&'a [String]),
    Thinking(Thinking),
}

impl Serialize for Setting<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => count.serialize(serializer),
            Self::Effort(effort) => One("effort", effort).serialize(serializer),
            Self::Number(number) => number.serialize(serializer),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Thinking(thinking) => thinking.serialize(serializer),
        }
    }
}

/// One message.
pub(super) struct Turn<'a> {
    pub(super) role: Speaker,
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) extra: Extras<'a>,
}

impl Serialize for Turn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("role", &self.role)?;
        object.put("content", &Blocks(&self.blocks))?;
        object.end()
    }
}

/// One block of content, and the cache point that follows it.
pub(super) struct Block<'a> {
    pub(super) content: Content<'a>,
    pub(super) extra: Extras<'a>,
    pub(super) cache_point: Option<&'a Json>,
}

/// What a block holds.
pub(super) enum Content<'a> {
    Text(&'a str),
    /// Text and what it is taken from.
    Cited {
        text: &'a str,
        citations: &'a Json,
    },
    Image {
        format: &'static str,
        source: Source<'a>,
    },
    Video {
        format: &'static str,
        source: Source<'a>,
    },
    Document {
        format: &'static str,
        name: String,
        source: Source<'a>,
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
    Reasoning(&'a Json),
    /// Any other block as it was received.
    Verbatim(&'a Json),
}

/// A list of blocks; cache points are blocks of their own here.
struct Blocks<'a>(&'a [Block<'a>]);

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for block in self.0 {
            list.serialize_element(block)?;
            if let Some(point) = block.cache_point {
                list.serialize_element(&One("cachePoint", point))?;
            }
        }
        list.end()
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.content {
            Content::Text(text) => {
                let mut object = Object::begin(serializer, &self.extra)?;
                object.put("text", text)?;
                object.end()
            }
            Content::Cited { .. } => One("citationsContent", Inner(self)).serialize(serializer),
            Content::Image { .. } => One("image", Inner(self)).serialize(serializer),
            Content::Video { .. } => One("video", Inner(self)).serialize(serializer),
            Content::Document { .. } => One("document", Inner(self)).serialize(serializer),
            Content::ToolUse { .. } => One("toolUse", Inner(self)).serialize(serializer),
            Content::ToolResult { .. } => One("toolResult", Inner(self)).serialize(serializer),
            Content::Reasoning(json) | Content::Verbatim(json) => json.serialize(serializer),
        }
    }
}

/// What stands under the name of a block.
struct Inner<'a>(&'a Block<'a>);

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Block { content, extra, .. } = self.0;
        let mut object = Object::begin(serializer, extra)?;
        match content {
            Content::Cited { text, citations } => {
                object.put("content", &[One("text", text)])?;
                object.put("citations", citations)?;
            }
            Content::Image { format, source } | Content::Video { format, source } => {
                object.put("format", format)?;
                object.put("source", source)?;
            }
            Content::Document { format, name, source } => {
                object.put("format", format)?;
                object.put("name", name)?;
                object.put("source", source)?;
            }
            Content::ToolUse { id, name, input } => {
                object.put("toolUseId", id)?;
                object.put("name", name)?;
                object.put("input", input)?;
            }
            Content::ToolResult { id, content, outcome } => {
                object.put("toolUseId", id)?;
                object.put("content", &Blocks(content))?;
                if *outcome == ToolOutcome::Failure {
                    object.put("status", "error")?;
                }
            }
            Content::Text(_) | Content::Reasoning(_) | Content::Verbatim(_) => {}
        }
        object.end()
    }
}

/// Where a picture, film or file is.
pub(super) enum Source<'a> {
    Bytes(&'a str),
    S3(&'a str),
}

impl Serialize for Source<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(data) => One("bytes", data).serialize(serializer),
            Self::S3(uri) => One("s3Location", One("uri", uri)).serialize(serializer),
        }
    }
}

/// The tools and whether one must be called.
pub(super) struct ToolConfig<'a> {
    pub(super) tools: Vec<ToolSpec<'a>>,
    pub(super) choice: Option<Choice<'a>>,
}

impl Serialize for ToolConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tools", &ToolList(&self.tools))?;
        match self.choice {
            Some(Choice::Auto) => map.serialize_entry("toolChoice", &One("auto", Empty))?,
            Some(Choice::Any) => map.serialize_entry("toolChoice", &One("any", Empty))?,
            Some(Choice::Tool(name)) => {
                map.serialize_entry("toolChoice", &One("tool", One("name", name)))?;
            }
            None => {}
        }
        map.end()
    }
}

/// Must a tool be called?
#[derive(Clone, Copy)]
pub(super) enum Choice<'a> {
    Auto,
    Any,
    Tool(&'a str),
}

/// One tool.
pub(super) enum ToolSpec<'a> {
    Builtin(&'a Json),
    Function { tool: &'a Tool, extra: Extras<'a>, cache_point: Option<&'a Json> },
}

struct ToolList<'a>(&'a [ToolSpec<'a>]);

impl Serialize for ToolList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for spec in self.0 {
            match spec {
                ToolSpec::Builtin(json) => list.serialize_element(json)?,
                ToolSpec::Function { tool, extra, cache_point } => {
                    list.serialize_element(&One("toolSpec", Spec { tool, extra }))?;
                    if let Some(point) = cache_point {
                        list.serialize_element(&One("cachePoint", point))?;
                    }
                }
            }
        }
        list.end()
    }
}

struct Spec<'a> {
    tool: &'a Tool,
    extra: &'a Extras<'a>,
}

impl Serialize for Spec<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, self.extra)?;
        object.put("name", &self.tool.name)?;
        // An empty description is refused:
        // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html (read 2026-11-23).
        object.put_some("description", self.tool.description.as_ref().filter(|text| !text.is_empty()))?;
        match &self.tool.parameters {
            Some(schema) if !is_empty_object(schema) => object.put("inputSchema", &One("json", schema))?,
            _ => object.put("inputSchema", &One("json", NoArguments))?,
        }
        object.put_some("strict", self.tool.strict.as_ref())?;
        object.end()
    }
}

struct NoArguments;

impl Serialize for NoArguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "object")?;
        map.serialize_entry("properties", &Empty)?;
        map.end()
    }
}

fn is_empty_object(json: &Json) -> bool {
    let inner = json.as_str().trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

/// The schema the answer must fit, which travels as text.
pub(super) struct Schema<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) schema: &'a Json,
}

impl Serialize for Schema<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Definition<'a>(&'a Schema<'a>);
        impl Serialize for Definition<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("schema", self.0.schema.as_str())?;
                map.serialize_entry("name", self.0.name)?;
                if let Some(description) = self.0.description {
                    map.serialize_entry("description", description)?;
                }
                map.end()
            }
        }
        struct Format<'a>(&'a Schema<'a>);
        impl Serialize for Format<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "json_schema")?;
                map.serialize_entry("structure", &One("jsonSchema", Definition(self.0)))?;
                map.end()
            }
        }
        One("textFormat", Format(self)).serialize(serializer)
    }
}
