//! The conversation as the vendor wants it: turns of `user` and `model`, made of parts.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use super::media::media;
use super::part::{Data, OutPart, Raw, Response, object};
use super::sink::SIGNATURE;
use super::wire::fields;
use super::{WIRE, call_id, thinking};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::EncodeFor;
use crate::types::{Extra, Message, Part, Reasoning, Role, ToolCall, ToolResult};

/// One turn.
#[derive(Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<OutPart<'a>>,
}

/// The conversation, taken apart.
pub(super) struct Conversation<'a> {
    pub(super) system: Option<Content<'a>>,
    pub(super) contents: Vec<Content<'a>>,
}

impl<'a> Conversation<'a> {
    /// Sorts `messages` into instructions and turns; turns of the same role that follow each other become one.
    pub(super) fn new(messages: &'a [Message], target: EncodeFor<'a>) -> Result<Self> {
        let mut writer = Writer { target, calls: HashMap::new(), made: 0, contents: Vec::new() };
        let mut system = Vec::new();
        for (position, message) in messages.iter().enumerate() {
            match &message.role {
                Role::System | Role::Developer => writer.instructions(message, &mut system)?,
                Role::User | Role::Tool => writer.user(position, message)?,
                Role::Assistant => writer.model(position, message)?,
                Role::Other(_) => {
                    return Err(unsupported(format!("message {position} has a role this format cannot say")));
                }
            }
        }
        let contents: Vec<_> = writer.contents.into_iter().map(Turn::finish).collect();
        if contents.is_empty() {
            return Err(invalid("the request has only instructions; add a message with .user(..)"));
        }
        let system = (!system.is_empty()).then_some(Content { role: None, parts: system });
        Ok(Self { system, contents })
    }
}

struct Writer<'a> {
    target: EncodeFor<'a>,
    /// The latest call of each id: when it was made, and its name.
    calls: HashMap<&'a str, (usize, &'a str)>,
    made: usize,
    contents: Vec<Turn<'a>>,
}

/// A turn being written. Results come first, in the order of their calls: that is how calls without ids are matched.
struct Turn<'a> {
    content: Content<'a>,
    results: Vec<(usize, OutPart<'a>)>,
}

impl<'a> Turn<'a> {
    fn finish(mut self) -> Content<'a> {
        self.results.sort_by_key(|(made, _)| *made);
        let results: Vec<_> = self.results.into_iter().map(|(_, part)| part).collect();
        self.content.parts.splice(0..0, results);
        self.content
    }
}

