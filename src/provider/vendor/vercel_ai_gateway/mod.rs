//! Vercel AI Gateway. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Developer, Dialect, Echo, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Vercel AI Gateway's OpenAI-compatible API: <https://vercel.com/docs/ai-gateway> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "vercel_ai_gateway",
    aliases: &["vercel"],
    title: "Vercel AI Gateway",
    base_url: "https://ai-gateway.vercel.sh/v1",
    base_url_env: None,
    key_env: &["AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(None)],
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::Object,
    echo: Echo::Fields(&["reasoning", "reasoning_content", "reasoning_details"]),
    developer: Developer::Kept,
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
