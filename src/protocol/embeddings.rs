//! Embeddings in OpenAI's format, which most services imitate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{EmbedLimit, EmbedProtocol, EncodeFor, Encoded, Path, WireFailure, unreadable};
use crate::types::{EmbedReply, EmbedRequest, Json, Usage, Wire};

/// OpenAI's embeddings.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiEmbeddings {
    dimensions: DimensionsField,
    packing: Packing,
    limit: EmbedLimit,
}

/// How vectors travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// As numbers, or as base64 of floats if the caller asks for that.
    Floats,
    /// As base64 of signed bytes, one for each dimension.
    SignedBytes,
}

/// What a service calls the length of the vectors.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DimensionsField {
    /// `dimensions`.
    Dimensions,
    /// `dimensions`, but no `encoding_format`: Jina.
    BareDimensions,
    /// `output_dimension`: Mistral, Voyage.
    OutputDimension,
}

impl OpenAiEmbeddings {
    /// The format as a service speaks it that calls the length of the vectors `dimensions`.
    pub const fn new(dimensions: DimensionsField) -> Self {
        Self { dimensions, packing: Packing::Floats, limit: EmbedLimit::NONE }
    }

    /// The same with vectors as base64 of signed bytes, which is all that Perplexity has:
    /// <https://docs.perplexity.ai/docs/embeddings/best-practices> (read 2026-11-25).
    #[must_use]
    pub const fn signed_bytes(self) -> Self {
        Self { packing: Packing::SignedBytes, ..self }
    }

    /// The same with a limit to what one request may hold.
    #[must_use]
    pub const fn limit(self, limit: EmbedLimit) -> Self {
        Self { limit, ..self }
    }
}

impl EmbedProtocol for OpenAiEmbeddings {
    fn encode_embed(&self, request: &EmbedRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let body = Body { protocol: self, request, target };
        let bytes = serde_json::to_vec(&body)
            .map_err(|_| Error::new(ErrorKind::Internal, "the request cannot be written as JSON"))?;
        Ok(Encoded::new(Path::Fixed("embeddings"), bytes))
    }

    fn decode_embed(&self, body: &[u8], inputs: usize) -> Result<EmbedReply> {
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|error| unreadable("the embeddings", &error))?;
        if answer.error.is_some_and(|error| error.get() != "null") {
            return Err(WireFailure::parse(body).into_error(200));
        }
        if answer.data.len() != inputs {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("{} vectors came back for {inputs} texts", answer.data.len()),
            ));
        }
        let mut data = answer.data;
        data.sort_by_key(|item| item.index.unwrap_or(0));
        // Either no vector names its text or each names another one; servers that leave out zeros name all but the first.
        let named = data.iter().filter(|item| item.index.is_some()).count();
        let each = (0..).zip(&data).all(|(place, item)| item.index.unwrap_or(0) == place);
        if named > 0 && !each {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                "the vectors that came back do not name each text once",
            ));
        }
        let vectors = data.iter().map(|item| self.vector(item.embedding)).collect::<Result<_>>()?;
        let mut reply = EmbedReply::new(vectors);
        reply.model = answer.model;
        reply.usage = answer.usage.as_ref().and_then(usage);
        Ok(reply)
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }

    fn limit(&self, _model: &str) -> EmbedLimit {
        self.limit
    }
}

struct Body<'a> {
    protocol: &'a OpenAiEmbeddings,
    request: &'a EmbedRequest,
    target: EncodeFor<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut extra: Vec<(&str, &Json)> = Vec::new();
        for (name, value) in self.request.extra.for_target(Wire::ChatCompletions, self.target.provider) {
            match extra.iter_mut().find(|(own, _)| *own == name) {
                Some(field) => field.1 = value,
                None if matches!(name, "model" | "input") => {}
                None => extra.push((name, value)),
            }
        }
        let is_given = |name: &str| extra.iter().any(|(own, _)| *own == name);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.target.model)?;
        map.serialize_entry("input", &self.request.inputs)?;
        let name = match self.protocol.dimensions {
            DimensionsField::Dimensions | DimensionsField::BareDimensions => "dimensions",
            DimensionsField::OutputDimension => "output_dimension",
        };
        if let Some(dimensions) = self.request.dimensions
            && !is_given(name)
        {
            map.serialize_entry(name, &dimensions)?;
        }
        let format = match (self.protocol.packing, self.protocol.dimensions) {
            (Packing::SignedBytes, _) => Some("base64_int8"),
            (Packing::Floats, DimensionsField::Dimensions) => Some("float"),
            (Packing::Floats, _) => None,
        };
        if let Some(format) = format.filter(|_| !is_given("encoding_format")) {
            map.serialize_entry("encoding_format", format)?;
        }
        for (name, value) in extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    data: Vec<Item<'a>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(borrow, default)]
    usage: Option<Counts<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

/// Kept as text, so that a count of the wrong type is absent rather than an error.
#[derive(Deserialize)]
struct Counts<'a> {
    #[serde(borrow, default)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_tokens: Option<&'a RawValue>,
}

/// Voyage sends only `total_tokens`.
fn usage(counts: &Counts<'_>) -> Option<Usage> {
    let read = |count: Option<&RawValue>| count?.get().parse::<u64>().ok();
    let input = read(counts.prompt_tokens).or_else(|| read(counts.total_tokens))?;
    Some(Usage { input_tokens: Some(input), ..Usage::default() })
}

