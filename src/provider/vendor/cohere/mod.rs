//! Cohere: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "cohere",
    aliases: &[],
    title: "Cohere",
    base_url: "https://api.cohere.com/v2",
    base_url_env: None,
    key_env: &["CO_API_KEY", "COHERE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
