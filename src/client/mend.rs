//! Answers to a schema that was told in words: checked, and asked for once more when they do not fit.

use std::sync::Arc;

use futures::stream::StreamExt as _;

use super::{Inner, pipeline};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fit::{fault, is_told_in_words, mend, unfenced};
use crate::types::{
    Accumulator, CallSummary, ChatRequest, ChatResponse, ChatStream, FinishReason, Json, Message, Part,
    Reply, ResponseFormat, StreamEvent,
};

/// Asks; where the target was told the schema in words, checks the answer and lets the target mend it once. Mending is a
/// call of its own, of the same target; its attempts come after those of the first.
///
/// # Errors
/// Those of a chat; [`ErrorKind::InvalidResponse`] when the mended answer does not fit either.
pub(super) async fn chat(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatResponse> {
    let (mut response, target) = pipeline::chat_and_target(inner, request).await?;
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else {
        return Ok(response);
    };
    if !response.adaptations().iter().any(is_told_in_words) || !is_answer(&response.reply) {
        return Ok(response);
    }
    let (Some(wrong), Some(target)) = (settle(schema, &mut response), target) else { return Ok(response) };
    let mut again = request.clone();
    again.model = response.target().to_string();
    again.messages.push(response.message().clone());
    again.messages.push(Message::user(mend(&wrong)));
    let mut mended = pipeline::chat_with(inner, &again, &target).await?;
    let later = std::mem::replace(&mut mended.summary.attempts, response.summary.attempts);
    mended.summary.attempts.extend(later);
    mended.summary.elapsed += response.summary.elapsed;
    // What is said of the answer is said of the call that chose who gives it.
    mended.summary.id = response.summary.id;
    mended.summary.decision = response.summary.decision;
    if is_answer(&mended.reply) && settle(schema, &mut mended).is_some() {
        let what = "the answer does not fit the schema, and its correction neither";
        return Err(unfit(what, mended.summary, mended.reply));
    }
    Ok(mended)
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
            StreamEvent::Done(summary) if summary.adaptations.iter().any(is_told_in_words) => {
                let reply = std::mem::take(&mut given).into_reply();
                if is_answer(&reply) && fault(&schema, unfenced(&reply.message.text())).is_some() {
                    return Err(unfit("the answer does not fit the schema", *summary, reply).after_content());
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

/// What is wrong with the answer. A fence around it is taken off.
fn settle(schema: &Json, response: &mut ChatResponse) -> Option<String> {
    let text = response.text();
    let bare = unfenced(&text);
    let wrong = fault(schema, bare);
    if wrong.is_none() && bare != text {
        let parts = &mut response.reply.message.parts;
        parts.retain(|part| !matches!(part, Part::Text(_)));
        parts.push(Part::text(bare));
    }
    wrong
}
