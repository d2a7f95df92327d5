//! AI21. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, StreamUsage};
use crate::provider::vendor::{KeyStyle, Vendor};

/// AI21's OpenAI-compatible API: <https://docs.ai21.com/reference/jamba-1-6-api-ref> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "ai21",
    aliases: &[],
    title: "AI21",
    base_url: "https://api.ai21.com/studio/v1",
    base_url_env: None,
    key_env: &["AI21_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    echo: Echo::Never,
    stream_usage: StreamUsage::Always,
    required_tool: None,
    lacks: &[
        Lacking::JsonSchema,
        Lacking::Logprobs,
        Lacking::NamedTool,
        Lacking::NoTool,
        Lacking::ToolMedia,
        Lacking::FrequencyPenalty,
        Lacking::MessageName,
        Lacking::Metadata,
        Lacking::ParallelToolCalls,
        Lacking::PresencePenalty,
        Lacking::Refusal,
        Lacking::Seed,
        Lacking::ServiceTier,
        Lacking::TextParts,
        Lacking::TopK,
        Lacking::User,
    ],
    ..Dialect::PLAIN
});
