//! OpenAI responses, and the services that imitate it.
//!
//! <https://developers.openai.com/api/docs/api-reference/responses/create> (collected 2026-11-22). A conversation is a
//! list of items. Items without a name here, and all reasoning, are kept as they came and go back as they came.
//!
//! The vendor would keep the conversation on its side. Here every request carries all of it, so that it survives a
//! failover, a restart and another key: [`Memory`] says how a service is told so. Whoever wants the vendor's memory sends
//! `store` and `previous_response_id` as extra fields.

mod decode;
mod encode;
mod hosted;
mod input;
mod item;
mod open;
mod stream;
mod tool;
mod usage;
mod wire;

#[cfg(test)]
mod tests;

use super::{
    CacheStyle, ChatDecoder, EncodeFor, Encoded, Fetches, HostedStyle, Medium, Needs, Protocol, SchemaRules,
    ToolNames, WireFailure,
};
use crate::error::Result;
use crate::types::{ChatRequest, Reply, Wire};

/// The format, with one service's accent.
///
/// ```
/// use polyroute::protocol::responses::{Memory, Responses, UserField};
/// let protocol = Responses::PLAIN.memory(Memory::Stateless).user(UserField::SafetyIdentifier);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Responses {
    memory: Memory,
    user: UserField,
    developer: Developer,
    needs: Needs,
}

impl Responses {
    /// The format as most servers imitate it.
    pub const PLAIN: Self = Self {
        memory: Memory::Unsaid,
        user: UserField::User,
        developer: Developer::AsSystem,
        needs: Needs {
            tool_names: ToolNames::Plain,
            fetches: Fetches::NOTHING.and(Medium::Picture).and(Medium::Document),
            ..Needs::PLAIN
        },
    };

    /// Sets which JSON Schemas it takes, how it is told to cache and how it is offered the tools it runs itself.
    #[must_use]
    pub const fn needing(mut self, schema: SchemaRules, cache: CacheStyle, hosted: HostedStyle) -> Self {
        self.needs.schema = schema;
        self.needs.cache = cache;
        self.needs.hosted = hosted;
        self
    }

    /// Sets what the service is told about keeping the conversation.
    #[must_use]
    pub const fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// Sets what the service calls the end user.
    #[must_use]
    pub const fn user(mut self, user: UserField) -> Self {
        self.user = user;
        self
    }

    /// Sets what becomes of the `developer` role.
    #[must_use]
    pub const fn developer(mut self, developer: Developer) -> Self {
        self.developer = developer;
        self
    }
}

/// What a service is told about keeping the conversation. An extra field `store` replaces it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing: the service keeps nothing, or refuses the field.
    Unsaid,
    /// `store: false`.
    Stateless,
    /// `store: false`, and encrypted reasoning is asked for.
    Encrypted,
    /// As [`Encrypted`](Self::Encrypted), but only where the model is known to reason: others refuse to be asked.
    EncryptedIfReasoning,
}

/// What a service calls the end user.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserField {
    /// `user`.
    User,
    /// `safety_identifier`, OpenAI's newer name.
    SafetyIdentifier,
}

/// What becomes of the `developer` role.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Developer {
    /// It is sent.
    Kept,
    /// It becomes `system`.
    AsSystem,
}

impl Protocol for Responses {
    fn wire(&self) -> Wire {
        Wire::Responses
    }

    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        encode::encode(self, request, target)
    }

    fn decode_chat(&self, body: &[u8]) -> Result<Reply> {
        decode::reply(body)
    }

    fn chat_decoder(&self) -> Box<dyn ChatDecoder> {
        Box::<stream::Decoder>::default()
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}
