//! Uses of tools that the vendor runs: its token counts do not tell them, the items of an answer do.

use serde_json::value::RawValue;

use super::item::list;
use crate::protocol::fields::{Fields, count};
use crate::types::Usage;

/// What the items of an answer used.
#[derive(Debug, Default)]
pub(super) struct Uses {
    searches: u64,
    file_searches: u64,
    executions: u64,
    /// What is billed by something that no item tells.
    unmeasured: u64,
}

impl Uses {
    /// Those of all `items`.
    pub(super) fn of<'a>(items: impl IntoIterator<Item = &'a RawValue>) -> Self {
        let mut uses = Self::default();
        items.into_iter().for_each(|item| uses.add(item));
        uses
    }

    /// Adds what `item` used.
    ///
    /// Of web searches the action `search` is billed; opening a page and looking for words in it are not:
    /// <https://developers.openai.com/api/docs/guides/tools-web-search>, and
    /// <https://github.com/BerriAI/litellm/pull/39610> for what the vendor counts itself (read 2026-11-26). Containers are
    /// billed by the minute and their memory, pictures by the tokens of another model:
    /// <https://developers.openai.com/api/docs/changelog> (2026-06-02, quoted in
    /// <https://modeldex.dev/news/openai-moves-api-container-sessions-to-per-minute-billing-with-a-5-minute-minimu>, read
    /// 2026-11-26).
    pub(super) fn add(&mut self, item: &RawValue) {
        let Some(fields) = Fields::of(item) else { return };
        if fields.text("status").as_deref() == Some("failed") {
            return;
        }
        let part = |name: &str| fields.get(name).and_then(Fields::of);
        match fields.kind().as_deref() {
            Some("web_search_call") => {
                let action = part("action").and_then(|action| action.text("type"));
                self.searches += u64::from(action.is_none_or(|action| action == "search"));
            }
            Some("file_search_call") => self.file_searches += 1,
            Some("code_interpreter_call") => {
                self.executions += 1;
                self.unmeasured += 1;
            }
            Some("shell_call") => {
                // On the application's own machine it costs nothing.
                let place = part("environment").and_then(|environment| environment.text("type"));
                self.unmeasured += u64::from(place.is_some_and(|place| place != "local"));
            }
            Some("image_generation_call") => self.unmeasured += 1,
            _ => {}
        }
    }

    /// Puts them into what the vendor counted; `response` is the whole answer. Where it counts its tools itself, that stands.
    pub(super) fn tell(&self, usage: &mut Usage, response: &Fields<'_>) {
        let is_counted = |name: &&str| usage.extra.get(name).is_some();
        if ["server_side_tool_usage_details", "tool_calls_details"].iter().any(is_counted) {
            return;
        }
        let said = response.get("tool_usage").and_then(Fields::of);
        let said = said.and_then(|tools| Fields::of(tools.get("web_search")?));
        let said = said.and_then(|search| count(search.get("num_requests")?)).filter(|count| *count > 0);
        let searches = said.unwrap_or(self.searches);
        let is_dearer =
            searches > 0 && has_older_search(response) && usage.reasoning_tokens.unwrap_or(0) == 0;
        let some = |uses: u64| (uses > 0).then_some(uses);
        usage.web_searches = some(searches);
        usage.file_searches = some(self.file_searches);
        usage.code_executions = some(self.executions);
        usage.unmeasured_uses = some(self.unmeasured.saturating_add(u64::from(is_dearer)));
    }
}

/// Was it offered the older tool, whose searches have another price for models that do not reason?
/// <https://developers.openai.com/api/docs/pricing> (collected 2026-11-22).
fn has_older_search(response: &Fields<'_>) -> bool {
    let tools = response.get("tools").and_then(list).unwrap_or_default();
    let kinds = tools.into_iter().filter_map(|tool| Fields::of(tool)?.text("type"));
    kinds.into_iter().any(|kind| kind.starts_with("web_search_preview"))
}
