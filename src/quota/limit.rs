//! One limit: what is counted, how much of it, over which time, and of whom.

use super::window::{Kind, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::types::Usd;

/// One limit on calls.
///
/// It counts all calls together, unless it applies to [each](Self::each) value of a dimension on its own or
/// [only](Self::only) to one. Dimensions are those of [`CallOptions::scopes`](crate::types::CallOptions::scopes), and four
/// that the client fills in: `tag`, `route`, `vendor` (a provider's name) and `model` (`provider/model`).
///
/// ```
/// use polyroute::quota::{Limit, Unit, Window};
/// // Every team may spend 50 dollars a month; from 80 % on its calls take the route `cheap`.
/// let teams = Limit::cost("50".parse()?, Window::calendar(Unit::Month)).each("team").above(80, "cheap");
/// // Four calls at a time to this vendor.
/// let vendor = Limit::parallel(4).only("vendor", "groq");
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Limit {
    pub(super) name: Option<String>,
    pub(super) measure: Measure,
    /// `None`: it was negative.
    pub(super) amount: Option<u128>,
    pub(super) window: Window,
    pub(super) applies: Applies,
    pub(super) burst: Option<u64>,
    pub(super) strictness: Strictness,
    pub(super) warnings: Vec<u8>,
    pub(super) diversion: Option<(u8, String)>,
    pub(super) absent: Absent,
}

/// What a limit counts.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Money.
    Cost,
    /// Prompt tokens.
    InputTokens,
    /// Generated tokens.
    OutputTokens,
    /// Calls that run at the same time.
    Parallel,
    /// Calls; for a vendor or a model, attempts there.
    Requests,
    /// Prompt and generated tokens together.
    Tokens,
}

impl Measure {
    /// Its name, for messages and keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::Parallel => "parallel",
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        }
    }
}

/// Whom a limit counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Applies {
    All,
    Each(String),
    Only(String, String),
}

/// What happens at the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    Hard,
    Soft,
}

/// What happens to a call without a value of the limit's dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Free,
    Refused,
}

impl Limit {
    /// A budget in money.
    pub fn cost(amount: Usd, window: Window) -> Self {
        Self::new(Measure::Cost, u128::try_from(amount.pico()).ok(), window)
    }

    /// A number of calls.
    pub fn requests(amount: u64, window: Window) -> Self {
        Self::new(Measure::Requests, Some(amount.into()), window)
    }

    /// A number of prompt tokens.
    pub fn input_tokens(amount: u64, window: Window) -> Self {
        Self::new(Measure::InputTokens, Some(amount.into()), window)
    }

    /// A number of generated tokens.
    pub fn output_tokens(amount: u64, window: Window) -> Self {
        Self::new(Measure::OutputTokens, Some(amount.into()), window)
    }

    /// A number of prompt and generated tokens together.
    pub fn tokens(amount: u64, window: Window) -> Self {
        Self::new(Measure::Tokens, Some(amount.into()), window)
    }

    /// A number of calls that run at the same time.
    pub fn parallel(amount: u64) -> Self {
        Self::new(Measure::Parallel, Some(amount.into()), Window::lifetime())
    }

    fn new(measure: Measure, amount: Option<u128>, window: Window) -> Self {
        Self {
            name: None,
            measure,
            amount,
            window,
            applies: Applies::All,
            burst: None,
            strictness: Strictness::Hard,
            warnings: Vec::new(),
            diversion: None,
            absent: Absent::Free,
        }
    }

    /// Counts every value of `dimension` on its own, such as every `team`. Calls without a value are not counted, unless
    /// it is [required](Self::required).
    pub fn each(mut self, dimension: impl Into<String>) -> Self {
        self.applies = Applies::Each(dimension.into());
        self
    }

    /// Counts only calls that have this `value` of `dimension`.
    pub fn only(mut self, dimension: impl Into<String>, value: impl Into<String>) -> Self {
        self.applies = Applies::Only(dimension.into(), value.into());
        self
    }

