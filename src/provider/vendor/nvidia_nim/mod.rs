//! NVIDIA NIM. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Videos};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::provider::vendor::{KeyStyle, Vendor};

/// NVIDIA NIM's OpenAI-compatible API: <https://docs.api.nvidia.com/nim/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "nvidia_nim",
    aliases: &["nvidia"],
    title: "NVIDIA NIM",
    base_url: "https://integrate.api.nvidia.com/v1",
    base_url_env: None,
    key_env: &["NVIDIA_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions =
    ChatCompletions::new(Dialect { videos: Videos::DataOrAddress, ..Dialect::PLAIN });

static EMBEDDINGS: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);
