//! The closed list of what can go wrong.

use std::fmt;

/// What went wrong. New variants may be added.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The key is missing, wrong, expired or revoked.
    Authentication,
    /// A budget of the application's own does not allow the call; nothing was sent.
    BudgetExceeded,
    /// The builder was given something that cannot work.
    Configuration,
    /// The connection could not be made, or broke before the answer was complete.
    Connection,
    /// The provider's content policy stopped the request.
    ContentFiltered,
    /// The prompt does not fit the model's context window.
    ContextTooLong,
    /// The caller's total time ran out.
    DeadlineExceeded,
    /// A bug in this crate or in a custom provider or policy.
    Internal,
    /// The request is malformed: refused by us before sending, or by the provider with a 400.
    InvalidRequest,
    /// The provider's answer cannot be understood: HTML, broken JSON, wrong content type, too large.
    InvalidResponse,
    /// A rate limit of the application's own does not allow the call now; nothing was sent.
    /// [`Error::retry_after`](crate::Error::retry_after) says when it will, where that is known.
    LimitExceeded,
    /// The provider does not know the model.
    ModelNotFound,
    /// The model string names no provider, route or model that is registered.
    NoRoute,
    /// The provider says it is overloaded (498, 503, 529).
    Overloaded,
    /// The key is valid but may not do this.
    Permission,
    /// The account's balance or plan is used up.
    QuotaExhausted,
    /// Too many requests or tokens for the moment.
    RateLimited,
    /// The provider failed (5xx), or for a passing reason of its own could not begin (409, 425).
    Server,
    /// The client was shut down: it takes no new calls, and ended those that ran.
    ShutDown,
    /// A file or database of ours cannot be read or written: full, read-only, damaged, or it refuses us.
    Storage,
    /// The store of shared state cannot be reached or is busy.
    StoreUnavailable,
    /// One attempt took too long; [`Error::timeout_phase`](crate::Error::timeout_phase) says which clock.
    Timeout,
    /// The connection was refused because its TLS certificate or name is wrong.
    Tls,
    /// The stream ended without its terminal marker.
    Truncated,
    /// The target cannot do what was asked; refused before a byte was sent.
    Unsupported,
}

impl ErrorKind {
    /// The kind that an HTTP status alone implies. A provider's code may refine it.
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::QuotaExhausted,
            403 => Self::Permission,
            404 | 410 => Self::ModelNotFound,
            408 | 504 | 524 => Self::Timeout,
            413 => Self::ContextTooLong,
            429 => Self::RateLimited,
            // 498 is Groq's flex tier without capacity: https://console.groq.com/docs/flex-processing (read 2026-11-23).
            498 | 503 | 529 => Self::Overloaded,
            // A conflict or an early request is the server's moment, not the request's fault.
            409 | 425 => Self::Server,
            400..=499 => Self::InvalidRequest,
            500..=599 => Self::Server,
            _ => Self::InvalidResponse,
        }
    }

    /// A short stable name in snake case, for metrics labels (`error.type`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::ContentFiltered => "content_filtered",
            Self::ContextTooLong => "context_too_long",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Internal => "internal",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidResponse => "invalid_response",
            Self::LimitExceeded => "limit_exceeded",
            Self::ModelNotFound => "model_not_found",
            Self::NoRoute => "no_route",
            Self::Overloaded => "overloaded",
            Self::Permission => "permission",
            Self::QuotaExhausted => "quota_exhausted",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::ShutDown => "shut_down",
            Self::Storage => "storage",
            Self::StoreUnavailable => "store_unavailable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Truncated => "truncated",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, word) in self.as_str().split('_').enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

/// Which clock of an attempt ran out.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeoutPhase {
    /// The whole, unstreamed answer of one attempt.
    Answer,
    /// TCP and TLS.
    Connect,
    /// The first semantic event of a stream.
    FirstToken,
    /// The pause between two events of a stream.
    Idle,
    /// A stream that is fast enough.
    Pace,
    /// The provider itself reported a timeout (408, 504, 524).
    Provider,
}

impl fmt::Display for TimeoutPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "answer",
            Self::Connect => "connection",
            Self::FirstToken => "first token",
            Self::Idle => "further event",
            Self::Pace => "stream that is fast enough",
            Self::Provider => "answer from the provider's backend",
        })
    }
}
