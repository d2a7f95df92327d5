//! What goes into the ledger about a call.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use super::candidates::PlannedTarget;
use crate::account::{Answered, Books, Entry, EntryId, EntryKind, suspicions};
use crate::catalog::{Model, family};
use crate::types::{
    Attempt, CallId, CallOptions, Completeness, Cost, Outcome, PriceSource, Reply, Target, Usd,
};

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
    pub(super) at: SystemTime,
}

impl Booking {
    pub(super) fn new(
        books: &Books,
        call: CallId,
        operation: &'static str,
        route: Option<&str>,
        price_version: &str,
    ) -> Self {
        let mut template = Entry::new(EntryId::default(), EntryKind::Attempt, call, SystemTime::UNIX_EPOCH);
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
        at: SystemTime,
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

    fn entry(&self, kind: EntryKind, at: SystemTime) -> Entry {
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

/// An answer of a vendor's batch.
pub(super) struct BatchAnswered<'a> {
    pub(super) call: CallId,
    pub(super) index: usize,
    pub(super) target: &'a Target,
    pub(super) model: Option<&'a Model>,
    pub(super) reply: &'a Reply,
    pub(super) cost: Option<&'a Cost>,
    pub(super) options: &'a CallOptions,
    pub(super) price_version: &'a str,
    pub(super) at: SystemTime,
}

/// Records an answer of a vendor's batch: its call and the one attempt. Their ids follow from the call's name, so that
/// results that are fetched again are not counted again.
pub(super) fn batch_answer(books: &Books, answered: &BatchAnswered<'_>) {
    let BatchAnswered { call, target, reply, cost, .. } = answered;
    let run = u64::try_from(call.number() >> 64).unwrap_or(0);
    let number = u64::try_from(answered.index).unwrap_or(u64::MAX).saturating_mul(2);
    let completeness = if cost.is_some() { Completeness::Exact } else { Completeness::Unknown };
    let mut entry = Entry::new(EntryId::new(run, number), EntryKind::Attempt, *call, answered.at);
    entry.operation = Cow::Borrowed("batch");
    entry.scopes.clone_from(&answered.options.scopes);
    entry.tags.clone_from(&answered.options.tags);
    entry.family = family(target.model());
    entry.target = Some((*target).clone());
    entry.cost = cost.map(|cost| cost.total);
    entry.completeness = completeness;
    entry.price_version = Cow::Owned(answered.price_version.to_owned());
    let mut whole = entry.clone();
    whole.id = EntryId::new(run, number.saturating_add(1));
    whole.kind = EntryKind::Call;
    whole.attempts = 1;
    entry.reason = Cow::Borrowed("first");
    entry.flags = suspicions(reply.usage.as_ref(), answered.model, Answered::Yes);
    entry.usage = reply.usage.clone().map(Box::new);
    entry.price_source = source(*cost);
    books.record(entry);
    books.record(whole);
}
