//! Voyage AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::EmbedLimit;
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::rerank::{Rerank, RerankSpelling};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Voyage AI: <https://docs.voyageai.com/reference/embeddings-api> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "voyage",
    aliases: &[],
    title: "Voyage AI",
    base_url: "https://api.voyageai.com/v1",
    base_url_env: None,
    key_env: &["VOYAGE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    embed: Some(&EMBEDDINGS),
    rerank: Some(&RERANK),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static EMBEDDINGS: OpenAiEmbeddings =
    OpenAiEmbeddings::new(DimensionsField::OutputDimension).limit(EmbedLimit::inputs(1_000).tokens(120_000));

static RERANK: Rerank = Rerank::new(RerankSpelling::Voyage);
