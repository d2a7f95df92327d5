//! What goes into the ledger about a call.

use std::borrow::Cow;
use std::time::Duration;

use super::candidates::PlannedTarget;
use crate::account::{Answered, Books, Entry, EntryKind, suspicions};
use crate::catalog::family;
use crate::types::{Attempt, CallId, CallOptions, Completeness, Cost, Outcome, PriceSource, Usd};

/// What the entries of one call have in common. Only there when the client has a ledger.
pub(super) struct Booking {
    books: Books,
    template: Entry,
}

/// One call that is over.
pub(super) struct Ended<'a> {
    pub(super) attempts: &'a [Attempt],
    pub(super) outcome: Outcome,
    pub(super) elapsed: Duration,
    pub(super) at: std::time::SystemTime,
}

impl Booking {
    pub(super) fn new(
        books: &Books,
        call: CallId,
        operation: &'static str,
        route: Option<&str>,
        price_version: &str,
    ) -> Self {
        let mut template =
            Entry::new(Default::default(), EntryKind::Attempt, call, std::time::SystemTime::UNIX_EPOCH);
        template.operation = Cow::Borrowed(operation);
        template.route = route.map(str::to_owned);
        template.price_version = Cow::Owned(price_version.to_owned());
        Self { books: books.clone(), template }
    }

    /// Who pays.
    pub(super) fn charge(&mut self, options: &CallOptions) {
        self.template.scopes.clone_from(&options.scopes);
        self.template.tags.clone_from(&options.tags);
    }

    /// An attempt is over.
    pub(super) fn attempt(
        &self,
        attempt: &Attempt,
        target: Option<&PlannedTarget>,
        source: Option<PriceSource>,
        at: std::time::SystemTime,
    ) {
        let answered = if attempt.outcome == Outcome::Answered { Answered::Yes } else { Answered::No };
        let model = target.and_then(|target| target.model.as_deref());
        let mut entry = self.entry(EntryKind::Attempt, at);
        entry.family = family(attempt.target.model());
        entry.target = Some(attempt.target.clone());
        entry.reason = Cow::Borrowed(attempt.reason.as_str());
        entry.outcome = Cow::Borrowed(attempt.outcome.as_str());
        entry.flags = suspicions(attempt.usage.as_ref(), model, answered);
        entry.usage = attempt.usage.clone().map(Box::new);
        // No price of ours is negative, but an observer of sums must be able to rely on it.
        entry.cost = attempt.cost.filter(|cost| *cost >= Usd::ZERO);
        entry.completeness = attempt.completeness;
        entry.price_source = source;
        entry.elapsed = attempt.elapsed;
        entry.first_token = attempt.time_to_first_token;
        self.books.record(entry);
    }

    /// The call is over.
    pub(super) fn call(&self, ended: &Ended<'_>) {
        let mut entry = self.entry(EntryKind::Call, ended.at);
        if let Some(last) = ended.attempts.last() {
            entry.family = family(last.target.model());
            entry.target = Some(last.target.clone());
        }
        entry.outcome = Cow::Borrowed(ended.outcome.as_str());
        let known = || ended.attempts.iter().filter_map(|attempt| attempt.cost);
        entry.cost = known().next().map(|_| known().sum());
        entry.completeness =
            ended.attempts.iter().map(|attempt| attempt.completeness).max().unwrap_or(Completeness::Exact);
        entry.elapsed = ended.elapsed;
        entry.attempts = u32::try_from(ended.attempts.len()).unwrap_or(u32::MAX);
        self.books.record(entry);
    }

    fn entry(&self, kind: EntryKind, at: std::time::SystemTime) -> Entry {
        let mut entry = self.template.clone();
        entry.set_time(at);
        entry.kind = kind;
        entry.id = self.books.next_id();
        entry
    }
}

/// Where the price of a cost is from.
pub(super) fn source(cost: Option<&Cost>) -> Option<PriceSource> {
    cost.map(|cost| cost.source.clone())
}
