//! TokenMix. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// TokenMix's OpenAI-compatible API: <https://tokenmix.ai/docs/chat-completions> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "tokenmix",
    aliases: &[],
    title: "TokenMix",
    base_url: "https://api.tokenmix.ai/v1",
    base_url_env: None,
    key_env: &["TOKENMIX_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
