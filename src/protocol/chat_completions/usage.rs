//! Token counts, made inclusive.

use serde_json::value::RawValue;

use crate::protocol::bill;
use crate::types::{Json, Usage, Wire};

use super::wire::{UsageCounts, into_extra};

/// Reads the counts. The totals of this format are inclusive, but for the three cases `total_tokens` gives away.
pub(super) fn read(counts: UsageCounts<'_>) -> Usage {
    let prompt = counts.prompt_tokens_details;
    let completion = counts.completion_tokens_details;
    let cached = [
        prompt.cached_tokens,
        counts.prompt_cache_hit_tokens,
        counts.num_cached_tokens,
        counts.cached_tokens,
        counts.cache_read_input_tokens,
    ];
    let mut extra = into_extra(counts.rest);
    let reported_cost =
        counts.cost.and_then(bill::charged).or(counts.cost_in_usd_ticks.0.map(bill::of_ticks));
    let is_listed = |cost: &&RawValue| cost.get() != "null" && bill::dollars(cost.get()).is_none();
    if let Some(cost) = counts.cost.filter(is_listed) {
        extra.insert(Wire::ChatCompletions, "cost", Json::from(cost.to_owned()));
    }
    let mut usage = Usage {
        input_tokens: counts.prompt_tokens.0,
        output_tokens: counts.completion_tokens.0,
        cache_read_tokens: cached.into_iter().find_map(|count| count.0),
        cache_write_tokens: prompt.cache_write_tokens.0.or(counts.cache_creation_input_tokens.0),
        cache_write_1h_tokens: counts.cache_creation.ephemeral_1h_input_tokens.0,
        reasoning_tokens: completion.reasoning_tokens.0.or(counts.reasoning_tokens.0),
        audio_input_tokens: prompt.audio_tokens.0,
        audio_output_tokens: completion.audio_tokens.0,
        audio_cache_read_tokens: None,
        image_input_tokens: prompt.image_tokens.0,
        image_output_tokens: completion.image_tokens.0,
        billed_input_tokens: None,
        billed_output_tokens: None,
        searches: None,
        web_searches: (counts.server_tool_use_details.web_search_requests.0)
            .or(counts.server_tool_use.web_search_requests.0)
            .or(counts.num_search_queries.0),
        reported_cost,
        extra,
        ..Usage::default()
    };
    if let Some(tools) = counts.server_side_tool_usage_details.filter(|tools| tools.get() != "null") {
        bill::read_tools(&mut usage, tools);
        usage.extra.insert(
            Wire::ChatCompletions,
            "server_side_tool_usage_details",
            Json::from(tools.to_owned()),
        );
    }
    // Sources cost apart, and only by what the vendor says it charged.
    if let Some(sources) = counts.num_sources_used.0.filter(|sources| *sources > 0) {
        usage.unmeasured_uses = Some(usage.unmeasured_uses.unwrap_or(0).saturating_add(sources));
    }
    bill::add_own_bill(&mut usage);
    close_gap(&mut usage, counts.total_tokens.0);
    usage
}

/// Tokens that only `total_tokens` counts: xAI's reasoning, Mistral's sound in the prompt, the hidden thinking of Gemini's
/// endpoint, and what Portkey's gateway passes on of Anthropic's cache. No vendor documents it; their recorded answers
/// agree, and for Portkey its code (<https://github.com/Portkey-AI/gateway/blob/main/src/providers/anthropic/chatComplete.ts>,
/// read 2026-11-26).
fn close_gap(usage: &mut Usage, total: Option<u64>) {
    let (Some(input), Some(output), Some(total)) = (usage.input_tokens, usage.output_tokens, total) else {
        return;
    };
    let gap = total.saturating_sub(input.saturating_add(output));
    if gap == 0 {
        return;
    }
    let cached = usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0));
    let is_input = usage.audio_input_tokens == Some(gap) || cached == gap;
    if usage.reasoning_tokens != Some(gap) && is_input {
        usage.input_tokens = Some(input.saturating_add(gap));
    } else {
        usage.output_tokens = Some(output.saturating_add(gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Usage {
        read(serde_json::from_str(json).unwrap())
    }

    fn totals(json: &str) -> (Option<u64>, Option<u64>) {
        let usage = of(json);
        (usage.input_tokens, usage.output_tokens)
    }

    #[test]
    fn a_gap_in_the_total_is_given_to_the_side_that_lacks_it() {
        for (json, expected) in [
            (r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}"#, (5, 2)),
            (
                r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":10,
                    "completion_tokens_details":{"reasoning_tokens":3}}"#,
                (5, 5),
            ),
            (
                r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":11,
                    "prompt_tokens_details":{"audio_tokens":4}}"#,
                (9, 2),
            ),
            (
                r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":37,
                    "cache_read_input_tokens":20,"cache_creation_input_tokens":10}"#,
                (35, 2),
            ),
            (r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":8}"#, (5, 3)),
            (r#"{"prompt_tokens":5,"completion_tokens":2,"total_tokens":1}"#, (5, 2)),
        ] {
            assert_eq!(totals(json), (Some(expected.0), Some(expected.1)), "{json}");
        }
    }

    #[test]
    fn every_spelling_of_cached_tokens_is_read() {
        for json in [
            r#"{"prompt_tokens_details":{"cached_tokens":3},"cached_tokens":9}"#,
            r#"{"prompt_cache_hit_tokens":3,"prompt_cache_miss_tokens":1}"#,
            r#"{"num_cached_tokens":3}"#,
            r#"{"cached_tokens":3}"#,
            r#"{"cache_read_input_tokens":3}"#,
        ] {
            assert_eq!(of(json).cache_read_tokens, Some(3), "{json}");
        }
    }

    #[test]
    fn hostile_counts_are_absent_rather_than_an_error() {
        let usage = of(r#"{"prompt_tokens":-4,"completion_tokens":1e999,"total_tokens":"many",
                           "prompt_tokens_details":[],"completion_tokens_details":null,"cost":-1}"#);

        assert_eq!((usage.input_tokens, usage.output_tokens, usage.reported_cost), (None, None, None));
        assert_eq!(of(r#"{"prompt_tokens":12.0}"#).input_tokens, Some(12));
        let huge = of(
            r#"{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"total_tokens":1}"#,
        );
        assert_eq!(huge.total_tokens(), Some(u64::MAX));
    }
}
