//! One error type for everything that can go wrong.
//!
//! [`Error`] is opaque and pointer-sized. [`Error::kind`] is for people and metrics; [`Error::is_retryable`],
//! [`Error::should_failover`] and [`Error::may_be_billed`] are three separate answers for machines. Nothing a caller
//! wrote and nothing a model wrote is ever in its `Display` or `Debug`: the vendor's own sentence, which may quote the
//! prompt, is only in [`Error::provider_message`].

mod advice;
mod kind;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

pub use advice::{Advice, Bench, Billed, Failover, Health, Phase, Retry};
pub use kind::{ErrorKind, TimeoutPhase};

use crate::types::{Attempt, Reply, Target};

/// What went wrong, where, and what may be done about it.
///
/// `Display` is one line without the source; `source()` carries the chain.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    clock: Option<TimeoutPhase>,
    phase: Phase,
    message: Cow<'static, str>,
    target: Option<Target>,
    status: Option<u16>,
    provider_code: Option<Box<str>>,
    provider_message: Option<Box<str>>,
    request_id: Option<Box<str>>,
    retry_after: Option<Duration>,
    attempts: Vec<Attempt>,
    partial: Option<Box<Reply>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result of every fallible call in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error of `kind`; `message` says what to do about it and must hold no prompt, answer or key.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            clock: None,
            phase: Phase::BeforeContent,
            message: message.into(),
            target: None,
            status: None,
            provider_code: None,
            provider_message: None,
            request_id: None,
            retry_after: None,
            attempts: Vec::new(),
            partial: None,
            source: None,
        }))
    }

    /// Makes a [`ErrorKind::Timeout`] of one of the clocks. Without a connection nothing was [sent](Self::not_sent).
    pub fn timeout(phase: TimeoutPhase, limit: Duration) -> Self {
        let mut error = Self::new(ErrorKind::Timeout, format!("no {phase} within {limit:?}"));
        error.0.clock = Some(phase);
        if phase == TimeoutPhase::Connect { error.not_sent() } else { error }
    }

    /// Says that the request never left this machine, so that nobody can charge for it.
    #[must_use]
    pub fn not_sent(mut self) -> Self {
        self.0.phase = Phase::NotSent;
        self
    }

    /// Says that the provider did not look at the request, so that it is sent again at once without that being an attempt of
    /// its own; for transports.
    #[must_use]
    pub fn unprocessed(mut self) -> Self {
        self.0.phase = Phase::Unprocessed;
        self
    }

    /// Says that part of the answer has reached the caller, so that nothing may be tried again unasked.
    #[must_use]
    pub fn after_content(mut self) -> Self {
        self.0.phase = Phase::AfterContent;
        self
    }

    /// Names the target that failed.
    #[must_use]
    pub fn with_target(mut self, target: Target) -> Self {
        self.0.target = Some(target);
        self
    }

    /// Adds the HTTP status the provider answered with.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds the provider's machine-readable code, such as `context_length_exceeded`.
    ///
    /// Anything that is not a short identifier is dropped: `Display` prints this.
    #[must_use]
    pub fn with_provider_code(mut self, code: &str) -> Self {
        if is_identifier(code) {
            self.0.provider_code = Some(code.into());
        }
        self
    }

    /// Adds the provider's own sentence. It never appears in `Display` or `Debug`, because vendors quote prompts.
    #[must_use]
    pub fn with_provider_message(mut self, message: impl Into<Box<str>>) -> Self {
        self.0.provider_message = Some(message.into());
        self
    }

    /// Adds the provider's request id, to quote to its support; dropped unless it is a short identifier.
    #[must_use]
    pub fn with_request_id(mut self, id: &str) -> Self {
        if is_identifier(id) {
            self.0.request_id = Some(id.into());
        }
        self
    }

    /// Adds what else to look at.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.0.message = Cow::Owned(format!("{}; {hint}", self.0.message));
        self
    }

    /// Removes `secret` from everything the provider said: some vendors echo the key.
    #[must_use]
    pub(crate) fn redact(mut self, secret: &str) -> Self {
        let holds = |text: &Option<Box<str>>| text.as_deref().is_some_and(|text| text.contains(secret));
        if secret.is_empty() {
            return self;
        }
        if holds(&self.0.provider_code) {
            self.0.provider_code = None;
        }
        if holds(&self.0.request_id) {
            self.0.request_id = None;
        }
        if holds(&self.0.provider_message) {
            self.0.provider_message =
                self.0.provider_message.map(|message| message.replace(secret, "***").into());
        }
        self
    }

    /// Adds how long the provider asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds every attempt made before giving up, oldest first.
    #[must_use]
    pub fn with_attempts(mut self, attempts: Vec<Attempt>) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Adds what had been received before a stream broke.
    #[must_use]
    pub fn with_partial(mut self, partial: Reply) -> Self {
        self.0.partial = Some(Box::new(partial));
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong, as a closed list that metrics can use.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Which clock ran out, when [`kind`](Self::kind) is [`ErrorKind::Timeout`].
    pub fn timeout_phase(&self) -> Option<TimeoutPhase> {
        self.0.clock
    }

    /// How far the attempt had come.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What went wrong and what to do, in our own words.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The target that failed last, if one had been chosen.
    pub fn target(&self) -> Option<&Target> {
        self.0.target.as_ref()
    }

    /// The provider that failed last.
    pub fn provider(&self) -> Option<&str> {
        self.0.target.as_ref().map(Target::provider)
    }

    /// The model that failed last, as its provider names it.
    pub fn model(&self) -> Option<&str> {
        self.0.target.as_ref().map(Target::model)
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The provider's machine-readable code.
    pub fn provider_code(&self) -> Option<&str> {
        self.0.provider_code.as_deref()
    }

    /// The provider's own sentence. Treat it as user data: vendors quote prompts in it. Keys are scrubbed.
    pub fn provider_message(&self) -> Option<&str> {
        self.0.provider_message.as_deref()
    }

    /// The provider's request id.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the provider asked to be left alone, clamped to one day.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Every attempt made before giving up, oldest first; empty when nothing was sent.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// What had been received before a stream broke, and what it consumed as far as that is known or can be estimated;
    /// see [`Attempt::completeness`] of the last of [`attempts`](Self::attempts).
    pub fn partial(&self) -> Option<&Reply> {
        self.0.partial.as_deref()
    }

    /// All answers at once.
    pub fn advice(&self) -> Advice {
        advice::advice(self.0.kind, self.0.phase)
    }

    /// May the same request succeed at the same target later, with nothing of the answer shown yet?
    pub fn is_retryable(&self) -> bool {
        matches!(self.advice().retry, Retry::AfterBackoff)
    }

    /// May the same request succeed at another target?
    pub fn should_failover(&self) -> bool {
        !matches!(self.advice().failover, Failover::Forbidden)
    }

    /// May the provider charge for it?
    pub fn may_be_billed(&self) -> bool {
        !matches!(self.advice().billed, Billed::No)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(target) = &inner.target {
            write!(f, "{target}: ")?;
        }
        write!(f, "{}: {}", inner.kind, inner.message)?;
        if let Some(status) = inner.status {
            write!(f, ", HTTP {status}")?;
        }
        if let Some(code) = &inner.provider_code {
            write!(f, ", code {code}")?;
        }
        if let Some(id) = &inner.request_id {
            write!(f, ", request {id}")?;
        }
        if let Some(wait) = inner.retry_after {
            write!(f, ", retry after {wait:?}")?;
        }
        if inner.attempts.len() > 1 {
            write!(f, ", after {} attempts", inner.attempts.len())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("clock", &inner.clock)
            .field("phase", &inner.phase)
            .field("message", &inner.message)
            .field("target", &inner.target)
            .field("status", &inner.status)
            .field("provider_code", &inner.provider_code)
            .field("request_id", &inner.request_id)
            .field("retry_after", &inner.retry_after)
            .field("attempts", &inner.attempts)
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Codes and ids come from strangers; only what looks like one is ever printed.
fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/=+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn display_and_debug_never_show_the_providers_sentence() {
        let error = Error::new(ErrorKind::InvalidRequest, "the provider refused the request")
            .with_status(400)
            .with_provider_code("invalid_value")
            .with_provider_message("bad text: CANARY");

        assert_eq!(
            error.to_string(),
            "invalid request: the provider refused the request, HTTP 400, code invalid_value"
        );
        assert!(!format!("{error:?}").contains("CANARY"));
        assert_eq!(error.provider_message(), Some("bad text: CANARY"));
    }

    #[test]
    fn what_was_never_sent_is_not_billed_and_may_be_tried_again() {
        let limit = Duration::from_secs(1);
        for (error, billed) in [
            (Error::new(ErrorKind::Connection, "x"), true),
            (Error::new(ErrorKind::Connection, "x").not_sent(), false),
            (Error::new(ErrorKind::Connection, "x").unprocessed(), false),
            (Error::timeout(TimeoutPhase::Connect, limit), false),
            (Error::timeout(TimeoutPhase::Answer, limit), true),
        ] {
            assert_eq!(error.may_be_billed(), billed, "{error:?}");
            assert!(error.is_retryable() && error.should_failover(), "{error:?}");
        }
    }

    #[test]
    fn a_code_that_is_not_an_identifier_is_dropped() {
        let error = Error::new(ErrorKind::Server, "x").with_provider_code("two words\r\n");

        assert_eq!(error.provider_code(), None);
    }
}
