//! Fetches a document from an address that came from outside the program, without becoming anybody's errand boy.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use futures::stream::StreamExt as _;
use http::{HeaderMap, Method};
use url::{Host, Url};

use super::{HttpRequest, Reach, ReqwestTransport, Transport, TransportOptions};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};

/// Fetches by GET: `https` only, no redirects, no credentials, a limit on size and time, and only from
/// [public](Reach::Public) addresses, checked where the connection is made.
///
/// ```no_run
/// # async fn example() -> polyroute::Result<()> {
/// use polyroute::transport::GuardedFetcher;
/// let fetcher = GuardedFetcher::new()?;
/// let prices = fetcher.fetch("https://example.org/prices.json").await?;
/// # drop(prices);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GuardedFetcher {
    transport: Arc<ReqwestTransport>,
    reach: Reach,
    clock: Arc<dyn Clock>,
    most_bytes: usize,
    time: Duration,
}

impl GuardedFetcher {
    /// A fetcher of at most 8 MiB within 30 s.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the HTTP client cannot be set up.
    pub fn new() -> Result<Self> {
        Self::reaching(Reach::Public)
    }

    fn reaching(reach: Reach) -> Result<Self> {
        Ok(Self {
            transport: Arc::new(transport(reach)?),
            reach,
            clock: Arc::new(crate::clock::SystemClock::new()),
            most_bytes: MOST_BYTES,
            time: TIME,
        })
    }

    /// Fetches from this machine too, and there by plain `http` as well. For tests and for servers beside the program.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn allow_loopback(self) -> Result<Self> {
        let reach = Reach::PublicAndLoopback;
        let transport = transport(reach)?.asking(self.transport.names().cloned());
        Ok(Self { transport: Arc::new(transport), reach, ..self })
    }

    /// Sets who looks names up; the system by default. Is called once for each connection, on a thread that may block, and
    /// what it finds is checked as everything else: a name that leads inside the next time is refused the next time.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn names(
        self,
        look_up: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Result<Self> {
        let transport = transport(self.reach)?.asking(Some(Arc::new(look_up)));
        Ok(Self { transport: Arc::new(transport), ..self })
    }

    /// Sets the most bytes a document may have.
    #[must_use]
    pub fn most_bytes(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// Sets how long a fetch may take in all.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets what time it is.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The document at `url`. Dropping the future closes the connection.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the address is malformed, not `https`, holds a password, or is not public;
    /// [`ErrorKind::InvalidResponse`] for a redirect, a status other than 200 or a document that is too large;
    /// [`ErrorKind::Timeout`]; what the [transport](Transport::send) says. No message repeats the address.
    pub async fn fetch(&self, url: &str) -> Result<Bytes> {
        let url = self.check(url)?;
        match select(pin!(self.get(url)), self.clock.sleep(self.time)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), _)) => Err(Error::timeout(TimeoutPhase::Answer, self.time)),
        }
    }

    fn check(&self, url: &str) -> Result<Url> {
        let refuse = |why: &'static str| Err(Error::new(ErrorKind::Configuration, why).not_sent());
        let Ok(url) = Url::parse(url) else { return refuse("the address is no URL") };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("the address holds a password; fetched documents need none");
        }
        let (address, local_name) = match url.host() {
            Some(Host::Ipv4(address)) => (Some(address.into()), false),
            Some(Host::Ipv6(address)) => (Some(address.into()), false),
            Some(Host::Domain(name)) => (None, name.trim_end_matches('.').eq_ignore_ascii_case("localhost")),
            None => return refuse("the address names no host"),
        };
        // Names are checked when they have been looked up, where the connection is made.
        let inside = address.is_some_and(|address| !self.reach.allows(address));
        if inside || (local_name && self.reach == Reach::Public) {
            return refuse(NOT_PUBLIC);
        }
        let local = local_name || address.is_some_and(|address: IpAddr| !Reach::Public.allows(address));
        match url.scheme() {
            "https" => Ok(url),
            "http" if local && self.reach == Reach::PublicAndLoopback => Ok(url),
            _ => refuse("the address is not https"),
        }
    }

    async fn get(&self, url: Url) -> Result<Bytes> {
        let refuse = |why: String| Err(Error::new(ErrorKind::InvalidResponse, why));
        let request = HttpRequest::new(Method::GET, url, HeaderMap::new(), Bytes::new());
        let mut response = self.transport.send(request).await?;
        if response.status != 200 {
            return refuse(format!(
                "the server answers with status {}; redirects are not followed",
                response.status
            ));
        }
        let mut document = BytesMut::new();
        while let Some(piece) = response.body.next().await {
            document.extend_from_slice(&piece?);
            if document.len() > self.most_bytes {
                return refuse(format!("the document is larger than {} bytes", self.most_bytes));
            }
        }
        Ok(document.freeze())
    }
}

/// Finds the addresses of a name.
pub(super) type Names = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

fn transport(reach: Reach) -> Result<ReqwestTransport> {
    Ok(ReqwestTransport::new(TransportOptions::default())?.reaching(reach))
}

pub(super) const NOT_PUBLIC: &str = "the address is this machine's, a private network's or a metadata service's, where nothing is fetched from";

/// Every price of every vendor is a tenth of it.
const MOST_BYTES: usize = 8 << 20;

const TIME: Duration = Duration::from_secs(30);
