//! What one attempt does: chat, open a stream, embed, rank.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::StreamExt as _;

use super::call::{Consumed, RunningCall};
use super::candidates::PlannedTarget;
use super::review;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::provider::{Call, RerankCall};
use crate::resilience::{Clocked, Timeouts};
use crate::types::{
    Adaptation, ChatRequest, EventStream, Pace, RateLimits, Reading, Reply, ReplyStream, RerankReply,
    RerankRequest, StreamEvent, Usage,
};

/// A pending attempt.
pub(super) type Attempting<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A pending look at an answer.
pub(super) type Judging<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One kind of call. `start` makes one attempt at one target; several may run at once.
pub(super) trait Operation: Sync {
    type Output: Answer;

    fn start<'a>(
        &'a self,
        target: &'a PlannedTarget,
        key: usize,
        meter: &'a Meter,
    ) -> Attempting<'a, Self::Output>;

    /// Looks at an answer before the caller gets it; `None` when any will do. The attempt is still open. An answer that is
    /// escalated is accounted like every other, and is what the caller gets when nothing better comes.
    fn judge<'a>(
        &'a self,
        call: &'a RunningCall,
        target: &'a PlannedTarget,
        answer: &'a mut Self::Output,
    ) -> Option<Judging<'a>> {
        let _ = (call, target, answer);
        None
    }

    /// By which of its times an attempt is judged slow enough to make a second one beside it; `None` for never.
    fn hedged_by() -> Option<Clocked> {
        None
    }

    /// How long one attempt may take, and what that clock is called.
    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase);
}

/// Is an answer good enough?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The caller gets it.
    Good,
    /// Another target is asked, if the plan, the attempts and the time have one left.
    Escalate {
        /// Why, in a few words without anything of the answer.
        reason: Cow<'static, str>,
    },
}

/// What came of an attempt that succeeded.
pub(super) trait Answer: Send {
    /// What is known to have been consumed when it came.
    fn consumed(&self) -> Consumed<'_>;

    /// The HTTP status and the provider's request id.
    fn response(&self) -> (Option<u16>, Option<&str>);

    /// What was changed to fit the target.
    fn adaptations(&self) -> &[Adaptation] {
        &[]
    }

    /// What the provider said is left of its limits.
    fn rate_limits(&self) -> Option<&RateLimits> {
        None
    }
}

/// What one running attempt is held to, and what it is known to have consumed so far: it may end before it comes to an
/// answer.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pace: Option<Pace>,
    usage: Mutex<Option<Box<Usage>>>,
}

impl Meter {
    /// For a stream that must be this fast.
    pub(super) fn held_to(pace: Option<Pace>) -> Self {
        Self { pace, usage: Mutex::default() }
    }

    /// The last usage read. Some vendors bill the prompt before the first content.
    pub(super) fn read(&self, usage: Box<Usage>) {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage);
    }

    pub(super) fn take(&self) -> Option<Box<Usage>> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A whole answer.
pub(super) struct Chat<'r>(pub(super) &'r ChatRequest);

impl Operation for Chat<'_> {
    type Output = Reply;

    fn start<'a>(&'a self, target: &'a PlannedTarget, key: usize, _: &'a Meter) -> Attempting<'a, Reply> {
        match on_tier(self.0, target) {
            None => target.provider.chat(call(self.0, target, key)),
            Some(request) => Box::pin(async move { target.provider.chat(call(&request, target, key)).await }),
        }
    }

    fn judge<'a>(
        &'a self,
        call: &'a RunningCall,
        target: &'a PlannedTarget,
        answer: &'a mut Reply,
    ) -> Option<Judging<'a>> {
        review::judge(call, self.0, target, answer)
    }

    fn hedged_by() -> Option<Clocked> {
        Some(Clocked::Answer)
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

impl Answer for Reply {
    fn consumed(&self) -> Consumed<'_> {
        Consumed { usage: self.usage.as_ref(), service_tier: self.service_tier.as_deref() }
    }

    fn response(&self) -> (Option<u16>, Option<&str>) {
        (self.status, self.request_id.as_deref())
    }

    fn adaptations(&self) -> &[Adaptation] {
        &self.adaptations
    }

    fn rate_limits(&self) -> Option<&RateLimits> {
        self.rate_limits.as_deref()
    }
}

