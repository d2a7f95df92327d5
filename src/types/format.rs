//! The shape of the answer.

use serde::{Deserialize, Serialize};

use super::Json;

/// What the answer's text must look like.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Any text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// A name for the schema, where the vendor wants one: letters, digits, `_` and `-`.
        name: String,
        /// What the schema is for.
        description: Option<String>,
        /// JSON Schema.
        schema: Json,
        /// Must the vendor hold the model to the schema? `None`: the vendor's default.
        strict: Option<bool>,
    },
}

impl ResponseFormat {
    /// JSON that strictly fits `schema`.
    pub fn json_schema(name: impl Into<String>, schema: impl Into<Json>) -> Self {
        Self::JsonSchema { name: name.into(), description: None, schema: schema.into(), strict: Some(true) }
    }
}
