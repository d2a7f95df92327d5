//! Answers to a schema that was told in words: checked, and asked for once more when they do not fit.

use std::sync::Arc;

use futures::stream::StreamExt as _;

use super::{Inner, pipeline};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fit::{Checked, check, is_told_in_words, mend};
use crate::types::{
    Accumulator, Adaptation, CallSummary, ChatRequest, ChatResponse, ChatStream, FinishReason, Part, Reply,
    ResponseFormat, StreamEvent,
};

/// Asks; where the target was told the schema in words, checks the answer and lets the target mend it once. Mending is a
/// call of its own, of the same target; its attempts come after those of the first.
///
/// # Errors
/// Those of a chat; [`ErrorKind::InvalidResponse`] when the mended answer does not fit either, or no time was left to ask
/// for it. The text of the last answer and the attempts of both calls are in it, whatever went wrong.
pub(super) async fn chat(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatResponse> {
    let (mut response, target) = pipeline::chat_and_target(inner, request).await?;
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else {
        return Ok(response);
    };
    if !response.adaptations().iter().any(is_told_in_words) || !is_answer(&response.reply) {
        return Ok(response);
    }
    let wrong = match check(schema, &response.text()) {
        Checked::Fits => return Ok(response),
        Checked::Unknown(why) => {
            response.summary.adaptations.push(unchecked(why));
            return Ok(response);
        }
        Checked::Faulty(wrong) => wrong,
    };
    let Some(target) = target else { return Ok(response) };
    let Some(mut again) = correction(inner, request, &response, mend(&wrong)) else {
        let what = "the answer does not fit the schema, and no time is left to have it corrected";
        return Err(unfit(what, response.summary, response.reply));
    };
    again.model = response.target().to_string();
    let mut mended = match pipeline::chat_with(inner, &again, &target).await {
        Ok(mended) => mended,
        Err(error) => return Err(following(response, error)),
    };
    let later = std::mem::replace(&mut mended.summary.attempts, response.summary.attempts);
    mended.summary.attempts.extend(later);
    mended.summary.elapsed += response.summary.elapsed;
    // What is said of the answer is said of the call that chose who gives it.
    mended.summary.id = response.summary.id;
    mended.summary.decision = response.summary.decision;
    if is_answer(&mended.reply) && matches!(check(schema, &mended.text()), Checked::Faulty(_)) {
        let what = "the answer does not fit the schema, and its correction neither";
        return Err(unfit(what, mended.summary, mended.reply));
    }
    Ok(mended)
}

/// `request` again, with the answer it got and what is wrong with that, for the time that is left of it; `None` when there is
/// none.
pub(super) fn correction(
    inner: &Inner,
    request: &ChatRequest,
    response: &ChatResponse,
    wrong: String,
) -> Option<ChatRequest> {
    let total = pipeline::total(inner, &request.model, request.timeout, request.options.as_deref());
    let left = total.checked_sub(response.summary.elapsed).filter(|left| !left.is_zero())?;
    Some(request.clone().timeout(left).message(response.message().clone()).user(wrong))
}

/// The error of a correction, with the answer that was to be corrected and the attempts it took.
pub(super) fn following(before: ChatResponse, error: Error) -> Error {
    let mut attempts = before.summary.attempts;
    attempts.extend(error.attempts().iter().cloned());
    let error = error.with_attempts(attempts);
    if error.partial().is_some() { error } else { error.with_partial(before.reply) }
}

/// A stream that says at its end whether the answer fits a schema that was told in words. Nothing can be mended that has
/// been shown.
pub(super) fn checked(stream: ChatStream, request: &ChatRequest) -> ChatStream {
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else { return stream };
    let schema = schema.clone();
    let mut given = Accumulator::new();
    ChatStream::new(stream.map(move |event| {
        let event = event?;
        match event {
            StreamEvent::Done(mut summary) if summary.adaptations.iter().any(is_told_in_words) => {
                let reply = std::mem::take(&mut given).into_reply();
                match check(&schema, &reply.message.text()) {
                    Checked::Faulty(_) if is_answer(&reply) => {
                        return Err(
                            unfit("the answer does not fit the schema", *summary, reply).after_content()
                        );
                    }
                    Checked::Unknown(why) => summary.adaptations.push(unchecked(why)),
                    Checked::Fits | Checked::Faulty(_) => {}
                }
                Ok(StreamEvent::Done(summary))
            }
            event => {
                given.push(event.clone())?;
                Ok(event)
            }
        }
    }))
}

fn unchecked(why: &str) -> Adaptation {
    Adaptation::changed("response_format.schema", format!("the answer was not held against it: {why}"))
}

fn unfit(what: &str, summary: CallSummary, reply: Reply) -> Error {
    let why = format!("{what}; the target takes no schemas and was told it in words");
    Error::new(ErrorKind::InvalidResponse, why)
        .with_target(summary.target)
        .with_attempts(summary.attempts)
        .with_partial(reply)
}

/// An answer that was cut, declined or asks for tools is no answer to the schema yet.
fn is_answer(reply: &Reply) -> bool {
    let parts = &reply.message.parts;
    !parts.iter().any(|part| matches!(part, Part::Refusal(_) | Part::ToolCall(_)))
        && !matches!(reply.finish_reason, Some(FinishReason::Length | FinishReason::ContentFilter))
}
