//! A streamed answer: items begin, grow and end, usually one after the other.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::{Calls, error_in, failure, filled, finish_reason, keep_fields};
use super::hosted::Uses;
use super::item::{Content, block_extra, list, tool_call};
use super::open::{Kind, Open, Slot, Teller};
use super::usage;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::{Fields, text};
use crate::protocol::{ChatDecoder, unreadable};
use crate::types::{StreamEvent, StreamFinish};

/// Reads the events of one answer.
#[derive(Default)]
pub(super) struct Decoder {
    /// The item that is being told.
    open: Option<Open>,
    /// Reasoning whose end is still to come while the answer goes on. OpenRouter sends it so.
    suspended: Vec<Open>,
    /// Items that ended while another was being told.
    waiting: Vec<(u64, Box<RawValue>)>,
    /// Items that were told to their end.
    told: Vec<u64>,
    teller: Teller,
    uses: Uses,
    id: Option<String>,
    model: Option<String>,
    done: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("told", &self.told.len())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    output_index: Option<&'a RawValue>,
    #[serde(borrow)]
    content_index: Option<&'a RawValue>,
    #[serde(borrow)]
    summary_index: Option<&'a RawValue>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    part: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl ChatDecoder for Decoder {
    fn event(&mut self, name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()> {
        // OpenRouter ends this format with OpenAI's older marker too.
        if self.done || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let data = std::str::from_utf8(data).map_err(|_| {
            Error::new(ErrorKind::InvalidResponse, "an event of the stream is not UTF-8 text")
        })?;
        let event: Event<'_> =
            serde_json::from_str(data).map_err(|error| unreadable("an event of the stream", &error))?;
        match event.kind.as_deref().unwrap_or(name) {
            "response.output_text.delta" => self.grow(Kind::Message, Slot::Text, &event, out),
            "response.refusal.delta" => self.grow(Kind::Message, Slot::Refusal, &event, out),
            "response.reasoning_summary_text.delta" => self.grow(Kind::Reasoning, Slot::Summary, &event, out),
            "response.reasoning_text.delta" => self.grow(Kind::Reasoning, Slot::Thought, &event, out),
            "response.function_call_arguments.delta" => self.grow(Kind::Call, Slot::Arguments, &event, out),
            "response.content_part.done" => {
                self.end_block(&event, out);
                Ok(())
            }
            "response.output_item.added" => self.begin(&event, out),
            "response.output_item.done" => match event.item {
                Some(item) => self.end_item(index(event.output_index)?, item, out),
                None => Ok(()),
            },
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(event.response, out);
                Ok(())
            }
            "response.completed" | "response.incomplete" | "response.cancelled" | "response.done" => {
                self.finish(event.response, out)
            }
            "response.failed" => Err(failed(event.response.map_or(data, RawValue::get), &self.uses, out)),
            "error" => Err(error_in(data)),
            _ if event.error.is_some_and(|error| error.get() != "null") => Err(error_in(data)),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _out: &mut VecDeque<StreamEvent>) -> Result<()> {
        if self.done {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Truncated, "the stream ended without response.completed"))
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Decoder {
    /// Tells id and model, if they are news.
    fn start(&mut self, response: Option<&RawValue>, out: &mut VecDeque<StreamEvent>) {
        let Some(fields) = response.and_then(Fields::of) else { return };
        let (id, model) = (filled(fields.get("id")), filled(fields.get("model")));
        let is_news = |own: &Option<String>, news: &Option<String>| news.is_some() && own != news;
        if is_news(&self.id, &id) || is_news(&self.model, &model) {
            self.id = id.or(self.id.take());
            self.model = model.or(self.model.take());
            out.push_back(StreamEvent::Start { id: self.id.clone(), model: self.model.clone() });
        }
    }

    fn begin(&mut self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let index = index(event.output_index)?;
        let Some(fields) = event.item.and_then(Fields::of) else { return Ok(()) };
        let kind = match fields.kind().as_deref() {
            Some("message") => Kind::Message,
            Some("reasoning") => Kind::Reasoning,
            Some("function_call") => Kind::Call,
            _ => return Ok(()),
        };
        if !self.make_room(kind) {
            return Ok(());
        }
        let mut open = Open::new(index, kind);
        if kind == Kind::Call {
            let Some(call) = tool_call(&fields) else { return Ok(()) };
            self.teller.begin_call(&mut open, call.id, call.name, out);
        }
        self.open = Some(open);
        Ok(())
    }

    /// May an item of this kind be told now? Reasoning that has not ended makes room; nothing else does.
    fn make_room(&mut self, kind: Kind) -> bool {
        match self.open.take() {
            None => true,
            Some(open) if open.kind == Kind::Reasoning && kind != Kind::Reasoning => {
                self.suspended.push(open);
                true
            }
            Some(open) => {
                self.open = Some(open);
                false
            }
        }
    }

    fn grow(
        &mut self,
        kind: Kind,
        slot: Slot,
        event: &Event<'_>,
        out: &mut VecDeque<StreamEvent>,
    ) -> Result<()> {
        let index = index(event.output_index)?;
        let Some(delta) = event.delta.and_then(text).filter(|delta| !delta.is_empty()) else {
            return Ok(());
        };
        let is_open = self.open.as_ref().is_some_and(|open| open.index == index && open.kind == kind);
        if !is_open {
            // Some services do not announce their items.
            let is_new = kind != Kind::Call && !self.told.contains(&index);
            if !is_new || !self.make_room(kind) {
                return Ok(());
            }
            self.open = Some(Open::new(index, kind));
        }
        let number = match slot {
            Slot::Summary => event.summary_index,
            Slot::Text | Slot::Refusal | Slot::Thought | Slot::Arguments => event.content_index,
        };
        let number = number.and_then(|raw| raw.get().parse().ok()).unwrap_or_default();
        if let Some(open) = &mut self.open {
            self.teller.grow(open, (slot, number), delta, out);
        }
        Ok(())
    }

    /// The annotations of a text, which may not be the last of its item.
    fn end_block(&self, event: &Event<'_>, out: &mut VecDeque<StreamEvent>) {
        let Ok(index) = index(event.output_index) else { return };
        let is_text = |open: &Open| open.index == index && open.kind == Kind::Message && open.is_begun();
        if !self.open.as_ref().is_some_and(is_text) {
            return;
        }
        let extra =
            event.part.and_then(Fields::of).filter(|part| part.kind().as_deref() == Some("output_text"));
        if let Some(extra) = extra.map(|part| block_extra(&part)).filter(|extra| !extra.is_empty()) {
            out.push_back(StreamEvent::PartExtra(extra));
        }
    }

    fn end_item(&mut self, index: u64, item: &RawValue, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        self.uses.add(item);
        if let Some(position) = self.suspended.iter().position(|open| open.index == index) {
            let open = self.suspended.remove(position);
            self.told.push(index);
            self.teller.end_suspended(&open, Content::of(item)?, out);
            return Ok(());
        }
        match self.open.take() {
            Some(open) if open.index == index => {
                self.told.push(index);
                self.teller.end(Some(&open), Content::of(item)?, out);
                self.tell_waiting(out)
            }
            Some(open) => {
                self.open = Some(open);
                self.waiting.push((index, item.to_owned()));
                Ok(())
            }
            None => {
                self.told.push(index);
                self.teller.end(None, Content::of(item)?, out);
                Ok(())
            }
        }
    }

    fn tell_waiting(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(index, _)| *index);
        for (index, item) in waiting {
            self.told.push(index);
            self.teller.end(None, Content::of(&item)?, out);
        }
        Ok(())
    }

    fn finish(&mut self, response: Option<&RawValue>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let fields = response.and_then(Fields::of);
        if let (Some(fields), Some(response)) = (&fields, response)
            && let Some(error) = failure(fields, response.get())
        {
            return Err(error);
        }
        self.start(response, out);
        self.tell_rest(
            fields.as_ref().and_then(|fields| list(fields.get("output")?)).unwrap_or_default(),
            out,
        )?;

        let mut finish = StreamFinish::default();
        let calls = if self.teller.calls == 0 { Calls::None } else { Calls::Some };
        if let Some(fields) = &fields {
            let usage = usage::of(fields, &self.uses);
            out.extend(usage.map(|usage| StreamEvent::Usage(Box::new(usage))));
            (finish.reason, finish.raw) = finish_reason(fields, calls);
            finish.service_tier = fields.text("service_tier");
            keep_fields(&mut finish.extra, fields);
        }
        out.push_back(StreamEvent::Finish(Box::new(finish)));
        self.done = true;
        Ok(())
    }

    /// What the last event has of the answer and no earlier one told. ChatGPT's has nothing.
    fn tell_rest(&mut self, output: Vec<&RawValue>, out: &mut VecDeque<StreamEvent>) -> Result<()> {
        let open = self.open.as_ref().map(|open| open.index);
        let own = open.and_then(|index| output.get(usize::try_from(index).ok()?));
        match (open, own) {
            (Some(index), Some(item)) => self.end_item(index, item, out)?,
            _ => {
                self.open = None;
                self.tell_waiting(out)?;
            }
        }
        for (index, item) in (0..).zip(&output) {
            if self.told.len() < output.len() && !self.told.contains(&index) {
                self.end_item(index, item, out)?;
            }
        }
        Ok(())
    }
}

/// The error of a failed response. What it consumed is told first.
fn failed(response: &str, uses: &Uses, out: &mut VecDeque<StreamEvent>) -> Error {
    let fields: Option<Fields<'_>> = serde_json::from_str(response).ok();
    let usage = fields.and_then(|fields| usage::of(&fields, uses));
    out.extend(usage.map(|usage| StreamEvent::Usage(Box::new(usage))));
    error_in(response)
}

/// Which item; a service that does not say has one.
fn index(raw: Option<&RawValue>) -> Result<u64> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(0) };
    raw.get()
        .parse()
        .ok()
        .filter(|index| *index < MAX_ITEMS)
        .ok_or_else(|| Error::new(ErrorKind::InvalidResponse, "an item of the stream has no usable index"))
}

/// Far more items than an answer can hold; an index beyond it is garbage.
const MAX_ITEMS: u64 = 100_000;
