//! Novita AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Novita AI's OpenAI-compatible API: <https://novita.ai/docs/guides/introduction> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "novita",
    aliases: &[],
    title: "Novita AI",
    base_url: "https://api.novita.ai/openai/v1",
    base_url_env: None,
    key_env: &["NOVITA_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { reasoning: Reasoning::Switch, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
