//! What a vendor's batch holds of the application's limits, from the hour it is handed over to that of its results.

use std::sync::Arc;
use std::time::Duration;

use super::BatchItem;
use crate::account::{Answered, Flag, suspicions};
use crate::client::spend::{self, Asked, BATCH};
use crate::client::{Inner, candidates};
use crate::error::{Error, Result};
use crate::quota::{
    AtTarget, CostBound, Demand, Held, InDoubt, Patience, Refused, Subject, UnknownPrice, Used,
};
use crate::telemetry::Event;
use crate::types::{BatchJob, CallOptions, ChatRequest, Priority, Target, Usd};

/// A reservation for a batch on its way to a vendor. Dropped on the way it stays held, because the vendor may have taken the
/// batch, until it lapses.
pub(super) struct Holding {
    held: Option<Held>,
    /// The most the batch can use.
    most: Used,
}

/// Holds the most that `requests` can use at `target`, wherever limits apply.
///
/// # Errors
/// What a limit says, or the store.
pub(super) async fn reserve(
    inner: &Arc<Inner>,
    target: &Target,
    requests: &[ChatRequest],
) -> Result<Holding> {
    let none = Holding { held: None, most: Used::default() };
    let (Some(gate), Some(first)) = (&inner.gate, requests.first()) else { return Ok(none) };
    let subject = Subject::new(first.options.as_deref(), None);
    gate.check_scopes(subject)?;
    let (model, at) = (candidates::describe(inner, target), inner.clock.wall());
    let mut all: Option<Demand> = None;
    for request in requests {
        let own = spend::demand(model.as_deref(), &Asked::in_batch(request), gate.unknown_price(), at);
        gate.check_request(subject, target, &own)?;
        all = Some(all.map_or(own, |sum| sum.and(own)));
    }
    let Some(all) = all.map(Demand::deferred) else { return Ok(none) };
    let lines = gate.lines(subject, &all)?.and(gate.lines_at(subject, target, &all)?);
    if lines.is_empty() {
        return Ok(none);
    }
    // Nobody holds a batch up that may be answered tomorrow.
    let patience = Patience::new(Duration::ZERO, Priority::default());
    let held = gate.take(LEASE, lines, patience, AtTarget::Wait).await.map_err(Refused::into_error)?;
    let most = Used {
        cost: match all.cost {
            CostBound::Known(cost) => cost,
            CostBound::Unbounded | CostBound::UnknownPrice => Usd::ZERO,
        },
        input_tokens: all.input_tokens,
        output_tokens: all.output_tokens.unwrap_or(0),
        requests: u64::try_from(requests.len()).unwrap_or(u64::MAX),
    };
    Ok(Holding { held: Some(held), most })
}

impl Holding {
    /// The vendor has taken the batch: `job` says what is held for it.
    pub(super) fn keep(mut self, job: &mut BatchJob) {
        job.reservation = self.held.take().map(|held| format!("{:032x}", held.leave()));
    }

    /// The vendor did not say that it took the batch. What may cost something nevertheless is booked as the limits say.
    pub(super) async fn end(mut self, inner: &Inner, error: &Error) {
        let (Some(held), Some(gate)) = (self.held.take(), &inner.gate) else { return };
        match (error.may_be_billed(), gate.in_doubt()) {
            (false, _) | (true, InDoubt::Nothing) => held.settle(&Used::default()).await,
            (true, InDoubt::Everything) => held.settle(&self.most).await,
            (true, InDoubt::Prompt) => {
                held.leave();
            }
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.leave();
        }
    }
}

/// Books what `items` came to, and gives the rest back. Counts once, however often and by however many processes the
/// results are fetched.
pub(super) async fn settle(inner: &Arc<Inner>, job: &BatchJob, target: &Target, items: &[BatchItem]) {
    let name = job.reservation.as_deref().and_then(|name| u128::from_str_radix(name, 16).ok());
    let (Some(gate), Some(name)) = (&inner.gate, name) else { return };
    let (model, at) = (candidates::describe(inner, target), inner.clock.wall());
    let mut used = Used::default();
    for answer in items.iter().filter_map(BatchItem::answer) {
        let usage = answer.reply.usage.as_ref();
        let input = usage.and_then(|usage| usage.input_tokens).unwrap_or(0);
        let output = usage.and_then(|usage| usage.output_tokens).unwrap_or(0);
        let impossible = suspicions(usage, model.as_deref(), Answered::No).contains(&Flag::ImpossibleUsage);
        let (input, output, cost) = if impossible {
            for observer in &inner.observers {
                observer.observe(&Event::ImpossibleUsage { target });
            }
            // What cannot be is taken for the most that can.
            let (input, output) = spend::possible(model.as_deref(), input, output);
            (input, output, spend::dearest(model.as_deref(), input, output, at, Some(BATCH)))
        } else {
            (input, output, answer.cost)
        };
        let cost = cost.unwrap_or_else(|| match gate.unknown_price() {
            UnknownPrice::Assume { input: per_input, output: per_output } => {
                spend::assumed(input, output, per_input, per_output)
            }
            UnknownPrice::Refuse => Usd::ZERO,
        });
        used = used.and(&Used { cost, input_tokens: input, output_tokens: output, requests: 1 });
    }
    let options =
        CallOptions { scopes: job.scopes.clone(), tags: job.tags.clone(), ..CallOptions::default() };
    let subject = Subject::new(Some(&options), None);
    let nothing = Demand::new(CostBound::Known(Usd::ZERO), 0, Some(0)).deferred();
    let lines = gate
        .lines(subject, &nothing)
        .and_then(|lines| Ok(lines.and(gate.lines_at(subject, target, &nothing)?)));
    // It fails where limits were changed since and no longer suit who pays.
    if let Ok(lines) = lines {
        gate.settle_left(name, lines, &used).await;
    }
}

/// Vendors have a day for a batch, and the application an hour or two to fetch what came of it.
const LEASE: Duration = Duration::from_secs(26 * 3_600);
