//! `batchEmbedContents`: many texts, many vectors.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::wire::{Count, read};
use super::{GeminiEmbeddings, WIRE, bare_model, model_path};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{EmbedLimit, EmbedProtocol, EncodeFor, Encoded, WireFailure, unreadable};
use crate::types::{EmbedReply, EmbedRequest, Usage};

impl EmbedProtocol for GeminiEmbeddings {
    fn encode_embed(&self, request: &EmbedRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let model = match bare_model(target.model) {
            (prefix, bare) if prefix.len() + bare.len() + 1 == target.model.len() => {
                Cow::Borrowed(target.model)
            }
            (prefix, bare) => Cow::Owned(format!("{prefix}/{bare}")),
        };
        let requests =
            request.inputs.iter().map(|text| One { model: &model, text, request, target }).collect();
        let body = serde_json::to_vec(&Batch { requests })
            .map_err(|_| Error::new(ErrorKind::InvalidRequest, "the request has no JSON form"))?;
        Ok(Encoded::new(model_path(target.model, ":batchEmbedContents", None), body))
    }

    fn decode_embed(&self, body: &[u8], inputs: usize) -> Result<EmbedReply> {
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|error| unreadable("the answer", &error))?;
        if answer.error.is_some() {
            return Err(WireFailure::parse(body).into_error(200));
        }
        let vectors: Vec<Vec<f32>> =
            answer.embeddings.into_iter().map(|embedding| embedding.values).collect();
        if vectors.len() != inputs {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("the answer has {} vectors for {inputs} inputs", vectors.len()),
            ));
        }
        if vectors.iter().any(|vector| vector.is_empty() || vector.iter().any(|value| !value.is_finite())) {
            return Err(Error::new(ErrorKind::InvalidResponse, "a vector is empty or not finite"));
        }
        let mut reply = EmbedReply::new(vectors);
        // Only some models count: https://ai.google.dev/api/embeddings (read 2026-11-23).
        if let Some(Count(Some(tokens))) =
            answer.usage.and_then(read::<UsageMetadata>).and_then(|usage| usage.prompt_token_count)
        {
            reply.usage = Some(Usage { input_tokens: Some(tokens), ..Usage::default() });
        }
        Ok(reply)
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }

    fn limit(&self, _model: &str) -> EmbedLimit {
        EmbedLimit::inputs(100)
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    requests: Vec<One<'a>>,
}

/// Each text repeats the model and the options; extra fields, such as `taskType`, belong here too.
struct One<'a> {
    model: &'a str,
    text: &'a str,
    request: &'a EmbedRequest,
    target: EncodeFor<'a>,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let extra = || self.request.extra.for_target(WIRE, self.target.provider);
        let has = |name: &str| extra().any(|(known, _)| known == name);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.model)?;
        map.serialize_entry("content", &Content { parts: [TextPart { text: self.text }] })?;
        if let Some(dimensions) = self.request.dimensions
            && !has("outputDimensionality")
        {
            map.serialize_entry("outputDimensionality", &dimensions)?;
        }
        for (place, (name, value)) in extra().enumerate() {
            let again = extra().take(place).any(|(earlier, _)| earlier == name);
            if !again && !["model", "content"].contains(&name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [TextPart<'a>; 1],
}

#[derive(Serialize)]
struct TextPart<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    embeddings: Vec<Embedding>,
    #[serde(borrow, rename = "usageMetadata")]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Embedding {
    #[serde(default)]
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageMetadata {
    prompt_token_count: Option<Count>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::{Mode, Path};

    #[test]
    fn every_text_carries_the_model_and_the_options() {
        let request = EmbedRequest::new("google/gemini-embedding-001", ["a", "b"]).dimensions(256).extra(
            WIRE,
            "taskType",
            json!("RETRIEVAL_QUERY"),
        );

        for model in ["gemini-embedding-001", "models/gemini-embedding-001"] {
            let encoded = GeminiEmbeddings
                .encode_embed(&request, EncodeFor::new("google", model, Mode::Whole))
                .unwrap();

            let body: Value = serde_json::from_slice(&encoded.body).unwrap();
            let one = |text: &str| {
                json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
                       "outputDimensionality": 256, "taskType": "RETRIEVAL_QUERY"})
            };
            assert_eq!(body, json!({"requests": [one("a"), one("b")]}));
            assert!(
                matches!(encoded.path, Path::Model { prefix: "models", model, suffix: ":batchEmbedContents", query: None }
                if model == "gemini-embedding-001")
            );
        }
    }

    #[test]
    fn vectors_keep_their_order_and_usage_is_read_where_there_is_one() {
        let body = br#"{"embeddings": [{"values": [0.5, -1]}, {"values": [2, 3e-1]}],
                        "usageMetadata": {"promptTokenCount": 8, "promptTokenDetails": []}}"#;

        let reply = GeminiEmbeddings.decode_embed(body, 2).unwrap();

        assert_eq!(reply.vectors, [vec![0.5, -1.0], vec![2.0, 0.3]]);
        assert_eq!(reply.usage.unwrap().input_tokens, Some(8));
    }

    #[test]
    fn anything_but_one_vector_for_each_input_is_refused() {
        for body in [
            r#"{"embeddings": [{"values": [1]}]}"#,
            r#"{"embeddings": [{"values": [1]}, {"values": []}]}"#,
            r#"{"embeddings": [{"values": [1]}, {"values": [1e39]}]}"#,
            "{}",
            "<html>",
        ] {
            let error = GeminiEmbeddings.decode_embed(body.as_bytes(), 2).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
        }
        let error = GeminiEmbeddings
            .decode_embed(br#"{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}"#, 1)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
    }
}
