//! Azure OpenAI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::EmbedLimit;
use crate::protocol::chat_completions::{
    ChatCompletions, Developer, Dialect, Echo, Lacking, Reasoning, TokenLimit,
};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::media::{OpenAiImages, OpenAiSpeech, OpenAiTranscriptions};
use crate::protocol::responses::{self, Memory, Responses};
use crate::protocol::{CacheStyle, HostedStyle, SchemaRules};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Azure OpenAI's OpenAI-compatible API: <https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "azure",
    aliases: &[],
    title: "Azure OpenAI",
    base_url: "https://{resource}.openai.azure.com/openai/v1",
    base_url_env: Some("AZURE_OPENAI_ENDPOINT"),
    key_env: &["AZURE_OPENAI_API_KEY"],
    key: KeyStyle::Header("api-key"),
    headers: &[],
    chat: Some(&CHAT),
    also: &[&RESPONSES],
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    images: Some(&OpenAiImages),
    speech: Some(&OpenAiSpeech),
    transcripts: Some(&OpenAiTranscriptions),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    schema: SchemaRules::OpenAi,
    cache: CacheStyle::Key,
    token_limit: TokenLimit::MaxCompletionTokens,
    reasoning: Reasoning::Effort,
    echo: Echo::Never,
    developer: Developer::Kept,
    lacks: &[Lacking::TopK, Lacking::ToolMedia],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings =
    OpenAiEmbeddings::new(DimensionsField::Dimensions).limit(EmbedLimit::inputs(2_048).tokens(300_000));

/// <https://learn.microsoft.com/en-us/azure/foundry/openai/how-to/responses> (read 2026-11-26).
static RESPONSES: Responses = Responses::PLAIN
    .needing(SchemaRules::OpenAi, CacheStyle::Key, HostedStyle::OpenAi)
    .memory(Memory::EncryptedIfReasoning)
    .developer(responses::Developer::Kept);
