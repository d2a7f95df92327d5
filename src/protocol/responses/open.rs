//! Telling items: bit by bit while they grow, the rest when they end.

use std::collections::VecDeque;

use super::item::Content;
use crate::types::{Part, Reasoning, StreamEvent, ToolCall};

/// What an item becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Call,
    Message,
    Reasoning,
}

/// Which text of an item grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Arguments,
    Refusal,
    Summary,
    Text,
    Thought,
}

impl Slot {
    /// What part its text becomes, where such parts need borders.
    fn told(self) -> Option<Told> {
        match self {
            Self::Arguments => None,
            Self::Refusal => Some(Told::Refusal),
            Self::Summary | Self::Thought => Some(Told::Reasoning),
            Self::Text => Some(Told::Text),
        }
    }
}

/// An item that is still growing.
pub(super) struct Open {
    pub(super) index: u64,
    pub(super) kind: Kind,
    /// Which tool call, counted from 0.
    call: usize,
    /// The texts told so far, and how much of each.
    pieces: Vec<Piece>,
}

struct Piece {
    name: (Slot, u64),
    bytes: usize,
}

impl Open {
    pub(super) fn new(index: u64, kind: Kind) -> Self {
        Self { index, kind, call: 0, pieces: Vec::new() }
    }

    /// Has any of it been told?
    pub(super) fn is_begun(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// What is left of the text at `position`, of which the last may still be growing.
    fn rest<'a>(&self, position: usize, whole: &'a str) -> &'a str {
        match self.pieces.get(position) {
            None => whole,
            Some(piece) if position + 1 == self.pieces.len() => whole.get(piece.bytes..).unwrap_or_default(),
            Some(_) => "",
        }
    }
}

/// Tells parts, with borders where two of a kind meet.
#[derive(Default)]
pub(super) struct Teller {
    pub(super) calls: usize,
    /// What the last part was; `None` where it needs no border.
    last: Option<Told>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Reasoning,
    Refusal,
    Text,
}

impl Teller {
    pub(super) fn begin_call(
        &mut self,
        open: &mut Open,
        id: String,
        name: String,
        out: &mut VecDeque<StreamEvent>,
    ) {
        open.call = self.calls;
        self.calls += 1;
        self.last = None;
        out.push_back(StreamEvent::ToolCallStart { index: open.call, id, name });
    }

    /// Tells more of one of the item's texts. One that has been left is not returned to: its rest comes with the end.
    pub(super) fn grow(
        &mut self,
        open: &mut Open,
        name: (Slot, u64),
        delta: String,
        out: &mut VecDeque<StreamEvent>,
    ) {
        let known = open.pieces.iter().rposition(|piece| piece.name == name);
        let last = open.pieces.len().checked_sub(1);
        match known {
            None => {
                open.pieces.push(Piece { name, bytes: delta.len() });
                self.announce(name.0.told(), out);
            }
            Some(_) if known != last => return,
            Some(position) => {
                if let Some(piece) = open.pieces.get_mut(position) {
                    piece.bytes += delta.len();
                }
            }
        }
        out.push_back(match name.0 {
            Slot::Arguments => StreamEvent::ToolCallArguments { index: open.call, delta },
            Slot::Refusal => StreamEvent::Refusal(delta),
            Slot::Summary | Slot::Thought => StreamEvent::Reasoning(delta),
            Slot::Text => StreamEvent::Text(delta),
        });
    }

    /// Tells what is left of an item that says `content`; all of it if it was not open.
    pub(super) fn end(&mut self, open: Option<&Open>, content: Content, out: &mut VecDeque<StreamEvent>) {
        let told = open.map_or(0, |open| open.pieces.len());
        for (position, part) in content.parts.into_iter().enumerate() {
            match part {
                Part::ToolCall(call) => self.end_call(open, call, out),
                Part::Reasoning(own) => self.end_reasoning(open, position, own, out),
                Part::Text(text) => {
                    let rest = open.map_or(&*text.text, |open| open.rest(position, &text.text));
                    if position >= told {
                        self.announce(Some(Told::Text), out);
                    }
                    if position >= told || !rest.is_empty() {
                        out.push_back(StreamEvent::Text(rest.to_owned()));
                    }
                    if position + 1 >= told && !text.extra.is_empty() {
                        out.push_back(StreamEvent::PartExtra(text.extra));
                    }
                }
                Part::Refusal(refusal) => {
                    let rest = open.map_or(&*refusal.text, |open| open.rest(position, &refusal.text));
                    if position >= told {
                        self.announce(Some(Told::Refusal), out);
                    }
                    if !rest.is_empty() {
                        out.push_back(StreamEvent::Refusal(rest.to_owned()));
                    }
                }
                whole => {
                    self.last = None;
                    out.push_back(StreamEvent::Part(whole));
                }
            }
        }
        out.extend(content.logprobs.into_iter().map(StreamEvent::Logprobs));
    }

    /// Ends reasoning after which other parts came: its texts can no longer grow, its state is a part of its own.
    pub(super) fn end_suspended(&mut self, open: &Open, content: Content, out: &mut VecDeque<StreamEvent>) {
        for (position, part) in content.parts.into_iter().enumerate() {
            let Part::Reasoning(mut own) = part else { continue };
            if position < open.pieces.len() {
                own.text.clear();
            }
            if !own.text.is_empty() || own.state.is_some() {
                self.end_reasoning(None, position, own, out);
            }
        }
    }

    fn end_call(&mut self, open: Option<&Open>, call: ToolCall, out: &mut VecDeque<StreamEvent>) {
        let mut begun = Open::new(0, Kind::Call);
        let open = match open.filter(|open| open.kind == Kind::Call) {
            Some(open) => open,
            None => {
                self.begin_call(&mut begun, call.id, call.name, out);
                &begun
            }
        };
        let rest = open.rest(0, &call.arguments);
        if !rest.is_empty() {
            out.push_back(StreamEvent::ToolCallArguments { index: open.call, delta: rest.to_owned() });
        }
        if !call.extra.is_empty() {
            out.push_back(StreamEvent::PartExtra(call.extra));
        }
    }

    fn end_reasoning(
        &mut self,
        open: Option<&Open>,
        position: usize,
        own: Reasoning,
        out: &mut VecDeque<StreamEvent>,
    ) {
        let told = open.map_or(0, |open| open.pieces.len());
        let rest = open.map_or(&*own.text, |open| open.rest(position, &own.text));
        if position >= told {
            self.announce(Some(Told::Reasoning), out);
        }
        if !rest.is_empty() {
            out.push_back(StreamEvent::Reasoning(rest.to_owned()));
        }
        out.extend(own.state.map(StreamEvent::ReasoningState));
    }

    /// Two adjacent parts of a kind that is told in deltas need a border; any other part is a border itself.
    fn announce(&mut self, kind: Option<Told>, out: &mut VecDeque<StreamEvent>) {
        if kind.is_some() && kind == self.last {
            out.push_back(StreamEvent::PartEnd);
        }
        self.last = kind;
    }
}
