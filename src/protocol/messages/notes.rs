//! What was left out or spelled differently.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Adaptation, OnUnsupported};

/// Collects adaptations, or refuses the first where the caller wants none.
#[derive(Debug)]
pub(in crate::protocol) struct Notes {
    choice: OnUnsupported,
    list: Vec<Adaptation>,
}

impl Notes {
    /// None yet.
    pub(in crate::protocol) fn new(choice: OnUnsupported) -> Self {
        Self { choice, list: Vec::new() }
    }

    /// Notes `adaptation`, once.
    pub(in crate::protocol) fn add(&mut self, adaptation: Adaptation) -> Result<()> {
        match self.choice {
            OnUnsupported::Error => Err(Error::new(
                ErrorKind::Unsupported,
                format!("{}: {}", adaptation.field, adaptation.detail),
            )),
            OnUnsupported::Warn => {
                if !self.list.contains(&adaptation) {
                    self.list.push(adaptation);
                }
                Ok(())
            }
        }
    }

    /// All of them.
    pub(in crate::protocol) fn into_list(self) -> Vec<Adaptation> {
        self.list
    }
}
