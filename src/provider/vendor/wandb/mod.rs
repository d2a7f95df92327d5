//! Weights & Biases Inference. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect};
use crate::provider::vendor::{KeyStyle, Vendor};

/// Weights & Biases Inference's OpenAI-compatible API: <https://docs.wandb.ai/guides/integrations/inference/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "wandb",
    aliases: &[],
    title: "Weights & Biases Inference",
    base_url: "https://api.inference.wandb.ai/v1",
    base_url_env: None,
    key_env: &["WANDB_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect::PLAIN);
