//! The vendor's JSON, mirrored: tolerant of everything it may add.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Fields without a name here, in the order they came.
pub(super) type Rest<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Declares a struct of optional fields that keeps what it does not know in `rest`. `#[serde(flatten)]` cannot: it
/// buffers, and raw JSON does not survive that.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> { $($field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name<$life> {
            $(pub(super) $field: Option<$type>,)*
            pub(super) rest: Rest<$life>,
        }

        impl<$life> Deserialize<$life> for $name<$life> {
            fn deserialize<D: Deserializer<$life>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<$life> Visitor<$life> for Fields {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<$life>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut mirror = $name::default();
                        while let Some(Str(key)) = map.next_key()? {
                            match &*key {
                                $($key => mirror.$field = map.next_value()?,)*
                                _ => mirror.rest.push((key, map.next_value()?)),
                            }
                        }
                        Ok(mirror)
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    };
}

/// The methods of a visitor that finds no object and no array.
macro_rules! nothing_else {
    ($nothing:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

mirror! {
    /// `GenerateContentResponse`, whole or one piece of a stream.
    Answer<'a> {
        candidates: Few<Candidate<'a>> = "candidates",
        prompt_feedback: &'a RawValue = "promptFeedback",
        usage: Soft<UsageMetadata<'a>> = "usageMetadata",
        model: Str<'a> = "modelVersion",
        id: Str<'a> = "responseId",
        error: &'a RawValue = "error",
    }
}

mirror! {
    Candidate<'a> {
        index: Count = "index",
        content: Content<'a> = "content",
        finish_reason: Str<'a> = "finishReason",
        logprobs: &'a RawValue = "logprobsResult",
    }
}

mirror! {
    Content<'a> {
        role: &'a RawValue = "role",
        parts: Few<&'a RawValue> = "parts",
    }
}

mirror! {
    Part<'a> {
        text: Str<'a> = "text",
        thought: bool = "thought",
        call: FunctionCall<'a> = "functionCall",
        inline: InlineData<'a> = "inlineData",
    }
}

mirror! {
    FunctionCall<'a> {
        id: Str<'a> = "id",
        name: Str<'a> = "name",
        args: &'a RawValue = "args",
    }
}

mirror! {
    InlineData<'a> {
        media_type: Str<'a> = "mimeType",
        data: Str<'a> = "data",
    }
}

mirror! {
    PromptFeedback<'a> {
        block_reason: Str<'a> = "blockReason",
    }
}

mirror! {
    UsageMetadata<'a> {
        prompt: Count = "promptTokenCount",
        tool_prompt: Count = "toolUsePromptTokenCount",
        cached: Count = "cachedContentTokenCount",
        candidates: Count = "candidatesTokenCount",
        thoughts: Count = "thoughtsTokenCount",
        total: Count = "totalTokenCount",
        prompt_details: Details = "promptTokensDetails",
        tool_details: Details = "toolUsePromptTokensDetails",
        cache_details: Details = "cacheTokensDetails",
        candidates_details: Details = "candidatesTokensDetails",
        service_tier: &'a RawValue = "serviceTier",
    }
}

mirror! {
    ModalityCount<'a> {
        modality: &'a RawValue = "modality",
        count: Count = "tokenCount",
    }
}

/// Text that borrows where it holds no escapes. `Option<Cow<str>>` never borrows, this does.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Str<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A token count; `None` inside when it is no count at all (negative, fractional, too large).
#[derive(Clone, Copy)]
pub(super) struct Count(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Raw text first: serde_json refuses a document that holds a number like 1e999.
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().trim_matches('"').parse().ok()))
    }
}

/// Tokens by modality, as far as they are priced apart.
#[derive(Clone, Copy, Default)]
pub(super) struct Details {
    pub(super) audio: Option<u64>,
    pub(super) image: Option<u64>,
}

impl Details {
    fn add(&mut self, modality: &str, tokens: u64) {
        let sum = match modality {
            "\"AUDIO\"" => &mut self.audio,
            "\"IMAGE\"" => &mut self.image,
            _ => return,
        };
        *sum = Some(sum.unwrap_or(0).saturating_add(tokens));
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;
        impl<'de> Visitor<'de> for Counts {
            type Value = Details;

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Details, A::Error> {
                let mut details = Details::default();
                while let Some(Soft(count)) = seq.next_element::<Soft<ModalityCount<'_>>>()? {
                    let Some(ModalityCount { modality, count, .. }) = count else { continue };
                    if let (Some(modality), Some(Count(Some(tokens)))) = (modality, count) {
                        details.add(modality.get(), tokens);
                    }
                }
                Ok(details)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Details, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Details::default())
            }

            nothing_else!(Details::default());
        }
        deserializer.deserialize_any(Counts)
    }
}

/// An object; nothing when something else stands there. Unlike raw JSON it needs no memory of its own.
pub(super) struct Soft<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Soft<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Soft<T>;

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Soft<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|value| Soft(Some(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Soft<T>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Soft(None))
            }

            nothing_else!(Soft(None));
        }
        deserializer.deserialize_any(Object(PhantomData))
    }
}

/// A list that nearly always has one element; that one costs no allocation.
pub(super) struct Few<T> {
    first: Option<T>,
    more: Vec<T>,
}

impl<T> Few<T> {
    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        self.first.into_iter().chain(self.more)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = seq.next_element()?;
                let mut more = Vec::new();
                while let Some(element) = seq.next_element()? {
                    more.push(element);
                }
                Ok(Few { first, more })
            }
        }
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

/// Reads `raw`, or nothing when it has another shape than expected.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The fields of a JSON object; nothing when it is no object.
pub(super) fn fields(json: &str) -> Option<Rest<'_>> {
    mirror! { Object<'a> {} }
    serde_json::from_str::<Object<'_>>(json).ok().map(|object| object.rest)
}

/// Says nothing: `null`, `{}` or `[]`.
pub(super) fn is_void(raw: &RawValue) -> bool {
    matches!(raw.get(), "null" | "{}" | "[]")
}
