//! The conversation: one message for each speaker's turn, one for each tool result.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::WIRE;
use super::wire::{Call, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::types::{
    Adaptation, ChatRequest, Image, MediaSource, Message, Part, Reasoning, Role, ToolCall, ToolResult,
};

/// `request`'s messages as this format has them.
pub(super) fn turns<'a>(
    request: &'a ChatRequest,
    provider: &'a str,
    notes: &mut Notes,
) -> Result<Vec<Turn<'a>>> {
    let calls = request.messages.iter().flat_map(Message::tool_calls);
    let names: BTreeMap<&str, &str> = calls.map(|call| (call.id.as_str(), call.name.as_str())).collect();
    let mut turns = Vec::with_capacity(request.messages.len());
    for (position, message) in request.messages.iter().enumerate() {
        if message.name.is_some() {
            notes.add(Adaptation::dropped("messages.name", "the format has no names of participants"))?;
        }
        Place { position, provider, names: &names }.say(message, &mut turns)?;
    }
    if turns.iter().any(|turn| !turn.images.is_empty() && turn.role == "tool") {
        notes.add(Adaptation::changed("messages", "pictures of a tool result stand beside its text"))?;
    }
    Ok(turns)
}

/// Where in the request we are, for whom.
#[derive(Clone, Copy)]
struct Place<'p, 'a> {
    position: usize,
    provider: &'a str,
    /// The functions that were called, by the call's id.
    names: &'p BTreeMap<&'a str, &'a str>,
}

impl<'a> Place<'_, 'a> {
    fn say(self, message: &'a Message, turns: &mut Vec<Turn<'a>>) -> Result<()> {
        let role = match &message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
            Role::Other(_) => {
                return Err(
                    self.unsupported("a role this format does not know; use system, user, assistant or tool")
                );
            }
        };
        let mut turn = self.turn(role, Extras::of(&message.extra, WIRE, self.provider));
        let mut has_content = false;
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => turns.push(self.tool_result(result)?),
                Part::ToolCall(call) if message.role == Role::Assistant => turn.calls.push(self.call(call)?),
                Part::ToolCall(_) => return Err(self.invalid("a tool call outside an assistant's turn")),
                Part::Reasoning(reasoning) => {
                    if message.role == Role::Assistant && is_own(reasoning, self.provider) {
                        turn.thinking.push_str(&reasoning.text);
                    }
                }
                other => {
                    has_content = true;
                    self.put(other, &mut turn)?;
                }
            }
        }
        match &message.role {
            Role::Tool if has_content => Err(self.invalid("content beside the tool results")),
            Role::Tool => Ok(()),
            _ if has_content || !turn.calls.is_empty() || !turn.thinking.is_empty() => {
                turns.push(turn);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn turn(self, role: &'static str, extra: Extras<'a>) -> Turn<'a> {
        Turn {
            role,
            content: String::new(),
            thinking: String::new(),
            images: Vec::new(),
            calls: Vec::new(),
            result_of: None,
            extra,
        }
    }

    /// Text and pictures; what stood between them is lost, because the format keeps them apart.
    fn put(self, part: &'a Part, turn: &mut Turn<'a>) -> Result<()> {
        match part {
            Part::Text(text) => turn.content.push_str(&text.text),
            Part::Refusal(refusal) => turn.content.push_str(&refusal.text),
            Part::Image(image) => turn.images.push(self.image(image)?),
            Part::Opaque(_) | Part::Reasoning(_) => {}
            Part::Document(_) => {
                return Err(self.unsupported("a file, which this format does not take; send its text"));
            }
            Part::Audio(_) | Part::Video(_) => {
                return Err(self.unsupported("sound or film, which this format does not take"));
            }
            Part::ToolCall(_) | Part::ToolResult(_) => {
                return Err(self.invalid("a tool call or result inside a tool result"));
            }
        }
        Ok(())
    }

    fn image(self, image: &'a Image) -> Result<&'a str> {
        match &image.source {
            MediaSource::Base64 { data, .. } => Ok(data),
            MediaSource::Url(_) => {
                Err(self.unsupported("a picture by its address; this format takes bytes only"))
            }
            MediaSource::FileId(_) => {
                Err(self.unsupported("a picture by its file id; this format has no uploaded files"))
            }
        }
    }

    fn call(self, call: &'a ToolCall) -> Result<Call<'a>> {
        let text = call.arguments.trim();
        let arguments: &RawValue = serde_json::from_str(if text.is_empty() { "{}" } else { text })
            .ok()
            .filter(|raw: &&RawValue| raw.get().starts_with('{'))
            .ok_or_else(|| {
                self.invalid(
                    "a tool call whose arguments are not a JSON object; mend them or leave the turn out",
                )
            })?;
        Ok(Call { id: &call.id, name: &call.name, arguments })
    }

    fn tool_result(self, result: &'a ToolResult) -> Result<Turn<'a>> {
        let mut turn = self.turn("tool", Extras::of(&result.extra, WIRE, self.provider));
        for part in &result.content {
            self.put(part, &mut turn)?;
        }
        let known = self.names.get(result.call_id.as_str()).copied();
        let name = result.name.as_deref().or(known).ok_or_else(|| {
            self.invalid("a tool result without the call it answers; name the function in ToolResult::name")
        })?;
        turn.result_of = Some((name, &result.call_id));
        Ok(turn)
    }

    fn invalid(self, what: &str) -> Error {
        Error::new(ErrorKind::InvalidRequest, format!("message {} has {what}", self.position))
    }

    fn unsupported(self, what: &str) -> Error {
        Error::new(ErrorKind::Unsupported, format!("message {} has {what}", self.position))
    }
}

/// Is it this format's, so that it goes back? Another vendor's does not.
fn is_own(reasoning: &Reasoning, provider: &str) -> bool {
    let mut fields = reasoning.extra.for_target(WIRE, provider);
    fields.any(|(name, value)| name == "type" && value.as_str() == THINKING)
}

/// Marks reasoning that goes back in `thinking`.
pub(super) const THINKING: &str = "\"thinking\"";
