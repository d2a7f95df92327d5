//! Pictures and files: formats by name, bytes or an address in S3, names the API accepts.

use super::wire::Source;
use crate::types::MediaSource;

/// Which kinds of files a block takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
    Video,
}

/// Why a picture or file cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    Address,
    Format,
}

impl Misfit {
    pub(super) fn explain(self) -> &'static str {
        match self {
            Self::Address => {
                "is neither here nor in S3; this format fetches no other address, so send its bytes"
            }
            Self::Format => "has a format this API has no name for; convert it",
        }
    }
}

/// The format's name and the source.
pub(super) fn source(media: &MediaSource, kind: Kind) -> Result<(&'static str, Source<'_>), Misfit> {
    let inline = |media_type: &str, data| match format_of(media_type, kind) {
        Some(format) => Ok((format, Source::Bytes(data))),
        None => Err(Misfit::Format),
    };
    match media {
        MediaSource::Base64 { media_type, data } => inline(media_type, data),
        MediaSource::FileId(_) => Err(Misfit::Address),
        MediaSource::Url(url) => match url.strip_prefix("data:") {
            Some(data) => {
                let (media_type, data) = data.split_once(";base64,").ok_or(Misfit::Address)?;
                inline(media_type, data)
            }
            None if url.starts_with("s3://") => {
                let ending = url.rsplit('.').next().unwrap_or_default();
                Ok((format_of(ending, kind).ok_or(Misfit::Format)?, Source::S3(url)))
            }
            None => Err(Misfit::Address),
        },
    }
}

/// The name of a format, by its media type or a file's ending:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html> and
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html> (read 2026-11-23); those of
/// `VideoBlock`, which Amazon's own models watch, were seen in a copy.
fn format_of(text: &str, kind: Kind) -> Option<&'static str> {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let known = match kind {
        Kind::Image => IMAGES,
        Kind::Document => DOCUMENTS,
        Kind::Video => FILMS,
    };
    let found = known.iter().find(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case(essence)));
    found.map(|(format, _)| *format)
}

/// A name of the characters the API accepts, different from those in `taken`.
pub(super) fn document_name(wanted: Option<&str>, taken: &[String]) -> String {
    let mut name = String::new();
    for letter in wanted.unwrap_or_default().chars() {
        let letter = match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => letter,
            letter if letter.is_whitespace() => ' ',
            _ => '-',
        };
        if !(letter == ' ' && (name.is_empty() || name.ends_with(' '))) {
            name.push(letter);
        }
        if name.len() == LONGEST_NAME {
            break;
        }
    }
    let name = name.trim_end();
    let name = if name.is_empty() { "document" } else { name };
    if !taken.iter().any(|own| own == name) {
        return name.to_owned();
    }
    // One name for two documents is refused, and the model could not tell them apart.
    let mut number = 2_usize;
    loop {
        let numbered = format!("{name} ({number})");
        if !taken.contains(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

/// Names may have 200 characters; some are left for a number.
const LONGEST_NAME: usize = 180;

type Formats = &'static [(&'static str, &'static [&'static str])];

const IMAGES: Formats = &[
    ("png", &["image/png", "png"]),
    ("jpeg", &["image/jpeg", "image/jpg", "jpeg", "jpg"]),
    ("gif", &["image/gif", "gif"]),
    ("webp", &["image/webp", "webp"]),
];

const FILMS: Formats = &[
    ("mkv", &["video/x-matroska", "mkv"]),
    ("mov", &["video/quicktime", "mov"]),
    ("mp4", &["video/mp4", "mp4"]),
    ("webm", &["video/webm", "webm"]),
    ("flv", &["video/x-flv", "flv"]),
    ("mpeg", &["video/mpeg", "mpeg"]),
    ("mpg", &["mpg"]),
    ("wmv", &["video/x-ms-wmv", "wmv"]),
    ("three_gp", &["video/3gpp", "3gp"]),
];

const DOCUMENTS: Formats = &[
    ("pdf", &["application/pdf", "pdf"]),
    ("txt", &["text/plain", "txt"]),
    ("md", &["text/markdown", "text/x-markdown", "md"]),
    ("html", &["text/html", "html", "htm"]),
    ("csv", &["text/csv", "csv"]),
    ("doc", &["application/msword", "doc"]),
    ("docx", &["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"]),
    ("xls", &["application/vnd.ms-excel", "xls"]),
    ("xlsx", &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_the_api_accepts() {
        let long = "x".repeat(500);
        for (wanted, name) in [
            (None, "document"),
            (Some("   "), "document"),
            (Some("report_2026.v2.pdf"), "report-2026-v2-pdf"),
            (Some("a  b\n\tc (1) [2]"), "a b c (1) [2]"),
            (Some("Größe"), "Gr--e"),
            (Some(&long), &long[..180]),
        ] {
            assert_eq!(document_name(wanted, &[]), name);
        }
        let taken = ["a".to_owned(), "a (2)".to_owned()];
        assert_eq!(document_name(Some("a"), &taken), "a (3)");
    }

    #[test]
    fn formats_are_named_or_refused() {
        for (media, kind, expected) in [
            (MediaSource::bytes("image/PNG", "x"), Kind::Image, Ok("png")),
            (MediaSource::bytes("image/tiff", "x"), Kind::Image, Err(Misfit::Format)),
            (MediaSource::bytes("application/pdf", "x"), Kind::Image, Err(Misfit::Format)),
            (MediaSource::bytes("text/plain; charset=utf-8", "x"), Kind::Document, Ok("txt")),
            (MediaSource::Url("data:image/jpeg;base64,eA==".into()), Kind::Image, Ok("jpeg")),
            (MediaSource::Url("s3://bucket/a/b.PDF".into()), Kind::Document, Ok("pdf")),
            (MediaSource::Url("s3://bucket/a/b".into()), Kind::Document, Err(Misfit::Format)),
            (MediaSource::Url("https://example.com/a.png".into()), Kind::Image, Err(Misfit::Address)),
            (MediaSource::FileId("f".into()), Kind::Document, Err(Misfit::Address)),
            (MediaSource::Url("s3://bucket/a.mp4".into()), Kind::Video, Ok("mp4")),
            (MediaSource::bytes("video/3gpp", "x"), Kind::Video, Ok("three_gp")),
            (MediaSource::bytes("video/ogg", "x"), Kind::Video, Err(Misfit::Format)),
        ] {
            assert_eq!(source(&media, kind).map(|(format, _)| format), expected, "{media:?}");
        }
    }
}
