//! Amazon Bedrock Converse, whole and streamed.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html> (read 2026-11-23). The model is in
//! the path. Streams are binary frames ([`Framing::EventStream`]). Every block is an object of one field, whose name says
//! what it is; blocks without a name here are kept as they came and go back as they came.

mod block;
mod content;
mod decode;
mod encode;
mod invoke;
mod media;
mod settings;
mod stream;
mod usage;
mod wire;

#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::{
    CacheStyle, ChatDecoder, EncodeFor, Encoded, Fetches, Framing, Needs, Protocol, SchemaRules, ToolNames,
    WireFailure,
};
use crate::error::Result;
use crate::types::{ChatRequest, Reply, Wire};

/// The format.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Converse;

/// The formats of the makers whose models make vectors on Bedrock.
#[expect(clippy::exhaustive_structs, reason = "written as a value in the vendors' constants")]
#[derive(Clone, Copy, Debug, Default)]
pub struct BedrockEmbeddings;

impl Protocol for Converse {
    fn wire(&self) -> Wire {
        Wire::Converse
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
            schema: SchemaRules::Anthropic,
            cache: CacheStyle::Point,
            fetches: Fetches::NOTHING,
            ..Needs::PLAIN
        }
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        failure(body)
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }
}

/// AWS's front door spells the sentence with a capital and names the error in `__type`, after a number sign.
fn failure(body: &[u8]) -> WireFailure {
    #[derive(Default, Deserialize)]
    struct FrontDoor {
        #[serde(rename = "Message")]
        message: Option<String>,
        #[serde(rename = "__type")]
        kind: Option<String>,
    }
    let mut failure = WireFailure::parse(body);
    let own: FrontDoor = serde_json::from_slice(body).unwrap_or_default();
    failure.message = failure.message.or(own.message);
    let kind = own.kind.map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
    failure.error_type = failure.error_type.or(kind);
    failure
}
