//! How an answer that broke off goes on, where the caller allows it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;

use super::call::{FailedAttempt, RunningCall};
use super::candidates::PlannedTarget;
use super::operation::{OpenStream, Opened};
use super::overlap::MOST_CONTINUED;
use super::pipeline;
use crate::catalog::{Capability, Support};
use crate::error::{Error, Result};
use crate::provider::Prefill;
use crate::types::{AttemptReason, ChatRequest, Message, Part, Recovery, Reply, ResponseFormat, Scope};

/// What a stream needs to go on at another attempt.
pub(super) struct Recoverer {
    request: ChatRequest,
    pub(super) recovery: Recovery,
}

/// The attempt that is to go on; gives the call back with what came of it.
pub(super) type Resuming = Pin<Box<dyn Future<Output = (Box<RunningCall>, Result<Box<Opened>>)> + Send>>;

impl Recoverer {
    /// Keeps a copy of `request` where it may be needed, which by default it is not.
    pub(super) fn of(request: &ChatRequest) -> Option<Box<Self>> {
        let recovery = request.options.as_ref()?.recovery;
        (recovery != Recovery::Fail).then(|| Box::new(Self { request: request.clone(), recovery }))
    }

    /// Begins to go on after the attempt at `place` broke with `error` when the caller had `given`.
    ///
    /// # Errors
    /// Gives the call back when there is no going on.
    pub(super) fn resume(
        &self,
        mut call: Box<RunningCall>,
        place: usize,
        given: &Reply,
        error: &Error,
        failed: FailedAttempt,
    ) -> std::result::Result<Resuming, Box<RunningCall>> {
        call.note_failure(place, error, failed);
        let request = match self.recovery {
            Recovery::Restart if !has_tool_calls(given) => self.request.clone(),
            Recovery::Continue if is_continuable(&self.request, given) => {
                call.rule_out(|target| !continues(target));
                continuation(&self.request, given, &call.planned.targets)
            }
            Recovery::Restart | Recovery::Continue | Recovery::Fail => return Err(call),
        };
        let Some(mut step) = call.next_step(error) else { return Err(call) };
        step.reason = AttemptReason::Recovery;
        Ok(Box::pin(async move {
            let open = OpenStream::new(&request, Arc::clone(&call.inner.clock));
            let outcome = pipeline::run(&mut call, &open, Some(step)).await;
            (call, outcome)
        }))
    }
}

fn has_tool_calls(reply: &Reply) -> bool {
    let others = reply.alternatives.iter().map(|alternative| &alternative.message);
    std::iter::once(&reply.message).chain(others).any(|message| message.tool_calls().next().is_some())
}

/// Can a model write on from here? Everything but plain text has a shape that half of it breaks.
fn is_continuable(request: &ChatRequest, given: &Reply) -> bool {
    let plain = given.message.parts.iter().all(|part| match part {
        Part::Text(_) => true,
        Part::Reasoning(reasoning) => reasoning.state.is_none(),
        _ => false,
    });
    let text = given.message.text();
    plain
        && !text.trim_end().is_empty()
        && text.len() <= MOST_CONTINUED
        && given.alternatives.is_empty()
        && request.n.is_none_or(|answers| answers == 1)
        && request.tools.is_empty()
        && request.reasoning.is_none()
        && matches!(request.response_format, None | Some(ResponseFormat::Text))
}

/// Does the target go on from the beginning of an answer? Unknown is no.
fn continues(target: &PlannedTarget) -> bool {
    let model = target.model.as_ref();
    model.is_some_and(|model| model.supports(Capability::AssistantPrefill) == Support::Yes)
        && target.provider.habits().prefill != Prefill::Unknown
}

/// The request with the beginning of its answer, and room for the rest of it.
fn continuation(request: &ChatRequest, given: &Reply, targets: &[PlannedTarget]) -> ChatRequest {
    let mut request = request.clone();
    let text = given.message.text();
    // A blank at the end is refused, and would cut a token in two.
    let mut beginning = Message::assistant(text.trim_end());
    for target in targets {
        if let Prefill::Marked(field) = target.provider.habits().prefill {
            let scope = Scope::from(target.target.provider().to_owned());
            beginning.extra.insert(scope, field, json!(true));
        }
    }
    request.messages.push(beginning);
    if let Some(most) = &mut request.max_output_tokens {
        let written = u64::try_from(text.len() / BYTES_PER_TOKEN).unwrap_or(u64::MAX);
        *most = most.saturating_sub(written).max(1);
    }
    request
}

/// Of English text; a limit on tokens is a limit on cost, not an exact length.
const BYTES_PER_TOKEN: usize = 4;
