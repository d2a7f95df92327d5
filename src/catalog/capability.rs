//! What a model can do, as far as anybody knows.

use serde::{Deserialize, Serialize};

/// Something a model may be able to do.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Capability {
    /// Answers bit by bit.
    Streaming,
    /// Calls tools.
    Tools,
    /// Calls several tools in one answer.
    ParallelTools,
    /// Can be told which tool to call.
    ToolChoice,
    /// Sees pictures.
    Vision,
    /// Reads PDF documents.
    Pdf,
    /// Hears sound.
    AudioIn,
    /// Speaks.
    AudioOut,
    /// Sees film.
    VideoIn,
    /// Answers in JSON that fits a schema.
    JsonSchema,
    /// Thinks before it answers.
    Reasoning,
    /// Its prompts can be cached by the provider.
    PromptCaching,
    /// Takes a system message.
    SystemMessages,
    /// Searches the web by itself.
    WebSearch,
    /// Takes `temperature`, `top_p` and the like.
    SamplingParams,
    /// Continues an answer that the request begins.
    AssistantPrefill,
    /// Takes batches.
    Batch,
    /// Operates a computer.
    ComputerUse,
    /// Always thinks before it answers; it cannot be told not to.
    ReasoningAlwaysOn,
}

impl Capability {
    /// The key in a file of your own.
    pub fn as_str(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, _, key)| key)
    }

    /// The capability with this key in a file.
    pub fn from_key(key: &str) -> Option<Self> {
        NAMES.iter().find(|(_, _, known)| *known == key).map(|(capability, _, _)| *capability)
    }

    /// Every capability.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(capability, _, _)| *capability)
    }
}

/// Can it, or does nobody know?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// No table says.
    #[default]
    Unknown,
}

/// What a model can and cannot do.
///
/// ```
/// use polyroute::catalog::{Capabilities, Capability, Support};
/// let known = Capabilities::default().with(Capability::Tools, Support::Yes);
/// assert_eq!(known.supports(Capability::Tools), Support::Yes);
/// assert_eq!(known.supports(Capability::Vision), Support::Unknown);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities {
    yes: u32,
    no: u32,
}

impl Capabilities {
    /// Can it?
    pub const fn supports(self, capability: Capability) -> Support {
        let bit = 1 << capability as u32;
        if self.yes & bit != 0 {
            Support::Yes
        } else if self.no & bit != 0 {
            Support::No
        } else {
            Support::Unknown
        }
    }

    /// As this, with what is known about `capability` replaced.
    #[must_use]
    pub const fn with(mut self, capability: Capability, support: Support) -> Self {
        let bit = 1 << capability as u32;
        self.yes &= !bit;
        self.no &= !bit;
        match support {
            Support::Yes => self.yes |= bit,
            Support::No => self.no |= bit,
            Support::Unknown => {}
        }
        self
    }

    /// Reads the letters of the built-in tables: small for yes, capital for no. Unknown letters are skipped.
    pub(super) fn from_letters(letters: &str) -> Self {
        letters.bytes().fold(Self::default(), |known, letter| {
            let support = if letter.is_ascii_lowercase() { Support::Yes } else { Support::No };
            match NAMES.iter().find(|(_, name, _)| *name == letter.to_ascii_lowercase()) {
                Some((capability, _, _)) => known.with(*capability, support),
                None => known,
            }
        })
    }
}

impl Capabilities {
    /// Those of `needs` that are known to be missing.
    pub(crate) const fn lacking(self, needs: CapabilitySet) -> CapabilitySet {
        CapabilitySet { bits: self.no & needs.bits }
    }

    /// Those of `needs` that are not known to be there.
    pub(crate) const fn unproven(self, needs: CapabilitySet) -> CapabilitySet {
        CapabilitySet { bits: !self.yes & needs.bits }
    }

    /// Everything it is known not to do.
    pub(crate) const fn cannot(self) -> CapabilitySet {
        CapabilitySet { bits: self.no }
    }
}

/// Some capabilities, for example those that a request needs.
///
/// ```
/// use polyroute::catalog::{Capability, CapabilitySet};
/// let needs = CapabilitySet::default().with(Capability::Tools).with(Capability::Vision);
/// assert!(needs.contains(Capability::Tools) && !needs.contains(Capability::Pdf));
/// assert_eq!(needs.iter().count(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CapabilitySet {
    bits: u32,
}

impl CapabilitySet {
    /// None.
    pub const EMPTY: Self = Self { bits: 0 };

    /// As this, and `capability`.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self { bits: self.bits | 1 << capability as u32 }
    }

    /// Everything in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits }
    }

    /// Everything in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits }
    }

    /// Is `capability` among them?
    pub const fn contains(self, capability: Capability) -> bool {
        self.bits & 1 << capability as u32 != 0
    }

    /// Is there none?
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The first of them.
    pub(crate) fn first(self) -> Option<Capability> {
        let place = usize::try_from(self.bits.trailing_zeros()).ok()?;
        NAMES.get(place).map(|(capability, _, _)| *capability)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::default(), Self::with)
    }
}

impl Serialize for CapabilitySet {
    /// As a list of keys.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Capability::as_str))
    }
}

impl<'de> Deserialize<'de> for CapabilitySet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys: Vec<String> = Deserialize::deserialize(deserializer)?;
        keys.iter()
            .map(|key| {
                Capability::from_key(key)
                    .ok_or_else(|| serde::de::Error::custom(format!("there is no capability {key:?}")))
            })
            .collect()
    }
}

/// In the order of the variants.
const NAMES: [(Capability, u8, &str); 19] = [
    (Capability::Streaming, b's', "streaming"),
    (Capability::Tools, b't', "tools"),
    (Capability::ParallelTools, b'p', "parallel_tools"),
    (Capability::ToolChoice, b'c', "tool_choice"),
    (Capability::Vision, b'v', "vision"),
    (Capability::Pdf, b'd', "pdf"),
    (Capability::AudioIn, b'a', "audio_in"),
    (Capability::AudioOut, b'o', "audio_out"),
    (Capability::VideoIn, b'm', "video_in"),
    (Capability::JsonSchema, b'j', "json_schema"),
    (Capability::Reasoning, b'r', "reasoning"),
    (Capability::PromptCaching, b'k', "prompt_caching"),
    (Capability::SystemMessages, b'y', "system_messages"),
    (Capability::WebSearch, b'w', "web_search"),
    (Capability::SamplingParams, b'x', "sampling_params"),
    (Capability::AssistantPrefill, b'f', "assistant_prefill"),
    (Capability::Batch, b'b', "batch"),
    (Capability::ComputerUse, b'u', "computer_use"),
    (Capability::ReasoningAlwaysOn, b'z', "reasoning_always_on"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_has_its_own_letter_and_key() {
        for (position, (capability, letter, key)) in NAMES.into_iter().enumerate() {
            let (small, capital) =
                (char::from(letter).to_string(), char::from(letter).to_uppercase().to_string());
            assert_eq!(capability as usize, position);
            assert_eq!((Capability::from_key(key), capability.as_str()), (Some(capability), key));
            assert_eq!(Capabilities::from_letters(&small).supports(capability), Support::Yes);
            assert_eq!(Capabilities::from_letters(&capital).supports(capability), Support::No);
            assert_eq!(Capabilities::from_letters("!").supports(capability), Support::Unknown);
        }
    }
}
