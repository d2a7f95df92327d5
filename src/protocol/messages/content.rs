//! The conversation: instructions apart, turns of two speakers, tool results first.

use base64::Engine as _;
use serde_json::value::RawValue;

use super::wire::{Block, Content, Source, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::call_id;
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::speaker::Speaker;
use crate::types::{
    Adaptation, ChatRequest, Document, Image, MediaSource, Message, Part, ToolCall, ToolResult, Wire,
};

/// A request's messages as this format has them.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) files: Files,
}

/// Does the conversation refer to uploaded files?
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Files {
    #[default]
    None,
    Some,
}

impl<'a> Conversation<'a> {
    /// Rearranges `request`'s messages for `provider`.
    pub(super) fn of(request: &'a ChatRequest, provider: &'a str, notes: &mut Notes) -> Result<Self> {
        let mut own = Self::default();
        for (position, message) in request.messages.iter().enumerate() {
            let place = Place { position, provider };
            match Speaker::of(message, position, notes)? {
                None => own.instruct(message, place)?,
                Some(speaker) => own.say(speaker, message, place, notes)?,
            }
        }
        for turn in own.turns.iter_mut().filter(|turn| turn.role == Speaker::User) {
            // "Tool result blocks must come first in the content array":
            // https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls (read 2026-11-23).
            turn.blocks.sort_by_key(|block| !matches!(block.content, Content::ToolResult { .. }));
        }
        Speaker::open(own.turns.first().map(|turn| turn.role))?;
        Ok(own)
    }

    /// Does the running tool loop begin with a turn that does not think? Thinking cannot be switched on inside one.
    pub(super) fn loops_without_thinking(&self) -> bool {
        let mut opening = None;
        for turn in self.turns.iter().rev() {
            match turn.role {
                Speaker::User if turn.answers_calls() => {}
                Speaker::User => break,
                Speaker::Assistant => opening = Some(turn),
            }
        }
        self.turns.last().is_some_and(Turn::answers_calls)
            && opening.is_some_and(|turn| {
                !turn.blocks.first().is_some_and(|block| matches!(block.content, Content::Thinking(_)))
            })
    }

    fn instruct(&mut self, message: &'a Message, place: Place<'a>) -> Result<()> {
        for part in &message.parts {
            match part {
                Part::Text(text) if text.text.trim().is_empty() => {}
                Part::Text(text) => {
                    let extra = Extras::of(&text.extra, Wire::Messages, place.provider);
                    self.system.push(Block { content: Content::Text(&text.text), extra });
                }
                Part::Image(_)
                | Part::Document(_)
                | Part::Audio(_)
                | Part::Video(_)
                | Part::ToolCall(_)
                | Part::ToolResult(_)
                | Part::Reasoning(_)
                | Part::Refusal(_)
                | Part::Opaque(_) => {
                    return Err(unsupported(format!(
                        "message {} has instructions that are not text; move them to a user's message",
                        place.position
                    )));
                }
            }
        }
        Ok(())
    }

