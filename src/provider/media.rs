//! Pictures, files, sound and film at an address that the vendor does not fetch: fetched here, where that is allowed.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Fetches, Medium};
use crate::transport::GuardedFetcher;
use crate::types::{Adaptation, ChatRequest, MediaSource, Part};

/// Where in a request something has to be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    message: usize,
    part: usize,
    /// Inside a tool's result.
    inner: Option<usize>,
    medium: Medium,
}

/// What `request` has at addresses that a vendor with these habits does not fetch.
pub(super) fn addresses(request: &ChatRequest, fetches: Fetches) -> Vec<Address> {
    let mut found = Vec::new();
    if fetches == Fetches::EVERYTHING {
        return found;
    }
    let mut look = |message, part, inner, content: &Part| {
        if let Some((medium, MediaSource::Url(url))) = source(content)
            && !fetches.has(medium)
            && is_web(url)
        {
            found.push(Address { message, part, inner, medium });
        }
    };
    for (message, turn) in request.messages.iter().enumerate() {
        for (part, content) in turn.parts.iter().enumerate() {
            look(message, part, None, content);
            if let Part::ToolResult(result) = content {
                for (inner, content) in result.content.iter().enumerate() {
                    look(message, part, Some(inner), content);
                }
            }
        }
    }
    found
}

/// What a request with such addresses is told that may not be fetched for.
pub(super) fn refusal(provider: &str, address: Address) -> Error {
    let Address { message, part, medium, .. } = address;
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "messages[{message}].parts[{part}]: {provider} takes {} by its bytes only; send them, or let the address be \
             fetched here with Settings::fetch_media",
            medium.as_str()
        ),
    )
    .not_sent()
}

/// `request` as it will be written once everything is fetched, for asking whether it can be.
pub(super) fn foreseen(request: &ChatRequest, addresses: &[Address]) -> ChatRequest {
    let mut request = request.clone();
    for address in addresses {
        let media_type = match address.medium {
            Medium::Document => "application/pdf",
            Medium::Sound => "audio/wav",
            Medium::Film => "video/mp4",
            _ => "image/png",
        };
        put(&mut request, *address, MediaSource::bytes(media_type, Vec::new()));
    }
    request
}

/// `request` with the bytes of everything at `addresses`. Dropping the future closes the connections.
///
/// # Errors
/// [`ErrorKind::Unsupported`], so that a target that fetches by itself may be asked: when something cannot be fetched, is too
/// large, or is not what it is said to be. No message repeats an address.
pub(super) async fn fetched(
    request: &ChatRequest,
    addresses: &[Address],
    fetcher: &GuardedFetcher,
) -> Result<ChatRequest> {
    let mut with_bytes = request.clone();
    let mut bytes = 0_usize;
    for address in addresses {
        let Some(url) = url(request, *address) else { continue };
        let content = fetcher.fetch(url).await.map_err(|error| failure(*address, error.message()))?;
        bytes = bytes.saturating_add(content.len());
        if bytes > MOST_BYTES {
            return Err(failure(*address, "all that is to be fetched for this request is too large"));
        }
        let media_type = sniffed(&content, address.medium)
            .ok_or_else(|| failure(*address, "what is there is of no kind that is known here"))?;
        put(&mut with_bytes, *address, MediaSource::bytes(media_type, content));
    }
    Ok(with_bytes)
}

/// What is said of it on the answer.
pub(super) fn note() -> Adaptation {
    Adaptation::changed(
        "messages.parts",
        Cow::Borrowed("the vendor does not fetch the address; what is there was fetched here and sent along"),
    )
}

fn failure(address: Address, why: &str) -> Error {
    let Address { message, part, medium, .. } = address;
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "messages[{message}].parts[{part}]: {} could not be fetched: {why}; send its bytes",
            medium.as_str()
        ),
    )
    .not_sent()
}

fn source(part: &Part) -> Option<(Medium, &MediaSource)> {
    match part {
        Part::Image(image) => Some((Medium::Picture, &image.source)),
        Part::Document(document) => Some((Medium::Document, &document.source)),
        Part::Audio(audio) => Some((Medium::Sound, &audio.source)),
        Part::Video(video) => Some((Medium::Film, &video.source)),
        Part::Text(_)
        | Part::ToolCall(_)
        | Part::ToolResult(_)
        | Part::Reasoning(_)
        | Part::Refusal(_)
        | Part::Opaque(_) => None,
    }
}

