//! One block of a streamed answer, from its beginning to its end.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::decode::{part, rest, tool_call};
use crate::error::Result;
use crate::protocol::fields::{Fields, is_void, text};
use crate::protocol::unreadable;
use crate::types::{Extra, Json, Part, StreamEvent, Wire};

/// What a block becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Reasoning,
    Call,
    Opaque,
}

/// A block that is still growing.
pub(super) struct Grown {
    kind: Kind,
    /// The block as it began.
    first: Box<RawValue>,
    /// What was appended to its text fields, and the whole of `input`.
    added: Vec<(Cow<'static, str>, String)>,
    citations: Vec<Box<RawValue>>,
    /// Has the part been announced?
    begun: bool,
    /// Which tool call, counted from 0.
    call: usize,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
}

impl Grown {
    /// A block that begins as `block`.
    pub(super) fn new(block: &RawValue) -> Self {
        let fields = Fields::of(block);
        let kind = match fields.as_ref().and_then(Fields::kind).as_deref() {
            Some("text") => Kind::Text,
            Some("thinking" | "redacted_thinking") => Kind::Reasoning,
            Some("tool_use") if fields.as_ref().and_then(tool_call).is_some() => Kind::Call,
            _ => Kind::Opaque,
        };
        Self {
            kind,
            first: block.to_owned(),
            added: Vec::new(),
            citations: Vec::new(),
            begun: false,
            call: 0,
        }
    }

    /// What it becomes.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Makes it the tool call of this number.
    pub(super) fn number(&mut self, call: usize) {
        self.call = call;
    }

    /// Announces it, with the text it already has.
    pub(super) fn begin(&mut self, last: &mut Option<Kind>, out: &mut VecDeque<StreamEvent>) {
        let Some(fields) = Fields::of(&self.first) else { return };
        match self.kind {
            Kind::Text => {
                if let Some(text) = fields.text("text").filter(|text| !text.is_empty()) {
                    announce(self.kind, &mut self.begun, last, out);
                    out.push_back(StreamEvent::Text(text));
                }
            }
            Kind::Reasoning => {
                if let Some(text) = fields.text("thinking").filter(|text| !text.is_empty()) {
                    announce(self.kind, &mut self.begun, last, out);
                    out.push_back(StreamEvent::Reasoning(text));
                }
            }
            Kind::Call => {
                if let Some(call) = tool_call(&fields) {
                    announce(self.kind, &mut self.begun, last, out);
                    out.push_back(StreamEvent::ToolCallStart {
                        index: self.call,
                        id: call.id,
                        name: call.name,
                    });
                }
            }
            Kind::Opaque => {}
        }
    }

    /// Adds `raw`.
    pub(super) fn grow(
        &mut self,
        raw: &RawValue,
        last: &mut Option<Kind>,
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        if matches!(self.kind, Kind::Opaque) {
            self.grow_opaque(raw);
            return Ok(());
        }
        let delta: Delta<'_> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable("a delta of the stream", &error))?;
        match self.kind {
            Kind::Text => {
                if let Some(text) = delta.text.filter(|text| !text.is_empty()) {
                    announce(self.kind, &mut self.begun, last, out);
                    out.push_back(StreamEvent::Text(text.into_owned()));
                }
                self.citations.extend(delta.citation.map(RawValue::to_owned));
            }
            Kind::Reasoning => {
                self.grow_opaque(raw);
                if let Some(text) = delta.thinking.filter(|text| !text.is_empty()) {
                    announce(self.kind, &mut self.begun, last, out);
                    out.push_back(StreamEvent::Reasoning(text.into_owned()));
                }
            }
            Kind::Call => {
                if let Some(json) = delta.partial_json.filter(|json| !json.is_empty()) {
                    // Remembers only that arguments came; they are complete with the receiver.
                    if self.added.is_empty() {
                        self.added.push((Cow::Borrowed(INPUT), String::new()));
                    }
                    out.push_back(StreamEvent::ToolCallArguments {
                        index: self.call,
                        delta: json.into_owned(),
                    });
                }
            }
            Kind::Opaque => {}
        }
        Ok(())
    }

    /// Every delta names the field it grows, but for the input of server tools.
    fn grow_opaque(&mut self, raw: &RawValue) {
        let Some(delta) = Fields::of(raw) else { return };
        for (name, value) in delta.iter().filter(|(name, _)| *name != "type") {
            let Some(more) = text(value) else { continue };
            let name = match name {
                "partial_json" => Cow::Borrowed(INPUT),
                "thinking" => Cow::Borrowed("thinking"),
                "signature" => Cow::Borrowed("signature"),
                other => Cow::Owned(other.to_owned()),
            };
            let is_full = self.added.len() >= MOST_GROWING;
            match self.added.iter_mut().find(|(own, _)| *own == name) {
                Some((_, known)) => known.push_str(&more),
                None if is_full => {}
                None => self.added.push((name, more)),
            }
        }
    }

