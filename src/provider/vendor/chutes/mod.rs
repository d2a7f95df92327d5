//! Chutes. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Chutes' OpenAI-compatible gateway to the models that its users deploy: <https://chutes.ai/llms.txt> (read 2026-11-26).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "chutes",
    title: "Chutes",
    base_url: "https://llm.chutes.ai/v1",
    key_env: &["CHUTES_API_KEY"],
    key: KeyStyle::Bearer,
    chat: Some(&CHAT),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
