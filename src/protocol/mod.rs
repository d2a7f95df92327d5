//! Pure wire formats: no I/O, no clock, no host, no key, no vendor.
//!
//! A protocol turns a request into a path and a body, and bytes into an answer. It is sans-IO: the provider feeds it.

pub(crate) mod batch;
mod bill;
mod call_id;
pub mod chat_completions;
pub mod cohere_chat;
pub mod converse;
pub mod embeddings;
mod failure;
mod fields;
pub(crate) mod fit;
mod function;
pub mod generate_content;
pub mod media;
pub mod messages;
mod notes;
mod object;
pub mod ollama_chat;
pub mod rerank;
pub mod responses;
mod speaker;

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;

pub use batch::BatchWire;
pub use failure::WireFailure;
pub use fit::{
    CacheStyle, Fetches, HostedStyle, JsonStyle, Medium, Needs, SafetyStyle, SchemaRules, ToolNames,
};

use crate::error::{Error, ErrorKind, Result};
use crate::types::{
    Adaptation, ChatRequest, EmbedReply, EmbedRequest, ModelHints, Reply, RerankReply, RerankRequest,
    StreamEvent, Wire,
};

/// A wire format for chat.
pub trait Protocol: std::fmt::Debug + Send + Sync {
    /// Its name; opaque state is tagged with it.
    fn wire(&self) -> Wire;

    /// Writes `request` for `target` as the vendor wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the format cannot say what was asked and leaving it out would change the
    /// answer's meaning; [`ErrorKind::InvalidRequest`] when a part is malformed.
    fn encode_chat(&self, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded>;

    /// Reads a complete answer.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when it cannot be read; the kind the body names when it holds an error.
    fn decode_chat(&self, body: &[u8]) -> Result<Reply>;

    /// A fresh decoder for one streamed answer.
    fn chat_decoder(&self) -> Box<dyn ChatDecoder>;

    /// Reads the body of an HTTP error.
    fn decode_failure(&self, body: &[u8]) -> WireFailure;

    /// What is done to a request before it is written. By default nothing.
    fn needs(&self) -> Needs {
        Needs::PLAIN
    }

    /// How a streamed answer is cut into events.
    fn framing(&self) -> Framing {
        Framing::Sse
    }
}

/// How a streamed answer is cut into events.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events: lines of text.
    Sse,
    /// Amazon's event streams: frames of bytes with checksums.
    EventStream,
    /// One JSON value a line.
    JsonLines,
}

const _: fn(Box<dyn Protocol>) = |_object_safe| ();

/// Turns the events of one streamed answer into ours.
pub trait ChatDecoder: std::fmt::Debug + Send {
    /// Reads one event; `name` is its name in the framing or empty. Appends what it means to `out`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when it cannot be read; the kind the event names when it reports an error.
    fn event(&mut self, name: &str, data: &[u8], out: &mut VecDeque<StreamEvent>) -> Result<()>;

    /// The bytes ended. Appends what is left, ending with [`StreamEvent::Finish`] if it has not been.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] when the format's terminal marker has not come.
    fn end(&mut self, out: &mut VecDeque<StreamEvent>) -> Result<()>;

    /// Has the terminal marker come? Nothing is read after it.
    fn is_done(&self) -> bool;
}

const _: fn(Box<dyn ChatDecoder>) = |_object_safe| ();

/// A wire format for embeddings.
pub trait EmbedProtocol: std::fmt::Debug + Send + Sync {
    /// Writes `request` for `target` as the vendor wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the format cannot say what was asked.
    fn encode_embed(&self, request: &EmbedRequest, target: EncodeFor<'_>) -> Result<Encoded>;

    /// Reads a complete answer to `inputs` texts.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when it cannot be read or the number of vectors is not `inputs`.
    fn decode_embed(&self, body: &[u8], inputs: usize) -> Result<EmbedReply>;

    /// Reads the body of an HTTP error.
    fn decode_failure(&self, body: &[u8]) -> WireFailure;

    /// How much one request for `model` may hold. More is asked for in several requests.
    fn limit(&self, model: &str) -> EmbedLimit {
        let _ = model;
        EmbedLimit::NONE
    }

    /// The header of an answer that counts the tokens read, where the body does not.
    fn usage_header(&self) -> Option<&'static str> {
        None
    }
}

const _: fn(Box<dyn EmbedProtocol>) = |_object_safe| ();

/// How much one request for vectors may hold.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbedLimit {
    /// How many texts.
    pub inputs: usize,
    /// How many bytes of text together. Vendors count tokens; a token is one byte at least, so this many bytes always
    /// fit. A single text may be larger, because where it must end is the vendor's to say.
    pub bytes: usize,
}

impl EmbedLimit {
    /// No limit that is known.
    pub const NONE: Self = Self { inputs: usize::MAX, bytes: usize::MAX };

