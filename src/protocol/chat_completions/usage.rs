//! Token counts, made inclusive.

use serde_json::value::RawValue;

use crate::protocol::fields as protocol;
use crate::types::{Json, Usage, Usd, Wire};

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
    let mut reported_cost = counts.cost.and_then(|cost| dollars(cost.get()));
    // Perplexity's cost is an object, with its searches in the total.
    if let (Some(cost), None) = (counts.cost.filter(|cost| cost.get() != "null"), reported_cost) {
        reported_cost = protocol::Fields::of(cost).and_then(|cost| dollars(cost.get("total_cost")?.get()));
        extra.insert(Wire::ChatCompletions, "cost", Json::from(cost.to_owned()));
    }
    let reported_cost = reported_cost.or(counts.cost_in_usd_ticks.0.map(of_ticks));
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
        read_tools(&mut usage, tools);
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
    add_own_bill(&mut usage);
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

/// xAI's counts of the tools it ran, each of which it bills: <https://docs.x.ai/developers/pricing> (read 2026-11-26).
pub(in crate::protocol) fn read_tools(usage: &mut Usage, raw: &RawValue) {
    let Some(group) = protocol::Fields::of(raw) else { return };
    let mut others: u64 = 0;
    for (name, value) in group.iter() {
        let calls = protocol::count(value);
        match name {
            "web_search_calls" => usage.web_searches = calls,
            "file_search_calls" => usage.file_searches = calls.filter(|calls| *calls > 0),
            "code_interpreter_calls" => usage.code_executions = calls.filter(|calls| *calls > 0),
            // Other people's servers are not billed.
            "mcp_calls" => {}
            _ => others = others.saturating_add(calls.unwrap_or_default()),
        }
    }
    usage.unmeasured_uses = (others > 0).then_some(others);
}

/// Adds what the upstream vendor bills to an account of the application's own at OpenRouter: what OpenRouter says it charged
/// is then its fee alone. <https://www.openrouter.ai/docs/use-cases/usage-accounting>; that other answers have the upstream's
/// cost too: <https://github.com/ORO-AI/oro/releases/tag/v3.0.4> (read 2026-11-26).
pub(in crate::protocol) fn add_own_bill(usage: &mut Usage) {
    if usage.extra.get("is_byok").is_none_or(|flag| flag.as_str() != "true") {
        return;
    }
    let details = usage.extra.get("cost_details").map(Json::as_str);
    let details = details.and_then(|text| serde_json::from_str::<protocol::Fields<'_>>(text).ok());
    let upstream = details.and_then(|details| dollars(details.get("upstream_inference_cost")?.get()));
    usage.reported_cost = usage.reported_cost.zip(upstream).map(|(fee, bill)| [fee, bill].into_iter().sum());
}

/// A dollar is 10^10 of xAI's ticks: <https://docs.x.ai/developers/cost-tracking> (read 2026-11-23).
pub(in crate::protocol) fn of_ticks(ticks: u64) -> Usd {
    Usd::from_pico(i128::from(ticks) * PICO_PER_TICK)
}

const PICO_PER_TICK: i128 = 100;

/// A JSON number of dollars, from its decimal text; digits beyond a picodollar are float noise and are cut.
pub(in crate::protocol) fn dollars(text: &str) -> Option<Usd> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut pico: i128 = 0;
    // How many more decimal places a picodollar has than the digits read so far.
    let mut places = 12_i32.checked_add(exponent)?;
    for digit in whole.bytes() {
        let digit = i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        pico = pico.checked_mul(10)?.checked_add(digit)?;
    }
    for digit in fraction.bytes() {
        if places <= 0 {
            break;
        }
        let digit = i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        pico = pico.checked_mul(10)?.checked_add(digit)?;
        places = places.checked_sub(1)?;
    }
    if pico == 0 {
        return Some(Usd::ZERO);
    }
    let scale = 10_i128.checked_pow(places.unsigned_abs());
    let pico = if places >= 0 { pico.checked_mul(scale?)? } else { scale.map_or(0, |scale| pico / scale) };
    Some(Usd::from_pico(pico))
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

    #[test]
    fn a_reported_cost_is_read_from_its_decimal_text() {
        for (text, pico) in [
            ("0.066407", Some(66_407_000_000)),
            ("0", Some(0)),
            ("12", Some(12_000_000_000_000)),
            ("1.2e-05", Some(12_000_000)),
            ("5E2", Some(500_000_000_000_000)),
            ("1e-300", Some(0)),
            ("0.00012345000000000002", Some(123_450_000)),
            ("1e300", None),
            ("-1", None),
            ("{}", None),
        ] {
            assert_eq!(dollars(text).map(Usd::pico), pico, "{text}");
        }
    }
}
