//! Hugging Face Inference Providers. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Reasoning};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Hugging Face Inference Providers' OpenAI-compatible API: <https://huggingface.co/docs/inference-providers> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "huggingface",
    aliases: &[],
    title: "Hugging Face Inference Providers",
    base_url: "https://router.huggingface.co/v1",
    base_url_env: None,
    key_env: &["HF_TOKEN"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { reasoning: Reasoning::Effort, ..Dialect::PLAIN });
