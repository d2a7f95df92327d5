//! Pictures, files and sound: carried along, or fetched by the vendor.

use std::borrow::Cow;

use super::part::Data;
use crate::error::{Error, ErrorKind, Result};
use crate::types::MediaSource;

/// What the vendor can fetch: its own Files API, Cloud Storage, YouTube and any public or signed address:
/// <https://ai.google.dev/gemini-api/docs/file-input-methods> (read 2026-11-23).
pub(super) fn media(source: &MediaSource) -> Result<Data<'_>> {
    match source {
        MediaSource::Base64 { media_type, data } => Ok(Data::Inline { media_type, data }),
        MediaSource::FileId(id) if id.contains("://") => Ok(Data::File { uri: Cow::Borrowed(id) }),
        MediaSource::FileId(id) => {
            let name = id.strip_prefix("files/").unwrap_or(id);
            Ok(Data::File { uri: Cow::Owned(format!("{FILES}{name}")) })
        }
        MediaSource::Url(url) => {
            let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
            match scheme.as_str() {
                "http" | "https" | "gs" => Ok(Data::File { uri: Cow::Borrowed(url) }),
                "data" => data_url(url).ok_or_else(|| {
                    Error::new(ErrorKind::InvalidRequest, "a data: address is not base64 with a media type")
                }),
                _ => Err(Error::new(
                    ErrorKind::Unsupported,
                    "the provider fetches http, https and gs addresses only",
                )),
            }
        }
    }
}

/// `data:image/png;base64,…`.
fn data_url(url: &str) -> Option<Data<'_>> {
    let (head, data) = url.get(5..)?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?.split(';').next()?;
    media_type.contains('/').then_some(Data::Inline { media_type, data })
}

/// By the ending of the path; the provider finds out itself where there is none.
pub(super) fn guess_type(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next()?;
    let ending = path.rsplit('/').next()?.rsplit_once('.')?.1.to_ascii_lowercase();
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, media_type)| *media_type)
}

/// A file's id is the end of its address: <https://ai.google.dev/api/files> (read 2026-11-23).
const FILES: &str = "https://generativelanguage.googleapis.com/v1beta/files/";

/// Types the vendor documents for fetched files, by ending.
const TYPES: &[(&str, &str)] = &[
    ("aac", "audio/aac"),
    ("csv", "text/csv"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
];
