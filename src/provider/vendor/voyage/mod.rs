//! Voyage AI: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "voyage",
    aliases: &[],
    title: "Voyage AI",
    base_url: "https://api.voyageai.com/v1",
    base_url_env: None,
    key_env: &["VOYAGE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
