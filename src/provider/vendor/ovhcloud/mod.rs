//! OVHcloud AI Endpoints: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "ovhcloud",
    aliases: &[],
    title: "OVHcloud AI Endpoints",
    base_url: "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    base_url_env: None,
    key_env: &["OVH_AI_ENDPOINTS_ACCESS_TOKEN", "OVHCLOUD_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
