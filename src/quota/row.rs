//! A limit at work: its meters, one for each value it applies to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::calendar::Span;
use super::limit::{Absent, Applies, Limit, Measure, Strictness};
use super::subject::{Demand, Subject};
use super::window::Kind;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Claim, Level, Meter, Rule};
use crate::types::{Target, Usd};

/// One limit, checked.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: Box<str>,
    pub(super) limit: Limit,
    pub(super) amount: u128,
    pub(super) stage: Stage,
    /// Percentages at which somebody is told, ascending.
    pub(super) warnings: Vec<u8>,
    /// What is seen of its meters is kept without so many of the lowest bits, so that it fits a word.
    shift: u32,
    current: Mutex<Current>,
}

/// The meters of the window that runs now.
#[derive(Debug, Default)]
struct Current {
    span: Option<Span>,
    /// Of a limit that knows one value.
    only: Option<Arc<Counter>>,
    /// Of one that applies to each.
    counters: HashMap<Box<str>, Arc<Counter>>,
}

/// One meter, and what was last seen of it.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) meter: Arc<Meter>,
    pub(super) value: Box<str>,
    /// How full it was, in units of its row.
    seen: AtomicU64,
}

/// What applies to a call.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub(super) lines: Vec<Line>,
    pub(super) claims: Vec<Claim>,
    /// The route the call is on; only there when a limit may send it to another.
    pub(super) route: Option<Box<str>>,
}

/// One claim of a call.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The limit's place among the rows.
    pub(super) row: usize,
    pub(super) counter: Arc<Counter>,
    /// When the meter's window ends.
    pub(super) span: Option<Span>,
    pub(super) of: Stage,
}

/// Does a limit concern the whole call or the target it goes to?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Call,
    Target,
}

impl Lines {
    pub(super) fn with_room(count: usize) -> Self {
        Self { lines: Vec::with_capacity(count), claims: Vec::with_capacity(count), route: None }
    }

    /// Does nothing apply?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self.claims.extend(other.claims);
        self.route = self.route.or(other.route);
        self
    }
}

impl Row {
    pub(super) fn new(limit: &Limit) -> Result<Self> {
        let name = limit.name().into_boxed_str();
        let mut warnings = limit.warnings.clone();
        if limit.strictness == Strictness::Soft {
            warnings.push(100);
        }
        warnings.sort_unstable();
        warnings.dedup();
        let amount = limit.amount.unwrap_or(0);
        let stage = match limit.dimension() {
            Some("vendor" | "model") => Stage::Target,
            Some(_) | None => Stage::Call,
        };
        let row = Self {
            name,
            amount,
            stage,
            limit: limit.clone(),
            warnings,
            shift: (u128::BITS - amount.leading_zeros()).saturating_sub(SEEN_BITS),
            current: Mutex::default(),
        };
        // Whatever is wrong with the numbers is found now.
        if let Some(rule) = row.rule() {
            Meter::new(&*row.name, rule, None).map_err(|error| {
                Error::new(ErrorKind::Configuration, format!("limit {:?}: {}", row.name, error.message()))
            })?;
        }
        Ok(row)
    }

    /// How its meters are bounded; `None` for a limit on each request, which has none.
    fn rule(&self) -> Option<Rule> {
        let hard = self.limit.strictness == Strictness::Hard;
        let bound = hard.then_some(self.amount);
        Some(match self.limit.window.0 {
            Kind::Calendar(..) | Kind::Lifetime => Rule::Total { limit: bound },
            Kind::Rolling(window) => Rule::Rolling { limit: bound, window },
            Kind::Refill(period) => {
                let amount = u64::try_from(self.amount).unwrap_or(u64::MAX);
                Rule::Bucket { amount, period, burst: self.limit.burst.unwrap_or(amount) }
            }
            Kind::Request => return None,
        })
    }

    /// Adds what of this limit applies to a call by `subject`, at `target` if it is about targets.
    pub(super) fn add(
        &self,
        place: usize,
        subject: Subject<'_>,
        target: Option<&Target>,
        demand: &Demand,
        at: SystemTime,
        lines: &mut Lines,
    ) -> Result<()> {
        let is_rate =
            self.limit.measure == Measure::Parallel || matches!(self.limit.window.0, Kind::Refill(_));
        let is_of_calls = matches!(self.limit.measure, Measure::Parallel | Measure::Requests);
        let is_counted = (is_rate && demand.is_deferred()) || (is_of_calls && demand.is_again());
        if self.limit.window.0 == Kind::Request || is_counted {
            return Ok(());
        }
        let mut add = |value: &str| -> Result<()> {
            let (counter, span) = self.counter(value, at)?;
            let amount = self.claimed(demand, counter.meter.rule())?;
            lines.claims.push(Claim::new(Arc::clone(&counter.meter), amount));
            lines.lines.push(Line { row: place, counter, span, of: self.stage });
            Ok(())
        };
        self.each_value(subject, target, &mut add)
    }

