//! How vendors take many requests at once and give the answers back hours later. Pure: the provider sends and receives.

mod message_batches;
mod openai_files;

use super::{Protocol, WireFailure};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{BatchState, Reply};

pub(crate) use message_batches::MessageBatches;
pub(crate) use openai_files::OpenAiBatches;

/// A way to hand over batches.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchWire {
    /// Anthropic's message batches: <https://platform.claude.com/docs/en/api/messages/batches/create>
    /// (read 2026-11-26). One request with everything in it.
    MessageBatches,
    /// OpenAI's batches: <https://developers.openai.com/api/docs/guides/batch> (seen in a copy). A file is uploaded,
    /// a batch of it is made, and the answers are files again.
    OpenAiFiles,
}

/// What a vendor says about a batch.
pub(crate) struct Described {
    pub(crate) id: String,
    pub(crate) state: BatchState,
    /// Where the results are, in files of this vendor.
    pub(crate) files: Vec<String>,
    /// Why the vendor refused the batch.
    pub(crate) refusal: Option<WireFailure>,
}

/// One line of a batch's results.
pub(crate) struct BatchLine {
    /// The place of the request in the batch.
    pub(crate) index: usize,
    pub(crate) outcome: Result<Reply>,
}

/// The name that the request in this place is given.
pub(crate) fn custom_id(index: usize) -> String {
    format!("request-{index}")
}

fn index_of(custom_id: &str) -> Option<usize> {
    custom_id.strip_prefix("request-")?.parse().ok()
}

/// Every line of `document`, read by `read`.
fn lines(document: &[u8], read: impl Fn(&[u8]) -> Option<BatchLine>) -> Result<Vec<BatchLine>> {
    let lines = document.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines
        .enumerate()
        .map(|(place, line)| {
            read(line).ok_or_else(|| {
                let place = place + 1;
                Error::new(ErrorKind::InvalidResponse, format!("line {place} of the results cannot be read"))
            })
        })
        .collect()
}

/// A failure inside of a batch: of one request, never of the batch.
fn failed(chat: &dyn Protocol, body: &[u8], status: u16) -> Error {
    chat.decode_failure(body).into_error(status)
}

/// The vendor did not come to the request.
fn not_done(why: &'static str) -> Error {
    Error::new(ErrorKind::Overloaded, why)
}
