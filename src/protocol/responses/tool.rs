//! Tools as they are written, mirrored.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::protocol::object::{Extras, Object};
use crate::types::{Tool, ToolChoice, Wire};

/// What the model may call.
pub(super) struct Tools<'a> {
    pub(super) tools: &'a [Tool],
    pub(super) provider: &'a str,
}

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tools.iter().map(|tool| OneTool { tool, provider: self.provider }))
    }
}

struct OneTool<'a> {
    tool: &'a Tool,
    provider: &'a str,
}

impl Serialize for OneTool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tool = self.tool;
        if let Some(builtin) = &tool.builtin {
            return builtin.json.serialize(serializer);
        }
        let extra = Extras::of(&tool.extra, Wire::Responses, self.provider);
        let mut object = Object::begin(serializer, &extra)?;
        object.put("type", "function")?;
        object.put("name", &tool.name)?;
        object.put_some("description", tool.description.as_ref())?;
        // Unlike in chat completions the field is required:
        // https://developers.openai.com/api/docs/api-reference/responses/create (collected 2026-11-22).
        match &tool.parameters {
            Some(schema) => object.put("parameters", schema)?,
            None => object.put("parameters", &NoArguments)?,
        }
        object.put_some("strict", tool.strict.as_ref())?;
        object.end()
    }
}

struct NoArguments;

impl Serialize for NoArguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "object")?;
        map.serialize_entry("properties", &serde_json::Map::new())?;
        map.end()
    }
}

/// Must a tool be called?
pub(super) struct Choice<'a>(pub(super) &'a ToolChoice);

impl Serialize for Choice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ToolChoice::Auto => serializer.serialize_str("auto"),
            ToolChoice::None => serializer.serialize_str("none"),
            ToolChoice::Required => serializer.serialize_str("required"),
            ToolChoice::Function(name) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "function")?;
                map.serialize_entry("name", name)?;
                map.end()
            }
        }
    }
}
