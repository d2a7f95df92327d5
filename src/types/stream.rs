//! Answers that arrive bit by bit.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::{Stream, StreamExt as _};

use super::{
    Adaptation, Alternative, CallSummary, ChatResponse, Extra, FinishReason, Json, Message, Opaque, Part,
    RateLimits, Reasoning, Recovery, Refusal, Reply, Resumption, Role, Text, ToolCall, Usage,
};
use crate::error::{Error, ErrorKind, Result};

impl Reply {
    /// The events that [`Accumulator`] folds back into this answer. Parts arrive whole; alternatives follow.
    pub fn into_events(self) -> Vec<StreamEvent> {
        let mut events = vec![StreamEvent::Start { id: self.id, model: self.model }];
        let mut calls = 0;
        push_parts(self.message, &mut calls, &mut events);
        for (choice, alternative) in (1..).zip(self.alternatives) {
            let mut own = Vec::new();
            push_parts(alternative.message, &mut 0, &mut own);
            own.push(StreamEvent::finish(alternative.finish_reason, None));
            events.extend(
                own.into_iter().map(|event| StreamEvent::Alternative { choice, event: Box::new(event) }),
            );
        }
        events.extend(self.logprobs.map(StreamEvent::Logprobs));
        events.extend(self.usage.map(|usage| StreamEvent::Usage(Box::new(usage))));
        events.push(StreamEvent::Finish(Box::new(StreamFinish {
            reason: self.finish_reason,
            raw: self.finish_reason_raw,
            service_tier: self.service_tier,
            extra: self.extra,
        })));
        events
    }
}

fn push_parts(message: Message, calls: &mut usize, events: &mut Vec<StreamEvent>) {
    for part in message.parts {
        match part {
            Part::ToolCall(call) => {
                let index = *calls;
                *calls += 1;
                events.push(StreamEvent::ToolCallStart { index, id: call.id, name: call.name });
                events.push(StreamEvent::ToolCallArguments { index, delta: call.arguments });
                if !call.extra.is_empty() {
                    events.push(StreamEvent::PartExtra(call.extra));
                }
            }
            whole => events.push(StreamEvent::Part(whole)),
        }
    }
}

/// Events, one by one.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<StreamEvent>> + Send>>;

/// What [`Provider::chat_stream`](crate::Provider::chat_stream) returns: facts known before the first event, and the
/// events up to and including [`StreamEvent::Finish`], or an error.
#[non_exhaustive]
pub struct ReplyStream {
    /// The events.
    pub events: EventStream,
    /// The provider's request id.
    pub request_id: Option<Box<str>>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What was changed to fit the target.
    pub adaptations: Vec<Adaptation>,
    /// What the provider said is left of its limits.
    pub rate_limits: Option<Box<RateLimits>>,
}

impl ReplyStream {
    /// `events` without further facts.
    pub fn new(events: impl Stream<Item = Result<StreamEvent>> + Send + 'static) -> Self {
        Self {
            events: Box::pin(events),
            request_id: None,
            status: None,
            adaptations: Vec::new(),
            rate_limits: None,
        }
    }
}

impl From<Reply> for ReplyStream {
    /// The whole answer in one burst.
    fn from(mut reply: Reply) -> Self {
        let (request_id, status) = (reply.request_id.take(), reply.status);
        let adaptations = std::mem::take(&mut reply.adaptations);
        let rate_limits = reply.rate_limits.take();
        let events = Box::pin(futures::stream::iter(reply.into_events().into_iter().map(Ok)));
        Self { events, request_id, status, adaptations, rate_limits }
    }
}

impl Stream for ReplyStream {
    type Item = Result<StreamEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ReplyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplyStream({:?})", self.request_id)
    }
}

