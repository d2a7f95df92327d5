//! The vendors' JSON, mirrored for reading.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub(super) use super::value::{Content, Count, Field, Fields, List, Word, into_extra};

open_object! {
    /// A whole answer.
    struct Answer {
        id: Word<'a>,
        model: Word<'a>,
        choices: Option<List<Choice<'a>>>,
        usage: Option<UsageCounts<'a>>,
        service_tier: Word<'a>,
        error: Option<&'a RawValue>,
    } skip { "object", "created" }
}

open_object! {
    /// One answer of several.
    struct Choice {
        index: Count,
        message: Body<'a>,
        finish_reason: Word<'a>,
        logprobs: Option<&'a RawValue>,
    } skip { "delta" }
}

open_object! {
    /// A message, or the part of one that a chunk adds.
    struct Body {
        content: Content<'a>,
        reasoning_content: Word<'a>,
        reasoning: Word<'a>,
        reasoning_details: Option<&'a RawValue>,
        refusal: Word<'a>,
        tool_calls: List<Call<'a>>,
        function_call: Function<'a>,
        images: List<&'a RawValue>,
        audio: Sound<'a>,
    } skip { "role", "channel", "padding", "reasoning_encrypted" }
}

open_object! {
    /// A tool call, or the part of one that a chunk adds.
    struct Call {
        index: Count,
        id: Word<'a>,
        function: Function<'a>,
        custom: Custom<'a>,
    } skip { "type" }
}

open_object! {
    /// A call's name and arguments; the arguments are text, or an object at vendors that get it wrong.
    struct Function {
        name: Word<'a>,
        arguments: Option<&'a RawValue>,
    } skip {}
}

open_object! {
    /// A call of a tool that takes free text.
    struct Custom {
        name: Word<'a>,
        input: Option<&'a RawValue>,
    } skip {}
}

open_object! {
    /// Spoken output.
    struct Sound {
        data: Word<'a>,
        transcript: Word<'a>,
    } skip {}
}

/// A block of a content list, as far as it is understood.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Word<'a>,
    #[serde(borrow)]
    pub(super) text: Word<'a>,
    #[serde(borrow)]
    pub(super) thinking: Content<'a>,
    #[serde(borrow)]
    pub(super) refusal: Word<'a>,
    #[serde(borrow)]
    pub(super) image_url: Option<&'a RawValue>,
}

open_object! {
    /// The counts of an answer, in all the spellings in use.
    struct UsageCounts {
        prompt_tokens: Count,
        completion_tokens: Count,
        total_tokens: Count,
        prompt_tokens_details: PromptDetails<'a>,
        completion_tokens_details: CompletionDetails<'a>,
        prompt_cache_hit_tokens: Count,
        num_cached_tokens: Count,
        cached_tokens: Count,
        cache_read_input_tokens: Count,
        cache_creation_input_tokens: Count,
        cache_creation: CacheCreation<'a>,
        reasoning_tokens: Count,
        server_tool_use: ServerTools<'a>,
        server_tool_use_details: ServerTools<'a>,
        num_search_queries: Count,
        num_sources_used: Count,
        server_side_tool_usage_details: Option<&'a RawValue>,
        cost: Option<&'a RawValue>,
        cost_in_usd_ticks: Count,
    } skip { "prompt_cache_miss_tokens" }
}

open_object! {
    struct PromptDetails {
        cached_tokens: Count,
        cache_write_tokens: Count,
        audio_tokens: Count,
        image_tokens: Count,
    } skip {}
}

open_object! {
    struct CompletionDetails {
        reasoning_tokens: Count,
        audio_tokens: Count,
        image_tokens: Count,
    } skip {}
}

open_object! {
    struct CacheCreation {
        ephemeral_1h_input_tokens: Count,
    } skip {}
}

open_object! {
    struct ServerTools {
        web_search_requests: Count,
    } skip {}
}

/// One event of a stream. Its unknown fields are read separately, and only from the few chunks that may have new ones.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) id: Word<'a>,
    #[serde(borrow)]
    pub(super) model: Word<'a>,
    #[serde(borrow)]
    pub(super) choices: List<ChunkChoice<'a>>,
    #[serde(borrow)]
    pub(super) usage: Option<UsageCounts<'a>>,
    #[serde(borrow)]
    pub(super) x_groq: Option<GroqExtra<'a>>,
    #[serde(borrow)]
    pub(super) service_tier: Word<'a>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) object: Word<'a>,
}

/// Groq puts a stream's usage here, beside the usual place or instead of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroqExtra<'a> {
    #[serde(borrow)]
    pub(super) usage: Option<UsageCounts<'a>>,
}

open_object! {
    /// What one chunk adds to one answer. Perplexity sends the whole `message` beside each `delta`; it is skipped.
    struct ChunkChoice {
        index: Count,
        delta: Body<'a>,
        finish_reason: Word<'a>,
        logprobs: Option<&'a RawValue>,
    } skip { "message", "token_ids" }
}

/// Not in the way of a chunk's meaning, and different in every chunk or never of use.
pub(super) const BORING: &[&str] = &[
    "id",
    "model",
    "choices",
    "usage",
    "service_tier",
    "error",
    "object",
    "created",
    "obfuscation",
    "p",
    "x_groq",
];
