//! Reading an answer before the caller gets it, for policies that cascade.

use std::borrow::Cow;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::call::RunningCall;
use super::candidates::PlannedTarget;
use super::operation::{Judging, Verdict};
use crate::routing;
use crate::routing::answer::{Ending, form};
use crate::routing::{Escalation, Reading, Review, Reviewed};
use crate::types::{ChatRequest, FinishReason, Part, Reply, ResponseFormat, Role};

/// Reads `reply` with the policy of `call`, where that asked for it.
pub(super) fn judge<'a>(
    call: &RunningCall,
    request: &ChatRequest,
    target: &PlannedTarget,
    reply: &Reply,
) -> Option<Judging<'a>> {
    if target.reading == Reading::Unread {
        return None;
    }
    let escalation = routing::escalation(&*call.planned.policy)?;
    let review = review(escalation, request, reply, call.planned.gain());
    if let Some(gain) = review.gain {
        call.planned.learn_gain(gain);
    }
    Some(Box::pin(ready(match review.escalate {
        Some(reason) => Verdict::Escalate { reason },
        None => Verdict::Good,
    })))
}

/// What `escalation` makes of `reply`. One that panics lets the answer pass.
pub(super) fn review(
    escalation: &dyn Escalation,
    request: &ChatRequest,
    reply: &Reply,
    gain: Option<f64>,
) -> Review {
    let prompt = prompt(request);
    let answer = reply.message.text();
    let mut reviewed = Reviewed::new(&prompt, &answer);
    reviewed.gain = gain;
    reviewed.ending = ending(reply);
    // An answer that calls tools says nothing, and is none the worse for it.
    let calls_tools = reply.message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    if calls_tools {
        return Review::good(gain);
    }
    reviewed.invalid = match &request.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonObject) => Some(!form::fits(&answer, None)),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let schema = serde_json::from_str(schema.as_str()).ok();
            Some(!form::fits(&answer, schema.as_ref()))
        }
    };
    catch_unwind(AssertUnwindSafe(|| escalation.review(&reviewed))).unwrap_or_else(|_| {
        tracing::warn!("the policy panicked while it read an answer");
        Review::good(gain)
    })
}

/// What the difficulty of a request is told from: the last thing its user says.
pub(super) fn prompt(request: &ChatRequest) -> Cow<'_, str> {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User);
    match last.map(|message| message.parts.as_slice()) {
        Some([Part::Text(only)]) => Cow::Borrowed(&only.text),
        Some(_) => Cow::Owned(last.map(|message| message.text()).unwrap_or_default()),
        None => Cow::Borrowed(""),
    }
}

fn ending(reply: &Reply) -> Ending {
    let declines = reply.message.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    match reply.finish_reason {
        Some(FinishReason::ContentFilter) => Ending::Declined,
        _ if declines => Ending::Declined,
        Some(FinishReason::Length) => Ending::Cut,
        Some(FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_)) | None => Ending::Natural,
    }
}
