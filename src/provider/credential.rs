//! A key, ready for the wire.

use http::{HeaderName, HeaderValue};

use super::vendor::KeyStyle;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Secret;

/// A key bound to one provider instance, as the header it travels in. It never reaches another provider.
///
/// `Debug` shows the header's name only.
#[derive(Clone)]
pub struct Credential {
    header: HeaderName,
    value: HeaderValue,
    secret: Secret,
}

impl Credential {
    /// `secret` as `style` wants it.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the key is empty or holds a line break or another character no header can
    /// carry.
    pub fn new(secret: Secret, style: KeyStyle) -> Result<Self> {
        let text = secret.expose();
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "the key is empty"));
        }
        let (header, value) = match style {
            KeyStyle::Bearer | KeyStyle::OptionalBearer => {
                (http::header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {text}")))
            }
            KeyStyle::Header(name) => (HeaderName::from_static(name), HeaderValue::from_str(text)),
        };
        let mut value = value.map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                "the key holds a line break or a character no header can carry; copy it again without white space",
            )
        })?;
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the key holds white space or a character outside ASCII; copy it again",
            ));
        }
        value.set_sensitive(true);
        Ok(Self { header, value, secret })
    }

    /// The header's name.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The header's value, marked sensitive.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Removes the key from a provider's sentence: some vendors echo it.
    pub fn scrub(&self, text: &str) -> String {
        text.replace(self.secret.expose(), "***")
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({}: ***)", self.header)
    }
}

/// Removes `secrets` from a provider's words: some vendors echo the key.
pub(super) fn scrub(secrets: &[Secret], error: Error) -> Error {
    secrets.iter().fold(error, |error, secret| error.redact(secret.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_could_smuggle_a_header_is_refused_without_being_shown() {
        for bad in
            ["", "sk-CANARY\r\nX-Evil: 1", "sk-CANARY\n", "sk CANARY", "sk-CANARY\u{e9}", "sk-CANARY\0"]
        {
            let error = Credential::new(Secret::new(bad), KeyStyle::Bearer).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Configuration, "{bad:?}");
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let credential = Credential::new(Secret::new("sk-CANARY"), KeyStyle::Header("x-api-key")).unwrap();

        assert_eq!(format!("{credential:?}"), "Credential(x-api-key: ***)");
        assert!(!format!("{:?}", credential.value()).contains("CANARY"));
        assert_eq!(credential.scrub("bad key sk-CANARY."), "bad key ***.");
    }
}
