//! Volcengine Ark. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::types::Effort;

/// Volcengine Ark's OpenAI-compatible API: <https://www.volcengine.com/docs/82379> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "volcengine",
    aliases: &["ark"],
    title: "Volcengine Ark",
    base_url: "https://ark.cn-beijing.volces.com/api/v3",
    base_url_env: None,
    key_env: &["ARK_API_KEY", "VOLCENGINE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::Words(&[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High]),
    echo: Echo::Fields(&["reasoning_content"]),
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
