//! Answers. A streamed answer's lines are small answers, and the last one has the counts.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::WIRE;
use super::conversation::THINKING;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{ChatDecoder, WireFailure, unreadable};
use crate::types::{Accumulator, Extra, FinishReason, Json, Opaque, Reply, StreamEvent, StreamFinish, Usage};

/// Reads a complete answer: a stream of one line.
pub(super) fn reply(body: &[u8]) -> Result<Reply> {
    let mut decoder = Decoder::default();
    let mut events = VecDeque::new();
    decoder.event("", body, &mut events)?;
    if !decoder.done {
        return Err(Error::new(ErrorKind::InvalidResponse, "the answer does not say that it is done"));
    }
    let mut answer = Accumulator::new();
    for event in events {
        answer.push(event)?;
    }
    Ok(answer.into_reply())
}

/// Reads the lines of one answer.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    /// Is the last part reasoning?
    thinking: bool,
    calls: usize,
    done: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder({} calls, done: {})", self.calls, self.done)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    content: Option<String>,
    thinking: Option<String>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    id: Option<String>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl ChatDecoder for Decoder {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let mut fields: BTreeMap<String, &RawValue> =
            serde_json::from_slice(data).map_err(|error| unreadable("the answer", &error))?;
        if fields.get("error").is_some_and(|error| error.get() != "null") {
            return Err(WireFailure::parse(data).into_error(200));
        }
        if !self.started {
            self.started = true;
            out.push_back(StreamEvent::Start { id: None, model: fields.remove("model").and_then(text) });
        }
        if let Some(raw) = fields.remove("message") {
            let message =
                serde_json::from_str(raw.get()).map_err(|error| unreadable("the answer", &error))?;
            self.message(message, out)?;
        }
        if let Some(raw) = fields.remove("logprobs").filter(|raw| raw.get().starts_with('[')) {
            // As an object, because the pieces of a stream are joined by the names of their lists.
            let json = Json::from_text(format!("{{\"logprobs\":{}}}", raw.get()));
            out.extend(json.ok().map(|json| StreamEvent::Logprobs(Opaque::new(WIRE, json))));
        }
        if fields.remove("done").is_some_and(|done| done.get() == "true") {
            self.finish(fields, out);
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Truncated, "the stream ended before the line that says done"))
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn message(&mut self, message: Message<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if let Some(thought) = message.thinking.filter(|text| !text.is_empty()) {
            out.push_back(StreamEvent::Reasoning(thought));
            if !self.thinking {
                out.push_back(StreamEvent::PartExtra(marked()));
            }
            self.thinking = true;
        }
        if let Some(text) = message.content.filter(|text| !text.is_empty()) {
            self.thinking = false;
            out.push_back(StreamEvent::Text(text));
        }
        for raw in message.tool_calls.unwrap_or_default() {
            let call: Call<'_> =
                serde_json::from_str(raw.get()).map_err(|error| unreadable("a tool call", &error))?;
            self.call(call, out);
        }
        Ok(())
    }

    /// Calls come whole.
    fn call(&mut self, call: Call<'_>, out: &mut VecDeque<StreamEvent>) {
        self.thinking = false;
        let index = self.calls;
        self.calls += 1;
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{index}"));
        let arguments = call.function.arguments.filter(|raw| raw.get() != "null");
        // An object, as the format has it; text, as some imitators write it, is what it says.
        let delta = match arguments {
            None => "{}".to_owned(),
            Some(raw) => text(raw).unwrap_or_else(|| raw.get().to_owned()),
        };
        out.push_back(StreamEvent::ToolCallStart { index, id, name: call.function.name });
        out.push_back(StreamEvent::ToolCallArguments { index, delta });
    }

    fn finish(&mut self, mut fields: BTreeMap<String, &RawValue>, out: &mut VecDeque<StreamEvent>) {
        self.done = true;
        let count = |raw: Option<&RawValue>| raw?.get().parse::<u64>().ok();
        let usage = Usage {
            input_tokens: count(fields.remove("prompt_eval_count")),
            output_tokens: count(fields.remove("eval_count")),
            ..Usage::default()
        };
        if usage != Usage::default() {
            out.push_back(StreamEvent::Usage(Box::new(usage)));
        }
        let raw = fields.remove("done_reason").and_then(text);
        let reason = raw.as_deref().map(|word| match word {
            // There is no word for tool calls.
            "stop" if self.calls > 0 => FinishReason::ToolCalls,
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            other => FinishReason::Other(other.to_owned()),
        });
        let mut finish = StreamFinish::new(reason, raw);
        for (name, value) in fields {
            if !matches!(&*name, "model" | "created_at") && value.get() != "null" {
                finish.extra.insert(WIRE, name, Json::from(value.to_owned()));
            }
        }
        out.push_back(StreamEvent::Finish(Box::new(finish)));
    }
}

fn marked() -> Extra {
    let mut extra = Extra::new();
    if let Ok(kind) = Json::from_text(THINKING) {
        extra.insert(WIRE, "type", kind);
    }
    extra
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}
