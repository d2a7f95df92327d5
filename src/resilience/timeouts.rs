//! The clocks of a call.

use std::time::Duration;

/// How long each part of a call may take. Connecting has its own limit in
/// [`TransportOptions`](crate::transport::TransportOptions), because connections are shared between calls.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From sending to the first semantic event of a stream. Default 30 s.
    pub first_token: Duration,
    /// Between two events of a stream. Default 30 s.
    pub idle: Duration,
    /// From sending to the end of an answer that is not streamed, for one attempt. Default 120 s: such an answer shows
    /// nothing until it is complete, so a dead provider is found out only by this.
    pub answer: Duration,
    /// The whole call: all attempts, pauses and the stream. Default 600 s.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            answer: Duration::from_secs(120),
            total: Duration::from_secs(600),
        }
    }
}

impl Timeouts {
    /// Sets the limit for the first semantic event of a stream.
    #[must_use]
    pub fn first_token(mut self, limit: Duration) -> Self {
        self.first_token = limit;
        self
    }

    /// Sets the limit between two events of a stream.
    #[must_use]
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// Sets the limit for one answer that is not streamed.
    #[must_use]
    pub fn answer(mut self, limit: Duration) -> Self {
        self.answer = limit;
        self
    }

    /// Sets the limit for the whole call.
    #[must_use]
    pub fn total(mut self, limit: Duration) -> Self {
        self.total = limit;
        self
    }
}
