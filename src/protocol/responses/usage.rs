//! Token counts: totals are inclusive, details give the parts.

use serde_json::value::RawValue;

use crate::protocol::chat_completions::dollars;
use crate::protocol::fields::{Fields, count, is_void, keep};
use crate::types::{Usage, Usd, Wire};

/// Reads the counts; `None` when nothing was reported.
pub(super) fn read(raw: &RawValue) -> Option<Usage> {
    let fields = Fields::of(raw)?;
    let mut usage = Usage::default();
    let mut reported = false;
    for (name, value) in fields.iter() {
        if is_void(value) {
            continue;
        }
        reported = true;
        match name {
            "input_tokens" => usage.input_tokens = count(value),
            "output_tokens" => usage.output_tokens = count(value),
            "total_tokens" => {}
            "input_tokens_details" => read_input(&mut usage, value),
            "output_tokens_details" => read_output(&mut usage, value),
            "server_side_tool_usage_details" => {
                usage.web_searches =
                    Fields::of(value).and_then(|group| count(group.get("web_search_calls")?));
                keep(&mut usage.extra, Wire::Responses, name, value);
            }
            "cost_in_usd_ticks" => {
                usage.reported_cost =
                    count(value).map(|ticks| Usd::from_pico(i128::from(ticks) * PICO_PER_TICK));
            }
            "cost" => match dollars(value.get()) {
                Some(cost) => usage.reported_cost = Some(cost),
                None => keep(&mut usage.extra, Wire::Responses, name, value),
            },
            _ => keep(&mut usage.extra, Wire::Responses, name, value),
        }
    }
    reported.then_some(usage)
}

fn read_input(usage: &mut Usage, raw: &RawValue) {
    let Some(group) = Fields::of(raw) else { return };
    let read = |name| group.get(name).and_then(count);
    usage.cache_read_tokens = read("cached_tokens");
    usage.cache_write_tokens = read("cache_write_tokens");
    usage.audio_input_tokens = read("audio_tokens");
    usage.image_input_tokens = read("image_tokens");
}

fn read_output(usage: &mut Usage, raw: &RawValue) {
    let Some(group) = Fields::of(raw) else { return };
    let read = |name| group.get(name).and_then(count);
    usage.reasoning_tokens = read("reasoning_tokens");
    usage.audio_output_tokens = read("audio_tokens");
    usage.image_output_tokens = read("image_tokens");
}

/// A dollar is 10^10 of xAI's ticks: <https://docs.x.ai/developers/cost-tracking> (read 2026-11-23).
const PICO_PER_TICK: i128 = 100;
