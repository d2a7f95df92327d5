//! Batches over HTTP: hand over, ask, fetch, cancel.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::Method;

use super::http::HttpProvider;
use super::{BatchCall, BatchResult};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::batch::{BatchLine, BatchWire, Described, MessageBatches, OpenAiBatches};
use crate::types::{BatchPhase, BatchState};

impl HttpProvider {
    pub(super) async fn hand_over(&self, call: BatchCall<'_>) -> Result<String> {
        let wire = self.batch_wire()?;
        let (path, bodies) = self.encode_batch(call)?;
        let (most, most_bytes) = match wire {
            BatchWire::MessageBatches => MessageBatches::MOST,
            BatchWire::OpenAiFiles => OpenAiBatches::MOST,
        };
        if bodies.is_empty() || bodies.len() > most || bodies.iter().map(Vec::len).sum::<usize>() > most_bytes
        {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                format!(
                    "a batch at {} has 1 to {most} requests and {most_bytes} bytes",
                    self.provider_name()
                ),
            )
            .not_sent());
        }
        let json = "application/json";
        let described = match wire {
            BatchWire::MessageBatches => {
                let create = MessageBatches::create(&bodies)?;
                let answer = self.exchange(Method::POST, &[BATCHES_OF_MESSAGES], json, create.into()).await?;
                MessageBatches::describe(&answer)?
            }
            BatchWire::OpenAiFiles => {
                let endpoint = format!("/v1/{path}");
                let file = OpenAiBatches::file(&endpoint, &bodies)?;
                let print = digest::digest(&digest::SHA256, &file);
                // A line of ours can hold no line that begins with its own digest.
                let boundary: String =
                    print.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
                let (content_type, form) = OpenAiBatches::form(&file, &boundary);
                let uploaded = self.exchange(Method::POST, &["files"], &content_type, form.into()).await;
                // A file by itself asks for nothing and costs nothing.
                let uploaded = uploaded.map_err(Error::not_sent)?;
                let create = OpenAiBatches::create(&OpenAiBatches::file_id(&uploaded)?, &endpoint)?;
                let answer = self.exchange(Method::POST, &["batches"], json, create.into()).await?;
                OpenAiBatches::describe(&answer)?
            }
        };
        Ok(described.id)
    }

    pub(super) async fn look_at(&self, id: &str) -> Result<BatchState> {
        Ok(self.described(id).await?.state)
    }

    pub(super) async fn fetch(&self, id: &str) -> Result<Vec<BatchResult>> {
        let described = self.described(id).await?;
        match described.state.phase {
            BatchPhase::Ended => {}
            BatchPhase::Running => {
                return Err(Error::new(
                    ErrorKind::InvalidRequest,
                    "the batch still runs; ask for its state first",
                ));
            }
            BatchPhase::Refused => {
                let failure = described.refusal.unwrap_or_default();
                return Err(failure.into_error(400));
            }
        }
        let chat = self.chat_format()?;
        let mut lines: Vec<BatchLine> = Vec::new();
        match self.batch_wire()? {
            BatchWire::MessageBatches => {
                // The address in the answer is not followed: the key stays with this provider.
                let path = [BATCHES_OF_MESSAGES, id, "results"];
                let document = self.exchange(Method::GET, &path, "", Bytes::new()).await?;
                lines = MessageBatches::results(&document, chat)?;
            }
            BatchWire::OpenAiFiles => {
                for file in &described.files {
                    let document =
                        self.exchange(Method::GET, &["files", file, "content"], "", Bytes::new()).await?;
                    lines.extend(OpenAiBatches::results(&document, chat)?);
                }
            }
        }
        Ok(lines
            .into_iter()
            .map(|BatchLine { index, outcome }| {
                BatchResult::new(index, outcome.map_err(|error| self.scrubbed(error)))
            })
            .collect())
    }

    pub(super) async fn cancel(&self, id: &str) -> Result<()> {
        let root = self.batch_root()?;
        self.exchange(Method::POST, &[root, id, "cancel"], "application/json", Bytes::from_static(b"{}"))
            .await?;
        Ok(())
    }

    async fn described(&self, id: &str) -> Result<Described> {
        let answer = self.exchange(Method::GET, &[self.batch_root()?, id], "", Bytes::new()).await?;
        match self.batch_wire()? {
            BatchWire::MessageBatches => MessageBatches::describe(&answer),
            BatchWire::OpenAiFiles => OpenAiBatches::describe(&answer),
        }
    }

    fn batch_root(&self) -> Result<&'static str> {
        Ok(match self.batch_wire()? {
            BatchWire::MessageBatches => BATCHES_OF_MESSAGES,
            BatchWire::OpenAiFiles => "batches",
        })
    }
}

const BATCHES_OF_MESSAGES: &str = "messages/batches";
