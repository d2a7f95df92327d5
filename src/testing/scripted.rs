//! A provider that does what it is told, without a network.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::{Call, EmbedCall, Habits, Provider};
use crate::types::{Accumulator, ChatRequest, EmbedReply, EmbedRequest, Reply, ReplyStream, StreamEvent};

/// A [`Provider`] that plays back a script in process and records what it was asked. Clones share script and records.
///
/// Each call takes the next step. When none is left, [`always`](Self::always) answers, or an error of kind
/// [`ErrorKind::Internal`] says that the script is over.
///
/// ```
/// use polyroute::testing::ScriptedProvider;
/// use polyroute::types::Reply;
/// use polyroute::{ChatRequest, ErrorKind};
/// use polyroute::provider::{Call, Provider as _};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let provider = ScriptedProvider::new("fake").then(ErrorKind::Overloaded).then(Reply::text("hello"));
///
/// let request = ChatRequest::new("fake/model").user("hi");
/// assert!(provider.chat(Call::new("model", &request)).await.is_err());
/// assert_eq!(provider.chat(Call::new("model", &request)).await?.message.text(), "hello");
/// assert_eq!(provider.calls().len(), 2);
/// # Ok::<(), polyroute::Error>(())
/// # }).map_err(|error| std::io::Error::other(error.to_string()))?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct ScriptedProvider {
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    habits: Habits,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    script: VecDeque<ScriptedStep>,
    always: Option<Arc<dyn Fn() -> ScriptedStep + Send + Sync>>,
    calls: Vec<ScriptedCall>,
    in_flight: usize,
    most_in_flight: usize,
    cancelled: usize,
}

impl ScriptedProvider {
    /// A provider called `name` with an empty script, on the system clock.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            clock: Arc::new(SystemClock::new()),
            habits: Habits::UNKNOWN,
            shared: Arc::default(),
        }
    }

    /// The same provider with these habits.
    #[must_use]
    pub fn with_habits(mut self, habits: Habits) -> Self {
        self.habits = habits;
        self
    }

    /// The same provider with its pauses on `clock`.
    #[must_use]
    pub fn on_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Adds a step for the next call that has none yet.
    pub fn then(&self, step: impl Into<ScriptedStep>) -> Self {
        self.lock().script.push_back(step.into());
        self.clone()
    }

    /// What to do once the script is over.
    pub fn always<S: Into<ScriptedStep>>(&self, step: impl Fn() -> S + Send + Sync + 'static) -> Self {
        self.lock().always = Some(Arc::new(move || step().into()));
        self.clone()
    }

    /// What was asked, oldest first.
    pub fn calls(&self) -> Vec<ScriptedCall> {
        self.lock().calls.clone()
    }

    /// How many calls are being answered now, streams included.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// The most calls that were ever being answered at once.
    pub fn most_in_flight(&self) -> usize {
        self.lock().most_in_flight
    }

    /// How many futures and streams were dropped before their end.
    pub fn cancelled(&self) -> usize {
        self.lock().cancelled
    }

    fn begin(&self, model: &str, question: ScriptedQuestion) -> (ScriptedStep, InFlight) {
        let at = self.clock.now();
        let mut shared = self.lock();
        shared.calls.push(ScriptedCall { model: model.to_owned(), question, at });
        shared.in_flight += 1;
        shared.most_in_flight = shared.most_in_flight.max(shared.in_flight);
        let (next, always) = (shared.script.pop_front(), shared.always.clone());
        drop(shared);
        let step = next.or_else(|| always.map(|always| always()));
        let over = || Error::new(ErrorKind::Internal, "the scripted provider has no step left").into();
        (step.unwrap_or_else(over), InFlight { shared: Arc::clone(&self.shared), ended: false })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    async fn chat(&self, call: Call<'_>) -> Result<Reply> {
        let (step, mut flight) = self.begin(call.model, ScriptedQuestion::Chat(call.request.clone()));
        let mut accumulator = Accumulator::new();
        for beat in step.beats {
            match beat {
                Beat::Pause(duration) => self.clock.sleep(duration).await,
                Beat::Hang => std::future::pending().await,
                Beat::Event(event) => accumulator.push(event)?,
                Beat::Reply(reply) => {
                    flight.ended = true;
                    return Ok(*reply);
                }
                Beat::Vectors(_) => {}
                Beat::Fail(error) => {
                    flight.ended = true;
                    return Err(error);
                }
            }
        }
        flight.ended = true;
        if accumulator.is_finished() {
            Ok(accumulator.into_reply())
        } else {
            Err(Error::new(ErrorKind::Truncated, "the scripted answer has no end"))
        }
    }

    async fn chat_stream(&self, call: Call<'_>) -> Result<ReplyStream> {
        let (step, mut flight) = self.begin(call.model, ScriptedQuestion::ChatStream(call.request.clone()));
        let mut beats = VecDeque::from(step.beats);
        // What comes before the first event happens before the answer's head arrives.
        loop {
            match beats.pop_front() {
                Some(Beat::Pause(duration)) => self.clock.sleep(duration).await,
                Some(Beat::Hang) => std::future::pending().await,
                Some(Beat::Fail(error)) => {
                    flight.ended = true;
                    return Err(error);
                }
                Some(Beat::Reply(reply)) => {
                    beats.extend(reply.into_events().into_iter().map(Beat::Event));
                    break;
                }
                Some(Beat::Vectors(_)) => {}
                Some(event @ Beat::Event(_)) => {
                    beats.push_front(event);
                    break;
                }
                None => break,
            }
        }
        let clock = Arc::clone(&self.clock);
        Ok(ReplyStream::new(futures::stream::unfold((beats, flight, clock), play)))
    }

    fn habits(&self) -> Habits {
        self.habits
    }

    async fn embed(&self, call: EmbedCall<'_>) -> Result<EmbedReply> {
        let (step, mut flight) = self.begin(call.model, ScriptedQuestion::Embed(call.request.clone()));
        let mut answer = Err(Error::new(ErrorKind::Internal, "the scripted step holds no vectors"));
        for beat in step.beats {
            match beat {
                Beat::Pause(duration) => self.clock.sleep(duration).await,
                Beat::Hang => std::future::pending().await,
                Beat::Vectors(reply) => answer = Ok(*reply),
                Beat::Fail(error) => answer = Err(error),
                Beat::Event(_) | Beat::Reply(_) => {}
            }
        }
        flight.ended = true;
        answer
    }
}

