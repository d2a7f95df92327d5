//! Cloudflare Workers AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Cloudflare Workers AI's OpenAI-compatible API: <https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "cloudflare",
    aliases: &["workers_ai"],
    title: "Cloudflare Workers AI",
    base_url: "https://api.cloudflare.com/client/v4/accounts/{resource}/ai/v1",
    base_url_env: None,
    resource_env: &["CLOUDFLARE_ACCOUNT_ID"],
    key_env: &["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
