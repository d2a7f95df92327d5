//! Batches that a vendor answers when it has time, at its lower price.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use aws_lc_rs::digest;
use futures::future::{Either, select};

use super::{BatchAnswer, BatchItem, BatchOutcome, Origin, hold};
use crate::account;
use crate::client::registry::{Meaning, Registered};
use crate::client::spend::BATCH;
use crate::client::{Client, Inner, booking, candidates};
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::provider::{BatchCall, BatchResult};
use crate::types::{BatchJob, BatchPhase, BatchState, CallId, CallOptions, ChatRequest, Reply, Target, Usd};

impl Client {
    /// Hands requests over to their vendor as one batch, which it answers within a day or so at its batch price. OpenAI
    /// and Anthropic take batches. Keep the returned [`BatchJob`]: it is all that [`batch_state`](Self::batch_state) and
    /// [`batch_results`](Self::batch_results) need, in this process or another.
    ///
    /// All requests name the same `provider/model`, and agree on who pays. Nothing is retried: a batch whose answer was
    /// lost on the way may have been taken, and would be paid twice. [`Client::batch`] takes care of all of this.
    ///
    /// The most it can cost, at the batch price, is held of the budgets of
    /// [`ClientBuilder::limits`](super::super::ClientBuilder::limits) for 26 hours; once the results are fetched, what it
    /// really cost is booked instead. Totals of requests and tokens count it too; rates and calls at the same time do not.
    /// Where the window of a limit has ended meanwhile, it is booked in the one that runs.
    ///
    /// Dropping the future may leave a batch at the vendor, and what is held for it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there are no requests, they differ in model or payer, or are too many;
    /// [`ErrorKind::Unsupported`] when the vendor takes no batches; what a limit says; what the vendor says.
    pub async fn submit_batch(
        &self,
        requests: impl IntoIterator<Item = impl Into<ChatRequest>>,
    ) -> Result<BatchJob> {
        let requests: Vec<ChatRequest> = requests.into_iter().map(Into::into).collect();
        let invalid = |why: &'static str| Error::new(ErrorKind::InvalidRequest, why).not_sent();
        let first = requests.first().ok_or_else(|| invalid("a batch has at least one request"))?;
        for request in &requests {
            request.validate()?;
            if request.model != first.model {
                return Err(invalid("the requests of a batch name one model"));
            }
            if payer(request) != payer(first) {
                return Err(invalid("the requests of a batch have the same scopes and tags"));
            }
        }
        let (target, _) = vendor_of(&self.inner, &first.model)?;
        hand_over(&self.inner, &target, &requests).await
    }

    /// How far a batch is. Ask every minute or so.
    ///
    /// # Errors
    /// What the vendor says.
    pub async fn batch_state(&self, job: &BatchJob) -> Result<BatchState> {
        state(&self.inner, job).await
    }

    /// The outcomes of a batch that has ended, one for each request in the order they were handed over. Costs go by the
    /// vendor's batch price; unknown where the catalogue has none.
    ///
    /// The ledger has one entry for each answer, and limits count it once, however often and by however many processes the
    /// results are fetched.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] while it still runs, or when the vendor refused it as a whole; what the vendor says.
    pub async fn batch_results(&self, job: &BatchJob) -> Result<Vec<BatchItem>> {
        results(&self.inner, job).await
    }

    /// Asks the vendor to stop a batch. It then [ends](crate::types::BatchPhase::Ended), and what was answered until then
    /// can be had and costs.
    ///
    /// # Errors
    /// What the vendor says.
    pub async fn cancel_batch(&self, job: &BatchJob) -> Result<()> {
        cancel(&self.inner, job).await
    }
}

/// Who pays: scopes and tags.
pub(super) fn payer(request: &ChatRequest) -> (BTreeMap<String, String>, Vec<String>) {
    let options = request.options.as_deref();
    options.map(|options| (options.scopes.clone(), options.tags.clone())).unwrap_or_default()
}

/// Hands `requests`, which agree on who pays, over to the vendor of `target`.
pub(super) async fn hand_over(
    inner: &Arc<Inner>,
    target: &Target,
    requests: &[ChatRequest],
) -> Result<BatchJob> {
    let (target, registered) = vendor_of(inner, target.as_str())?;
    let mut call = BatchCall::new(target.model(), requests);
    call.hints = candidates::describe(inner, &target).map(|model| model.hints()).unwrap_or_default();
    let holding = hold::reserve(inner, &target, requests).await?;
    match in_time(inner, &target, registered.provider.submit_batch(call)).await {
        Ok(id) => {
            let mut job = BatchJob::new(target.to_string(), id, requests.len());
            (job.scopes, job.tags) = requests.first().map(payer).unwrap_or_default();
            holding.keep(&mut job);
            Ok(job)
        }
        Err(error) => {
            holding.end(inner, &error).await;
            Err(error)
        }
    }
}

