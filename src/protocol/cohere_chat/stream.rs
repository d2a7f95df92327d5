//! A streamed answer: blocks and calls begin, grow and end; citations come in between.

use std::collections::VecDeque;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::WIRE;
use super::conversation::{THINKING, TOOL_PLAN};
use super::decode::{Call, Citations, Content, call_id, failure, finish_reason, logprobs, marked, text};
use super::usage::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{ChatDecoder, WireFailure, unreadable};
use crate::types::{Extra, Opaque, Part, StreamEvent, StreamFinish};

/// Reads the events of one answer.
#[derive(Default)]
pub(super) struct Decoder {
    /// What the last part is; `None` when it is neither text nor reasoning.
    last: Option<Kind>,
    block: Block,
    calls: Vec<OpenCall>,
    citations: Citations,
    done: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Plan,
}

/// Does the next piece begin a part of its own?
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Block {
    #[default]
    Same,
    New,
}

struct OpenCall {
    /// The vendor's number of it.
    index: u64,
    arguments: Arguments,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Arguments {
    None,
    Some,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("calls", &self.calls.len())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OfContent<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OfPlan {
    tool_plan: Option<String>,
}

#[derive(Deserialize)]
struct OfCall<'a> {
    #[serde(borrow)]
    tool_calls: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct OfCitation<'a> {
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

impl ChatDecoder for Decoder {
    fn event(&mut self, name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        // OpenAI's marker follows the vendor's own, though it is not documented.
        if self.done || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: Event<'_> =
            serde_json::from_slice(data).map_err(|error| unreadable("an event of the stream", &error))?;
        let kind = event.kind.map_or(name, |kind| kind.get().trim_matches('"'));
        match kind {
            "content-delta" => self.content(&event, out),
            "content-start" => {
                self.block = Block::New;
                self.content(&event, out);
            }
            "tool-plan-delta" => {
                let plan = message::<OfPlan>(&event).and_then(|message| message.tool_plan);
                self.say(Kind::Plan, plan, out);
            }
            "tool-call-start" => self.begin_call(&event, out)?,
            "tool-call-delta" => self.grow_call(&event, out)?,
            "tool-call-end" => self.end_call(&event, out),
            "citation-start" => {
                self.citations.add(message::<OfCitation<'_>>(&event).and_then(|message| message.citations));
            }
            "message-start" => {
                out.push_back(StreamEvent::Start { id: event.id.and_then(text), model: None });
            }
            "message-end" => self.finish(&event, out)?,
            "error" => return Err(WireFailure::parse(data).into_error(200)),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Truncated, "the stream ended without message-end"))
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn content(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) {
        let raw = message::<OfContent<'_>>(event).and_then(|message| message.content);
        match raw.and_then(|raw| serde_json::from_str::<Content<'_>>(raw.get()).ok()) {
            Some(content) if self.block == Block::New && content.is_foreign() => {
                if let Some(raw) = raw {
                    self.last = None;
                    out.push_back(StreamEvent::Part(Part::Opaque(Opaque::new(WIRE, raw.to_owned()))));
                }
            }
            Some(content) => {
                self.say(Kind::Thinking, content.thinking, out);
                self.say(Kind::Text, content.text, out);
            }
            None => {}
        }
        out.extend(event.logprobs.map(|raw| StreamEvent::Logprobs(logprobs(raw))));
    }

    fn say(&mut self, kind: Kind, piece: Option<String>, out: &mut VecDeque<StreamEvent>) {
        let Some(piece) = piece.filter(|piece| !piece.is_empty()) else { return };
        let block = std::mem::take(&mut self.block);
        let last = self.last.replace(kind);
        let continues = last == Some(kind) && block == Block::Same;
        if !continues && last.is_some_and(|last| (last == Kind::Text) == (kind == Kind::Text)) {
            out.push_back(StreamEvent::PartEnd);
        }
        let marker = match kind {
            Kind::Text => return out.push_back(StreamEvent::Text(piece)),
            Kind::Thinking => THINKING,
            Kind::Plan => TOOL_PLAN,
        };
        out.push_back(StreamEvent::Reasoning(piece));
        if !continues {
            out.push_back(StreamEvent::PartExtra(marked(marker)));
        }
    }

    fn begin_call(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let call = message::<OfCall<'_>>(event).and_then(|message| message.tool_calls);
        let Some((id, function)) = call.and_then(|call| Some((call.id, call.function?))) else {
            return Err(Error::new(ErrorKind::InvalidResponse, "a tool call begins without a function"));
        };
        let arguments = function.arguments();
        let Some(name) = function.name else {
            return Err(Error::new(ErrorKind::InvalidResponse, "a tool call begins without a name"));
        };
        self.last = None;
        let position = self.calls.len();
        self.calls.push(OpenCall { index: number(event).unwrap_or(u64::MAX), arguments: Arguments::None });
        out.push_back(StreamEvent::ToolCallStart { index: position, id: call_id(id, position), name });
        self.argue(position, arguments, out);
        Ok(())
    }

    fn grow_call(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let Some(position) = self.position(event) else {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                "a delta came for a tool call that is not open",
            ));
        };
        let function = message::<OfCall<'_>>(event).and_then(|message| message.tool_calls?.function);
        self.argue(position, function.and_then(|function| function.arguments()), out);
        Ok(())
    }

    fn end_call(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) {
        if let Some(position) = self.position(event) {
            self.settle_call(position, out);
        }
    }

    /// A call without arguments sends none; complete answers have an empty object.
    fn settle_call(&mut self, position: usize, out: &mut VecDeque<StreamEvent>) {
        if self.calls.get(position).is_some_and(|call| call.arguments == Arguments::None) {
            self.argue(position, Some("{}".to_owned()), out);
        }
    }

    fn argue(&mut self, position: usize, delta: Option<String>, out: &mut VecDeque<StreamEvent>) {
        let Some(delta) = delta.filter(|delta| !delta.is_empty()) else { return };
        if let Some(call) = self.calls.get_mut(position) {
            call.arguments = Arguments::Some;
            out.push_back(StreamEvent::ToolCallArguments { index: position, delta });
        }
    }

    /// Which call the event is about; without a number, the last.
    fn position(&self, event: &Event<'_>) -> Option<usize> {
        match event.index {
            Some(_) => {
                let index = number(event)?;
                self.calls.iter().rposition(|call| call.index == index)
            }
            None => self.calls.len().checked_sub(1),
        }
    }

    fn finish(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        for position in 0..self.calls.len() {
            self.settle_call(position, out);
        }
        let delta = event.delta.as_ref();
        let usage = delta.and_then(|delta| delta.usage).and_then(usage);
        out.extend(usage.map(|usage| StreamEvent::Usage(Box::new(usage))));
        let raw = delta.and_then(|delta| delta.finish_reason).and_then(text);
        if let Some(message) = delta.and_then(|delta| delta.error).and_then(text) {
            let error = raw.as_deref().and_then(failure);
            let error = error.unwrap_or_else(|| WireFailure::default().into_error(200));
            return Err(error.with_provider_message(message));
        }
        if let Some(error) = raw.as_deref().and_then(failure) {
            return Err(error);
        }
        let mut extra = Extra::new();
        std::mem::take(&mut self.citations).keep(&mut extra);
        let mut finish = StreamFinish::new(raw.as_deref().map(finish_reason), raw);
        finish.extra = extra;
        out.push_back(StreamEvent::Finish(Box::new(finish)));
        self.done = true;
        Ok(())
    }
}

fn message<'a, T: Deserialize<'a>>(event: &Event<'a>) -> Option<T> {
    let raw = event.delta.as_ref()?.message?;
    serde_json::from_str(raw.get()).ok()
}

fn number(event: &Event<'_>) -> Option<u64> {
    event.index?.get().parse().ok()
}
