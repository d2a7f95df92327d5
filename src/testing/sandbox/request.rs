//! A request as it arrived.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

/// A request that a fake vendor received.
#[non_exhaustive]
#[derive(Clone)]
pub struct Received {
    /// For example `POST`.
    pub method: String,
    /// The path without the vendor's prefix, percent-decoding not applied: for example `/v1/chat/completions`.
    pub path: String,
    /// What follows the question mark; empty without one.
    pub query: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Received {
    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The path's last segments say what is asked for.
    pub(super) fn is_for(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }

    /// The value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(own, _)| *own == name))
            .map(|(_, value)| value)
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Received({} {}, {} bytes)", self.method, self.path, self.body.len())
    }
}
