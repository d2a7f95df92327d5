//! One of the answers of a stream, as it grows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Audio, Extra, MediaSource, Part, StreamEvent};

use super::calls::{Calls, Delta};
use super::decode::{self, Read, UNKNOWN_AUDIO};
use super::details::Details;
use super::wire::{Body, Content, Field, Sound, Word, into_extra};

/// All answers of a stream, by number; the main one is 0.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<(u32, Growing)>);

impl Answers {
    /// The answer of this number, begun if it is new; `id` is that of all.
    pub(super) fn numbered(&mut self, number: u64, id: Option<&str>) -> Result<&mut Growing> {
        let number = u32::try_from(number)
            .ok()
            .filter(|number| *number <= MAX_CHOICES)
            .ok_or_else(|| Error::new(ErrorKind::InvalidResponse, "the answer has more than 128 choices"))?;
        let position = match self.0.iter().position(|(known, _)| *known == number) {
            Some(position) => position,
            None => {
                self.0.push((number, Growing { calls: Calls::of(id), ..Growing::default() }));
                self.0.len() - 1
            }
        };
        match self.0.get_mut(position) {
            Some((_, answer)) => Ok(answer),
            None => Err(Error::new(ErrorKind::Internal, "a choice was lost")),
        }
    }

    /// Has the main answer ended? Some services send an empty word with every chunk.
    pub(super) fn has_finished(&self) -> bool {
        self.0.iter().any(|(number, answer)| {
            *number == 0 && answer.finish_reason.as_deref().is_some_and(|word| !word.is_empty())
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The alternatives, then the main answer, whose end is the end of the stream.
    pub(super) fn into_ordered(mut self) -> Vec<(u32, Growing)> {
        if !self.0.iter().any(|(number, _)| *number == 0) {
            self.0.push((0, Growing::default()));
        }
        self.0.sort_by_key(|(number, _)| (*number == 0, *number));
        self.0
    }
}

/// One answer.
#[derive(Debug, Default)]
pub(super) struct Growing {
    calls: Calls,
    details: Details,
    reasoning_from: ReasoningFrom,
    sound: Option<Box<GrowingSound>>,
    finish_reason: Option<String>,
}

/// Which field the readable reasoning comes from. Services send the same text in several; the best one seen counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum ReasoningFrom {
    #[default]
    Details,
    Reasoning,
    ReasoningContent,
}

#[derive(Debug, Default)]
struct GrowingSound {
    data: Vec<u8>,
    transcript: String,
    extra: Extra,
}

impl Growing {
    /// Reads what a chunk adds; gives back the fields without a name here.
    pub(super) fn read<'a>(
        &mut self,
        body: Body<'a>,
        emit: &mut impl FnMut(StreamEvent),
    ) -> Result<Vec<Field<'a>>> {
        self.read_reasoning(&body, emit)?;
        match body.content {
            Content::Nothing => {}
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => {
                self.details.flush(emit);
                emit(StreamEvent::Text(text.into_owned()));
            }
            Content::Blocks(blocks) => {
                for raw in blocks {
                    self.read_block(decode::block(raw), emit);
                }
            }
        }
        if let Some(text) = body.refusal.filled() {
            self.details.flush(emit);
            emit(StreamEvent::Refusal(text.into_owned()));
        }
        for image in body.images.0.into_iter().filter_map(decode::picture) {
            self.details.flush(emit);
            emit(StreamEvent::Part(Part::Image(image)));
        }
        self.read_sound(body.audio);
        for call in body.tool_calls.0 {
            self.details.flush(emit);
            self.calls.read(Delta::from(call), emit)?;
        }
        if let Some(delta) = Delta::legacy(body.function_call) {
            self.details.flush(emit);
            self.calls.read(delta, emit)?;
        }
        Ok(body.rest)
    }

    /// Remembers why the answer ended. Some services say it twice; an empty word says nothing.
    pub(super) fn finished_for(&mut self, word: &str) {
        if !word.is_empty() || self.finish_reason.is_none() {
            self.finish_reason = Some(word.to_owned());
        }
    }

    /// Gives out what is left, and the word for why it ended.
    pub(super) fn close(mut self, emit: &mut impl FnMut(StreamEvent)) -> Result<Option<String>> {
        self.details.flush(emit);
        self.calls.close(emit);
        if let Some(sound) = self.sound {
            let data = STANDARD.encode(&sound.data);
            let mut audio = Audio::new(MediaSource::Base64 { media_type: UNKNOWN_AUDIO.to_owned(), data });
            audio.transcript = Some(sound.transcript).filter(|text| !text.is_empty());
            audio.extra = sound.extra;
            emit(StreamEvent::Part(Part::Audio(audio)));
        }
        Ok(self.finish_reason)
    }

    fn read_reasoning(&mut self, body: &Body<'_>, emit: &mut impl FnMut(StreamEvent)) -> Result<()> {
        let mut take = |own: &Word<'_>, from: ReasoningFrom| {
            if own.as_str().is_empty() || self.reasoning_from > from {
                return;
            }
            self.reasoning_from = from;
            emit(StreamEvent::Reasoning(own.as_str().to_owned()));
        };
        take(&body.reasoning_content, ReasoningFrom::ReasoningContent);
        take(&body.reasoning, ReasoningFrom::Reasoning);
        if let Some(list) = body.reasoning_details {
            let text = self.details.push(list)?;
            if self.reasoning_from == ReasoningFrom::Details && !text.is_empty() {
                emit(StreamEvent::Reasoning(text));
            }
        }
        Ok(())
    }

    fn read_block(&mut self, block: Read<'_>, emit: &mut impl FnMut(StreamEvent)) {
        let event = match block {
            Read::Thinking(text) if text.is_empty() => return,
            Read::Nothing => return,
            Read::Thinking(text) => return emit(StreamEvent::Reasoning(text)),
            Read::Text(text) => StreamEvent::Text(text.into_owned()),
            Read::Refusal(text) => StreamEvent::Refusal(text.into_owned()),
            Read::Whole(part) => StreamEvent::Part(part),
        };
        self.details.flush(emit);
        emit(event);
    }

    /// Sound arrives in pieces, each base64 of its own; they are one part.
    fn read_sound(&mut self, piece: Sound<'_>) {
        let is_empty = piece.data.as_str().is_empty() && piece.transcript.as_str().is_empty();
        if is_empty && self.sound.is_none() {
            return;
        }
        let sound = self.sound.get_or_insert_default();
        if let Ok(data) = STANDARD.decode(piece.data.as_str()) {
            sound.data.extend(data);
        }
        sound.transcript.push_str(piece.transcript.as_str());
        for (scope, name, value) in into_extra(piece.rest).iter() {
            sound.extra.insert(scope.clone(), name, value.clone());
        }
    }
}

/// More than any vendor offers, and as many as [`Accumulator`](crate::types::Accumulator) takes.
const MAX_CHOICES: u32 = 128;
