//! A streamed answer: blocks begin, grow and end, one after the other.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::block::{Grown, Kind};
use super::decode::{finish_reason, keep_field};
use super::usage::Counts;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{Fields, text};
use crate::protocol::{ChatDecoder, WireFailure, unreadable};
use crate::types::{Extra, StreamEvent, StreamFinish};

/// Reads the events of one answer.
#[derive(Default)]
pub(super) struct Decoder {
    open: Option<(u64, Grown)>,
    /// What the last part was, to tell two adjacent parts of one kind apart.
    last: Option<Kind>,
    calls: usize,
    counts: Counts,
    stop_reason: Option<String>,
    extra: Extra,
    done: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("calls", &self.calls)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

impl ChatDecoder for Decoder {
    fn event(&mut self, name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        // OpenRouter ends this dialect with OpenAI's marker too, after `message_stop`.
        if self.done || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event: Event<'_> =
            serde_json::from_slice(data).map_err(|error| unreadable("an event of the stream", &error))?;
        match event.kind.as_deref().unwrap_or(name) {
            "content_block_delta" => self.grow(&event, out),
            "content_block_start" => self.begin(&event, out),
            "content_block_stop" => self.close(out),
            "message_start" => self.start(&event, out),
            "message_delta" => self.message_delta(&event, data, out),
            "message_stop" => self.finish(out),
            "error" => Err(WireFailure::parse(data).into_error(200)),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Truncated, "the stream ended without message_stop"))
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    fn start(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let Some(message) = event.message.and_then(Fields::of) else { return Ok(()) };
        out.push_back(StreamEvent::Start { id: message.text("id"), model: message.text("model") });
        for (name, value) in message.iter() {
            match name {
                "id" | "model" => {}
                "content" => {
                    for block in serde_json::from_str::<Vec<&RawValue>>(value.get()).unwrap_or_default() {
                        self.open(0, block, out)?;
                        self.close(out)?;
                    }
                }
                "usage" => self.count(value, out),
                _ => self.message_field(name, value),
            }
        }
        Ok(())
    }

    fn begin(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let index = block_index(event)?;
        let Some(block) = event.content_block else {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                "a block of the stream begins without content",
            ));
        };
        self.close(out)?;
        self.open(index, block, out)
    }

    fn open(&mut self, index: u64, block: &RawValue, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let mut grown = Grown::new(block);
        if matches!(grown.kind(), Kind::Call) {
            grown.number(self.calls);
            self.calls += 1;
        }
        grown.begin(&mut self.last, out);
        self.open = Some((index, grown));
        Ok(())
    }

    fn grow(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let index = block_index(event)?;
        match (&mut self.open, event.delta) {
            (Some((open, grown)), Some(delta)) if *open == index => grown.grow(delta, &mut self.last, out),
            (Some((open, _)), None) if *open == index => Ok(()),
            _ => Err(Error::new(ErrorKind::InvalidResponse, "a delta came for a block that is not open")),
        }
    }

    fn close(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        match self.open.take() {
            Some((_, grown)) => grown.end(&mut self.last, out),
            None => Ok(()),
        }
    }

    fn message_delta(
        &mut self,
        event: &Event<'_>,
        data: &[u8],
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        for (name, value) in event.delta.and_then(Fields::of).iter().flat_map(Fields::iter) {
            self.message_field(name, value);
        }
        let beside: Fields<'_> =
            serde_json::from_slice(data).map_err(|error| unreadable("an event of the stream", &error))?;
        for (name, value) in beside.iter().filter(|(name, _)| !matches!(*name, "delta" | "usage")) {
            self.message_field(name, value);
        }
        if let Some(usage) = event.usage {
            self.count(usage, out);
        }
        Ok(())
    }

    fn message_field(&mut self, name: &str, value: &RawValue) {
        match name {
            "stop_reason" => self.stop_reason = text(value).or(self.stop_reason.take()),
            _ => keep_field(&mut self.extra, name, value),
        }
    }

    fn count(&mut self, usage: &RawValue, out: &mut VecDeque<StreamEvent>) {
        self.counts.overlay(usage);
        out.extend(self.counts.usage().map(|usage| StreamEvent::Usage(Box::new(usage))));
    }

    fn finish(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        self.close(out)?;
        let raw = self.stop_reason.take();
        let mut finish = StreamFinish::new(raw.as_deref().map(finish_reason), raw);
        finish.service_tier = self.counts.service_tier.take();
        finish.extra = std::mem::take(&mut self.extra);
        out.push_back(StreamEvent::Finish(Box::new(finish)));
        self.done = true;
        Ok(())
    }
}

fn block_index(event: &Event<'_>) -> Result<u64> {
    event
        .index
        .and_then(|raw| raw.get().parse().ok())
        .filter(|index| *index < MAX_BLOCKS)
        .ok_or_else(|| Error::new(ErrorKind::InvalidResponse, "a block of the stream has no usable index"))
}

/// Far more blocks than an answer can hold; an index beyond it is garbage.
const MAX_BLOCKS: u64 = 100_000;
