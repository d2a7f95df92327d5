//! Nebius Token Factory: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "nebius",
    aliases: &[],
    title: "Nebius Token Factory",
    base_url: "https://api.tokenfactory.nebius.com/v1",
    base_url_env: None,
    key_env: &["NEBIUS_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
