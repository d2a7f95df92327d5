//! Whose call it is, and what it may use.

use std::collections::BTreeMap;

use super::limit::Measure;
use crate::types::{CallOptions, Usd};

/// Whom and what limits look at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    options: Option<&'a CallOptions>,
    route: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// A call with these options, on this route if any.
    pub fn new(options: Option<&'a CallOptions>, route: Option<&'a str>) -> Self {
        Self { options, route }
    }

    pub(super) fn route(self) -> Option<&'a str> {
        self.route
    }

    pub(super) fn tags(self) -> &'a [String] {
        self.options.map_or(&[], |options| &options.tags)
    }

    pub(super) fn scopes(self) -> Option<&'a BTreeMap<String, String>> {
        self.options.map(|options| &options.scopes)
    }
}

/// The most a call can use.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Money.
    pub cost: CostBound,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Generated tokens; `None` when nothing bounds them.
    pub output_tokens: Option<u64>,
    requests: u64,
    when: When,
}

/// When is it done?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Now,
    /// When the vendor has time.
    Later,
    /// Now, within a call that is counted already.
    Again,
}

/// The most a call can cost.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostBound {
    /// So much.
    Known(Usd),
    /// Its length is not bounded.
    Unbounded,
    /// The price is not known.
    UnknownPrice,
}

impl Demand {
    /// A call of at most so many tokens and so much money.
    pub fn new(cost: CostBound, input_tokens: u64, output_tokens: Option<u64>) -> Self {
        Self { cost, input_tokens, output_tokens, requests: 1, when: When::Now }
    }

    /// As a batch that its vendor answers when it has time: rates, and calls at the same time, do not count it.
    #[must_use]
    pub fn deferred(self) -> Self {
        Self { when: When::Later, ..self }
    }

    pub(super) fn is_deferred(&self) -> bool {
        self.when == When::Later
    }

    /// As more of a call that is counted already: it is no further call, and none that runs beside it.
    #[must_use]
    pub fn again(self) -> Self {
        Self { requests: 0, when: When::Again, ..self }
    }

    pub(super) fn is_again(&self) -> bool {
        self.when == When::Again
    }

    /// Is it nothing?
    pub fn is_nothing(&self) -> bool {
        let is_free = matches!(self.cost, CostBound::Known(cost) if cost <= Usd::ZERO);
        is_free && self.input_tokens == 0 && self.output_tokens == Some(0)
    }

    /// Both together; what is unknown of one stays unknown.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (CostBound::Known(one), CostBound::Known(other)) => CostBound::Known(one.saturating_add(other)),
            (CostBound::Known(_), unknown) | (unknown, _) => unknown,
        };
        let output =
            self.output_tokens.zip(other.output_tokens).map(|(one, other)| one.saturating_add(other));
        Self {
            cost,
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: output,
            requests: self.requests.saturating_add(other.requests),
            when: self.when,
        }
    }

    /// The larger of each part; what is unknown of one stays unknown.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (CostBound::Known(one), CostBound::Known(other)) => CostBound::Known(one.max(other)),
            (CostBound::Known(_), unknown) | (unknown, _) => unknown,
        };
        let output = self.output_tokens.zip(other.output_tokens).map(|(one, other)| one.max(other));
        Self { cost, input_tokens: self.input_tokens.max(other.input_tokens), output_tokens: output, ..self }
    }

    /// How much of `measure` that is; `None` when it is not known.
    pub(super) fn of(&self, measure: Measure) -> Option<u128> {
        match measure {
            Measure::Cost => match self.cost {
                CostBound::Known(cost) => u128::try_from(cost.pico()).ok(),
                CostBound::Unbounded | CostBound::UnknownPrice => None,
            },
            Measure::InputTokens => Some(self.input_tokens.into()),
            Measure::OutputTokens => self.output_tokens.map(u128::from),
            Measure::Parallel => Some(1),
            Measure::Requests => Some(self.requests.into()),
            Measure::Tokens => {
                self.output_tokens.map(|output| u128::from(self.input_tokens) + u128::from(output))
            }
        }
    }
}

/// What a call really used.
#[expect(clippy::exhaustive_structs, reason = "made by whoever uses a gate, field by field")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Money; less than nothing is taken for nothing.
    pub cost: Usd,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Generated tokens.
    pub output_tokens: u64,
    /// Calls, or attempts at one target.
    pub requests: u64,
}

impl Used {
    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            cost: self.cost.saturating_add(other.cost),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            requests: self.requests.saturating_add(other.requests),
        }
    }

    /// How much of `measure` that is.
    pub(super) fn of(&self, measure: Measure) -> u128 {
        match measure {
            Measure::Cost => u128::try_from(self.cost.pico()).unwrap_or(0),
            Measure::InputTokens => self.input_tokens.into(),
            Measure::OutputTokens => self.output_tokens.into(),
            Measure::Parallel => 0,
            Measure::Requests => self.requests.into(),
            Measure::Tokens => u128::from(self.input_tokens) + u128::from(self.output_tokens),
        }
    }
}
