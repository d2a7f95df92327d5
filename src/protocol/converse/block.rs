//! One block of a streamed answer, from its beginning to its end.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::decode::{ReasoningBlock, keep_citations, tool_call};
use crate::error::Result;
use crate::protocol::fields::{Fields, text};
use crate::protocol::unreadable;
use crate::types::{Extra, Json, Opaque, Part, StreamEvent, Wire};

/// A block that is still growing.
pub(super) enum Grown {
    Text { begun: Begun, citations: Vec<Box<RawValue>> },
    Reasoning { begun: Begun, shown: Option<String>, signature: Option<String>, redacted: Option<String> },
    Call { number: usize, input: Input, extra: Extra },
    Opaque(Unnamed),
}

/// Has the part been announced?
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Begun {
    #[default]
    No,
    Yes,
}

/// Have arguments come?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    None,
    Some,
}

/// What the last part was, to tell two adjacent parts of one kind apart.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Last {
    Text,
    Reasoning,
    #[default]
    Other,
}

#[derive(Default, Deserialize)]
pub(super) struct Delta<'a> {
    text: Option<String>,
    #[serde(rename = "reasoningContent")]
    reasoning: Option<ReasoningDelta>,
    #[serde(rename = "toolUse")]
    tool_use: Option<ToolUseDelta>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReasoningDelta {
    text: Option<String>,
    signature: Option<String>,
    #[serde(rename = "redactedContent")]
    redacted: Option<String>,
}

#[derive(Deserialize)]
struct ToolUseDelta {
    input: Option<String>,
}

impl Grown {
    /// A block that `start` announces; `calls` counts the tool calls.
    pub(super) fn announced(
        start: &RawValue,
        calls: &mut usize,
        last: &mut Last,
        out: &mut VecDeque<StreamEvent>,
    ) -> Option<Self> {
        let fields = Fields::of(start)?;
        let (name, inner) = fields.iter().next()?;
        let call = (name == "toolUse").then(|| Fields::of(inner)).flatten().and_then(|call| tool_call(&call));
        let Some(call) = call else { return Some(Self::Opaque(Unnamed::new(name, Some(inner)))) };
        let number = *calls;
        *calls += 1;
        *last = Last::Other;
        out.push_back(StreamEvent::ToolCallStart { index: number, id: call.id, name: call.name });
        Some(Self::Call { number, input: Input::None, extra: call.extra })
    }

    /// Adds `raw`. What does not fit the open block begins another.
    pub(super) fn grow(
        open: &mut Option<Self>,
        raw: &RawValue,
        last: &mut Last,
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        if let Some(Self::Opaque(unnamed)) = open {
            unnamed.grow(raw);
            return Ok(());
        }
        let delta: Delta<'_> =
            serde_json::from_str(raw.get()).map_err(|error| unreadable("a delta of the stream", &error))?;
        if let Delta { tool_use: Some(delta), .. } = delta {
            if let (Some(Self::Call { number, input, .. }), Some(piece)) = (open, delta.input)
                && !piece.is_empty()
            {
                *input = Input::Some;
                out.push_back(StreamEvent::ToolCallArguments { index: *number, delta: piece });
            }
        } else if let Delta { reasoning: Some(delta), .. } = delta {
            if !matches!(open, Some(Self::Reasoning { .. })) {
                Self::replace(open, Self::reasoning(), last, out)?;
            }
            if let Some(block) = open {
                block.reason(delta, last, out);
            }
        } else if delta.text.is_some() || delta.citation.is_some() {
            if !matches!(open, Some(Self::Text { .. })) {
                Self::replace(open, Self::text(), last, out)?;
            }
            if let Some(Self::Text { begun, citations }) = open {
                citations.extend(delta.citation.map(RawValue::to_owned));
                if let Some(text) = delta.text.filter(|text| !text.is_empty()) {
                    announce(begun, Last::Text, last, out);
                    out.push_back(StreamEvent::Text(text));
                }
            }
        } else if let Some((name, _)) = Fields::of(raw).as_ref().and_then(|fields| fields.iter().next()) {
            let mut unnamed = Unnamed::new(name, None);
            unnamed.grow(raw);
            Self::replace(open, Self::Opaque(unnamed), last, out)?;
        }
        Ok(())
    }

    fn text() -> Self {
        Self::Text { begun: Begun::No, citations: Vec::new() }
    }

    fn reasoning() -> Self {
        Self::Reasoning { begun: Begun::No, shown: None, signature: None, redacted: None }
    }

    fn replace(
        open: &mut Option<Self>,
        block: Self,
        last: &mut Last,
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        match open.replace(block) {
            Some(before) => before.end(last, out),
            None => Ok(()),
        }
    }

    fn reason(&mut self, delta: ReasoningDelta, last: &mut Last, out: &mut VecDeque<StreamEvent>) {
        let Self::Reasoning { begun, shown, signature, redacted } = self else { return };
        if let Some(text) = delta.text {
            shown.get_or_insert_default().push_str(&text);
            if !text.is_empty() {
                announce(begun, Last::Reasoning, last, out);
                out.push_back(StreamEvent::Reasoning(text));
            }
        }
        if let Some(more) = delta.signature {
            signature.get_or_insert_default().push_str(&more);
        }
        if let Some(more) = delta.redacted {
            *redacted = Some(match redacted.take() {
                Some(known) => join_base64(&known, &more),
                None => more,
            });
        }
    }

