//! Alibaba Model Studio (Qwen). What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning, Videos};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Alibaba Model Studio (Qwen)'s OpenAI-compatible API: <https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "qwen",
    aliases: &["dashscope", "alibaba"],
    title: "Alibaba Model Studio (Qwen)",
    base_url: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    base_url_env: Some("DASHSCOPE_BASE_URL"),
    key_env: &["DASHSCOPE_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    elsewhere: &[Elsewhere::messages(Some("https://dashscope-intl.aliyuncs.com/apps/anthropic/v1"))],
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    videos: Videos::DataOrAddress,
    reasoning: Reasoning::Switch,
    echo: Echo::Fields(&["reasoning_content"]),
    required_tool: None,
    lacks: &[Lacking::Metadata, Lacking::ServiceTier, Lacking::User],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
