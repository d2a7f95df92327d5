//! OpenRouter. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Developer, Dialect, Documents, Echo, Reasoning, StreamUsage, Videos,
};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::responses::Responses;
use crate::protocol::{CacheStyle, HostedStyle, SchemaRules};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// OpenRouter's OpenAI-compatible API: <https://openrouter.ai/docs/api-reference/overview> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "openrouter",
    aliases: &[],
    title: "OpenRouter",
    base_url: "https://openrouter.ai/api/v1",
    base_url_env: None,
    key_env: &["OPENROUTER_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::Bearer)],
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    videos: Videos::DataOrAddress,
    schema: SchemaRules::OpenAi,
    cache: CacheStyle::Control,
    hosted: HostedStyle::OpenRouter,
    reasoning: Reasoning::Object,
    echo: Echo::Fields(&["reasoning", "reasoning_content", "reasoning_details"]),
    stream_usage: StreamUsage::Always,
    developer: Developer::Kept,
    documents: Documents::FileOrAddress,
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
