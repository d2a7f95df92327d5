//! Meta AI API. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Meta AI API's OpenAI-compatible API: <https://dev.meta.ai/docs> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "meta",
    aliases: &[],
    title: "Meta AI API",
    base_url: "https://api.meta.ai/v1",
    base_url_env: None,
    key_env: &["META_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::Bearer)],
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