/// One step of an answer. Deltas are deltas: append them.
///
/// Order: any number of [`Start`](Self::Start), then content in the order of the parts, then exactly one
/// [`Finish`](Self::Finish). The client adds one [`Done`](Self::Done) after it. [`Usage`](Self::Usage) may come
/// anywhere and replaces what came before.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub enum StreamEvent {
    /// The provider began to answer. Not yet content: the engine may still fail over.
    Start {
        /// The provider's id of the answer.
        id: Option<String>,
        /// The model that answers, as the provider names it.
        model: Option<String>,
    },
    /// More text. Appended to the last part if that is text without a boundary in between.
    Text(String),
    /// More of a refusal.
    Refusal(String),
    /// More readable reasoning.
    Reasoning(String),
    /// State of the reasoning part being streamed (a signature), or a reasoning part that has only state.
    ReasoningState(Opaque),
    /// The model began a tool call; the arguments follow.
    ToolCallStart {
        /// Counts the tool calls of this answer from 0.
        index: usize,
        /// Ties the result to the call.
        id: String,
        /// The function's name.
        name: String,
    },
    /// More of the arguments, as JSON text that is complete only at the end.
    ToolCallArguments {
        /// Which tool call.
        index: usize,
        /// The text to append.
        delta: String,
    },
    /// The next delta of the same type belongs to a new part, not to the last one.
    PartEnd,
    /// A part that arrived whole: a picture, an opaque block.
    Part(Part),
    /// A field for the last part that arrives beside its content (a signature, citations).
    PartExtra(Extra),
    /// Log probabilities of the last delta, in the provider's JSON.
    Logprobs(Opaque),
    /// What the call has consumed so far; replaces what came before.
    Usage(Box<Usage>),
    /// The answer is complete.
    Finish(Box<StreamFinish>),
    /// An event of a further answer, when `n` asked for more than one.
    Alternative {
        /// Counts from 1; the main answer is 0.
        choice: u32,
        /// What happened there.
        event: Box<Self>,
    },
    /// The answer had broken off and goes on, as [`CallOptions::recovery`](super::CallOptions::recovery) asked for. After
    /// [`Recovery::Restart`] everything before is void.
    Resumed(Box<Resumption>),
    /// The client's summary: who answered, after which attempts, for how much. Always last.
    Done(Box<CallSummary>),
}

/// How a streamed answer ended.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamFinish {
    /// Why the model stopped; `None` when the provider did not say.
    pub reason: Option<FinishReason>,
    /// The provider's own word for it.
    pub raw: Option<String>,
    /// The service tier that served the request.
    pub service_tier: Option<String>,
    /// Fields of the answer without a name here.
    pub extra: Extra,
}

impl StreamFinish {
    /// The answer ended for `reason`, which the provider calls `raw`.
    pub fn new(reason: Option<FinishReason>, raw: Option<String>) -> Self {
        Self { reason, raw, service_tier: None, extra: Extra::new() }
    }
}

impl StreamEvent {
    /// The usual end.
    pub fn finish(reason: Option<FinishReason>, raw: Option<String>) -> Self {
        Self::Finish(Box::new(StreamFinish::new(reason, raw)))
    }

    /// Is this content, so that an answer has begun and failover must stop?
    pub fn is_semantic(&self) -> bool {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) => !text.is_empty(),
            Self::ReasoningState(_)
            | Self::ToolCallStart { .. }
            | Self::ToolCallArguments { .. }
            | Self::Part(_)
            | Self::Finish(_)
            | Self::Resumed(_)
            | Self::Done(_) => true,
            Self::Alternative { event, .. } => event.is_semantic(),
            Self::Start { .. } | Self::PartEnd | Self::PartExtra(_) | Self::Logprobs(_) | Self::Usage(_) => {
                false
            }
        }
    }

    /// The text, if this is text of the main answer.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Debug for StreamEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { id, model } => write!(f, "Start({id:?}, {model:?})"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Refusal(text) => write!(f, "Refusal({} bytes)", text.len()),
            Self::Reasoning(text) => write!(f, "Reasoning({} bytes)", text.len()),
            Self::ReasoningState(state) => write!(f, "ReasoningState({state:?})"),
            Self::ToolCallStart { index, id, name } => write!(f, "ToolCallStart({index}, {id}, {name})"),
            Self::ToolCallArguments { index, delta } => {
                write!(f, "ToolCallArguments({index}, {} bytes)", delta.len())
            }
            Self::PartEnd => f.write_str("PartEnd"),
            Self::Part(part) => write!(f, "Part({part:?})"),
            Self::PartExtra(extra) => write!(f, "PartExtra({extra:?})"),
            Self::Logprobs(_) => f.write_str("Logprobs"),
            Self::Usage(usage) => write!(f, "Usage({usage:?})"),
            Self::Finish(finish) => write!(f, "Finish({:?})", finish.reason),
            Self::Alternative { choice, event } => write!(f, "Alternative({choice}, {event:?})"),
            Self::Resumed(resumption) => write!(f, "Resumed({resumption:?})"),
            Self::Done(summary) => write!(f, "Done({summary:?})"),
        }
    }
}

