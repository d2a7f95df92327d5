//! OVHcloud AI Endpoints. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// OVHcloud AI Endpoints' OpenAI-compatible API: <https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "ovhcloud",
    aliases: &[],
    title: "OVHcloud AI Endpoints",
    base_url: "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    base_url_env: None,
    key_env: &["OVH_AI_ENDPOINTS_ACCESS_TOKEN", "OVHCLOUD_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { echo: Echo::Fields(&["reasoning"]), ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
