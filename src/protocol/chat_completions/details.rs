//! OpenRouter's `reasoning_details`, put back together from a stream.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::error::Result;
use crate::protocol::unreadable;
use crate::types::{Opaque, StreamEvent};

use super::decode::details_state;
use super::wire::{Field, Fields, List};

/// Details so far. Fragments of one detail have the same `type` and `index`; their texts are appended:
/// <https://openrouter.ai/docs/use-cases/reasoning-tokens> (read 2026-11-23).
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Detail>);

#[derive(Debug, Default)]
struct Detail(Vec<(Box<str>, Value)>);

#[derive(Debug)]
enum Value {
    Text(String),
    Raw(Box<RawValue>),
}

impl Details {
    /// Adds the fragments of a chunk; gives back their readable text.
    pub(super) fn push(&mut self, list: &RawValue) -> Result<String> {
        let fragments: List<Fields<'_>> =
            serde_json::from_str(list.get()).map_err(|error| unreadable("the reasoning details", &error))?;
        let mut readable = String::new();
        for fragment in fragments.0 {
            let is_more = self.0.last().is_some_and(|last| last.continues_with(&fragment.0));
            if !is_more {
                self.0.push(Detail::default());
            }
            if let Some(detail) = self.0.last_mut() {
                for field in fragment.0 {
                    detail.add(field, &mut readable);
                }
            }
        }
        Ok(readable)
    }

    /// Gives the details out as the state of the reasoning part that ends here.
    pub(super) fn flush(&mut self, emit: &mut impl FnMut(StreamEvent)) {
        if !self.0.is_empty() {
            if let Some(state) = self.to_state() {
                emit(StreamEvent::ReasoningState(state));
            }
            self.0.clear();
        }
    }

    fn to_state(&self) -> Option<Opaque> {
        serde_json::to_string(&self.0).ok().map(|list| details_state(&list))
    }
}

impl Detail {
    fn continues_with(&self, fragment: &[Field<'_>]) -> bool {
        // Encrypted details come whole.
        let is_encrypted =
            fragment.iter().any(|(name, value)| name == "type" && value.get() == "\"reasoning.encrypted\"");
        !is_encrypted
            && ["type", "index"].into_iter().all(|name| {
                let own = self.0.iter().find(|(own, _)| **own == *name).map(|(_, value)| value);
                let other = fragment.iter().find(|(other, _)| other == name).map(|(_, value)| value.get());
                match (own, other) {
                    (Some(Value::Raw(own)), Some(other)) => own.get() == other,
                    (own, other) => own.is_none() && other.is_none(),
                }
            })
    }

    fn add(&mut self, (name, value): Field<'_>, readable: &mut String) {
        let text = match &*name {
            "text" | "summary" => serde_json::from_str::<String>(value.get()).ok(),
            _ => None,
        };
        if let Some(text) = &text {
            readable.push_str(text);
        }
        let is_full = self.0.len() >= MOST_FIELDS;
        let known = self.0.iter_mut().find(|(own, _)| **own == *name).map(|(_, value)| value);
        match (known, text) {
            (Some(Value::Text(own)), Some(text)) => own.push_str(&text),
            (Some(own), Some(text)) => *own = Value::Text(text),
            // A signature comes last; fragments before it have an empty one or none.
            (Some(own), None) if !matches!(value.get(), "null" | "\"\"") => {
                *own = Value::Raw(value.to_owned())
            }
            (Some(_), None) => {}
            (None, _) if is_full => {}
            (None, Some(text)) => self.0.push((into_box(name), Value::Text(text))),
            (None, None) => self.0.push((into_box(name), Value::Raw(value.to_owned()))),
        }
    }
}

/// Far more fields than a detail has; each is looked for in all of them.
const MOST_FIELDS: usize = 64;

fn into_box(name: Cow<'_, str>) -> Box<str> {
    name.into_owned().into_boxed_str()
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            match value {
                Value::Text(text) => map.serialize_entry(&**name, text)?,
                Value::Raw(raw) => map.serialize_entry(&**name, raw)?,
            }
        }
        map.end()
    }
}
