//! What to do when an answer breaks off after it began.

use super::Target;
use crate::error::ErrorKind;

/// What the client does when a stream breaks after its first content was handed out. Before that a failure always moves
/// on unseen.
///
/// A recovery is an attempt like every other: it counts against the same limit of attempts and the same total time, and
/// is paid for beside the one that broke. When it fails, the error is the one that broke the stream. After a tool call
/// has begun nothing is recovered: the application may have acted on it.
///
/// ```
/// use polyroute::ChatRequest;
/// use polyroute::types::{CallOptions, Recovery};
///
/// let request = ChatRequest::new("smart")
///     .user("Tell me a long story.")
///     .options(CallOptions::new().recovery(Recovery::Restart));
/// # assert_eq!(request.options.unwrap().recovery, Recovery::Restart);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// Nothing: the stream ends with an error that carries what had come
    /// ([`Error::partial`](crate::Error::partial)). The default, because half an answer has been shown.
    #[default]
    Fail,
    /// Asks again, at the next target of the plan where there is one. [`StreamEvent::Resumed`](super::StreamEvent::Resumed)
    /// says that everything before it is void.
    Restart,
    /// Lets a model write on from the text that had come, which it is given as the beginning of its answer. Only at
    /// targets that the catalogue says continue one ([`AssistantPrefill`](crate::catalog::Capability::AssistantPrefill))
    /// and whose provider's way to ask for it is known; text that is repeated is left out. Not for requests with tools, a
    /// JSON format, reasoning or several answers, nor after signed reasoning: those cannot be continued.
    Continue,
}

/// An answer went on after it had broken off.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// How: [`Recovery::Restart`] voids everything before, [`Recovery::Continue`] nothing.
    pub recovery: Recovery,
    /// Who goes on.
    pub target: Target,
    /// What the stream broke with.
    pub cause: ErrorKind,
}

impl Resumption {
    /// `target` goes on after `cause`.
    pub fn new(recovery: Recovery, target: Target, cause: ErrorKind) -> Self {
        Self { recovery, target, cause }
    }
}
