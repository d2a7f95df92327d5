//! OpenAI's transcripts.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::multipart::Form;
use super::{OpenAiTranscriptions, count};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::fields::Fields;
use crate::protocol::{EncodeFor, Encoded, Path, Procedure, RawAnswer, WireFailure, unreadable};
use crate::types::{Json, TranscriptReply, TranscriptRequest, Usage, Wire};

impl Procedure<TranscriptRequest, TranscriptReply> for OpenAiTranscriptions {
    fn encode(&self, request: &TranscriptRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let mut texts: Vec<(&str, Cow<'_, str>)> = vec![("model", Cow::Borrowed(target.model))];
        let extra: Vec<(&str, &Json)> =
            request.extra.for_target(Wire::ChatCompletions, target.provider).collect();
        let ours = [
            ("response_format", Some("json")),
            ("language", request.language.as_deref()),
            ("prompt", request.prompt.as_deref()),
        ];
        for (name, value) in ours {
            if let Some(value) = value
                && !extra.iter().any(|(own, _)| *own == name)
            {
                texts.push((name, Cow::Borrowed(value)));
            }
        }
        for (name, value) in extra {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
                return Err(Error::new(
                    ErrorKind::InvalidRequest,
                    "an extra field's name is not plain enough for a form",
                ));
            }
            if !matches!(name, "model" | "file") {
                // A form has texts only; what is no text is written as JSON.
                let text = serde_json::from_str::<String>(value.as_str());
                texts.push((name, text.map_or(Cow::Borrowed(value.as_str()), Cow::Owned)));
            }
        }
        let contents: Vec<&[u8]> =
            texts.iter().map(|(_, text)| text.as_bytes()).chain([&*request.audio]).collect();
        let mut form = Form::around(&contents);
        for (name, text) in &texts {
            form.text(name, text);
        }
        form.file(&request.file_name, &request.media_type, &request.audio);
        let (body, media_type) = form.finish();
        let mut encoded = Encoded::new(Path::Fixed("audio/transcriptions"), body);
        encoded.headers.push(("content-type", Cow::Owned(media_type)));
        Ok(encoded)
    }

    fn decode(&self, answer: RawAnswer<'_>, _request: &TranscriptRequest) -> Result<TranscriptReply> {
        // `response_format` may ask for bare text or subtitles.
        if answer.media_type.is_some_and(|kind| !kind.contains("json")) {
            let text = String::from_utf8(answer.body.to_vec())
                .map_err(|_| Error::new(ErrorKind::InvalidResponse, "the transcript is not UTF-8"))?;
            return Ok(TranscriptReply::new(text));
        }
        let fields: Fields<'_> =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable("the transcript", &error))?;
        let Some(text) = fields.text("text") else {
            let failure = WireFailure::parse(&answer.body);
            return Err(match failure.message {
                Some(_) => failure.into_error(200),
                None => Error::new(ErrorKind::InvalidResponse, "the answer has no transcript"),
            });
        };
        let mut reply = TranscriptReply::new(text);
        reply.language = fields.text("language");
        reply.duration = fields.get("duration").and_then(seconds);
        reply.facts.usage = fields.get("usage").and_then(usage);
        if reply.facts.usage.is_none() {
            reply.facts.usage = reply.duration.and_then(by_length);
        }
        let unnamed = |name: &str| !matches!(name, "text" | "language" | "duration" | "usage");
        for (name, value) in fields.iter().filter(|(name, _)| unnamed(name)) {
            reply.extra.insert(Wire::ChatCompletions, name, Json::from(value.to_owned()));
        }
        Ok(reply)
    }
}

/// A number, or a number as text: OpenAI has sent both.
fn seconds(raw: &RawValue) -> Option<Duration> {
    let value: Value = serde_json::from_str(raw.get()).ok()?;
    let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// By tokens or by the length of the recording.
fn usage(raw: &RawValue) -> Option<Usage> {
    #[derive(Deserialize)]
    struct Counts<'a> {
        #[serde(borrow)]
        seconds: Option<&'a RawValue>,
        #[serde(borrow)]
        input_tokens: Option<&'a RawValue>,
        #[serde(borrow)]
        output_tokens: Option<&'a RawValue>,
        #[serde(borrow)]
        input_token_details: Option<Details<'a>>,
    }
    #[derive(Deserialize)]
    struct Details<'a> {
        #[serde(borrow)]
        audio_tokens: Option<&'a RawValue>,
    }
    let counts: Counts<'_> = serde_json::from_str(raw.get()).ok()?;
    if let Some(length) = counts.seconds.and_then(seconds) {
        return by_length(length);
    }
    let usage = Usage {
        input_tokens: count(counts.input_tokens),
        output_tokens: count(counts.output_tokens),
        audio_input_tokens: counts.input_token_details.and_then(|details| count(details.audio_tokens)),
        ..Usage::default()
    };
    (usage != Usage::default()).then_some(usage)
}

fn by_length(length: Duration) -> Option<Usage> {
    let milliseconds = u64::try_from(length.as_millis()).ok()?;
    Some(Usage { input_milliseconds: Some(milliseconds), ..Usage::default() })
}