impl PartialEq for CallSummary {
    /// Two summaries are equal when they describe the same call; times make every call different.
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.decision == other.decision && self.cost == other.cost
    }
}

/// Folds events into the answer they spell. `accumulate(stream)` equals the unstreamed answer.
#[derive(Clone, Debug)]
pub struct Accumulator {
    reply: Reply,
    main: PartsBuilder,
    others: Vec<(u32, PartsBuilder, Option<FinishReason>)>,
    logprobs: Vec<Opaque>,
    summary: Option<CallSummary>,
    finished: bool,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self::new()
    }
}

impl Accumulator {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self {
            reply: Reply::empty(),
            main: PartsBuilder::default(),
            others: Vec::new(),
            logprobs: Vec::new(),
            summary: None,
            finished: false,
        }
    }

    /// Adds one event.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when arguments arrive for a tool call that never began, or an answer of a choice
    /// number beyond 128.
    pub fn push(&mut self, event: StreamEvent) -> Result<()> {
        match event {
            StreamEvent::Start { id, model } => {
                self.reply.id = id.or(self.reply.id.take());
                self.reply.model = model.or(self.reply.model.take());
            }
            StreamEvent::Usage(usage) => self.reply.usage = Some(*usage),
            StreamEvent::Logprobs(logprobs) => self.logprobs.push(logprobs),
            StreamEvent::Finish(finish) => {
                self.reply.finish_reason = finish.reason;
                self.reply.finish_reason_raw = finish.raw;
                self.reply.service_tier = finish.service_tier;
                self.reply.extra = finish.extra;
                self.finished = true;
            }
            StreamEvent::Resumed(resumption) => {
                if resumption.recovery == Recovery::Restart {
                    *self = Self::new();
                }
            }
            StreamEvent::Done(summary) => self.summary = Some(*summary),
            StreamEvent::Alternative { choice, event } => self.push_alternative(choice, *event)?,
            content => self.main.push(content)?,
        }
        Ok(())
    }

    /// Adds one event that is needed elsewhere too. Copies the text of deltas, not the events.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn note(&mut self, event: &StreamEvent) -> Result<()> {
        match event {
            StreamEvent::Text(delta) => {
                self.main.push_text(delta);
                Ok(())
            }
            StreamEvent::ToolCallArguments { index, delta } => self.main.push_arguments(*index, delta),
            other => self.push(other.clone()),
        }
    }

    /// Has [`StreamEvent::Finish`] come?
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The answer so far. Complete only after [`StreamEvent::Finish`].
    pub fn into_reply(self) -> Reply {
        let mut reply = self.reply;
        reply.message = self.main.into_message();
        reply.logprobs = join_logprobs(self.logprobs);
        let mut others = self.others;
        others.sort_by_key(|(choice, ..)| *choice);
        reply.alternatives = others
            .into_iter()
            .map(|(_, parts, finish_reason)| Alternative::new(parts.into_message(), finish_reason))
            .collect();
        reply
    }

    /// The answer with its summary.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] with [`Error::partial`] when [`StreamEvent::Done`] has not come.
    pub fn into_response(mut self) -> Result<ChatResponse> {
        match self.summary.take() {
            Some(summary) => {
                let mut reply = self.into_reply();
                if let Some(last) = summary.attempts.last() {
                    reply.request_id.clone_from(&last.request_id);
                    reply.status = last.status;
                }
                Ok(ChatResponse::new(reply, summary))
            }
            None => Err(Error::new(ErrorKind::Truncated, "the stream was not read to its end")
                .with_partial(self.into_reply())),
        }
    }

    fn push_alternative(&mut self, choice: u32, event: StreamEvent) -> Result<()> {
        if choice > MAX_CHOICES {
            return Err(Error::new(ErrorKind::InvalidResponse, "the answer has more than 128 choices"));
        }
        let position = match self.others.iter().position(|(known, ..)| *known == choice) {
            Some(position) => position,
            None => {
                self.others.push((choice, PartsBuilder::default(), None));
                self.others.len() - 1
            }
        };
        let Some((_, parts, finish_reason)) = self.others.get_mut(position) else { return Ok(()) };
        match event {
            StreamEvent::Finish(finish) => *finish_reason = finish.reason,
            StreamEvent::Logprobs(_) => {}
            content => parts.push(content)?,
        }
        Ok(())
    }
}

