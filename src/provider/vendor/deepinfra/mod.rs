//! DeepInfra: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "deepinfra",
    aliases: &[],
    title: "DeepInfra",
    base_url: "https://api.deepinfra.com/v1/openai",
    base_url_env: None,
    key_env: &["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
