//! An answer on its way to the caller. No task and no channel: it moves when it is polled.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::future::{FutureExt as _, JoinAll, join_all, select};
use futures::stream::{Stream, StreamExt as _};

use super::call::{Consumed, RunningCall};
use super::flights::{self, Until};
use super::operation::{Answer as _, Opened};
use super::overlap::Overlap;
use super::recovery::{Recoverer, Resuming};
use crate::clock::Sleep;
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::quota::Settling;
use crate::types::{Accumulator, Adaptation, CallSummary, EventStream, Recovery, Resumption, StreamEvent};

/// The events of the target that answered, then the summary. Settles its call exactly once: at the end, at the first
/// error that is not recovered, or when dropped.
pub(super) struct CallStream {
    /// Taken when the call is settled or goes on at another attempt; otherwise nothing follows.
    call: Option<Box<RunningCall>>,
    held: VecDeque<StreamEvent>,
    events: EventStream,
    /// What the caller has been given, for the error if the stream breaks.
    given: Accumulator,
    adaptations: Vec<Adaptation>,
    /// When the caller began to wait for the event that is due; `None` while nobody waits.
    waiting_since: Option<Instant>,
    timer: Option<Sleep>,
    recoverer: Option<Box<Recoverer>>,
    resuming: Option<(Resuming, Error)>,
    /// Resolves when the client is shut down and time is up; made when it is first waited for.
    stopped: Option<Until>,
    /// While a continuation may be repeating what was given.
    overlap: Option<Overlap>,
    /// What was used is being booked; the summary comes after that.
    settling: Option<JoinAll<Settling>>,
    /// What ends the stream, once text that had been held back is given.
    last: Option<Error>,
}

impl CallStream {
    pub(super) fn new(call: Box<RunningCall>, opened: Opened, recoverer: Option<Box<Recoverer>>) -> Self {
        let mut stream = Self {
            call: None,
            held: VecDeque::new(),
            events: Box::pin(futures::stream::empty()),
            given: Accumulator::new(),
            adaptations: Vec::new(),
            waiting_since: None,
            timer: None,
            recoverer,
            resuming: None,
            stopped: None,
            overlap: None,
            settling: None,
            last: None,
        };
        stream.open(call, opened);
        stream
    }

    /// Goes on with what `opened` has and will have.
    fn open(&mut self, mut call: Box<RunningCall>, opened: Opened) {
        let Opened { held, rest, first_at, whole } = opened;
        call.first_token(first_at);
        if let Some(whole) = whole {
            call.answer_attempt(&whole.consumed());
        }
        for event in &held {
            call.note_event(event);
        }
        self.call = Some(call);
        self.held.extend(held);
        self.events = rest.events;
        self.adaptations = rest.adaptations;
        self.waiting_since = None;
        self.timer = None;
    }

    /// What is next for the caller when `event` has come; `None` while that is not certain.
    fn give(&mut self, event: StreamEvent) -> Option<Result<StreamEvent>> {
        let event = self.without_repetition(event)?;
        match self.given.note(&event) {
            Ok(()) => Some(Ok(event)),
            Err(error) => self.fail(error),
        }
    }

    fn without_repetition(&mut self, event: StreamEvent) -> Option<StreamEvent> {
        let Some(overlap) = &mut self.overlap else { return Some(event) };
        let new = match &event {
            StreamEvent::Text(delta) => overlap.push(delta),
            // Thoughts before the text say nothing of where it begins.
            StreamEvent::Resumed(_) | StreamEvent::Reasoning(_) => return Some(event),
            other if other.is_semantic() => {
                let rest = overlap.finish();
                self.overlap = None;
                if rest.is_empty() {
                    return Some(event);
                }
                self.held.push_front(event);
                rest
            }
            _ => return Some(event),
        };
        (!new.is_empty()).then_some(StreamEvent::Text(new))
    }

