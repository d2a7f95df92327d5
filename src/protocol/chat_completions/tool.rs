//! Writing tools and the shape of the answer.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::types::{Json, ResponseFormat, Tool, ToolChoice};

use super::encode::Context;

/// What the model may call.
pub(super) struct Tools<'a> {
    pub(super) context: Context<'a>,
    pub(super) tools: &'a [Tool],
}

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tools.iter().map(|tool| OneTool { context: self.context, tool }))
    }
}

struct OneTool<'a> {
    context: Context<'a>,
    tool: &'a Tool,
}

impl Serialize for OneTool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Function<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            parameters: Option<&'a Json>,
            #[serde(skip_serializing_if = "Option::is_none")]
            strict: Option<bool>,
        }
        if let Some(builtin) = &self.tool.builtin {
            return builtin.json.serialize(serializer);
        }
        let mut object = self.context.object(serializer, &self.tool.extra)?;
        object.put("type", "function")?;
        object.put(
            "function",
            &Function {
                name: &self.tool.name,
                description: self.tool.description.as_deref(),
                parameters: self.tool.parameters.as_ref(),
                strict: self.tool.strict,
            },
        )?;
        object.end()
    }
}

/// Whether it must.
pub(super) struct Choice<'a> {
    pub(super) choice: &'a ToolChoice,
    pub(super) required: Option<&'static str>,
}

impl Serialize for Choice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Named<'a> {
            name: &'a str,
        }
        #[derive(serde::Serialize)]
        struct Function<'a> {
            r#type: &'static str,
            function: Named<'a>,
        }
        match self.choice {
            ToolChoice::Auto => "auto".serialize(serializer),
            ToolChoice::None => "none".serialize(serializer),
            ToolChoice::Required => self.required.serialize(serializer),
            ToolChoice::Function(name) => {
                Function { r#type: "function", function: Named { name } }.serialize(serializer)
            }
        }
    }
}

/// The shape of the answer.
pub(super) struct Format<'a>(pub(super) &'a ResponseFormat);

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Schema<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            schema: &'a Json,
            #[serde(skip_serializing_if = "Option::is_none")]
            strict: Option<bool>,
        }
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            ResponseFormat::Text => map.serialize_entry("type", "text")?,
            ResponseFormat::JsonObject => map.serialize_entry("type", "json_object")?,
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                map.serialize_entry("type", "json_schema")?;
                let schema = Schema { name, description: description.as_deref(), schema, strict: *strict };
                map.serialize_entry("json_schema", &schema)?;
            }
        }
        map.end()
    }
}
