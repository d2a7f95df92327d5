//! Settings of the HTTP client.

use std::fmt;
use std::time::Duration;

/// How connections are made and kept.
#[non_exhaustive]
#[derive(Clone)]
pub struct TransportOptions {
    /// Longest wait for TCP and TLS. Default 5 s: a healthy handshake takes well under one.
    pub connect_timeout: Duration,
    /// How long an idle connection is kept. Default 90 s, below the idle limits of the vendors' load balancers.
    pub pool_idle_timeout: Duration,
    /// Most idle connections kept for one host. Default 64.
    pub pool_max_idle_per_host: usize,
    /// An HTTP proxy for every request, for example `http://proxy.internal:3128`. Default none; the proxy variables of
    /// the environment are not read, because they would reroute keys and prompts unasked.
    pub proxy: Option<String>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            pool_idle_timeout: Duration::from_secs(90),
            pool_max_idle_per_host: 64,
            proxy: None,
        }
    }
}

impl fmt::Debug for TransportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("pool_idle_timeout", &self.pool_idle_timeout)
            .field("pool_max_idle_per_host", &self.pool_max_idle_per_host)
            // The address of a proxy may hold its password.
            .field("proxy", &self.proxy.as_ref().map(|_| "***"))
            .finish()
    }
}
