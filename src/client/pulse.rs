//! How a route's targets are doing, for policies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::resilience::{Endpoint, Signals, Standing};
use crate::routing::{Health, Live, LiveFacts, Observed};

/// The records of a route's targets, read at one moment.
#[derive(Debug)]
pub(super) struct Pulse<'a> {
    /// In the order of the candidates.
    pub(super) endpoints: &'a [Arc<Endpoint>],
    pub(super) now: Instant,
}

impl LiveFacts for Pulse<'_> {
    #[expect(clippy::float_arithmetic, reason = "a measured speed is no amount of money")]
    fn live(&self, position: usize) -> Live {
        let Some(endpoint) = self.endpoints.get(position) else { return Live::default() };
        let signals = endpoint.signals(self.now);
        let mut live = Live { health: health(endpoint.standing(self.now)), ..Live::default() };
        live.first_token = waited(&signals);
        live.tokens_per_second =
            signals.per_token.filter(|pause| !pause.is_zero()).map(|pause| 1.0 / pause.as_secs_f64());
        live.in_flight = signals.in_flight;
        live.headroom = signals.headroom_permille.map(|permille| f64::from(permille) / 1_000.0);
        live
    }

    fn health(&self, position: usize) -> Health {
        self.endpoints
            .get(position)
            .map_or_else(Health::default, |endpoint| health(endpoint.standing(self.now)))
    }

    #[expect(clippy::float_arithmetic, reason = "a measured speed is no amount of money")]
    fn percentiles(&self, position: usize) -> Observed {
        let mut observed = Observed::default();
        let Some(endpoint) = self.endpoints.get(position) else { return observed };
        let within = |percent| endpoint.first_token_percentile(percent).map(|time| time.as_secs_f64());
        observed.first_token.p50 = within(50);
        observed.first_token.p75 = within(75);
        observed.first_token.p90 = within(90);
        observed.first_token.p99 = within(99);
        let speed = |pause: Duration| (!pause.is_zero()).then(|| 1.0 / pause.as_secs_f64());
        let at_least = |percent| endpoint.per_token_percentile(percent).and_then(speed);
        // The average is half of it until there are enough to count.
        let average = || endpoint.signals(self.now).per_token.and_then(speed);
        observed.tokens_per_second.p50 = at_least(50).or_else(average);
        observed.tokens_per_second.p75 = at_least(75);
        observed.tokens_per_second.p90 = at_least(90);
        observed.tokens_per_second.p99 = at_least(99);
        observed
    }
}

/// A target that gets another try is tried by calls; one that is out of use stays behind the others until then.
fn health(standing: Standing) -> Health {
    match standing {
        Standing::Healthy | Standing::Recovering | Standing::Probing => Health::Healthy,
        Standing::Open | Standing::Throttled | Standing::UnknownModel | Standing::NoKey => {
            Health::Unavailable
        }
    }
}

/// How long callers wait to see something. Without streams that is the whole answer, also where nobody has streamed for a
/// while and others have asked.
fn waited(signals: &Signals) -> Option<Duration> {
    let first = signals.first_token.zip(signals.first_token_ago);
    let answer = signals.answer.zip(signals.answer_ago);
    let newer = match (first, answer) {
        (Some((_, first_ago)), Some((_, answer_ago))) if first_ago > answer_ago + FADES => answer,
        (first, answer) => first.or(answer),
    };
    newer.map(|(waited, ago)| faded(waited, ago))
}

/// What was measured long ago says less and less: a slow target that nobody asks any more is asked again in time.
#[expect(clippy::float_arithmetic, reason = "a measured time is no amount of money")]
fn faded(waited: Duration, ago: Duration) -> Duration {
    waited.mul_f64((-ago.as_secs_f64() / FADES.as_secs_f64()).exp())
}

const FADES: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_long_ago_does_not_hide_how_slow_answers_are() {
        let second = Duration::from_secs(1);
        let mut signals =
            Signals { first_token: Some(second), first_token_ago: Some(10 * second), ..Signals::default() };
        assert_eq!(waited(&signals), Some(faded(second, 10 * second)));

        signals.answer = Some(60 * second);
        signals.answer_ago = Some(Duration::ZERO);
        assert_eq!(waited(&signals), Some(faded(second, 10 * second)), "streams are still asked for");

        signals.first_token_ago = Some(100 * second);
        assert_eq!(waited(&signals), Some(60 * second));
    }
}
