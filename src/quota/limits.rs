//! All limits of a client, and what to do about the unknown.

use std::collections::BTreeSet;

use super::limit::Limit;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{OnLimit, Usd};

/// The limits of a client. A call is made only when every limit that applies to it agrees.
///
/// # How far a budget can be overrun
///
/// Before a call is sent, the most it can cost is reserved: a prompt of
/// `TokenEstimate::most` tokens, with the request's own `max_output_tokens` or what
/// the model can generate, at the dearest target of its plan. Before a further attempt, room is reserved for what the
/// attempts so far have used, or may use while they run: without it there is no hedge, and a repetition, an escalation or
/// a recovery is refused. Afterwards what it really cost is booked and the rest is free again. So what is booked exceeds a
/// hard budget by no more than
///
/// * what a prompt has beyond that estimate, tools that run at the vendor, and a service tier nobody asked for;
/// * what was really spent by a process that died, whose reservations lapse with the deadlines of their calls;
/// * what a vendor's batch costs whose results are fetched only after 26 hours, or never;
/// * what calls hold in a `SqliteStore` while the machine's calendar is set forward beyond their deadlines: the reservations
///   lapse, as those of dead processes do, and what the calls really cost is booked all the same;
/// * what is reserved in this process by `OnFailure::Local` while a Redis server is away: up to the whole limit in each process;
/// * what a Redis server has forgotten that restarted without persistence;
///
/// and what is spent beyond what is booked is what [`in_doubt`](Self::in_doubt) leaves out, and what
/// [`Event::SpendLost`](crate::telemetry::Event::SpendLost) tells of: more than ten thousand calls waited for a store that
/// was away, or it went away for two hours before it could say whether a call is booked.
///
/// ```
/// use polyroute::quota::{Limit, Limits, Unit, Window};
/// let limits = Limits::new()
///     .limit(Limit::cost("500".parse()?, Window::calendar(Unit::Month)))
///     .limit(Limit::cost("5".parse()?, Window::calendar(Unit::Day)).each("user").required());
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Limits {
    pub(super) limits: Vec<Limit>,
    pub(super) dimensions: BTreeSet<String>,
    pub(super) unknown_price: UnknownPrice,
    pub(super) in_doubt: InDoubt,
    pub(super) on_limit: OnLimit,
    pub(super) queue: usize,
}

/// What to do where a budget applies and the price of a target is unknown.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPrice {
    /// The target is left out; without another the call is refused.
    #[default]
    Refuse,
    /// It is taken to be this, per million tokens.
    Assume {
        /// Per million prompt tokens.
        input: Usd,
        /// Per million generated tokens.
        output: Usd,
    },
}

/// What to book for an attempt that may have been billed, when nobody says for how much: it timed out, its connection
/// broke, or its caller went away.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InDoubt {
    /// What its prompt is estimated to cost.
    #[default]
    Prompt,
    /// Everything that was reserved for it.
    Everything,
    /// Nothing.
    Nothing,
}

impl Limits {
    /// No limits.
    pub fn new() -> Self {
        Self {
            limits: Vec::new(),
            dimensions: BTreeSet::new(),
            unknown_price: UnknownPrice::default(),
            in_doubt: InDoubt::default(),
            on_limit: OnLimit::Refuse,
            queue: 1_000,
        }
    }

    /// Adds a limit.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Lets calls carry a dimension that no limit looks at. Any other is refused, because a misspelt one would go past
    /// its limit; `key`, `user`, `team` and `project` are known.
    pub fn dimension(mut self, name: impl Into<String>) -> Self {
        self.dimensions.insert(name.into());
        self
    }

    /// Sets what to do where a price is unknown.
    pub fn unknown_price(mut self, choice: UnknownPrice) -> Self {
        self.unknown_price = choice;
        self
    }

    /// Sets what to book where the cost will never be known.
    pub fn in_doubt(mut self, choice: InDoubt) -> Self {
        self.in_doubt = choice;
        self
    }

    /// Sets what a call does that comes too soon, unless it says so itself. It is refused by default.
    pub fn on_limit(mut self, choice: OnLimit) -> Self {
        self.on_limit = choice;
        self
    }

    /// Sets how many calls may wait at the same time; 1,000 by default. Further ones are refused.
    pub fn queue(mut self, most: usize) -> Self {
        self.queue = most;
        self
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Routes that calls are diverted to.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.limits.iter().filter_map(|limit| Some(limit.diversion.as_ref()?.1.as_str()))
    }

    /// Refuses limits that contradict themselves or each other.
    pub(super) fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        for limit in &self.limits {
            limit.check()?;
            if !names.insert(limit.name()) {
                let message = format!(
                    "two limits are named {:?} and would count together; give one another name with Limit::named",
                    limit.name()
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
        if let UnknownPrice::Assume { input, output } = self.unknown_price
            && (input < Usd::ZERO || output < Usd::ZERO)
        {
            return Err(Error::new(ErrorKind::Configuration, "an assumed price is negative"));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
