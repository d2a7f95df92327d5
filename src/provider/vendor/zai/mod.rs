//! Z.ai (international). What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Dialect, Echo, Lacking, Reasoning, StreamUsage, Videos,
};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Z.ai (international)'s OpenAI-compatible API: <https://docs.z.ai/api-reference/llm/chat-completion.md> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "zai",
    aliases: &[],
    title: "Z.ai (international)",
    base_url: "https://api.z.ai/api/paas/v4",
    base_url_env: None,
    key_env: &["ZAI_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(Some("https://api.z.ai/api/anthropic/v1")).key(KeyStyle::Bearer)],
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    videos: Videos::DataOrAddress,
    reasoning: Reasoning::ThinkingType,
    echo: Echo::Fields(&["reasoning_content"]),
    stream_usage: StreamUsage::Always,
    required_tool: None,
    lacks: &[
        Lacking::JsonSchema,
        Lacking::Logprobs,
        Lacking::Choices,
        Lacking::NamedTool,
        Lacking::NoTool,
        Lacking::FrequencyPenalty,
        Lacking::MessageName,
        Lacking::Metadata,
        Lacking::PresencePenalty,
        Lacking::Seed,
        Lacking::ServiceTier,
        Lacking::TopK,
        Lacking::User,
    ],
    ..Dialect::PLAIN
});
