//! Perplexity. What surprises about it is in `docs.md` beside this file.

use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::responses::Responses;
use crate::protocol::{CacheStyle, EmbedLimit, HostedStyle, SchemaRules};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Perplexity's Agent API in OpenAI's responses format:
/// <https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar/overview> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "perplexity",
    aliases: &[],
    title: "Perplexity",
    base_url: "https://api.perplexity.ai/v1",
    base_url_env: None,
    key_env: &["PERPLEXITY_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&RESPONSES),
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static RESPONSES: Responses =
    Responses::PLAIN.needing(SchemaRules::Any, CacheStyle::Unsaid, HostedStyle::Perplexity);

/// <https://docs.perplexity.ai/api-reference/embeddings-post> (read 2026-11-25)
static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions)
    .signed_bytes()
    .limit(EmbedLimit::inputs(512).tokens(120_000));
