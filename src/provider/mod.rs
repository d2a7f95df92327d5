//! Who and where: vendors, their keys and addresses.
//!
//! [`Provider`] is the trait to implement for anything that completes text. The vendors in [`vendor`] are constants
//! for one implementation, [`HttpProvider`], which runs any [`Protocol`](crate::protocol::Protocol) over any
//! [`Transport`](crate::transport::Transport).

mod address;
#[cfg(feature = "bedrock")]
pub mod aws;
mod batch;
mod credential;
mod events;
pub mod google;
mod habits;
mod http;
pub mod ibm;
mod media;
mod oauth;
mod settings;
mod signer;
pub mod vendor;

pub use vendor::{Elsewhere, KeyStyle, Vendor};

use async_trait::async_trait;

pub(crate) use address::is_known;
pub use credential::Credential;
pub use habits::{Cancelling, Habits, Prefill};
pub use http::HttpProvider;
pub use settings::{Environment, Limits, Settings};
pub use signer::{Exchange, Refusal, Signer, Token, TokenSource};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::EmbedLimit;
use crate::types::{
    Adaptation, BatchState, ChatRequest, EmbedReply, EmbedRequest, ImageReply, ImageRequest, ModelHints,
    ModerationReply, ModerationRequest, Reply, ReplyStream, RerankReply, RerankRequest, SpeechReply,
    SpeechRequest, TranscriptReply, TranscriptRequest,
};

/// Something that completes text: a vendor, a server of your own, a function.
///
/// One call is one attempt: no retry, no failover, no total timeout inside; the client does these. Required are
/// [`name`](Self::name) and [`chat`](Self::chat). Dropping a returned future or stream must cancel the work.
#[async_trait]
pub trait Provider: std::fmt::Debug + Send + Sync {
    /// The part of `provider/model` before the slash. Constant.
    fn name(&self) -> &str;

    /// How many keys it has that take turns. By default one, or none at all, which is the same to the client.
    fn keys(&self) -> usize {
        1
    }

    /// What it fails together with, such as a host: a call that is hedged never goes to the same twice. By default its
    /// name.
    fn failure_domain(&self) -> &str {
        self.name()
    }

    /// Answers in one piece.
    ///
    /// # Errors
    /// Any; [`Error::kind`] decides whether the client tries again or elsewhere.
    async fn chat(&self, call: Call<'_>) -> Result<Reply>;

    /// Answers bit by bit. By default one burst from [`chat`](Self::chat).
    ///
    /// # Errors
    /// As [`chat`](Self::chat); errors may also come as the stream's last item.
    async fn chat_stream(&self, call: Call<'_>) -> Result<ReplyStream> {
        let reply = self.chat(call).await?;
        Ok(reply.into())
    }

    /// What it does that no request asks for. By default nobody knows.
    fn habits(&self) -> Habits {
        Habits::UNKNOWN
    }

    /// Says what would be left out or changed to fit the request, without sending it. By default nothing. Whoever wraps a
    /// provider forwards it.
    ///
    /// # Errors
    /// Those with which [`chat`](Self::chat) refuses before a byte is sent.
    fn check(&self, call: Call<'_>) -> Result<Vec<Adaptation>> {
        let _ = call;
        Ok(Vec::new())
    }

    /// How much one request for vectors of `model` may hold; [`Client::embed`](crate::Client::embed) splits what is more.
    /// By default nobody knows a limit. Whoever wraps a provider forwards it.
    fn embed_limit(&self, model: &str) -> EmbedLimit {
        let _ = model;
        EmbedLimit::NONE
    }

    /// Turns texts into vectors. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn embed(&self, call: EmbedCall<'_>) -> Result<EmbedReply> {
        let _ = call;
        Err(Error::new(ErrorKind::Unsupported, format!("{} has no embeddings", self.name())))
    }

