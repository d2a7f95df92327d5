//! Tools that the vendor runs, and how strict its filters are.

use serde::{Deserialize, Serialize};

/// A tool that the vendor runs itself, in whatever words it has for it. Each use costs extra at most vendors: searches are
/// counted in [`Usage::web_searches`](super::Usage::web_searches) and priced with the answer. Where the answer does not tell
/// what is billed, as with programs that OpenAI runs, its cost is unknown.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hosted {
    /// Searches the web: Anthropic, OpenAI's and xAI's responses, Gemini, OpenRouter, Perplexity.
    WebSearch(WebSearch),
    /// Runs programs the model writes: OpenAI's and xAI's responses, Gemini.
    CodeExecution,
}

/// How to search the web.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSearch {
    /// Most searches for one answer. OpenAI counts every use of its tools by it; vendors that cannot be told list it as
    /// dropped.
    pub max_uses: Option<u32>,
    /// Only pages of these domains, without `https://`. For a vendor that cannot be told, or not of so many, the request
    /// is refused.
    pub allowed_domains: Vec<String>,
}

/// How strictly one kind of harm is filtered, in the vendor's words: Gemini's `HARM_CATEGORY_HARASSMENT` and
/// `BLOCK_ONLY_HIGH`. Vendors without such settings list it as dropped.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetySetting {
    /// The kind of harm.
    pub category: String,
    /// From where on it is blocked.
    pub threshold: String,
}

impl SafetySetting {
    /// `category` is blocked from `threshold` on.
    pub fn new(category: impl Into<String>, threshold: impl Into<String>) -> Self {
        Self { category: category.into(), threshold: threshold.into() }
    }
}
