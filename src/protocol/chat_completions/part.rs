//! Writing content blocks.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::{Error, ErrorKind};
use crate::protocol::EncodeFor;
use crate::types::{Audio, Document, Extra, Image, Json, MediaSource, Opaque, Part, Video, Wire};

use super::dialect::{Dialect, Documents, Echo, Lacking, Pictures, Videos};

/// The fields of `extra` for the target, the last of each name.
pub(super) fn extras<'a>(extra: &'a Extra, target: EncodeFor<'a>) -> Vec<(&'a str, &'a Json)> {
    let mut fields: Vec<(&str, &Json)> = Vec::new();
    for (name, value) in extra.for_target(Wire::ChatCompletions, target.provider) {
        match fields.iter_mut().find(|(own, _)| *own == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    fields
}

/// Writes an object; a field that `extra` holds as well is written once, as `extra` says.
pub(super) struct Object<'a, M> {
    pub(super) map: M,
    pub(super) extra: Vec<(&'a str, &'a Json)>,
}

impl<M: SerializeMap> Object<'_, M> {
    pub(super) fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), M::Error> {
        if self.extra.iter().any(|(own, _)| *own == name) {
            return Ok(());
        }
        self.map.serialize_entry(name, value)
    }

    pub(super) fn put_some(&mut self, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(name, &value))
    }

    pub(super) fn end(mut self) -> Result<M::Ok, M::Error> {
        for (name, value) in self.extra {
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}

/// Where a block stands; not every service takes every block everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Message,
    ToolResult,
}

/// Refuses a block that cannot be written.
pub(super) fn check(part: &Part, place: Place, dialect: &Dialect) -> Result<(), &'static str> {
    let is_media = matches!(part, Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::Video(_));
    if is_media && place == Place::ToolResult && dialect.lacks(Lacking::ToolMedia) {
        return Err("pictures, files, sound or film in tool results");
    }
    match part {
        Part::Image(Image { source: MediaSource::FileId(_), .. }) => Err("pictures by file id"),
        Part::Image(Image { source: MediaSource::Url(url), .. })
            if dialect.pictures == Pictures::Data && !url.starts_with("data:") =>
        {
            Err("pictures by address")
        }
        Part::Video(_) if dialect.videos == Videos::Refused => Err("film"),
        Part::Video(Video { source: MediaSource::Url(url), .. })
            if dialect.videos == Videos::DataOrFile && !url.starts_with("data:") =>
        {
            Err("film by address")
        }
        Part::Video(Video { source: MediaSource::FileId(_), .. })
            if dialect.videos == Videos::DataOrAddress =>
        {
            Err("film by file id")
        }
        Part::Audio(Audio { source: MediaSource::Url(_) | MediaSource::FileId(_), .. }) => {
            Err("sound by address or file id")
        }
        Part::Document(Document { source: MediaSource::Url(_), .. })
            if dialect.documents == Documents::File =>
        {
            Err("files by address")
        }
        Part::Document(Document { source: MediaSource::FileId(_), .. })
            if dialect.documents == Documents::DocumentUrl =>
        {
            Err("files by id")
        }
        Part::ToolCall(_) | Part::ToolResult(_) if place == Place::ToolResult => {
            Err("tool calls in tool results")
        }
        _ => Ok(()),
    }
}

/// Is the part a block of the content, on this wire?
pub(super) fn is_content(part: &Part, dialect: &Dialect) -> bool {
    match part {
        Part::Text(_) | Part::Image(_) | Part::Document(_) | Part::Audio(_) | Part::Video(_) => true,
        Part::Opaque(opaque) => opaque.wire == Wire::ChatCompletions,
        Part::Reasoning(reasoning) => {
            dialect.echo == Echo::Blocks
                && match &reasoning.state {
                    Some(state) => {
                        is_block(state) || (state.wire == Wire::ChatCompletions && !reasoning.text.is_empty())
                    }
                    None => !reasoning.text.is_empty(),
                }
        }
        Part::Refusal(_) => dialect.lacks(Lacking::Refusal),
        Part::ToolCall(_) | Part::ToolResult(_) => false,
    }
}

/// Is the state a content block, rather than fields of the message?
pub(super) fn is_block(state: &Opaque) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        _kind: serde::de::IgnoredAny,
    }
    state.wire == Wire::ChatCompletions && serde_json::from_str::<Typed>(state.json.as_str()).is_ok()
}

