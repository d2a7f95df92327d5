//! One line of the ledger.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::{CallId, Completeness, PriceSource, Target, Usage, Usd};

/// What one attempt or one call was and what it cost. Holds no prompt, no answer and no key.
///
/// Sums go over attempts; the entry of a call repeats what its attempts came to.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Names this entry and no other; writing it twice changes nothing.
    pub id: EntryId,
    /// An attempt or a call.
    pub kind: EntryKind,
    /// The call, the same on all its entries.
    pub call: CallId,
    /// When it ended, to the millisecond.
    #[serde(rename = "at_ms", serialize_with = "to_millis", deserialize_with = "from_millis")]
    pub at: SystemTime,
    /// `chat`, `embeddings`, `rerank`, `batch`.
    pub operation: Cow<'static, str>,
    /// Who pays, by dimension: the scopes of [`CallOptions`](crate::types::CallOptions).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<String, String>,
    /// The tags of [`CallOptions`](crate::types::CallOptions).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The route's name; `None` when the request named a target itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Where it went; of a call, where the last attempt went. `None` for a call that ended before any attempt.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "target_text")]
    pub target: Option<Target>,
    /// The model's [family](crate::catalog::family); empty without a target.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// Why the attempt was made: `first`, `retry`, `failover` and the like; empty for a call. A `shadow` is made beside an
    /// answered call, and is not in that call's sum.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Cow<'static, str>,
    /// `answered`, `cancelled` or the name of an [`ErrorKind`](crate::ErrorKind).
    pub outcome: Cow<'static, str>,
    /// What the provider reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Box<Usage>>,
    /// What it cost, exact; `None` when unknown. Of a call, the sum over the attempts whose cost is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// How well the cost is known; of a call, as well as its worst known attempt.
    pub completeness: Completeness,
    /// Where the price is from; `None` without a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_source: Option<PriceSource>,
    /// The [version](crate::catalog::Catalogue::version) of the prices that were in force.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub price_version: Cow<'static, str>,
    /// From its start to its end.
    #[serde(rename = "elapsed_us", serialize_with = "to_micros", deserialize_with = "from_micros")]
    pub elapsed: Duration,
    /// From the start of the attempt to the first piece of content of a stream.
    #[serde(default, rename = "first_token_us", skip_serializing_if = "Option::is_none", with = "micros")]
    pub first_token: Option<Duration>,
    /// How many attempts a call had; 0 for an attempt.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// What is suspicious about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
}

/// Names one entry: the run of the program that made it, and a number within the run.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// Drawn anew for every client, whatever its seed.
    pub run: u64,
    /// Counts from 1.
    pub number: u64,
}

impl EntryId {
    /// The entry `number` of `run`.
    pub const fn new(run: u64, number: u64) -> Self {
        Self { run, number }
    }
}

/// What an entry is about.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// One attempt at one target: what money is spent on.
    Attempt,
    /// A whole call.
    Call,
}

impl EntryKind {
    /// Its name in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Call => "call",
        }
    }
}

/// Why an entry deserves a second look. Its cost is what the usage says all the same.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A part of the usage is larger than the whole it is part of.
    ContradictoryUsage,
    /// Far more tokens than the model can hold.
    ImpossibleUsage,
    /// The provider reported a negative amount; it counts as unknown.
    NegativeCost,
    /// It answered without saying what it used, or with a count that is no number.
    UnknownUsage,
}

impl Flag {
    /// Its name in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContradictoryUsage => "contradictory_usage",
            Self::ImpossibleUsage => "impossible_usage",
            Self::NegativeCost => "negative_cost",
            Self::UnknownUsage => "unknown_usage",
        }
    }
}

impl Entry {
    /// An entry about `call` that ended `at`, with nothing else known.
    pub fn new(id: EntryId, kind: EntryKind, call: CallId, at: SystemTime) -> Self {
        Self {
            id,
            kind,
            call,
            at: whole_millis(at),
            operation: Cow::Borrowed("chat"),
            scopes: BTreeMap::new(),
            tags: Vec::new(),
            route: None,
            target: None,
            family: String::new(),
            reason: Cow::Borrowed(""),
            outcome: Cow::Borrowed("answered"),
            usage: None,
            cost: None,
            completeness: Completeness::Unknown,
            price_source: None,
            price_version: Cow::Borrowed(""),
            elapsed: Duration::ZERO,
            first_token: None,
            attempts: 0,
            flags: Vec::new(),
        }
    }

    /// Sets when it ended, to the millisecond.
    pub fn set_time(&mut self, at: SystemTime) {
        self.at = whole_millis(at);
    }

    /// The provider's name; empty without a target.
    pub fn provider(&self) -> &str {
        self.target.as_ref().map_or("", Target::provider)
    }

    /// Milliseconds since 1970.
    pub fn at_millis(&self) -> u64 {
        millis(self.at)
    }
}

/// Names of scopes only: their values may be names of people.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("call", &self.call)
            .field("target", &self.target)
            .field("scopes", &self.scopes.keys())
            .field("outcome", &self.outcome)
            .field("cost", &self.cost)
            .field("completeness", &self.completeness)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// Milliseconds since 1970; 0 for anything earlier.
pub(super) fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The moment this many milliseconds after 1970, or the last one there is.
pub(super) fn moment(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}

fn whole_millis(at: SystemTime) -> SystemTime {
    moment(millis(at))
}

fn to_millis<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(millis(*at))
}

fn from_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
    u64::deserialize(deserializer).map(moment)
}

fn to_micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn from_micros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_micros)
}

mod micros {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::to_micros(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_micros))
    }
}

mod target_text {
    use super::{Deserialize, Deserializer, Serializer, Target};

    pub(super) fn serialize<S: Serializer>(
        target: &Option<Target>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match target {
            Some(target) => serializer.serialize_str(target.as_str()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Target>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|_| serde::de::Error::custom("not a target"))).transpose()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
