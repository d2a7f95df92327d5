//! A complete answer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::WIRE;
use super::conversation::{THINKING, TOOL_PLAN};
use super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{WireFailure, unreadable};
use crate::types::{Extra, FinishReason, Json, Opaque, Part, Reasoning, Reply, ToolCall};

/// Reads a complete answer.
pub(super) fn reply(body: &[u8]) -> Result<Reply> {
    let mut fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|error| unreadable("the answer", &error))?;
    let Some(mut message) = fields.remove("message").and_then(object) else {
        // An error is an object whose `message` is a sentence.
        let failure = WireFailure::parse(body);
        return Err(match failure.message {
            Some(_) => failure.into_error(200),
            None => Error::new(ErrorKind::InvalidResponse, "the answer has no message"),
        });
    };

    let mut reply = Reply::empty();
    let parts = &mut reply.message.parts;
    for block in list(message.remove("content")) {
        parts.extend(part(block));
    }
    let plan = message.remove("tool_plan").and_then(text).filter(|plan| !plan.is_empty());
    parts.extend(plan.map(|plan| reasoning(plan, TOOL_PLAN)));
    for (position, call) in list(message.remove("tool_calls")).into_iter().enumerate() {
        parts.extend(tool_call(call, position).map(Part::ToolCall));
    }
    let mut citations = Citations::default();
    citations.add(message.remove("citations"));
    citations.keep(&mut reply.extra);
    message.remove("role");

    reply.id = fields.remove("id").and_then(text);
    reply.usage = fields.remove("usage").and_then(usage);
    reply.logprobs = fields.remove("logprobs").filter(|raw| raw.get() != "null").map(logprobs);
    reply.finish_reason_raw = fields.remove("finish_reason").and_then(text);
    for (name, value) in message.into_iter().chain(fields) {
        if value.get() != "null" {
            reply.extra.insert(WIRE, name, Json::from(value.to_owned()));
        }
    }
    if let Some(error) = reply.finish_reason_raw.as_deref().and_then(failure) {
        return Err(error.with_partial(reply));
    }
    reply.finish_reason = reply.finish_reason_raw.as_deref().map(finish_reason);
    Ok(reply)
}

/// What a `finish_reason` means: <https://docs.cohere.com/reference/chat> (read 2026-11-23); the last two are of the
/// first version.
pub(super) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// The error that some reasons are.
pub(super) fn failure(word: &str) -> Option<Error> {
    match word {
        "ERROR" => Some(Error::new(ErrorKind::Server, "the provider failed in the middle of the answer")),
        "TIMEOUT" => Some(Error::new(ErrorKind::Timeout, "the provider's backend took too long")),
        _ => None,
    }
}

#[derive(Deserialize)]
pub(super) struct Content<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
}

impl Content<'_> {
    /// Is it of a kind that has no name here?
    pub(super) fn is_foreign(&self) -> bool {
        self.text.is_none()
            && self.thinking.is_none()
            && self.kind.is_some_and(|kind| !matches!(kind.get(), "\"text\"" | THINKING))
    }
}

/// Reads one block; `None` when it says nothing.
fn part(block: &RawValue) -> Option<Part> {
    let opaque = || Some(Part::Opaque(Opaque::new(WIRE, block.to_owned())));
    match serde_json::from_str(block.get()) {
        Ok(Content { text: Some(text), thinking: None, .. }) => {
            (!text.is_empty()).then_some(text).map(Part::text)
        }
        Ok(Content { thinking: Some(text), text: None, .. }) => {
            (!text.is_empty()).then_some(text).map(|text| reasoning(text, THINKING))
        }
        Ok(content) if !content.is_foreign() => None,
        _ => opaque(),
    }
}

fn reasoning(text: String, kind: &'static str) -> Part {
    let mut reasoning = Reasoning::new(text);
    reasoning.extra = marked(kind);
    Part::Reasoning(reasoning)
}

/// Says of reasoning which field it came from, so that it goes back there.
pub(super) fn marked(kind: &'static str) -> Extra {
    let mut extra = Extra::new();
    if let Ok(kind) = Json::from_text(kind) {
        extra.insert(WIRE, "type", kind);
    }
    extra
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    pub(super) id: Option<String>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Function<'a> {
    pub(super) name: Option<String>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl Function<'_> {
    /// Text, as the format has it; an object, as some servers write it, is its own text.
    pub(super) fn arguments(&self) -> Option<String> {
        let raw = self.arguments?;
        Some(text(raw).unwrap_or_else(|| raw.get().to_owned()))
    }
}

fn tool_call(raw: &RawValue, position: usize) -> Option<ToolCall> {
    let call: Call<'_> = serde_json::from_str(raw.get()).ok()?;
    let function = call.function?;
    let arguments = function.arguments().filter(|text| !text.is_empty()).unwrap_or_else(|| "{}".to_owned());
    Some(ToolCall::new(call_id(call.id, position), function.name?, arguments))
}

/// The id, or one made up.
pub(super) fn call_id(id: Option<String>, position: usize) -> String {
    id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{position}"))
}

/// In one shape whether streamed or not: an object with a list of tokens.
pub(super) fn logprobs(raw: &RawValue) -> Opaque {
    let list = raw.get();
    let text = if list.starts_with('[') {
        format!("{{\"logprobs\":{list}}}")
    } else {
        format!("{{\"logprobs\":[{list}]}}")
    };
    Opaque::new(WIRE, Json::from_text(text).unwrap_or_else(|_| Json::from(raw.to_owned())))
}

/// The citations of an answer, which arrive in a list or one by one.
#[derive(Default)]
pub(super) struct Citations(String);

impl Citations {
    pub(super) fn add(&mut self, raw: Option<&RawValue>) {
        let Some(raw) = raw else { return };
        if raw.get().starts_with('[') {
            for one in list(Some(raw)) {
                self.add_one(one);
            }
        } else if raw.get() != "null" {
            self.add_one(raw);
        }
    }

    fn add_one(&mut self, one: &RawValue) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(one.get());
    }

    /// Puts them where [`Reply::extra`] has them.
    pub(super) fn keep(self, extra: &mut Extra) {
        let Self(mut text) = self;
        if !text.is_empty() {
            text.push(']');
            if let Ok(json) = Json::from_text(text) {
                extra.insert(WIRE, "citations", json);
            }
        }
    }
}

fn object(raw: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

fn list(raw: Option<&RawValue>) -> Vec<&RawValue> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}
