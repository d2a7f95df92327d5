//! The questions an error answers: retry here, try elsewhere, whose fault, whom to leave alone, maybe billed.

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

/// Does the failure speak against the health of the endpoint?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The endpoint failed; enough of these and it is left alone for a while.
    Counts,
    /// The endpoint works: the caller, the key or the moment is to blame.
    Neutral,
}

/// Who is left alone for a while because of the failure, and who is not.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    /// Nobody at once.
    Nothing,
    /// The key; other keys of the same provider go on.
    Credential,
    /// The key for this model and those that share its quota, as long as the provider asked; nobody is at fault.
    QuotaPool,
    /// The model at this provider; its other models go on.
    Model,
    /// The model at this provider, as one that is out of order until a probe succeeds.
    Endpoint,
}

/// How far an attempt had come when it failed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The request has not left this machine.
    NotSent,
    /// It left, and the provider said that it did not look at it: a stream of HTTP/2 that was refused, or that came after
    /// the last one a closing connection took.
    Unprocessed,
    /// It may have arrived; nothing of the answer has reached the caller.
    BeforeContent,
    /// The caller has part of the answer.
    AfterContent,
}

/// The answers for one [`ErrorKind`] in one [`Phase`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Retry at the same target?
    pub retry: Retry,
    /// Try another target?
    pub failover: Failover,
    /// Possibly charged?
    pub billed: Billed,
    /// Held against the endpoint?
    pub health: Health,
    /// Who is left alone?
    pub bench: Bench,
}

/// The decision table: what the kind says, changed by how far the attempt had come.
pub(super) const fn advice(kind: ErrorKind, phase: Phase) -> Advice {
    let advice = before_content(kind);
    match phase {
        Phase::NotSent | Phase::Unprocessed => Advice { billed: Billed::No, ..advice },
        Phase::BeforeContent => advice,
        // Half an answer has been shown, and the provider has worked for it.
        Phase::AfterContent => {
            Advice { retry: Retry::Never, failover: Failover::Forbidden, billed: Billed::Maybe, ..advice }
        }
    }
}

/// One row per kind, so that a new kind must be thought about.
const fn before_content(kind: ErrorKind) -> Advice {
    use Bench as B;
    use ErrorKind as K;
    use Health::{Counts, Neutral};
    use Retry::{AfterBackoff, Never};
    let (retry, failover, billed, health, bench) = match kind {
        K::Connection => (AfterBackoff, Failover::Allowed, Billed::Maybe, Counts, B::Nothing),
        K::Timeout => (AfterBackoff, Failover::Allowed, Billed::Maybe, Counts, B::Nothing),
        K::Server => (AfterBackoff, Failover::Allowed, Billed::Maybe, Counts, B::Nothing),
        K::Truncated => (AfterBackoff, Failover::Allowed, Billed::Maybe, Counts, B::Nothing),
        K::Overloaded => (AfterBackoff, Failover::Allowed, Billed::No, Counts, B::Nothing),
        K::InvalidResponse => (Never, Failover::Allowed, Billed::Maybe, Counts, B::Nothing),
        // A certificate does not mend itself between two attempts.
        K::Tls => (Never, Failover::Allowed, Billed::No, Counts, B::Endpoint),
        K::RateLimited => (AfterBackoff, Failover::Allowed, Billed::No, Neutral, B::QuotaPool),
        K::Authentication => (Never, Failover::Allowed, Billed::No, Neutral, B::Credential),
        K::Permission => (Never, Failover::Allowed, Billed::No, Neutral, B::Credential),
        K::QuotaExhausted => (Never, Failover::Allowed, Billed::No, Neutral, B::Credential),
        K::ModelNotFound => (Never, Failover::Allowed, Billed::No, Neutral, B::Model),
        K::Unsupported => (Never, Failover::Allowed, Billed::No, Neutral, B::Nothing),
        K::ContextTooLong => (Never, Failover::LargerWindow, Billed::No, Neutral, B::Nothing),
        K::ContentFiltered => (Never, Failover::Forbidden, Billed::Maybe, Neutral, B::Nothing),
        K::InvalidRequest => (Never, Failover::Forbidden, Billed::No, Neutral, B::Nothing),
        K::DeadlineExceeded => (Never, Failover::Forbidden, Billed::Maybe, Neutral, B::Nothing),
        K::Configuration => (Never, Failover::Forbidden, Billed::No, Neutral, B::Nothing),
        K::Storage => (Never, Failover::Forbidden, Billed::No, Neutral, B::Nothing),
        K::BudgetExceeded => (Never, Failover::Allowed, Billed::No, Neutral, B::Nothing),
        K::LimitExceeded => (AfterBackoff, Failover::Allowed, Billed::No, Neutral, B::Nothing),
        K::StoreUnavailable => (AfterBackoff, Failover::Forbidden, Billed::No, Neutral, B::Nothing),
        K::ShutDown => (Never, Failover::Forbidden, Billed::Maybe, Neutral, B::Nothing),
        K::NoRoute => (Never, Failover::Forbidden, Billed::No, Neutral, B::Nothing),
        K::Internal => (Never, Failover::Forbidden, Billed::Maybe, Neutral, B::Nothing),
    };
    Advice { retry, failover, billed, health, bench }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(kind: ErrorKind) -> Advice {
        super::advice(kind, Phase::BeforeContent)
    }

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

    #[test]
    fn once_the_caller_has_content_nothing_is_tried_again_and_the_provider_may_charge() {
        for kind in [ErrorKind::Connection, ErrorKind::Truncated, ErrorKind::Overloaded, ErrorKind::Timeout] {
            let after = super::advice(kind, Phase::AfterContent);

            assert_eq!((after.retry, after.failover), (Retry::Never, Failover::Forbidden), "{kind}");
            assert_eq!((after.billed, after.health), (Billed::Maybe, Health::Counts), "{kind}");
        }
    }

    #[test]
    fn only_the_endpoints_own_failures_count_against_it() {
        use ErrorKind as K;
        for kind in [K::InvalidRequest, K::ContentFiltered, K::ContextTooLong, K::DeadlineExceeded] {
            assert_eq!(
                (advice(kind).health, advice(kind).bench),
                (Health::Neutral, Bench::Nothing),
                "{kind}"
            );
        }
        for (kind, bench) in [
            (K::Authentication, Bench::Credential),
            (K::Permission, Bench::Credential),
            (K::QuotaExhausted, Bench::Credential),
            (K::RateLimited, Bench::QuotaPool),
            (K::ModelNotFound, Bench::Model),
        ] {
            assert_eq!((advice(kind).health, advice(kind).bench), (Health::Neutral, bench), "{kind}");
        }
        for kind in [K::Connection, K::Timeout, K::Server, K::Overloaded, K::InvalidResponse, K::Truncated] {
            assert_eq!(advice(kind).health, Health::Counts, "{kind}");
        }
        assert_eq!((advice(K::Tls).health, advice(K::Tls).bench), (Health::Counts, Bench::Endpoint));
    }
}
