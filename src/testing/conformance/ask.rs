//! Asking a subject and judging what it did.

use super::{Play, Subject, Verdict};
use crate::catalog::{Capability, Support};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::types::{ChatRequest, ChatResponse, Reply};

/// Why a case failed.
pub(super) type Checked<T = ()> = Result<T, String>;

/// How the answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Whole,
    Stream,
}

pub(super) const BOTH: [Way; 2] = [Way::Whole, Way::Stream];

/// A client whose vendor plays `plays`.
pub(super) fn client(subject: &dyn Subject, plays: Vec<Play>) -> Checked<Client> {
    subject.client(plays).map_err(|error| format!("the client cannot be built: {error}"))
}

pub(super) fn answer(reply: &Reply) -> Play {
    Play::Answer { reply: Box::new(reply.clone()), piece: None }
}

pub(super) fn request(subject: &dyn Subject, text: &str) -> ChatRequest {
    ChatRequest::new(subject.model()).user(text).max_output_tokens(500)
}

pub(super) async fn ask(client: &Client, request: &ChatRequest, way: Way) -> Result<ChatResponse, Error> {
    match way {
        Way::Whole => client.chat(request).await,
        Way::Stream => client.chat_stream(request).await?.into_response().await,
    }
}

/// The answer, or that it was rightly refused.
pub(super) fn settled(
    subject: &dyn Subject,
    capability: Option<Capability>,
    asked: Result<ChatResponse, Error>,
) -> Checked<Option<ChatResponse>> {
    let declared = capability.map_or(Support::Unknown, |capability| subject.supports(capability));
    match asked {
        Ok(response) if declared == Support::No => {
            Err(format!("it says it cannot, and answered {} parts", response.message().parts.len()))
        }
        Ok(response) => Ok(Some(response)),
        Err(error) if error.kind() != ErrorKind::Unsupported => {
            Err(format!("{error} ({})", error.provider_message().unwrap_or("no words of the vendor")))
        }
        Err(_) if declared == Support::Yes => Err("it says it can, and refused".to_owned()),
        Err(_) => match subject.requests() {
            None | Some(0) => Ok(None),
            Some(sent) => Err(format!("it refused after {sent} requests were sent")),
        },
    }
}

pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Checked {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}

pub(super) fn verdict(outcome: Checked<Verdict>) -> Verdict {
    outcome.unwrap_or_else(Verdict::Fails)
}