    /// At most `inputs` texts.
    pub const fn inputs(inputs: usize) -> Self {
        Self { inputs, ..Self::NONE }
    }

    /// At most `tokens` in all texts together.
    #[must_use]
    pub const fn tokens(self, tokens: usize) -> Self {
        Self { bytes: tokens, ..self }
    }

    /// How many of `texts`, from the first, fit into one request; one at least.
    pub fn fitting(self, texts: &[String]) -> usize {
        let mut bytes = 0_usize;
        let fit = texts.iter().take(self.inputs).take_while(|text| {
            bytes = bytes.saturating_add(text.len());
            bytes <= self.bytes
        });
        fit.count().max(1)
    }
}

/// A wire format for reranking.
pub trait RerankProtocol: std::fmt::Debug + Send + Sync {
    /// Writes `request` for `target` as the vendor wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the format cannot say what was asked.
    fn encode_rerank(&self, request: &RerankRequest, target: EncodeFor<'_>) -> Result<Encoded>;

    /// Reads a complete answer about `documents` texts.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when it cannot be read or names a document that was not among them.
    fn decode_rerank(&self, body: &[u8], documents: usize) -> Result<RerankReply>;

    /// Reads the body of an HTTP error.
    fn decode_failure(&self, body: &[u8]) -> WireFailure;
}

const _: fn(Box<dyn RerankProtocol>) = |_object_safe| ();

/// A wire format for one kind of question with one answer, other than chat: pictures, speech, transcripts, judgements.
pub trait Procedure<Q, R>: std::fmt::Debug + Send + Sync {
    /// Writes `request` for `target` as the vendor wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the format cannot say what was asked.
    fn encode(&self, request: &Q, target: EncodeFor<'_>) -> Result<Encoded>;

    /// Reads a complete answer to `request`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when it cannot be read; the kind the body names when it holds an error.
    fn decode(&self, answer: RawAnswer<'_>, request: &Q) -> Result<R>;

    /// Reads the body of an HTTP error.
    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}

/// An answer that may be other than JSON.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct RawAnswer<'a> {
    /// The body.
    pub body: Bytes,
    /// Its media type, without parameters.
    pub media_type: Option<&'a str>,
}

impl<'a> RawAnswer<'a> {
    /// An answer with its parts.
    pub fn new(body: Bytes, media_type: Option<&'a str>) -> Self {
        Self { body, media_type }
    }
}

/// Whom a request is written for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct EncodeFor<'a> {
    /// The provider's name; decides which extra fields go along.
    pub provider: &'a str,
    /// The model, as the provider names it.
    pub model: &'a str,
    /// Whole or streamed.
    pub mode: Mode,
    /// What the catalogue knows of the model.
    pub hints: ModelHints,
    /// The application's own part of the vendor, such as a project, where requests and not the address name it.
    pub resource: Option<&'a str>,
}

impl<'a> EncodeFor<'a> {
    /// For `model` at `provider`, about which nothing more is known.
    pub fn new(provider: &'a str, model: &'a str, mode: Mode) -> Self {
        Self { provider, model, mode, hints: ModelHints::default(), resource: None }
    }
}

/// Whole or streamed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One answer in one body.
    Whole,
    /// Events.
    Stream,
}

/// A request as a vendor wants it.
#[non_exhaustive]
#[derive(Debug)]
pub struct Encoded {
    /// Where to, below the base URL.
    pub path: Path,
    /// JSON, unless a header says otherwise.
    pub body: Vec<u8>,
    /// Headers the request itself needs, such as a beta flag. `content-type` and `accept` replace the usual ones.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// What was left out or spelled differently.
    pub adaptations: Vec<Adaptation>,
}

impl Encoded {
    /// A request without extra headers or adaptations.
    pub fn new(path: Path, body: Vec<u8>) -> Self {
        Self { path, body, headers: Vec::new(), adaptations: Vec::new() }
    }
}

/// A path below the base URL.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// Always the same, for example `chat/completions`.
    Fixed(&'static str),
    /// Always the same, with a query.
    Queried {
        /// For example `text/chat`.
        path: &'static str,
        /// For example `version=2025-02-11`.
        query: &'static str,
    },
    /// With the model in it: `{prefix}/{model}{suffix}?{query}`. Whoever builds the URL escapes the model.
    Model {
        /// For example `models`.
        prefix: &'static str,
        /// The model; may hold anything.
        model: String,
        /// For example `:generateContent`, or further segments: `/converse`.
        suffix: &'static str,
        /// For example `alt=sse`.
        query: Option<&'static str>,
    },
}

/// An answer that is not what the format promises.
pub(crate) fn unreadable(what: &'static str, error: &serde_json::Error) -> Error {
    // `serde_json::Error` quotes the offending text; only its place is safe to print.
    Error::new(
        ErrorKind::InvalidResponse,
        format!("{what} cannot be read, line {} column {}", error.line(), error.column()),
    )
}
