#![doc = include_str!("docs.md")]

use super::{KeyStyle, Vendor};
use crate::protocol::generate_content::{GeminiEmbeddings, GenerateContent};

/// Google's Gemini API (AI Studio).
pub const BUILTIN: Vendor = Vendor {
    name: "google",
    aliases: &["gemini"],
    title: "Google Gemini API",
    base_url: "https://generativelanguage.googleapis.com/v1beta",
    base_url_env: None,
    key_env: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    // The vendor also takes the key in the query, where it would end up in logs.
    key: KeyStyle::Header("x-goog-api-key"),
    headers: &[],
    chat: Some(&GenerateContent::new()),
    embed: Some(&GeminiEmbeddings::new()),
    models: include_str!("models.json"),
};
