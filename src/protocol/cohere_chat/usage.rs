//! Counts: what was processed, and the smaller part of it that is billed.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::types::Usage;

/// What a chat consumed; `None` when nothing is reported.
///
/// The input counts everything the model read, the vendor's own instructions and cached tokens included; the bill does
/// not: <https://docs.cohere.com/v2/docs/how-does-cohere-pricing-work> (read 2026-11-23).
pub(super) fn usage(raw: &RawValue) -> Option<Usage> {
    let report: Report<'_> = serde_json::from_str(raw.get()).ok()?;
    let tokens = report.tokens.and_then(counts).unwrap_or_default();
    let billed = report.billed_units.and_then(counts).unwrap_or_default();
    let usage = Usage {
        input_tokens: tokens.input().or(billed.input()),
        output_tokens: tokens.output().or(billed.output()),
        billed_input_tokens: billed.input(),
        billed_output_tokens: billed.output(),
        cache_read_tokens: count(report.cached_tokens),
        reasoning_tokens: count(tokens.reasoning_tokens),
        searches: count(billed.search_units),
        ..Usage::default()
    };
    (usage != Usage::default()).then_some(usage)
}

/// What embeddings consumed: only the bill is reported.
pub(super) fn billed(meta: &RawValue) -> Option<Usage> {
    let report: Report<'_> = serde_json::from_str(meta.get()).ok()?;
    let billed = report.billed_units.and_then(counts)?;
    let images = count(billed.image_tokens);
    let text = count(billed.input_tokens);
    let usage = Usage {
        input_tokens: match (text, images) {
            (None, None) => None,
            (text, images) => Some(text.unwrap_or(0).saturating_add(images.unwrap_or(0))),
        },
        image_input_tokens: images,
        ..Usage::default()
    };
    (usage != Usage::default()).then_some(usage)
}

#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    billed_units: Option<&'a RawValue>,
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    image_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    search_units: Option<&'a RawValue>,
}

impl Counts<'_> {
    fn input(&self) -> Option<u64> {
        count(self.input_tokens)
    }

    fn output(&self) -> Option<u64> {
        count(self.output_tokens)
    }
}

fn counts(raw: &RawValue) -> Option<Counts<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// The vendor's own libraries read counts as floats.
fn count(raw: Option<&RawValue>) -> Option<u64> {
    let text = raw?.get();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}
