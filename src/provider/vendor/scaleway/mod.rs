//! Scaleway Generative APIs: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "scaleway",
    aliases: &[],
    title: "Scaleway Generative APIs",
    base_url: "https://api.scaleway.ai/v1",
    base_url_env: None,
    key_env: &["SCW_SECRET_KEY", "SCALEWAY_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