/// A stream, up to its first piece of content.
pub(super) struct OpenStream<'r> {
    request: &'r ChatRequest,
    clock: Arc<dyn Clock>,
}

impl<'r> OpenStream<'r> {
    pub(super) fn new(request: &'r ChatRequest, clock: Arc<dyn Clock>) -> Self {
        Self { request, clock }
    }
}

/// Reads until the answer has really begun. Preambles are kept and delivered later.
async fn hold_until_content(events: &mut EventStream, meter: &Meter) -> Result<VecDeque<StreamEvent>> {
    let mut held = VecDeque::new();
    while held.len() < MOST_HELD {
        match events.next().await {
            Some(Ok(event)) => {
                if let StreamEvent::Usage(usage) = &event {
                    meter.read(usage.clone());
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

/// A stream whose first piece of content has come.
pub(super) struct Opened {
    /// What has been read already.
    pub(super) held: VecDeque<StreamEvent>,
    /// What is still to come, and the facts known beforehand.
    pub(super) rest: ReplyStream,
    /// When the first piece of content came.
    pub(super) first_at: Instant,
    /// The answer, where it came whole because it was to be read.
    pub(super) whole: Option<Reply>,
}

impl Opened {
    /// An answer that is there; it streams in one burst.
    pub(super) fn of_whole(reply: Reply, first_at: Instant) -> Self {
        Self { held: VecDeque::new(), rest: reply.clone().into(), first_at, whole: Some(reply) }
    }
}

/// Reads on until the stream has shown to be fast enough, or its time is over.
async fn hold_until_fast(
    events: &mut EventStream,
    held: &mut VecDeque<StreamEvent>,
    meter: &Meter,
    pace: Pace,
    clock: &dyn Clock,
) -> Result<()> {
    let wanted = u128::from(pace.tokens_per_second) * BYTES_PER_TOKEN * pace.within.as_millis() / 1000;
    let mut written: u128 = held.iter().map(written).sum();
    let mut timer = clock.sleep(pace.within);
    while written < wanted && held.len() < MOST_HELD {
        match select(events.next(), timer).await {
            Either::Left((Some(Ok(event)), unfinished)) => {
                if let StreamEvent::Usage(usage) = &event {
                    meter.read(usage.clone());
                }
                written += self::written(&event);
                let finished = matches!(event, StreamEvent::Finish(_));
                held.push_back(event);
                if finished {
                    return Ok(());
                }
                timer = unfinished;
            }
            Either::Left((Some(Err(error)), _)) => return Err(error),
            // Nobody has seen anything of it, so that another target may answer. It must not be asked for more either.
            Either::Left((None, _)) => {
                let message = "the stream ended before the answer was complete";
                return Err(Error::new(ErrorKind::Truncated, message));
            }
            Either::Right(((), _)) => return Err(Error::timeout(TimeoutPhase::Pace, pace.within)),
        }
    }
    Ok(())
}

/// How many bytes the model wrote.
fn written(event: &StreamEvent) -> u128 {
    let bytes = match event {
        StreamEvent::Text(text) | StreamEvent::Refusal(text) | StreamEvent::Reasoning(text) => text.len(),
        StreamEvent::ToolCallArguments { delta, .. } => delta.len(),
        _ => 0,
    };
    bytes as u128
}

impl Answer for Opened {
    fn consumed(&self) -> Consumed<'_> {
        self.whole.as_ref().map_or_else(Consumed::default, Reply::consumed)
    }

    fn response(&self) -> (Option<u16>, Option<&str>) {
        (self.rest.status, self.rest.request_id.as_deref())
    }

    fn adaptations(&self) -> &[Adaptation] {
        &self.rest.adaptations
    }

    fn rate_limits(&self) -> Option<&RateLimits> {
        self.rest.rate_limits.as_deref()
    }
}

impl Operation for OpenStream<'_> {
    type Output = Opened;

    fn start<'a>(
        &'a self,
        target: &'a PlannedTarget,
        key: usize,
        meter: &'a Meter,
    ) -> Attempting<'a, Opened> {
        Box::pin(async move {
            let on_tier = on_tier(self.request, target);
            let request = on_tier.as_ref().unwrap_or(self.request);
            if target.reading == Reading::Reviewed {
                let reply = target.provider.chat(call(request, target, key)).await?;
                return Ok(Opened::of_whole(reply, self.clock.now()));
            }
            let mut rest = target.provider.chat_stream(call(request, target, key)).await?;
            let mut held = hold_until_content(&mut rest.events, meter).await?;
            let first_at = self.clock.now();
            if let Some(pace) = meter.pace {
                hold_until_fast(&mut rest.events, &mut held, meter, pace, &*self.clock).await?;
            }
            Ok(Opened { held, rest, first_at, whole: None })
        })
    }

    fn judge<'a>(
        &'a self,
        call: &'a RunningCall,
        target: &'a PlannedTarget,
        answer: &'a mut Opened,
    ) -> Option<Judging<'a>> {
        review::judge(call, self.request, target, answer.whole.as_ref()?)
    }

    fn hedged_by() -> Option<Clocked> {
        Some(Clocked::FirstToken)
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        // The limit is for the first content; what is held afterwards has a limit of its own.
        let held = timeouts.pace.map_or(Duration::ZERO, |pace| pace.within);
        (timeouts.first_token.saturating_add(held), TimeoutPhase::FirstToken)
    }
}

