//! Writing objects whose fields the caller may add to and replace.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::Fields;
use crate::types::{Extra, Json, Wire};

/// The extra fields that go to one target.
#[derive(Default)]
pub(super) struct Extras<'a>(Vec<(&'a str, &'a Json)>);

impl<'a> Extras<'a> {
    /// Those of `extra` that go to `provider` over `wire`; of two with one name, the later.
    pub(super) fn of(extra: &'a Extra, wire: Wire, provider: &'a str) -> Self {
        let mut own = Self::default();
        own.add(extra, wire, provider);
        own
    }

    /// Adds those of `extra`.
    pub(super) fn add(&mut self, extra: &'a Extra, wire: Wire, provider: &'a str) {
        for (name, value) in extra.for_target(wire, provider) {
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

/// An object of one field.
pub(super) struct One<T>(pub(super) &'static str, pub(super) T);

impl<T: Serialize> Serialize for One<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// An object without fields.
pub(super) struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

/// An object of ours into which the caller's object of the same name is merged; the caller's fields win.
pub(super) struct Group<'a, V> {
    pub(super) own: Vec<(&'static str, V)>,
    pub(super) extra: Option<&'a Json>,
}

impl<V> Group<'_, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.extra.is_none()
    }

    /// Does the caller's object have a field of this name?
    pub(super) fn overrides(&self, name: &str) -> bool {
        self.fields().is_some_and(|fields| fields.get(name).is_some())
    }

    fn fields(&self) -> Option<Fields<'_>> {
        self.extra.and_then(|extra| serde_json::from_str(extra.as_str()).ok())
    }
}

impl<V: Serialize> Serialize for Group<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.fields();
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.own {
            if fields.as_ref().is_none_or(|fields| fields.get(name).is_none()) {
                map.serialize_entry(name, value)?;
            }
        }
        for (name, value) in fields.iter().flat_map(Fields::iter) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// An object of texts.
pub(super) struct Pairs<'a, const N: usize>(pub(super) [(&'static str, &'a str); N]);

impl<const N: usize> Serialize for Pairs<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}
