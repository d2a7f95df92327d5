//! Token counts: the vendor leaves cache traffic out of the input, and repeats counts while it streams.

use serde_json::value::RawValue;

use crate::protocol::fields::{Fields, count, is_void, keep, text};
use crate::types::{Extra, Usage, Wire};

/// Everything reported so far.
#[derive(Default)]
pub(super) struct Counts {
    input: Option<u64>,
    cache_write: Option<u64>,
    cache_write_1h: Option<u64>,
    cache_read: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
    searches: Option<u64>,
    fetches: Option<u64>,
    executions: Option<u64>,
    /// The tier that served the request; the vendor reports it among the counts.
    pub(super) service_tier: Option<String>,
    extra: Extra,
    reported: bool,
}

impl Counts {
    /// Replaces what `raw` reports and keeps the rest: counts are cumulative, and later reports leave fields out.
    pub(super) fn overlay(&mut self, raw: &RawValue) {
        let Some(fields) = Fields::of(raw) else { return };
        for (name, value) in fields.iter() {
            if is_void(value) {
                continue;
            }
            self.reported = true;
            match name {
                "input_tokens" => replace(&mut self.input, value),
                "output_tokens" => replace(&mut self.output, value),
                "cache_creation_input_tokens" => replace(&mut self.cache_write, value),
                "cache_read_input_tokens" => replace(&mut self.cache_read, value),
                "service_tier" => self.service_tier = text(value).or(self.service_tier.take()),
                _ => self.overlay_group(name, value),
            }
        }
    }

    fn overlay_group(&mut self, name: &str, value: &RawValue) {
        if name == "server_tool_use" {
            return self.overlay_tools(value);
        }
        // The five-minute writes are all writes less the hour's.
        let (known, implied, slot) = match name {
            "cache_creation" => {
                ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens", &mut self.cache_write_1h)
            }
            "output_tokens_details" => ("thinking_tokens", "", &mut self.thinking),
            _ => return self.keep(name, value),
        };
        let Some(group) = Fields::of(value) else { return };
        if let Some(count) = group.get(known) {
            replace(slot, count);
        }
        if group.iter().any(|(field, value)| field != known && field != implied && !is_void(value)) {
            self.keep(name, value);
        }
    }

    /// What the vendor's own tools were used for.
    fn overlay_tools(&mut self, value: &RawValue) {
        let Some(group) = Fields::of(value) else { return };
        let mut is_all_read = true;
        for (field, value) in group.iter() {
            match field {
                "web_search_requests" => replace(&mut self.searches, value),
                "web_fetch_requests" => replace(&mut self.fetches, value),
                "code_execution_requests" => replace(&mut self.executions, value),
                _ => is_all_read &= is_void(value),
            }
        }
        if !is_all_read {
            self.keep("server_tool_use", value);
        }
    }

    /// Every report repeats these, so one large value and many small reports would fill the memory.
    fn keep(&mut self, name: &str, value: &RawValue) {
        let has_room = self.extra.get(name).is_some() || self.extra.iter().count() < MOST_UNKNOWN;
        if has_room && value.get().len() <= LARGEST_UNKNOWN {
            keep(&mut self.extra, Wire::Messages, name, value);
        }
    }

    /// In our terms; `None` when nothing was reported.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.reported.then(|| Usage {
            input_tokens: self.input.map(|input| {
                input
                    .saturating_add(self.cache_write.unwrap_or_default())
                    .saturating_add(self.cache_read.unwrap_or_default())
            }),
            output_tokens: self.output,
            cache_read_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            cache_write_1h_tokens: self.cache_write_1h,
            reasoning_tokens: self.thinking,
            web_searches: self.searches,
            web_fetches: self.fetches,
            code_executions: self.executions,
            extra: self.extra.clone(),
            ..Usage::default()
        })
    }
}

/// Counts without a name here; the vendor has had three.
const MOST_UNKNOWN: usize = 16;

/// Bytes of one of them; the longest known is a list of a few counts.
const LARGEST_UNKNOWN: usize = 4_096;

fn replace(slot: &mut Option<u64>, raw: &RawValue) {
    if let Some(count) = count(raw) {
        *slot = Some(count);
    }
}