    /// Refuses calls that have no value of the dimension.
    pub fn required(mut self) -> Self {
        self.absent = Absent::Refused;
        self
    }

    /// Sets how much a bucket of [`Window::refill`] holds; the limit's amount by default.
    pub fn burst(mut self, burst: u64) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Refuses nothing; only says when the limit is reached.
    pub fn soft(mut self) -> Self {
        self.strictness = Strictness::Soft;
        self
    }

    /// Says when so many percent of the limit are reached; may be given several times.
    pub fn warn_at(mut self, percent: u8) -> Self {
        self.warnings.push(percent);
        self
    }

    /// Once at least so many percent are used or held, calls take the route `route` instead of what they ask for.
    /// What was sensitive stays sensitive, and the preferences of both routes hold. Audits and corrections keep to the
    /// targets of the call they follow from.
    pub fn above(mut self, percent: u8, route: impl Into<String>) -> Self {
        self.diversion = Some((percent, route.into()));
        self
    }

    /// Gives it a name, for messages, events and the store. Processes that share a store count together under the same
    /// name; without one it follows from what is limited, but not from the amount.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        let whom = match &self.applies {
            Applies::All => String::new(),
            Applies::Each(dimension) => format!(" per {dimension}"),
            Applies::Only(dimension, value) => format!(" of {dimension} {}", value.replace('/', "-")),
        };
        match (&self.name, self.measure) {
            (Some(name), _) => name.clone(),
            (None, Measure::Parallel) => format!("parallel{whom}"),
            (None, measure) => format!("{}{whom}, {}", measure.as_str(), self.window.name()),
        }
    }

    /// Which dimension it looks at.
    pub(super) fn dimension(&self) -> Option<&str> {
        match &self.applies {
            Applies::All => None,
            Applies::Each(dimension) | Applies::Only(dimension, _) => Some(dimension),
        }
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<()> {
        let name = self.name();
        let bad =
            |reason: &str| Err(Error::new(ErrorKind::Configuration, format!("limit {name:?}: {reason}")));
        if name.is_empty() || name.len() > 128 || name.contains('/') || name.chars().any(char::is_control) {
            return bad("a name has 1 to 128 bytes and no slash; give it one with Limit::named");
        }
        if self.amount.is_none() {
            return bad("its amount is negative");
        }
        if self.dimension().is_some_and(str::is_empty) {
            return bad("its dimension has no name");
        }
        if self.absent == Absent::Refused && !matches!(self.applies, Applies::Each(_)) {
            return bad("required() asks for a value, but the limit does not apply to each(dimension)");
        }
        let refills = matches!(self.window.0, Kind::Refill(_));
        if self.burst.is_some() && !refills {
            return bad("a burst belongs to Window::refill");
        }
        if refills && self.measure == Measure::Cost {
            return bad("money is not refilled little by little; use Window::rolling");
        }
        if refills && self.strictness == Strictness::Soft {
            return bad("a bucket that refuses nothing has no level; use Window::rolling for a soft rate");
        }
        if self.window.0 == Kind::Request {
            if matches!(self.measure, Measure::Requests | Measure::Parallel) {
                return bad("one call is always one call; use another window");
            }
            if self.strictness == Strictness::Soft || !self.warnings.is_empty() || self.diversion.is_some() {
                return bad("a limit per request is hard and has no percentage");
            }
        }
        let percents = self.warnings.iter().chain(self.diversion.as_ref().map(|(percent, _)| percent));
        for percent in percents {
            if *percent == 0 || (*percent > 100 && self.strictness == Strictness::Hard) {
                return bad("a percentage is 1 to 100; above that only for a soft limit");
            }
        }
        if self.diversion.is_some() && matches!(self.dimension(), Some("route" | "vendor" | "model")) {
            return bad("where calls go cannot depend on a limit of the route, vendor or model they go to");
        }
        Ok(())
    }
}