/// Other schemes are the vendors' own stores, or hold the bytes already.
fn is_web(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

fn url(request: &ChatRequest, address: Address) -> Option<&str> {
    let part = request.messages.get(address.message)?.parts.get(address.part)?;
    let part = match (address.inner, part) {
        (Some(inner), Part::ToolResult(result)) => result.content.get(inner)?,
        _ => part,
    };
    match source(part) {
        Some((_, MediaSource::Url(url))) => Some(url),
        _ => None,
    }
}

fn put(request: &mut ChatRequest, address: Address, new: MediaSource) {
    let message = request.messages.get_mut(address.message);
    let part = message.and_then(|message| message.parts.get_mut(address.part));
    let part = match (address.inner, part) {
        (Some(inner), Some(Part::ToolResult(result))) => result.content.get_mut(inner),
        (_, part) => part,
    };
    match part {
        Some(Part::Image(image)) => image.source = new,
        Some(Part::Document(document)) => document.source = new,
        Some(Part::Audio(audio)) => audio.source = new,
        Some(Part::Video(video)) => video.source = new,
        _ => {}
    }
}

/// The media type by the first bytes, which is what vendors go by too; neither the name nor what the server says is
/// believed.
fn sniffed(bytes: &[u8], medium: Medium) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let riff = |kind: &[u8]| at(0, b"RIFF") && at(8, kind);
    let brand = |brands: &[&[u8]]| at(4, b"ftyp") && brands.iter().any(|brand| at(8, brand));
    match medium {
        Medium::Picture if at(0, b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        Medium::Picture if at(0, b"\xff\xd8\xff") => Some("image/jpeg"),
        Medium::Picture if at(0, b"GIF87a") || at(0, b"GIF89a") => Some("image/gif"),
        Medium::Picture if riff(b"WEBP") => Some("image/webp"),
        Medium::Picture if brand(&[b"heic", b"heix"]) => Some("image/heic"),
        Medium::Document if at(0, b"%PDF-") => Some("application/pdf"),
        Medium::Document => plain_text(bytes),
        Medium::Sound if riff(b"WAVE") => Some("audio/wav"),
        Medium::Sound if at(0, b"ID3") || mpeg_frame(bytes) => Some("audio/mpeg"),
        Medium::Sound if at(0, b"fLaC") => Some("audio/flac"),
        Medium::Sound if at(0, b"OggS") => Some("audio/ogg"),
        Medium::Sound if brand(&[b"M4A "]) => Some("audio/mp4"),
        Medium::Film if brand(&[b"qt  "]) => Some("video/quicktime"),
        Medium::Film if at(4, b"ftyp") => Some("video/mp4"),
        Medium::Film if at(0, b"\x1a\x45\xdf\xa3") => Some("video/webm"),
        _ => None,
    }
}

/// The page that says that there is no such document is none.
fn plain_text(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && !text.contains('\0'))?;
    (!text.trim_start().starts_with('<')).then_some("text/plain")
}

/// The eleven bits that begin every frame, of layer 3.
fn mpeg_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, second, ..] if second & 0xe6 == 0xe2)
}

/// More than any vendor takes in one request.
const MOST_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_is_what_its_first_bytes_say() {
        for (bytes, medium, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Medium::Picture, Some("image/png")),
            (b"\xff\xd8\xff\xe0", Medium::Picture, Some("image/jpeg")),
            (b"GIF89a", Medium::Picture, Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Medium::Picture, Some("image/webp")),
            (b"%PDF-1.7", Medium::Document, Some("application/pdf")),
            (b"# Notes", Medium::Document, Some("text/plain")),
            (b"RIFF\0\0\0\0WAVEfmt ", Medium::Sound, Some("audio/wav")),
            (b"\xff\xfb\x90\x00", Medium::Sound, Some("audio/mpeg")),
            (b"\0\0\0\x18ftypmp42", Medium::Film, Some("video/mp4")),
            (b"\x1a\x45\xdf\xa3", Medium::Film, Some("video/webm")),
            (b"<!doctype html><title>404</title>", Medium::Document, None),
            (b"<html>", Medium::Picture, None),
            (b"%PDF-1.7", Medium::Picture, None),
            (b"\x89PNG\r\n\x1a\n", Medium::Film, None),
            (b"\0\x01", Medium::Document, None),
            (b"", Medium::Document, None),
            (b"", Medium::Picture, None),
        ] {
            assert_eq!(sniffed(bytes, medium), expected, "{bytes:?}");
        }
    }
}
