//! The part of a batch that vendors answer in their own time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::journal::Earlier;
use super::run::{Place, Work};
use super::{BatchItem, BatchOutcome, job};
use crate::client::candidates;
use crate::client::spend::{self, Asked, BATCH};
use crate::error::{Error, ErrorKind};
use crate::quota::{CostBound, UnknownPrice};
use crate::routing::Reading;
use crate::types::{BatchJob, BatchPhase, ChatRequest, Part, Target, Usage, Usd};

/// A batch that a vendor has.
pub(super) struct Parked {
    number: u64,
    job: BatchJob,
    slots: Vec<Slot>,
    reserved: Usd,
}

/// One request of it.
struct Slot {
    print: String,
    whose: Whose,
}

/// Who wants the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The item in this place.
    Item(usize),
    /// The request is no longer asked, but was paid for.
    Nobody,
    /// It is in the journal.
    Written,
}

impl Slot {
    fn item(&self) -> Option<usize> {
        match self.whose {
            Whose::Item(item) => Some(item),
            Whose::Nobody | Whose::Written => None,
        }
    }
}

/// Requests that a vendor may be given together.
struct Group {
    target: Target,
    /// Where they stand in the batch, and the most each can cost.
    items: Vec<(usize, Usd)>,
}

/// What came of handing requests over.
enum Answer {
    Taken,
    /// The application's own limits have no room for so many.
    Limited,
    NotTaken,
}

