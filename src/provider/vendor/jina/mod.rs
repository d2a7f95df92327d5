//! Jina AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::rerank::{Rerank, RerankSpelling};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Jina AI: <https://jina.ai/embeddings/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "jina",
    aliases: &[],
    title: "Jina AI",
    base_url: "https://api.jina.ai/v1",
    base_url_env: None,
    key_env: &["JINA_API_KEY", "JINA_AI_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    embed: Some(&EMBEDDINGS),
    rerank: Some(&RERANK),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::BareDimensions);

static RERANK: Rerank = Rerank::new(RerankSpelling::Jina);
