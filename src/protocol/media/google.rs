//! Google's pictures and speech.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{GoogleMedia, count, unwritable};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{EncodeFor, Encoded, Path, Procedure, RawAnswer, WireFailure, unreadable};
use crate::types::{
    Extra, GeneratedImage, ImageContent, ImageReply, ImageRequest, Json, SpeechReply, SpeechRequest, Usage,
    Wire,
};

impl Procedure<ImageRequest, ImageReply> for GoogleMedia {
    fn encode(&self, request: &ImageRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let extra = |body| with_extra(body, &request.extra, target.provider);
        if request.quality.is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "quality: this vendor has no such choice"));
        }
        if target.model.starts_with("imagen") {
            let mut parameters = Map::new();
            if let Some(pictures) = request.n {
                parameters.insert("sampleCount".into(), json!(pictures));
            }
            if let Some(ratio) = &request.size {
                parameters.insert("aspectRatio".into(), json!(ratio));
            }
            let body = json!({"instances": [{"prompt": request.prompt}], "parameters": parameters});
            return self.encoded(target, ":predict", &extra(body)?);
        }
        if request.n.is_some_and(|pictures| pictures > 1) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "n: this model makes one picture in a request; send it several times",
            ));
        }
        let mut config = Map::new();
        config.insert("responseModalities".into(), json!(["IMAGE"]));
        if let Some(ratio) = &request.size {
            config.insert("imageConfig".into(), json!({"aspectRatio": ratio}));
        }
        let body = json!({"contents": [{"role": "user", "parts": [{"text": request.prompt}]}],
            "generationConfig": config});
        self.encoded(target, ":generateContent", &extra(body)?)
    }

    fn decode(&self, answer: RawAnswer<'_>, _request: &ImageRequest) -> Result<ImageReply> {
        let own: Answer<'_> =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable("the pictures", &error))?;
        let mut images = Vec::new();
        for prediction in &own.predictions {
            if let Some(text) = &prediction.bytes {
                images.push(picture(text, prediction.mime_type.clone())?);
            }
        }
        for blob in own.blobs() {
            images.push(picture(&blob.data, blob.mime_type.clone())?);
        }
        if images.is_empty() {
            return Err(own.nothing(&answer.body, "the answer has no pictures"));
        }
        let mut reply = ImageReply::new(images);
        reply.facts.model.clone_from(&own.model_version);
        reply.facts.usage =
            own.usage("IMAGE").map(|(usage, media)| Usage { image_output_tokens: media, ..usage });
        Ok(reply)
    }
}

impl Procedure<SpeechRequest, SpeechReply> for GoogleMedia {
    fn encode(&self, request: &SpeechRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        if request.format.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "format: this vendor answers with raw samples (audio/L16) only",
            ));
        }
        let text = match &request.instructions {
            Some(instructions) => format!("{instructions}: {}", request.text),
            None => request.text.clone(),
        };
        let voice = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": request.voice}}});
        let body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
            "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": voice}});
        let body = with_extra(body, &request.extra, target.provider)?;
        self.encoded(target, ":generateContent", &body)
    }

    fn decode(&self, answer: RawAnswer<'_>, _request: &SpeechRequest) -> Result<SpeechReply> {
        let own: Answer<'_> =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable("the speech", &error))?;
        let mut samples = Vec::new();
        let mut media_type = None;
        for blob in own.blobs() {
            samples.extend(decoded(&blob.data)?);
            media_type = media_type.or_else(|| blob.mime_type.clone());
        }
        if samples.is_empty() {
            return Err(own.nothing(&answer.body, "the answer has no sound"));
        }
        let mut reply = SpeechReply::new(samples);
        reply.media_type = media_type;
        reply.facts.model.clone_from(&own.model_version);
        reply.facts.usage =
            own.usage("AUDIO").map(|(usage, media)| Usage { audio_output_tokens: media, ..usage });
        Ok(reply)
    }
}

impl GoogleMedia {
    fn encoded(self, target: EncodeFor<'_>, suffix: &'static str, body: &Value) -> Result<Encoded> {
        let body = serde_json::to_vec(body).map_err(|_| unwritable())?;
        let model = target.model.strip_prefix("models/").unwrap_or(target.model).to_owned();
        Ok(Encoded::new(Path::Model { prefix: self.prefix, model, suffix, query: None }, body))
    }
}

/// Extra fields stand at the top and win.
fn with_extra(mut body: Value, extra: &Extra, provider: &str) -> Result<Value> {
    for (name, value) in extra.for_target(Wire::GenerateContent, provider) {
        if let Some(object) = body.as_object_mut() {
            object.insert(name.to_owned(), Json::parse(value)?);
        }
    }
    Ok(body)
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(text)
        .map_err(|_| Error::new(ErrorKind::InvalidResponse, "a picture or sound is not base64"))
}

fn picture(text: &str, media_type: Option<String>) -> Result<GeneratedImage> {
    let data = Bytes::from(decoded(text)?);
    Ok(GeneratedImage::new(ImageContent::Bytes { media_type, data }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(default)]
    predictions: Vec<Prediction>,
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Value>,
    model_version: Option<String>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prediction {
    #[serde(rename = "bytesBase64Encoded")]
    bytes: Option<String>,
    mime_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    inline_data: Option<Blob>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    data: String,
    mime_type: Option<String>,
}

impl Answer<'_> {
    /// What was made; sketches of a model that thinks are left out.
    fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let parts = self.candidates.iter().filter_map(|candidate| candidate.content.as_ref());
        let parts = parts.flat_map(|content| &content.parts).filter(|part| !part.thought);
        parts.filter_map(|part| part.inline_data.as_ref())
    }

    fn nothing(&self, body: &[u8], what: &'static str) -> Error {
        let failure = WireFailure::parse(body);
        let stopped = self.candidates.iter().any(|candidate| {
            candidate
                .finish_reason
                .as_deref()
                .is_some_and(|reason| reason != "STOP" && reason != "MAX_TOKENS")
        });
        if failure.message.is_some() {
            failure.into_error(200)
        } else if stopped || self.prompt_feedback.is_some() || !self.predictions.is_empty() {
            Error::new(ErrorKind::ContentFiltered, "the provider's content policy stopped the answer")
        } else {
            Error::new(ErrorKind::InvalidResponse, what)
        }
    }

    /// The counts, and those of the answer that are of this kind.
    fn usage(&self, kind: &str) -> Option<(Usage, Option<u64>)> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Counts<'a> {
            #[serde(borrow)]
            prompt_token_count: Option<&'a RawValue>,
            #[serde(borrow)]
            candidates_token_count: Option<&'a RawValue>,
            #[serde(borrow)]
            thoughts_token_count: Option<&'a RawValue>,
            #[serde(default)]
            candidates_tokens_details: Vec<Detail>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Detail {
            modality: Option<String>,
            token_count: Option<u64>,
        }
        let counts: Counts<'_> = serde_json::from_str(self.usage_metadata?.get()).ok()?;
        let thoughts = count(counts.thoughts_token_count);
        let output = count(counts.candidates_token_count)?;
        let media = counts.candidates_tokens_details.iter();
        let mut media = media.filter(|detail| detail.modality.as_deref() == Some(kind));
        let media = media.next().and_then(|detail| detail.token_count).unwrap_or(output);
        let usage = Usage {
            input_tokens: count(counts.prompt_token_count),
            output_tokens: Some(output.saturating_add(thoughts.unwrap_or(0))),
            reasoning_tokens: thoughts,
            ..Usage::default()
        };
        Some((usage, Some(media)))
    }
}
