//! Tools as most formats have them: `{"type": "function", "function": {..}}`.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::object::{Extras, Object, Pairs};
use crate::types::{Json, Tool};

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
        object.put("type", "function")?;
        object.put("function", &Function(tool))?;
        object.end()
    }
}

struct Function<'a>(&'a Tool);

impl Serialize for Function<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.0.name)?;
        if let Some(description) = &self.0.description {
            map.serialize_entry("description", description)?;
        }
        match &self.0.parameters {
            Some(schema) => map.serialize_entry("parameters", schema)?,
            None => map.serialize_entry("parameters", &NoParameters)?,
        }
        map.end()
    }
}

/// Cohere requires the field: <https://docs.cohere.com/v2/docs/tool-use-overview> (read 2026-11-23).
struct NoParameters;

impl Serialize for NoParameters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "object")?;
        map.serialize_entry("properties", &Pairs([]))?;
        map.end()
    }
}