type Playing = (VecDeque<Beat>, InFlight, Arc<dyn Clock>);

async fn play((mut beats, mut flight, clock): Playing) -> Option<(Result<StreamEvent>, Playing)> {
    loop {
        let item = match beats.pop_front() {
            Some(Beat::Pause(duration)) => {
                clock.sleep(duration).await;
                continue;
            }
            Some(Beat::Hang) => std::future::pending().await,
            Some(Beat::Event(event)) => Ok(event),
            Some(Beat::Fail(error)) => Err(error),
            Some(Beat::Reply(_) | Beat::Vectors(_)) => continue,
            None => {
                flight.ended = true;
                return None;
            }
        };
        if beats.is_empty() {
            flight.ended = true;
        }
        return Some((item, (beats, flight, clock)));
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        write!(
            f,
            "ScriptedProvider({}, {} steps, {} calls)",
            self.name,
            shared.script.len(),
            shared.calls.len()
        )
    }
}

/// Counts a call as cancelled unless it came to its end.
struct InFlight {
    shared: Arc<Mutex<Shared>>,
    ended: bool,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.in_flight = shared.in_flight.saturating_sub(1);
        if !self.ended {
            shared.cancelled += 1;
        }
    }
}

/// What a [`ScriptedProvider`] does on one call: pauses and events in order.
///
/// A [`Reply`], an [`EmbedReply`], an [`Error`] and an [`ErrorKind`] are steps too.
#[derive(Debug, Default)]
pub struct ScriptedStep {
    beats: Vec<Beat>,
}

#[derive(Debug)]
enum Beat {
    Pause(Duration),
    Hang,
    Event(StreamEvent),
    Reply(Box<Reply>),
    Vectors(Box<EmbedReply>),
    Fail(Error),
}

