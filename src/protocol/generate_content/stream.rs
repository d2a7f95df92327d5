//! Turns the pieces of a streamed answer into events.
//!
//! Each piece is a `GenerateContentResponse` of its own. There is no terminal marker: a finish reason, or the block of
//! the prompt, says that the answer is complete, and usage may still follow.

use std::collections::VecDeque;
use std::fmt;

use serde_json::value::RawValue;

use super::WIRE;
use super::decode::{counts, json, owned, unnamed};
use super::grounding::Grounding;
use super::sink::{Choice, Sink};
use super::wire::{Answer, Candidate, Count, PromptFeedback, Rest, Soft, Str, UsageMetadata, is_void, read};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{ChatDecoder, WireFailure, unreadable};
use crate::types::{Extra, FinishReason, Opaque, StreamEvent, StreamFinish, Usage};

/// Reads one answer, streamed or whole.
#[derive(Default)]
pub(super) struct Decoder {
    started: Option<Started>,
    choices: Vec<Choice>,
    /// Why the prompt was refused.
    blocked: Option<String>,
    service_tier: Option<String>,
    grounding: Grounding,
    /// What was told last.
    counted: Option<Usage>,
    extra: Extra,
    finished: bool,
}

#[derive(Default)]
struct Started {
    id: Option<String>,
    model: Option<String>,
}

impl Decoder {
    /// Has there been a candidate or a refusal?
    pub(super) fn has_answered(&self) -> bool {
        !self.choices.is_empty() || self.blocked.is_some()
    }

    /// Appends what is known only at the end.
    pub(super) fn finish(&mut self, out: &mut VecDeque<StreamEvent>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        if let Some(told) = self.counted.take() {
            let mut usage = told.clone();
            self.grounding.tell(&mut usage);
            if usage != told {
                out.push_back(StreamEvent::Usage(Box::new(usage)));
            }
        }
        for choice in self.choices.iter_mut().filter(|choice| choice.number != 0) {
            let finish = StreamEvent::finish(choice.reason(), choice.finish.take());
            out.push_back(StreamEvent::Alternative { choice: choice.number, event: Box::new(finish) });
        }
        let main = self.choices.iter_mut().find(|choice| choice.number == 0);
        let (reason, raw) = match (main, self.blocked.take()) {
            (Some(choice @ Choice { finish: Some(_), .. }), _) => (choice.reason(), choice.finish.take()),
            (_, Some(word)) => (Some(FinishReason::ContentFilter), Some(word)),
            (_, None) => (None, None),
        };
        let mut finish = StreamFinish::new(reason, raw);
        finish.service_tier = self.service_tier.take();
        finish.extra = std::mem::take(&mut self.extra);
        out.push_back(StreamEvent::Finish(Box::new(finish)));
    }

    fn start(&mut self, id: Option<Str<'_>>, model: Option<Str<'_>>, out: &mut VecDeque<StreamEvent>) {
        let known = self.started.as_ref();
        let news = known.is_none_or(|known| {
            (known.id.is_none() && id.is_some()) || (known.model.is_none() && model.is_some())
        });
        if news {
            let known = self.started.take().unwrap_or_default();
            let id = known.id.or_else(|| owned(id));
            let model = known.model.or_else(|| owned(model));
            out.push_back(StreamEvent::Start { id: id.clone(), model: model.clone() });
            self.started = Some(Started { id, model });
        }
    }

    fn read_usage(&mut self, metadata: UsageMetadata<'_>, out: &mut VecDeque<StreamEvent>) {
        if let Some(Str(tier)) = metadata.service_tier.and_then(read)
            && self.service_tier.as_deref() != Some(&*tier)
        {
            self.service_tier = Some(tier.into_owned());
        }
        if let Some(mut usage) = counts(&metadata) {
            usage.extra = unnamed(metadata.rest);
            self.grounding.tell(&mut usage);
            self.counted = Some(usage.clone());
            out.push_back(StreamEvent::Usage(Box::new(usage)));
        }
    }

    fn read_prompt_feedback(&mut self, raw: &RawValue) {
        if is_void(raw) {
            return;
        }
        self.extra.insert(WIRE, "promptFeedback", json(raw));
        match read::<PromptFeedback<'_>>(raw).and_then(|feedback| feedback.block_reason) {
            Some(Str(word)) if word != "BLOCK_REASON_UNSPECIFIED" => self.blocked = Some(word.into_owned()),
            _ => {}
        }
    }

    fn read_candidate(
        &mut self,
        position: usize,
        candidate: Candidate<'_>,
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        let number = match candidate.index {
            Some(Count(Some(index))) => index,
            _ => u64::try_from(position).unwrap_or(u64::MAX),
        };
        let number = u32::try_from(number)
            .ok()
            .filter(|number| *number <= MAX_CHOICES)
            .ok_or_else(|| Error::new(ErrorKind::InvalidResponse, "the answer has more than 128 choices"))?;
        let place = match self.choices.iter().position(|choice| choice.number == number) {
            Some(place) => place,
            None => {
                self.choices.push(Choice { number, calls: 0, finish: None });
                self.choices.len() - 1
            }
        };
        let Some(choice) = self.choices.get_mut(place) else { return Ok(()) };
        let answer = self.started.as_ref().and_then(|started| started.id.as_deref());
        let mut sink = Sink { choice, answer, out };
        for part in
            candidate.content.and_then(|content| content.parts).into_iter().flat_map(|few| few.into_iter())
        {
            sink.part(part)?;
        }
        if let Some(logprobs) = candidate.logprobs
            && !is_void(logprobs)
        {
            sink.send(StreamEvent::Logprobs(Opaque::new(WIRE, json(logprobs))));
        }
        if let Some(Str(word)) = candidate.finish_reason
            && word != "FINISH_REASON_UNSPECIFIED"
        {
            choice.finish = Some(word.into_owned());
        }
        for (_, grounding) in candidate.rest.iter().filter(|(name, _)| name == "groundingMetadata") {
            self.grounding.add(grounding);
        }
        if number == 0 {
            self.keep(candidate.rest);
        }
        Ok(())
    }

    /// Later pieces repeat or complete earlier ones, and the last may be empty.
    fn keep(&mut self, fields: Rest<'_>) {
        for (name, value) in fields {
            if !is_void(value) {
                self.extra.insert(WIRE, &*name, json(value));
            }
        }
    }
}

impl ChatDecoder for Decoder {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if data.trim_ascii().is_empty() || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let answer: Answer<'_> =
            serde_json::from_slice(data).map_err(|error| unreadable("the answer", &error))?;
        if answer.error.is_some() {
            return Err(WireFailure::parse(data).into_error(200));
        }
        self.start(answer.id, answer.model, out);
        for (position, candidate) in answer.candidates.into_iter().flat_map(|few| few.into_iter()).enumerate()
        {
            self.read_candidate(position, candidate, out)?;
        }
        if let Some(raw) = answer.prompt_feedback {
            self.read_prompt_feedback(raw);
        }
        self.keep(answer.rest);
        if let Some(Soft(Some(metadata))) = answer.usage {
            self.read_usage(metadata, out);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let ended = self.has_answered() && self.choices.iter().all(|choice| choice.finish.is_some());
        if !ended && self.blocked.is_none() && !self.finished {
            return Err(Error::new(ErrorKind::Truncated, "the stream ended without a finish reason"));
        }
        self.finish(out);
        Ok(())
    }

    fn is_done(&self) -> bool {
        false
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("choices", &self.choices.len())
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

/// More choices than any vendor offers.
const MAX_CHOICES: u32 = 128;