impl<'a> Writer<'a> {
    fn turn(&mut self, role: &'static str) -> Result<&mut Turn<'a>> {
        if self.contents.last().is_none_or(|turn| turn.content.role != Some(role)) {
            let content = Content { role: Some(role), parts: Vec::new() };
            self.contents.push(Turn { content, results: Vec::new() });
        }
        self.contents.last_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "a turn was lost"))
    }

    fn instructions(&self, message: &'a Message, system: &mut Vec<OutPart<'a>>) -> Result<()> {
        for part in &message.parts {
            match part {
                Part::Text(text) => system.push(self.part(Data::Text(&text.text), &text.extra)),
                Part::Opaque(opaque) if opaque.wire == WIRE => system.push(OutPart::verbatim(&opaque.json)),
                Part::Opaque(_) => {}
                _ => return Err(unsupported("instructions can only be text in this format")),
            }
        }
        Ok(())
    }

    fn user(&mut self, position: usize, message: &'a Message) -> Result<()> {
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => self.result(position, result)?,
                Part::ToolCall(_) => {
                    return Err(invalid(format!("message {position} makes a tool call as the user")));
                }
                other => {
                    if let Some(part) = self.plain(other)? {
                        self.turn("user")?.content.parts.push(part);
                    }
                }
            }
        }
        Ok(())
    }

    fn model(&mut self, position: usize, message: &'a Message) -> Result<()> {
        let mut unsigned = thinking::is_third_generation(self.target.model);
        for part in &message.parts {
            let part = match part {
                Part::ToolCall(call) => {
                    let mut part = self.call(position, call)?;
                    // History of another model has no signature, and generation 3 refuses the first call of a turn
                    // without one; this word is documented to satisfy it:
                    // https://ai.google.dev/gemini-api/docs/thought-signatures (read 2026-11-23).
                    if std::mem::take(&mut unsigned) && !part.is_signed() {
                        part.extra
                            .push((Cow::Borrowed(SIGNATURE), Raw::Word("skip_thought_signature_validator")));
                    }
                    Some(part)
                }
                Part::ToolResult(_) => {
                    return Err(invalid(format!("message {position} has a tool result in the model's turn")));
                }
                Part::Text(text) if text.text.is_empty() && text.extra.is_empty() => None,
                other => self.plain(other)?,
            };
            if let Some(part) = part {
                self.turn("model")?.content.parts.push(part);
            }
        }
        Ok(())
    }

    /// Everything but calls and results; `None` for what this wire must not see.
    fn plain(&self, part: &'a Part) -> Result<Option<OutPart<'a>>> {
        Ok(match part {
            Part::Text(text) => Some(self.part(Data::Text(&text.text), &text.extra)),
            Part::Image(image) => Some(self.part(media(&image.source)?, &image.extra)),
            Part::Document(document) => Some(self.part(media(&document.source)?, &document.extra)),
            Part::Audio(audio) => Some(self.part(media(&audio.source)?, &audio.extra)),
            Part::Video(video) => Some(self.part(media(&video.source)?, &video.extra)),
            Part::Reasoning(reasoning) => self.thought(reasoning),
            Part::Refusal(refusal) => Some(OutPart { data: Data::Text(&refusal.text), extra: Vec::new() }),
            Part::Opaque(opaque) if opaque.wire == WIRE => Some(OutPart::verbatim(&opaque.json)),
            Part::Opaque(_) | Part::ToolCall(_) | Part::ToolResult(_) => None,
        })
    }

    /// A thought without this wire's signature means nothing to the vendor.
    fn thought(&self, reasoning: &'a Reasoning) -> Option<OutPart<'a>> {
        let state = reasoning.state.as_ref().filter(|state| state.wire == WIRE)?;
        let mut part = self.part(Data::Thought(&reasoning.text), &reasoning.extra);
        let state = fields(state.json.as_str()).unwrap_or_default();
        part.extra.extend(state.into_iter().map(|(name, value)| (name, Raw::Text(value))));
        Some(part)
    }

    fn call(&mut self, position: usize, call: &'a ToolCall) -> Result<OutPart<'a>> {
        self.calls.insert(&call.id, (self.made, &call.name));
        self.made += 1;
        let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        let args = object(text).ok_or_else(|| {
            invalid(format!("message {position} has a tool call whose arguments are not a JSON object"))
        })?;
        Ok(self.part(Data::Call { id: call_id::genuine(&call.id), name: &call.name, args }, &call.extra))
    }

    fn result(&mut self, position: usize, result: &'a ToolResult) -> Result<()> {
        let known = self.calls.get(result.call_id.as_str()).copied();
        let name = known.map(|(_, name)| name).or(result.name.as_deref()).ok_or_else(|| {
            invalid(format!("message {position} has a tool result for a call that no earlier message made"))
        })?;
        let made = known.map_or(usize::MAX, |(made, _)| made);
        // Before generation 3 a result is JSON only, and pictures stand beside it:
        // https://ai.google.dev/gemini-api/docs/function-calling (read 2026-11-23).
        let inside = thinking::is_third_generation(self.target.model);
        let mut blobs = Vec::new();
        let mut beside = Vec::new();
        for part in &result.content {
            match (part, self.plain(part)?) {
                (Part::Text(_), _) | (_, None) => {}
                (_, Some(OutPart { data: data @ Data::Inline { .. }, extra })) if inside => {
                    blobs.push(OutPart { data, extra });
                }
                (_, Some(part)) => beside.push(part),
            }
        }
        let response = Response::new(result.outcome, &result.content);
        let data = Data::Response { id: call_id::genuine(&result.call_id), name, response, blobs };
        let part = self.part(data, &result.extra);
        let turn = self.turn("user")?;
        turn.results.push((made, part));
        turn.content.parts.extend(beside);
        Ok(())
    }

    fn part(&self, data: Data<'a>, extra: &'a Extra) -> OutPart<'a> {
        let extra = extra
            .for_target(WIRE, self.target.provider)
            .map(|(name, value)| (Cow::Borrowed(name), Raw::Json(value)))
            .collect();
        OutPart { data, extra }
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
