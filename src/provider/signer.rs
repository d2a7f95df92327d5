//! Proof of who asks that is made anew: short-lived tokens and signatures.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::lock::Mutex;
use http::{HeaderValue, header};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::{HttpRequest, Transport};
use crate::types::Secret;

/// Adds what proves who asks to every request of one provider, last of all: for signatures. Tokens are simpler with
/// [`TokenSource`].
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// Adds headers to `request`, which is complete otherwise. Returns what must not come back in an error.
    ///
    /// Dropping the future must leave nothing half done.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`] when there is no proof to be had; the call then fails without being sent.
    async fn sign(&self, request: &mut HttpRequest, exchange: Exchange<'_>) -> Result<Vec<Secret>>;

    /// The vendor answered with 401 or 403. What was kept should be made anew where the answer says that it is no longer
    /// good, and where it is still what was refused: another call may have made it anew meanwhile. By default nothing.
    async fn refused(&self, _refusal: Refusal<'_>) {}
}

/// An answer that refuses the proof of who asks, or what was asked.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// 401 or 403.
    pub status: u16,
    /// What [`Signer::sign`] returned for that request.
    pub issued: &'a [Secret],
    /// What the headers call the error, as AWS does.
    pub error_type: Option<&'a str>,
}

impl Refusal<'_> {
    /// Was it this secret that was refused?
    pub(super) fn names(&self, secret: &Secret) -> bool {
        self.issued.iter().any(|issued| issued.expose() == secret.expose())
    }
}

const _: fn(Box<dyn Signer>) = |_object_safe| ();

/// Where short-lived tokens come from: a library of the cloud, a metadata server, a vault. They travel as
/// `Authorization: Bearer …`, are kept until shortly before they expire, and are asked for by one call at a time.
///
/// ```
/// use polyroute::provider::{Exchange, Token, TokenSource};
/// use polyroute::{Client, Result, Settings, async_trait};
///
/// /// Stands for an Entra ID library.
/// #[derive(Debug)]
/// struct Entra;
///
/// #[async_trait]
/// impl TokenSource for Entra {
///     async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token> {
///         let hour = std::time::Duration::from_secs(3_600);
///         Ok(Token::new("eyJ0eXAi...").expires(exchange.clock.wall() + hour))
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let azure = Settings::vendor("azure").resource("my-resource").token_source(Entra);
/// let client = Client::builder().vendor(azure).build()?;
/// # assert_eq!(client.providers(), ["azure"]);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that is good now. Called when none is known, the last one is about to expire, or the vendor refused it.
    /// Counts towards the attempt's time; dropping the future must leave nothing half done.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`] when there is none to be had, saying what to do; any other when it could not be
    /// asked for. The kind decides what the client does next, as with an answer of the vendor.
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token>;
}

const _: fn(Box<dyn TokenSource>) = |_object_safe| ();

/// What a signer or source of tokens may use: the way bytes travel and the time of the client it works for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// How bytes travel.
    pub transport: &'a dyn Transport,
    /// What time it is.
    pub clock: &'a dyn Clock,
}

impl<'a> Exchange<'a> {
    /// Over `transport`, by `clock`.
    pub fn new(transport: &'a dyn Transport, clock: &'a dyn Clock) -> Self {
        Self { transport, clock }
    }
}

/// A short-lived token.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// Until when it is good; without it, it is kept until the vendor refuses it.
    pub expires: Option<SystemTime>,
}

impl Token {
    /// A token that is good until it is refused.
    pub fn new(secret: impl Into<Secret>) -> Self {
        Self { secret: secret.into(), expires: None }
    }

    /// Sets until when it is good.
    #[must_use]
    pub fn expires(mut self, expires: SystemTime) -> Self {
        self.expires = Some(expires);
        self
    }

    fn is_good(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now + MARGIN < expires)
    }
}

/// Puts the tokens of a source on requests.
#[derive(Debug)]
pub(super) struct Tokens {
    source: Arc<dyn TokenSource>,
    /// Held while a new one is fetched, so that a thousand calls fetch one.
    known: Mutex<Option<Token>>,
}

