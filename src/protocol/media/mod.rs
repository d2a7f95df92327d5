//! Pictures, speech, transcripts and judgements: OpenAI's formats, which others imitate, and Google's.

mod google;
mod images;
mod moderations;
mod multipart;
mod speech;
mod transcriptions;

/// OpenAI's pictures: <https://platform.openai.com/docs/api-reference/images/create> (seen in copies).
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiImages;

/// OpenAI's speech: <https://platform.openai.com/docs/api-reference/audio/createSpeech> (seen in copies).
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiSpeech;

/// OpenAI's transcripts: <https://platform.openai.com/docs/api-reference/audio/createTranscription> (seen in copies).
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiTranscriptions;

/// OpenAI's judgements: <https://platform.openai.com/docs/api-reference/moderations> (seen in copies). Mistral's have no
/// verdict, only categories: <https://docs.mistral.ai/studio/safety-moderation> and LangChain4j's reading of it.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAiModerations;

/// Google's pictures and speech: Gemini's by `generateContent`, Imagen's by `predict`.
///
/// <https://ai.google.dev/gemini-api/docs/image-generation>, <https://ai.google.dev/gemini-api/docs/imagen>,
/// <https://ai.google.dev/gemini-api/docs/speech-generation> (seen in copies, in other clients)
#[derive(Clone, Copy, Debug)]
pub struct GoogleMedia {
    /// What stands before the model in the path.
    prefix: &'static str,
}

impl GoogleMedia {
    /// At the Gemini API.
    pub const GEMINI: Self = Self { prefix: "models" };

    /// At Vertex AI.
    pub const VERTEX: Self = Self { prefix: "publishers/google/models" };
}

use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind};

fn unwritable() -> Error {
    Error::new(ErrorKind::Internal, "the request cannot be written as JSON")
}

/// A count, where it is one.
fn count(raw: Option<&RawValue>) -> Option<u64> {
    raw?.get().parse().ok()
}
