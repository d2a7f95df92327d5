//! Amazon Bedrock: prices only. Register a provider of your own under this name to call it.
//!
//! The address depends on the account: `https://bedrock-runtime.{region}.amazonaws.com`.
//! The key is a Bedrock API key; signed requests need a provider of your own.

use super::{KeyStyle, Vendor};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "bedrock",
    aliases: &[],
    title: "Amazon Bedrock",
    base_url: "",
    base_url_env: None,
    key_env: &["AWS_BEARER_TOKEN_BEDROCK"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: None,
    also: &[],
    embed: None,
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
