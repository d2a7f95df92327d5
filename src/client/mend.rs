//! Answers to a schema that was told in words: checked, and asked for once more when they do not fit.

use std::sync::Arc;

use super::{Inner, pipeline};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fit::{fault, is_told_in_words, mend, unfenced};
use crate::types::{ChatRequest, ChatResponse, FinishReason, Json, Message, Part, ResponseFormat};

/// Asks; where the target was told the schema in words, checks the answer and lets the target mend it once. Mending is a
/// call of its own, of the same target; its attempts come after those of the first.
///
/// # Errors
/// Those of a chat; [`ErrorKind::InvalidResponse`] when the mended answer does not fit either.
pub(super) async fn chat(inner: &Arc<Inner>, request: &ChatRequest) -> Result<ChatResponse> {
    let mut response = pipeline::chat(inner, request).await?;
    let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format else {
        return Ok(response);
    };
    if !response.adaptations().iter().any(is_told_in_words) || !is_whole(&response) {
        return Ok(response);
    }
    let Some(wrong) = settle(schema, &mut response) else { return Ok(response) };
    let mut again = request.clone();
    again.model = response.target().to_string();
    again.messages.push(response.message().clone());
    again.messages.push(Message::user(mend(&wrong)));
    let mut mended = pipeline::chat(inner, &again).await?;
    let later = std::mem::replace(&mut mended.summary.attempts, response.summary.attempts);
    mended.summary.attempts.extend(later);
    mended.summary.elapsed += response.summary.elapsed;
    mended.summary.decision = response.summary.decision;
    if is_whole(&mended) && settle(schema, &mut mended).is_some() {
        return Err(Error::new(
            ErrorKind::InvalidResponse,
            "the answer does not fit the schema, and its correction neither; the target takes no schemas",
        )
        .with_target(mended.summary.target)
        .with_attempts(mended.summary.attempts)
        .with_partial(mended.reply));
    }
    Ok(mended)
}

/// An answer that was cut, declined or asks for tools is no answer to the schema yet.
fn is_whole(response: &ChatResponse) -> bool {
    let parts = &response.message().parts;
    !parts.iter().any(|part| matches!(part, Part::Refusal(_) | Part::ToolCall(_)))
        && !matches!(response.finish_reason(), Some(FinishReason::Length | FinishReason::ContentFilter))
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
