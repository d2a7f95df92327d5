//! What one attempt does: chat, open a stream, embed, rank.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::StreamExt as _;

use super::candidates::PlannedTarget;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::provider::{Call, EmbedCall, RerankCall};
use crate::resilience::Timeouts;
use crate::types::{
    ChatRequest, EmbedReply, EmbedRequest, EventStream, Reply, ReplyStream, RerankReply, RerankRequest,
    StreamEvent, Usage,
};

/// A pending attempt.
pub(super) type Attempting<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// One kind of call. `start` makes one attempt at one target.
pub(super) trait Operation: Sync {
    type Output: Send;

    fn start<'a>(&'a self, target: &'a PlannedTarget) -> Attempting<'a, Self::Output>;

    /// What the attempt that was started last is known to have consumed, where it did not come to an answer.
    fn consumed(&self) -> Option<Box<Usage>> {
        None
    }

    /// How long one attempt may take, and what that clock is called.
    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase);
}

/// A whole answer.
pub(super) struct Chat<'r>(pub(super) &'r ChatRequest);

impl Operation for Chat<'_> {
    type Output = Reply;

    fn start<'a>(&'a self, target: &'a PlannedTarget) -> Attempting<'a, Reply> {
        target.provider.chat(call(self.0, target))
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

/// A stream, up to its first piece of content.
pub(super) struct OpenStream<'r> {
    request: &'r ChatRequest,
    clock: Arc<dyn Clock>,
    /// The last usage read. Some vendors bill the prompt before the first content, and the attempt may be dropped there.
    usage: Mutex<Option<Box<Usage>>>,
}

impl<'r> OpenStream<'r> {
    pub(super) fn new(request: &'r ChatRequest, clock: Arc<dyn Clock>) -> Self {
        Self { request, clock, usage: Mutex::default() }
    }

    fn usage(&self) -> MutexGuard<'_, Option<Box<Usage>>> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until the answer has really begun. Preambles are kept and delivered later.
    async fn hold_until_content(&self, events: &mut EventStream) -> Result<VecDeque<StreamEvent>> {
        let mut held = VecDeque::new();
        while held.len() < MOST_HELD {
            match events.next().await {
                Some(Ok(event)) => {
                    if let StreamEvent::Usage(usage) = &event {
                        *self.usage() = Some(usage.clone());
                    }
                    let begun = event.is_semantic();
                    held.push_back(event);
                    if begun {
                        return Ok(held);
                    }
                }
                Some(Err(error)) => return Err(error),
                None => {
                    return Err(Error::new(ErrorKind::Truncated, "the stream ended before the answer began"));
                }
            }
        }
        Err(Error::new(ErrorKind::InvalidResponse, "the stream has a preamble without end"))
    }
}

/// A stream whose first piece of content has come.
pub(super) struct Opened {
    /// What has been read already.
    pub(super) held: VecDeque<StreamEvent>,
    /// What is still to come, and the facts known beforehand.
    pub(super) rest: ReplyStream,
    /// When the first piece of content came.
    pub(super) first_at: Instant,
}

impl Operation for OpenStream<'_> {
    type Output = Opened;

    fn start<'a>(&'a self, target: &'a PlannedTarget) -> Attempting<'a, Opened> {
        *self.usage() = None;
        Box::pin(async move {
            let mut rest = target.provider.chat_stream(call(self.request, target)).await?;
            let held = self.hold_until_content(&mut rest.events).await?;
            Ok(Opened { held, rest, first_at: self.clock.now() })
        })
    }

    fn consumed(&self) -> Option<Box<Usage>> {
        self.usage().take()
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.first_token, TimeoutPhase::FirstToken)
    }
}

/// Vectors.
pub(super) struct Embed<'r>(pub(super) &'r EmbedRequest);

impl Operation for Embed<'_> {
    type Output = EmbedReply;

    fn start<'a>(&'a self, target: &'a PlannedTarget) -> Attempting<'a, EmbedReply> {
        target.provider.embed(EmbedCall::new(target.target.model(), self.0))
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

/// An order of documents.
pub(super) struct Rerank<'r>(pub(super) &'r RerankRequest);

impl Operation for Rerank<'_> {
    type Output = RerankReply;

    fn start<'a>(&'a self, target: &'a PlannedTarget) -> Attempting<'a, RerankReply> {
        target.provider.rerank(RerankCall::new(target.target.model(), self.0))
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

fn call<'a>(request: &'a ChatRequest, target: &'a PlannedTarget) -> Call<'a> {
    let mut call = Call::new(target.target.model(), request);
    call.hints = target.hints();
    call
}

/// Azure, the longest known, sends a handful of preamble events.
const MOST_HELD: usize = 256;
