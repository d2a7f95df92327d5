//! Moonshot AI (Kimi). What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Dialect, Echo, Lacking, Pictures, Reasoning, Videos,
};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Moonshot AI (Kimi)'s OpenAI-compatible API: <https://platform.kimi.ai/docs/api/chat.md> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "moonshot",
    aliases: &[],
    title: "Moonshot AI (Kimi)",
    base_url: "https://api.moonshot.ai/v1",
    base_url_env: None,
    key_env: &["MOONSHOT_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(Some("https://api.moonshot.ai/anthropic/v1")).key(KeyStyle::Bearer)],
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    pictures: Pictures::Data,
    videos: Videos::DataOrFile,
    reasoning: Reasoning::ThinkingSwitch,
    echo: Echo::Fields(&["reasoning_content"]),
    required_tool: None,
    lacks: &[Lacking::NamedTool],
    ..Dialect::PLAIN
});
