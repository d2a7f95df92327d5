//! Raw JSON text that is known to be valid and is never re-parsed on its way through.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};

/// Valid JSON, kept byte for byte: key order and number spelling survive.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Checks and keeps `text`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when `text` is not one JSON value.
    pub fn from_text(text: impl Into<String>) -> Result<Self> {
        RawValue::from_string(text.into()).map(Self).map_err(|error| {
            Error::new(ErrorKind::InvalidRequest, format!("not valid JSON at line {}", error.line()))
        })
    }

    /// Serialises `value`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when `value` has no JSON form, such as a map with keys that are not strings.
    pub fn from_value(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .map_err(|_| Error::new(ErrorKind::InvalidRequest, "the value has no JSON form"))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads it as a `T`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when the JSON does not have the shape of `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.0.get()).map_err(|error| {
            Error::new(
                ErrorKind::InvalidResponse,
                format!("the JSON does not fit the type, line {} column {}", error.line(), error.column()),
            )
        })
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        // A `Value` always has a JSON form; the fallback only satisfies the signature.
        serde_json::value::to_raw_value(&value).map_or_else(|_| Self(RawValue::NULL.to_owned()), Self)
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.as_str().len())
    }
}
