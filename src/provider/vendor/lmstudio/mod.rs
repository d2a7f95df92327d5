//! LM Studio. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{KeyStyle, Vendor};

/// LM Studio's OpenAI-compatible API: <https://lmstudio.ai/docs/developer/openai-compat> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "lmstudio",
    aliases: &["lm_studio"],
    title: "LM Studio",
    base_url: "http://localhost:1234/v1",
    base_url_env: Some("LM_STUDIO_API_BASE"),
    key_env: &["LM_STUDIO_API_KEY"],
    key: KeyStyle::OptionalBearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    embed: Some(&EMBEDDINGS),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
