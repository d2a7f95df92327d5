//! DeepSeek. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning};
use crate::provider::vendor::{KeyStyle, Vendor};

/// DeepSeek's OpenAI-compatible API: <https://api-docs.deepseek.com/api/create-chat-completion> (collected 2026-11-22).
pub const BUILTIN: Vendor = Vendor {
    name: "deepseek",
    aliases: &[],
    title: "DeepSeek",
    base_url: "https://api.deepseek.com",
    base_url_env: None,
    key_env: &["DEEPSEEK_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: None,
    models: include_str!("models.json"),
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::ThinkingType,
    echo: Echo::Fields(&["reasoning_content"]),
    lacks: &[
        Lacking::Choices,
        Lacking::JsonSchema,
        Lacking::Metadata,
        Lacking::Seed,
        Lacking::ServiceTier,
        Lacking::ToolMedia,
        Lacking::TopK,
    ],
    ..Dialect::PLAIN
});
