//! The clocks of a call.

use std::time::Duration;

use crate::types::{Pace, TimeLimits};

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
    /// How fast a stream must be before the caller gets any of it. Default none: as slow as the idle limit allows.
    pub pace: Option<Pace>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            answer: Duration::from_secs(120),
            total: Duration::from_secs(600),
            pace: None,
        }
    }
}

impl Timeouts {
    /// These limits, but for what `limits` says.
    #[must_use]
    pub fn but(self, limits: &TimeLimits) -> Self {
        let TimeLimits { first_token, idle, answer, total, pace } = *limits;
        Self {
            first_token: first_token.unwrap_or(self.first_token),
            idle: idle.unwrap_or(self.idle),
            answer: answer.unwrap_or(self.answer),
            total: total.unwrap_or(self.total),
            pace: pace.or(self.pace),
        }
    }

    /// What a model that thinks before it answers is given, where the limit is the usual one: 120 s to the first token, 90 s
    /// of silence, 600 s for an answer that is not streamed. Some vendors show nothing of the thinking.
    #[must_use]
    pub fn for_reasoning(self) -> Self {
        let usual = Self::default();
        let raised = |now: Duration, usual: Duration, seconds| {
            if now == usual { Duration::from_secs(seconds) } else { now }
        };
        Self {
            first_token: raised(self.first_token, usual.first_token, 120),
            idle: raised(self.idle, usual.idle, 90),
            answer: raised(self.answer, usual.answer, 600),
            ..self
        }
    }

    /// Sets how fast a stream must be before the caller gets any of it.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_for_some_calls_goes_before_what_is_said_for_all() {
        let second = Duration::from_secs;
        let all = Timeouts::default().idle(second(7));
        let some = TimeLimits::new().first_token(second(3)).pace(Pace::new(20, second(2)));

        let limits = all.but(&some);

        assert_eq!((limits.first_token, limits.idle, limits.answer), (second(3), second(7), second(120)));
        assert_eq!(limits.pace, Some(Pace::new(20, second(2))));
        assert_eq!(limits.but(&TimeLimits::new()), limits);
    }

    #[test]
    fn thinking_is_given_time_unless_somebody_said_how_much() {
        let second = Duration::from_secs;
        let thinking = Timeouts::default().answer(second(5)).for_reasoning();

        assert_eq!(
            (thinking.first_token, thinking.idle, thinking.answer),
            (second(120), second(90), second(5))
        );
    }
}
