//! SiliconFlow. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// SiliconFlow's OpenAI-compatible API: <https://docs.siliconflow.cn/cn/api-reference/chat-completions/chat-completions> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "siliconflow",
    aliases: &[],
    title: "SiliconFlow",
    base_url: "https://api.siliconflow.com/v1",
    base_url_env: None,
    key_env: &["SILICONFLOW_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::Switch,
    echo: Echo::Fields(&["reasoning_content"]),
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