    /// Is it a hard limit on money for whole calls?
    pub(super) fn is_budget(&self) -> bool {
        let hard = self.limit.strictness == Strictness::Hard;
        self.limit.measure == Measure::Cost && hard && self.stage == Stage::Call
    }

    /// How full the fullest meter was that applies to `subject`, as far as was last seen; `None` when none applies.
    pub(super) fn fullest(&self, subject: Subject<'_>, at: SystemTime) -> Option<u128> {
        let mut fullest = None;
        let looked = self.each_value(subject, None, &mut |value| {
            let seen = match self.limit.window.0 {
                Kind::Request => 0,
                _ => u128::from(self.counter(value, at)?.0.seen.load(Ordering::Relaxed)) << self.shift,
            };
            fullest = Some(fullest.map_or(seen, |other: u128| other.max(seen)));
            Ok(())
        });
        looked.ok().and(fullest)
    }

    /// Notes how full a meter is.
    pub(super) fn see(&self, counter: &Counter, amount: u128) {
        counter.seen.store(u64::try_from(amount >> self.shift).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Is `amount` at least so many percent of the limit?
    pub(super) fn is_reached(&self, amount: u128, percent: u8) -> bool {
        amount.saturating_mul(100) >= self.amount.saturating_mul(u128::from(percent))
    }

    /// Refuses a call that is too much by itself.
    pub(super) fn check_request(&self, subject: Subject<'_>, target: &Target, demand: &Demand) -> Result<()> {
        let mut applies = false;
        self.each_value(subject, Some(target), &mut |_| {
            applies = true;
            Ok(())
        })?;
        if !applies {
            return Ok(());
        }
        if self.limit.measure == Measure::Cost && self.limit.strictness == Strictness::Hard {
            self.known(demand)?;
        }
        if self.limit.window.0 != Kind::Request {
            return Ok(());
        }
        match demand.of(self.limit.measure) {
            Some(amount) if amount <= self.amount => Ok(()),
            Some(amount) => Err(self.error(format!(
                "the call may use {}, and {} is the most for one",
                self.shown(amount),
                self.shown(self.amount)
            ))),
            None => Err(self.unbounded()),
        }
    }

    fn each_value(
        &self,
        subject: Subject<'_>,
        target: Option<&Target>,
        take: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let (dimension, wanted) = match &self.limit.applies {
            Applies::All => return take(""),
            Applies::Each(dimension) => (dimension.as_str(), None),
            Applies::Only(dimension, value) => (dimension.as_str(), Some(value.as_str())),
        };
        let value = match dimension {
            "tag" => {
                let tags = subject.tags();
                if tags.is_empty() {
                    return self.absent();
                }
                for (place, tag) in tags.iter().enumerate() {
                    let first = tags.iter().position(|other| other == tag) == Some(place);
                    if first && wanted.is_none_or(|wanted| wanted == tag) {
                        take(tag)?;
                    }
                }
                return Ok(());
            }
            "route" => subject.route(),
            "vendor" => target.map(Target::provider),
            "model" => target.map(Target::as_str),
            own => subject.scopes().and_then(|scopes| scopes.get(own)).map(String::as_str),
        };
        match value {
            Some(value) if wanted.is_none_or(|wanted| wanted == value) => take(value),
            Some(_) => Ok(()),
            None => self.absent(),
        }
    }

    fn absent(&self) -> Result<()> {
        match self.limit.absent {
            Absent::Free => Ok(()),
            Absent::Refused => Err(Error::new(
                ErrorKind::InvalidRequest,
                format!(
                    "limit {:?} requires a {}; set it with CallOptions::scope",
                    self.name,
                    self.limit.dimension().unwrap_or_default()
                ),
            )),
        }
    }

    /// The meter for `value` in the window that `at` falls into, and that window.
    pub(super) fn counter(&self, value: &str, at: SystemTime) -> Result<(Arc<Counter>, Option<Span>)> {
        let mut current = self.lock();
        if let Kind::Calendar(unit, zone) = &self.limit.window.0
            && current.span.is_none_or(|span| !span.contains(at))
        {
            *current = Current { span: Some(zone.span(*unit, at)?), ..Current::default() };
        }
        let applies_to_each = matches!(self.limit.applies, Applies::Each(_));
        let known = if applies_to_each { current.counters.get(value) } else { current.only.as_ref() };
        if let Some(counter) = known {
            return Ok((Arc::clone(counter), current.span));
        }
        let Some(rule) = self.rule() else {
            return Err(Error::new(ErrorKind::Internal, "a limit per request has no meter"));
        };
        let start = current.span.map(|span| span.start.to_string()).unwrap_or_default();
        let key = format!("{}/{start}/{value}", self.name);
        let meter = Meter::new(key, rule, self.keep(current.span)).map_err(|error| {
            Error::new(ErrorKind::InvalidRequest, format!("limit {:?}: {}", self.name, error.message()))
        })?;
        let counter =
            Arc::new(Counter { meter: Arc::new(meter), value: value.into(), seen: AtomicU64::new(0) });
        if !applies_to_each {
            current.only = Some(Arc::clone(&counter));
            return Ok((counter, current.span));
        }
        if current.counters.len() >= MOST_COUNTERS {
            current.counters.clear();
        }
        current.counters.insert(value.into(), Arc::clone(&counter));
        Ok((counter, current.span))
    }

    /// How long the store is to remember a meter that is not used: as long as it can still matter, and a day for calls
    /// that run on.
    fn keep(&self, span: Option<Span>) -> Option<Duration> {
        let matters = match self.limit.window.0 {
            _ if self.limit.measure == Measure::Parallel => Duration::ZERO,
            Kind::Calendar(..) => span.map(Span::length).unwrap_or_default(),
            Kind::Lifetime | Kind::Request => return None,
            Kind::Rolling(window) => window.saturating_mul(2),
            // As long as a bucket that owes the most it can takes to be full.
            Kind::Refill(period) => {
                let amount = u64::try_from(self.amount).unwrap_or(u64::MAX).max(1);
                let fills = self.limit.burst.unwrap_or(amount).div_ceil(amount).saturating_mul(11);
                period.saturating_mul(u32::try_from(fills).unwrap_or(u32::MAX))
            }
        };
        Some(matters.saturating_add(DAY))
    }

    fn claimed(&self, demand: &Demand, rule: Rule) -> Result<u128> {
        let amount = demand.of(self.limit.measure);
        match (rule, amount) {
            // More than a full bucket could never pass; what was really used is booked in full afterwards.
            (Rule::Bucket { burst, .. }, Some(amount)) => Ok(amount.min(burst.into())),
            (Rule::Bucket { burst, .. }, None) => Ok(burst.into()),
            (_, Some(amount)) => Ok(amount),
            (_, None) if self.limit.strictness == Strictness::Soft => Ok(0),
            (_, None) => {
                self.known(demand)?;
                Err(self.unbounded())
            }
        }
    }

    fn known(&self, demand: &Demand) -> Result<()> {
        use super::subject::CostBound;
        match demand.cost {
            CostBound::Known(_) => Ok(()),
            CostBound::Unbounded => Err(self.unbounded()),
            CostBound::UnknownPrice => Err(self.error(
                "the price of the target is unknown; set it with ClientBuilder::price, or say what to assume with \
                 Limits::unknown_price"
                    .to_owned(),
            )),
        }
    }

    fn unbounded(&self) -> Error {
        self.error("nothing bounds how long the answer may be; set max_output_tokens".to_owned())
    }

    /// Where this limit sends calls that are not on that route already.
    pub(super) fn elsewhere(&self, lines: &Lines) -> Option<(u8, &str)> {
        let (percent, route) = self.limit.diversion.as_ref()?;
        (lines.route.as_deref() != Some(route)).then_some((*percent, route.as_str()))
    }

    /// The limit refuses, because of `reason`.
    pub(super) fn error(&self, reason: String) -> Error {
        let kind = match self.limit.measure {
            Measure::Cost => ErrorKind::BudgetExceeded,
            _ => ErrorKind::LimitExceeded,
        };
        Error::new(kind, format!("limit {:?}: {reason}", self.name)).not_sent()
    }

    /// The meter is too full for `amount`.
    pub(super) fn reached(&self, level: Level, amount: u128) -> Error {
        self.error(format!(
            "{} used and {} held of {}, {} more asked for",
            self.shown(level.used),
            self.shown(level.held),
            self.shown(self.amount),
            self.shown(amount)
        ))
    }

    fn shown(&self, amount: u128) -> String {
        match self.limit.measure {
            Measure::Cost => Usd::from_pico(i128::try_from(amount).unwrap_or(i128::MAX)).to_string(),
            _ => amount.to_string(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Values of one limit whose meters are kept at hand; further ones are made anew.
const MOST_COUNTERS: usize = 10_000;

/// More than nine million dollars in picodollars.
const SEEN_BITS: u32 = 63;

const DAY: Duration = Duration::from_secs(86_400);
