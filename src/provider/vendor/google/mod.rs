//! Google. What surprises is in [`docs.md`](https://github.com/polyroute/polyroute/blob/main/src/provider/vendor/google/docs.md).

use crate::protocol::generate_content::{GeminiEmbeddings, GenerateContent};
use crate::protocol::media::GoogleMedia;
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Google's Gemini API: <https://ai.google.dev/api> (read 2026-11-23). Vertex AI is another address with other keys.
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "google",
    aliases: &["gemini"],
    title: "Google Gemini API",
    base_url: "https://generativelanguage.googleapis.com/v1beta",
    base_url_env: None,
    key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    // The vendor also takes the key in the query, where it would end up in logs.
    key: KeyStyle::Header("x-goog-api-key"),
    headers: &[],
    chat: Some(&GenerateContent),
    embed: Some(&GeminiEmbeddings),
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    images: Some(&GoogleMedia::GEMINI),
    speech: Some(&GoogleMedia::GEMINI),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