impl Work<'_> {
    /// Takes up what earlier runs have handed over.
    pub(super) fn take_up(&mut self, earlier: &mut Earlier) {
        let mut unanswered: HashMap<String, VecDeque<usize>> = HashMap::new();
        if !earlier.handed.is_empty() {
            for (place, item) in self.items.iter().enumerate() {
                if !matches!(item.outcome, BatchOutcome::Answered(_)) {
                    unanswered.entry(item.print.clone()).or_default().push_back(place);
                }
            }
        }
        for handed in std::mem::take(&mut earlier.handed) {
            let written =
                |index| handed.job.as_ref().is_some_and(|job| earlier.knows(job::name_of(job, index)));
            let mut slots = Vec::with_capacity(handed.prints.len());
            for (index, print) in handed.prints.iter().enumerate() {
                let whose = if written(index) {
                    Whose::Written
                } else {
                    let item = unanswered.get_mut(print).and_then(VecDeque::pop_front);
                    item.map_or(Whose::Nobody, Whose::Item)
                };
                slots.push(Slot { print: print.clone(), whose });
            }
            let items: Vec<usize> = slots.iter().filter_map(Slot::item).collect();
            self.move_to(&items, Place::Vendor);
            // What is in doubt stays reserved: it may have to be paid.
            let reserved = self.most_of(&handed.target, &items);
            self.reserved = self.reserved.saturating_add(reserved);
            match handed.job {
                Some(job) => {
                    self.state.at_vendors += items.len();
                    self.parked.push(Parked { number: handed.number, job, slots, reserved });
                }
                None => {
                    for item in items {
                        let error = Error::new(
                            ErrorKind::Storage,
                            format!(
                                "the process ended while the request was handed over to {}; look there whether it has \
                                 the batch, then remove line {} of the journal to ask again",
                                handed.target, handed.line
                            ),
                        );
                        self.set(item, BatchOutcome::Failed(error));
                    }
                }
            }
        }
    }

    /// The most that `items` can cost in a batch at `target`, as far as that is known.
    fn most_of(&self, target: &str, items: &[usize]) -> Usd {
        let inner = &self.batch.inner;
        let model = target.parse().ok().and_then(|target: Target| candidates::describe(inner, &target));
        let requests = items.iter().filter_map(|item| self.batch.requests.get(*item));
        let costs = requests.map(|request| {
            let asked = Asked::in_batch(request);
            spend::demand(model.as_deref(), &asked, UnknownPrice::Refuse, inner.clock.wall()).cost
        });
        costs.fold(Usd::ZERO, |sum, cost| match cost {
            CostBound::Known(cost) => sum.saturating_add(cost),
            CostBound::Unbounded | CostBound::UnknownPrice => sum,
        })
    }

    /// Hands over what vendors answer at a lower price.
    pub(super) async fn hand_over(&mut self) {
        if self.batch.patience.is_zero() {
            return;
        }
        for group in self.groups() {
            if self.stopped.is_some() {
                return;
            }
            self.hand_over_group(group).await;
            self.report();
        }
    }

    /// Hands over as many of a group as the budget and the limits have room for.
    async fn hand_over_group(&mut self, Group { target, items }: Group) {
        let (mut rest, mut share) = (&*items, items.len());
        while self.stopped.is_none() {
            let size = share.min(self.affordable(rest));
            let Some((part, others)) = rest.split_at_checked(size).filter(|(part, _)| !part.is_empty())
            else {
                return;
            };
            match self.hand_over_part(&target, part).await {
                Answer::Taken => rest = others,
                Answer::Limited if size > 1 => share = size / 2,
                Answer::Limited | Answer::NotTaken => return,
            }
        }
    }

    /// How many of `items`, from the first, the batch's own budget has room for.
    fn affordable(&self, items: &[(usize, Usd)]) -> usize {
        let Some(budget) = self.batch.budget else { return items.len() };
        let mut known = self.spent.saturating_add(self.reserved);
        let fits = |(_, most): &&(usize, Usd)| {
            known = known.saturating_add(*most);
            known <= budget
        };
        items.iter().take_while(fits).count()
    }

    async fn hand_over_part(&mut self, target: &Target, part: &[(usize, Usd)]) -> Answer {
        let inner = &self.batch.inner;
        let (items, each): (Vec<usize>, Vec<Usd>) = part.iter().copied().unzip();
        let most = each.into_iter().fold(Usd::ZERO, Usd::saturating_add);
        let requests: Vec<ChatRequest> = items
            .iter()
            .filter_map(|item| self.batch.requests.get(*item))
            .map(|request| ChatRequest { model: target.to_string(), ..request.clone() })
            .collect();
        let print = |item: &usize| self.items.get(*item).map(|item| item.print.clone()).unwrap_or_default();
        let prints: Vec<String> = items.iter().map(print).collect();
        let number = self.batches;
        self.batches += 1;
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.handing_over(number, target.to_string(), prints.clone())
        {
            self.note(Err(error));
            return Answer::NotTaken;
        }
        // Dropped from here on, it may be with the vendor.
        match job::hand_over(inner, target, &requests).await {
            Ok(job) => {
                let written = self.journal.as_mut().map(|journal| journal.handed_over(number, &job));
                self.note(written.unwrap_or(Ok(())));
                self.reserved = self.reserved.saturating_add(most);
                self.state.at_vendors += items.len();
                let slots = prints
                    .into_iter()
                    .zip(&items)
                    .map(|(print, item)| Slot { print, whose: Whose::Item(*item) });
                self.parked.push(Parked { number, job, slots: slots.collect(), reserved: most });
                self.move_to(&items, Place::Vendor);
                Answer::Taken
            }
            Err(error) if error.may_be_billed() => {
                self.reserved = self.reserved.saturating_add(most);
                self.unknown = self.unknown.saturating_add(u64::try_from(items.len()).unwrap_or(u64::MAX));
                for item in &items {
                    let again = Error::new(error.kind(), IN_DOUBT).with_target(target.clone());
                    self.set(*item, BatchOutcome::Failed(again.with_source(error.to_string())));
                }
                self.move_to(&items, Place::Vendor);
                Answer::NotTaken
            }
            Err(error) => {
                tracing::debug!(%target, kind = %error.kind(), "a batch was not taken; its requests are asked directly");
                let written = self.journal.as_mut().map(|journal| journal.let_go(number));
                self.note(written.unwrap_or(Ok(())));
                let limited = matches!(error.kind(), ErrorKind::BudgetExceeded | ErrorKind::LimitExceeded);
                if limited { Answer::Limited } else { Answer::NotTaken }
            }
        }
    }

    /// Waits for what vendors have: until it is answered, or patience is over.
    pub(super) async fn collect(&mut self) {
        let (clock, inner) = (&self.batch.inner.clock, &self.batch.inner);
        let mut until = self.batch.patience;
        let mut cancelled = false;
        while !self.parked.is_empty() {
            for parked in std::mem::take(&mut self.parked) {
                // A client that is shut down asks nobody; the next run finds everything in the journal.
                if let Err(error) = inner.flights.enter() {
                    self.give_up(&parked, &error);
                    continue;
                }
                if let Some(parked) = self.look_at(parked).await {
                    self.parked.push(parked);
                }
                self.report();
            }
            if self.elapsed() >= until {
                if std::mem::replace(&mut cancelled, true) {
                    break;
                }
                for parked in &self.parked {
                    // One that has just ended cannot be cancelled, and is fetched.
                    drop(job::cancel(inner, &parked.job).await);
                }
                until = self.elapsed().saturating_add(TO_END);
                continue;
            }
            if !self.parked.is_empty() {
                clock.sleep(EVERY.min(until.saturating_sub(self.elapsed()))).await;
            }
        }
        let late = Error::new(
            ErrorKind::Timeout,
            "the vendor neither answered nor cancelled the batch; run the batch with its journal again later",
        );
        for parked in std::mem::take(&mut self.parked) {
            self.give_up(&parked, &late);
        }
    }

    /// Fetches what has ended. Gives back what has not.
    async fn look_at(&mut self, parked: Parked) -> Option<Parked> {
        let inner = &self.batch.inner;
        let phase = match job::state(inner, &parked.job).await {
            Ok(state) => state.phase,
            Err(error) if !error.is_retryable() => {
                // Nobody can be asked, or the vendor will say the same the next time.
                self.give_up(&parked, &error);
                return None;
            }
            // It may be there the next time.
            Err(_) => return Some(parked),
        };
        let items = match phase {
            BatchPhase::Running => return Some(parked),
            BatchPhase::Refused => Vec::new(),
            BatchPhase::Ended => match job::results(inner, &parked.job).await {
                Ok(items) => items,
                Err(error) if !error.is_retryable() => {
                    self.give_up(&parked, &error);
                    return None;
                }
                Err(_) => return Some(parked),
            },
        };
        self.reserved = self.reserved.saturating_sub(parked.reserved);
        let places: Vec<usize> = parked.slots.iter().filter_map(Slot::item).collect();
        self.state.at_vendors = self.state.at_vendors.saturating_sub(places.len());
        self.move_to(&places, Place::Here);
        for (BatchItem { outcome, .. }, slot) in items.into_iter().zip(&parked.slots) {
            self.take_over(outcome, slot);
        }
        let written = self.journal.as_mut().map(|journal| journal.let_go(parked.number));
        self.note(written.unwrap_or(Ok(())));
        None
    }

    fn take_over(&mut self, outcome: BatchOutcome, slot: &Slot) {
        if slot.whose == Whose::Written {
            return;
        }
        match &outcome {
            BatchOutcome::Answered(answer) => {
                self.unknown += u64::from(answer.cost.is_none());
                self.spent = self.spent.saturating_add(answer.cost.unwrap_or_default());
            }
            // It expired or was cancelled: it was not answered and costs nothing.
            BatchOutcome::Failed(error) if error.is_retryable() => return,
            BatchOutcome::Failed(_) | BatchOutcome::NotRun => {}
        }
        self.write_down(&slot.print, &outcome, Usd::ZERO);
        if let Some(item) = slot.item() {
            self.set(item, outcome);
        }
    }

    /// What is not known yet fails; asked directly it would be paid twice.
    fn give_up(&mut self, parked: &Parked, error: &Error) {
        for item in parked.slots.iter().filter_map(Slot::item) {
            self.state.at_vendors = self.state.at_vendors.saturating_sub(1);
            let again = Error::new(error.kind(), error.message().to_owned());
            self.set(item, BatchOutcome::Failed(again));
        }
    }

    fn move_to(&mut self, items: &[usize], place: Place) {
        for item in items {
            if let Some(item) = self.items.get_mut(*item) {
                item.place = place;
            }
        }
    }

    /// What vendors may be given, by target and by who pays.
    fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<_, Vec<Group>> = BTreeMap::new();
        let mut sizes: BTreeMap<_, usize> = BTreeMap::new();
        for index in self.due(0) {
            let Some(request) = self.batch.requests.get(index) else { continue };
            let Some((target, most)) = self.cheaper(request) else { continue };
            let key = (target.to_string(), job::payer(request));
            let parts = request.messages.iter().flat_map(|message| &message.parts);
            let bytes: usize = parts.map(Part::size_hint).sum();
            let size = sizes.entry(key.clone()).or_default();
            let own = groups.entry(key).or_default();
            *size = size.saturating_add(bytes);
            let full = own.last().is_none_or(|group| group.items.len() >= MOST || *size > MOST_BYTES);
            if full {
                *size = bytes;
                own.push(Group { target, items: Vec::new() });
            }
            if let Some(group) = own.last_mut() {
                group.items.push((index, most));
            }
        }
        groups.into_values().flatten().collect()
    }

    /// Where `request` is answered at a lower price by a vendor that has time, and the most that costs.
    fn cheaper(&self, request: &ChatRequest) -> Option<(Target, Usd)> {
        let inner = &self.batch.inner;
        request.validate().ok()?;
        if request.service_tier.is_some() {
            return None;
        }
        let facts = candidates::chat_facts(inner, request);
        let planned = candidates::plan(inner, &request.model, &facts).ok()?;
        let first = planned.targets.first().filter(|first| first.reading == Reading::Unread)?;
        let (model, at) = (first.model.as_deref()?, inner.clock.wall());
        let usage = Usage::of(SAMPLE, SAMPLE);
        let usual = candidates::price(model, &usage, at, first.service_tier)?;
        let batch = candidates::price(model, &usage, at, Some(BATCH))?;
        let most = spend::demand(Some(model), &Asked::in_batch(request), UnknownPrice::Refuse, at).cost;
        match most {
            _ if batch.total >= usual.total => None,
            CostBound::Known(most) => Some((first.target.clone(), most)),
            CostBound::Unbounded | CostBound::UnknownPrice => {
                self.batch.budget.is_none().then(|| (first.target.clone(), Usd::ZERO))
            }
        }
    }
}

const IN_DOUBT: &str = "the vendor's answer to the batch was lost, and it may have taken it; look there, then remove the last \
                        line that hands it over from the journal to ask again";

/// As many tokens are priced to compare prices.
const SAMPLE: u64 = 1_000;

/// In one batch; vendors take more, but not of any size.
const MOST: usize = 10_000;

/// Of texts and media in one batch. Vendors take 200 MB and more of JSON.
const MOST_BYTES: usize = 50_000_000;

/// How often a vendor is asked how far it is.
const EVERY: Duration = Duration::from_secs(60);

/// How long a batch that was cancelled may take to end. OpenAI says up to ten minutes
/// (<https://developers.openai.com/api/reference/resources/batches/methods/cancel>, read 2026-11-26).
const TO_END: Duration = Duration::from_secs(15 * 60);
