//! Hyperbolic. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Hyperbolic's OpenAI-compatible API: <https://docs.hyperbolic.xyz> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "hyperbolic",
    aliases: &[],
    title: "Hyperbolic",
    base_url: "https://api.hyperbolic.xyz/v1",
    base_url_env: None,
    key_env: &["HYPERBOLIC_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
