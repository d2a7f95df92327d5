//! One model at one provider.

use std::borrow::Cow;

use super::{Capabilities, Capability, Date, Price, Support};
use crate::types::{ModelHints, PriceSource, Sampling, SchemaSupport};

/// What is known of one model at one provider. `None` means that nobody said.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// What goes into the request.
    pub id: Cow<'static, str>,
    /// Other names of the same model at this provider, with the same price and limits.
    pub aliases: Box<[Cow<'static, str>]>,
    /// What it is for.
    pub mode: Mode,
    /// Tokens of prompt and answer together.
    pub context_window: Option<u64>,
    /// Tokens of the prompt, where limited on their own.
    pub max_input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub max_output_tokens: Option<u64>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The day the provider switches it off; may lie in the past.
    pub deprecation: Option<Date>,
    /// What it costs.
    pub price: Option<Price>,
    /// Where the price is from.
    pub source: PriceSource,
}

impl Model {
    /// A chat model of which nothing but its name is known.
    pub fn new(id: impl Into<Cow<'static, str>>) -> Self {
        Self {
            id: id.into(),
            aliases: Box::default(),
            mode: Mode::Chat,
            context_window: None,
            max_input_tokens: None,
            max_output_tokens: None,
            capabilities: Capabilities::default(),
            deprecation: None,
            price: None,
            source: PriceSource::Application,
        }
    }

    /// Can it?
    pub fn supports(&self, capability: Capability) -> Support {
        self.capabilities.supports(capability)
    }

    /// The most prompt tokens it takes, where known.
    pub fn input_limit(&self) -> Option<u64> {
        self.max_input_tokens.or(self.context_window)
    }

    /// What an encoder must know of it.
    pub fn hints(&self) -> ModelHints {
        ModelHints {
            max_output_tokens: self.max_output_tokens,
            sampling: match self.supports(Capability::SamplingParams) {
                Support::No => Sampling::Refused,
                Support::Yes => Sampling::Accepted,
                Support::Unknown => Sampling::Unknown,
            },
            schema: match self.supports(Capability::JsonSchema) {
                Support::No => SchemaSupport::Refused,
                Support::Yes => SchemaSupport::Accepted,
                Support::Unknown => SchemaSupport::Unknown,
            },
        }
    }
}

/// What a model is for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Sound to text.
    AudioTranscription,
    /// Text to sound.
    AudioSpeech,
    /// Messages to messages.
    #[default]
    Chat,
    /// Text to more text.
    Completion,
    /// Text to vectors.
    Embedding,
    /// Text to pictures.
    ImageGeneration,
    /// Text to verdicts.
    Moderation,
    /// Pictures to text.
    Ocr,
    /// Sound to sound, while both sides speak.
    Realtime,
    /// Texts to an order of texts.
    Rerank,
    /// Something else.
    Other,
}

impl Mode {
    /// The mode with this name in a file; [`Mode::Other`] for a name nobody knows.
    pub fn from_key(key: &str) -> Self {
        match key {
            "audio_transcription" => Self::AudioTranscription,
            "audio_speech" => Self::AudioSpeech,
            "" | "chat" | "responses" => Self::Chat,
            "completion" => Self::Completion,
            "embedding" => Self::Embedding,
            "image_generation" => Self::ImageGeneration,
            "moderation" => Self::Moderation,
            "ocr" => Self::Ocr,
            "realtime" => Self::Realtime,
            "rerank" => Self::Rerank,
            _ => Self::Other,
        }
    }
}
