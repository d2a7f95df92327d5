//! What an answer rests on, as far as it is billed: searches of the web and of maps.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::protocol::fields::{Fields, is_void, text};
use crate::types::Usage;

/// What the grounding of an answer told so far.
#[derive(Default)]
pub(super) struct Grounding {
    queries: BTreeSet<String>,
    has_maps: bool,
}

impl Grounding {
    /// Adds what one piece tells; later pieces repeat or complete earlier ones.
    ///
    /// Empty queries and the same query twice are not billed. Sources without a query come from pages the caller named,
    /// which cost their tokens only: <https://ai.google.dev/gemini-api/docs/google-search>, quoted in
    /// <https://discuss.ai.google.dev/t/are-empty-string-entries-in-groundingmetadata-websearchqueries-billed-as-grounded-search-queries-gemini-3/168136>
    /// and <https://github.com/BerriAI/litellm/pull/36397> (read 2026-11-26).
    pub(super) fn add(&mut self, metadata: &RawValue) {
        let Some(fields) = Fields::of(metadata) else { return };
        for name in ["webSearchQueries", "imageSearchQueries"] {
            let queries = fields.get(name).map(list).unwrap_or_default();
            self.queries
                .extend(queries.into_iter().filter_map(text).filter(|query| !query.trim().is_empty()));
        }
        let chunks = fields.get("groundingChunks").map(list).unwrap_or_default();
        let is_map = |chunk: &RawValue| Fields::of(chunk).is_some_and(|chunk| chunk.get("maps").is_some());
        let has_widget = fields.get("googleMapsWidgetContextToken").is_some_and(|token| !is_void(token));
        self.has_maps |= has_widget || chunks.into_iter().any(is_map);
    }

    /// Puts it into what the vendor counted.
    pub(super) fn tell(&self, usage: &mut Usage) {
        let queries = u64::try_from(self.queries.len()).unwrap_or(u64::MAX);
        usage.web_searches = (queries > 0).then_some(queries);
        usage.grounded_prompts = (queries > 0).then_some(1);
        usage.map_prompts = self.has_maps.then_some(1);
    }
}

fn list(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}
