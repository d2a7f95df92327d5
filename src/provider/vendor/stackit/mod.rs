//! STACKIT AI Model Serving: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "stackit",
    aliases: &[],
    title: "STACKIT AI Model Serving",
    base_url: "https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1",
    base_url_env: None,
    key_env: &["STACKIT_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
