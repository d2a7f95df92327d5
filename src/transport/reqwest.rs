//! The HTTP client; the only file that names `reqwest`.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::Stream;
use http_body::Body as _;

use super::fetch::{NOT_PUBLIC, Names};
use super::{Body, HttpRequest, HttpResponse, Reach, Transport, TransportOptions};
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};

/// The default [`Transport`]: reqwest with rustls and HTTP/2.
///
/// No redirects (a vendor's key header would survive one to another host), no proxy from the environment, no
/// decompression, no cookies. The system's TLS roots are read at the first `https` request, not before.
pub struct ReqwestTransport {
    options: TransportOptions,
    reach: Reach,
    /// Who looks names up; the system without.
    names: Option<Names>,
    plain: OnceLock<reqwest::Client>,
    secure: OnceLock<reqwest::Client>,
}

impl ReqwestTransport {
    /// Makes one; nothing is opened or read yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the proxy's address is not a URL.
    pub fn new(options: TransportOptions) -> Result<Self> {
        if let Some(proxy) = &options.proxy {
            reqwest::Proxy::all(proxy).map_err(|_| {
                Error::new(ErrorKind::Configuration, "the proxy is not an address such as http://host:3128")
            })?;
        }
        Ok(Self {
            options,
            reach: Reach::Anywhere,
            names: None,
            plain: OnceLock::new(),
            secure: OnceLock::new(),
        })
    }

    /// Only names that lead to addresses within `reach` are dialled. Addresses written as numbers are for the caller to
    /// check, because they are not looked up; and a proxy would look names up itself, so there is none.
    pub(super) fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self.options.proxy = None;
        self
    }

    /// `names` looks up what is to be dialled within reach.
    pub(super) fn asking(self, names: Option<Names>) -> Self {
        Self { names, ..self }
    }

    pub(super) fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    fn client(&self, scheme: &str) -> Result<&reqwest::Client> {
        let (cell, builder) = if scheme == "https" {
            (&self.secure, reqwest::Client::builder())
        } else {
            // Without roots of its own a client for plain HTTP never reads the system's.
            (&self.plain, reqwest::Client::builder().tls_certs_only([]))
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = self.configure(builder).build().map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up").with_source(error)
        })?;
        Ok(cell.get_or_init(|| client))
    }

    fn configure(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        let builder = builder
            .user_agent(concat!("polyroute/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Retries are the client's, where each attempt is counted; reqwest's own would also copy every request.
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(self.options.connect_timeout)
            .pool_idle_timeout(self.options.pool_idle_timeout)
            .pool_max_idle_per_host(self.options.pool_max_idle_per_host)
            .http2_adaptive_window(true)
            .tcp_nodelay(true);
        let builder = match self.reach {
            Reach::Anywhere => builder,
            reach => builder.dns_resolver(std::sync::Arc::new(Within { reach, names: self.names.clone() })),
        };
        match self.options.proxy.as_deref().map(reqwest::Proxy::all) {
            Some(Ok(proxy)) => builder.proxy(proxy),
            _ => builder,
        }
    }

    fn explain(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        let connecting = error.is_connect();
        if causes(&error).any(|cause| cause.is::<OutOfReach>()) {
            return Error::new(ErrorKind::Configuration, NOT_PUBLIC).not_sent();
        }
        if connecting && error.is_timeout() {
            return Error::timeout(TimeoutPhase::Connect, self.options.connect_timeout).with_source(error);
        }
        let kind = if is_tls(&error) { ErrorKind::Tls } else { ErrorKind::Connection };
        let message = match (kind, connecting) {
            (ErrorKind::Tls, _) => "the provider's certificate or host name is not trusted",
            (_, true) => "the provider cannot be reached",
            (_, false) => "the connection broke before the answer began",
        };
        let unprocessed = causes(&error).any(|cause| cause.downcast_ref().is_some_and(is_unprocessed));
        let explained = Error::new(kind, message).with_source(error);
        match (connecting, unprocessed) {
            (true, _) => explained.not_sent(),
            (false, true) => explained.unprocessed(),
            (false, false) => explained,
        }
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "there is no tokio runtime; call from within #[tokio::main] or a Runtime",
            ));
        }
        let client = self.client(request.url.scheme())?;
        let mut sent = reqwest::Request::new(request.method, request.url);
        *sent.headers_mut() = request.headers;
        *sent.body_mut() = Some(request.body.into());
        let response = client.execute(sent).await.map_err(|error| self.explain(error))?;
        let (head, body) = http::Response::from(response).into_parts();
        Ok(HttpResponse::new(head.status.as_u16(), head.headers, Body::new(Pieces { body, ended: false })))
    }
}

/// The data frames of a reqwest body, until its end is known.
struct Pieces {
    body: reqwest::Body,
    ended: bool,
}

impl Stream for Pieces {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => self.ended = true,
                Some(Ok(frame)) => {
                    // With a known length the last piece is known to be the last; asking again would cost a wake-up.
                    self.ended = self.body.is_end_stream();
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    let broken =
                        Error::new(ErrorKind::Connection, "the connection broke in the middle of the answer");
                    return Poll::Ready(Some(Err(broken.with_source(error.without_url()))));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// Looks names up and leaves out addresses that may not be dialled.
struct Within {
    reach: Reach,
    names: Option<Names>,
}

impl reqwest::dns::Resolve for Within {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (reach, names) = (self.reach, self.names.clone());
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let look_up = move || match names {
                Some(names) => names(&name),
                None => Ok((name.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect()),
            };
            let found: Vec<IpAddr> = tokio::task::spawn_blocking(look_up).await??;
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|ip| reach.allows(*ip)).map(|ip| SocketAddr::new(ip, 0)).collect();
            if allowed.is_empty() {
                return Err(OutOfReach.into());
            }
            Ok(Box::new(allowed.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// A name led only to addresses that may not be dialled.
#[derive(Debug, thiserror::Error)]
#[error("no address within reach")]
struct OutOfReach;

/// What `error` came from, and so on.
fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}

/// Did the server say that it did not look at the request? It closes the connection in good order after the last stream it
/// took, or refuses one: <https://www.rfc-editor.org/rfc/rfc9113.html#section-8.7>. After any other end it may have begun.
fn is_unprocessed(error: &h2::Error) -> bool {
    let reason = error.reason();
    error.is_remote()
        && (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
            || error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM))
}

/// tokio-rustls reports every TLS failure as `InvalidData`.
fn is_tls(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| cause.downcast_ref().is_some_and(is_invalid_data))
}

/// `source()` of an I/O error around another one skips the one it holds.
fn is_invalid_data(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    error.kind() == std::io::ErrorKind::InvalidData || inner.is_some_and(is_invalid_data)
}
