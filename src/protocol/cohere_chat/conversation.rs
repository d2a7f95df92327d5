//! The conversation: one message for each speaker's turn, one for each tool result.

use std::borrow::Cow;

use super::WIRE;
use super::wire::{Block, Content, Speaker, Turn};
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
    let mut turns = Vec::with_capacity(request.messages.len());
    for (position, message) in request.messages.iter().enumerate() {
        if message.name.is_some() {
            notes.add(Adaptation::dropped("messages.name", "the format has no names of participants"))?;
        }
        Place { position, provider }.say(message, &mut turns)?;
    }
    Ok(turns)
}

/// Where in the request we are, for whom.
#[derive(Clone, Copy)]
struct Place<'a> {
    position: usize,
    provider: &'a str,
}

impl<'a> Place<'a> {
    fn say(self, message: &'a Message, turns: &mut Vec<Turn<'a>>) -> Result<()> {
        let mut content = Vec::with_capacity(message.parts.len());
        let mut plan = String::new();
        let mut calls: Vec<&ToolCall> = Vec::new();
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => turns.push(self.tool_result(result)?),
                Part::ToolCall(call) if message.role == Role::Assistant => calls.push(call),
                Part::ToolCall(_) => return Err(self.invalid("a tool call outside an assistant's turn")),
                Part::Reasoning(reasoning) => match (&message.role, self.kind(reasoning)) {
                    (Role::Assistant, Some(THINKING)) => {
                        content.push(plain(Content::Thinking(&reasoning.text)));
                    }
                    (Role::Assistant, Some(TOOL_PLAN)) => plan.push_str(&reasoning.text),
                    _ => {}
                },
                other => content.extend(self.block(other)?),
            }
        }
        let speaker = match &message.role {
            Role::System | Role::Developer => Speaker::System,
            Role::User => Speaker::User,
            Role::Assistant => Speaker::Assistant { plan, calls },
            Role::Tool if content.is_empty() => return Ok(()),
            Role::Tool => return Err(self.invalid("content beside the tool results")),
            Role::Other(_) => {
                return Err(
                    self.unsupported("a role this format does not know; use system, user, assistant or tool")
                );
            }
        };
        let is_empty = match &speaker {
            Speaker::Assistant { plan, calls } => plan.is_empty() && calls.is_empty(),
            Speaker::System | Speaker::User | Speaker::Tool { .. } => true,
        };
        let extra = Extras::of(&message.extra, WIRE, self.provider);
        if !(content.is_empty() && is_empty && extra.is_empty()) {
            turns.push(Turn { speaker, content, extra });
        }
        Ok(())
    }

    fn block(self, part: &'a Part) -> Result<Option<Block<'a>>> {
        let (content, extra) = match part {
            Part::Text(text) if text.text.is_empty() => return Ok(None),
            Part::Text(text) => (Content::Text(&text.text), &text.extra),
            Part::Image(image) => (self.image(image)?, &image.extra),
            Part::Refusal(refusal) => return Ok(Some(plain(Content::Text(&refusal.text)))),
            Part::Opaque(opaque) if opaque.wire == WIRE => {
                return Ok(Some(plain(Content::Verbatim(&opaque.json))));
            }
            Part::Opaque(_) | Part::Reasoning(_) => return Ok(None),
            Part::Document(_) => {
                return Err(self.unsupported(
                    "a file, which this format does not take; send its text, or `documents` as an extra field",
                ));
            }
            Part::Audio(_) | Part::Video(_) => {
                return Err(self.unsupported("sound or film, which this format does not take"));
            }
            Part::ToolCall(_) | Part::ToolResult(_) => {
                return Err(self.invalid("a tool call or result inside a tool result"));
            }
        };
        Ok(Some(Block { content, extra: Extras::of(extra, WIRE, self.provider) }))
    }

    fn image(self, image: &'a Image) -> Result<Content<'a>> {
        let url = match &image.source {
            MediaSource::Url(url) => Cow::Borrowed(url.as_str()),
            MediaSource::Base64 { media_type, data } => {
                Cow::Owned(format!("data:{media_type};base64,{data}"))
            }
            MediaSource::FileId(_) => {
                return Err(self.unsupported("a picture by its file id; this format has no uploaded files"));
            }
        };
        Ok(Content::Image { url, detail: image.detail.as_deref() })
    }

    fn tool_result(self, result: &'a ToolResult) -> Result<Turn<'a>> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            content.extend(self.block(part)?);
        }
        if content.iter().any(|block| matches!(block.content, Content::Image { .. })) {
            return Err(self.unsupported("a picture in a tool result, which this format does not take"));
        }
        let extra = Extras::of(&result.extra, WIRE, self.provider);
        Ok(Turn { speaker: Speaker::Tool { call_id: &result.call_id }, content, extra })
    }

    /// Which of this format's two kinds of reasoning it was, as JSON text; another vendor's is none.
    fn kind(self, reasoning: &'a Reasoning) -> Option<&'a str> {
        let mut fields = reasoning.extra.for_target(WIRE, self.provider);
        fields.find(|(name, _)| *name == "type").map(|(_, value)| value.as_str())
    }

    fn invalid(self, what: &str) -> Error {
        Error::new(ErrorKind::InvalidRequest, format!("message {} has {what}", self.position))
    }

    fn unsupported(self, what: &str) -> Error {
        Error::new(ErrorKind::Unsupported, format!("message {} has {what}", self.position))
    }
}

fn plain(content: Content<'_>) -> Block<'_> {
    Block { content, extra: Extras::default() }
}

/// Marks reasoning that goes back as a `thinking` block.
pub(super) const THINKING: &str = "\"thinking\"";

/// Marks reasoning that goes back in `tool_plan`.
pub(super) const TOOL_PLAN: &str = "\"tool_plan\"";
