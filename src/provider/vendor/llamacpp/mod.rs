//! llama.cpp. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Reasoning};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::rerank::{Rerank, RerankSpelling};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{KeyStyle, Vendor};

/// llama.cpp's OpenAI-compatible API: <https://github.com/ggml-org/llama.cpp/tree/master/tools/server> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "llamacpp",
    aliases: &["llama_cpp"],
    title: "llama.cpp",
    base_url: "http://localhost:8080/v1",
    base_url_env: Some("LLAMA_BASE_URL"),
    key_env: &["LLAMA_API_KEY"],
    key: KeyStyle::OptionalBearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    embed: Some(&EMBEDDINGS),
    rerank: Some(&RERANK),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { reasoning: Reasoning::Template, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);

static RERANK: Rerank = Rerank::new(RerankSpelling::Jina);
