//! Alibaba Cloud Model Studio (mainland China): prices only. Register a provider of your own under this name to call it.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "qwen_cn",
    aliases: &["dashscope_cn"],
    title: "Alibaba Cloud Model Studio (mainland China)",
    base_url: "https://dashscope.aliyuncs.com/compatible-mode/v1",
    base_url_env: None,
    key_env: &["DASHSCOPE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    rerank: None,
    models: include_str!("models.json"),
};
