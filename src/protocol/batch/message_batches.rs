//! Anthropic's message batches.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{BatchLine, Described, custom_id, failed, index_of, lines, not_done};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Protocol, unreadable};
use crate::types::{BatchPhase, BatchState};

/// What goes to and comes from `/messages/batches`.
pub(crate) struct MessageBatches;

impl MessageBatches {
    /// At most so many requests and bytes.
    pub(crate) const MOST: (usize, usize) = (100_000, 256 * 1_000_000);

    /// The request that hands everything over.
    pub(crate) fn create(bodies: &[Vec<u8>]) -> Result<Vec<u8>> {
        let internal = || Error::new(ErrorKind::Internal, "a request of the batch cannot be written");
        let requests = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| {
                let params: &RawValue = serde_json::from_slice(body).map_err(|_| internal())?;
                Ok(RequestOut { custom_id: custom_id(index), params })
            })
            .collect::<Result<_>>()?;
        serde_json::to_vec(&Create { requests }).map_err(|_| internal())
    }

    pub(crate) fn describe(body: &[u8]) -> Result<Described> {
        let batch: BatchObject =
            serde_json::from_slice(body).map_err(|error| unreadable("the vendor's batch", &error))?;
        // in_progress, canceling, ended
        let phase = if batch.processing_status == "ended" { BatchPhase::Ended } else { BatchPhase::Running };
        let counts = batch.request_counts;
        let failed = counts.errored.saturating_add(counts.canceled).saturating_add(counts.expired);
        Ok(Described {
            id: batch.id,
            state: BatchState::new(phase, counts.succeeded, failed),
            files: Vec::new(),
            refusal: None,
        })
    }

    pub(crate) fn results(document: &[u8], chat: &dyn Protocol) -> Result<Vec<BatchLine>> {
        lines(document, |line| {
            let line: LineIn<'_> = serde_json::from_slice(line).ok()?;
            let outcome = match (line.result.kind.as_str(), line.result.message, line.result.error) {
                ("succeeded", Some(message), _) => chat.decode_chat(message.get().as_bytes()),
                // The error is one of the API's, as it would be answered alone; its type implies the status.
                ("errored", _, Some(error)) => Err(failed(chat, error.get().as_bytes(), 400)),
                ("expired", ..) => Err(not_done("the batch expired before the vendor came to the request")),
                ("canceled", ..) => {
                    Err(not_done("the batch was cancelled before the vendor came to the request"))
                }
                _ => return None,
            };
            Some(BatchLine { index: index_of(&line.custom_id)?, outcome })
        })
    }
}

#[derive(Serialize)]
struct Create<'a> {
    requests: Vec<RequestOut<'a>>,
}

#[derive(Serialize)]
struct RequestOut<'a> {
    custom_id: String,
    params: &'a RawValue,
}

#[derive(Deserialize)]
struct BatchObject {
    id: String,
    processing_status: String,
    #[serde(default)]
    request_counts: Counts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    succeeded: u64,
    errored: u64,
    canceled: u64,
    expired: u64,
}

#[derive(Deserialize)]
struct LineIn<'a> {
    custom_id: String,
    #[serde(borrow)]
    result: ResultIn<'a>,
}

#[derive(Deserialize)]
struct ResultIn<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}
