//! Databricks Foundation Model APIs. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Lacking};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Databricks Foundation Model APIs' OpenAI-compatible API: <https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "databricks",
    aliases: &[],
    title: "Databricks Foundation Model APIs",
    base_url: "https://{resource}.cloud.databricks.com/serving-endpoints",
    base_url_env: Some("DATABRICKS_HOST"),
    key_env: &["DATABRICKS_TOKEN"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { lacks: &[Lacking::Metadata, Lacking::ServiceTier], ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
