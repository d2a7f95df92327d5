//! Two providers in virtual time, and people who ask them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use polyroute::clock::Clock as _;
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{Outcome, Reply};
use polyroute::{Client, ClientBuilder, Error, Route, StreamEvent, Usage};

use crate::world;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MS: Duration = Duration::from_millis(1);

/// What the client told its observers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Counts>>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opened: Vec<String>,
    pub(crate) closed: Vec<String>,
    pub(crate) calls: usize,
    pub(crate) cancelled: usize,
}

impl Told {
    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        let mut counts = self.0.lock().unwrap();
        match event {
            Event::TargetOpened { target, .. } => counts.opened.push(target.to_string()),
            Event::TargetClosed { target } => counts.closed.push(target.to_string()),
            Event::CallFinished(call) => {
                counts.calls += 1;
                counts.cancelled += usize::from(call.outcome == Outcome::Cancelled);
            }
            _ => {}
        }
    }
}

/// The providers `a` and `b`, the route `both` over them, and a clock that moves when nothing else can.
pub(crate) struct Town {
    pub(crate) clock: VirtualClock,
    pub(crate) a: ScriptedProvider,
    pub(crate) b: ScriptedProvider,
    pub(crate) told: Told,
    pub(crate) client: Client,
}

impl Town {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        Self::with_clock(|builder, _| configure(builder))
    }

    /// For parts of the client that need the clock themselves.
    pub(crate) fn with_clock(configure: impl FnOnce(ClientBuilder, &VirtualClock) -> ClientBuilder) -> Self {
        let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
        let provider = |name| ScriptedProvider::new(name).on_clock(clock.clone()).always(|| well(100 * MS));
        let (a, b, told) = (provider("a"), provider("b"), Told::default());
        let prices = r#"{"models":[
            {"provider":"a","id":"m","input":"1000000","output":"1000000","max_output_tokens":100},
            {"provider":"b","id":"m","input":"1000000","output":"1000000","max_output_tokens":100}]}"#;
        let builder = Client::builder()
            .clock(clock.clone())
            .seed(7)
            .provider(a.clone())
            .provider(b.clone())
            .observer(told.clone())
            .prices_json(prices)
            .route("both", Route::ordered(["a/m", "b/m"]));
        let client = configure(builder, &clock).build().unwrap();
        Self { clock, a, b, told, client }
    }

    /// Runs `work`, with time that jumps to the next timer.
    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        world::drive(work, &self.clock, Some(&runtime)).expect("nothing hangs for ever")
    }

    /// `count` calls, one `every` so often; what came of each.
    pub(crate) fn load(&self, model: &str, count: u32, every: Duration) -> Vec<Call> {
        self.load_as(Asking::Whole, model, count, every)
    }

    /// The same with streams, read to their end.
    pub(crate) fn load_streamed(&self, model: &str, count: u32, every: Duration) -> Vec<Call> {
        self.load_as(Asking::Streamed, model, count, every)
    }

    fn load_as(&self, asking: Asking, model: &str, count: u32, every: Duration) -> Vec<Call> {
        let start = self.clock.elapsed();
        let calls = (0..count).map(|place| async move {
            self.clock.sleep((start + every * place).saturating_sub(self.clock.elapsed())).await;
            let asked = self.clock.elapsed();
            let answered = match asking {
                Asking::Whole => self.client.chat((model, "hi")).await,
                Asking::Streamed => match self.client.chat_stream((model, "hi")).await {
                    Ok(stream) => stream.into_response().await,
                    Err(error) => Err(error),
                },
            };
            match answered {
                Ok(answer) => Call {
                    asked,
                    took: self.clock.elapsed() - asked,
                    by: Some(answer.provider().to_owned()),
                    attempts: answer.attempts().len(),
                    error: None,
                },
                Err(error) => Call {
                    asked,
                    took: self.clock.elapsed() - asked,
                    by: None,
                    attempts: error.attempts().len(),
                    error: Some(error),
                },
            }
        });
        self.run(join_all(calls))
    }
}

#[derive(Clone, Copy)]
enum Asking {
    Whole,
    Streamed,
}

/// One call of a load.
pub(crate) struct Call {
    pub(crate) asked: Duration,
    pub(crate) took: Duration,
    pub(crate) by: Option<String>,
    pub(crate) attempts: usize,
    pub(crate) error: Option<Error>,
}

/// Per hundred, rounded down.
pub(crate) fn percent(part: usize, whole: usize) -> usize {
    part * 100 / whole.max(1)
}

pub(crate) fn answered(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.by.is_some()).count()
}

pub(crate) fn by(calls: &[Call], provider: &str) -> usize {
    calls.iter().filter(|call| call.by.as_deref() == Some(provider)).count()
}

/// A good answer after so long.
pub(crate) fn well(after: Duration) -> ScriptedStep {
    ScriptedStep::new().pause(after).reply(Reply::text("ok").with_usage(Usage::of(10, 1)))
}

pub(crate) fn text(text: &str) -> StreamEvent {
    StreamEvent::Text(text.to_owned())
}

pub(crate) fn finish() -> StreamEvent {
    StreamEvent::finish(None, None)
}
