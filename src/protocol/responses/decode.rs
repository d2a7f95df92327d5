//! A complete answer.

use serde_json::value::RawValue;

use super::hosted::Uses;
use super::item::{Content, list};
use super::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{Fields, is_void, keep, text};
use crate::protocol::{WireFailure, unreadable};
use crate::types::{Extra, FinishReason, Json, Opaque, Part, Reply, Wire};

/// Reads a complete answer.
pub(super) fn reply(body: &[u8]) -> Result<Reply> {
    // One check of the whole body is cheaper than one for each string in it.
    let body = std::str::from_utf8(body)
        .map_err(|_| Error::new(ErrorKind::InvalidResponse, "the answer is not UTF-8 text"))?;
    let fields: Fields<'_> = serde_json::from_str(body).map_err(|error| unreadable("the answer", &error))?;
    if let Some(error) = failure(&fields, body) {
        return Err(error);
    }
    let Some(output) = fields.get("output").and_then(list) else {
        return Err(Error::new(ErrorKind::InvalidResponse, "the answer has no output"));
    };
    let uses = Uses::of(output.iter().copied());
    let mut content = Content::default();
    for item in output {
        content.read(item)?;
    }

    let mut reply = Reply::empty();
    let has_calls = content.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    reply.message.parts = content.parts;
    reply.logprobs = joined(content.logprobs)?;
    reply.id = fields.text("id");
    reply.model = fields.text("model");
    reply.service_tier = fields.text("service_tier");
    reply.usage = usage::of(&fields, &uses);
    (reply.finish_reason, reply.finish_reason_raw) = finish_reason(&fields, has_calls.into());
    keep_fields(&mut reply.extra, &fields);
    Ok(reply)
}

/// The error in a response object, or in place of one.
pub(super) fn failure(fields: &Fields<'_>, body: &str) -> Option<Error> {
    let has_error = fields.get("error").is_some_and(|error| !is_void(error));
    let has_failed = fields.text("status").as_deref() == Some("failed");
    (has_error || has_failed || fields.kind().as_deref() == Some("error")).then(|| error_in(body))
}

/// Reads the error in `body`, which came under status 200.
pub(super) fn error_in(body: &str) -> Error {
    let mut failure = WireFailure::parse(body.as_bytes());
    let is_request = failure.code.as_deref().is_some_and(|code| OF_THE_REQUEST.contains(&code));
    if failure.status.is_none() && is_request {
        failure.status = Some(400);
    }
    failure.into_error(200)
}

/// Did the answer ask for tools?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    None,
    Some,
}

impl From<bool> for Calls {
    fn from(some: bool) -> Self {
        if some { Self::Some } else { Self::None }
    }
}

/// Why the model stopped, and the vendor's word for it.
pub(super) fn finish_reason(fields: &Fields<'_>, calls: Calls) -> (Option<FinishReason>, Option<String>) {
    let Some(status) = fields.text("status").filter(|status| !status.is_empty()) else {
        return (Some(complete(calls)), None);
    };
    let reason = fields.get("incomplete_details").and_then(Fields::of).and_then(|own| own.text("reason"));
    match (&*status, reason) {
        ("completed" | "complete", _) => (Some(complete(calls)), Some(status)),
        ("incomplete", Some(reason)) => {
            let meaning = match &*reason {
                "max_output_tokens" | "max_tokens" | "length" => FinishReason::Length,
                "content_filter" => FinishReason::ContentFilter,
                other => FinishReason::Other(other.to_owned()),
            };
            (Some(meaning), Some(format!("{status}:{reason}")))
        }
        (other, _) => (Some(FinishReason::Other(other.to_owned())), Some(status)),
    }
}

fn complete(calls: Calls) -> FinishReason {
    match calls {
        Calls::None => FinishReason::Stop,
        Calls::Some => FinishReason::ToolCalls,
    }
}

/// Keeps the fields of a response object that have no name in [`Reply`].
pub(super) fn keep_fields(extra: &mut Extra, fields: &Fields<'_>) {
    for (name, value) in fields.iter() {
        if !READ.contains(&name) && !ECHOES.contains(&name) && !is_void(value) {
            keep(extra, Wire::Responses, name, value);
        }
    }
}

fn joined(mut pieces: Vec<Opaque>) -> Result<Option<Opaque>> {
    if pieces.len() < 2 {
        return Ok(pieces.pop());
    }
    let mut tokens: Vec<&RawValue> = Vec::new();
    for piece in &pieces {
        let fields: Option<Fields<'_>> = serde_json::from_str(piece.json.as_str()).ok();
        tokens.extend(fields.and_then(|fields| list(fields.get("logprobs")?)).unwrap_or_default());
    }
    let object = std::collections::BTreeMap::from([("logprobs", tokens)]);
    Ok(Some(Opaque::new(Wire::Responses, Json::from_value(&object)?)))
}

/// Text that may be missing.
pub(super) fn filled(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(text).filter(|text| !text.is_empty())
}

const READ: &[&str] = &[
    "id",
    "object",
    "created_at",
    "status",
    "model",
    "output",
    "output_text",
    "usage",
    "error",
    "incomplete_details",
    "service_tier",
];

/// What an answer repeats of its request. Instructions and tools may be long, and the caller has them.
const ECHOES: &[&str] = &[
    "background",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Codes of an error inside an answer that are the request's fault; the others are the server's:
/// <https://developers.openai.com/api/docs/api-reference/responses/object> (collected 2026-11-22).
const OF_THE_REQUEST: &[&str] = &[
    "context_length_exceeded",
    "invalid_prompt",
    "content_filter",
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_content_policy_violation",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
];
