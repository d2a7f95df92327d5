//! Writing objects whose fields the caller may add to and replace.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::WIRE;
use crate::types::{Extra, Json};

/// The extra fields that go to one target; of two with one name, the later.
#[derive(Default)]
pub(super) struct Extras<'a>(Vec<(&'a str, &'a Json)>);

impl<'a> Extras<'a> {
    pub(super) fn of(extra: &'a Extra, provider: &'a str) -> Self {
        let mut own: Vec<(&str, &Json)> = Vec::new();
        for (name, value) in extra.for_target(WIRE, provider) {
            own.retain(|(known, _)| *known != name);
            own.push((name, value));
        }
        Self(own)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, name: &str) -> bool {
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

    pub(super) fn put(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), M::Error> {
        if self.extra.has(name) { Ok(()) } else { self.map.serialize_entry(name, value) }
    }

    pub(super) fn put_some(
        &mut self,
        name: &'static str,
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
