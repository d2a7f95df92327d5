//! How bytes travel: one trait, our own exchange types, and stream decoders that do no I/O.

mod eventstream;
mod exchange;
mod fetch;
mod json_lines;
mod options;
mod rate_limits;
mod reach;
mod reqwest;
mod sse;
mod status;

pub use eventstream::{EventFrame, EventStreamDecoder, FrameHeaders, HeaderValue};
pub use exchange::{Body, HttpRequest, HttpResponse};
pub use fetch::GuardedFetcher;
pub use json_lines::JsonLinesDecoder;
pub use options::TransportOptions;
pub use rate_limits::rate_limits;
pub use reach::Reach;
pub use reqwest::ReqwestTransport;
pub use sse::{SseDecoder, SseEvent};
pub use status::{error_type, request_id, retry_after};

use async_trait::async_trait;

use crate::error::Result;

/// Sends one HTTP request. No retry, no redirect, no decompression.
///
/// Dropping the future or the response's body closes the exchange.
#[async_trait]
pub trait Transport: std::fmt::Debug + Send + Sync {
    /// Sends `request` and resolves when the response's head has arrived.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`](crate::ErrorKind::Connection), [`ErrorKind::Tls`](crate::ErrorKind::Tls) or
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) while connecting. An HTTP error status is not an error here.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse>;
}

const _: fn(Box<dyn Transport>) = |_object_safe| ();