    /// The answer is complete: what it used is booked.
    fn settled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let settling = match (&mut self.settling, &mut self.call) {
            (Some(settling), _) => settling,
            (None, Some(call)) if call.is_finished() && call.spend.is_some() => {
                call.answer_attempt(&Consumed::default());
                self.settling.insert(join_all(call.settlements()))
            }
            (None, _) => return Poll::Ready(()),
        };
        settling.poll_unpin(context).map(drop)
    }

    fn end(&mut self) -> Option<Result<StreamEvent>> {
        // What is being booked was complete.
        if self.settling.is_none() && !self.call.as_ref()?.is_finished() {
            let error = Error::new(ErrorKind::Truncated, "the stream ended before the answer was complete");
            return self.fail(error);
        }
        let adaptations = std::mem::take(&mut self.adaptations);
        let summary = answered(self.call.take()?, adaptations, &self.given);
        Some(Ok(StreamEvent::Done(Box::new(summary))))
    }

    /// What is held back in case it is a repetition, because nothing follows that would tell.
    fn release(&mut self) -> Option<StreamEvent> {
        let rest = StreamEvent::Text(self.overlap.take()?.finish());
        let is_new = matches!(&rest, StreamEvent::Text(text) if !text.is_empty());
        (is_new && self.given.note(&rest).is_ok()).then_some(rest)
    }

    /// The end, after `rest` if there is any.
    fn close(&mut self, rest: Option<StreamEvent>, error: Error) -> Option<Result<StreamEvent>> {
        match rest {
            Some(rest) => {
                self.last = Some(error);
                Some(Ok(rest))
            }
            None => Some(Err(error)),
        }
    }

    /// The stream broke with `error`: what is next for the caller; nothing where another attempt takes over.
    fn fail(&mut self, error: Error) -> Option<Result<StreamEvent>> {
        let mut call = self.call.take()?;
        let rest = self.release();
        let place = call.running();
        // Closes the provider's connection now rather than when the caller drops the stream.
        self.events = Box::pin(futures::stream::empty());
        self.held.clear();
        let finished = call.is_finished();
        let failed = call.fail_attempt(&error, &Consumed::default());
        let mut partial = self.given.clone().into_reply();
        let mut error = error;
        if let Some(attempt) = call.attempts.last() {
            error = error.with_target(attempt.target.clone());
            partial.usage.clone_from(&attempt.usage);
        }
        if let (Some(recoverer), Some(place), false) = (&self.recoverer, place, finished) {
            match recoverer.resume(call, place, &partial, &error, failed) {
                Ok(resuming) => {
                    self.resuming = Some((resuming, error.with_partial(partial)));
                    return rest.map(Ok);
                }
                Err(unchanged) => call = unchanged,
            }
        }
        let error = call.fail(error.with_partial(partial).after_content());
        self.close(rest, error)
    }

    /// Is the client shut down and time up? Registers the task to be woken when it will be.
    fn is_stopped(&mut self, context: &mut Context<'_>) -> bool {
        let Some(call) = &self.call else { return false };
        self.stopped.get_or_insert_with(|| call.inner.flights.stopped()).poll_unpin(context).is_ready()
    }

    /// Ends the stream because the client does.
    fn stop(&mut self) -> Option<Result<StreamEvent>> {
        let mut call = self.call.take()?;
        let rest = self.release();
        self.events = Box::pin(futures::stream::empty());
        call.cancel_attempt(&Consumed::default());
        let mut partial = std::mem::take(&mut self.given).into_reply();
        partial.usage = call.attempts.last().and_then(|attempt| attempt.usage.clone());
        let error = call.fail(flights::stopped().with_partial(partial));
        self.close(rest, error)
    }

    /// Another attempt took over.
    fn resumed(&mut self, call: Box<RunningCall>, opened: Opened, cause: &Error) {
        let recovery = self.recoverer.as_ref().map_or(Recovery::Fail, |recoverer| recoverer.recovery);
        if recovery == Recovery::Continue {
            self.overlap = Some(Overlap::with(&self.given.clone().into_reply().message.text()));
        }
        if let Some(target) = call.running().and_then(|place| call.planned.targets.get(place)) {
            let resumption = Resumption::new(recovery, target.target.clone(), cause.kind());
            self.held.push_back(StreamEvent::Resumed(Box::new(resumption)));
        }
        self.open(call, opened);
    }

    /// Has the provider been silent for too long, or the call taken too long? Registers the task to be woken when it will
    /// have. Silence begins when somebody listens: bytes that came while the caller was busy are read only after that.
    ///
    /// One timer serves many events: it is set once, and only when it fires is the length of the silence looked at.
    fn too_late(&mut self, context: &mut Context<'_>) -> Option<Error> {
        let call = self.call.as_ref()?;
        let idle = call.limits().idle;
        loop {
            let now = call.inner.clock.now();
            let remaining = call.deadline.remaining(now);
            if remaining.is_zero() {
                return Some(RunningCall::deadline_exceeded());
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
        loop {
            if let Some((resuming, _)) = &mut this.resuming {
                let Poll::Ready((call, outcome)) = resuming.poll_unpin(context) else { return Poll::Pending };
                let Some((_, cause)) = this.resuming.take() else { return Poll::Ready(None) };
                match outcome {
                    Ok(opened) => this.resumed(call, *opened, &cause),
                    Err(_) => return Poll::Ready(Some(Err(call.fail(cause.after_content())))),
                }
            }
            if this.settling.is_some() {
                ready!(this.settled(context));
                return Poll::Ready(this.end());
            }
            let Some(call) = &mut this.call else { return Poll::Ready(this.last.take().map(Err)) };
            // A reader who is slower than the provider never waits for it, and would not be told that time is up.
            let keeps_up = this.waiting_since.is_none() && !call.is_finished();
            let next = if let Some(event) = this.held.pop_front() {
                this.give(event)
            } else if keeps_up && call.inner.flights.is_stopped() {
                this.stop()
            } else if keeps_up && call.deadline.remaining(call.inner.clock.now()).is_zero() {
                this.fail(RunningCall::deadline_exceeded())
            } else {
                match this.events.as_mut().poll_next(context) {
                    Poll::Ready(Some(Ok(event))) => {
                        this.waiting_since = None;
                        call.note_event(&event);
                        this.give(event)
                    }
                    Poll::Ready(Some(Err(error))) => this.fail(error),
                    Poll::Ready(None) => {
                        ready!(this.settled(context));
                        this.end()
                    }
                    Poll::Pending if this.is_stopped(context) => this.stop(),
                    Poll::Pending => match this.too_late(context) {
                        Some(error) => this.fail(error),
                        None => return Poll::Pending,
                    },
                }
            };
            // Otherwise the answer goes on elsewhere, or what came is still being compared with what was given.
            if let Some(item) = next {
                return Poll::Ready(Some(item));
            }
        }
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        if call.is_finished() || self.settling.is_some() {
            // Nothing is left but the summary, which nobody wants.
            answered(call, std::mem::take(&mut self.adaptations), &self.given);
        } else if call.is_billed_to_the_end() {
            let tasks = Arc::clone(&call.inner.tasks);
            let events = std::mem::replace(&mut self.events, Box::pin(futures::stream::empty()));
            // Where nothing can run, the future comes back and is dropped, which settles the call by estimate.
            drop(tasks.spawn(read_to_the_bill(call, events)));
        }
        // Otherwise the call is settled as cancelled by being dropped.
    }
}

fn answered(mut call: Box<RunningCall>, adaptations: Vec<Adaptation>, given: &Accumulator) -> CallSummary {
    let cost = call.answer_attempt(&Consumed::default());
    if call.shadows.is_some() {
        call.start_shadows(&given.clone().into_reply());
    }
    call.succeed(cost, adaptations)
}

/// Reads on, for nobody, where all of an answer is billed whether or not it is read: the bill comes at its end. Dropping
/// the future settles the call by what has come.
async fn read_to_the_bill(mut call: Box<RunningCall>, mut events: EventStream) {
    let clock = Arc::clone(&call.inner.clock);
    let limit = call.deadline.remaining(clock.now()).min(LONGEST_READING);
    let reading = async {
        while let Some(Ok(event)) = events.next().await {
            call.note_event(&event);
        }
    };
    let _ = select(std::pin::pin!(reading), clock.sleep(limit)).await;
}

/// A timer of zero would spin.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);

/// Most answers are over by then. One that is not is closed, and its cost estimated.
const LONGEST_READING: Duration = Duration::from_secs(60);