    /// Puts texts in the order of their relevance. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn rerank(&self, call: RerankCall<'_>) -> Result<RerankReply> {
        let _ = call;
        Err(Error::new(ErrorKind::Unsupported, format!("{} has no reranking", self.name())))
    }

    /// Makes pictures. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn image(&self, call: Ask<'_, ImageRequest>) -> Result<ImageReply> {
        let _ = call;
        Err(Error::new(ErrorKind::Unsupported, format!("{} makes no pictures here", self.name())))
    }

    /// Speaks a text. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn speech(&self, call: Ask<'_, SpeechRequest>) -> Result<SpeechReply> {
        let _ = call;
        Err(Error::new(ErrorKind::Unsupported, format!("{} has no speech here", self.name())))
    }

    /// Writes a recording down. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn transcript(&self, call: Ask<'_, TranscriptRequest>) -> Result<TranscriptReply> {
        let _ = call;
        Err(Error::new(ErrorKind::Unsupported, format!("{} has no transcripts here", self.name())))
    }

    /// Judges texts by the vendor's content policy. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn moderation(&self, call: Ask<'_, ModerationRequest>) -> Result<ModerationReply> {
        let _ = call;
        Err(Error::new(ErrorKind::Unsupported, format!("{} judges no texts here", self.name())))
    }

    /// Hands over a batch that is answered within a day or so; returns the provider's name for it. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn submit_batch(&self, call: BatchCall<'_>) -> Result<String> {
        let _ = call;
        Err(no_batches(self.name()))
    }

    /// How far the batch `id` is. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn batch_state(&self, id: &str) -> Result<BatchState> {
        let _ = id;
        Err(no_batches(self.name()))
    }

    /// The answers of the batch `id`, in any order. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn batch_results(&self, id: &str) -> Result<Vec<BatchResult>> {
        let _ = id;
        Err(no_batches(self.name()))
    }

    /// Asks to stop the batch `id`; what was answered until then can be had and costs. By default unsupported.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented.
    async fn cancel_batch(&self, id: &str) -> Result<()> {
        let _ = id;
        Err(no_batches(self.name()))
    }
}

const _: fn(Box<dyn Provider>) = |_object_safe| ();

fn no_batches(name: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{name} takes no batches"))
}

/// Requests that are handed over together.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct BatchCall<'a> {
    /// The model, as this provider names it.
    pub model: &'a str,
    /// What is asked.
    pub requests: &'a [ChatRequest],
    /// What the catalogue knows of the model.
    pub hints: ModelHints,
}

impl<'a> BatchCall<'a> {
    /// A batch of `requests` for `model`.
    pub fn new(model: &'a str, requests: &'a [ChatRequest]) -> Self {
        Self { model, requests, hints: ModelHints::default() }
    }
}

/// What became of one request of a batch.
#[non_exhaustive]
#[derive(Debug)]
pub struct BatchResult {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The answer, or why there is none.
    pub outcome: Result<Reply>,
}

impl BatchResult {
    /// The outcome of the request in this place.
    pub fn new(index: usize, outcome: Result<Reply>) -> Self {
        Self { index, outcome }
    }
}

/// One attempt at a chat.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The model, as this provider names it.
    pub model: &'a str,
    /// What is asked. Its `model` field is what the caller wrote and may be a route's name.
    pub request: &'a ChatRequest,
    /// What the catalogue knows of the model.
    pub hints: ModelHints,
    /// Which of the provider's [keys](Provider::keys) to use, counted from 0.
    pub key: usize,
}

impl<'a> Call<'a> {
    /// A call of `model` with `request`.
    pub fn new(model: &'a str, request: &'a ChatRequest) -> Self {
        Self { model, request, hints: ModelHints::default(), key: 0 }
    }
}

/// One attempt at a question other than a chat.
#[non_exhaustive]
#[derive(Debug)]
pub struct Ask<'a, Q> {
    /// The model, as this provider names it.
    pub model: &'a str,
    /// What is asked.
    pub request: &'a Q,
    /// Which of the provider's [keys](Provider::keys) to use, counted from 0.
    pub key: usize,
}

impl<'a, Q> Ask<'a, Q> {
    /// A question for `model`.
    pub fn new(model: &'a str, request: &'a Q) -> Self {
        Self { model, request, key: 0 }
    }
}

impl<Q> Clone for Ask<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Ask<'_, Q> {}

/// One attempt at an embedding.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct EmbedCall<'a> {
    /// The model, as this provider names it.
    pub model: &'a str,
    /// What is asked.
    pub request: &'a EmbedRequest,
    /// Which of the provider's [keys](Provider::keys) to use, counted from 0.
    pub key: usize,
}

impl<'a> EmbedCall<'a> {
    /// A call of `model` with `request`.
    pub fn new(model: &'a str, request: &'a EmbedRequest) -> Self {
        Self { model, request, key: 0 }
    }
}

/// One attempt at a ranking.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct RerankCall<'a> {
    /// The model, as this provider names it.
    pub model: &'a str,
    /// What is asked.
    pub request: &'a RerankRequest,
    /// Which of the provider's [keys](Provider::keys) to use, counted from 0.
    pub key: usize,
}

impl<'a> RerankCall<'a> {
    /// A call of `model` with `request`.
    pub fn new(model: &'a str, request: &'a RerankRequest) -> Self {
        Self { model, request, key: 0 }
    }
}
