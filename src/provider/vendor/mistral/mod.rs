//! Mistral. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Dialect, Documents, Echo, Lacking, Reasoning, SeedField, StreamUsage, ToolCallIds,
};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::types::Effort;

/// Mistral's OpenAI-compatible API: <https://docs.mistral.ai/api/> (collected 2026-11-22).
pub const BUILTIN: Vendor = Vendor {
    name: "mistral",
    aliases: &[],
    title: "Mistral",
    base_url: "https://api.mistral.ai/v1",
    base_url_env: None,
    key_env: &["MISTRAL_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    seed: SeedField::RandomSeed,
    reasoning: Reasoning::Words(&[Effort::None, Effort::High]),
    echo: Echo::Blocks,
    stream_usage: StreamUsage::Always,
    required_tool: Some("any"),
    tool_call_ids: ToolCallIds::NineAlphanumeric,
    documents: Documents::DocumentUrl,
    lacks: &[
        Lacking::Logprobs,
        Lacking::MessageName,
        Lacking::Refusal,
        Lacking::ServiceTier,
        Lacking::TopK,
        Lacking::User,
    ],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::OutputDimension);
