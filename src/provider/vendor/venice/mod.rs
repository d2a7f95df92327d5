//! Venice. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Venice's OpenAI-compatible API: <https://docs.venice.ai/api-reference> (read 2026-11-26).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "venice",
    title: "Venice",
    base_url: "https://api.venice.ai/api/v1",
    key_env: &["VENICE_API_KEY"],
    key: KeyStyle::Bearer,
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
