//! The order of a call: validate → facts → plan → reserve → attempts → settle. There is one right order, so it is code.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};

use super::Inner;
use super::ask::{Asking, Question};
use super::attempt;
use super::audit;
use super::call::{Consumed, RunningCall, Thinking};
use super::candidates::{self, Planned, PlannedTarget};
use super::embed::Embed;
use super::flights::{self, Flight};
use super::operation::{Answer as _, Chat, OpenStream, Opened, Operation, Rerank};
use super::recovery::Recoverer;
use super::shadow;
use super::spend::{self, Asked, FactsOf};
use super::stream::CallStream;
use super::walk::Step;
use crate::error::{Error, Result};
use crate::routing::RequestFacts;
use crate::types::{
    Answered, CallOptions, ChatRequest, ChatResponse, ChatStream, Effort, EmbedRequest, EmbedResponse, Reply,
    RerankRequest, RerankResponse,
};

pub(super) async fn chat(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatResponse> {
    answer(begin_chat(inner, request).await?, request).await.map(|(response, _)| response)
}

/// As [`chat`], with what is needed to ask again who answered.
pub(super) async fn chat_and_target(
    inner: &Arc<Inner>,
    request: &ChatRequest,
) -> Result<(ChatResponse, Option<PlannedTarget>)> {
    answer(begin_chat(inner, request).await?, request).await
}

/// A call that follows from another one about the same data, for a target of that one's plan and nobody else.
pub(super) async fn chat_with(
    inner: &Arc<Inner>,
    request: &ChatRequest,
    target: &PlannedTarget,
) -> Result<ChatResponse> {
    request.validate()?;
    let flight = inner.flights.enter()?;
    let planned = (Planned::only(inner, target), candidates::chat_facts(inner, request));
    let begun = begin_planned(inner, request, planned, flight).await?;
    answer(begun, request).await.map(|(response, _)| response)
}

async fn answer(
    (mut call, audit): (Box<RunningCall>, Option<audit::Planning>),
    request: &ChatRequest,
) -> Result<(ChatResponse, Option<PlannedTarget>)> {
    match run(&mut call, &Chat(request), None).await {
        Ok(mut reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            call.settle_spend().await;
            start(audit, &call, request, Some(&reply));
            call.start_shadows(&reply);
            let adaptations = std::mem::take(&mut reply.adaptations);
            let targets = Arc::clone(&call.planned.targets);
            let summary = call.succeed(cost, adaptations);
            let target = targets.iter().find(|planned| planned.target == summary.target).cloned();
            Ok((ChatResponse::new(*reply, summary), target))
        }
        Err(error) => Err(failed(call, error).await),
    }
}

pub(super) async fn chat_stream(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatStream> {
    let (mut call, audit) = begin_chat(inner, request).await?;
    if call.planned.is_reviewed() {
        return read_first(call, request, audit).await;
    }
    let open = OpenStream::new(request, Arc::clone(&inner.clock));
    match run(&mut call, &open, None).await {
        Ok(opened) => {
            if let Some(whole) = &opened.whole {
                call.answer_attempt(&whole.consumed());
            }
            start(audit, &call, request, opened.whole.as_ref());
            Ok(ChatStream::new(CallStream::new(call, *opened, Recoverer::of(request))))
        }
        Err(error) => Err(failed(call, error).await),
    }
}

/// An answer that is read before the caller gets it is whole before it begins; it streams in one burst.
async fn read_first(
    mut call: Box<RunningCall>,
    request: &ChatRequest,
    audit: Option<audit::Planning>,
) -> Result<ChatStream> {
    match run(&mut call, &Chat(request), None).await {
        Ok(reply) => {
            call.answer_attempt(&reply.consumed());
            start(audit, &call, request, Some(&reply));
            let first_at = call.inner.clock.now();
            let opened = Opened::of_whole(*reply, first_at);
            Ok(ChatStream::new(CallStream::new(call, opened, None)))
        }
        Err(error) => Err(failed(call, error).await),
    }
}

/// Starts the audit of a call that was answered, by whomever.
fn start(audit: Option<audit::Planning>, call: &RunningCall, request: &ChatRequest, reply: Option<&Reply>) {
    if let Some(audit) = audit {
        let weak = reply.filter(|_| call.is_answered_by_the_reviewed());
        audit.start(&call.inner, request, weak.cloned());
    }
}

pub(super) async fn embed(inner: &Arc<Inner>, request: &EmbedRequest) -> Result<EmbedResponse> {
    request.validate()?;
    let flight = inner.flights.enter()?;
    let facts_of = |model: &str| candidates::embed_facts(inner, request, model);
    let (planned, mut facts) = spend::plan(inner, request.options.as_deref(), &request.model, &facts_of)?;
    let total = total(inner, &request.model, request.timeout, request.options.as_deref());
    let mut call = RunningCall::begin(inner, "embeddings", &request.model, planned, total);
    call.hold(flight);
    call.charge(request.options.as_deref());
    let mut call = reserve(call, |facts| Asked::of_embed(request, facts), &mut facts, &facts_of).await?;
    match run(&mut call, &Embed::new(request), None).await {
        Ok(reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            call.settle_spend().await;
            Ok(EmbedResponse::new(*reply, call.succeed(cost, Vec::new())))
        }
        Err(error) => Err(failed(call, error).await),
    }
}

pub(super) async fn ask<Q: Question>(inner: &Arc<Inner>, request: &Q) -> Result<Answered<Q::Reply>> {
    request.validate()?;
    let flight = inner.flights.enter()?;
    let texts = request.texts();
    let facts_of = |model: &str| candidates::text_facts(inner, model, &texts, request.options());
    let (planned, mut facts) = spend::plan(inner, request.options(), request.model(), &facts_of)?;
    let total = total(inner, request.model(), request.timeout(), request.options());
    let mut call = RunningCall::begin(inner, Q::NAME, request.model(), planned, total);
    call.hold(flight);
    call.charge(request.options());
    let asked = |facts: &RequestFacts| Asked::of_texts(request.options(), &texts, facts);
    let mut call = reserve(call, asked, &mut facts, &facts_of).await?;
    match run(&mut call, &Asking(request), None).await {
        Ok(reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            call.settle_spend().await;
            Ok(Answered::new(reply.0, call.succeed(cost, Vec::new())))
        }
        Err(error) => Err(failed(call, error).await),
    }
}

pub(super) async fn rerank(inner: &Arc<Inner>, request: &RerankRequest) -> Result<RerankResponse> {
    request.validate()?;
    let flight = inner.flights.enter()?;
    let facts_of = |model: &str| candidates::rerank_facts(inner, request, model);
    let (planned, mut facts) = spend::plan(inner, request.options.as_deref(), &request.model, &facts_of)?;
    let total = total(inner, &request.model, request.timeout, request.options.as_deref());
    let mut call = RunningCall::begin(inner, "rerank", &request.model, planned, total);
    call.hold(flight);
    call.charge(request.options.as_deref());
    let mut call = reserve(call, |facts| Asked::of_rerank(request, facts), &mut facts, &facts_of).await?;
    match run(&mut call, &Rerank(request), None).await {
        Ok(reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            call.settle_spend().await;
            Ok(RerankResponse::new(*reply, call.succeed(cost, Vec::new())))
        }
        Err(error) => Err(failed(call, error).await),
    }
}

/// Makes the attempts, from `first` on where an answer broke off, unless the client is shut down in the middle of them.
pub(super) async fn run<O: Operation>(
    call: &mut RunningCall,
    operation: &O,
    first: Option<Step>,
) -> Result<Box<O::Output>> {
    let stopped = call.inner.flights.stopped();
    let ended = {
        let attempts = async {
            match first {
                Some(step) => attempt::resume(call, operation, step).await,
                None => attempt::run(call, operation).await,
            }
        };
        match select(pin!(attempts), stopped).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(((), _)) => None,
        }
    };
    ended.unwrap_or_else(|| {
        call.cancel_attempt(&Consumed::default());
        Err(flights::stopped())
    })
}

async fn begin_chat(
    inner: &Arc<Inner>,
    request: &ChatRequest,
) -> Result<(Box<RunningCall>, Option<audit::Planning>)> {
    request.validate()?;
    let flight = inner.flights.enter()?;
    let facts_of = |model: &str| candidates::chat_facts_for(inner, request, model);
    let planned = spend::plan(inner, request.options.as_deref(), &request.model, &facts_of)?;
    begin_planned(inner, request, planned, flight).await
}

async fn begin_planned(
    inner: &Arc<Inner>,
    request: &ChatRequest,
    (planned, mut facts): (Planned, RequestFacts),
    flight: Flight,
) -> Result<(Box<RunningCall>, Option<audit::Planning>)> {
    let total = total(inner, &request.model, request.timeout, request.options.as_deref());
    let mut call = RunningCall::begin(inner, "chat", &request.model, planned, total);
    call.hold(flight);
    call.charge(request.options.as_deref());
    call.ask_for_tier(request.service_tier.as_deref());
    call.estimate(facts.input_tokens, facts.all_output_tokens());
    if request.reasoning.is_some_and(|reasoning| reasoning.effort == Some(Effort::None)) {
        call.think(Thinking::Off);
    }
    let facts_of = |model: &str| candidates::chat_facts_for(inner, request, model);
    let asked = |facts: &RequestFacts| Asked::of_chat(request, facts);
    let mut call = reserve(call, asked, &mut facts, &facts_of).await?;
    // By the plan that is left after all limits had their say.
    let audit = audit::sampled(&call.planned, request, &facts);
    call.shadows = shadow::sampled(&call, request, &facts);
    Ok((call, audit))
}

/// How long the whole call may take: what the request says, its options, its route, the client.
pub(super) fn total(
    inner: &Inner,
    model: &str,
    own: Option<Duration>,
    options: Option<&CallOptions>,
) -> Duration {
    own.or_else(|| options?.time_limits.total)
        .or_else(|| inner.time_limits.get(model)?.total)
        .unwrap_or(inner.timeouts.total)
}

/// Reserves what the call can use by the application's own limits.
async fn reserve<'r>(
    mut call: Box<RunningCall>,
    asked: impl FnOnce(&RequestFacts) -> Asked<'r>,
    facts: &mut RequestFacts,
    facts_of: FactsOf<'_>,
) -> Result<Box<RunningCall>> {
    if call.inner.gate.is_none() {
        return Ok(call);
    }
    let stopped = call.inner.flights.stopped();
    let reserved = {
        let asked = asked(facts);
        let reserving = pin!(spend::reserve(&mut call, &asked, facts, facts_of));
        match select(reserving, stopped).await {
            Either::Left((reserved, _)) => reserved,
            Either::Right(((), _)) => Err(flights::stopped().not_sent()),
        }
    };
    match reserved {
        Ok(()) => Ok(call),
        Err(error) => Err(call.fail(error)),
    }
}

async fn failed(mut call: Box<RunningCall>, error: Error) -> Error {
    call.settle_spend().await;
    call.fail(error)
}
