//! The conversation as a list of items, in its order.

use super::item::ITEM;
use super::wire::{Block, Content, Item, Output, Said};
use super::{Developer, Responses};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::Fields;
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::types::{
    Adaptation, ChatRequest, Document, Image, Json, Message, Part, Reasoning, Role, ToolResult, Wire,
};

/// Are the ids of earlier items sent back?
///
/// A service that keeps nothing looks for a reasoning item by its id all the same, and fails. OpenAI, Azure and xAI take
/// items without: <https://github.com/vercel/ai/pull/13211> (read 2026-11-23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ids {
    Kept,
    LeftOut,
}

/// Writes items.
pub(super) struct Input<'a> {
    protocol: &'a Responses,
    provider: &'a str,
    ids: Ids,
    items: Vec<Item<'a>>,
}

impl<'a> Input<'a> {
    /// The items of `request` for `provider`.
    pub(super) fn of(
        protocol: &'a Responses,
        request: &'a ChatRequest,
        provider: &'a str,
        ids: Ids,
        notes: &mut Notes,
    ) -> Result<Vec<Item<'a>>> {
        let mut own = Self { protocol, provider, ids, items: Vec::with_capacity(request.messages.len()) };
        for (position, message) in request.messages.iter().enumerate() {
            if message.name.is_some() {
                notes
                    .add(Adaptation::dropped("messages[].name", "the format has no names of participants"))?;
            }
            own.message(message, position)?;
        }
        Ok(own.items)
    }

    fn message(&mut self, message: &'a Message, position: usize) -> Result<()> {
        let role = match (&message.role, self.protocol.developer) {
            (Role::System, _) | (Role::Developer, Developer::AsSystem) => "system",
            (Role::Developer, Developer::Kept) => "developer",
            // A tool's results are items of their own; what is left over is the application's own text.
            (Role::User | Role::Tool, _) => "user",
            (Role::Assistant, _) => "assistant",
            (Role::Other(word), _) => word,
        };
        let mut said = Said::new(role);
        for part in &message.parts {
            match part {
                Part::ToolCall(call) => {
                    self.flush(&mut said, message);
                    let mut extra = Extras::of(&call.extra, Wire::Responses, self.provider);
                    if self.ids == Ids::LeftOut {
                        extra.take("id");
                    }
                    self.items.push(Item::Call(call, extra));
                }
                Part::ToolResult(result) => {
                    self.flush(&mut said, message);
                    let item = self.result(result, position)?;
                    self.items.push(item);
                }
                Part::Reasoning(reasoning) => {
                    if let Some(item) = self.reasoning(reasoning) {
                        self.flush(&mut said, message);
                        self.items.push(item);
                    }
                }
                Part::Opaque(opaque) if opaque.wire != Wire::Responses => {}
                Part::Opaque(opaque) if !is_block(&opaque.json) => {
                    self.flush(&mut said, message);
                    self.items.push(Item::Verbatim(&opaque.json));
                }
                content => {
                    let about = self.block(content, position, &mut said)?;
                    if about.is_some() {
                        said.about = about;
                        self.flush(&mut said, message);
                    }
                }
            }
        }
        self.flush(&mut said, message);
        Ok(())
    }

    /// Ends the message item that is being collected.
    fn flush(&mut self, said: &mut Said<'a>, message: &'a Message) {
        if said.blocks.is_empty() {
            return;
        }
        let next = Said::new(said.role);
        let mut done = std::mem::replace(said, next);
        done.extra = Extras::of(&message.extra, Wire::Responses, self.provider);
        done.ids = self.ids;
        self.items.push(Item::Message(done));
    }

    /// Adds a block of content; gives back what is said of the item that it ends.
    fn block(&self, part: &'a Part, position: usize, said: &mut Said<'a>) -> Result<Option<&'a Json>> {
        let Some(mut block) = self.content(part, position, said.role)? else { return Ok(None) };
        let about = block.extra.take(ITEM).filter(|_| said.role == "assistant");
        said.blocks.push(block);
        Ok(about)
    }

    fn content(&self, part: &'a Part, position: usize, role: &str) -> Result<Option<Block<'a>>> {
        let is_assistant = role == "assistant";
        let (content, extra) = match part {
            Part::Text(text) if is_assistant => (Content::OutputText(&text.text), Some(&text.extra)),
            Part::Text(text) => (Content::InputText(&text.text), Some(&text.extra)),
            Part::Refusal(refusal) if is_assistant => (Content::Refusal(&refusal.text), None),
            Part::Refusal(refusal) => (Content::InputText(&refusal.text), None),
            Part::Image(Image { source, detail, extra, .. }) => {
                (Content::Image { source, detail: detail.as_deref() }, Some(extra))
            }
            Part::Document(Document { source, name, extra, .. }) => {
                (Content::File { source, name: name.as_deref() }, Some(extra))
            }
            Part::Audio(_) | Part::Video(_) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("message {position} has sound or film, which this format does not take"),
                ));
            }
            Part::Opaque(opaque) if opaque.wire == Wire::Responses => (Content::Verbatim(&opaque.json), None),
            Part::Opaque(_) | Part::Reasoning(_) => return Ok(None),
            Part::ToolCall(_) | Part::ToolResult(_) => {
                return Err(Error::new(
                    ErrorKind::InvalidRequest,
                    format!("message {position} has a tool call or result inside a tool result"),
                ));
            }
        };
        let extra = extra.map(|extra| Extras::of(extra, Wire::Responses, self.provider)).unwrap_or_default();
        Ok(Some(Block { content, extra }))
    }

    fn result(&self, result: &'a ToolResult, position: usize) -> Result<Item<'a>> {
        let mut blocks = Vec::with_capacity(result.content.len());
        for part in &result.content {
            blocks.extend(self.content(part, position, "user")?);
        }
        let extra = Extras::of(&result.extra, Wire::Responses, self.provider);
        Ok(Item::Output(Output { call_id: &result.call_id, blocks, extra }))
    }

    /// Reasoning goes back as it came, if there is anything in it for a service that kept nothing.
    fn reasoning(&self, reasoning: &'a Reasoning) -> Option<Item<'a>> {
        let state = reasoning.state.as_ref().filter(|state| state.wire == Wire::Responses)?;
        if self.ids == Ids::Kept {
            return Some(Item::Verbatim(&state.json));
        }
        let fields: Fields<'a> = serde_json::from_str(state.json.as_str()).ok()?;
        let says = |name| fields.get(name).is_some_and(|value| !crate::protocol::fields::is_void(value));
        (says("encrypted_content") || says("content")).then_some(Item::WithoutId(fields))
    }
}

/// Is it a block of a message's content, rather than an item?
fn is_block(json: &Json) -> bool {
    let fields: Option<Fields<'_>> = serde_json::from_str(json.as_str()).ok();
    fields.and_then(|fields| fields.kind().map(|kind| kind.starts_with("input_"))).unwrap_or_default()
}
