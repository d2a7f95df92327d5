//! Cohere. What surprises about it is in `docs.md` beside this file.

use crate::protocol::cohere_chat::{CohereChat, CohereEmbeddings};
use crate::protocol::rerank::{Rerank, RerankSpelling};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Cohere's second API: <https://docs.cohere.com/reference/about> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "cohere",
    aliases: &[],
    title: "Cohere",
    base_url: "https://api.cohere.com/v2",
    base_url_env: None,
    key_env: &["CO_API_KEY", "COHERE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CohereChat),
    embed: Some(&CohereEmbeddings),
    rerank: Some(&RERANK),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static RERANK: Rerank = Rerank::new(RerankSpelling::Cohere);
