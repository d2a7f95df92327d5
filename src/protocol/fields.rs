//! A JSON object as its fields, each still raw: what is known is picked out, what is not survives.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::types::{Extra, Json, Wire};

/// The fields of one object, in the order they came.
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads `raw`; `None` when it is no object.
    pub(super) fn of(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// Name and value of each field.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    /// The value of `name`; of several the last, as every reader of JSON has it.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(own, _)| own == name).map(|(_, value)| *value)
    }

    /// The text in `name`.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// The object's `type`.
    pub(super) fn kind(&self) -> Option<Cow<'a, str>> {
        self.get("type").and_then(|raw| serde_json::from_str::<Name<'a>>(raw.get()).ok()).map(|name| name.0)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Text that is borrowed where it holds no escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text, if it is text.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The count, if it is a whole number that is not negative.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok()
}

/// Says a field nothing: `null`, or a list without entries?
pub(super) fn is_void(raw: &RawValue) -> bool {
    let text = raw.get();
    text == "null"
        || text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|rest| rest.trim().is_empty())
}

/// Keeps a received field, to be sent back to `wire` only.
pub(super) fn keep(extra: &mut Extra, wire: Wire, name: &str, raw: &RawValue) {
    extra.insert(wire, name, Json::from(raw.to_owned()));
}
