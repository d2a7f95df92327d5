//! Temporary keys of a role: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> (seen in a copy).

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;
use url::form_urlencoded::Serializer;

use super::{KeySource, Keys, sign};
use crate::catalog::Date;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::Exchange;
use crate::provider::http::read_whole;
use crate::transport::HttpRequest;

/// Takes a role with the keys of somebody who may, and renews its temporary keys.
pub struct AssumeRole {
    role: String,
    base: Box<dyn KeySource>,
    region: String,
    session_name: String,
    external_id: Option<String>,
    endpoint: Option<Url>,
}

impl AssumeRole {
    /// The role of this ARN, taken with keys of `base`. Asked for in `us-east-1`.
    pub fn new(role: impl Into<String>, base: impl KeySource + 'static) -> Self {
        Self {
            role: role.into(),
            base: Box::new(base),
            region: "us-east-1".to_owned(),
            session_name: "polyroute".to_owned(),
            external_id: None,
            endpoint: None,
        }
    }

    /// Sets the region of the token service.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Sets the name under which the session appears in the account's logs.
    #[must_use]
    pub fn session_name(mut self, name: impl Into<String>) -> Self {
        self.session_name = name.into();
        self
    }

    /// Sets the external id that the role's owner asks for.
    #[must_use]
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Sets the address of the token service, for a private endpoint or a test.
    #[must_use]
    pub fn endpoint(mut self, url: Url) -> Self {
        self.endpoint = Some(url);
        self
    }

    fn form(&self) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", "AssumeRole").append_pair("Version", "2011-06-15");
        form.append_pair("RoleArn", &self.role).append_pair("RoleSessionName", &self.session_name);
        if let Some(id) = &self.external_id {
            form.append_pair("ExternalId", id);
        }
        form.finish()
    }

    fn url(&self) -> Result<Url> {
        if let Some(url) = &self.endpoint {
            return Ok(url.clone());
        }
        let is_plain = self.region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        Url::parse(&format!("https://sts.{}.amazonaws.com/", self.region))
            .ok()
            .filter(|_| is_plain && !self.region.is_empty())
            .ok_or_else(|| Error::new(ErrorKind::Configuration, "the role's region is not a region's name"))
    }
}

impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssumeRole({}, {:?})", self.region, self.base)
    }
}

#[async_trait]
impl KeySource for AssumeRole {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Keys> {
        let keys = self.base.fetch(exchange).await?;
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, form);
        let body = Bytes::from(self.form());
        let mut request = HttpRequest::new(Method::POST, self.url()?, headers, body);
        sign::sign(&mut request, &keys, &self.region, "sts", exchange.clock.wall())?;
        let response = exchange.transport.send(request).await?;
        let status = response.status;
        let body = read_whole(response.body, LARGEST_ANSWER).await?;
        let text = String::from_utf8_lossy(&body);
        if status != 200 {
            return Err(refusal(status, &text));
        }
        let found =
            ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"].map(|name| tag(&text, name));
        let [Some(id), Some(secret), Some(token), expires] = found else {
            return Err(Error::new(ErrorKind::InvalidResponse, "AWS's token service answered without keys"));
        };
        let keys = Keys::new(id, secret).session_token(token);
        Ok(match expires.and_then(moment) {
            Some(expires) => keys.expires(expires),
            None => keys.expires(exchange.clock.wall() + SHORTEST_ROLE),
        })
    }
}

/// Nothing of the sentence is repeated but what the service calls the error.
fn refusal(status: u16, text: &str) -> Error {
    let code = tag(text, "Code").unwrap_or_default();
    let (kind, what) = match (status, code) {
        (_, "ExpiredToken" | "ExpiredTokenException") => {
            (ErrorKind::Authentication, "the keys that should take the role have expired; renew them")
        }
        (_, "SignatureDoesNotMatch" | "RequestExpired") => (
            ErrorKind::Authentication,
            "the signature is not accepted: the secret key is wrong, or this machine's clock is more than five minutes off",
        ),
        (403, _) => {
            (ErrorKind::Authentication, "the keys may not take the role; check its trust policy and its ARN")
        }
        (429 | 500.., _) => (ErrorKind::from_status(status), "AWS's token service failed"),
        _ => (ErrorKind::Authentication, "AWS's token service does not accept the request for the role"),
    };
    Error::new(kind, what).with_status(status).with_provider_code(code)
}

/// The text of the first element of this name.
fn tag<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let rest = xml.get(start..)?;
    rest.get(..rest.find('<')?).map(str::trim)
}

/// Reads `2026-11-25T10:00:00Z`.
fn moment(text: &str) -> Option<SystemTime> {
    let (day, time) = text.split_once('T')?;
    let day: Date = day.parse().ok()?;
    let time = time.strip_suffix('Z')?;
    let time = time.split('.').next()?;
    let mut seconds = 0;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    Some(day.start() + Duration::from_secs(seconds))
}

/// The shortest time that a role can be taken for.
const SHORTEST_ROLE: Duration = Duration::from_secs(900);

const LARGEST_ANSWER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_elements_are_read() {
        let xml = "<R><Credentials><AccessKeyId> A </AccessKeyId><SessionToken>a+/=</SessionToken></Credentials></R>";

        assert_eq!((tag(xml, "AccessKeyId"), tag(xml, "SessionToken")), (Some("A"), Some("a+/=")));
        assert_eq!((tag(xml, "Nothing"), tag("<Code>", "Code")), (None, None));
        let noon = moment("1970-01-02T12:00:01Z").unwrap();
        assert_eq!(noon, SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 + 43_201));
        assert_eq!((moment("x"), moment("2026-01-01Tx:00Z")), (None, None));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let skewed = refusal(
            403,
            "<Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error>",
        );
        let denied = refusal(403, "<Error><Code>AccessDenied</Code></Error>");

        assert!(skewed.kind() == ErrorKind::Authentication && skewed.message().contains("clock"));
        assert!(denied.kind() == ErrorKind::Authentication && denied.message().contains("trust policy"));
        assert_eq!(refusal(503, "").kind(), ErrorKind::Overloaded);
    }
}
