//! What was left out or spelled differently.

use crate::error::Result;
use crate::types::{Adaptation, OnUnsupported};

/// Collects adaptations, or refuses the first where the caller wants none.
#[derive(Debug)]
pub(super) struct Notes {
    choice: OnUnsupported,
    list: Vec<Adaptation>,
}

impl Notes {
    /// None yet.
    pub(super) fn new(choice: OnUnsupported) -> Self {
        Self { choice, list: Vec::new() }
    }

    /// Notes `adaptation`, once.
    pub(super) fn add(&mut self, adaptation: Adaptation) -> Result<()> {
        self.choice.permit(&adaptation)?;
        if !self.list.contains(&adaptation) {
            self.list.push(adaptation);
        }
        Ok(())
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Adaptation> {
        self.list
    }
}
