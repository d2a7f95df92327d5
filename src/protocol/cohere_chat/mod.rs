//! Cohere chat, second version, and its embeddings.
//!
//! <https://docs.cohere.com/reference/chat> (read 2026-11-23). What differs from other formats: options have names of
//! their own, a model that plans its tool calls writes the plan in a field of its own, citations point into the answer,
//! and what is billed is less than what is processed.

mod conversation;
mod decode;
mod embed;
mod encode;
mod stream;
mod usage;
mod wire;

#[cfg(test)]
mod tests;

use super::{
    ChatDecoder, EncodeFor, Encoded, Fetches, Medium, Needs, Protocol, SchemaRules, ToolNames, WireFailure,
};
use crate::error::Result;
use crate::types::{ChatRequest, Reply, Wire};

/// Cohere's format for chat.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct CohereChat;

/// Cohere's format for embeddings.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct CohereEmbeddings;

const WIRE: Wire = Wire::CohereChat;

impl Protocol for CohereChat {
    fn wire(&self) -> Wire {
        WIRE
    }

    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        encode::encode(request, target)
    }

    fn decode_chat(&self, body: &[u8]) -> Result<Reply> {
        decode::reply(body)
    }

    fn chat_decoder(&self) -> Box<dyn ChatDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn needs(&self) -> Needs {
        Needs {
            tool_names: ToolNames::Plain,
            schema: SchemaRules::Cohere,
            fetches: Fetches::NOTHING.and(Medium::Picture),
            ..Needs::PLAIN
        }
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}
