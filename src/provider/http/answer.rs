//! What came back: its status, its limits, its errors without keys.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use futures::stream::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};

use super::HttpProvider;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Protocol, WireFailure};
use crate::provider::credential::scrub;
use crate::transport::{self, Body, HttpResponse};
use crate::types::{RateLimits, Reply};

impl HttpProvider {
    /// Turns anything but a 2xx into an error.
    pub(super) async fn check_status(
        &self,
        response: HttpResponse,
        read: impl Fn(&[u8]) -> WireFailure,
    ) -> Result<HttpResponse> {
        let status = response.status;
        if (200..300).contains(&status) {
            return match response.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
                None | Some(b"identity" | b"") => Ok(response),
                // None was asked for, and a decompressor is a way to make a small body large.
                Some(_) => Err(self.annotate(
                    Error::new(
                        ErrorKind::InvalidResponse,
                        "the answer is compressed, which was not asked for",
                    ),
                    status,
                    &response.headers,
                )),
            };
        }
        let headers = response.headers;
        if (300..400).contains(&status) {
            let error = Error::new(
                ErrorKind::InvalidResponse,
                "the provider redirects, which is refused so that keys stay here; correct the base URL",
            );
            return Err(self.annotate(error, status, &headers));
        }
        // An error that cannot be read, or not soon, is still the error its status names.
        let body = match select(
            pin!(read_whole(response.body, ERROR_BODY_LIMIT)),
            self.clock.sleep(ERROR_BODY_TIME),
        )
        .await
        {
            Either::Left((body, _)) => body.unwrap_or_default(),
            Either::Right(((), _)) => Bytes::new(),
        };
        let mut failure = read(&body);
        if failure.code.is_none() && failure.error_type.is_none() {
            failure.error_type = transport::error_type(&headers).map(str::to_owned);
        }
        let mut error = failure.into_error(status);
        if let Some(hint) = self.placed.filter(|_| matches!(status, 403 | 404)) {
            error = error.with_hint(hint);
        }
        Err(self.annotate(error, status, &headers))
    }

    /// Adds what the headers say, and removes the key if the provider echoed it.
    pub(super) fn annotate(&self, error: Error, status: u16, headers: &HeaderMap) -> Error {
        let mut error = error.with_status(status);
        if let Some(id) = transport::request_id(headers) {
            error = error.with_request_id(id);
        }
        error = scrub(&self.secrets(), error);
        let now = self.clock.wall();
        let exhausted = || {
            let said = error.retry_after().is_some() || error.kind() != ErrorKind::RateLimited;
            if said { None } else { transport::rate_limits(headers, now)?.exhausted_until() }
        };
        match transport::retry_after(headers, now).or_else(exhausted) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    pub(super) fn rate_limits(&self, headers: &HeaderMap) -> Option<Box<RateLimits>> {
        transport::rate_limits(headers, self.clock.wall()).map(Box::new)
    }

    pub(super) fn request_id(&self, headers: &HeaderMap) -> Option<Box<str>> {
        let id = transport::request_id(headers)?;
        (!self.secrets().iter().any(|secret| id.contains(secret.expose()))).then(|| id.into())
    }

    pub(super) async fn read_json(&self, response: HttpResponse) -> Result<(u16, HeaderMap, Bytes)> {
        let HttpResponse { status, headers, body, .. } = response;
        if media_type(&headers) == MediaType::Html {
            let error = Error::new(
                ErrorKind::InvalidResponse,
                "the answer is a web page, not JSON; is the base URL right, is a proxy in between?",
            );
            return Err(self.annotate(error, status, &headers));
        }
        match read_whole(body, self.limits.body).await {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
                let error = Error::new(ErrorKind::InvalidResponse, "the answer is empty");
                Err(self.annotate(error, status, &headers))
            }
            Ok(bytes) => Ok((status, headers, bytes)),
            Err(error) => Err(self.annotate(error, status, &headers)),
        }
    }

    pub(super) async fn read_reply(&self, response: HttpResponse, chat: &dyn Protocol) -> Result<Reply> {
        let (status, headers, bytes) = self.read_json(response).await?;
        let mut reply = chat.decode_chat(&bytes).map_err(|error| self.annotate(error, status, &headers))?;
        reply.request_id = self.request_id(&headers);
        reply.rate_limits = self.rate_limits(&headers);
        reply.status = Some(status);
        Ok(reply)
    }
}

pub(in crate::provider) async fn read_whole(mut body: Body, limit: usize) -> Result<Bytes> {
    let too_large = || {
        Error::new(
            ErrorKind::InvalidResponse,
            format!("the answer is larger than {limit} bytes; see Settings::limits"),
        )
    };
    let Some(first) = body.next().await.transpose()? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(too_large());
    }
    // Most answers arrive in one piece, which then need not be copied.
    let Some(second) = body.next().await.transpose()? else { return Ok(first) };
    let mut whole = BytesMut::with_capacity((first.len() + second.len()) * 2);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while whole.len() <= limit {
        match body.next().await.transpose()? {
            Some(piece) => whole.extend_from_slice(&piece),
            None => return Ok(whole.freeze()),
        }
    }
    Err(too_large())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    EventStream,
    Html,
    Json,
    Other,
}

/// A missing or strange type is not held against anybody: several servers that work send one.
pub(super) fn media_type(headers: &HeaderMap) -> MediaType {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/event-stream") {
        MediaType::EventStream
    } else if essence.eq_ignore_ascii_case("text/html") {
        MediaType::Html
    } else if essence.eq_ignore_ascii_case("application/json") {
        MediaType::Json
    } else {
        MediaType::Other
    }
}

/// The sentence of an error comes with its head; nobody should wait for it while another target could be asked.
pub(super) const ERROR_BODY_TIME: Duration = Duration::from_secs(5);

/// Errors are sentences.
pub(super) const ERROR_BODY_LIMIT: usize = 1 << 20;
