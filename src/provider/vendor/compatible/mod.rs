//! OpenAI-compatible server. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Videos};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::media::{OpenAiImages, OpenAiModerations, OpenAiSpeech, OpenAiTranscriptions};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{KeyStyle, Vendor};

/// Any server that imitates OpenAI's API: <https://developers.openai.com/api/docs/api-reference/chat/create> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "compatible",
    aliases: &["openai_compatible"],
    title: "OpenAI-compatible server",
    base_url: "",
    base_url_env: None,
    key_env: &[],
    key: KeyStyle::OptionalBearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    embed: Some(&EMBEDDINGS),
    images: Some(&OpenAiImages),
    speech: Some(&OpenAiSpeech),
    transcripts: Some(&OpenAiTranscriptions),
    moderations: Some(&OpenAiModerations),
    models: "",
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { videos: Videos::DataOrAddress, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
