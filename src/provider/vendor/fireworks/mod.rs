//! Fireworks AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning, StreamUsage};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::responses::{Memory, Responses};
use crate::protocol::{CacheStyle, HostedStyle, SchemaRules};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Fireworks AI's OpenAI-compatible API: <https://docs.fireworks.ai/api-reference/post-chatcompletions> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "fireworks",
    aliases: &["fireworks_ai"],
    title: "Fireworks AI",
    base_url: "https://api.fireworks.ai/inference/v1",
    base_url_env: None,
    key_env: &["FIREWORKS_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&RESPONSES],
    elsewhere: &[Elsewhere::messages(None)],
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    schema: SchemaRules::Fireworks,
    reasoning: Reasoning::EffortOrBudget,
    echo: Echo::Fields(&["reasoning_content"]),
    stream_usage: StreamUsage::Always,
    required_tool: Some("any"),
    lacks: &[Lacking::Refusal, Lacking::ToolsWithFormat],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);

static RESPONSES: Responses = Responses::PLAIN
    .needing(SchemaRules::Fireworks, CacheStyle::Unsaid, HostedStyle::Unknown)
    .memory(Memory::Stateless);
