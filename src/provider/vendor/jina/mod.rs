//! Jina AI: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "jina",
    aliases: &[],
    title: "Jina AI",
    base_url: "https://api.jina.ai/v1",
    base_url_env: None,
    key_env: &["JINA_API_KEY", "JINA_AI_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