/// An order of documents.
pub(super) struct Rerank<'r>(pub(super) &'r RerankRequest);

impl Operation for Rerank<'_> {
    type Output = RerankReply;

    fn start<'a>(
        &'a self,
        target: &'a PlannedTarget,
        key: usize,
        _: &'a Meter,
    ) -> Attempting<'a, RerankReply> {
        Box::pin(async move {
            let mut call = RerankCall::new(target.target.model(), self.0);
            call.key = key;
            let mut reply = target.provider.rerank(call).await?;
            if let Some(usage) = &mut reply.usage {
                // A ranking generates nothing, and where searches are sold no tokens are counted.
                usage.output_tokens.get_or_insert(0);
                if usage.searches.is_some() {
                    usage.input_tokens.get_or_insert(0);
                }
            }
            Ok(reply)
        })
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

impl Answer for RerankReply {
    fn consumed(&self) -> Consumed<'_> {
        Consumed { usage: self.usage.as_ref(), service_tier: None }
    }

    fn response(&self) -> (Option<u16>, Option<&str>) {
        (self.status, self.request_id.as_deref())
    }
}

/// `request` on the service tier of `target`, where that has one and the request names none.
fn on_tier(request: &ChatRequest, target: &PlannedTarget) -> Option<ChatRequest> {
    let tier = target.service_tier.filter(|_| request.service_tier.is_none())?;
    Some(ChatRequest { service_tier: Some(tier.to_owned()), ..request.clone() })
}

/// One attempt at `target`.
pub(super) fn call<'a>(request: &'a ChatRequest, target: &'a PlannedTarget, key: usize) -> Call<'a> {
    let mut call = Call::new(target.target.model(), request);
    call.hints = target.hints();
    call.key = key;
    call
}

/// Of English text.
const BYTES_PER_TOKEN: u128 = 4;

/// Azure, the longest known, sends a handful of preamble events.
const MOST_HELD: usize = 256;
