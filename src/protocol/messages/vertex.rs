//! Anthropic's models on Vertex AI.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai> (read 2026-11-25)

use super::wire::Host;
use super::{Messages, VertexMessages, encode};
use crate::error::Result;
use crate::protocol::{ChatDecoder, EncodeFor, Encoded, Mode, Needs, Path, Protocol, WireFailure};
use crate::types::{ChatRequest, Reply, Wire};

impl Protocol for VertexMessages {
    fn wire(&self) -> Wire {
        Messages.wire()
    }

    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let mut encoded = encode::encode(request, target, Host::Vertex)?;
        encoded.path = Path::Model {
            prefix: "publishers/anthropic/models",
            model: target.model.to_owned(),
            suffix: match target.mode {
                Mode::Whole => ":rawPredict",
                Mode::Stream => ":streamRawPredict",
            },
            query: None,
        };
        Ok(encoded)
    }

    fn decode_chat(&self, body: &[u8]) -> Result<Reply> {
        Messages.decode_chat(body)
    }

    fn chat_decoder(&self) -> Box<dyn ChatDecoder> {
        Messages.chat_decoder()
    }

    fn needs(&self) -> Needs {
        Messages.needs()
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        Messages.decode_failure(body)
    }
}
