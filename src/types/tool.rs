//! Tools the model may ask for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CacheTtl, Extra, Hosted, Json, Opaque, WebSearch};

/// A function the model may ask to be run, or a vendor's built-in tool.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The function's name.
    pub name: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of the arguments; `None` means no arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
    /// Must the vendor hold the model to the schema? `None`: the vendor's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// A vendor's built-in tool in its own JSON, sent verbatim to that wire only. The other fields are then unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Opaque>,
    /// A tool that the vendor runs itself, in any vendor's words. The other fields are then unused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted: Option<Hosted>,
    /// The vendor may cache the prompt up to the end of this tool; see [`CacheOptions`](super::CacheOptions).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheTtl>,
    /// Fields without a name here.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Tool {
    /// A function with a JSON Schema for its arguments.
    ///
    /// ```
    /// use serde_json::json;
    /// let weather = polyroute::Tool::function(
    ///     "weather",
    ///     "Current weather in a city",
    ///     json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
    /// );
    /// assert_eq!(weather.name, "weather");
    /// ```
    pub fn function(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: impl Into<Json>,
    ) -> Self {
        Self {
            name: name.into(),
            description: Some(description.into()),
            parameters: Some(parameters.into()),
            strict: None,
            builtin: None,
            hosted: None,
            cache: None,
            extra: Extra::new(),
        }
    }

    /// A vendor's built-in tool in its own JSON.
    pub fn builtin(tool: Opaque) -> Self {
        Self {
            name: String::new(),
            description: None,
            parameters: None,
            strict: None,
            builtin: Some(tool),
            hosted: None,
            cache: None,
            extra: Extra::new(),
        }
    }

    /// A tool that the vendor runs itself, whichever vendor it is.
    pub fn hosted(tool: Hosted) -> Self {
        Self {
            name: String::new(),
            description: None,
            parameters: None,
            strict: None,
            builtin: None,
            hosted: Some(tool),
            cache: None,
            extra: Extra::new(),
        }
    }

    /// Web search by the vendor, without limits of the application's own.
    ///
    /// ```
    /// use polyroute::{ChatRequest, Tool};
    /// let request = ChatRequest::from(("google/gemini-2.5-flash", "Who won yesterday?")).tool(Tool::web_search());
    /// # assert!(request.validate().is_ok());
    /// ```
    pub fn web_search() -> Self {
        Self::hosted(Hosted::WebSearch(WebSearch::default()))
    }

    /// Lets the vendor cache the prompt up to the end of this tool.
    #[must_use]
    pub fn cached(mut self, ttl: CacheTtl) -> Self {
        self.cache = Some(ttl);
        self
    }

    /// Is it a function of the application's?
    pub(crate) fn is_function(&self) -> bool {
        self.builtin.is_none() && self.hosted.is_none()
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The description is written for the model: it is part of the prompt.
        f.debug_struct("Tool")
            .field("name", &self.name)
            .field("description_bytes", &self.description.as_ref().map(String::len))
            .field("parameters", &self.parameters)
            .field("strict", &self.strict)
            .field("builtin", &self.builtin)
            .field("hosted", &self.hosted)
            .field("extra", &self.extra)
            .finish()
    }
}

/// Must the model call a tool?
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// At least one tool.
    Required,
    /// This function.
    Function(String),
}

/// May the model call several tools in one turn?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParallelToolCalls {
    /// Several.
    Allowed,
    /// One at most.
    Forbidden,
}
