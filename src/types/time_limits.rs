//! How long the parts of some calls may take.

use std::time::Duration;

/// How long the parts of a call may take, where that is to differ from the client's own limits: for one call, one target,
/// one provider or one route. What is not set is as it is elsewhere.
///
/// ```
/// use std::time::Duration;
/// use polyroute::ChatRequest;
/// use polyroute::types::{CallOptions, TimeLimits};
///
/// let patient = TimeLimits::new().first_token(Duration::from_secs(300));
/// let request = ChatRequest::new("smart").user("hello").options(CallOptions::new().time_limits(patient));
/// # assert!(request.options.unwrap().time_limits.idle.is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeLimits {
    /// From sending to the first content of a stream.
    pub first_token: Option<Duration>,
    /// Between two events of a stream.
    pub idle: Option<Duration>,
    /// From sending to the end of an answer that is not streamed, for one attempt.
    pub answer: Option<Duration>,
    /// The whole call. A request's own timeout goes before it; of a target or provider it is not looked at.
    pub total: Option<Duration>,
    /// How fast a stream must be before the caller gets any of it.
    pub pace: Option<Pace>,
}

/// How fast a stream must be before the caller gets any of it: one that is slower is given up for another target while
/// nobody has seen anything of it.
///
/// A stream that is fast enough is delayed only until it has shown so: with 20 tokens a second within 2 seconds, by the time
/// its first 40 tokens take.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The fewest tokens a second, counted as four bytes each.
    pub tokens_per_second: u32,
    /// Measured over this time from the first content on.
    pub within: Duration,
}

impl Pace {
    /// At least this many tokens a second, measured over `within`.
    pub fn new(tokens_per_second: u32, within: Duration) -> Self {
        Self { tokens_per_second, within }
    }
}

impl TimeLimits {
    /// Nothing differs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the limit for the first content of a stream.
    #[must_use]
    pub fn first_token(mut self, limit: Duration) -> Self {
        self.first_token = Some(limit);
        self
    }

    /// Sets the limit between two events of a stream.
    #[must_use]
    pub fn idle(mut self, limit: Duration) -> Self {
        self.idle = Some(limit);
        self
    }

    /// Sets the limit for one answer that is not streamed.
    #[must_use]
    pub fn answer(mut self, limit: Duration) -> Self {
        self.answer = Some(limit);
        self
    }

    /// Sets the limit for the whole call.
    #[must_use]
    pub fn total(mut self, limit: Duration) -> Self {
        self.total = Some(limit);
        self
    }

    /// Sets how fast a stream must be before the caller gets any of it.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }
}
