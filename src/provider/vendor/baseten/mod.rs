//! Baseten Model APIs. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Baseten Model APIs' OpenAI-compatible API: <https://docs.baseten.co/inference/model-apis/overview> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "baseten",
    aliases: &[],
    title: "Baseten Model APIs",
    base_url: "https://inference.baseten.co/v1",
    base_url_env: None,
    key_env: &["BASETEN_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
