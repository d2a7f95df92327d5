//! The conversation: instructions apart, turns of two speakers, tool results first.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::media::{Kind, document_name, source};
use super::wire::{Block, Content, Turn};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::call_id;
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::speaker::Speaker;
use crate::types::{
    Adaptation, ChatRequest, Document, Image, Message, Part, Reasoning, ToolCall, ToolResult, Wire,
};

/// A request's messages as this format has them.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    documents: Vec<String>,
}

/// Where in the request we are, for whom.
#[derive(Clone, Copy)]
struct Place<'a> {
    position: usize,
    provider: &'a str,
    model: &'a str,
}

impl<'a> Conversation<'a> {
    /// Rearranges `request`'s messages for `model` at `provider`.
    pub(super) fn of(
        request: &'a ChatRequest,
        provider: &'a str,
        model: &'a str,
        notes: &mut Notes,
    ) -> Result<Self> {
        let mut own = Self::default();
        for (position, message) in request.messages.iter().enumerate() {
            let place = Place { position, provider, model };
            match Speaker::of(message, position, notes)? {
                None => own.instruct(message, place)?,
                Some(speaker) => own.say(speaker, message, place, notes)?,
            }
        }
        for turn in own.turns.iter_mut().filter(|turn| turn.role == Speaker::User) {
            turn.blocks.sort_by_key(|block| !is_result(block));
        }
        Speaker::open(own.turns.first().map(|turn| turn.role))?;
        Ok(own)
    }

    /// Does it hold tool calls or results?
    pub(super) fn uses_tools(&self) -> bool {
        let blocks = || self.turns.iter().flat_map(|turn| &turn.blocks);
        blocks().any(|block| matches!(block.content, Content::ToolUse { .. } | Content::ToolResult { .. }))
    }

    /// Does the running tool loop begin with a turn that does not think? Thinking cannot be switched on inside one.
    pub(super) fn loops_without_thinking(&self) -> bool {
        let answers_calls = |turn: &Turn<'_>| turn.blocks.iter().any(is_result);
        let mut opening = None;
        for turn in self.turns.iter().rev() {
            match turn.role {
                Speaker::User if answers_calls(turn) => {}
                Speaker::User => break,
                Speaker::Assistant => opening = Some(turn),
            }
        }
        self.turns.last().is_some_and(answers_calls)
            && opening.is_some_and(|turn| {
                !turn.blocks.first().is_some_and(|block| matches!(block.content, Content::Reasoning(_)))
            })
    }

