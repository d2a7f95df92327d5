//! Amazon Bedrock. What surprises about it is in `docs.md` beside this file.

use crate::protocol::converse::{BedrockEmbeddings, Converse};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Bedrock's runtime, with an API key as a bearer token:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "bedrock",
    aliases: &[],
    title: "Amazon Bedrock",
    base_url: "https://bedrock-runtime.{resource}.amazonaws.com",
    base_url_env: Some("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
    resource_env: &["AWS_REGION", "AWS_DEFAULT_REGION"],
    key_env: &["AWS_BEARER_TOKEN_BEDROCK"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&Converse),
    embed: Some(&BedrockEmbeddings),
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
