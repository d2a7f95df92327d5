//! What the test targets share.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each target uses its part"
)]

pub mod formats;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use polyroute::telemetry::{Event, Observer};
use polyroute::testing::VirtualClock;
use polyroute::types::Attempt;
use polyroute::{Client, ClientBuilder};

/// Remembers everything it is told, as short lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::AttemptStarted { target, reason } => format!("{} {target}", reason.as_str()),
            Event::AttemptFinished(attempt) => format!("{} {}", attempt.target, attempt.outcome.as_str()),
            Event::CallFinished(call) => {
                format!("call {} after {}", call.outcome.as_str(), call.attempts.len())
            }
            _ => "unknown".to_owned(),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// A clock that jumps from timer to timer, on 2026-11-18.
pub(crate) fn virtual_clock() -> VirtualClock {
    VirtualClock::automatic(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000))
}

/// A builder in virtual time with repeatable chance.
pub(crate) fn builder(clock: &VirtualClock) -> ClientBuilder {
    Client::builder().clock(clock.clone()).seed(7)
}

/// The attempts as `target reason outcome`.
pub(crate) fn trace(attempts: &[Attempt]) -> Vec<String> {
    attempts
        .iter()
        .map(|attempt| format!("{} {} {}", attempt.target, attempt.reason.as_str(), attempt.outcome.as_str()))
        .collect()
}

/// Runs on one thread, so that order is repeatable.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Waits for something that another thread does, for ten seconds at most.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "waits for a real thread")]
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        tokio::task::yield_now().await;
    }
}
