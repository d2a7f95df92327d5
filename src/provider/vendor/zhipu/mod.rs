//! Zhipu AI BigModel (mainland China): prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "zhipu",
    aliases: &[],
    title: "Zhipu AI BigModel (mainland China)",
    base_url: "https://open.bigmodel.cn/api/paas/v4",
    base_url_env: None,
    key_env: &["ZHIPUAI_API_KEY", "ZHIPU_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
