//! Azure OpenAI: prices only. Register a provider of your own under this name to call it.
//!
//! The address depends on the account: `https://{resource}.openai.azure.com/openai/v1`.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "azure",
    aliases: &[],
    title: "Azure OpenAI",
    base_url: "",
    base_url_env: Some("AZURE_OPENAI_ENDPOINT"),
    key_env: &["AZURE_OPENAI_API_KEY"],
    key: KeyStyle::Header("api-key"),
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
