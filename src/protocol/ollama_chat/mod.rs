//! Ollama's own chat format.
//!
//! <https://docs.ollama.com/api/chat> (read 2026-11-25). What differs from other formats: sampling parameters are in
//! `options`, which the caller may add to; a message's pictures stand beside its text; tool arguments are objects and come
//! whole; results name the function; a stream is one JSON object a line ([`Framing::JsonLines`]), ended by `done`.

mod conversation;
mod decode;
mod encode;
mod wire;

#[cfg(test)]
mod tests;

use super::{ChatDecoder, EncodeFor, Encoded, Fetches, Framing, Needs, Protocol, WireFailure};
use crate::error::Result;
use crate::types::{ChatRequest, Reply, Wire};

/// The format.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct OllamaChat;

const WIRE: Wire = Wire::OllamaChat;

impl Protocol for OllamaChat {
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
        Box::new(decode::Decoder::default())
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }

    fn needs(&self) -> Needs {
        Needs { fetches: Fetches::NOTHING, ..Needs::PLAIN }
    }

    fn framing(&self) -> Framing {
        Framing::JsonLines
    }
}