impl ScriptedStep {
    /// A step that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Then waits on the provider's clock.
    #[must_use]
    pub fn pause(self, duration: Duration) -> Self {
        self.beat(Beat::Pause(duration))
    }

    /// Then answers.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        self.beat(Beat::Reply(Box::new(reply)))
    }

    /// Then streams `event`. A call that asked for a whole answer gets the events folded.
    #[must_use]
    pub fn event(self, event: StreamEvent) -> Self {
        self.beat(Beat::Event(event))
    }

    /// Then streams `events`.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = StreamEvent>) -> Self {
        self.beats.extend(events.into_iter().map(Beat::Event));
        self
    }

    /// Then fails, with an [`Error`] or an [`ErrorKind`]; any other step is played as it is.
    #[must_use]
    pub fn fail(mut self, error: impl Into<Self>) -> Self {
        self.beats.extend(error.into().beats);
        self
    }

    /// Then never does anything again.
    #[must_use]
    pub fn hang(self) -> Self {
        self.beat(Beat::Hang)
    }

    fn beat(mut self, beat: Beat) -> Self {
        self.beats.push(beat);
        self
    }
}

impl From<Reply> for ScriptedStep {
    fn from(reply: Reply) -> Self {
        Self::new().reply(reply)
    }
}

impl From<EmbedReply> for ScriptedStep {
    fn from(reply: EmbedReply) -> Self {
        Self::new().beat(Beat::Vectors(Box::new(reply)))
    }
}

impl From<Error> for ScriptedStep {
    fn from(error: Error) -> Self {
        Self::new().beat(Beat::Fail(error))
    }
}

impl From<ErrorKind> for ScriptedStep {
    fn from(kind: ErrorKind) -> Self {
        Error::new(kind, "scripted").into()
    }
}

/// One call that a [`ScriptedProvider`] received.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct ScriptedCall {
    /// The model, as the provider names it.
    pub model: String,
    /// What was asked.
    pub question: ScriptedQuestion,
    /// When, on the provider's clock.
    pub at: Instant,
}

/// What a [`ScriptedProvider`] was asked.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum ScriptedQuestion {
    /// For a whole answer.
    Chat(ChatRequest),
    /// For a stream.
    ChatStream(ChatRequest),
    /// For vectors.
    Embed(EmbedRequest),
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::time::SystemTime;

    use futures::stream::StreamExt as _;

    use super::*;
    use crate::testing::VirtualClock;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_stream_plays_its_pauses_on_the_given_clock_and_folds_to_the_same_answer() {
        let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
        let step = || {
            ScriptedStep::new()
                .pause(Duration::from_secs(1))
                .event(StreamEvent::Text("a".into()))
                .pause(Duration::from_secs(2))
                .event(StreamEvent::Text("b".into()))
                .event(StreamEvent::finish(None, None))
        };
        let provider = ScriptedProvider::new("p").on_clock(clock.clone()).always(step);
        let request = ChatRequest::new("p/m").user("?");

        let whole = block_on(provider.chat(Call::new("m", &request))).unwrap();
        let streamed: Vec<_> =
            block_on(async { provider.chat_stream(Call::new("m", &request)).await.unwrap().collect().await });

        assert_eq!(whole.message.text(), "ab");
        assert_eq!(streamed.len(), 3);
        assert_eq!(clock.elapsed(), Duration::from_secs(6));
        assert_eq!((provider.cancelled(), provider.in_flight(), provider.most_in_flight()), (0, 0, 1));
    }

    #[test]
    fn a_dropped_stream_counts_as_cancelled() {
        let provider = ScriptedProvider::new("p").then(Reply::text("hello"));
        let request = ChatRequest::new("p/m").user("?");

        let mut stream = block_on(provider.chat_stream(Call::new("m", &request))).unwrap();
        block_on(stream.next());
        drop(stream);

        assert_eq!((provider.cancelled(), provider.in_flight()), (1, 0));
    }

    #[test]
    fn an_empty_script_is_an_error_not_an_answer() {
        let provider = ScriptedProvider::new("p");
        let request = ChatRequest::new("p/m").user("?");

        let error = block_on(provider.chat(Call::new("m", &request))).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}
