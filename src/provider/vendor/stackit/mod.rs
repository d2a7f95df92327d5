//! STACKIT AI Model Serving. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// STACKIT AI Model Serving's OpenAI-compatible API: <https://docs.stackit.cloud/products/data-and-ai/ai-model-serving/basics/available-shared-models> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "stackit",
    aliases: &[],
    title: "STACKIT AI Model Serving",
    base_url: "https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1",
    base_url_env: None,
    key_env: &["STACKIT_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
