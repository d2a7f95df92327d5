//! OpenAI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{
    ChatCompletions, Developer, Dialect, Echo, Lacking, Reasoning, TokenLimit,
};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::media::{OpenAiImages, OpenAiModerations, OpenAiSpeech, OpenAiTranscriptions};
use crate::protocol::responses::{self, Memory, Responses, UserField};
use crate::protocol::{BatchWire, EmbedLimit};
use crate::protocol::{CacheStyle, HostedStyle, SchemaRules};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// OpenAI's chat completions: <https://developers.openai.com/api/docs/api-reference/chat/create> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "openai",
    aliases: &[],
    title: "OpenAI",
    base_url: "https://api.openai.com/v1",
    base_url_env: Some("OPENAI_BASE_URL"),
    key_env: &["OPENAI_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&RESPONSES],
    embed: Some(&EMBEDDINGS),
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    images: Some(&OpenAiImages),
    speech: Some(&OpenAiSpeech),
    transcripts: Some(&OpenAiTranscriptions),
    moderations: Some(&OpenAiModerations),
    batch: Some(BatchWire::OpenAiFiles),
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

static RESPONSES: Responses = Responses::PLAIN
    .needing(SchemaRules::OpenAi, CacheStyle::Key, HostedStyle::OpenAi)
    .memory(Memory::EncryptedIfReasoning)
    .user(UserField::SafetyIdentifier)
    .developer(responses::Developer::Kept);
