//! Turns the parts of one answer into events.

use std::collections::VecDeque;

use serde_json::value::RawValue;

use super::decode::{Called, finish_reason, json, owned, unnamed};
use super::wire::{InlineData, Part as WirePart, Str, fields, is_void, read};
use super::{WIRE, call_id};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{
    Audio, Document, Extra, FinishReason, Image, Json, MediaSource, Opaque, Part, StreamEvent, Video,
};

/// One of the answers being read.
pub(super) struct Choice {
    pub(super) number: u32,
    pub(super) calls: usize,
    /// The vendor's word for why it ended.
    pub(super) finish: Option<String>,
}

impl Choice {
    pub(super) fn reason(&self) -> Option<FinishReason> {
        let called = if self.calls > 0 { Called::Functions } else { Called::Nothing };
        self.finish.as_deref().map(|word| finish_reason(word, called))
    }
}

/// Where the events of one choice go.
pub(super) struct Sink<'a> {
    pub(super) choice: &'a mut Choice,
    /// The id of the answer.
    pub(super) answer: Option<&'a str>,
    pub(super) out: &'a mut VecDeque<StreamEvent>,
}

impl Sink<'_> {
    pub(super) fn send(&mut self, event: StreamEvent) {
        self.out.push_back(match self.choice.number {
            0 => event,
            choice => StreamEvent::Alternative { choice, event: Box::new(event) },
        });
    }

    /// Sends what a part means.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when it has text that cannot be read: an answer must not lose it in silence.
    pub(super) fn part(&mut self, raw: &RawValue) -> Result<()> {
        match read(raw) {
            Some(WirePart { text: Some(Str(text)), thought: Some(true), call: None, inline: None, rest }) => {
                self.thought(text.into_owned(), unnamed(rest));
            }
            Some(WirePart { text: Some(Str(text)), thought: _, call: None, inline: None, rest }) => {
                self.text(text.into_owned(), unnamed(rest));
            }
            Some(WirePart { text: None, thought: _, call: Some(call), inline: None, rest })
                if call.name.is_some() && (call.args.is_some() || call.rest.is_empty()) =>
            {
                let name = owned(call.name).unwrap_or_default();
                let arguments = call.args.filter(|args| args.get() != "null").map_or("{}", RawValue::get);
                let id = owned(call.id).filter(|id| !id.is_empty());
                self.call(id, name, arguments, unnamed(rest));
            }
            // A picture inside a thought is a sketch, not the answer.
            Some(WirePart {
                text: None,
                thought: None | Some(false),
                call: None,
                inline: Some(inline),
                rest,
            }) if inline.media_type.is_some() && inline.data.is_some() => {
                self.send(StreamEvent::Part(media(inline, unnamed(rest))));
            }
            _ if is_void(raw) => {}
            None if has_text(raw) => {
                return Err(Error::new(ErrorKind::InvalidResponse, "a text of the answer cannot be read"));
            }
            // Carried back as it came.
            _ => self.send(StreamEvent::Part(Part::Opaque(Opaque::new(WIRE, json(raw))))),
        }
        Ok(())
    }

    /// A signature often comes alone, on an empty text after the last piece; it then belongs to the text before it, which
    /// is where an unstreamed answer has it: <https://ai.google.dev/gemini-api/docs/thought-signatures> (read 2026-11-23).
    fn text(&mut self, text: String, extra: Extra) {
        if text.is_empty() && extra.is_empty() {
            return;
        }
        self.send(StreamEvent::Text(text));
        self.close(extra);
    }

    fn thought(&mut self, text: String, extra: Extra) {
        let mut rest = Extra::new();
        let mut state = None;
        for (scope, name, value) in extra.iter() {
            if name == SIGNATURE {
                let signature = format!("{{\"{SIGNATURE}\":{}}}", value.as_str());
                state = Json::from_text(signature).ok().map(|json| Opaque::new(WIRE, json));
            } else {
                rest.insert(scope.clone(), name, value.clone());
            }
        }
        let signed = state.is_some();
        if !text.is_empty() {
            self.send(StreamEvent::Reasoning(text));
        }
        if let Some(state) = state {
            self.send(StreamEvent::ReasoningState(state));
        }
        if !rest.is_empty() {
            self.send(StreamEvent::PartExtra(rest));
        }
        if signed {
            self.send(StreamEvent::PartEnd);
        }
    }

    fn call(&mut self, id: Option<String>, name: String, arguments: &str, extra: Extra) {
        let index = self.choice.calls;
        self.choice.calls += 1;
        let id = id.unwrap_or_else(|| call_id::made_up(self.choice.number, index, self.answer));
        self.send(StreamEvent::ToolCallStart { index, id, name });
        self.send(StreamEvent::ToolCallArguments { index, delta: arguments.to_owned() });
        if !extra.is_empty() {
            self.send(StreamEvent::PartExtra(extra));
        }
    }

    fn close(&mut self, extra: Extra) {
        if !extra.is_empty() {
            self.send(StreamEvent::PartExtra(extra));
            self.send(StreamEvent::PartEnd);
        }
    }
}

fn has_text(raw: &RawValue) -> bool {
    let is_text = |(name, value): &(_, &RawValue)| name == "text" && value.get().starts_with('"');
    fields(raw.get()).is_some_and(|fields| fields.iter().any(is_text))
}

fn media(inline: InlineData<'_>, extra: Extra) -> Part {
    let media_type = owned(inline.media_type).unwrap_or_default();
    let data = owned(inline.data).unwrap_or_default();
    let kind = media_type.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let source = MediaSource::Base64 { media_type, data };
    match kind.as_str() {
        "image" => {
            let mut image = Image::new(source);
            image.extra = extra;
            Part::Image(image)
        }
        "audio" => {
            let mut audio = Audio::new(source);
            audio.extra = extra;
            Part::Audio(audio)
        }
        "video" => {
            let mut video = Video::new(source);
            video.extra = extra;
            Part::Video(video)
        }
        _ => {
            let mut document = Document::new(source);
            document.extra = extra;
            Part::Document(document)
        }
    }
}

/// The field that carries encrypted reasoning.
pub(super) const SIGNATURE: &str = "thoughtSignature";
