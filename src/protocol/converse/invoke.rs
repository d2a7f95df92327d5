//! Vectors on Bedrock, where every maker has a format of its own behind `invoke`.
//!
//! Amazon Titan: <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>; Amazon Nova:
//! <https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html>; Cohere:
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html> (read 2026-11-26).
//! The header with the count of tokens was seen in other clients.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{BedrockEmbeddings, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::object::{Extras, Object};
use crate::protocol::{EmbedLimit, EmbedProtocol, EncodeFor, Encoded, Path, WireFailure, unreadable};
use crate::types::{EmbedReply, EmbedRequest, Usage, Wire};

impl EmbedProtocol for BedrockEmbeddings {
    fn encode_embed(&self, request: &EmbedRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let maker = Maker::of(target.model).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "vectors of Amazon Titan, Amazon Nova and Cohere are known on Bedrock; the model's name says none of them",
            )
        })?;
        if request.inputs.len() > maker.limit().inputs {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("this model takes {} texts in a request", maker.limit().inputs),
            ));
        }
        let body = serde_json::to_vec(&Body {
            maker,
            request,
            extra: Extras::of(&request.extra, Wire::Converse, target.provider),
        })
        .map_err(|_| Error::new(ErrorKind::Internal, "the request cannot be written as JSON"))?;
        let model = target.model.to_owned();
        Ok(Encoded::new(Path::Model { prefix: "model", model, suffix: "/invoke", query: None }, body))
    }

    fn decode_embed(&self, body: &[u8], inputs: usize) -> Result<EmbedReply> {
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|error| unreadable("the answer", &error))?;
        let vectors = match (answer.embedding, answer.embeddings) {
            (Some(one), _) => vec![one],
            (None, Some(many)) => many_vectors(many)?,
            (None, None) => {
                return Err(Error::new(ErrorKind::InvalidResponse, "the answer has no embeddings"));
            }
        };
        if vectors.len() != inputs {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("{} vectors came back for {inputs} texts", vectors.len()),
            ));
        }
        let mut reply = EmbedReply::new(vectors);
        let tokens = answer.tokens.and_then(|count| count.get().parse().ok());
        reply.usage = tokens.map(|tokens| Usage { input_tokens: Some(tokens), ..Usage::default() });
        Ok(reply)
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        failure(body)
    }

    fn limit(&self, model: &str) -> EmbedLimit {
        Maker::of(model).map_or(EmbedLimit::NONE, Maker::limit)
    }

    fn usage_header(&self) -> Option<&'static str> {
        Some("x-amzn-bedrock-input-token-count")
    }
}

/// Whose format it is.
#[derive(Clone, Copy)]
enum Maker {
    Cohere,
    Nova,
    Titan,
}

impl Maker {
    /// By the name, which may have a region in front or be the end of an address.
    fn of(model: &str) -> Option<Self> {
        [("cohere.embed-", Self::Cohere), ("amazon.nova-", Self::Nova), ("amazon.titan-embed-", Self::Titan)]
            .into_iter()
            .find_map(|(name, maker)| model.contains(name).then_some(maker))
    }

    const fn limit(self) -> EmbedLimit {
        match self {
            Self::Cohere => EmbedLimit::inputs(96),
            Self::Nova | Self::Titan => EmbedLimit::inputs(1),
        }
    }
}

struct Body<'a> {
    maker: Maker,
    request: &'a EmbedRequest,
    extra: Extras<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let text = self.request.inputs.first().map(String::as_str).unwrap_or_default();
        let dimensions = self.request.dimensions;
        let mut object = Object::begin(serializer, &self.extra)?;
        match self.maker {
            Maker::Titan => {
                object.put("inputText", text)?;
                object.put_some("dimensions", dimensions.as_ref())?;
            }
            Maker::Nova => {
                object.put("taskType", "SINGLE_EMBEDDING")?;
                let parameters = NovaParameters {
                    embedding_purpose: "GENERIC_INDEX",
                    embedding_dimension: dimensions,
                    text: NovaText { truncation_mode: "NONE", value: text },
                };
                object.put("singleEmbeddingParams", &parameters)?;
            }
            Maker::Cohere => {
                object.put("texts", &self.request.inputs)?;
                object.put("input_type", "search_document")?;
                object.put_some("output_dimension", dimensions.as_ref())?;
            }
        }
        object.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaParameters<'a> {
    embedding_purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_dimension: Option<u32>,
    text: NovaText<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NovaText<'a> {
    truncation_mode: &'static str,
    value: &'a str,
}

