//! Token counts: totals are inclusive, details give the parts.

use serde_json::value::RawValue;

use super::hosted::Uses;
use crate::protocol::bill;
use crate::protocol::fields::{Fields, count, is_void, keep};
use crate::types::{Usage, Wire};

/// What `response` consumed, with the tools the vendor ran for it; `None` when nothing was reported.
pub(super) fn of(response: &Fields<'_>, uses: &Uses) -> Option<Usage> {
    let mut usage = response.get("usage").and_then(read)?;
    bill::add_own_bill(&mut usage);
    uses.tell(&mut usage, response);
    Some(usage)
}

/// Reads the counts; `None` when nothing was reported.
fn read(raw: &RawValue) -> Option<Usage> {
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
                bill::read_tools(&mut usage, value);
                keep(&mut usage.extra, Wire::Responses, name, value);
            }
            "cost_in_usd_ticks" => {
                usage.reported_cost = count(value).map(bill::of_ticks);
            }
            "cost" => {
                usage.reported_cost = bill::charged(value).or(usage.reported_cost);
                if bill::dollars(value.get()).is_none() {
                    keep(&mut usage.extra, Wire::Responses, name, value);
                }
            }
            "tool_calls_details" => {
                read_invocations(&mut usage, value);
                keep(&mut usage.extra, Wire::Responses, name, value);
            }
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

/// Perplexity's counts: <https://docs.perplexity.ai/docs/getting-started/pricing> (read 2026-11-26).
fn read_invocations(usage: &mut Usage, raw: &RawValue) {
    let Some(group) = Fields::of(raw) else { return };
    let mut others: u64 = 0;
    for (name, value) in group.iter() {
        let calls =
            Fields::of(value).and_then(|tool| count(tool.get("invocation")?)).filter(|calls| *calls > 0);
        match name {
            "web_search" | "search_web" => usage.web_searches = calls,
            "fetch_url" => usage.web_fetches = calls,
            _ => others = others.saturating_add(calls.unwrap_or_default()),
        }
    }
    usage.unmeasured_uses = (others > 0).then_some(others);
}