    fn say(
        &mut self,
        speaker: Speaker,
        message: &'a Message,
        place: Place<'a>,
        notes: &mut Notes,
    ) -> Result<()> {
        let mut blocks = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            blocks.extend(self.block(speaker, part, place, notes)?);
        }
        if blocks.is_empty() {
            return Ok(());
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == speaker => {
                turn.blocks.append(&mut blocks);
                turn.extra.add(&message.extra, Wire::Messages, place.provider);
            }
            _ => {
                let extra = Extras::of(&message.extra, Wire::Messages, place.provider);
                self.turns.push(Turn { role: speaker, blocks, extra });
            }
        }
        Ok(())
    }

    /// One part; `None` when this format leaves it out.
    fn block(
        &mut self,
        speaker: Speaker,
        part: &'a Part,
        place: Place<'a>,
        notes: &mut Notes,
    ) -> Result<Option<Block<'a>>> {
        let (content, extra) = match part {
            // Blank text blocks are refused with a 400: https://platform.claude.com/docs/en/api/messages
            // (read 2026-11-23).
            Part::Text(text) if text.text.trim().is_empty() => return Ok(None),
            Part::Text(text) => (Content::Text(&text.text), Some(&text.extra)),
            Part::Refusal(refusal) if refusal.text.trim().is_empty() => return Ok(None),
            Part::Refusal(refusal) => (Content::Text(&refusal.text), None),
            Part::Image(image) => (self.image(image, place, notes)?, Some(&image.extra)),
            Part::Document(document) => (self.document(document, place)?, Some(&document.extra)),
            Part::Audio(_) | Part::Video(_) => {
                return Err(unsupported(format!(
                    "message {} has sound or film, which this format does not take",
                    place.position
                )));
            }
            Part::ToolCall(call) if speaker == Speaker::Assistant => {
                (tool_use(call, place)?, Some(&call.extra))
            }
            Part::ToolCall(_) => return Err(misplaced("a tool call outside an assistant's turn", place)),
            Part::ToolResult(result) if speaker == Speaker::User => {
                (self.tool_result(result, place, notes)?, Some(&result.extra))
            }
            Part::ToolResult(_) => return Err(misplaced("a tool result in an assistant's turn", place)),
            Part::Reasoning(reasoning) => match &reasoning.state {
                Some(state) if state.wire == Wire::Messages && speaker == Speaker::Assistant => {
                    (Content::Thinking(&state.json), None)
                }
                _ => return Ok(None),
            },
            Part::Opaque(opaque) if opaque.wire == Wire::Messages => (Content::Verbatim(&opaque.json), None),
            Part::Opaque(_) => return Ok(None),
        };
        let extra = extra.map(|extra| Extras::of(extra, Wire::Messages, place.provider)).unwrap_or_default();
        Ok(Some(Block { content, extra }))
    }

    fn image(&mut self, image: &'a Image, place: Place<'a>, notes: &mut Notes) -> Result<Content<'a>> {
        if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
            notes.add(Adaptation::dropped("image.detail", "the format has no levels of detail"))?;
        }
        self.source(&image.source, place).map(Content::Image)
    }

    fn document(&mut self, document: &'a Document, place: Place<'a>) -> Result<Content<'a>> {
        let source = match self.source(&document.source, place)? {
            Source::Base64 { media_type, data } if is_text(media_type) => {
                Source::PlainText(plain_text(data, place)?)
            }
            Source::Base64 { media_type, .. } if !media_type.eq_ignore_ascii_case("application/pdf") => {
                return Err(unsupported(format!(
                    "message {} has a document that is neither PDF nor text; convert it or upload it as a file",
                    place.position
                )));
            }
            source => source,
        };
        Ok(Content::Document { source, title: document.name.as_deref() })
    }

    fn tool_result(
        &mut self,
        result: &'a ToolResult,
        place: Place<'a>,
        notes: &mut Notes,
    ) -> Result<Content<'a>> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            if matches!(part, Part::ToolCall(_) | Part::ToolResult(_)) {
                return Err(misplaced("a tool call or result inside a tool result", place));
            }
            content.extend(self.block(Speaker::User, part, place, notes)?);
        }
        Ok(Content::ToolResult {
            id: call_id::plain(&result.call_id, usize::MAX),
            content,
            outcome: result.outcome,
        })
    }

    fn source(&mut self, source: &'a MediaSource, place: Place<'a>) -> Result<Source<'a>> {
        Ok(match source {
            MediaSource::Base64 { media_type, data } => Source::Base64 { media_type, data },
            MediaSource::FileId(id) => {
                self.files = Files::Some;
                Source::File(id)
            }
            // Other formats carry pictures as `data:` addresses; this one fetches only http(s).
            MediaSource::Url(url) => match url.strip_prefix("data:") {
                None => Source::Url(url),
                Some(inline) => {
                    let (media_type, data) = inline.split_once(";base64,").ok_or_else(|| {
                        misplaced("a data: address that is not base64 with a media type", place)
                    })?;
                    Source::Base64 { media_type, data }
                }
            },
        })
    }
}

/// Where in the request we are, for whom.
#[derive(Clone, Copy)]
struct Place<'a> {
    position: usize,
    provider: &'a str,
}

fn tool_use<'a>(call: &'a ToolCall, place: Place<'_>) -> Result<Content<'a>> {
    let text = call.arguments.trim();
    let text = if text.is_empty() { "{}" } else { text };
    let input = serde_json::from_str::<&RawValue>(text).ok().filter(|_| text.starts_with('{'));
    let input = input.ok_or_else(|| {
        invalid(format!(
            "message {} has a tool call whose arguments are not a JSON object; mend them or leave the turn out",
            place.position
        ))
    })?;
    Ok(Content::ToolUse { id: call_id::plain(&call.id, usize::MAX), name: &call.name, input })
}

fn is_text(media_type: &str) -> bool {
    media_type.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"))
}

fn plain_text(data: &str, place: Place<'_>) -> Result<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        invalid(format!("message {} has a text document that is not base64 of UTF-8", place.position))
    })
}

fn misplaced(what: &str, place: Place<'_>) -> Error {
    invalid(format!("message {} has {what}", place.position))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}

fn unsupported(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
