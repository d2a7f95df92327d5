//! Tools as they are written, mirrored.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::protocol::object::{Extras, Object, Pairs};
use crate::types::{Json, ParallelToolCalls, Tool};

/// One tool.
pub(super) enum ToolSpec<'a> {
    Builtin(&'a Json),
    Function(&'a Tool, Extras<'a>),
}

impl Serialize for ToolSpec<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (tool, extra) = match self {
            Self::Builtin(json) => return json.serialize(serializer),
            Self::Function(tool, extra) => (tool, extra),
        };
        let mut object = Object::begin(serializer, extra)?;
        object.put("name", &tool.name)?;
        object.put_some("description", tool.description.as_ref())?;
        // The schema's `type` is required, so "no arguments" has to be spelled out:
        // https://platform.claude.com/docs/en/api/messages (read 2026-11-23).
        match &tool.parameters {
            Some(schema) if !is_empty_object(schema) => object.put("input_schema", schema)?,
            _ => object.put("input_schema", &NoArguments)?,
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
        map.serialize_entry("properties", &Pairs([]))?;
        map.end()
    }
}

fn is_empty_object(json: &Json) -> bool {
    let inner = json.as_str().trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

/// Must a tool be called?
pub(super) struct Choice<'a> {
    pub(super) kind: &'static str,
    pub(super) name: Option<&'a str>,
    pub(super) parallel: Option<ParallelToolCalls>,
}

impl Serialize for Choice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind)?;
        if let Some(name) = self.name {
            map.serialize_entry("name", name)?;
        }
        if self.parallel == Some(ParallelToolCalls::Forbidden) {
            map.serialize_entry("disable_parallel_tool_use", &true)?;
        }
        map.end()
    }
}
