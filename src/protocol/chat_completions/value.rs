//! JSON values for reading: borrowed, and tolerant of wrong types.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::types::{Extra, Json, Wire};

/// A field without a name here.
pub(super) type Field<'a> = (Cow<'a, str>, &'a RawValue);

/// Copies unknown fields; they go back to this format only.
pub(super) fn into_extra(fields: Vec<Field<'_>>) -> Extra {
    let mut extra = Extra::new();
    for (name, value) in fields {
        extra.insert(Wire::ChatCompletions, name.into_owned(), Json::from(value.to_owned()));
    }
    extra
}

/// A string; anything else counts as absent.
#[derive(Debug, Default)]
pub(super) struct Word<'a>(pub(super) Option<Cow<'a, str>>);

impl<'a> Word<'a> {
    /// The text, unless it is absent or empty.
    pub(super) fn filled(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A count; a whole float counts, anything else, negative numbers included, is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) Option<u64>);

/// Implements the visitor methods that throw a value of an unexpected type away.
macro_rules! tolerate {
    ($de:lifetime, $($kind:ident),*) => {$(tolerate!(@ $de, $kind);)*};
    (@ $de:lifetime, text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@ $de:lifetime, number) => {
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok(Default::default()) }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok(Default::default()) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@ $de:lifetime, simple) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok(Default::default()) }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@ $de:lifetime, list) => {
        fn visit_seq<A: SeqAccess<$de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
    (@ $de:lifetime, object) => {
        fn visit_map<A: MapAccess<$de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordVisitor;
        impl<'de> Visitor<'de> for WordVisitor {
            type Value = Word<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Word(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Word(Some(Cow::Owned(text.to_owned()))))
            }

            tolerate!('de, number, simple, list, object);
        }
        deserializer.deserialize_any(WordVisitor)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read as text: a number such as 1e999 is legal JSON, but an error as a float.
        let text = <&RawValue>::deserialize(deserializer)?.get();
        Ok(Self(text.parse().ok().or_else(|| {
            let number: f64 = text.parse().ok()?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
            (number.fract() == 0.0 && (0.0..LARGEST_EXACT).contains(&number)).then_some(number as u64)
        })))
    }
}

/// 2^53: above it a float no longer counts by ones.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A list; anything else counts as empty.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(List(items))
            }

            tolerate!('de, text, number, simple, object);
        }
        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}

/// The fields of an object in order; anything else counts as empty.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(pub(super) Vec<Field<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Word(name)) = object.next_key()? {
                    fields.push((name.unwrap_or_default(), object.next_value()?));
                }
                Ok(Fields(fields))
            }

            tolerate!('de, text, number, simple, list);
        }
        deserializer.deserialize_any(FieldsVisitor)
    }
}

/// The content of a message: text, a list of blocks kept raw, or nothing.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Blocks(Vec<&'a RawValue>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ContentVisitor;
        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or blocks")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = list.next_element()? {
                    blocks.push(block);
                }
                Ok(Content::Blocks(blocks))
            }

            tolerate!('de, number, simple, object);
        }
        deserializer.deserialize_any(ContentVisitor)
    }
}

/// Defines an object whose unknown fields are kept in `rest`, nulls and the named `skip` fields aside. Any other type
/// than an object reads as one without fields.
macro_rules! open_object {
    ($(#[$meta:meta])* struct $name:ident { $($field:ident : $type:ty),* $(,)? } skip { $($skip:literal),* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $field: $type,)*
            pub(super) rest: Vec<Field<'a>>,
        }

        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor<'a>(std::marker::PhantomData<&'a ()>);
                impl<'de: 'a, 'a> Visitor<'de> for ObjectVisitor<'a> {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                        let mut read = $name::default();
                        while let Some(Word(key)) = object.next_key::<Word<'de>>()? {
                            let key = key.unwrap_or_default();
                            match &*key {
                                $(stringify!($field) => read.$field = object.next_value()?,)*
                                $($skip => drop(object.next_value::<IgnoredAny>()?),)*
                                _ => {
                                    let value: &'de RawValue = object.next_value()?;
                                    if !matches!(value.get(), "null" | "[]") {
                                        read.rest.push((key, value));
                                    }
                                }
                            }
                        }
                        Ok(read)
                    }

                    tolerate!('de, text, number, simple, list);
                }
                deserializer.deserialize_any(ObjectVisitor(std::marker::PhantomData))
            }
        }
    };
}
