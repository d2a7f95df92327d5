//! Moonshot AI (Kimi): prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "moonshot",
    aliases: &[],
    title: "Moonshot AI (Kimi)",
    base_url: "https://api.moonshot.ai/v1",
    base_url_env: None,
    key_env: &["MOONSHOT_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