impl OpenAiEmbeddings {
    /// A list of numbers, base64 of little-endian 32-bit floats, or of signed bytes.
    fn vector(&self, raw: &RawValue) -> Result<Vec<f32>> {
        if raw.get().starts_with('[') {
            return serde_json::from_str(raw.get()).map_err(|error| unreadable("an embedding", &error));
        }
        let broken = || {
            Error::new(ErrorKind::InvalidResponse, "an embedding is neither numbers nor base64 of numbers")
        };
        let text: String = serde_json::from_str(raw.get()).map_err(|_| broken())?;
        let bytes = STANDARD.decode(text).map_err(|_| broken())?;
        if self.packing == Packing::SignedBytes {
            return Ok(bytes.into_iter().map(|byte| f32::from(byte.cast_signed())).collect());
        }
        let (floats, rest) = bytes.as_chunks::<4>();
        if rest.is_empty() {
            Ok(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        } else {
            Err(broken())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Mode;

    const OPENAI: OpenAiEmbeddings = OpenAiEmbeddings::new(DimensionsField::Dimensions);

    fn encoded(protocol: OpenAiEmbeddings, request: &EmbedRequest) -> serde_json::Value {
        let target = EncodeFor::new("p", "m", Mode::Whole);
        serde_json::from_slice(&protocol.encode_embed(request, target).unwrap().body).unwrap()
    }

    #[test]
    fn a_request_names_the_model_the_texts_and_the_length() {
        let request = EmbedRequest::new("p/m", ["a", "b"]).dimensions(8).extra(
            "p",
            "input_type",
            serde_json::json!("query"),
        );

        assert_eq!(
            encoded(OPENAI, &request),
            serde_json::json!({"model": "m", "input": ["a", "b"], "dimensions": 8, "encoding_format": "float",
                               "input_type": "query"})
        );
        assert_eq!(
            encoded(OpenAiEmbeddings::new(DimensionsField::OutputDimension), &request)["output_dimension"],
            8
        );
        let bare = encoded(OpenAiEmbeddings::new(DimensionsField::BareDimensions), &request);
        assert_eq!((&bare["dimensions"], bare.get("encoding_format")), (&serde_json::json!(8), None));
    }

    #[test]
    fn vectors_come_back_in_the_order_of_the_texts() {
        let body = br#"{"data":[{"index":1,"embedding":[3,4.5]},{"index":0,"embedding":"AACAPwAAAMA="}],
                        "model":"m-1","usage":{"prompt_tokens":5,"total_tokens":5}}"#;

        let reply = OPENAI.decode_embed(body, 2).unwrap();

        assert_eq!(reply.vectors, [vec![1.0, -2.0], vec![3.0, 4.5]]);
        assert_eq!(reply.model.as_deref(), Some("m-1"));
        assert_eq!(reply.usage.unwrap().input_tokens, Some(5));
    }

    #[test]
    fn vectors_that_name_no_text_are_in_order_and_others_must_name_each_once() {
        let answer = |first: &str, second: &str| {
            let body = format!(r#"{{"data":[{{{first}"embedding":[1]}},{{{second}"embedding":[2]}}]}}"#);
            OPENAI.decode_embed(body.as_bytes(), 2)
        };

        assert_eq!(answer("", "").unwrap().vectors, [vec![1.0], vec![2.0]]);
        assert_eq!(answer(r#""index":1,"#, "").unwrap().vectors, [vec![2.0], vec![1.0]]);
        for (first, second) in
            [(r#""index":0,"#, r#""index":0,"#), (r#""index":1,"#, r#""index":2,"#), ("", r#""index":0,"#)]
        {
            assert_eq!(
                answer(first, second).unwrap_err().kind(),
                ErrorKind::InvalidResponse,
                "{first} {second}"
            );
        }
    }

    #[test]
    fn signed_bytes_are_asked_for_and_read_where_there_is_nothing_else() {
        let protocol = OPENAI.signed_bytes();
        let body = br#"{"data":[{"index":0,"embedding":"9sYAA38="}]}"#;

        assert_eq!(encoded(protocol, &EmbedRequest::new("p/m", ["a"]))["encoding_format"], "base64_int8");
        assert_eq!(protocol.decode_embed(body, 1).unwrap().vectors, [[-10.0, -58.0, 0.0, 3.0, 127.0]]);
    }

    #[test]
    fn what_is_not_one_vector_for_each_text_is_refused() {
        for (body, inputs) in [
            (r#"{"data":[{"embedding":[1]}]}"#, 2),
            (r#"{"data":[{"embedding":"AAA="}]}"#, 1),
            (r#"{"data":[{"embedding":"***"}]}"#, 1),
            (r#"{"data":[{"embedding":["x"]}]}"#, 1),
            (r#"{"data":[{"embedding":{}}]}"#, 1),
            ("<html>", 1),
        ] {
            let error = OPENAI.decode_embed(body.as_bytes(), inputs).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
        }
    }

    #[test]
    fn an_error_in_a_successful_body_is_an_error() {
        let body = br#"{"error":{"message":"slow down","code":429}}"#;

        assert_eq!(OPENAI.decode_embed(body, 1).unwrap_err().kind(), ErrorKind::RateLimited);
    }

    #[test]
    fn hostile_counts_are_absent() {
        let body = br#"{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":-3,"total_tokens":1e999}}"#;

        assert_eq!(OPENAI.decode_embed(body, 1).unwrap().usage, None);
    }
}
