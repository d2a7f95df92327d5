//! What a provider says is left of its limits.

use std::time::Duration;

/// What is left of the limits of a key, as the provider said with its answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests.
    pub requests: Option<Allowance>,
    /// Tokens, where one limit is for all of them.
    pub tokens: Option<Allowance>,
    /// Tokens of prompts, where they have a limit of their own.
    pub input_tokens: Option<Allowance>,
    /// Tokens of answers, where they have a limit of their own.
    pub output_tokens: Option<Allowance>,
}

/// One limit.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The whole of it; `None` when the provider does not say.
    pub limit: Option<u64>,
    /// What is left.
    pub remaining: u64,
    /// When it is whole again; `None` when the provider does not say.
    pub reset: Option<Duration>,
}

impl Allowance {
    /// `remaining` of a limit nobody named.
    pub fn new(remaining: u64) -> Self {
        Self { limit: None, remaining, reset: None }
    }

    fn permille(&self) -> Option<u16> {
        let limit = self.limit.filter(|limit| *limit > 0);
        match (self.remaining, limit) {
            (0, _) => Some(0),
            (remaining, Some(limit)) => {
                let permille = u128::from(remaining) * 1000 / u128::from(limit);
                Some(u16::try_from(permille).unwrap_or(u16::MAX).min(1000))
            }
            (_, None) => None,
        }
    }
}

impl RateLimits {
    fn all(&self) -> impl Iterator<Item = &Allowance> {
        [&self.requests, &self.tokens, &self.input_tokens, &self.output_tokens].into_iter().flatten()
    }

    /// Says that nothing was said.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// What is left of the limit that is nearest to its end, in thousandths.
    pub fn headroom_permille(&self) -> Option<u16> {
        self.all().filter_map(Allowance::permille).min()
    }

    /// How long until everything is whole again.
    pub fn longest_reset(&self) -> Option<Duration> {
        self.all().filter_map(|allowance| allowance.reset).max()
    }

    /// How long until the limits that are used up are whole again; `None` when none is used up.
    pub fn exhausted_until(&self) -> Option<Duration> {
        self.all().filter(|allowance| allowance.remaining == 0).filter_map(|allowance| allowance.reset).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headroom_is_that_of_the_tightest_limit() {
        let of = |remaining, limit| Some(Allowance { limit, ..Allowance::new(remaining) });
        for (requests, tokens, expected) in [
            (of(50, Some(100)), of(1, Some(4)), Some(250)),
            (of(0, None), of(4, Some(4)), Some(0)),
            (of(7, None), None, None),
            (of(7, Some(0)), of(9, Some(3)), Some(1000)),
            (None, None, None),
        ] {
            let limits = RateLimits { requests, tokens, ..RateLimits::default() };

            assert_eq!(limits.headroom_permille(), expected, "{limits:?}");
        }
    }
}