/// Builds the parts of one answer.
#[derive(Clone, Debug, Default)]
struct PartsBuilder {
    parts: Vec<Part>,
    /// Position in `parts` of each tool call.
    calls: Vec<usize>,
    closed: bool,
}

impl PartsBuilder {
    fn push(&mut self, event: StreamEvent) -> Result<()> {
        if let StreamEvent::Text(delta) = &event {
            self.push_text(delta);
            return Ok(());
        }
        if let StreamEvent::ToolCallArguments { index, delta } = &event {
            return self.push_arguments(*index, delta);
        }
        let open = !std::mem::take(&mut self.closed);
        match event {
            StreamEvent::Refusal(delta) => match self.parts.last_mut() {
                Some(Part::Refusal(refusal)) if open => refusal.text.push_str(&delta),
                _ => self.parts.push(Part::Refusal(Refusal::new(delta))),
            },
            StreamEvent::Reasoning(delta) => match self.parts.last_mut() {
                Some(Part::Reasoning(reasoning)) if open => reasoning.text.push_str(&delta),
                _ => self.parts.push(Part::Reasoning(Reasoning::new(delta))),
            },
            StreamEvent::ReasoningState(state) => match self.parts.last_mut() {
                Some(Part::Reasoning(reasoning)) if open && reasoning.state.is_none() => {
                    reasoning.state = Some(state);
                }
                _ => {
                    let mut reasoning = Reasoning::new("");
                    reasoning.state = Some(state);
                    self.parts.push(Part::Reasoning(reasoning));
                }
            },
            StreamEvent::ToolCallStart { index, id, name } => {
                if index != self.calls.len() {
                    return Err(Error::new(ErrorKind::InvalidResponse, "tool calls do not begin in order"));
                }
                self.calls.push(self.parts.len());
                self.parts.push(Part::ToolCall(ToolCall::new(id, name, "")));
            }
            StreamEvent::PartEnd => self.closed = true,
            StreamEvent::Part(part) => self.parts.push(part),
            StreamEvent::PartExtra(extra) => self.push_extra(&extra),
            StreamEvent::Text(_)
            | StreamEvent::ToolCallArguments { .. }
            | StreamEvent::Start { .. }
            | StreamEvent::Logprobs(_)
            | StreamEvent::Usage(_)
            | StreamEvent::Finish(_)
            | StreamEvent::Alternative { .. }
            | StreamEvent::Resumed(_)
            | StreamEvent::Done(_) => {}
        }
        Ok(())
    }

    fn push_text(&mut self, delta: &str) {
        match (std::mem::take(&mut self.closed), self.parts.last_mut()) {
            (false, Some(Part::Text(text))) => text.text.push_str(delta),
            _ => self.parts.push(Part::Text(Text::new(delta))),
        }
    }

    fn push_arguments(&mut self, index: usize, delta: &str) -> Result<()> {
        self.closed = false;
        let position = self.calls.get(index).copied();
        match position.and_then(|position| self.parts.get_mut(position)) {
            Some(Part::ToolCall(call)) => {
                call.arguments.push_str(delta);
                Ok(())
            }
            _ => Err(Error::new(
                ErrorKind::InvalidResponse,
                "arguments arrived for a tool call that never began",
            )),
        }
    }

    fn push_extra(&mut self, extra: &Extra) {
        let own = match self.parts.last_mut() {
            Some(Part::Text(text)) => &mut text.extra,
            Some(Part::ToolCall(call)) => &mut call.extra,
            Some(Part::Reasoning(reasoning)) => &mut reasoning.extra,
            _ => return,
        };
        for (scope, name, value) in extra.iter() {
            own.insert(scope.clone(), name, value.clone());
        }
    }

    fn into_message(self) -> Message {
        Message::new(Role::Assistant, self.parts)
    }
}

