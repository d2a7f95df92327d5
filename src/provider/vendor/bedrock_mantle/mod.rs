//! Amazon Bedrock (OpenAI-compatible endpoint). What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Amazon Bedrock (OpenAI-compatible endpoint)'s OpenAI-compatible API: <https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions-mantle.html> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "bedrock_mantle",
    aliases: &[],
    title: "Amazon Bedrock (OpenAI-compatible endpoint)",
    base_url: "https://bedrock-mantle.{resource}.api.aws/v1",
    base_url_env: None,
    resource_env: &["AWS_REGION", "AWS_DEFAULT_REGION"],
    key_env: &["AWS_BEARER_TOKEN_BEDROCK"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
