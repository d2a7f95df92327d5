//! The format, spoken: small exchanges after the vendors' documentation.

mod answers;
mod serving;
mod streams;
mod writing;

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::protocol::Mode;
use crate::types::{
    Accumulator, Adaptation, Audio, Document, Effort, FinishReason, Image, MediaSource, Message, ModelHints,
    OnUnsupported, Opaque, Part, ReasoningOptions, Refusal, ResponseFormat, Role, Sampling, Scope,
    StreamEvent, Text, Tool, ToolCall, ToolChoice, ToolResult,
};

fn written_by(dialect: Dialect, request: &ChatRequest) -> Result<(Value, Vec<Adaptation>)> {
    let target = EncodeFor::new("acme", "m-1", Mode::Whole);
    let encoded = ChatCompletions::new(dialect).encode_chat(request, target)?;
    Ok((serde_json::from_slice(&encoded.body).unwrap(), encoded.adaptations))
}

fn written(request: &ChatRequest) -> Value {
    written_by(Dialect::PLAIN, request).unwrap().0
}

fn dialect(change: impl FnOnce(&mut Dialect)) -> Dialect {
    let mut dialect = Dialect::PLAIN;
    change(&mut dialect);
    dialect
}

fn whole(body: &Value) -> Result<Reply> {
    ChatCompletions::new(Dialect::PLAIN).decode_chat(body.to_string().as_bytes())
}

fn events(chunks: &[String]) -> (VecDeque<StreamEvent>, Result<()>) {
    let mut decoder = ChatCompletions::new(Dialect::PLAIN).chat_decoder();
    let mut out = VecDeque::new();
    for chunk in chunks {
        if let Err(error) = decoder.event("", chunk.as_bytes(), &mut out) {
            return (out, Err(error));
        }
    }
    let end = decoder.end(&mut out);
    (out, end)
}

fn folded(chunks: &[String]) -> Result<Reply> {
    let (events, end) = events(chunks);
    let mut accumulator = Accumulator::new();
    events.into_iter().try_for_each(|event| accumulator.push(event))?;
    end.map(|()| accumulator.into_reply())
}

fn chunk(delta: Value) -> String {
    json!({"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta}]}).to_string()
}

fn finish(word: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": word}]}).to_string()
}

fn answer(message: Value) -> Value {
    json!({"id": "c1", "model": "m-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
}