#[derive(Deserialize)]
struct Answer<'a> {
    /// Titan.
    embedding: Option<Vec<f32>>,
    /// Nova and Cohere.
    #[serde(borrow)]
    embeddings: Option<&'a RawValue>,
    #[serde(borrow, rename = "inputTextTokenCount")]
    tokens: Option<&'a RawValue>,
}

/// Nova's objects, Cohere's lists, or Cohere's lists by their type.
fn many_vectors(raw: &RawValue) -> Result<Vec<Vec<f32>>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Many {
        Plain(Vec<Vec<f32>>),
        Nova(Vec<Embedding>),
        ByType { float: Vec<Vec<f32>> },
    }
    #[derive(Deserialize)]
    struct Embedding {
        embedding: Vec<f32>,
    }
    let many = serde_json::from_str(raw.get()).map_err(|error| unreadable("the embeddings", &error))?;
    Ok(match many {
        Many::Plain(vectors) | Many::ByType { float: vectors } => vectors,
        Many::Nova(items) => items.into_iter().map(|item| item.embedding).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::Mode;

    fn body(model: &str, request: &EmbedRequest) -> Result<Value> {
        let target = EncodeFor::new("bedrock", model, Mode::Whole);
        let encoded = BedrockEmbeddings.encode_embed(request, target)?;
        assert!(matches!(encoded.path, Path::Model { prefix: "model", suffix: "/invoke", .. }));
        Ok(serde_json::from_slice(&encoded.body).unwrap())
    }

    #[test]
    fn every_maker_is_asked_in_its_own_format() {
        let one = EmbedRequest::new("b/m", ["a"]).dimensions(256);
        let two =
            EmbedRequest::new("b/m", ["a", "b"]).extra(Wire::Converse, "input_type", json!("search_query"));

        assert_eq!(
            body(
                "amazon.titan-embed-text-v2:0",
                &one.clone().extra(Wire::Converse, "normalize", json!(true))
            )
            .unwrap(),
            json!({"inputText": "a", "dimensions": 256, "normalize": true})
        );
        assert_eq!(
            body("us.amazon.nova-2-multimodal-embeddings-v1:0", &one).unwrap(),
            json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX",
                   "embeddingDimension": 256, "text": {"truncationMode": "NONE", "value": "a"}}})
        );
        assert_eq!(
            body("cohere.embed-v4:0", &two).unwrap(),
            json!({"texts": ["a", "b"], "input_type": "search_query"})
        );
    }

    #[test]
    fn what_the_model_cannot_take_is_refused_before_it_is_sent() {
        let two = EmbedRequest::new("b/m", ["a", "b"]);

        assert_eq!(body("amazon.titan-embed-text-v2:0", &two).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(body("marengo-embed-3", &two).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn every_makers_answer_is_read() {
        for (body, vectors) in [
            (r#"{"embedding": [1, 2], "inputTextTokenCount": 5}"#, vec![vec![1.0, 2.0]]),
            (r#"{"embeddings": [{"embedding": [1, 2], "embeddingType": "TEXT"}]}"#, vec![vec![1.0, 2.0]]),
            (r#"{"embeddings": [[1], [2]], "id": "x"}"#, vec![vec![1.0], vec![2.0]]),
            (r#"{"embeddings": {"float": [[1], [2]]}}"#, vec![vec![1.0], vec![2.0]]),
        ] {
            let reply = BedrockEmbeddings.decode_embed(body.as_bytes(), vectors.len()).unwrap();
            assert_eq!(reply.vectors, vectors, "{body}");
        }
        for body in ["{}", r#"{"embeddings": 1}"#, r#"{"embedding": [1]}"#] {
            let error = BedrockEmbeddings.decode_embed(body.as_bytes(), 2).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
        }
    }
}
