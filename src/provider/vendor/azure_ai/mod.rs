//! Azure AI Foundry models. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Reasoning};
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};

/// Azure AI Foundry models' OpenAI-compatible API: <https://learn.microsoft.com/en-us/azure/ai-foundry/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "azure_ai",
    aliases: &[],
    title: "Azure AI Foundry models",
    base_url: "https://{resource}.services.ai.azure.com/openai/v1",
    base_url_env: None,
    key_env: &["AZURE_API_KEY"],
    key: KeyStyle::Header("api-key"),
    headers: &[],
    chat: Some(&CHAT),
    elsewhere: &[Elsewhere::messages(Some("https://{resource}.services.ai.azure.com/anthropic/v1"))],
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { reasoning: Reasoning::Effort, ..Dialect::PLAIN });
