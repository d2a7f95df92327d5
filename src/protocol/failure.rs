//! What an error body says, and what kind of error that is.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// An error as a vendor words it, whatever the format.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct WireFailure {
    /// The status named in the body, where there is one.
    pub status: Option<u16>,
    /// The machine-readable code, for example `context_length_exceeded`.
    pub code: Option<String>,
    /// The machine-readable type, for example `invalid_request_error`.
    pub error_type: Option<String>,
    /// The sentence.
    pub message: Option<String>,
    /// How long to wait, where the body says so.
    pub retry_after: Option<Duration>,
}
