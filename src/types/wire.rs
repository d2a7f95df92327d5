//! Names of the wire formats.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A wire format. Opaque state and unknown fields remember theirs, so that they only ever travel back to it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// OpenAI chat completions and the many services that imitate it.
    ChatCompletions,
    /// Anthropic messages.
    Messages,
    /// Google Gemini `generateContent`.
    GenerateContent,
    /// OpenAI responses and its imitators.
    Responses,
    /// Amazon Bedrock Converse.
    Converse,
    /// Cohere chat, second version.
    CohereChat,
    /// Ollama's own chat.
    OllamaChat,
    /// A provider written by the application.
    Custom,
}

impl Wire {
    /// The name used in configuration and telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Messages => "messages",
            Self::GenerateContent => "generate_content",
            Self::Responses => "responses",
            Self::Converse => "converse",
            Self::CohereChat => "cohere_chat",
            Self::OllamaChat => "ollama_chat",
            Self::Custom => "custom",
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
