//! xAI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning, TokenLimit};
use crate::protocol::media::OpenAiImages;
use crate::protocol::responses::{Memory, Responses};
use crate::protocol::{CacheStyle, HostedStyle, SchemaRules};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// xAI's OpenAI-compatible API: <https://docs.x.ai/docs/api-reference> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "xai",
    aliases: &[],
    title: "xAI",
    base_url: "https://api.x.ai/v1",
    base_url_env: None,
    key_env: &["XAI_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&RESPONSES],
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    images: Some(&OpenAiImages),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    schema: SchemaRules::Xai,
    token_limit: TokenLimit::MaxCompletionTokens,
    reasoning: Reasoning::Effort,
    echo: Echo::Fields(&["reasoning_content"]),
    lacks: &[Lacking::Metadata, Lacking::ToolMedia, Lacking::TopK],
    ..Dialect::PLAIN
});

static RESPONSES: Responses = Responses::PLAIN
    .needing(SchemaRules::Xai, CacheStyle::Unsaid, HostedStyle::Xai)
    .memory(Memory::Encrypted);
