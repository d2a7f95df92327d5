//! vLLM. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, TokenLimit, Videos};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// vLLM's OpenAI-compatible API: <https://docs.vllm.ai/en/latest/serving/openai_compatible_server/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "vllm",
    aliases: &[],
    title: "vLLM",
    base_url: "http://localhost:8000/v1",
    base_url_env: Some("VLLM_BASE_URL"),
    key_env: &["VLLM_API_KEY"],
    key: KeyStyle::OptionalBearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::OptionalBearer)],
    embed: Some(&EMBEDDINGS),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    videos: Videos::DataOrAddress,
    token_limit: TokenLimit::MaxCompletionTokens,
    echo: Echo::Fields(&["reasoning", "reasoning_content", "reasoning_details"]),
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
