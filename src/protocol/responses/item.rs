//! Output items: one becomes one part or several.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{Fields, is_void, keep, text};
use crate::types::{Extra, Json, Opaque, Part, Reasoning, Refusal, Text, ToolCall, Wire};

/// What items say.
#[derive(Default)]
pub(super) struct Content {
    pub(super) parts: Vec<Part>,
    /// The log probabilities of each text that has them.
    pub(super) logprobs: Vec<Opaque>,
}

impl Content {
    /// Reads one item.
    pub(super) fn of(item: &RawValue) -> Result<Self> {
        let mut content = Self::default();
        content.read(item)?;
        Ok(content)
    }

    /// Adds what `item` says.
    pub(super) fn read(&mut self, item: &RawValue) -> Result<()> {
        let fields = Fields::of(item);
        match fields.as_ref().and_then(|fields| Some((fields.kind()?, fields))) {
            Some((kind, fields)) if kind == "message" => self.read_message(fields)?,
            Some((kind, fields)) if kind == "reasoning" => self.read_reasoning(fields, item),
            Some((kind, fields)) if kind == "function_call" => {
                self.parts.push(tool_call(fields).map_or_else(|| opaque(item), Part::ToolCall));
            }
            _ => self.parts.push(opaque(item)),
        }
        Ok(())
    }

    fn read_message(&mut self, fields: &Fields<'_>) -> Result<()> {
        let begin = self.parts.len();
        let Some(content) = fields.get("content") else { return Ok(()) };
        match list(content) {
            Some(blocks) => {
                for block in blocks {
                    self.read_block(block)?;
                }
            }
            None => {
                let text = text(content).filter(|text| !text.is_empty());
                self.parts.extend(text.map(Part::text));
            }
        }
        if let Some(about) = about(fields)? {
            // The part that ends an item carries what is said of the item.
            let own = self.parts.iter_mut().skip(begin).next_back();
            if let Some(Part::Text(text)) = own {
                text.extra.insert(Wire::Responses, ITEM, about);
            }
        }
        Ok(())
    }

    fn read_block(&mut self, block: &RawValue) -> Result<()> {
        let Some(fields) = Fields::of(block) else { return Ok(()) };
        match fields.kind().as_deref() {
            Some("output_text" | "text") => {
                let mut text = Text::new(fields.text("text").unwrap_or_default());
                text.extra = block_extra(&fields);
                if let Some(logprobs) = fields.get("logprobs").filter(|logprobs| !is_void(logprobs)) {
                    self.logprobs.push(logprobs_of(logprobs)?);
                }
                if !text.text.is_empty() || !text.extra.is_empty() {
                    self.parts.push(Part::Text(text));
                }
            }
            Some("refusal") => {
                let refused = fields.text("refusal").filter(|text| !text.is_empty());
                self.parts.extend(refused.map(|text| Part::Refusal(Refusal::new(text))));
            }
            _ => {
                let item = serde_json::value::to_raw_value(&Around(block)).map_err(|_| unwritable())?;
                self.parts.push(Part::Opaque(Opaque::new(Wire::Responses, item)));
            }
        }
        Ok(())
    }

    /// One part for each summary and text; the last carries the item, which goes back whole.
    fn read_reasoning(&mut self, fields: &Fields<'_>, item: &RawValue) {
        let begin = self.parts.len();
        for list in ["summary", "content"].into_iter().filter_map(|name| list(fields.get(name)?)) {
            let texts = list.into_iter().filter_map(|block| Fields::of(block)?.text("text"));
            let texts = texts.filter(|text| !text.is_empty());
            self.parts.extend(texts.map(|text| Part::Reasoning(Reasoning::new(text))));
        }
        if self.parts.len() == begin {
            self.parts.push(Part::Reasoning(Reasoning::new("")));
        }
        if let Some(Part::Reasoning(last)) = self.parts.last_mut() {
            last.state = Some(Opaque::new(Wire::Responses, item.to_owned()));
        }
    }
}

/// What the end of a text says beside it: annotations and fields without a name here.
pub(super) fn block_extra(fields: &Fields<'_>) -> Extra {
    let mut extra = Extra::new();
    for (name, value) in fields.iter() {
        if !matches!(name, "type" | "text" | "logprobs") && !is_void(value) {
            keep(&mut extra, Wire::Responses, name, value);
        }
    }
    extra
}

/// The call in a `function_call` item; `None` when it has no name.
pub(super) fn tool_call(fields: &Fields<'_>) -> Option<ToolCall> {
    let word = |name| fields.text(name).filter(|word| !word.is_empty());
    let name = word("name")?;
    let id = word("call_id").or_else(|| word("id"))?;
    let mut call = ToolCall::new(id, name, fields.get("arguments").map(arguments).unwrap_or_default());
    for (name, value) in fields.iter() {
        let known = matches!(name, "type" | "call_id" | "name" | "arguments" | "status");
        if !known && !is_void(value) {
            keep(&mut call.extra, Wire::Responses, name, value);
        }
    }
    Some(call)
}

/// Arguments are text; a service that gets it wrong sends an object.
fn arguments(raw: &RawValue) -> String {
    match text(raw) {
        Some(text) => text,
        None if is_void(raw) => String::new(),
        None => raw.get().to_owned(),
    }
}

/// The list, if it is one.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Id, phase and the like of a message item; they go back beside its content.
fn about(fields: &Fields<'_>) -> Result<Option<Json>> {
    let kept: Vec<_> = fields
        .iter()
        .filter(|(name, value)| !matches!(*name, "type" | "role" | "content" | "status") && !is_void(value))
        .collect();
    if kept.is_empty() { Ok(None) } else { Json::from_value(&Members(&kept)).map(Some) }
}

struct Members<'a>(&'a [(&'a str, &'a RawValue)]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// A block of an unknown kind, with the message around it that it needs to go back.
struct Around<'a>(&'a RawValue);

impl Serialize for Around<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("type", "message")?;
        map.serialize_entry("role", "assistant")?;
        map.serialize_entry("content", &[self.0])?;
        map.end()
    }
}

fn logprobs_of(list: &RawValue) -> Result<Opaque> {
    Ok(Opaque::new(Wire::Responses, Json::from_value(&Members(&[("logprobs", list)]))?))
}

fn opaque(item: &RawValue) -> Part {
    Part::Opaque(Opaque::new(Wire::Responses, item.to_owned()))
}

fn unwritable() -> Error {
    Error::new(ErrorKind::Internal, "an item could not be written as JSON")
}

/// The name under which a text's [`Extra`] keeps what is said of the item that it ends.
pub(super) const ITEM: &str = "item";
