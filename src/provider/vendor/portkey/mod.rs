//! Portkey AI Gateway. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Developer, Dialect};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Portkey AI Gateway's OpenAI-compatible API: <https://portkey.ai/docs/api-reference/inference-api/headers> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "portkey",
    aliases: &[],
    title: "Portkey AI Gateway",
    base_url: "https://api.portkey.ai/v1",
    base_url_env: None,
    key_env: &["PORTKEY_API_KEY"],
    key: KeyStyle::Header("x-portkey-api-key"),
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::Header("x-portkey-api-key"))],
    embed: Some(&EMBEDDINGS),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect { developer: Developer::Kept, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