    fn instruct(&mut self, message: &'a Message, place: Place<'a>) -> Result<()> {
        for part in &message.parts {
            match part {
                Part::Text(text) if text.text.trim().is_empty() => {}
                Part::Text(text) => {
                    self.system.push(block(
                        Content::Text(&text.text),
                        Extras::of(&text.extra, Wire::Converse, place.provider),
                    ));
                }
                Part::Opaque(opaque) if opaque.wire == Wire::Converse => {
                    self.system.push(block(Content::Verbatim(&opaque.json), Extras::default()));
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
        let mut extra = Extras::of(&message.extra, Wire::Converse, place.provider);
        if let (Some(last), Some(point)) = (self.system.last_mut(), extra.take(CACHE_POINT)) {
            last.cache_point = Some(point);
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
        let mut extra = Extras::of(&message.extra, Wire::Converse, place.provider);
        match (blocks.last_mut(), extra.take(CACHE_POINT)) {
            (None, _) => return Ok(()),
            (Some(last), Some(point)) => last.cache_point = Some(point),
            (Some(_), None) => {}
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == speaker => {
                turn.blocks.append(&mut blocks);
                turn.extra.add(&message.extra, Wire::Converse, place.provider);
                turn.extra.take(CACHE_POINT);
            }
            _ => self.turns.push(Turn { role: speaker, blocks, extra }),
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
        let extras = |extra| Extras::of(extra, Wire::Converse, place.provider);
        Ok(Some(match part {
            // Blank text is refused with a ValidationException:
            // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html (read 2026-11-23).
            Part::Text(text) if text.text.trim().is_empty() => return Ok(None),
            Part::Text(text) => {
                let mut extra = extras(&text.extra);
                let content = match extra.take("citations") {
                    Some(citations) => Content::Cited { text: &text.text, citations },
                    None => Content::Text(&text.text),
                };
                block(content, extra)
            }
            Part::Refusal(refusal) if refusal.text.trim().is_empty() => return Ok(None),
            Part::Refusal(refusal) => block(Content::Text(&refusal.text), Extras::default()),
            Part::Image(image) => block(picture(image, place, notes)?, extras(&image.extra)),
            Part::Document(document) => block(self.document(document, place)?, extras(&document.extra)),
            Part::Video(video) => {
                let (format, source) = source(&video.source, Kind::Video).map_err(|misfit| {
                    unsupported(format!("message {} has film that {}", place.position, misfit.explain()))
                })?;
                block(Content::Video { format, source }, extras(&video.extra))
            }
            Part::Audio(_) => {
                return Err(unsupported(format!(
                    "message {} has sound, which this format does not take",
                    place.position
                )));
            }
            Part::ToolCall(call) if speaker == Speaker::Assistant => {
                block(self.tool_use(call, place)?, extras(&call.extra))
            }
            Part::ToolCall(_) => return Err(misplaced("a tool call outside an assistant's turn", place)),
            Part::ToolResult(result) if speaker == Speaker::User => {
                block(self.tool_result(result, place, notes)?, extras(&result.extra))
            }
            Part::ToolResult(_) => return Err(misplaced("a tool result in an assistant's turn", place)),
            Part::Reasoning(reasoning) if speaker == Speaker::Assistant => {
                return Ok(replay(reasoning, place).map(|content| block(content, Extras::default())));
            }
            Part::Reasoning(_) => return Ok(None),
            Part::Opaque(opaque) if opaque.wire == Wire::Converse => {
                block(Content::Verbatim(&opaque.json), Extras::default())
            }
            Part::Opaque(_) => return Ok(None),
        }))
    }

    fn document(&mut self, document: &'a Document, place: Place<'a>) -> Result<Content<'a>> {
        let (format, source) = source(&document.source, Kind::Document).map_err(|misfit| {
            unsupported(format!("message {} has a document that {}", place.position, misfit.explain()))
        })?;
        let name = document_name(document.name.as_deref(), &self.documents);
        self.documents.push(name.clone());
        Ok(Content::Document { format, name, source })
    }

    fn tool_use(&self, call: &'a ToolCall, place: Place<'a>) -> Result<Content<'a>> {
        let text = call.arguments.trim();
        let text = if text.is_empty() { "{}" } else { text };
        let input = serde_json::from_str::<&RawValue>(text).ok().filter(|_| text.starts_with('{'));
        let input = input.ok_or_else(|| {
            invalid(format!(
                "message {} has a tool call whose arguments are not a JSON object; mend them or leave the turn out",
                place.position
            ))
        })?;
        Ok(Content::ToolUse { id: call_id::plain(&call.id, LONGEST_ID), name: &call.name, input })
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
            id: call_id::plain(&result.call_id, LONGEST_ID),
            content,
            outcome: result.outcome,
        })
    }
}

/// Ids are 1 to 64 letters, digits, `_` and `-`:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html> (read 2026-11-23).
const LONGEST_ID: usize = 64;

/// A block; the cache point among its extra fields follows it.
fn block<'a>(content: Content<'a>, mut extra: Extras<'a>) -> Block<'a> {
    let cache_point = extra.take(CACHE_POINT);
    Block { content, extra, cache_point }
}

fn is_result(block: &Block<'_>) -> bool {
    matches!(block.content, Content::ToolResult { .. })
}

fn picture<'a>(image: &'a Image, place: Place<'_>, notes: &mut Notes) -> Result<Content<'a>> {
    if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
        notes.add(Adaptation::dropped("image.detail", "the format has no levels of detail"))?;
    }
    let (format, source) = source(&image.source, Kind::Image).map_err(|misfit| {
        unsupported(format!("message {} has a picture that {}", place.position, misfit.explain()))
    })?;
    Ok(Content::Image { format, source })
}

/// DeepSeek's models refuse their own reasoning: <https://github.com/langchain-ai/langchain-aws/issues/401>
/// (read 2026-11-23).
fn replay<'a>(reasoning: &'a Reasoning, place: Place<'_>) -> Option<Content<'a>> {
    let state = reasoning.state.as_ref().filter(|state| state.wire == Wire::Converse)?;
    (!place.model.contains("deepseek")).then_some(Content::Reasoning(&state.json))
}

fn misplaced(what: &str, place: Place<'_>) -> Error {
    invalid(format!("message {} has {what}", place.position))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// The extra field that becomes a block after its part:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html> (read 2026-11-23).
pub(super) const CACHE_POINT: &str = "cachePoint";
