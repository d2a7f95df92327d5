//! What had to be changed to fit a target.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What to do with an option that a target does not have, where leaving it out does not change the meaning of the
/// answer (a seed, a penalty, a user name). Options that do change it are always refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnsupported {
    /// Leave it out and say so in [`Reply::adaptations`](super::Reply).
    #[default]
    Warn,
    /// Refuse with [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before a byte is sent.
    Error,
}

impl OnUnsupported {
    /// May the request be sent in spite of `adaptation`? The one place that says so.
    pub(crate) fn permit(self, adaptation: &Adaptation) -> Result<()> {
        match self {
            Self::Warn => Ok(()),
            Self::Error => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{}: {}; leave it out, choose another target, or allow it with OnUnsupported::Warn",
                    adaptation.field, adaptation.detail
                ),
            )),
        }
    }
}

/// One option that was left out or spelled differently for the target that answered.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adaptation {
    /// The request's field, for example `seed`.
    pub field: Cow<'static, str>,
    /// What happened to it.
    pub kind: AdaptationKind,
    /// Why, in one sentence.
    pub detail: Cow<'static, str>,
}

/// What happened to an option.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdaptationKind {
    /// It was left out.
    Dropped,
    /// It was sent in another form with a slightly different meaning.
    Changed,
}

impl Adaptation {
    /// `field` was left out.
    pub fn dropped(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), kind: AdaptationKind::Dropped, detail: detail.into() }
    }

    /// `field` was sent in another form.
    pub fn changed(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), kind: AdaptationKind::Changed, detail: detail.into() }
    }
}
