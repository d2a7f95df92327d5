//! Token counts: the vendor leaves cache traffic out of the input.

use serde_json::value::RawValue;

use super::decode::is_void;
use crate::protocol::fields::{Fields, count, keep, text};
use crate::types::{Extra, Usage, Wire};

/// In our terms; `None` when nothing was reported.
pub(super) fn usage(raw: &RawValue) -> Option<Usage> {
    let fields = Fields::of(raw)?;
    let mut usage = Usage::default();
    let mut reported = false;
    let mut uncached = None;
    for (name, value) in fields.iter().filter(|(_, value)| !is_void(value)) {
        reported = true;
        match name {
            "inputTokens" => uncached = count(value),
            "outputTokens" => usage.output_tokens = count(value),
            "cacheReadInputTokens" => usage.cache_read_tokens = count(value),
            "cacheWriteInputTokens" => usage.cache_write_tokens = count(value),
            "cacheDetails" => usage.cache_write_1h_tokens = written_for_an_hour(value),
            // A sum, and second spellings of the counts above.
            "totalTokens" | "cacheReadInputTokenCount" | "cacheWriteInputTokenCount" => {}
            _ => keep(&mut usage.extra, Wire::Converse, name, value),
        }
    }
    usage.input_tokens = uncached.map(|input| {
        input
            .saturating_add(usage.cache_read_tokens.unwrap_or_default())
            .saturating_add(usage.cache_write_tokens.unwrap_or_default())
    });
    reported.then_some(usage)
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CacheDetail.html> (read 2026-11-23).
fn written_for_an_hour(details: &RawValue) -> Option<u64> {
    let details: Vec<&RawValue> = serde_json::from_str(details.get()).ok()?;
    let hour = |fields: &Fields<'_>| fields.get("ttl").and_then(text).as_deref() == Some("1h");
    let counts: Vec<u64> = details
        .into_iter()
        .filter_map(Fields::of)
        .filter(hour)
        .filter_map(|fields| fields.get("inputTokens").and_then(count))
        .collect();
    (!counts.is_empty()).then(|| counts.into_iter().fold(0, u64::saturating_add))
}

/// The tier that served the request.
pub(super) fn service_tier(raw: &RawValue) -> Option<String> {
    Fields::of(raw)?.text("type")
}

/// What beside the counts is told about an answer, in the order of its names: the two ways of answering order them
/// differently.
#[derive(Default)]
pub(super) struct Beside(Vec<(String, Box<RawValue>)>);

impl Beside {
    /// Keeps a field.
    pub(super) fn add(&mut self, name: &str, value: &RawValue) {
        if !is_void(value) {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// All of them.
    pub(super) fn into_extra(mut self) -> Extra {
        self.0.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut extra = Extra::new();
        for (name, value) in &self.0 {
            keep(&mut extra, Wire::Converse, name, value);
        }
        extra
    }
}
