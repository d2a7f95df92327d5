//! Groq. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning, TokenLimit};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Groq's OpenAI-compatible API: <https://console.groq.com/docs/openai> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "groq",
    aliases: &[],
    title: "Groq",
    base_url: "https://api.groq.com/openai/v1",
    base_url_env: Some("GROQ_BASE_URL"),
    key_env: &["GROQ_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: None,
    models: include_str!("models.json"),
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    token_limit: TokenLimit::MaxCompletionTokens,
    reasoning: Reasoning::Effort,
    echo: Echo::Never,
    lacks: &[
        Lacking::Choices,
        Lacking::Logprobs,
        Lacking::MessageName,
        Lacking::Metadata,
        Lacking::Refusal,
        Lacking::ToolMedia,
        Lacking::TopK,
    ],
    ..Dialect::PLAIN
});
