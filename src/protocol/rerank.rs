//! Reranking: one format in three spellings.

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{EncodeFor, Encoded, Path, RerankProtocol, WireFailure, unreadable};
use crate::types::{Json, Relevance, RerankReply, RerankRequest, Usage, Wire};

/// Reranking as a service spells it. Any of the spellings is understood in answers.
#[derive(Clone, Copy, Debug)]
pub struct Rerank {
    spelling: RerankSpelling,
}

/// Whose spelling.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RerankSpelling {
    /// `top_n`, `results`, searches in `meta.billed_units`: <https://docs.cohere.com/reference/rerank> (read 2026-11-23).
    Cohere,
    /// `top_n`, `results`, tokens in `usage`: <https://jina.ai/reranker/> (read 2026-11-23); llama.cpp too.
    Jina,
    /// `top_k`, `data`, tokens in `usage`: <https://docs.voyageai.com/docs/reranker> (read 2026-11-23).
    Voyage,
}

impl Rerank {
    /// The format in this spelling.
    pub const fn new(spelling: RerankSpelling) -> Self {
        Self { spelling }
    }
}

impl RerankProtocol for Rerank {
    fn encode_rerank(&self, request: &RerankRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let body = serde_json::to_vec(&Body { spelling: self.spelling, request, target })
            .map_err(|_| Error::new(ErrorKind::Internal, "the request cannot be written as JSON"))?;
        Ok(Encoded::new(Path::Fixed("rerank"), body))
    }

    fn decode_rerank(&self, body: &[u8], documents: usize) -> Result<RerankReply> {
        let answer: Answer<'_> =
            serde_json::from_slice(body).map_err(|error| unreadable("the ranking", &error))?;
        let Some(items) = answer.results.or(answer.data) else {
            let failure = WireFailure::parse(body);
            return Err(match failure.message {
                Some(_) => failure.into_error(200),
                None => Error::new(ErrorKind::InvalidResponse, "the answer has no ranking"),
            });
        };
        let mut results = Vec::with_capacity(items.len().min(documents));
        let mut is_ranked = vec![false; documents];
        for item in items {
            let index = usize::try_from(item.index).unwrap_or(usize::MAX);
            match is_ranked.get_mut(index) {
                Some(is_ranked) if !*is_ranked => {
                    *is_ranked = true;
                    results.push(Relevance::new(index, item.relevance_score));
                }
                _ => {
                    return Err(Error::new(
                        ErrorKind::InvalidResponse,
                        format!(
                            "the ranking names a document twice, or one beyond the {documents} it was given"
                        ),
                    ));
                }
            }
        }
        let mut reply = RerankReply::new(results);
        reply.id = answer.id.and_then(text);
        reply.model = answer.model.and_then(text);
        reply.usage = usage(answer.usage, answer.meta);
        Ok(reply)
    }

    fn decode_failure(&self, body: &[u8]) -> WireFailure {
        WireFailure::parse(body)
    }
}

