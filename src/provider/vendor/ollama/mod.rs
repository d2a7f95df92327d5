//! Ollama. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Pictures};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::ollama_chat::OllamaChat;
use crate::protocol::responses::Responses;
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Ollama's OpenAI-compatible API: <https://docs.ollama.com/api/openai-compatibility> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "ollama",
    aliases: &[],
    title: "Ollama",
    base_url: "http://localhost:11434/v1",
    base_url_env: Some("OLLAMA_BASE_URL"),
    key_env: &["OLLAMA_API_KEY"],
    key: KeyStyle::OptionalBearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    elsewhere: &[
        Elsewhere::messages(None).key(KeyStyle::OptionalBearer),
        Elsewhere {
            chat: &OllamaChat,
            base_url: Some("http://localhost:11434/api"),
            key: KeyStyle::OptionalBearer,
            headers: &[],
        },
    ],
    embed: Some(&EMBEDDINGS),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    pictures: Pictures::Data,
    echo: Echo::Fields(&["reasoning", "reasoning_content", "reasoning_details"]),
    lacks: &[Lacking::Choices, Lacking::User],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
