//! What to ask a ledger for, and sums.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{Entry, EntryKind};
use crate::types::{Completeness, Usd};

/// Which entries are wanted: those that meet every condition.
///
/// ```
/// use polyroute::account::Query;
/// use std::time::{Duration, UNIX_EPOCH};
/// let day = UNIX_EPOCH + Duration::from_secs(86_400);
/// let query = Query::all().scope("team", "search").vendor("openai").family("gpt-5").since(day);
/// # assert_eq!(query.providers, ["openai"]);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Attempts or calls only; both when `None`. Sums of money always go over attempts.
    pub kind: Option<EntryKind>,
    /// The first moment, included.
    pub since: Option<SystemTime>,
    /// The last moment, excluded.
    pub until: Option<SystemTime>,
    /// Scopes that must have these values.
    pub scopes: BTreeMap<String, String>,
    /// A tag that must be there.
    pub tag: Option<String>,
    /// The route's name.
    pub route: Option<String>,
    /// Names of providers, any of them; all when empty.
    pub providers: Vec<String>,
    /// [Families](crate::catalog::family) of models, any of them; all when empty.
    pub families: Vec<String>,
}

impl Query {
    /// Every entry.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only entries of this kind.
    #[must_use]
    pub fn kind(mut self, kind: EntryKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only entries at or after `moment`.
    #[must_use]
    pub fn since(mut self, moment: SystemTime) -> Self {
        self.since = Some(moment);
        self
    }

    /// Only entries before `moment`.
    #[must_use]
    pub fn until(mut self, moment: SystemTime) -> Self {
        self.until = Some(moment);
        self
    }

    /// Only entries whose scope `dimension` is `value`.
    #[must_use]
    pub fn scope(mut self, dimension: impl Into<String>, value: impl Into<String>) -> Self {
        self.scopes.insert(dimension.into(), value.into());
        self
    }

    /// Only entries with this tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Only entries of this route.
    #[must_use]
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Only entries of this provider, or of one named before.
    #[must_use]
    pub fn vendor(mut self, provider: impl Into<String>) -> Self {
        self.providers.push(provider.into());
        self
    }

    /// Only entries of models of this [family](crate::catalog::family), or of one named before.
    #[must_use]
    pub fn family(mut self, family: &str) -> Self {
        self.families.push(crate::catalog::family(family));
        self
    }

    /// Does `entry` meet every condition?
    pub fn matches(&self, entry: &Entry) -> bool {
        self.kind.is_none_or(|kind| kind == entry.kind)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.scopes.iter().all(|(dimension, value)| entry.scopes.get(dimension) == Some(value))
            && self.tag.as_ref().is_none_or(|tag| entry.tags.contains(tag))
            && self.route.as_ref().is_none_or(|route| entry.route.as_ref() == Some(route))
            && (self.providers.is_empty() || self.providers.iter().any(|own| own == entry.provider()))
            && (self.families.is_empty() || self.families.contains(&entry.family))
    }
}

/// What entries are grouped by.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The UTC day.
    Day,
    /// The model's family.
    Family,
    /// The outcome.
    Outcome,
    /// The version of the prices.
    PriceVersion,
    /// The route; empty without one.
    Route,
    /// The value of this scope; empty where it is not set.
    Scope(String),
    /// `provider/model`.
    Target,
    /// The provider.
    Vendor,
}

impl GroupBy {
    /// The group of `entry`.
    pub fn key(&self, entry: &Entry) -> String {
        match self {
            Self::Day => crate::catalog::Date::of(entry.at).to_string(),
            Self::Family => entry.family.clone(),
            Self::Outcome => entry.outcome.clone().into_owned(),
            Self::PriceVersion => entry.price_version.clone().into_owned(),
            Self::Route => entry.route.clone().unwrap_or_default(),
            Self::Scope(dimension) => entry.scopes.get(dimension).cloned().unwrap_or_default(),
            Self::Target => entry.target.as_ref().map(ToString::to_string).unwrap_or_default(),
            Self::Vendor => entry.provider().to_owned(),
        }
    }
}

/// Sums over entries. Every field only grows as entries are added.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Attempts.
    pub attempts: u64,
    /// What all attempts with a known cost came to.
    pub cost: Usd,
    /// The part of [`cost`](Self::cost) that is estimated.
    pub estimated: Usd,
    /// Attempts that may have cost something nobody knows.
    pub unknown: u64,
    /// Prompt tokens of the attempts that reported them.
    pub input_tokens: u64,
    /// Answer tokens of the attempts that reported them.
    pub output_tokens: u64,
    /// Attempts with a [`Flag`](super::Flag).
    pub flagged: u64,
    /// Entries the ledger no longer holds and could not compare with the query; they are in no other field.
    pub forgotten: u64,
}

impl Totals {
    /// Adds one entry.
    pub fn add(&mut self, entry: &Entry) {
        if entry.kind == EntryKind::Call {
            self.calls += 1;
            return;
        }
        self.attempts += 1;
        // An amount below zero is refused when the entry is made; whatever a file says, a sum never shrinks.
        if let Some(cost) = entry.cost.filter(|cost| *cost > Usd::ZERO) {
            self.cost = self.cost.saturating_add(cost);
            if entry.completeness != Completeness::Exact {
                self.estimated = self.estimated.saturating_add(cost);
            }
        }
        self.unknown += u64::from(entry.cost.is_none() && entry.completeness == Completeness::Unknown);
        self.flagged += u64::from(!entry.flags.is_empty());
        if let Some(usage) = &entry.usage {
            self.input_tokens = self.input_tokens.saturating_add(usage.input_tokens.unwrap_or(0));
            self.output_tokens = self.output_tokens.saturating_add(usage.output_tokens.unwrap_or(0));
        }
    }
}
