//! The order of a call: validate → facts → plan → attempts → settle. There is one right order, so it is code.

use std::sync::Arc;

use super::Inner;
use super::attempt;
use super::call::RunningCall;
use super::candidates::{self, Planned};
use super::operation::{Answer as _, Chat, Embed, OpenStream, Rerank};
use super::recovery::Recoverer;
use super::stream::CallStream;
use crate::error::Result;
use crate::types::{
    ChatRequest, ChatResponse, ChatStream, EmbedRequest, EmbedResponse, RerankRequest, RerankResponse,
};

pub(super) async fn chat(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatResponse> {
    let mut call = begin_chat(inner, request)?;
    match attempt::run(&mut call, &Chat(request)).await {
        Ok(mut reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            let adaptations = std::mem::take(&mut reply.adaptations);
            Ok(ChatResponse::new(reply, call.succeed(cost, adaptations)))
        }
        Err(error) => Err(call.fail(error)),
    }
}

pub(super) async fn chat_stream(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatStream> {
    let mut call = begin_chat(inner, request)?;
    let open = OpenStream::new(request, Arc::clone(&inner.clock));
    match attempt::run(&mut call, &open).await {
        Ok(opened) => Ok(ChatStream::new(CallStream::new(call, opened, Recoverer::of(request)))),
        Err(error) => Err(call.fail(error)),
    }
}

pub(super) async fn embed(inner: &Arc<Inner>, request: &EmbedRequest) -> Result<EmbedResponse> {
    request.validate()?;
    let planned = candidates::plan(inner, &request.model, &candidates::embed_facts(inner, request))?;
    let total = request.timeout.unwrap_or(inner.timeouts.total);
    let mut call = RunningCall::begin(inner, "embeddings", &request.model, planned, total);
    call.charge(request.options.as_deref());
    match attempt::run(&mut call, &Embed(request)).await {
        Ok(reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            Ok(EmbedResponse::new(reply, call.succeed(cost, Vec::new())))
        }
        Err(error) => Err(call.fail(error)),
    }
}

pub(super) async fn rerank(inner: &Arc<Inner>, request: &RerankRequest) -> Result<RerankResponse> {
    request.validate()?;
    let planned = candidates::plan(inner, &request.model, &candidates::rerank_facts(inner, request))?;
    let total = request.timeout.unwrap_or(inner.timeouts.total);
    let mut call = RunningCall::begin(inner, "rerank", &request.model, planned, total);
    call.charge(request.options.as_deref());
    match attempt::run(&mut call, &Rerank(request)).await {
        Ok(reply) => {
            let cost = call.answer_attempt(&reply.consumed());
            Ok(RerankResponse::new(reply, call.succeed(cost, Vec::new())))
        }
        Err(error) => Err(call.fail(error)),
    }
}

fn begin_chat(inner: &Arc<Inner>, request: &ChatRequest) -> Result<Box<RunningCall>> {
    request.validate()?;
    let facts = candidates::chat_facts(inner, request);
    let planned: Planned = candidates::plan(inner, &request.model, &facts)?;
    let total = request.timeout.unwrap_or(inner.timeouts.total);
    let mut call = RunningCall::begin(inner, "chat", &request.model, planned, total);
    call.charge(request.options.as_deref());
    call.ask_for_tier(request.service_tier.as_deref());
    call.estimate_prompt(facts.input_tokens);
    Ok(call)
}
