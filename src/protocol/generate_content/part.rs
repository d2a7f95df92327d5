//! One part of a turn, as it is written.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::media::guess_type;
use super::sink::SIGNATURE;
use crate::types::{Json, Part, ToolOutcome};

/// One part, with the fields that stand beside its content.
pub(super) struct OutPart<'a> {
    pub(super) data: Data<'a>,
    pub(super) extra: Vec<(Cow<'a, str>, Raw<'a>)>,
}

/// The content of a part.
pub(super) enum Data<'a> {
    Text(&'a str),
    Thought(&'a str),
    Inline { media_type: &'a str, data: &'a str },
    File { uri: Cow<'a, str> },
    Call { id: Option<&'a str>, name: &'a str, args: &'a RawValue },
    Response { id: Option<&'a str>, name: &'a str, response: Response<'a>, blobs: Vec<OutPart<'a>> },
    Verbatim(&'a Json),
}

/// The value of a field beside the content.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Raw<'a> {
    Json(&'a Json),
    Text(&'a RawValue),
    Word(&'static str),
}

impl<'a> OutPart<'a> {
    pub(super) fn verbatim(json: &'a Json) -> Self {
        Self { data: Data::Verbatim(json), extra: Vec::new() }
    }

    pub(super) fn is_signed(&self) -> bool {
        self.extra.iter().any(|(name, _)| name == SIGNATURE)
    }
}

impl Serialize for OutPart<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Data::Verbatim(json) = &self.data {
            return json.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        let own: &[&str] = match &self.data {
            Data::Text(text) => {
                map.serialize_entry("text", text)?;
                &["text"]
            }
            Data::Thought(text) => {
                map.serialize_entry("text", text)?;
                map.serialize_entry("thought", &true)?;
                &["text", "thought"]
            }
            Data::Inline { media_type, data } => {
                map.serialize_entry("inlineData", &Blob { mime_type: media_type, data })?;
                &["inlineData"]
            }
            Data::File { uri } => {
                map.serialize_entry("fileData", &File { mime_type: guess_type(uri), file_uri: uri })?;
                &["fileData"]
            }
            Data::Call { id, name, args } => {
                map.serialize_entry("functionCall", &Call { id: *id, name, args })?;
                &["functionCall"]
            }
            Data::Response { id, name, response, blobs } => {
                map.serialize_entry("functionResponse", &Answer { id: *id, name, response, parts: blobs })?;
                &["functionResponse"]
            }
            Data::Verbatim(_) => &[],
        };
        for (place, (name, value)) in self.extra.iter().enumerate() {
            let again = self.extra.iter().take(place).any(|(earlier, _)| earlier == name);
            if !again && !own.contains(&&**name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    file_uri: &'a str,
}

#[derive(Serialize)]
struct Call<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    args: &'a RawValue,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    response: &'a Response<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    parts: &'a [OutPart<'a>],
}

/// What a function returned. The vendor takes a JSON object and nothing else.
pub(super) struct Response<'a> {
    outcome: ToolOutcome,
    text: Cow<'a, str>,
}

impl<'a> Response<'a> {
    pub(super) fn new(outcome: ToolOutcome, content: &'a [Part]) -> Self {
        let mut texts = content.iter().filter_map(Part::as_text);
        let text = match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => Cow::Owned([first, second].into_iter().chain(texts).collect()),
        };
        Self { outcome, text }
    }
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = object(&self.text);
        // Any key will do for a result; `error` tells the model that the call failed:
        // https://googleapis.github.io/js-genai/release_docs/classes/types.FunctionResponse.html (read 2026-11-23).
        let name = match (self.outcome, object) {
            (ToolOutcome::Success, Some(object)) => return object.serialize(serializer),
            (ToolOutcome::Success, None) => "result",
            (ToolOutcome::Failure, _) => "error",
        };
        let mut map = serializer.serialize_map(Some(1))?;
        match object {
            Some(object) => map.serialize_entry(name, object)?,
            None => map.serialize_entry(name, &self.text)?,
        }
        map.end()
    }
}

/// `text`, if it is one JSON object.
pub(super) fn object(text: &str) -> Option<&RawValue> {
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    raw.get().starts_with('{').then_some(raw)
}
