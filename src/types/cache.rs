//! What the vendor may keep of a prompt.

use serde::{Deserialize, Serialize};

/// How long a vendor keeps what it cached, counted from its last use.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheTtl {
    /// Five minutes: writing costs a quarter more than reading the prompt afresh, at Anthropic.
    #[default]
    FiveMinutes,
    /// An hour, where the vendor has the choice; writing costs twice the prompt, at Anthropic.
    OneHour,
}

/// Who says where a prompt may be cached.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CachePlacement {
    /// Only the breakpoints of [`Message::cached`](super::Message::cached) and [`Tool::cached`](super::Tool::cached).
    #[default]
    Explicit,
    /// Besides those, one behind the instructions and tools and one at the end of the conversation.
    Automatic,
}

/// How a prompt is cached by the vendor. Tokens read from the cache are in
/// [`Usage::cache_read_tokens`](super::Usage::cache_read_tokens), and those written in its neighbours.
///
/// Anthropic and Bedrock cache up to breakpoints, four at most; the last are kept when there are more. OpenAI and most
/// others cache by themselves: there a breakpoint is listed as dropped, and automatic placement needs nothing.
///
/// ```
/// use polyroute::ChatRequest;
/// use polyroute::types::{CacheOptions, CacheTtl};
///
/// let request = ChatRequest::new("anthropic/claude-haiku-4-5")
///     .system("A long manual.")
///     .user("A short question.")
///     .cache(CacheOptions::automatic().ttl(CacheTtl::OneHour).key("manual-7"));
/// # assert!(request.cache.is_some());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheOptions {
    /// Who says where.
    pub placement: CachePlacement,
    /// For breakpoints placed automatically.
    pub ttl: CacheTtl,
    /// Requests with the same key are sent where the same prompts are cached: OpenAI's `prompt_cache_key`.
    pub key: Option<String>,
}

impl CacheOptions {
    /// Breakpoints of the application's own only.
    pub fn explicit() -> Self {
        Self::default()
    }

    /// A breakpoint behind the instructions and tools and one at the end of the conversation, where the vendor has them.
    pub fn automatic() -> Self {
        Self { placement: CachePlacement::Automatic, ..Self::default() }
    }

    /// Sets how long breakpoints placed automatically are kept.
    #[must_use]
    pub fn ttl(mut self, ttl: CacheTtl) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the key that keeps requests with the same beginning together.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}
