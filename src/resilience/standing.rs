//! What is known of the targets' health, for people and policies.

use std::time::Duration;

use super::BreakerPolicy;
use crate::error::ErrorKind;
use crate::types::Target;

/// How failures of targets, models and keys are remembered between calls.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthPolicy {
    /// When a target is taken out of use and how it comes back.
    pub breaker: BreakerPolicy,
    /// What to do when every target of a call is out of use. Default [`WhenNoneHealthy::LeastBad`].
    pub when_none: WhenNoneHealthy,
    /// How long a key is left alone that the provider does not accept, or whose account is used up. Default 5 min: such a
    /// thing is mended by people.
    pub key_bench: Duration,
    /// How long a model is left alone that the provider does not know. Default 5 min.
    pub model_bench: Duration,
    /// A provider that asks to be left alone for longer is asked again after this. Default 1 h: hints are sometimes
    /// nonsense.
    pub longest_cooldown: Duration,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            breaker: BreakerPolicy::default(),
            when_none: WhenNoneHealthy::LeastBad,
            key_bench: Duration::from_secs(300),
            model_bench: Duration::from_secs(300),
            longest_cooldown: Duration::from_secs(3_600),
        }
    }
}

impl HealthPolicy {
    /// Sets when a target is taken out of use and how it comes back.
    #[must_use]
    pub fn breaker(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = policy;
        self
    }

    /// Sets what to do when every target of a call is out of use.
    #[must_use]
    pub fn when_none(mut self, choice: WhenNoneHealthy) -> Self {
        self.when_none = choice;
        self
    }
}

/// What to do when every target of a call is out of use.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenNoneHealthy {
    /// Ask the one that is most likely to have recovered, once. Only a provider that asked to be left alone is not asked:
    /// where it is the best there is, the call waits as long as a `Retry-After` is waited for, and otherwise fails.
    #[default]
    LeastBad,
    /// Fail at once, with what is known of the best target.
    Fail,
    /// Wait until one may be used again, within the call's total time.
    Wait,
}

/// Whether a target is in use. Ordered from the best to the worst.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// In use.
    Healthy,
    /// It came back from being out of use and gets a growing part of the calls.
    Recovering,
    /// Out of use; the next call, or one that is running, finds out whether it has recovered.
    Probing,
    /// Out of use because it failed too often.
    Open,
    /// Its provider asked to be left alone.
    Throttled,
    /// Its provider does not know the model.
    UnknownModel,
    /// None of the provider's keys is accepted.
    NoKey,
}

impl Standing {
    /// A short stable name in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Recovering => "recovering",
            Self::Probing => "probing",
            Self::Open => "open",
            Self::Throttled => "throttled",
            Self::UnknownModel => "unknown_model",
            Self::NoKey => "no_key",
        }
    }
}

/// A target's state, and why it is so.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct TargetHealth {
    /// The target.
    pub target: Target,
    /// Is it in use?
    pub standing: Standing,
    /// How long it will stay out of use; `None` when it is in use.
    pub retry_in: Option<Duration>,
    /// What kind of failure put it out of use; `None` when none did.
    pub because: Option<ErrorKind>,
    /// Failures without a success in between.
    pub consecutive_failures: u32,
    /// Successes of the last half minute, or of what the policy's window is.
    pub successes: u32,
    /// Failures of the same time.
    pub failures: u32,
    /// What is known of its speed and load.
    pub signals: Signals,
    /// The provider's keys, in the order they were given; never the keys themselves.
    pub keys: Vec<KeyHealth>,
}

/// A key's state, and why it is so.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHealth {
    /// Is it in use? [`Standing::Healthy`], [`Standing::Throttled`] or [`Standing::NoKey`].
    pub standing: Standing,
    /// How long it will stay out of use; `None` when it is in use.
    pub retry_in: Option<Duration>,
    /// What kind of failure put it out of use; `None` when none did.
    pub because: Option<ErrorKind>,
}

/// What is known of a target's speed and load at a moment.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Attempts that are running.
    pub in_flight: u32,
    /// From sending to the first content of a stream, averaged over about a minute; trouble is seen at once.
    pub first_token: Option<Duration>,
    /// From sending to the end of an answer that is not streamed, averaged likewise.
    pub answer: Option<Duration>,
    /// From one token to the next within streams, averaged likewise.
    pub per_token: Option<Duration>,
    /// How long ago the last of these was measured.
    pub measured_ago: Option<Duration>,
    /// How long ago the last first content of a stream came.
    pub first_token_ago: Option<Duration>,
    /// How long ago the last answer came that is not streamed.
    pub answer_ago: Option<Duration>,
    /// What is left of the provider's limits for the key that has most, in thousandths; `None` when it does not say.
    pub headroom_permille: Option<u16>,
}
