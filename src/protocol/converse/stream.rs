//! A streamed answer: blocks begin, grow and end; the stop reason comes before the counts.

use std::collections::VecDeque;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::block::{Grown, Last};
use super::decode::finish_reason;
use super::usage::{Beside, service_tier, usage};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{Fields, text};
use crate::protocol::{ChatDecoder, unreadable};
use crate::types::{StreamEvent, StreamFinish};

/// Reads the events of one answer:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html> (read 2026-11-23).
#[derive(Default)]
pub(super) struct Decoder {
    open: Option<Grown>,
    index: Option<u64>,
    last: Last,
    calls: usize,
    stop_reason: Option<String>,
    service_tier: Option<String>,
    beside: Beside,
    message: Stage,
    metadata: Stage,
    finished: Stage,
}

/// Has it come?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Awaited,
    Here,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("calls", &self.calls)
            .field("message", &self.message)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "contentBlockIndex")]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    start: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
}

impl ChatDecoder for Decoder {
    fn event(&mut self, name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        match name {
            "contentBlockDelta" | "contentBlockStart" | "contentBlockStop" => {}
            "messageStart" => {
                out.push_back(StreamEvent::Start { id: None, model: None });
                return Ok(());
            }
            "messageStop" => return self.message_stop(data, out),
            "metadata" => return self.metadata(data, out),
            _ => return Ok(()),
        }
        let event: Event<'_> = read(data)?;
        self.turn_to(block_index(&event)?, out)?;
        if let Some(start) = event.start {
            self.close(out)?;
            self.open = Grown::announced(start, &mut self.calls, &mut self.last, out);
        }
        if let Some(delta) = event.delta {
            Grown::grow(&mut self.open, delta, &mut self.last, out)?;
        }
        if name == "contentBlockStop" { self.close(out) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if self.message == Stage::Awaited {
            return Err(Error::new(ErrorKind::Truncated, "the stream ended without messageStop"));
        }
        self.finish(out);
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.finished == Stage::Here
    }
}

impl Decoder {
    /// Blocks come one after the other; one that is left is not returned to.
    fn turn_to(&mut self, index: u64, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        match self.index {
            Some(current) if current == index => Ok(()),
            Some(current) if current > index => {
                Err(Error::new(ErrorKind::InvalidResponse, "the stream returns to a block that has ended"))
            }
            _ => {
                self.index = Some(index);
                self.close(out)
            }
        }
    }

    fn close(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        match self.open.take() {
            Some(block) => block.end(&mut self.last, out),
            None => Ok(()),
        }
    }

    fn message_stop(&mut self, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        self.close(out)?;
        let fields: Fields<'_> = read(data)?;
        for (name, value) in fields.iter() {
            match name {
                "stopReason" => self.stop_reason = text(value),
                PADDING => {}
                _ => self.beside.add(name, value),
            }
        }
        self.message = Stage::Here;
        if self.metadata == Stage::Here {
            self.finish(out);
        }
        Ok(())
    }

    fn metadata(&mut self, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let fields: Fields<'_> = read(data)?;
        for (name, value) in fields.iter() {
            match name {
                "usage" => out.extend(usage(value).map(|usage| StreamEvent::Usage(Box::new(usage)))),
                "serviceTier" => self.service_tier = service_tier(value),
                PADDING => {}
                _ => self.beside.add(name, value),
            }
        }
        self.metadata = Stage::Here;
        if self.message == Stage::Here {
            self.finish(out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut VecDeque<StreamEvent>) {
        if self.finished == Stage::Here {
            return;
        }
        self.finished = Stage::Here;
        let raw = self.stop_reason.take();
        let mut finish = StreamFinish::new(raw.as_deref().map(finish_reason), raw);
        finish.service_tier = self.service_tier.take();
        finish.extra = std::mem::take(&mut self.beside).into_extra();
        out.push_back(StreamEvent::Finish(Box::new(finish)));
    }
}

fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T> {
    serde_json::from_slice(data).map_err(|error| unreadable("an event of the stream", &error))
}

fn block_index(event: &Event<'_>) -> Result<u64> {
    event
        .index
        .and_then(|raw| raw.get().parse().ok())
        .filter(|index| *index < MAX_BLOCKS)
        .ok_or_else(|| Error::new(ErrorKind::InvalidResponse, "a block of the stream has no usable index"))
}

/// Every event has a field of random length that hides how long its text is.
const PADDING: &str = "p";

/// Far more blocks than an answer can hold; an index beyond it is garbage.
const MAX_BLOCKS: u64 = 100_000;
