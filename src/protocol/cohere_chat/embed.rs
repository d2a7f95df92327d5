//! Embeddings: <https://docs.cohere.com/reference/embed> (read 2026-11-23).

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::usage::billed;
use super::{CohereEmbeddings, WIRE};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::object::{Extras, Object};
use crate::protocol::{EmbedLimit, EmbedProtocol, EncodeFor, Encoded, Path, WireFailure, unreadable};
use crate::types::{EmbedReply, EmbedRequest};

impl EmbedProtocol for CohereEmbeddings {
    fn encode_embed(&self, request: &EmbedRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let body =
            Body { request, model: target.model, extra: Extras::of(&request.extra, WIRE, target.provider) };
        let body = serde_json::to_vec(&body)
            .map_err(|_| Error::new(ErrorKind::Internal, "the request cannot be written as JSON"))?;
        Ok(Encoded::new(Path::Fixed("embed"), body))
    }

    fn decode_embed(&self, body: &[u8], inputs: usize) -> Result<EmbedReply> {
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|error| unreadable("the embeddings", &error))?;
        let Some(embeddings) = answer.embeddings else {
            let failure = WireFailure::parse(body);
            return Err(match failure.message {
                Some(_) => failure.into_error(200),
                None => Error::new(ErrorKind::InvalidResponse, "the answer has no embeddings"),
            });
        };
        let vectors = vectors(embeddings).map_err(|error| unreadable("the embeddings", &error))?;
        if vectors.len() != inputs {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("{} vectors came back for {inputs} texts", vectors.len()),
            ));
        }
        let mut reply = EmbedReply::new(vectors);
        reply.usage = answer.meta.and_then(billed);
        Ok(reply)
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }

    fn limit(&self, _model: &str) -> EmbedLimit {
        EmbedLimit::inputs(96)
    }
}

struct Body<'a> {
    request: &'a EmbedRequest,
    model: &'a str,
    extra: Extras<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut object = Object::begin(serializer, &self.extra)?;
        object.put("model", self.model)?;
        object.put("texts", &self.request.inputs)?;
        // Required since the third generation of models; queries want `search_query`.
        object.put("input_type", "search_document")?;
        object.put("embedding_types", &["float"])?;
        object.put_some("output_dimension", self.request.dimensions.as_ref())?;
        object.end()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    embeddings: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ByType {
    float: Vec<Vec<f32>>,
}

/// By type; the first version sends a bare list when no type was asked for.
fn vectors(raw: &RawValue) -> serde_json::Result<Vec<Vec<f32>>> {
    if raw.get().starts_with('[') {
        return serde_json::from_str(raw.get());
    }
    serde_json::from_str::<ByType>(raw.get()).map(|by_type| by_type.float)
}