pub(super) async fn state(inner: &Arc<Inner>, job: &BatchJob) -> Result<BatchState> {
    let (target, registered) = vendor_of(inner, &job.target)?;
    let state = in_time(inner, &target, registered.provider.batch_state(&job.id)).await?;
    if state.phase == BatchPhase::Refused {
        hold::settle(inner, job, &target, &[]).await;
    }
    Ok(state)
}

pub(super) async fn results(inner: &Arc<Inner>, job: &BatchJob) -> Result<Vec<BatchItem>> {
    let (target, registered) = vendor_of(inner, &job.target)?;
    let results = in_time(inner, &target, registered.provider.batch_results(&job.id)).await?;
    let mut items: Vec<BatchItem> =
        (0..job.requests).map(|index| BatchItem { index, outcome: BatchOutcome::NotRun }).collect();
    for BatchResult { index, outcome, .. } in results {
        // A vendor that answers what was not asked, or twice, is not believed.
        let Some(item) = items.get_mut(index).filter(|item| matches!(item.outcome, BatchOutcome::NotRun))
        else {
            continue;
        };
        item.outcome = match outcome {
            Ok(reply) => BatchOutcome::Answered(Box::new(book(inner, job, &target, index, reply))),
            Err(error) => BatchOutcome::Failed(error.with_target(target.clone())),
        };
    }
    for item in &mut items {
        if matches!(item.outcome, BatchOutcome::NotRun) {
            let missing =
                Error::new(ErrorKind::InvalidResponse, "the vendor's results leave this request out");
            item.outcome = BatchOutcome::Failed(missing.with_target(target.clone()));
        }
    }
    hold::settle(inner, job, &target, &items).await;
    Ok(items)
}

pub(super) async fn cancel(inner: &Arc<Inner>, job: &BatchJob) -> Result<()> {
    let (target, registered) = vendor_of(inner, &job.target)?;
    in_time(inner, &target, registered.provider.cancel_batch(&job.id)).await
}

fn vendor_of<'i>(inner: &'i Arc<Inner>, model: &str) -> Result<(Target, &'i Registered)> {
    let Meaning::Target(target) = inner.registry.resolve(model)? else {
        return Err(Error::new(
            ErrorKind::InvalidRequest,
            "a vendor's batch names its provider/model; a route may lead to several",
        )
        .not_sent());
    };
    let (_, registered) = inner
        .registry
        .provider(target.provider())
        .ok_or_else(|| Error::new(ErrorKind::Internal, "a resolved target has a provider"))?;
    Ok((target, registered))
}

/// `work`, as long as an answer may take.
async fn in_time<T>(
    inner: &Inner,
    target: &Target,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let limit = inner.timeouts.total;
    let outcome = match select(pin!(work), inner.clock.sleep(limit)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), _)) => Err(Error::timeout(TimeoutPhase::Answer, limit)),
    };
    outcome.map_err(|error| error.with_target(target.clone()))
}

/// Prices an answer and records it.
fn book(inner: &Arc<Inner>, job: &BatchJob, target: &Target, index: usize, reply: Reply) -> BatchAnswer {
    let prices = inner.prices.get();
    let model = candidates::describe(inner, target);
    let cost = reply.usage.as_ref().and_then(|usage| {
        model
            .as_ref()
            .and_then(|model| candidates::price(model, usage, inner.clock.wall(), Some(BATCH)))
            .or_else(|| account::reported(usage))
    });
    let call = name_of(job, index);
    if let Some(books) = &inner.books {
        let options =
            CallOptions { scopes: job.scopes.clone(), tags: job.tags.clone(), ..CallOptions::default() };
        booking::batch_answer(
            books,
            &booking::BatchAnswered {
                call,
                index,
                target,
                model: model.as_deref(),
                reply: &reply,
                cost: cost.as_ref(),
                options: &options,
                price_version: prices.catalogue.version(),
                at: inner.clock.wall(),
            },
        );
    }
    let cost: Option<Usd> = cost.map(|cost| cost.total);
    BatchAnswer { reply, target: target.clone(), call, cost, origin: Origin::Run }
}

/// The same name for the same answer, whoever fetches it.
pub(super) fn name_of(job: &BatchJob, index: usize) -> CallId {
    let text = format!("{}\n{}\n{index}", job.target, job.id);
    let whole = digest::digest(&digest::SHA256, text.as_bytes());
    let number =
        whole.as_ref().iter().take(16).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    CallId::new(number)
}