impl Tokens {
    /// Those of `source`.
    pub(super) fn of(source: Arc<dyn TokenSource>) -> Self {
        Self { source, known: Mutex::new(None) }
    }

    async fn token(&self, exchange: Exchange<'_>) -> Result<Secret> {
        let mut known = self.known.lock().await;
        if let Some(token) = known.as_ref().filter(|token| token.is_good(exchange.clock.wall())) {
            return Ok(token.secret.clone());
        }
        *known = None;
        let token = self.source.fetch(exchange).await?;
        let secret = token.secret.clone();
        *known = Some(token);
        Ok(secret)
    }
}

#[async_trait]
impl Signer for Tokens {
    async fn sign(&self, request: &mut HttpRequest, exchange: Exchange<'_>) -> Result<Vec<Secret>> {
        let token = self.token(exchange).await?;
        request.headers.insert(header::AUTHORIZATION, bearer(&token)?);
        Ok(vec![token])
    }

    async fn refused(&self, refusal: Refusal<'_>) {
        // 403 is said to somebody who is known and may not: a new token would be told the same.
        if refusal.status == 401 {
            let mut known = self.known.lock().await;
            *known = known.take().filter(|token| !refusal.names(&token.secret));
        }
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue> {
    let text = token.expose();
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let value = HeaderValue::try_from(format!("Bearer {text}")).ok().filter(|_| plain);
    let mut value = value.ok_or_else(|| {
        Error::new(
            ErrorKind::Authentication,
            "the source of tokens gave one that is empty or that no header can carry",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token is not used so shortly before its end, because the request has a way to go.
const MARGIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::clock::{Clock, Sleep};
    use crate::transport::HttpResponse;

    /// Counts how often it is asked; its tokens are good for ten minutes.
    #[derive(Debug, Default)]
    struct Counting(AtomicU64);

    #[async_trait]
    impl TokenSource for Counting {
        async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let token = Token::new(format!("token-{number}"));
            Ok(token.expires(exchange.clock.wall() + Duration::from_secs(600)))
        }
    }

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait]
    impl Transport for Nowhere {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse> {
            Err(Error::new(ErrorKind::Connection, "there is no network"))
        }
    }

    #[derive(Debug)]
    struct At(u64);

    impl Clock for At {
        fn now(&self) -> std::time::Instant {
            crate::clock::SystemClock::new().now()
        }

        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + Duration::from_secs(self.0)
        }

        fn sleep(&self, _: Duration) -> Sleep {
            Box::pin(std::future::pending())
        }
    }

    async fn sent_at(tokens: &Tokens, seconds: u64) -> String {
        let url = "https://example.com/".parse().unwrap();
        let mut request = HttpRequest::new(Method::POST, url, HeaderMap::new(), Bytes::new());
        let secrets = tokens.sign(&mut request, Exchange::new(&Nowhere, &At(seconds))).await.unwrap();
        assert!(request.headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(secrets.len(), 1);
        request.headers[header::AUTHORIZATION].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_token_is_used_until_a_minute_before_its_end_or_until_it_is_refused() {
        let tokens = Tokens::of(Arc::new(Counting::default()));

        assert_eq!(sent_at(&tokens, 0).await, "Bearer token-0");
        assert_eq!(sent_at(&tokens, 539).await, "Bearer token-0");
        assert_eq!(sent_at(&tokens, 540).await, "Bearer token-1");
        let refuse = async |status, token: &str| {
            let issued = [Secret::new(token)];
            tokens.refused(Refusal { status, issued: &issued, error_type: None }).await;
        };
        refuse(401, "token-1").await;
        assert_eq!(sent_at(&tokens, 541).await, "Bearer token-2");
        // An answer that was on its way while the token was made anew, and one to somebody who may not.
        refuse(401, "token-1").await;
        refuse(403, "token-2").await;
        assert_eq!(sent_at(&tokens, 542).await, "Bearer token-2");
    }

    #[test]
    fn a_token_that_could_smuggle_a_header_is_refused_without_being_shown() {
        for bad in ["", "CANARY\r\nx: y", "CANARY x", "CANARY\u{e9}"] {
            let error = bearer(&Secret::new(bad)).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Authentication);
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
    }
}
