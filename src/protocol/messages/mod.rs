//! Anthropic messages, and the services that imitate it.
//!
//! <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23). Reasoning and blocks without a name here are
//! kept as they came and go back as they came; anything else would break their signatures.

mod block;
mod content;
mod decode;
mod encode;
mod stream;
pub(super) mod thinking;
mod tool;
mod usage;
mod vertex;
pub(super) mod wire;

#[cfg(test)]
mod tests;

use super::{
    CacheStyle, ChatDecoder, EncodeFor, Encoded, Fetches, HostedStyle, Medium, Needs, Protocol, SchemaRules,
    ToolNames, WireFailure,
};
use crate::error::Result;
use crate::types::{ChatRequest, Reply, Wire};
use wire::Host;

/// The format.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Messages;

/// The format as Vertex AI has it: the model is in the path, the version in the body.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct VertexMessages;

impl Protocol for Messages {
    fn wire(&self) -> Wire {
        Wire::Messages
    }

    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        encode::encode(request, target, Host::Anthropic)
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
            schema: SchemaRules::Anthropic,
            cache: CacheStyle::Control,
            hosted: HostedStyle::Anthropic,
            fetches: Fetches::NOTHING.and(Medium::Picture).and(Medium::Document),
            ..Needs::PLAIN
        }
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}
