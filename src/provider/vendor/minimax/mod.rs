//! MiniMax: prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "minimax",
    aliases: &[],
    title: "MiniMax",
    base_url: "https://api.minimax.io/v1",
    base_url_env: None,
    key_env: &["MINIMAX_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
