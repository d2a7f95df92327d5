//! Scaleway Generative APIs. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Scaleway Generative APIs' OpenAI-compatible API: <https://www.scaleway.com/en/docs/generative-apis/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "scaleway",
    aliases: &[],
    title: "Scaleway Generative APIs",
    base_url: "https://api.scaleway.ai/v1",
    base_url_env: None,
    key_env: &["SCW_SECRET_KEY", "SCALEWAY_API_KEY"],
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
