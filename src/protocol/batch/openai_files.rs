//! OpenAI's batches, which are files of lines.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{BatchLine, Described, custom_id, failed, index_of, lines, not_done};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Protocol, WireFailure, unreadable};
use crate::types::{BatchPhase, BatchState};

/// What goes to and comes from `/files` and `/batches`.
pub(crate) struct OpenAiBatches;

impl OpenAiBatches {
    /// At most so many requests and bytes.
    pub(crate) const MOST: (usize, usize) = (50_000, 200 * 1_000_000);

    /// The file of these requests, each encoded for `endpoint`, such as `/v1/chat/completions`.
    pub(crate) fn file(endpoint: &str, bodies: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            let body: &RawValue = serde_json::from_slice(body).map_err(|_| internal())?;
            let line = LineOut { custom_id: custom_id(index), method: "POST", url: endpoint, body };
            serde_json::to_writer(&mut file, &line).map_err(|_| internal())?;
            file.push(b'\n');
        }
        Ok(file)
    }

    /// The form that uploads `file`, and its content type.
    pub(crate) fn form(file: &[u8], boundary: &str) -> (String, Vec<u8>) {
        let mut form = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\n\
             content-type: application/jsonl\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(file);
        form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), form)
    }

    /// The id of an uploaded file.
    pub(crate) fn file_id(body: &[u8]) -> Result<String> {
        let file: FileObject =
            serde_json::from_slice(body).map_err(|error| unreadable("the vendor's file", &error))?;
        Ok(file.id)
    }

    /// The request that makes a batch of a file.
    pub(crate) fn create(file: &str, endpoint: &str) -> Result<Vec<u8>> {
        let create = Create { input_file_id: file, endpoint, completion_window: "24h" };
        serde_json::to_vec(&create).map_err(|_| internal())
    }

    pub(crate) fn describe(body: &[u8]) -> Result<Described> {
        let batch: BatchObject =
            serde_json::from_slice(body).map_err(|error| unreadable("the vendor's batch", &error))?;
        let phase = match batch.status.as_str() {
            "completed" | "expired" | "cancelled" => BatchPhase::Ended,
            "failed" => BatchPhase::Refused,
            // validating, in_progress, finalizing, cancelling, and whatever comes to be.
            _ => BatchPhase::Running,
        };
        let counts = batch.request_counts.unwrap_or_default();
        let error = batch.errors.and_then(|errors| errors.data.into_iter().next());
        let refusal = error.map(|error| WireFailure {
            code: error.code,
            message: error.message,
            ..WireFailure::default()
        });
        Ok(Described {
            id: batch.id,
            state: BatchState::new(phase, counts.completed, counts.failed),
            files: [batch.output_file_id, batch.error_file_id].into_iter().flatten().collect(),
            refusal,
        })
    }

    /// The results in one file.
    pub(crate) fn results(file: &[u8], chat: &dyn Protocol) -> Result<Vec<BatchLine>> {
        lines(file, |line| {
            let line: LineIn<'_> = serde_json::from_slice(line).ok()?;
            let index = index_of(&line.custom_id)?;
            let outcome = match (line.response, line.error) {
                (Some(response), _) => {
                    let body = response.body.get().as_bytes();
                    if (200..300).contains(&response.status_code) {
                        chat.decode_chat(body).map(|mut reply| {
                            reply.status = Some(response.status_code);
                            reply.request_id = response.request_id.map(Into::into);
                            reply
                        })
                    } else {
                        Err(failed(chat, body, response.status_code))
                    }
                }
                (None, Some(error)) => Err(match error.code.as_deref() {
                    Some("batch_expired") => {
                        not_done("the batch expired before the vendor came to the request")
                    }
                    Some("batch_cancelled") => {
                        not_done("the batch was cancelled before the vendor came to the request")
                    }
                    _ => Error::new(ErrorKind::Server, "the vendor failed at this request of the batch"),
                }),
                (None, None) => return None,
            };
            Some(BatchLine { index, outcome })
        })
    }
}

#[derive(Serialize)]
struct LineOut<'a> {
    custom_id: String,
    method: &'static str,
    url: &'a str,
    body: &'a RawValue,
}

#[derive(Serialize)]
struct Create<'a> {
    input_file_id: &'a str,
    endpoint: &'a str,
    completion_window: &'static str,
}

#[derive(Deserialize)]
struct FileObject {
    id: String,
}

#[derive(Deserialize)]
struct BatchObject {
    id: String,
    status: String,
    #[serde(default)]
    output_file_id: Option<String>,
    #[serde(default)]
    error_file_id: Option<String>,
    #[serde(default)]
    request_counts: Option<Counts>,
    #[serde(default)]
    errors: Option<Errors>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    completed: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    data: Vec<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct LineIn<'a> {
    custom_id: String,
    #[serde(default, borrow)]
    response: Option<Response<'a>>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status_code: u16,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(borrow)]
    body: &'a RawValue,
}

fn internal() -> Error {
    Error::new(ErrorKind::Internal, "a request of the batch cannot be written")
}
