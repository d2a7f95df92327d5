//! Makes a request fit whoever it is written for, and the answer fit whoever asked.
//!
//! What formats and vendors want otherwise than it is said here is rewritten in one place, before the format writes it:
//! names of tools, schemas beyond the vendor's subset, schemas where there are none, caching, safety settings, tools the
//! vendor runs itself. What the vendor must not show of this is undone in the answer by [`Restore`].

mod cache;
mod emulate;
mod fence;
mod hosted;
mod names;
mod needs;
mod restore;
mod schema;
mod tree;
mod validate;

use std::borrow::Cow;

pub(crate) use emulate::{is_told_in_words, mend};
#[cfg(feature = "schema")]
pub(crate) use fence::unfenced;
pub use needs::{
    CacheStyle, Fetches, HostedStyle, JsonStyle, Medium, Needs, SafetyStyle, SchemaRules, ToolNames,
};
pub(crate) use restore::Restore;
pub(crate) use validate::{Checked, check};

use super::notes::Notes;
use super::{EncodeFor, Protocol};
use crate::error::Result;
use crate::types::{Adaptation, ChatRequest};

/// A request that fits, and what has to be undone in its answer.
pub(crate) struct Fitted<'a> {
    pub(crate) request: Cow<'a, ChatRequest>,
    /// What was changed.
    pub(crate) adaptations: Vec<Adaptation>,
    pub(crate) restore: Restore,
}

/// Rewrites `request` for `target` as `protocol` needs it. Most requests need nothing and are not copied.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when something cannot be made to fit, or the caller wants
/// nothing changed.
pub(crate) fn fit<'a>(
    request: &'a ChatRequest,
    protocol: &dyn Protocol,
    target: EncodeFor<'_>,
) -> Result<Fitted<'a>> {
    let needs = protocol.needs();
    let mut work = Work {
        request: Cow::Borrowed(request),
        notes: Notes::new(request.on_unsupported),
        restore: Restore::default(),
        wire: protocol.wire(),
        needs: &needs,
        target,
    };
    hosted::fit(&mut work)?;
    schema::fit(&mut work)?;
    names::fit(&mut work)?;
    cache::fit(&mut work)?;
    Ok(Fitted { request: work.request, adaptations: work.notes.into_list(), restore: work.restore })
}

/// What the steps work on.
struct Work<'a, 'n> {
    request: Cow<'a, ChatRequest>,
    notes: Notes,
    restore: Restore,
    wire: crate::types::Wire,
    needs: &'n Needs,
    target: EncodeFor<'n>,
}

#[cfg(test)]
mod tests;
