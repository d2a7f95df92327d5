//! The two speakers of formats that know no others.

use serde::{Serialize, Serializer};

use super::notes::Notes;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Adaptation, Message, Role};

/// The two roles there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    Assistant,
    User,
}

impl Speaker {
    /// Who says `message`, the one at `position`; `None` for instructions, which stand apart.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for any other role.
    pub(super) fn of(message: &Message, position: usize, notes: &mut Notes) -> Result<Option<Self>> {
        let speaker = match &message.role {
            Role::System | Role::Developer => return Ok(None),
            Role::User | Role::Tool => Self::User,
            Role::Assistant => Self::Assistant,
            Role::Other(_) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "message {position} has a role this format does not know; use system, user, assistant or tool"
                    ),
                ));
            }
        };
        if message.name.is_some() {
            notes.add(Adaptation::dropped("messages.name", "the format has no names of participants"))?;
        }
        Ok(Some(speaker))
    }

    /// A conversation begins with a user's turn.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when it does not.
    pub(super) fn open(first: Option<Self>) -> Result<()> {
        let why = match first {
            Some(Self::User) => return Ok(()),
            Some(Self::Assistant) => {
                "the conversation begins with an assistant's turn; this format wants a user's turn first"
            }
            None => "the conversation has no user's turn with content; add one with .user(..)",
        };
        Err(Error::new(ErrorKind::Unsupported, why))
    }
}

impl Serialize for Speaker {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Assistant => "assistant",
            Self::User => "user",
        })
    }
}
