//! SambaNova Cloud. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Lacking};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// SambaNova Cloud's OpenAI-compatible API: <https://docs.sambanova.ai/docs/en/v1.0.57/features/openai-compatibility> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "sambanova",
    aliases: &[],
    title: "SambaNova Cloud",
    base_url: "https://api.sambanova.ai/v1",
    base_url_env: Some("SAMBANOVA_BASE_URL"),
    key_env: &["SAMBANOVA_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::Bearer)],
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    lacks: &[Lacking::Logprobs, Lacking::FrequencyPenalty, Lacking::PresencePenalty, Lacking::TextParts],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