/// Vendors stream arrays of tokens; one array of all of them is what the unstreamed answer has:
/// `{content: [a]}` and `{content: [b]}` are `{content: [a, b]}`.
fn join_logprobs(pieces: Vec<Opaque>) -> Option<Opaque> {
    use serde_json::{Map, Value};
    let wire = pieces.first()?.wire;
    if pieces.len() == 1 {
        return pieces.into_iter().next();
    }
    let mut joined = Map::new();
    for piece in pieces {
        for (name, value) in piece.json.parse::<Map<String, Value>>().unwrap_or_default() {
            match (joined.get_mut(&name), value) {
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
                (_, value) => {
                    joined.insert(name, value);
                }
            }
        }
    }
    Some(Opaque::new(wire, Json::from(Value::Object(joined))))
}

/// An answer that arrives bit by bit. Dropping it cancels the call and settles its cost.
///
/// It ends with [`StreamEvent::Done`], or with one error. No task runs in the background: nothing happens unless it is
/// polled.
pub struct ChatStream {
    events: EventStream,
}

impl ChatStream {
    /// Wraps `events`.
    pub fn new(events: impl Stream<Item = Result<StreamEvent>> + Send + 'static) -> Self {
        Self { events: Box::pin(events) }
    }

    /// The next event; `None` after the last.
    ///
    /// # Errors
    /// The item is an error when the provider breaks after the answer began; the stream then ends.
    pub async fn next(&mut self) -> Option<Result<StreamEvent>> {
        self.events.next().await
    }

    /// Reads to the end and returns the whole answer.
    ///
    /// # Errors
    /// Whatever broke the stream, with [`Error::partial`] holding what had arrived.
    pub async fn into_response(mut self) -> Result<ChatResponse> {
        let mut accumulator = Accumulator::new();
        while let Some(event) = self.next().await {
            match event.and_then(|event| accumulator.push(event)) {
                Ok(()) => {}
                Err(error) if error.partial().is_some() => return Err(error),
                Err(error) => return Err(error.with_partial(accumulator.into_reply())),
            }
        }
        accumulator.into_response()
    }
}

impl Stream for ChatStream {
    type Item = Result<StreamEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChatStream")
    }
}

/// More choices than any vendor offers.
const MAX_CHOICES: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Wire;

    fn fold(events: impl IntoIterator<Item = StreamEvent>) -> Reply {
        let mut accumulator = Accumulator::new();
        for event in events {
            accumulator.push(event).unwrap();
        }
        accumulator.into_reply()
    }

    #[test]
    fn deltas_become_parts_in_order() {
        let signature = Opaque::new(Wire::Messages, serde_json::json!({"signature": "s"}));

        let reply = fold([
            StreamEvent::Start { id: Some("1".into()), model: None },
            StreamEvent::Reasoning("a".into()),
            StreamEvent::Reasoning("b".into()),
            StreamEvent::ReasoningState(signature.clone()),
            StreamEvent::Text("x".into()),
            StreamEvent::Text("y".into()),
            StreamEvent::PartEnd,
            StreamEvent::Text("z".into()),
            StreamEvent::ToolCallStart { index: 0, id: "c".into(), name: "f".into() },
            StreamEvent::ToolCallArguments { index: 0, delta: "{".into() },
            StreamEvent::ToolCallArguments { index: 0, delta: "}".into() },
            StreamEvent::Alternative { choice: 1, event: Box::new(StreamEvent::Text("other".into())) },
        ]);

        let mut reasoning = Reasoning::new("ab");
        reasoning.state = Some(signature);
        assert_eq!(
            reply.message.parts,
            [
                Part::Reasoning(reasoning),
                Part::text("xy"),
                Part::text("z"),
                Part::ToolCall(ToolCall::new("c", "f", "{}")),
            ]
        );
        assert_eq!(reply.alternatives[0].message.text(), "other");
        assert_eq!(reply.id.as_deref(), Some("1"));
    }

    #[test]
    fn arguments_without_a_call_are_refused() {
        let error = Accumulator::new()
            .push(StreamEvent::ToolCallArguments { index: 4_294_967_295, delta: "{}".into() })
            .unwrap_err();

        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    }

    #[test]
    fn debug_shows_no_content() {
        for event in [StreamEvent::Text("CANARY".into()), StreamEvent::Part(Part::text("CANARY"))] {
            assert!(!format!("{event:?}").contains("CANARY"));
        }
    }
}
