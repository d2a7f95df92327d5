//! OpenAI chat completions, and the many services that imitate it.
//!
//! One format, many accents: a [`Dialect`] names how a service differs. Reading is the same for all of them.

#[macro_use]
mod value;

mod answer;
mod calls;
mod decode;
mod details;
mod dialect;
mod encode;
mod hosted;
mod message;
mod options;
mod part;
mod serve;
mod serve_message;
mod stream;
mod template;
#[cfg(test)]
mod tests;
mod tool;
mod usage;
mod wire;

pub use dialect::{
    Apart, Developer, Dialect, Documents, Echo, Envelope, Lacking, Pictures, Reasoning, SeedField,
    StreamUsage, TokenLimit, ToolCallIds, Videos,
};
pub use serve::parse_request;

use crate::error::Result;
use crate::protocol::{ChatDecoder, EncodeFor, Encoded, Needs, Protocol, WireFailure};
use crate::types::{ChatRequest, Reply, Wire};

/// The format, with one service's accent.
#[derive(Clone, Copy, Debug)]
pub struct ChatCompletions {
    dialect: Dialect,
}

impl ChatCompletions {
    /// The format as a service with `dialect` speaks it.
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect }
    }
}

impl Protocol for ChatCompletions {
    fn wire(&self) -> Wire {
        Wire::ChatCompletions
    }

    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        encode::encode(&self.dialect, request, target)
    }

    fn decode_chat(&self, body: &[u8]) -> Result<Reply> {
        decode::decode(body)
    }

    fn chat_decoder(&self) -> Box<dyn ChatDecoder> {
        Box::<stream::Decoder>::default()
    }

    fn needs(&self) -> Needs {
        self.dialect.needs()
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}
