//! The tool calls of a streamed answer.

use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Extra, StreamEvent, Wire};

use super::decode::{arguments, made_up_id};
use super::wire::{Call, Function, Word, into_extra};

/// Sorts fragments into calls and numbers the calls from 0, whatever the vendor numbers.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: Vec<Open>,
    started: usize,
    /// The answer's id, for calls without one.
    answer: Option<Box<str>>,
}

#[derive(Debug, Default)]
struct Open {
    key: Option<u64>,
    id: String,
    /// Our number, once the name is known.
    index: Option<usize>,
    /// Arguments that came before the name.
    early: String,
    extra: Extra,
}

/// A fragment of a call.
#[derive(Debug)]
pub(super) struct Delta<'a> {
    key: Option<u64>,
    id: Word<'a>,
    name: Word<'a>,
    arguments: Option<&'a RawValue>,
    extra: Extra,
}

impl<'a> From<Call<'a>> for Delta<'a> {
    fn from(call: Call<'a>) -> Self {
        let is_custom = call.function.name.as_str().is_empty()
            && call.function.arguments.is_none()
            && (call.custom.input.is_some() || !call.custom.name.as_str().is_empty());
        let mut extra = into_extra(call.rest);
        let (name, arguments) = if is_custom {
            if !call.custom.name.as_str().is_empty() {
                extra.insert(Wire::ChatCompletions, "type", serde_json::json!("custom"));
            }
            (call.custom.name, call.custom.input)
        } else {
            (call.function.name, call.function.arguments)
        };
        // A number as large as the mark of the older format is garbage, not that mark.
        let key = call.index.0.map(|key| key.min(LEGACY - 1));
        Self { key, id: call.id, name, arguments, extra }
    }
}

impl<'a> Delta<'a> {
    /// The older single `function_call`; one with empty fields only is no call.
    pub(super) fn legacy(function: Function<'a>) -> Option<Self> {
        let is_filled = !function.name.as_str().is_empty()
            || function.arguments.is_some_and(|arguments| !matches!(arguments.get(), "null" | "\"\""));
        is_filled.then(|| Self {
            key: Some(LEGACY),
            id: Word(None),
            name: function.name,
            arguments: function.arguments,
            extra: Extra::new(),
        })
    }
}

impl Calls {
    /// None yet, of the answer with this id.
    pub(super) fn of(answer: Option<&str>) -> Self {
        Self { answer: answer.map(Into::into), ..Self::default() }
    }

    /// Reads a fragment.
    pub(super) fn read(&mut self, delta: Delta<'_>, emit: &mut impl FnMut(StreamEvent)) -> Result<()> {
        let position = match self.find(&delta) {
            Some(position) => position,
            None => self.begin(delta.key)?,
        };
        let last = self.open.len().saturating_sub(1);
        let Some(call) = self.open.get_mut(position) else { return Ok(()) };
        if call.id.is_empty() && call.index.is_none() {
            call.id = delta.id.as_str().to_owned();
        }
        let text = arguments(delta.arguments);
        match call.index {
            Some(index) => {
                // An extra field is about the last part, which this call may no longer be.
                if !delta.extra.is_empty() && position == last {
                    emit(StreamEvent::PartExtra(delta.extra));
                }
                if !text.is_empty() {
                    emit(StreamEvent::ToolCallArguments { index, delta: text });
                }
            }
            None => {
                for (scope, name, value) in delta.extra.iter() {
                    call.extra.insert(scope.clone(), name, value.clone());
                }
                call.early.push_str(&text);
                if !delta.name.as_str().is_empty() {
                    call.start(delta.name.as_str(), self.answer.as_deref(), &mut self.started, emit);
                }
            }
        }
        Ok(())
    }

    /// Gives out calls whose name never came.
    pub(super) fn close(&mut self, emit: &mut impl FnMut(StreamEvent)) {
        for call in self.open.iter_mut().filter(|call| call.index.is_none()) {
            call.start("", self.answer.as_deref(), &mut self.started, emit);
        }
    }

    fn find(&self, delta: &Delta<'_>) -> Option<usize> {
        let (id, name) = (delta.id.as_str(), delta.name.as_str());
        let is_other = |call: &Open| !id.is_empty() && !call.id.is_empty() && call.id != id;
        match delta.key {
            Some(key) => {
                let position = self.open.iter().rposition(|call| call.key == Some(key))?;
                // Gemini's endpoint numbers every call 0 and tells them apart by id:
                // https://github.com/QuantumNous/new-api/pull/2701 (read 2026-11-23).
                let is_new = !name.is_empty() && self.open.get(position).is_some_and(is_other);
                (!is_new).then_some(position)
            }
            None => {
                let last = self.open.last()?;
                let opens = is_other(last)
                    || (last.index.is_some() && !name.is_empty() && (id.is_empty() || last.id != id));
                (!opens).then(|| self.open.len() - 1)
            }
        }
    }

    fn begin(&mut self, key: Option<u64>) -> Result<usize> {
        let is_sane = key.is_none_or(|key| key == LEGACY || key < MAX_CALLS as u64);
        if !is_sane || self.open.len() >= MAX_CALLS {
            return Err(Error::new(ErrorKind::InvalidResponse, "the answer has more than 1024 tool calls"));
        }
        self.open.push(Open { key, ..Open::default() });
        Ok(self.open.len() - 1)
    }
}

impl Open {
    fn start(
        &mut self,
        name: &str,
        answer: Option<&str>,
        started: &mut usize,
        emit: &mut impl FnMut(StreamEvent),
    ) {
        let index = *started;
        *started += 1;
        self.index = Some(index);
        if self.id.is_empty() {
            self.id = made_up_id(index, answer);
        }
        emit(StreamEvent::ToolCallStart { index, id: self.id.clone(), name: name.to_owned() });
        if !self.extra.is_empty() {
            emit(StreamEvent::PartExtra(std::mem::take(&mut self.extra)));
        }
        if !self.early.is_empty() {
            emit(StreamEvent::ToolCallArguments { index, delta: std::mem::take(&mut self.early) });
        }
    }
}

const MAX_CALLS: usize = 1024;

/// The older format has one call without a number.
const LEGACY: u64 = u64::MAX;
