//! Vectors on Vertex AI: `predict` for most models, `embedContent` for the second generation of Gemini's.
//!
//! <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api> (read 2026-11-25)

use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::wire::{Count, read};
use super::{GOOGLE_MODELS, VertexEmbeddings, WIRE};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::object::{Extras, Group, Object};
use crate::protocol::{EmbedLimit, EmbedProtocol, EncodeFor, Encoded, Path, WireFailure, unreadable};
use crate::types::{EmbedReply, EmbedRequest, Json, Usage};

impl EmbedProtocol for VertexEmbeddings {
    fn encode_embed(&self, request: &EmbedRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let (suffix, body) = match request.inputs.as_slice() {
            [text] if takes_content(target.model) => {
                (":embedContent", serde_json::to_vec(&One { text, request, target }))
            }
            _ if takes_content(target.model) => {
                return Err(Error::new(ErrorKind::Unsupported, "this model takes one text in a request"));
            }
            _ => (":predict", serde_json::to_vec(&Many { request, target })),
        };
        let body = body.map_err(|_| Error::new(ErrorKind::InvalidRequest, "the request has no JSON form"))?;
        let model = target.model.to_owned();
        Ok(Encoded::new(Path::Model { prefix: GOOGLE_MODELS, model, suffix, query: None }, body))
    }

    fn decode_embed(&self, body: &[u8], inputs: usize) -> Result<EmbedReply> {
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|error| unreadable("the answer", &error))?;
        if answer.error.is_some() {
            return Err(WireFailure::parse(body).into_error(200));
        }
        let counted = answer.usage.and_then(read::<UsageMetadata>).and_then(|usage| usage.prompt_token_count);
        let mut tokens = counted.and_then(|Count(tokens)| tokens);
        let mut vectors = Vec::with_capacity(inputs);
        if let Some(embedding) = answer.embedding {
            vectors.push(embedding.values);
        }
        for Prediction { embeddings } in answer.predictions {
            let counted = embeddings.statistics.and_then(|statistics| statistics.token_count);
            if let Some(Count(Some(more))) = counted {
                tokens = Some(tokens.unwrap_or(0).saturating_add(more));
            }
            vectors.push(embeddings.values);
        }
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
        reply.usage = tokens.map(|tokens| Usage { input_tokens: Some(tokens), ..Usage::default() });
        Ok(reply)
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }

    /// Gemini's models take one text, the others 250 and 20,000 tokens:
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings> (read 2026-11-25).
    fn limit(&self, model: &str) -> EmbedLimit {
        if model.starts_with("gemini-embedding") {
            EmbedLimit::inputs(1)
        } else {
            EmbedLimit::inputs(250).tokens(20_000)
        }
    }
}

/// The first generation is asked by `predict`, like the models before it.
fn takes_content(model: &str) -> bool {
    model.starts_with("gemini-embedding") && !model.starts_with("gemini-embedding-001")
}

struct One<'a> {
    text: &'a str,
    request: &'a EmbedRequest,
    target: EncodeFor<'a>,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut extra = Extras::of(&self.request.extra, WIRE, self.target.provider);
        extra.take("content");
        let mut object = Object::begin(serializer, &extra)?;
        object.put("content", &Content { parts: [Text { text: self.text }] })?;
        object.put_some("outputDimensionality", self.request.dimensions.as_ref())?;
        object.end()
    }
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Text<'a>; 1],
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

/// Extra fields, such as `task_type`, are said of each text, those that are parameters once for all.
struct Many<'a> {
    request: &'a EmbedRequest,
    target: EncodeFor<'a>,
}

impl Serialize for Many<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut extra = Extras::of(&self.request.extra, WIRE, self.target.provider);
        extra.take("content");
        let dimensions = extra.take("outputDimensionality").cloned();
        let dimensions = dimensions.or_else(|| Json::from_value(&self.request.dimensions?).ok());
        let truncate = extra.take("autoTruncate").cloned();
        let parameters = [("outputDimensionality", dimensions), ("autoTruncate", truncate)];
        let own: Vec<_> = parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let parameters = Group { own, extra: extra.take("parameters") };
        let instances: Vec<Instance<'_>> =
            self.request.inputs.iter().map(|text| Instance { text, extra: &extra }).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("instances", &instances)?;
        if !parameters.is_empty() {
            map.serialize_entry("parameters", &parameters)?;
        }
        map.end()
    }
}

struct Instance<'a> {
    text: &'a str,
    extra: &'a Extras<'a>,
}

impl Serialize for Instance<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, self.extra)?;
        object.put("content", self.text)?;
        object.end()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    predictions: Vec<Prediction>,
    embedding: Option<Embedding>,
    #[serde(borrow, rename = "usageMetadata")]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Embedding,
}

#[derive(Deserialize)]
struct Embedding {
    #[serde(default)]
    values: Vec<f32>,
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    token_count: Option<Count>,
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
    use crate::protocol::Mode;

    fn body(model: &str, request: &EmbedRequest) -> (Path, Value) {
        let target = EncodeFor::new("vertex", model, Mode::Whole);
        let encoded = VertexEmbeddings.encode_embed(request, target).unwrap();
        (encoded.path, serde_json::from_slice(&encoded.body).unwrap())
    }

    #[test]
    fn most_models_are_asked_for_predictions() {
        let request = EmbedRequest::new("vertex/x", ["a", "b"])
            .dimensions(256)
            .extra(WIRE, "task_type", json!("RETRIEVAL_QUERY"))
            .extra(WIRE, "autoTruncate", json!(false));

        let (path, body) = body("text-embedding-005", &request);

        let one = |text: &str| json!({"content": text, "task_type": "RETRIEVAL_QUERY"});
        let parameters = json!({"outputDimensionality": 256, "autoTruncate": false});
        assert_eq!(body, json!({"instances": [one("a"), one("b")], "parameters": parameters}));
        assert!(matches!(path, Path::Model { prefix: "publishers/google/models", suffix: ":predict", .. }));
    }

    #[test]
    fn the_second_generation_embeds_content() {
        let (path, body) = body("gemini-embedding-2", &EmbedRequest::new("vertex/x", ["a"]).dimensions(768));

        assert_eq!(body, json!({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 768}));
        assert!(matches!(path, Path::Model { suffix: ":embedContent", .. }));
        assert_eq!(VertexEmbeddings.limit("gemini-embedding-2").inputs, 1);
    }

    #[test]
    fn both_answers_are_read() {
        let predicted = br#"{"predictions": [
            {"embeddings": {"values": [1, 2], "statistics": {"token_count": 3, "truncated": false}}},
            {"embeddings": {"values": [3, 4], "statistics": {"token_count": 4}}}]}"#;
        let content = br#"{"embedding": {"values": [5]}, "usageMetadata": {"promptTokenCount": 11}}"#;

        let predicted = VertexEmbeddings.decode_embed(predicted, 2).unwrap();
        let content = VertexEmbeddings.decode_embed(content, 1).unwrap();

        assert_eq!(predicted.vectors, [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(predicted.usage.unwrap().input_tokens, Some(7));
        assert_eq!((content.vectors, content.usage.unwrap().input_tokens), (vec![vec![5.0]], Some(11)));
    }

    #[test]
    fn anything_but_one_vector_for_each_input_is_refused() {
        for body in [
            r#"{"predictions": [{"embeddings": {"values": [1]}}]}"#,
            r#"{"predictions": [{"embeddings": {"values": [1]}}, {"embeddings": {"values": []}}]}"#,
            "{}",
            "<html>",
        ] {
            let error = VertexEmbeddings.decode_embed(body.as_bytes(), 2).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
        }
    }
}
