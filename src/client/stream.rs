//! An answer on its way to the caller. No task and no channel: it moves when it is polled.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::FutureExt as _;
use futures::stream::Stream;

use super::call::{Consumed, RunningCall};
use super::operation::Opened;
use crate::clock::Sleep;
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::types::{Adaptation, EventStream, StreamEvent, Usage};

/// The events of the target that answered, then the summary. Settles its call exactly once: at the end, at the first
/// error, or when dropped.
pub(super) struct CallStream {
    /// Taken when the call is settled; nothing follows.
    call: Option<Box<RunningCall>>,
    held: VecDeque<StreamEvent>,
    events: EventStream,
    usage: Option<Box<Usage>>,
    service_tier: Option<String>,
    adaptations: Vec<Adaptation>,
    finished: bool,
    /// When the caller began to wait for the event that is due; `None` while nobody waits.
    waiting_since: Option<Instant>,
    timer: Option<Sleep>,
}

impl CallStream {
    pub(super) fn new(mut call: Box<RunningCall>, opened: Opened) -> Self {
        let Opened { held, rest, first_at } = opened;
        call.first_token(first_at);
        Self {
            call: Some(call),
            held,
            events: rest.events,
            usage: None,
            service_tier: None,
            adaptations: rest.adaptations,
            finished: false,
            waiting_since: None,
            timer: None,
        }
    }

    /// Remembers what the summary will need.
    fn note(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Usage(usage) => self.usage = Some(usage.clone()),
            StreamEvent::Finish(finish) => {
                self.finished = true;
                self.service_tier.clone_from(&finish.service_tier);
            }
            _ => {}
        }
    }

    fn end(&mut self) -> Option<Result<StreamEvent>> {
        if !self.finished {
            return self
                .fail(Error::new(ErrorKind::Truncated, "the stream ended before the answer was complete"));
        }
        let mut call = self.call.take()?;
        let consumed = Consumed { usage: self.usage.as_deref(), service_tier: self.service_tier.as_deref() };
        let cost = call.answer_attempt(&consumed);
        let adaptations = std::mem::take(&mut self.adaptations);
        Some(Ok(StreamEvent::Done(Box::new(call.succeed(cost, adaptations)))))
    }

    fn fail(&mut self, error: Error) -> Option<Result<StreamEvent>> {
        let mut call = self.call.take()?;
        let consumed = Consumed { usage: self.usage.as_deref(), service_tier: self.service_tier.as_deref() };
        call.fail_attempt(&error, &consumed);
        let error = match call.attempts.last() {
            Some(attempt) => error.with_target(attempt.target.clone()),
            None => error,
        };
        // Closes the provider's connection now rather than when the caller drops the stream.
        self.events = Box::pin(futures::stream::empty());
        Some(Err(call.fail(error)))
    }

    /// Has the provider been silent for too long, or the call taken too long? Registers the task to be woken when it will
    /// have. Silence begins when somebody listens: bytes that came while the caller was busy are read only after that.
    ///
    /// One timer serves many events: it is set once, and only when it fires is the length of the silence looked at.
    fn too_late(&mut self, context: &mut Context<'_>) -> Option<Error> {
        let call = self.call.as_ref()?;
        let idle = call.inner.timeouts.idle;
        loop {
            let now = call.inner.clock.now();
            let remaining = call.deadline.remaining(now);
            if remaining.is_zero() {
                return Some(call.deadline_exceeded());
            }
            let since = *self.waiting_since.get_or_insert(now);
            let left = idle.saturating_sub(now.saturating_duration_since(since)).min(remaining);
            let timer = self.timer.get_or_insert_with(|| call.inner.clock.sleep(left.max(SHORTEST_TIMER)));
            if timer.poll_unpin(context).is_pending() {
                return None;
            }
            self.timer = None;
            if call.inner.clock.now().saturating_duration_since(since) >= idle {
                return Some(Error::timeout(TimeoutPhase::Idle, idle));
            }
        }
    }
}

impl Stream for CallStream {
    type Item = Result<StreamEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.call.is_none() {
            return Poll::Ready(None);
        }
        if let Some(event) = this.held.pop_front() {
            this.note(&event);
            return Poll::Ready(Some(Ok(event)));
        }
        match this.events.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(event))) => {
                this.waiting_since = None;
                this.note(&event);
                Poll::Ready(Some(Ok(event)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(this.fail(error)),
            Poll::Ready(None) => Poll::Ready(this.end()),
            Poll::Pending => match this.too_late(context) {
                Some(error) => Poll::Ready(this.fail(error)),
                None => Poll::Pending,
            },
        }
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        if let Some(call) = &mut self.call {
            let consumed =
                Consumed { usage: self.usage.as_deref(), service_tier: self.service_tier.as_deref() };
            call.cancel_attempt(&consumed);
        }
    }
}

/// A timer of zero would spin.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
