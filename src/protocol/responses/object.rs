//! Writing objects whose fields the caller may add to and replace.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::types::{Extra, Json, Wire};

/// The extra fields that go to one target.
#[derive(Default)]
pub(super) struct Extras<'a>(Vec<(&'a str, &'a Json)>);

impl<'a> Extras<'a> {
    /// Those of `extra` that go to `provider`; of two with one name, the later.
    pub(super) fn of(extra: &'a Extra, provider: &'a str) -> Self {
        let mut own = Self::default();
        own.add(extra, provider);
        own
    }

    /// Adds those of `extra`.
    pub(super) fn add(&mut self, extra: &'a Extra, provider: &'a str) {
        for (name, value) in extra.for_target(Wire::Responses, provider) {
            self.0.retain(|(known, _)| *known != name);
            self.0.push((name, value));
        }
    }

    /// The field of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// Takes the field of this name out.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a Json> {
        let position = self.0.iter().position(|(own, _)| *own == name)?;
        Some(self.0.remove(position).1)
    }

    /// Is there none?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is there a field of this name?
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| *own == name)
    }
}

/// Writes an object; an extra field replaces ours of the same name.
pub(super) struct Object<'a, M> {
    map: M,
    extra: &'a Extras<'a>,
}

impl<'a, M: SerializeMap> Object<'a, M> {
    pub(super) fn begin<S: Serializer<SerializeMap = M>>(
        serializer: S,
        extra: &'a Extras<'a>,
    ) -> Result<Self, S::Error> {
        Ok(Self { map: serializer.serialize_map(None)?, extra })
    }

    pub(super) fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), M::Error> {
        if self.extra.has(name) { Ok(()) } else { self.map.serialize_entry(name, value) }
    }

    pub(super) fn put_some(
        &mut self,
        name: &str,
        value: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(name, value))
    }

    pub(super) fn end(mut self) -> Result<M::Ok, M::Error> {
        for (name, value) in &self.extra.0 {
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}
