//! Zhipu AI BigModel (mainland China). What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Dialect, Echo, Lacking, Reasoning, StreamUsage, Videos,
};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Zhipu AI BigModel (mainland China)'s OpenAI-compatible API: <https://docs.bigmodel.cn/api-reference/模型-api/对话补全> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "zhipu",
    aliases: &[],
    title: "Zhipu AI BigModel (mainland China)",
    base_url: "https://open.bigmodel.cn/api/paas/v4",
    base_url_env: None,
    key_env: &["ZHIPUAI_API_KEY", "ZHIPU_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    videos: Videos::DataOrAddress,
    reasoning: Reasoning::ThinkingType,
    echo: Echo::Fields(&["reasoning_content"]),
    stream_usage: StreamUsage::Always,
    required_tool: None,
    lacks: &[
        Lacking::JsonSchema,
        Lacking::Logprobs,
        Lacking::Choices,
        Lacking::NamedTool,
        Lacking::NoTool,
        Lacking::FrequencyPenalty,
        Lacking::MessageName,
        Lacking::Metadata,
        Lacking::PresencePenalty,
        Lacking::Seed,
        Lacking::ServiceTier,
        Lacking::TopK,
        Lacking::User,
    ],
    ..Dialect::PLAIN
});
