//! What the vendor's words and numbers mean.

use serde_json::value::RawValue;

use super::WIRE;
use super::stream::Decoder;
use super::wire::{Count, Details, Str, UsageMetadata};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::ChatDecoder as _;
use crate::types::{Accumulator, Extra, FinishReason, Json, Reply, Usage};

/// Reads a complete answer: a stream of one event, so that the two can never disagree.
pub(super) fn whole(body: &[u8]) -> Result<Reply> {
    let mut events = std::collections::VecDeque::new();
    let mut decoder = Decoder::default();
    decoder.event("", body, &mut events)?;
    if !decoder.has_answered() {
        return Err(Error::new(
            ErrorKind::InvalidResponse,
            "the answer has neither candidates nor a block reason",
        ));
    }
    decoder.finish(&mut events);
    let mut reply = Accumulator::new();
    for event in events {
        reply.push(event)?;
    }
    Ok(reply.into_reply())
}

/// The counts alone; `None` when there are none, as in early events of a stream.
///
/// A count that is not there is 0: the vendor's JSON leaves zeros out. One that is there but cannot be a count makes
/// its sum unknown.
pub(super) fn counts(metadata: &UsageMetadata<'_>) -> Option<Usage> {
    let UsageMetadata { prompt, tool_prompt, cached, candidates, thoughts, total, .. } = metadata;
    if [prompt, tool_prompt, cached, candidates, thoughts, total].into_iter().all(Option::is_none) {
        return None;
    }
    let [of_prompt, of_tools, of_cache, of_answer] =
        [metadata.prompt_details, metadata.tool_details, metadata.cache_details, metadata.candidates_details]
            .map(Option::<Details>::unwrap_or_default);
    Some(Usage {
        input_tokens: sum(*prompt, *tool_prompt),
        output_tokens: sum(*candidates, *thoughts),
        cache_read_tokens: cached.and_then(|count| count.0),
        reasoning_tokens: thoughts.and_then(|count| count.0),
        audio_input_tokens: either(of_prompt.audio, of_tools.audio),
        audio_cache_read_tokens: of_cache.audio,
        audio_output_tokens: of_answer.audio,
        image_input_tokens: either(of_prompt.image, of_tools.image),
        image_output_tokens: of_answer.image,
        ..Usage::default()
    })
}

/// Fields of the vendor's that have no name here.
pub(super) fn unnamed<'a>(
    fields: impl IntoIterator<Item = (std::borrow::Cow<'a, str>, &'a RawValue)>,
) -> Extra {
    let mut extra = Extra::new();
    for (name, value) in fields {
        extra.insert(WIRE, &*name, json(value));
    }
    extra
}

pub(super) fn json(raw: &RawValue) -> Json {
    Json::from(raw.to_owned())
}

pub(super) fn owned(text: Option<Str<'_>>) -> Option<String> {
    text.map(|text| text.0.into_owned())
}

/// Did the model make function calls?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Called {
    Functions,
    Nothing,
}

/// There is no word for "waits for tool results": it is `STOP` with function calls.
pub(super) fn finish_reason(word: &str, called: Called) -> FinishReason {
    match (word, called) {
        ("STOP", Called::Functions) => FinishReason::ToolCalls,
        ("STOP", Called::Nothing) => FinishReason::Stop,
        ("MAX_TOKENS", _) => FinishReason::Length,
        (
            "SAFETY"
            | "RECITATION"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "MODEL_ARMOR"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "JAILBREAK",
            _,
        ) => FinishReason::ContentFilter,
        (other, _) => FinishReason::Other(other.to_owned()),
    }
}

fn sum(one: Option<Count>, other: Option<Count>) -> Option<u64> {
    let value = |count: Option<Count>| count.map_or(Some(0), |count| count.0);
    Some(value(one)?.saturating_add(value(other)?))
}

fn either(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).reduce(u64::saturating_add)
}
