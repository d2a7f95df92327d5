//! Tokens of IBM Cloud, for watsonx.ai.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::oauth::read_token;
use super::{Environment, Exchange, Token, TokenSource};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::HttpRequest;
use crate::types::Secret;

/// An API key of IBM Cloud, which is exchanged for tokens that are good for an hour and are renewed here:
/// <https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey> (seen in a copy). The key goes to IBM's token
/// service and nowhere else.
///
/// ```
/// use polyroute::provider::ibm::ApiKey;
/// use polyroute::{Client, Settings};
///
/// # fn main() -> polyroute::Result<()> {
/// let watsonx = Settings::vendor("watsonx").region("eu-de").resource("4947c695-a374-428c-acca-332c1a1dc9e9");
/// let client = Client::builder().vendor(watsonx.token_source(ApiKey::new("key"))).build()?;
/// # assert_eq!(client.providers(), ["watsonx"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiKey {
    key: Secret,
    url: Option<Url>,
}

impl ApiKey {
    /// This key.
    pub fn new(key: impl Into<Secret>) -> Self {
        Self { key: key.into(), url: None }
    }

    /// The key in `WATSONX_API_KEY`, `WATSONX_APIKEY` or `IBMCLOUD_API_KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when none of them is set.
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let key = environment.first(&VARIABLES).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, format!("there is no key: set {}", VARIABLES.join(" or ")))
        })?;
        Ok(Self::new(key))
    }

    /// At another token service than the usual one, for a test.
    #[must_use]
    pub fn at(mut self, url: Url) -> Self {
        self.url = Some(url);
        self
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenSource for ApiKey {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => Url::parse(USUAL).map_err(|_| Error::new(ErrorKind::Internal, "the address is wrong"))?,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ibm:params:oauth:grant-type:apikey")
            .append_pair("apikey", self.key.expose())
            .finish();
        let request = HttpRequest::new(Method::POST, url, headers, Bytes::from(form));
        let response = exchange.transport.send(request).await?;
        let token = read_token(
            response,
            exchange.clock.wall(),
            "IBM's token service",
            |_| "IBM's token service refuses the key; is it one of IBM Cloud, and not deleted or locked?",
        );
        token.await.map_err(|error| super::credential::scrub(std::slice::from_ref(&self.key), error))
    }
}

const VARIABLES: [&str; 3] = ["WATSONX_API_KEY", "WATSONX_APIKEY", "IBMCLOUD_API_KEY"];

const USUAL: &str = "https://iam.cloud.ibm.com/identity/token";