    /// Ends it: what could not be told bit by bit is told now.
    pub(super) fn end(mut self, last: &mut Option<Kind>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        match self.kind {
            Kind::Text => {
                let extra = self.text_extra()?;
                if !extra.is_empty() {
                    if !self.begun {
                        announce(self.kind, &mut self.begun, last, out);
                        out.push_back(StreamEvent::Text(String::new()));
                    }
                    out.push_back(StreamEvent::PartExtra(extra));
                }
            }
            Kind::Call => {
                let Some(call) = Fields::of(&self.first).as_ref().and_then(tool_call) else { return Ok(()) };
                if self.added.is_empty() {
                    out.push_back(StreamEvent::ToolCallArguments { index: self.call, delta: call.arguments });
                }
                if !call.extra.is_empty() {
                    out.push_back(StreamEvent::PartExtra(call.extra));
                }
            }
            Kind::Reasoning | Kind::Opaque => {
                let whole = self.whole()?;
                match part(&whole) {
                    Some(Part::Reasoning(reasoning)) => {
                        announce(Kind::Reasoning, &mut self.begun, last, out);
                        out.extend(reasoning.state.map(StreamEvent::ReasoningState));
                    }
                    Some(part) => {
                        announce(Kind::Opaque, &mut self.begun, last, out);
                        out.push_back(StreamEvent::Part(part));
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    fn text_extra(&self) -> Result<Extra> {
        let Some(fields) = Fields::of(&self.first) else { return Ok(Extra::new()) };
        let mut extra = rest(&fields, &["type", "text", "citations"]);
        let known = fields.get("citations").filter(|known| !is_void(known));
        if known.is_none() && self.citations.is_empty() {
            return Ok(extra);
        }
        let mut citations: Vec<&RawValue> =
            known.and_then(|known| serde_json::from_str(known.get()).ok()).unwrap_or_default();
        citations.extend(self.citations.iter().map(|citation| &**citation));
        extra.insert(Wire::Messages, "citations", Json::from_value(&citations)?);
        Ok(extra)
    }

    /// The block as the unstreamed answer would have it.
    fn whole(&mut self) -> Result<Box<RawValue>> {
        let added = std::mem::take(&mut self.added);
        match Fields::of(&self.first) {
            Some(first) if !added.is_empty() => {
                serde_json::value::to_raw_value(&Whole { first, added: &added })
                    .map_err(|error| unreadable("a block of the stream", &error))
            }
            _ => Ok(self.first.clone()),
        }
    }
}

/// Two adjacent parts of a kind that is told in deltas need a border; any other part is a border itself.
fn announce(kind: Kind, begun: &mut bool, last: &mut Option<Kind>, out: &mut VecDeque<StreamEvent>) {
    if *begun {
        return;
    }
    *begun = true;
    if *last == Some(kind) && matches!(kind, Kind::Text | Kind::Reasoning) {
        out.push_back(StreamEvent::PartEnd);
    }
    *last = Some(kind);
}

/// A block's first fields and what was added to them.
struct Whole<'a> {
    first: Fields<'a>,
    added: &'a [(Cow<'static, str>, String)],
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.first.iter() {
            match self.added.iter().find(|(own, _)| own == name) {
                Some((_, more)) if name == INPUT => put_input(&mut map, more)?,
                Some((_, more)) => {
                    let mut grown = text(value).unwrap_or_default();
                    grown.push_str(more);
                    map.serialize_entry(name, &grown)?;
                }
                None => map.serialize_entry(name, value)?,
            }
        }
        for (name, more) in self.added.iter().filter(|(name, _)| self.first.get(name).is_none()) {
            match &**name {
                INPUT => put_input(&mut map, more)?,
                _ => map.serialize_entry(name, more)?,
            }
        }
        map.end()
    }
}

/// Input that is no JSON, because the answer was cut off, is kept as text.
fn put_input<M: SerializeMap>(map: &mut M, input: &str) -> std::result::Result<(), M::Error> {
    match serde_json::from_str::<&RawValue>(input) {
        Ok(json) => map.serialize_entry(INPUT, json),
        Err(_) if input.trim().is_empty() => map.serialize_entry(INPUT, &serde_json::Map::new()),
        Err(_) => map.serialize_entry(INPUT, input),
    }
}

const INPUT: &str = "input";

/// Far more fields than a block has that grow; each is looked for in all of them.
const MOST_GROWING: usize = 64;
