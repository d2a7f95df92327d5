//! Together AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::media::OpenAiImages;
use crate::protocol::responses::Responses;
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Together AI's OpenAI-compatible API: <https://docs.together.ai/reference/chat-completions-1> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "together",
    aliases: &["together_ai"],
    title: "Together AI",
    base_url: "https://api.together.ai/v1",
    base_url_env: None,
    key_env: &["TOGETHER_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::Bearer)],
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    images: Some(&OpenAiImages),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::Enabled,
    echo: Echo::Fields(&["reasoning", "reasoning_content"]),
    lacks: &[Lacking::Metadata, Lacking::ServiceTier, Lacking::User],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
