//! MiniMax. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    Apart, ChatCompletions, Dialect, Echo, Lacking, Reasoning, TokenLimit,
};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// MiniMax's OpenAI-compatible API: <https://platform.minimax.io/docs/api-reference/text-openai-api> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "minimax",
    aliases: &[],
    title: "MiniMax",
    base_url: "https://api.minimax.io/v1",
    base_url_env: None,
    key_env: &["MINIMAX_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(Some("https://api.minimax.io/anthropic/v1"))],
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    token_limit: TokenLimit::MaxCompletionTokens,
    reasoning: Reasoning::ThinkingSwitch,
    echo: Echo::Fields(&["reasoning_content", "reasoning_details"]),
    apart: Apart::Split,
    lacks: &[Lacking::Choices, Lacking::FrequencyPenalty, Lacking::PresencePenalty, Lacking::TopK],
    ..Dialect::PLAIN
});
