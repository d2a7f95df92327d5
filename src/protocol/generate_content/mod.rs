//! Google Gemini `generateContent`, its streamed sibling, and `batchEmbedContents`.
//!
//! What differs from other formats: the model is in the path, instructions stand apart from the turns, results of
//! function calls are matched by name and order where a call has no id, any part may carry a signature that must go back
//! with it, and a stream has no terminal marker.

mod call_id;
mod content;
mod decode;
mod embed;
mod encode;
mod grounding;
mod media;
mod merge;
mod part;
mod predict;
mod sink;
mod stream;
mod thinking;
mod vertex;
mod wire;

#[cfg(test)]
mod tests;

use super::{
    ChatDecoder, EncodeFor, Encoded, HostedStyle, Needs, Path, Protocol, SafetyStyle, SchemaRules, ToolNames,
    WireFailure,
};
use crate::error::Result;
use crate::types::{ChatRequest, Reply, Wire};

/// Gemini's format for chat.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GenerateContent;

impl Protocol for GenerateContent {
    fn wire(&self) -> Wire {
        WIRE
    }

    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        encode::encode(request, target)
    }

    fn decode_chat(&self, body: &[u8]) -> Result<Reply> {
        decode::whole(body)
    }

    fn chat_decoder(&self) -> Box<dyn ChatDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn needs(&self) -> Needs {
        Needs {
            tool_names: ToolNames::Google,
            safety: SafetyStyle::Google,
            schema: SchemaRules::Google,
            hosted: HostedStyle::Google,
            ..Needs::PLAIN
        }
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}

/// Gemini's format for embeddings.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct GeminiEmbeddings;

/// Gemini's format for chat as Vertex AI has it: at another path, with labels.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct VertexGenerateContent;

/// Vertex AI's formats for embeddings.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct VertexEmbeddings;

/// Where Vertex AI keeps Google's own models.
const GOOGLE_MODELS: &str = "publishers/google/models";

const WIRE: Wire = Wire::GenerateContent;

fn model_path(model: &str, suffix: &'static str, query: Option<&'static str>) -> Path {
    let (prefix, model) = bare_model(model);
    Path::Model { prefix, model: model.to_owned(), suffix, query }
}

/// Models may be written with the collection they are in, as the vendor's own listing does.
fn bare_model(model: &str) -> (&'static str, &str) {
    for prefix in ["models", "tunedModels"] {
        if let Some(bare) = model.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) {
            return (prefix, bare);
        }
    }
    ("models", model)
}
