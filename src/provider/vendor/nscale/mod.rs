//! Nscale. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Nscale's OpenAI-compatible API: <https://docs.nscale.com> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "nscale",
    aliases: &[],
    title: "Nscale",
    base_url: "https://inference.api.nscale.com/v1",
    base_url_env: None,
    key_env: &["NSCALE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
