//! Z.ai (international): prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "zai",
    aliases: &[],
    title: "Z.ai (international)",
    base_url: "https://api.z.ai/api/paas/v4",
    base_url_env: None,
    key_env: &["ZAI_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