struct Body<'a> {
    spelling: RerankSpelling,
    request: &'a RerankRequest,
    target: EncodeFor<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (wire, limit) = match self.spelling {
            RerankSpelling::Cohere => (Wire::CohereChat, "top_n"),
            RerankSpelling::Jina => (Wire::ChatCompletions, "top_n"),
            RerankSpelling::Voyage => (Wire::ChatCompletions, "top_k"),
        };
        let mut extra: Vec<(&str, &Json)> = Vec::new();
        for (name, value) in self.request.extra.for_target(wire, self.target.provider) {
            if !matches!(name, "model" | "query" | "documents") {
                extra.retain(|(known, _)| *known != name);
                extra.push((name, value));
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", self.target.model)?;
        map.serialize_entry("query", &self.request.query)?;
        map.serialize_entry("documents", &self.request.documents)?;
        if let Some(top_n) = self.request.top_n
            && !extra.iter().any(|(name, _)| *name == limit)
        {
            map.serialize_entry(limit, &top_n)?;
        }
        for (name, value) in extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    results: Option<Vec<Item>>,
    data: Option<Vec<Item>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    index: u64,
    relevance_score: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    prompt_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    total_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    search_units: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    billed_units: Option<&'a RawValue>,
}

fn usage(usage: Option<&RawValue>, meta: Option<&RawValue>) -> Option<Usage> {
    let billed = meta.and_then(|meta| serde_json::from_str::<Meta<'_>>(meta.get()).ok()?.billed_units);
    let counts: Counts<'_> = usage.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let billed: Counts<'_> = billed.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let tokens = [counts.prompt_tokens, counts.total_tokens, billed.input_tokens];
    let known = Usage {
        input_tokens: tokens.into_iter().find_map(count),
        searches: count(billed.search_units),
        ..Usage::default()
    };
    (known != Usage::default()).then_some(known)
}

/// Cohere's own libraries read counts as floats.
fn count(raw: Option<&RawValue>) -> Option<u64> {
    let text = raw?.get();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::Mode;

    fn read(body: &str, documents: usize) -> Result<RerankReply> {
        Rerank::new(RerankSpelling::Jina).decode_rerank(body.as_bytes(), documents)
    }

    #[test]
    fn the_limit_has_two_names() {
        let request =
            RerankRequest::new("p/m", "q", ["a", "b"]).top_n(1).extra("p", "max_tokens_per_doc", json!(9));
        for (spelling, limit) in [
            (RerankSpelling::Cohere, "top_n"),
            (RerankSpelling::Jina, "top_n"),
            (RerankSpelling::Voyage, "top_k"),
        ] {
            let target = EncodeFor::new("p", "m", Mode::Whole);
            let encoded = Rerank::new(spelling).encode_rerank(&request, target).unwrap();

            let body: Value = serde_json::from_slice(&encoded.body).unwrap();
            let mut expected =
                json!({"model": "m", "query": "q", "documents": ["a", "b"], "max_tokens_per_doc": 9});
            expected[limit] = json!(1);
            assert_eq!((body, encoded.path), (expected, Path::Fixed("rerank")));
        }
    }

    #[test]
    fn every_spelling_of_an_answer_is_read_in_the_order_it_came() {
        let order = [Relevance::new(1, 0.5), Relevance::new(0, -1.0)];
        let results = json!([{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
            {"index": 0, "relevance_score": -1}]);
        for (body, tokens, searches) in [
            (
                json!({"id": "r", "results": results, "meta": {"billed_units": {"search_units": 1}}}),
                None,
                Some(1),
            ),
            (json!({"model": "m", "results": results, "usage": {"total_tokens": 7}}), Some(7), None),
            (json!({"object": "list", "data": results, "usage": {"total_tokens": 8}}), Some(8), None),
        ] {
            let reply = read(&body.to_string(), 2).unwrap();

            let usage = reply.usage.unwrap();
            assert_eq!(reply.results, order);
            assert_eq!((usage.input_tokens, usage.searches), (tokens, searches));
        }
    }

    #[test]
    fn a_ranking_of_documents_that_were_not_there_is_refused() {
        let item = |index: &str| format!("{{\"index\": {index}, \"relevance_score\": 1}}");
        for (results, documents) in [
            (item("2"), 2),
            (item("4294967295"), 2),
            (item("-1"), 2),
            (item("1.5"), 2),
            (format!("{0},{0}", item("0")), 1),
            (format!("{0},{0}", item("0")), 3),
            ("{\"index\": 0, \"relevance_score\": 1e999}".to_owned(), 1),
            ("{\"index\": 0}".to_owned(), 1),
        ] {
            let error = read(&format!("{{\"results\": [{results}]}}"), documents).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{results}");
        }
        assert_eq!(read("{}", 1).unwrap_err().kind(), ErrorKind::InvalidResponse);
        assert_eq!(read("{\"message\": \"boom\"}", 1).unwrap_err().kind(), ErrorKind::Server);
        assert_eq!(
            read(r#"{"detail": "Request failed."}"#, 1).unwrap_err().provider_message(),
            Some("Request failed.")
        );
    }

    #[test]
    fn hostile_counts_are_absent() {
        for usage in ["{\"total_tokens\": -1}", "7", "{\"prompt_tokens\": 1e300}", "null"] {
            let reply = read(&format!("{{\"results\": [], \"usage\": {usage}, \"meta\": []}}"), 1).unwrap();
            assert_eq!(reply.usage, None, "{usage}");
        }
    }
}
