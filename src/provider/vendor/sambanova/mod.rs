//! SambaNova Cloud: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "sambanova",
    aliases: &[],
    title: "SambaNova Cloud",
    base_url: "https://api.sambanova.ai/v1",
    base_url_env: Some("SAMBANOVA_BASE_URL"),
    key_env: &["SAMBANOVA_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
