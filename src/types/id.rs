//! `provider/model`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// One model at one provider, written `provider/model` and split at the first `/`.
///
/// Cloning copies a pointer. The model part is sent as it stands and may itself contain `/`.
///
/// ```
/// let target: polyroute::Target = "openrouter/meta-llama/llama-3.3-70b".parse()?;
/// assert_eq!(target.provider(), "openrouter");
/// assert_eq!(target.model(), "meta-llama/llama-3.3-70b");
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    text: Arc<str>,
    slash: usize,
}

impl Target {
    /// Joins a provider's name and a model's name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when either is empty, the provider holds a `/`, or either holds a control
    /// character, white space or an invisible direction mark, or is longer than 512 bytes.
    pub fn new(provider: &str, model: &str) -> Result<Self> {
        if provider.is_empty() || model.is_empty() || provider.contains('/') {
            return Err(invalid("a target is written provider/model"));
        }
        if provider.len() > MAX_BYTES || model.len() > MAX_BYTES {
            return Err(invalid("a provider or model name is longer than 512 bytes"));
        }
        if provider.chars().chain(model.chars()).any(is_unprintable) {
            return Err(invalid("a provider or model name holds white space or an invisible character"));
        }
        if model.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(invalid("a model name may not hold . or .. between slashes"));
        }
        Ok(Self { text: format!("{provider}/{model}").into(), slash: provider.len() })
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        self.text.get(..self.slash).unwrap_or_default()
    }

    /// The model's name, as the provider knows it.
    pub fn model(&self) -> &str {
        self.text.get(self.slash + 1..).unwrap_or_default()
    }

    /// `provider/model`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (provider, model) =
            text.split_once('/').ok_or_else(|| invalid("a target is written provider/model"))?;
        Self::new(provider, model)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}

/// Names end up in paths, headers and logs; nobody needs these there.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

const MAX_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for bad in [
            "",
            "x",
            "/m",
            "p/",
            "p/a b",
            "p/a\r\nX-Evil: 1",
            "p/\0",
            "p/\u{202e}x",
            "p/\u{61c}x",
            "p/\u{e0041}x",
            "p/../admin",
            "p/./x",
            " p/m",
        ] {
            assert_eq!(bad.parse::<Target>().unwrap_err().kind(), ErrorKind::InvalidRequest, "{bad:?}");
        }
        assert!(format!("p/{}", "m".repeat(513)).parse::<Target>().is_err());
    }
}
