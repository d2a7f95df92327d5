//! Nebius Token Factory. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Nebius Token Factory's OpenAI-compatible API: <https://docs.tokenfactory.nebius.com/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "nebius",
    aliases: &[],
    title: "Nebius Token Factory",
    base_url: "https://api.tokenfactory.nebius.com/v1",
    base_url_env: None,
    key_env: &["NEBIUS_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { reasoning: Reasoning::Effort, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
