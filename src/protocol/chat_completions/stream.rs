//! Reading a streamed answer.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{ChatDecoder, WireFailure, unreadable};
use crate::types::{Extra, Json, StreamEvent, StreamFinish, Wire};

use super::answer::Answers;
use super::hosted::Uses;
use super::template::Template;
use super::wire::{BORING, Chunk, ChunkChoice, Content, Fields};
use super::{decode, usage};

/// Reads the chunks of one answer.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    has_chunk: bool,
    has_id: bool,
    has_model: bool,
    service_tier: Option<String>,
    answers: Answers,
    uses: Uses,
    extra: Extra,
    /// The last chunk, if it said nothing but some text.
    template: Option<Template>,
    is_done: bool,
}

impl ChatDecoder for Decoder {
    fn event(&mut self, name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let data = data.trim_ascii();
        if self.is_done || data.is_empty() {
            return Ok(());
        }
        if let Some(text) = self.template.as_ref().and_then(|template| template.text_of(data)) {
            out.push_back(StreamEvent::Text(text.to_owned()));
            return Ok(());
        }
        self.template = None;
        if data == b"[DONE]" {
            return self.finish(out);
        }
        if name == "error" {
            return Err(WireFailure::parse(data).into_error(200));
        }
        let chunk: Chunk<'_> =
            serde_json::from_slice(data).map_err(|error| unreadable("a chunk of the answer", &error))?;
        let is_error =
            chunk.error.is_some_and(|error| error.get() != "null") || chunk.object.as_str() == "error";
        if is_error {
            return Err(WireFailure::parse(data).into_error(200));
        }
        let text = plain_text(&chunk, data).filter(|_| self.has_chunk);
        let events = out.len();
        self.read(chunk, data, out)?;
        if out.len() == events + 1 {
            self.template = text.and_then(|text| Template::learn(data, text));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        if !self.answers.has_finished() {
            return Err(Error::new(
                ErrorKind::Truncated,
                "the stream ended before the provider said why the model stopped",
            ));
        }
        self.finish(out)
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}

/// Where the text of a chunk stands that says nothing else. It is neither first nor last, and brings no new field.
fn plain_text(chunk: &Chunk<'_>, data: &[u8]) -> Option<Range<usize>> {
    let [choice] = chunk.choices.0.as_slice() else { return None };
    let is_plain = choice.index.0.unwrap_or(0) == 0
        && choice.finish_reason.0.is_none()
        && choice.logprobs.is_none_or(|logprobs| logprobs.get() == "null")
        && choice.rest.is_empty()
        && choice.delta.rest.is_empty()
        && chunk.usage.is_none()
        && chunk.x_groq.is_none();
    match &choice.delta.content {
        Content::Text(Cow::Borrowed(text)) if is_plain => {
            let start = text.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
            Some(start..start + text.len())
        }
        _ => None,
    }
}

impl Decoder {
    fn read(&mut self, chunk: Chunk<'_>, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        self.start(&chunk, out);
        // Unknown fields repeat in every chunk, so only those chunks that may bring new ones are read twice.
        let may_bring_news = !self.has_chunk
            || chunk.usage.is_some()
            || chunk.choices.0.is_empty()
            || chunk.choices.0.iter().any(|choice| !choice.finish_reason.as_str().is_empty());
        self.has_chunk = true;
        if may_bring_news {
            self.keep_unknown(data);
        }
        if let Some(tier) = chunk.service_tier.filled()
            && self.service_tier.as_deref() != Some(&*tier)
        {
            self.service_tier = Some(tier.into_owned());
        }
        let id = chunk.id.filled();
        for choice in chunk.choices.0 {
            self.choice(choice, id.as_deref(), out)?;
        }
        let counts = chunk.usage.or_else(|| chunk.x_groq.and_then(|extra| extra.usage));
        if let Some(counts) = counts {
            let mut usage = usage::read(counts);
            self.uses.tell(&mut usage);
            out.push_back(StreamEvent::Usage(Box::new(usage)));
        }
        Ok(())
    }

    /// Azure's first chunk has an empty id and model: its prompt filter speaks before the model is chosen.
    fn start(&mut self, chunk: &Chunk<'_>, out: &mut VecDeque<StreamEvent>) {
        let id = Some(chunk.id.as_str()).filter(|id| !self.has_id && !id.is_empty());
        let model = Some(chunk.model.as_str()).filter(|model| !self.has_model && !model.is_empty());
        self.has_id |= id.is_some();
        self.has_model |= model.is_some();
        if id.is_some() || model.is_some() {
            out.push_back(StreamEvent::Start { id: id.map(Into::into), model: model.map(Into::into) });
        }
    }

    fn choice(
        &mut self,
        choice: ChunkChoice<'_>,
        id: Option<&str>,
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        let number = choice.index.0.unwrap_or(0);
        if let Some((_, error)) = choice.rest.iter().find(|(name, _)| name == "error") {
            return Err(WireFailure::parse(error.get().as_bytes()).into_error(200));
        }
        let mut emit = |event: StreamEvent| {
            out.push_back(match u32::try_from(number) {
                Ok(choice) if choice > 0 => StreamEvent::Alternative { choice, event: Box::new(event) },
                _ => event,
            });
        };
        if number == 0 {
            choice.delta.tool_calls.0.iter().for_each(|call| self.uses.call(call.function.name.as_str()));
        }
        let answer = self.answers.numbered(number, id)?;
        let unknown = answer.read(choice.delta, &mut emit)?;
        if let Some(logprobs) = choice.logprobs.and_then(decode::logprobs) {
            emit(StreamEvent::Logprobs(logprobs));
        }
        let has_reason = !choice.finish_reason.as_str().is_empty();
        if let Some(word) = choice.finish_reason.0 {
            answer.finished_for(&word);
        }
        if number == 0 {
            for (name, value) in unknown {
                self.uses.add(&name, value);
                self.append(&name, value);
            }
            choice.rest.iter().for_each(|(name, value)| self.uses.add(name, value));
            if has_reason {
                for (name, value) in choice.rest {
                    self.extra.insert(Wire::ChatCompletions, name.into_owned(), Json::from(value.to_owned()));
                }
            }
        }
        Ok(())
    }

    fn keep_unknown(&mut self, data: &[u8]) {
        let fields: Fields<'_> = serde_json::from_slice(data).unwrap_or_default();
        for (name, value) in fields.0 {
            let is_known = self.extra.get(&name).is_some_and(|known| known.as_str() == value.get());
            if value.get() != "null" && !is_known && !BORING.contains(&&*name) {
                self.extra.insert(Wire::ChatCompletions, name.into_owned(), Json::from(value.to_owned()));
            }
        }
    }

    /// Keeps an unknown field of a delta. Lists (citations, executed tools) arrive in pieces; other values replace.
    fn append(&mut self, name: &str, value: &RawValue) {
        let joined = self.extra.get(name).and_then(|known| {
            let known = known.as_str();
            // Joining copies: a list that grows without end would take the square of its length in time.
            let known = (known.len() <= MOST_JOINED).then_some(known)?.strip_suffix(']')?.trim_end();
            let more = value.get().strip_prefix('[')?.trim_start();
            let comma = if known.ends_with('[') || more.starts_with(']') { "" } else { "," };
            Json::from_text(format!("{known}{comma}{more}")).ok()
        });
        self.extra.insert(
            Wire::ChatCompletions,
            name.to_owned(),
            joined.unwrap_or_else(|| Json::from(value.to_owned())),
        );
    }

    fn finish(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        self.is_done = true;
        if self.answers.is_empty() {
            return Err(Error::new(ErrorKind::InvalidResponse, "the stream ended without an answer in it"));
        }
        for (number, answer) in std::mem::take(&mut self.answers).into_ordered() {
            let mut own = Vec::new();
            let raw = answer.close(&mut |event| own.push(event))?;
            let reason = raw.as_deref().and_then(decode::finish_reason);
            let mut finish = StreamFinish::new(reason, raw);
            if number == 0 {
                finish.service_tier = self.service_tier.take();
                finish.extra = std::mem::take(&mut self.extra);
                own.push(StreamEvent::Finish(Box::new(finish)));
                out.extend(own);
            } else {
                own.push(StreamEvent::Finish(Box::new(finish)));
                out.extend(
                    own.into_iter()
                        .map(|event| StreamEvent::Alternative { choice: number, event: Box::new(event) }),
                );
            }
        }
        Ok(())
    }
}

/// Bytes of a list of citations; what comes after starts it anew.
const MOST_JOINED: usize = 1 << 18;
