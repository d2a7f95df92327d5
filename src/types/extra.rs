//! Fields this crate has no name for.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Json, Wire};

/// Where an extra field may be sent.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// To every target, whatever it speaks.
    Any,
    /// To every target that speaks this format.
    Wire(Wire),
    /// To the provider of this name only.
    Provider(Cow<'static, str>),
}

impl Scope {
    /// Does a field of this scope go to `provider`, which speaks `wire`?
    pub fn covers(&self, wire: Wire, provider: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Wire(own) => *own == wire,
            Self::Provider(own) => own == provider,
        }
    }
}

impl From<Wire> for Scope {
    fn from(wire: Wire) -> Self {
        Self::Wire(wire)
    }
}

impl From<&'static str> for Scope {
    fn from(provider: &'static str) -> Self {
        Self::Provider(Cow::Borrowed(provider))
    }
}

impl From<String> for Scope {
    fn from(provider: String) -> Self {
        Self::Provider(Cow::Owned(provider))
    }
}

/// Fields without a name here, in the order they came. Eight bytes while empty.
///
/// Each field has a [`Scope`]: one that was received over a wire goes back only to that wire, so a vendor's private
/// field can never make another vendor refuse the request.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extra(#[expect(clippy::box_collection, reason = "8 bytes while empty")] Option<Box<Vec<Field>>>);

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Field {
    scope: Scope,
    name: Box<str>,
    value: Json,
}

impl Extra {
    /// No fields.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Adds a field; a field of the same scope and name is replaced. Beyond 512 fields everything is dropped: no vendor
    /// has as many, and a million of them must not take the time of a million searches.
    pub fn insert(&mut self, scope: impl Into<Scope>, name: impl Into<Box<str>>, value: impl Into<Json>) {
        let field = Field { scope: scope.into(), name: name.into(), value: value.into() };
        let fields = self.0.get_or_insert_default();
        if fields.len() >= MOST_FIELDS {
            return;
        }
        match fields.iter_mut().find(|old| old.name == field.name && old.scope == field.scope) {
            Some(old) => *old = field,
            None => fields.push(field),
        }
    }

    /// The first field of this name, whatever its scope.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.fields().iter().find(|field| &*field.name == name).map(|field| &field.value)
    }

    /// The fields that go to `provider`, which speaks `wire`, oldest first.
    pub fn for_target<'a>(
        &'a self,
        wire: Wire,
        provider: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Json)> + 'a {
        self.fields()
            .iter()
            .filter(move |field| field.scope.covers(wire, provider))
            .map(|field| (&*field.name, &field.value))
    }

    /// Every field, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Scope, &str, &Json)> {
        self.fields().iter().map(|field| (&field.scope, &*field.name, &field.value))
    }

    /// Is there no field?
    pub fn is_empty(&self) -> bool {
        self.fields().is_empty()
    }

    fn fields(&self) -> &[Field] {
        self.0.as_deref().map(Vec::as_slice).unwrap_or_default()
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields().iter().map(|field| &field.name)).finish()
    }
}

const MOST_FIELDS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_fields_are_not_kept() {
        let mut extra = Extra::new();
        for number in 0..1_000_000 {
            extra.insert(Wire::Custom, number.to_string(), serde_json::json!(0));
        }

        assert_eq!(extra.iter().count(), MOST_FIELDS);
    }

    #[test]
    fn an_empty_extra_is_eight_bytes() {
        assert_eq!(size_of::<Extra>(), 8);
    }

    #[test]
    fn a_field_travels_only_to_its_scope() {
        let mut extra = Extra::new();
        extra.insert(Wire::Messages, "thinking", serde_json::json!(1));
        extra.insert("groq", "reasoning_format", serde_json::json!("parsed"));
        extra.insert(Scope::Any, "tag", serde_json::json!("x"));

        let names = |wire, provider: &'static str| {
            extra.for_target(wire, provider).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };

        assert_eq!(names(Wire::Messages, "anthropic"), ["thinking", "tag"]);
        assert_eq!(names(Wire::ChatCompletions, "groq"), ["reasoning_format", "tag"]);
        assert_eq!(names(Wire::GenerateContent, "google"), ["tag"]);
    }
}