/// A content block for the target.
pub(super) struct Block<'a> {
    pub(super) part: &'a Part,
    pub(super) dialect: &'a Dialect,
    pub(super) target: EncodeFor<'a>,
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let none = Extra::new();
        let extra = match self.part {
            Part::Text(text) => &text.extra,
            Part::Image(image) => &image.extra,
            Part::Document(document) => &document.extra,
            Part::Audio(audio) => &audio.extra,
            Part::Video(video) => &video.extra,
            Part::Reasoning(reasoning) => match &reasoning.state {
                Some(state) if is_block(state) => return state.json.serialize(serializer),
                _ => &reasoning.extra,
            },
            Part::Opaque(opaque) => return opaque.json.serialize(serializer),
            Part::Refusal(_) | Part::ToolCall(_) | Part::ToolResult(_) => &none,
        };
        let mut object = Object { map: serializer.serialize_map(None)?, extra: extras(extra, self.target) };
        match self.part {
            Part::Text(text) => {
                object.put("type", "text")?;
                object.put("text", &text.text)?;
            }
            Part::Refusal(refusal) => {
                object.put("type", "text")?;
                object.put("text", &refusal.text)?;
            }
            Part::Image(image) => {
                object.put("type", "image_url")?;
                object.put(
                    "image_url",
                    &ImageUrl { url: Address(&image.source), detail: image.detail.as_deref() },
                )?;
            }
            Part::Document(document) if self.dialect.documents == Documents::DocumentUrl => {
                object.put("type", "document_url")?;
                object.put("document_url", &Address(&document.source))?;
                object.put_some("document_name", document.name.as_deref())?;
            }
            Part::Document(document) => {
                object.put("type", "file")?;
                object.put("file", &File(document))?;
            }
            Part::Audio(audio) => {
                object.put("type", "input_audio")?;
                object.put("input_audio", &InputAudio(audio))?;
            }
            Part::Video(video) => {
                object.put("type", "video_url")?;
                object.put("video_url", &VideoUrl { url: Film(&video.source) })?;
            }
            Part::Reasoning(reasoning) => {
                object.put("type", "thinking")?;
                object.put("thinking", &[Thought { r#type: "text", text: &reasoning.text }])?;
            }
            Part::Opaque(_) | Part::ToolCall(_) | Part::ToolResult(_) => {}
        }
        object.end()
    }
}

#[derive(serde::Serialize)]
struct ImageUrl<'a> {
    url: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(serde::Serialize)]
struct Thought<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// An address, or a `data:` URL.
struct Address<'a>(&'a MediaSource);

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MediaSource::Url(url) => f.write_str(url),
            MediaSource::FileId(id) => f.write_str(id),
            MediaSource::Base64 { media_type, data } => write!(f, "data:{media_type};base64,{data}"),
        }
    }
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(serde::Serialize)]
struct VideoUrl<'a> {
    url: Film<'a>,
}

/// As a picture's address; an uploaded file is an address too, of the one vendor that takes them:
/// <https://platform.kimi.ai/docs/guide/use-kimi-vision-model> (read 2026-11-26).
struct Film<'a>(&'a MediaSource);

impl Serialize for Film<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            MediaSource::FileId(id) => serializer.collect_str(&format_args!("ms://{id}")),
            source => Address(source).serialize(serializer),
        }
    }
}

struct File<'a>(&'a Document);

impl Serialize for File<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.0.source {
            MediaSource::FileId(id) => {
                map.serialize_entry("file_id", id)?;
                if let Some(name) = &self.0.name {
                    map.serialize_entry("filename", name)?;
                }
            }
            source => {
                map.serialize_entry("file_data", &Address(source))?;
                // OpenAI wants a name beside data.
                let name = self.0.name.as_deref().unwrap_or_else(|| default_name(source));
                map.serialize_entry("filename", name)?;
            }
        }
        map.end()
    }
}

fn default_name(source: &MediaSource) -> &'static str {
    match source {
        MediaSource::Base64 { media_type, .. } if media_type == "text/plain" => "document.txt",
        MediaSource::Base64 { .. } | MediaSource::Url(_) | MediaSource::FileId(_) => "document.pdf",
    }
}

struct InputAudio<'a>(&'a Audio);

impl Serialize for InputAudio<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let MediaSource::Base64 { media_type, data } = &self.0.source {
            map.serialize_entry("data", data)?;
            map.serialize_entry("format", audio_format(media_type))?;
        }
        map.end()
    }
}

/// `audio/mpeg` is `mp3` here; the other formats are named as their media types are.
pub(super) fn audio_format(media_type: &str) -> &str {
    match media_type.strip_prefix("audio/").unwrap_or(media_type) {
        "mpeg" | "mp3" => "mp3",
        "x-wav" | "wave" | "vnd.wave" | "wav" => "wav",
        other => other,
    }
}

/// The error for a request that cannot be written after all; the checks before should leave none.
pub(super) fn unwritable(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("the request cannot be written as JSON ({:?})", error.classify()))
}
