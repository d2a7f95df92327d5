//! Three questions an error answers: retry here, try elsewhere, maybe billed.

use super::ErrorKind;

/// May the same request be sent to the same target again?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// After a pause: full jitter, or what the provider asked for.
    AfterBackoff,
}

/// May the same request be sent to another target?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failover {
    /// Any other target may do better.
    Allowed,
    /// Only a target whose context window is known to be larger.
    LargerWindow,
    /// The request itself is at fault, or an answer has already begun.
    Forbidden,
}

/// May the provider charge for the attempt?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billed {
    /// The provider did no work.
    No,
    /// The provider may have worked before the failure.
    Maybe,
}

/// The three answers for one [`ErrorKind`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Retry at the same target?
    pub retry: Retry,
    /// Try another target?
    pub failover: Failover,
    /// Possibly charged?
    pub billed: Billed,
}

/// The decision table. One row per kind, so that a new kind must be thought about.
pub(super) const fn advice(kind: ErrorKind) -> Advice {
    use ErrorKind as K;
    let (retry, failover, billed) = match kind {
        K::Connection => (Retry::AfterBackoff, Failover::Allowed, Billed::Maybe),
        K::Timeout => (Retry::AfterBackoff, Failover::Allowed, Billed::Maybe),
        K::Server => (Retry::AfterBackoff, Failover::Allowed, Billed::Maybe),
        K::Overloaded => (Retry::AfterBackoff, Failover::Allowed, Billed::No),
        K::RateLimited => (Retry::AfterBackoff, Failover::Allowed, Billed::No),
        K::Tls => (Retry::Never, Failover::Allowed, Billed::No),
        K::Authentication => (Retry::Never, Failover::Allowed, Billed::No),
        K::Permission => (Retry::Never, Failover::Allowed, Billed::No),
        K::QuotaExhausted => (Retry::Never, Failover::Allowed, Billed::No),
        K::ModelNotFound => (Retry::Never, Failover::Allowed, Billed::No),
        K::Unsupported => (Retry::Never, Failover::Allowed, Billed::No),
        K::InvalidResponse => (Retry::Never, Failover::Allowed, Billed::Maybe),
        K::Truncated => (Retry::AfterBackoff, Failover::Allowed, Billed::Maybe),
        K::BudgetExceeded => (Retry::Never, Failover::Allowed, Billed::No),
        K::LimitExceeded => (Retry::AfterBackoff, Failover::Allowed, Billed::No),
        K::StoreUnavailable => (Retry::AfterBackoff, Failover::Forbidden, Billed::No),
        K::ContextTooLong => (Retry::Never, Failover::LargerWindow, Billed::No),
        K::ContentFiltered => (Retry::Never, Failover::Forbidden, Billed::Maybe),
        K::InvalidRequest => (Retry::Never, Failover::Forbidden, Billed::No),
        K::DeadlineExceeded => (Retry::Never, Failover::Forbidden, Billed::Maybe),
        K::Configuration => (Retry::Never, Failover::Forbidden, Billed::No),
        K::Storage => (Retry::Never, Failover::Forbidden, Billed::No),
        K::ShutDown => (Retry::Never, Failover::Forbidden, Billed::Maybe),
        K::NoRoute => (Retry::Never, Failover::Forbidden, Billed::No),
        K::Internal => (Retry::Never, Failover::Forbidden, Billed::Maybe),
    };
    Advice { retry, failover, billed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_faults_never_move_to_another_target() {
        for kind in [ErrorKind::InvalidRequest, ErrorKind::ContentFiltered, ErrorKind::NoRoute] {
            assert_eq!(advice(kind).failover, Failover::Forbidden, "{kind}");
            assert_eq!(advice(kind).retry, Retry::Never, "{kind}");
        }
    }

    #[test]
    fn a_bad_key_or_empty_account_moves_on_but_is_not_tried_again() {
        for kind in [ErrorKind::Authentication, ErrorKind::Permission, ErrorKind::QuotaExhausted] {
            assert_eq!(advice(kind).failover, Failover::Allowed, "{kind}");
            assert_eq!(advice(kind).retry, Retry::Never, "{kind}");
            assert_eq!(advice(kind).billed, Billed::No, "{kind}");
        }
    }

    #[test]
    fn an_overflowing_prompt_goes_only_to_a_larger_window() {
        assert_eq!(advice(ErrorKind::ContextTooLong).failover, Failover::LargerWindow);
    }
}
