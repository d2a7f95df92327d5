//! JSON as a tree that keeps the order of fields and the spelling of everything it does not look into.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::protocol::fields::Fields;
use crate::types::Json;

/// A JSON value.
pub(super) enum Node {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    Leaf(Box<RawValue>),
}

impl Node {
    /// Reads `json`. What is nested very deep stays as it is.
    pub(super) fn of(json: &Json) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(json.as_str()).ok()?;
        Some(Self::read(raw, 0))
    }

    fn read(raw: &RawValue, depth: u8) -> Self {
        let leaf = || Self::Leaf(raw.to_owned());
        if depth >= DEEPEST {
            return leaf();
        }
        match raw.get().as_bytes().first() {
            Some(b'{') => match Fields::of(raw) {
                Some(fields) => {
                    let read =
                        |(name, value): (&str, &RawValue)| (name.to_owned(), Self::read(value, depth + 1));
                    Self::Object(fields.iter().map(read).collect())
                }
                None => leaf(),
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
                Ok(items) => Self::Array(items.into_iter().map(|item| Self::read(item, depth + 1)).collect()),
                Err(_) => leaf(),
            },
            _ => leaf(),
        }
    }

    /// The value that `json` is; used for what is written here.
    pub(super) fn literal(json: &impl Serialize) -> Self {
        serde_json::value::to_raw_value(json)
            .map_or_else(|_| Self::Leaf(RawValue::NULL.to_owned()), Self::Leaf)
    }

    /// Its JSON text.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The text, if it is text.
    pub(super) fn string(&self) -> Option<String> {
        match self {
            Self::Leaf(raw) => serde_json::from_str(raw.get()).ok(),
            Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// Is it this literal: `true`, `false`, `null`?
    pub(super) fn is(&self, literal: &str) -> bool {
        matches!(self, Self::Leaf(raw) if raw.get() == literal)
    }

    /// The field of this name, if it is an object that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(own, _)| own == name).map(|(_, value)| value),
            Self::Array(_) | Self::Leaf(_) => None,
        }
    }

    /// What a reference of the form `#/a/b` points at.
    pub(super) fn pointed(&self, reference: &str) -> Option<&Self> {
        let path = reference.strip_prefix('#')?;
        path.split('/')
            .skip(1)
            .try_fold(self, |node, name| node.get(&name.replace("~1", "/").replace("~0", "~")))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Leaf(raw) => raw.serialize(serializer),
        }
    }
}

/// Schemas written by people or derived from types stay far below.
const DEEPEST: u8 = 64;
