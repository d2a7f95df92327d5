//! Chat on Vertex AI.

use super::{GOOGLE_MODELS, GenerateContent, VertexGenerateContent};
use crate::error::Result;
use crate::protocol::{ChatDecoder, EncodeFor, Encoded, Needs, Path, Protocol, WireFailure};
use crate::types::{ChatRequest, Reply, Wire};

impl Protocol for VertexGenerateContent {
    fn wire(&self) -> Wire {
        GenerateContent.wire()
    }

    /// The body is the same; the path names who made the model:
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations> (read 2026-11-26).
    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let mut encoded = GenerateContent.encode_chat(request, target)?;
        if let Path::Model { prefix, .. } = &mut encoded.path {
            *prefix = GOOGLE_MODELS;
        }
        Ok(encoded)
    }

    fn decode_chat(&self, body: &[u8]) -> Result<Reply> {
        GenerateContent.decode_chat(body)
    }

    fn chat_decoder(&self) -> Box<dyn ChatDecoder> {
        GenerateContent.chat_decoder()
    }

    fn needs(&self) -> Needs {
        GenerateContent.needs()
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        GenerateContent.decode_failure(body)
    }
}
