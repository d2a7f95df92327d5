//! A complete answer.

use serde::Serialize;
use serde_json::value::RawValue;

use super::usage::{Beside, service_tier, usage};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{self, Fields, keep, text};
use crate::protocol::unreadable;
use crate::types::{Extra, FinishReason, Json, Opaque, Part, Reasoning, Reply, Text, ToolCall, Wire};

/// Reads a complete answer.
pub(super) fn reply(body: &[u8]) -> Result<Reply> {
    let fields: Fields<'_> =
        serde_json::from_slice(body).map_err(|error| unreadable("the answer", &error))?;
    let message = fields.get("output").and_then(Fields::of).and_then(|output| output.get("message"));
    let content = message.and_then(Fields::of).and_then(|message| message.get("content"));
    let Some(content) = content else {
        let failure = super::failure(body);
        if failure.message.is_some() || failure.error_type.is_some() {
            return Err(failure.into_error(200));
        }
        return Err(Error::new(ErrorKind::InvalidResponse, "the answer has no message with content"));
    };

    let mut reply = Reply::empty();
    let mut beside = Beside::default();
    let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
    reply.message.parts = blocks.into_iter().filter_map(part).collect();
    for (name, value) in fields.iter() {
        match name {
            "output" => {}
            "stopReason" => reply.finish_reason_raw = text(value),
            "usage" => reply.usage = usage(value),
            "serviceTier" => reply.service_tier = service_tier(value),
            _ => beside.add(name, value),
        }
    }
    reply.finish_reason = reply.finish_reason_raw.as_deref().map(finish_reason);
    reply.extra = beside.into_extra();
    Ok(reply)
}

/// What a `stopReason` means:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html> (read 2026-11-23).
pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// Reads one block. `None` for a text block without text, which the vendor would refuse in the next request.
pub(super) fn part(block: &RawValue) -> Option<Part> {
    let Some(fields) = Fields::of(block) else { return Some(opaque(block)) };
    let inner = |name: &str| fields.get(name).and_then(Fields::of);
    if let Some(text) = fields.text("text") {
        let mut part = Text::new(text);
        part.extra = rest(&fields, &["text"]);
        return (!part.text.is_empty() || !part.extra.is_empty()).then_some(Part::Text(part));
    }
    let known = inner("citationsContent")
        .map(|cited| Part::Text(cited_text(&cited)))
        .or_else(|| inner("reasoningContent").and_then(|content| reasoning(&content, block)))
        .or_else(|| inner("toolUse").and_then(|call| tool_call(&call)).map(Part::ToolCall));
    Some(known.unwrap_or_else(|| opaque(block)))
}

fn cited_text(cited: &Fields<'_>) -> Text {
    let list = |name| {
        let raw: Option<&RawValue> = cited.get(name);
        raw.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()).unwrap_or_default()
    };
    let pieces = list("content").into_iter().filter_map(Fields::of);
    let mut part = Text::new(pieces.filter_map(|piece| piece.text("text")).collect::<String>());
    part.extra = rest(cited, &["content", "citations"]);
    keep_citations(&mut part.extra, &list("citations"));
    part
}

/// Keeps what a text is taken from.
pub(super) fn keep_citations(extra: &mut Extra, citations: &[&RawValue]) {
    if let Ok(json) = Json::from_value(citations)
        && !citations.is_empty()
    {
        extra.insert(Wire::Converse, "citations", json);
    }
}

/// The call in a `toolUse` block; `None` when it has no id or name, or the vendor runs the tool itself.
pub(super) fn tool_call(fields: &Fields<'_>) -> Option<ToolCall> {
    if fields.text("type").is_some_and(|kind| kind != "tool_use") {
        return None;
    }
    let arguments = fields.get("input").filter(|input| input.get() != "null").map_or("{}", RawValue::get);
    let mut call = ToolCall::new(fields.text("toolUseId")?, fields.text("name")?, arguments);
    call.extra = rest(fields, &["type", "toolUseId", "name", "input"]);
    Some(call)
}

/// The whole block is the state: a signature is only good with the text it signs.
fn reasoning(content: &Fields<'_>, block: &RawValue) -> Option<Part> {
    let shown = content.get("reasoningText").and_then(Fields::of);
    if shown.is_none() && content.get("redactedContent").is_none() {
        return None;
    }
    let shown = shown.as_ref();
    let text = shown.and_then(|shown| shown.text("text")).unwrap_or_default();
    let plain = content.iter().count() == 1
        && shown.is_none_or(|shown| shown.iter().all(|(name, _)| matches!(name, "text" | "signature")));
    let state = if plain {
        ReasoningBlock::of(
            shown.is_some().then_some(text.as_str()),
            shown.and_then(|shown| shown.text("signature")).as_deref(),
            content.text("redactedContent").as_deref(),
        )
    } else {
        None
    };
    let mut reasoning = Reasoning::new(text);
    reasoning.state = Some(state.unwrap_or_else(|| Opaque::new(Wire::Converse, block.to_owned())));
    Some(Part::Reasoning(reasoning))
}

/// A reasoning block as both ways of answering have it.
#[derive(Serialize)]
pub(super) struct ReasoningBlock<'a> {
    #[serde(rename = "reasoningContent")]
    content: ReasoningContent<'a>,
}

#[derive(Serialize)]
struct ReasoningContent<'a> {
    #[serde(rename = "reasoningText", skip_serializing_if = "Option::is_none")]
    shown: Option<ReasoningText<'a>>,
    #[serde(rename = "redactedContent", skip_serializing_if = "Option::is_none")]
    redacted: Option<&'a str>,
}

#[derive(Serialize)]
struct ReasoningText<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
}

impl<'a> ReasoningBlock<'a> {
    pub(super) fn of(
        text: Option<&'a str>,
        signature: Option<&'a str>,
        redacted: Option<&'a str>,
    ) -> Option<Opaque> {
        let shown = text.map(|text| ReasoningText { text, signature });
        let block = Self { content: ReasoningContent { shown, redacted } };
        Json::from_value(&block).ok().map(|json| Opaque::new(Wire::Converse, json))
    }
}

fn opaque(block: &RawValue) -> Part {
    Part::Opaque(Opaque::new(Wire::Converse, block.to_owned()))
}

/// The fields of a block beyond `known`.
pub(super) fn rest(fields: &Fields<'_>, known: &[&str]) -> Extra {
    let mut extra = Extra::new();
    for (name, value) in fields.iter().filter(|(name, value)| !known.contains(name) && !is_void(value)) {
        keep(&mut extra, Wire::Converse, name, value);
    }
    extra
}

/// Says a field nothing?
pub(super) fn is_void(raw: &RawValue) -> bool {
    fields::is_void(raw) || raw.get() == "{}"
}
