//! Azure AI Foundry models: prices only. Register a provider of your own under this name to call it.
//!
//! The address depends on the account: `https://{resource}.services.ai.azure.com`.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "azure_ai",
    aliases: &[],
    title: "Azure AI Foundry models",
    base_url: "",
    base_url_env: None,
    key_env: &["AZURE_API_KEY"],
    key: KeyStyle::Header("api-key"),
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
