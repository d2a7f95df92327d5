//! Tokens of the machine's own service account.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::provider::oauth::read_token;
use crate::provider::{Exchange, Token, TokenSource};
use crate::transport::HttpRequest;

/// The metadata server that every machine of Google Cloud has:
/// <https://cloud.google.com/compute/docs/access/authenticate-workloads> (read 2026-11-25).
///
/// ```
/// use polyroute::provider::google::MetadataServer;
/// use polyroute::{Client, Settings};
///
/// # fn main() -> polyroute::Result<()> {
/// let vertex = Settings::vendor("vertex").resource("my-project").region("europe-west1");
/// let client = Client::builder().vendor(vertex.token_source(MetadataServer::default())).build()?;
/// # assert_eq!(client.providers(), ["vertex"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MetadataServer {
    url: Option<Url>,
}

impl MetadataServer {
    /// At another address than the usual one, for a test.
    pub fn at(url: Url) -> Self {
        Self { url: Some(url) }
    }
}

#[async_trait]
impl TokenSource for MetadataServer {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => Url::parse(USUAL).map_err(|_| Error::new(ErrorKind::Internal, "the address is wrong"))?,
        };
        let mut headers = HeaderMap::new();
        headers.insert("metadata-flavor", HeaderValue::from_static("Google"));
        let request = HttpRequest::new(Method::GET, url, headers, Bytes::new());
        let response = exchange.transport.send(request).await.map_err(|error| {
            Error::new(
                error.kind(),
                "there is no metadata server; is this a machine of Google Cloud? Elsewhere use a service account",
            )
        })?;
        read_token(response, exchange.clock.wall(), "Google's token service", |_| {
            "the metadata server gives no token; has the machine a service account, and may that use Vertex AI?"
        })
        .await
    }
}

/// Plain `http`, but it never leaves the machine.
const USUAL: &str =
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
