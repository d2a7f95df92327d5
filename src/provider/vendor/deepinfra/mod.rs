//! DeepInfra. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// DeepInfra's OpenAI-compatible API: <https://docs.deepinfra.com/api-reference/openai-chat-completions-1> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "deepinfra",
    aliases: &[],
    title: "DeepInfra",
    base_url: "https://api.deepinfra.com/v1/openai",
    base_url_env: None,
    key_env: &["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(Some("https://api.deepinfra.com/anthropic/v1")).key(KeyStyle::Bearer)],
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::Enabled,
    echo: Echo::Fields(&["reasoning_content"]),
    required_tool: None,
    lacks: &[Lacking::NamedTool, Lacking::ToolMedia, Lacking::Metadata, Lacking::TextParts],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
