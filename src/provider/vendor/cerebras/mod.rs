//! Cerebras. What surprises about it is in `docs.md` beside this file.

use crate::protocol::SchemaRules;
use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning, TokenLimit};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Cerebras's OpenAI-compatible API: <https://inference-docs.cerebras.ai/resources/openai> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "cerebras",
    aliases: &[],
    title: "Cerebras",
    base_url: "https://api.cerebras.ai/v1",
    base_url_env: None,
    key_env: &["CEREBRAS_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    schema: SchemaRules::OpenAi,
    token_limit: TokenLimit::MaxCompletionTokens,
    reasoning: Reasoning::Effort,
    echo: Echo::Never,
    lacks: &[
        Lacking::Choices,
        Lacking::FrequencyPenalty,
        Lacking::Metadata,
        Lacking::PresencePenalty,
        Lacking::Refusal,
        Lacking::ServiceTier,
        Lacking::ToolMedia,
        Lacking::TopK,
    ],
    ..Dialect::PLAIN
});
