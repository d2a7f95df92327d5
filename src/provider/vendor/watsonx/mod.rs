//! IBM watsonx.ai. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Dialect, Echo, Envelope, Lacking, StreamUsage, TokenLimit,
};
use crate::provider::vendor::{KeyStyle, Vendor};

/// IBM watsonx.ai's chat API in one region and project, with a short-lived token:
/// <https://www.ibm.com/docs/en/watsonx/saas?topic=solutions-chat> (read 2026-11-26).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "watsonx",
    aliases: &["watsonx_ai", "ibm"],
    title: "IBM watsonx.ai",
    base_url: "https://{region}.ml.cloud.ibm.com/ml/v1",
    base_url_env: Some("WATSONX_URL"),
    resource_env: &["WATSONX_PROJECT_ID"],
    resource_field: Some("project_id"),
    region_env: &["WATSONX_REGION"],
    key_env: &["WATSONX_TOKEN"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    envelope: Envelope::Watsonx,
    token_limit: TokenLimit::MaxCompletionTokens,
    echo: Echo::Never,
    stream_usage: StreamUsage::Always,
    lacks: &[
        Lacking::Metadata,
        Lacking::ParallelToolCalls,
        Lacking::ServiceTier,
        Lacking::ToolMedia,
        Lacking::TopK,
        Lacking::User,
    ],
    ..Dialect::PLAIN
});
