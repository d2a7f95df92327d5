//! Where a request goes, and proof of who asks.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::HttpProvider;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::protocol::{Encoded, Mode, Path};
use crate::provider::signer::{Exchange, Refusal};
use crate::transport::{self, HttpRequest, HttpResponse};
use crate::types::Secret;

impl HttpProvider {
    pub(super) fn url(&self, path: &Path) -> Result<Url> {
        match path {
            Path::Fixed(path) => {
                let (known, url) = self.fixed.get_or_init(|| (path, below(&self.base, path)));
                Ok(if known == path { url.clone() } else { below(&self.base, path) })
            }
            Path::Queried { path, query } => {
                let mut url = below(&self.base, path);
                url.set_query(Some(query));
                Ok(url)
            }
            Path::Model { prefix, model, suffix, query } => {
                let mut url = below(&self.base, prefix);
                let (ending, further) = match suffix.split_once('/') {
                    Some((ending, further)) => (ending, Some(further)),
                    None => (*suffix, None),
                };
                if let Ok(mut segments) = url.path_segments_mut() {
                    // One segment: `/`, `?`, `#` and `%` in a model's name are escaped and stay in their place.
                    segments.push(&format!("{model}{ending}"));
                    segments.extend(further.into_iter().flat_map(|further| further.split('/')));
                }
                url.set_query(*query);
                Ok(url)
            }
        }
    }

    pub(super) async fn send(&self, encoded: Encoded, mode: Mode, key: usize) -> Result<HttpResponse> {
        let Encoded { path, body, headers, .. } = encoded;
        let body = Bytes::from(body);
        let sent = match self.send_once(self.url(&path)?, &headers, body.clone(), mode, key).await {
            // Nobody looked at it, so it costs nothing to ask again; what is refused twice is a failure.
            Err(error) if error.phase() == Phase::Unprocessed => {
                tracing::debug!("sending again what the server did not look at");
                self.send_once(self.url(&path)?, &headers, body, mode, key).await
            }
            sent => sent,
        };
        sent.map_err(|error| match self.placed.filter(|_| error.kind() == ErrorKind::Connection) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    pub(super) async fn send_once(
        &self,
        url: Url,
        own_headers: &[(&'static str, Cow<'static, str>)],
        body: Bytes,
        mode: Mode,
        key: usize,
    ) -> Result<HttpResponse> {
        let mut headers = match mode {
            Mode::Whole => self.headers.clone(),
            Mode::Stream => self.stream_headers.clone(),
        };
        if let Some(credential) = key.checked_sub(1).and_then(|further| self.further_keys.get(further)) {
            headers.insert(credential.header().clone(), credential.value().clone());
        }
        for (name, value) in own_headers {
            let value = HeaderValue::from_str(value).map_err(|_| {
                Error::new(ErrorKind::InvalidRequest, "a header of the request cannot be sent")
            })?;
            if matches!(*name, "content-type" | "accept") {
                headers.insert(HeaderName::from_static(name), value);
            } else {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        self.send_signed(HttpRequest::new(Method::POST, url, headers, body)).await
    }

    /// Signs it where that is needed, and tells the signer when that was not good enough.
    pub(super) async fn send_signed(&self, mut request: HttpRequest) -> Result<HttpResponse> {
        let Some(signer) = &self.signer else { return self.transport.send(request).await };
        let issued = signer.sign(&mut request, Exchange::new(&*self.transport, &*self.clock)).await?;
        self.remember(&issued);
        let response = self.transport.send(request).await?;
        if matches!(response.status, 401 | 403) {
            let error_type = transport::error_type(&response.headers);
            signer.refused(Refusal { status: response.status, issued: &issued, error_type }).await;
        }
        Ok(response)
    }

    fn remember(&self, issued: &[Secret]) {
        let mut known = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in issued {
            if known.iter().all(|old| old.expose() != secret.expose()) {
                known.push(secret.clone());
            }
        }
        let surplus = known.len().saturating_sub(MOST_ISSUED);
        known.drain(..surplus);
    }

    /// What must not come back.
    pub(super) fn secrets(&self) -> Arc<[Secret]> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.is_empty() {
            return Arc::clone(&self.secrets);
        }
        self.secrets.iter().chain(issued.iter()).cloned().collect()
    }
}

pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(path.split('/'));
    }
    url
}

/// Calls that run side by side use the same token, or the one before.
pub(super) const MOST_ISSUED: usize = 4;
