//! A request as it is sent, and what has to be undone in its answer.

use super::HttpProvider;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fit::{Restore, fit};
use crate::protocol::{EncodeFor, Encoded, Mode, Protocol};
use crate::provider::{Call, media};
use crate::types::{Adaptation, ChatRequest};

impl HttpProvider {
    /// The format that `model` speaks.
    pub(super) fn format_of(&self, model: &str) -> Result<&'static dyn Protocol> {
        let family = self.families.iter().find(|(name, _)| model.starts_with(&**name));
        family.map_or_else(|| self.chat_format(), |(_, chat)| Ok(*chat))
    }

    /// Writes a request, with the bytes of what the vendor does not fetch itself. Whether it can be written is known before
    /// anything is fetched.
    pub(super) async fn prepare(&self, call: Call<'_>, mode: Mode) -> Result<Written> {
        let addresses = media::addresses(call.request, self.format_of(call.model)?.needs().fetches);
        let (Some(fetcher), false) = (&self.fetcher, addresses.is_empty()) else {
            return self.encode(call, mode);
        };
        self.encode(Call { request: &media::foreseen(call.request, &addresses), ..call }, mode)?;
        let request = media::fetched(call.request, &addresses, fetcher).await?;
        let mut written = self.encode(Call { request: &request, ..call }, mode)?;
        written.adaptations.push(media::note());
        Ok(written)
    }

    pub(super) fn encode(&self, call: Call<'_>, mode: Mode) -> Result<Written> {
        let chat = self.format_of(call.model)?;
        if let Some(address) = media::addresses(call.request, chat.needs().fetches).first() {
            return Err(media::refusal(&self.name, *address));
        }
        let mut target = EncodeFor::new(&self.name, call.model, mode);
        target.hints = call.hints;
        target.resource = self.resource.as_deref();
        let fitted = fit(call.request, chat, target)?;
        let mut encoded = chat.encode_chat(&fitted.request, target)?;
        if let Some(limit) = self.request_limit.filter(|limit| encoded.body.len() > *limit) {
            return Err(too_large(&self.name, encoded.body.len(), limit, call.request));
        }
        encoded.adaptations.splice(0..0, fitted.adaptations);
        // A format of this crate has asked already; one of the application's may not have.
        encoded
            .adaptations
            .iter()
            .try_for_each(|adaptation| call.request.on_unsupported.permit(adaptation))?;
        let adaptations = std::mem::take(&mut encoded.adaptations);
        Ok(Written { encoded, chat, adaptations, restore: fitted.restore })
    }
}

/// A request as it is sent, and how to read its answer.
pub(super) struct Written {
    pub(super) encoded: Encoded,
    pub(super) chat: &'static dyn Protocol,
    pub(super) adaptations: Vec<Adaptation>,
    pub(super) restore: Restore,
}

/// Names the part that a request could do without.
fn too_large(name: &str, bytes: usize, limit: usize, request: &ChatRequest) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "the request has {bytes} bytes and {name} takes {limit}; {} is the largest, send it by its address or make it \
             smaller",
            largest(request)
        ),
    )
}

/// The same where only the provider knew how much it takes.
pub(super) fn name_largest(error: Error, request: &ChatRequest) -> Error {
    match error.status() {
        Some(413) => error.with_hint(&format!("{} is the largest part", largest(request))),
        _ => error,
    }
}

fn largest(request: &ChatRequest) -> String {
    let parts = request.messages.iter().enumerate().flat_map(|(place, message)| {
        message.parts.iter().enumerate().map(move |(part, content)| (content.size_hint(), place, part))
    });
    let (_, message, part) = parts.max().unwrap_or_default();
    format!("messages[{message}].parts[{part}]")
}
