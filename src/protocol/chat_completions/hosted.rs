//! Uses of tools that the vendor runs, where only the message tells of them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::{Count, List};
use crate::types::Usage;

/// What the fields of an answer's message tell of the vendor's tools.
#[derive(Debug, Default)]
pub(super) struct Uses {
    searches: u64,
    executed: u64,
    has_sources: bool,
}

impl Uses {
    /// Reads one field; the pieces of a stream repeat what they tell.
    pub(super) fn add(&mut self, name: &str, value: &RawValue) {
        match name {
            "executed_tools" => {
                let tools: List<Executed> = serde_json::from_str(value.get()).unwrap_or_default();
                let numbers = (0..).zip(tools.0).map(|(place, tool)| tool.index.0.unwrap_or(place));
                let most = numbers.max().map_or(0, |number: u64| number.saturating_add(1));
                self.executed = self.executed.max(most);
            }
            // Mistral's, in the place of the message, where it ran a tool:
            // https://docs.mistral.ai/cookbooks/mistral-connectors-05-connectors-in-completions (read 2026-11-26).
            "messages" => self.executed = self.executed.max(1),
            "annotations" => self.has_sources |= value.get().contains("\"url_citation\""),
            _ => {}
        }
    }

    /// Reads the name of a call, once for each call. Moonshot bills the search that its model asks for with a call that goes
    /// back to it as it came: <https://platform.kimi.ai/docs/pricing/tools> (read 2026-11-26).
    pub(super) fn call(&mut self, name: &str) {
        self.searches += u64::from(name == "$web_search");
    }

    /// Puts it into what the vendor counted.
    ///
    /// Groq's tools cost by kind and by the hour, and which kind of search ran is not told:
    /// <https://console.groq.com/docs/tool-use/built-in-tools> (read 2026-11-26). OpenRouter bills its web plugin by the
    /// result and counts no searches for it, but says what it charged:
    /// <https://openrouter.ai/announcements/introducing-web-search-via-the-api> (read 2026-11-26).
    pub(super) fn tell(&self, usage: &mut Usage) {
        if self.searches > 0 {
            usage.web_searches = Some(self.searches);
        }
        if self.executed > 0 {
            usage.unmeasured_uses = Some(usage.unmeasured_uses.unwrap_or(0).saturating_add(self.executed));
        } else if self.has_sources && usage.reported_cost.is_some() && !usage.has_hosted_uses() {
            usage.unmeasured_uses = Some(1);
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Executed {
    index: Count,
}
