//! LiteLLM Proxy. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Developer, Dialect};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::media::{OpenAiImages, OpenAiModerations, OpenAiSpeech, OpenAiTranscriptions};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// LiteLLM Proxy's OpenAI-compatible API: <https://docs.litellm.ai/docs/simple_proxy> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "litellm_proxy",
    aliases: &[],
    title: "LiteLLM Proxy",
    base_url: "",
    base_url_env: Some("LITELLM_PROXY_API_BASE"),
    key_env: &["LITELLM_PROXY_API_KEY"],
    key: KeyStyle::OptionalBearer,
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(None).key(KeyStyle::OptionalBearer)],
    embed: Some(&EMBEDDINGS),
    images: Some(&OpenAiImages),
    speech: Some(&OpenAiSpeech),
    transcripts: Some(&OpenAiTranscriptions),
    moderations: Some(&OpenAiModerations),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect { developer: Developer::Kept, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