    /// Ends it: what could not be told bit by bit is told now.
    pub(super) fn end(self, last: &mut Last, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        match self {
            Self::Text { mut begun, citations } => {
                let mut extra = Extra::new();
                keep_citations(&mut extra, &citations.iter().map(|citation| &**citation).collect::<Vec<_>>());
                if !extra.is_empty() {
                    if begun == Begun::No {
                        announce(&mut begun, Last::Text, last, out);
                        out.push_back(StreamEvent::Text(String::new()));
                    }
                    out.push_back(StreamEvent::PartExtra(extra));
                }
            }
            Self::Reasoning { mut begun, shown, signature, redacted } => {
                // A signature without text signs text that is not shown.
                let shown = shown.or_else(|| signature.as_ref().map(|_| String::new()));
                if shown.is_none() && redacted.is_none() {
                    return Ok(());
                }
                let state = ReasoningBlock::of(shown.as_deref(), signature.as_deref(), redacted.as_deref());
                announce(&mut begun, Last::Reasoning, last, out);
                out.extend(state.map(StreamEvent::ReasoningState));
            }
            Self::Call { number, input, extra } => {
                if input == Input::None {
                    out.push_back(StreamEvent::ToolCallArguments { index: number, delta: "{}".to_owned() });
                }
                if !extra.is_empty() {
                    out.push_back(StreamEvent::PartExtra(extra));
                }
            }
            Self::Opaque(unnamed) => {
                let json = Json::from_value(&unnamed)?;
                *last = Last::Other;
                out.push_back(StreamEvent::Part(Part::Opaque(Opaque::new(Wire::Converse, json))));
            }
        }
        Ok(())
    }
}

/// Two adjacent parts of a kind that is told in deltas need a border; any other part is a border itself.
fn announce(begun: &mut Begun, kind: Last, last: &mut Last, out: &mut VecDeque<StreamEvent>) {
    if *begun == Begun::Yes {
        return;
    }
    *begun = Begun::Yes;
    if *last == kind {
        out.push_back(StreamEvent::PartEnd);
    }
    *last = kind;
}

/// Pieces are encoded one by one, so that padding may stand in the middle.
fn join_base64(left: &str, right: &str) -> String {
    match (STANDARD.decode(left), STANDARD.decode(right)) {
        (Ok(mut left), Ok(right)) => {
            left.extend(right);
            STANDARD.encode(left)
        }
        _ => format!("{left}{right}"),
    }
}

/// A block without a name here, as the unstreamed answer would have it: lists are its content, texts grow.
pub(super) struct Unnamed {
    name: String,
    start: Option<Box<RawValue>>,
    content: Vec<Box<RawValue>>,
    texts: Vec<(String, String)>,
    others: Vec<(String, Box<RawValue>)>,
}

impl Unnamed {
    fn new(name: &str, start: Option<&RawValue>) -> Self {
        Self {
            name: name.to_owned(),
            start: start.map(RawValue::to_owned),
            content: Vec::new(),
            texts: Vec::new(),
            others: Vec::new(),
        }
    }

    fn grow(&mut self, delta: &RawValue) {
        let Some(inner) = Fields::of(delta).and_then(|fields| fields.get(&self.name)) else { return };
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(inner.get()) {
            self.content.extend(items.into_iter().map(RawValue::to_owned));
            return;
        }
        let Some(fields) = Fields::of(inner) else { return };
        for (name, value) in fields.iter() {
            match text(value) {
                Some(more) => match self.texts.iter_mut().find(|(own, _)| own == name) {
                    Some((_, known)) => known.push_str(&more),
                    None => self.texts.push((name.to_owned(), more)),
                },
                None => {
                    self.others.retain(|(own, _)| own != name);
                    self.others.push((name.to_owned(), value.to_owned()));
                }
            }
        }
    }
}

impl Serialize for Unnamed {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.name, &Inside(self))?;
        map.end()
    }
}

struct Inside<'a>(&'a Unnamed);

impl Serialize for Inside<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Unnamed { start, content, texts, others, .. } = self.0;
        let grown = |name: &str| {
            (name == "content" && !content.is_empty())
                || texts.iter().any(|(own, _)| own == name)
                || others.iter().any(|(own, _)| own == name)
        };
        let start = start.as_deref().and_then(Fields::of);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in start.iter().flat_map(Fields::iter).filter(|(name, _)| !grown(name)) {
            map.serialize_entry(name, value)?;
        }
        if !content.is_empty() {
            map.serialize_entry("content", content)?;
        }
        for (name, value) in texts {
            // A tool's input is JSON that was cut into pieces.
            match serde_json::from_str::<&RawValue>(value) {
                Ok(json) if name == "input" => map.serialize_entry(name, json)?,
                _ => map.serialize_entry(name, value)?,
            }
        }
        for (name, value) in others {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
