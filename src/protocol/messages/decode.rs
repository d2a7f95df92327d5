//! A complete answer.

use serde_json::value::RawValue;

use super::usage::Counts;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{Fields, is_void, keep, text};
use crate::protocol::{WireFailure, unreadable};
use crate::types::{Extra, FinishReason, Opaque, Part, Reasoning, Reply, Text, ToolCall, Wire};

/// Reads a complete answer.
pub(super) fn reply(body: &[u8]) -> Result<Reply> {
    let fields: Fields<'_> =
        serde_json::from_slice(body).map_err(|error| unreadable("the answer", &error))?;
    if fields.kind().as_deref() == Some("error") || fields.get("error").is_some_and(|error| !is_void(error)) {
        return Err(WireFailure::parse(body).into_error(200));
    }
    let Some(content) = fields.get("content") else {
        return Err(Error::new(ErrorKind::InvalidResponse, "the answer has no content"));
    };

    let mut reply = Reply::empty();
    let mut counts = Counts::default();
    reply.message.parts = parts(content)?;
    for (name, value) in fields.iter() {
        match name {
            "content" => {}
            "id" => reply.id = text(value),
            "model" => reply.model = text(value),
            "usage" => counts.overlay(value),
            "stop_reason" => reply.finish_reason_raw = text(value),
            _ => keep_field(&mut reply.extra, name, value),
        }
    }
    reply.finish_reason = reply.finish_reason_raw.as_deref().map(finish_reason);
    reply.usage = counts.usage();
    reply.service_tier = counts.service_tier;
    Ok(reply)
}

/// Keeps a field of the message object that has no name in [`Reply`].
pub(super) fn keep_field(extra: &mut Extra, name: &str, value: &RawValue) {
    if !matches!(name, "type" | "role") && !is_void(value) {
        keep(extra, Wire::Messages, name, value);
    }
}

/// What a `stop_reason` means: <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>
/// (read 2026-11-23).
pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "end_turn" | "stop_sequence" | "pause_turn" => FinishReason::Stop,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

fn parts(content: &RawValue) -> Result<Vec<Part>> {
    let Ok(blocks) = serde_json::from_str::<Vec<&RawValue>>(content.get()) else {
        return Ok(text(content).filter(|text| !text.is_empty()).map(Part::text).into_iter().collect());
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        let part = part(block);
        // What nobody knows may pass unread, but an answer must not lose its text in silence.
        if matches!(part, Some(Part::Opaque(_))) && Fields::of(block).is_some_and(|fields| is_text(&fields)) {
            return Err(Error::new(ErrorKind::InvalidResponse, "a text of the answer cannot be read"));
        }
        parts.extend(part);
    }
    Ok(parts)
}

fn is_text(fields: &Fields<'_>) -> bool {
    fields.kind().as_deref() == Some("text")
        && fields.get("text").is_some_and(|text| text.get().starts_with('"'))
}

/// Reads one block. `None` for a text block without text, which the vendor would refuse in the next request.
pub(super) fn part(block: &RawValue) -> Option<Part> {
    let Some(fields) = Fields::of(block) else { return Some(opaque(block)) };
    let known = match fields.kind().as_deref() {
        Some("text") => fields.text("text").map(|text| {
            let extra = rest(&fields, &["type", "text"]);
            (!text.is_empty() || !extra.is_empty()).then(|| {
                let mut part = Text::new(text);
                part.extra = extra;
                Part::Text(part)
            })
        }),
        Some("thinking") => fields.text("thinking").map(|text| Some(Part::Reasoning(reasoning(text, block)))),
        Some("redacted_thinking") => Some(Some(Part::Reasoning(reasoning(String::new(), block)))),
        Some("tool_use") => tool_call(&fields).map(|call| Some(Part::ToolCall(call))),
        _ => None,
    };
    known.unwrap_or_else(|| Some(opaque(block)))
}

/// The call in a `tool_use` block; `None` when it has no id or name.
pub(super) fn tool_call(fields: &Fields<'_>) -> Option<ToolCall> {
    let arguments = fields.get("input").filter(|input| !is_void(input)).map_or("{}", RawValue::get);
    let mut call = ToolCall::new(fields.text("id")?, fields.text("name")?, arguments);
    call.extra = rest(fields, &["type", "id", "name", "input"]);
    Some(call)
}

/// The whole block is the state: a signature is only good with the text it signs.
fn reasoning(text: String, block: &RawValue) -> Reasoning {
    let mut reasoning = Reasoning::new(text);
    reasoning.state = Some(Opaque::new(Wire::Messages, block.to_owned()));
    reasoning
}

fn opaque(block: &RawValue) -> Part {
    Part::Opaque(Opaque::new(Wire::Messages, block.to_owned()))
}

/// The fields of a block beyond `known`.
pub(super) fn rest(fields: &Fields<'_>, known: &[&str]) -> Extra {
    let mut extra = Extra::new();
    for (name, value) in fields.iter().filter(|(name, value)| !known.contains(name) && !is_void(value)) {
        keep(&mut extra, Wire::Messages, name, value);
    }
    extra
}
