//! Tools that vendors run themselves, in the words of each.

use serde_json::json;

use super::{HostedStyle, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Hosted, Json, Opaque, Tool, WebSearch};

/// Writes each as the vendor's own tool.
pub(super) fn fit(work: &mut Work<'_, '_>) -> Result<()> {
    if work.request.tools.iter().all(|tool| tool.hosted.is_none()) {
        return Ok(());
    }
    let (style, wire) = (work.needs.hosted, work.wire);
    let mut plugins = Vec::new();
    for place in 0..work.request.tools.len() {
        let Some(hosted) = work.request.tools.get(place).and_then(|tool| tool.hosted.clone()) else {
            continue;
        };
        let own = match (style, &hosted) {
            (HostedStyle::OpenRouter, Hosted::WebSearch(search)) => {
                plugins.push(json!({"id": "web", "max_results": search.max_uses.unwrap_or(5).clamp(1, 10)}));
                continue;
            }
            _ => written(style, &hosted).ok_or_else(|| refusal(&hosted, work.target.provider))?,
        };
        if let Some(tool) = work.request.to_mut().tools.get_mut(place) {
            *tool = Tool::builtin(Opaque::new(wire, own));
        }
    }
    if !plugins.is_empty() {
        let request = work.request.to_mut();
        request.tools.retain(|tool| tool.hosted.is_none());
        request.extra.insert(wire, "plugins", json!(plugins));
    }
    Ok(())
}

/// <https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool>,
/// <https://developers.openai.com/api/docs/guides/tools-web-search>, <https://ai.google.dev/gemini-api/docs/google-search>
/// (Anthropic's read 2026-11-26; OpenAI's `filters` seen in a copy, its code execution in other clients; Google's not
/// checked).
fn written(style: HostedStyle, hosted: &Hosted) -> Option<Json> {
    let value = match (style, hosted) {
        (HostedStyle::Anthropic, Hosted::WebSearch(WebSearch { max_uses, allowed_domains })) => {
            let mut tool = json!({"type": "web_search_20250305", "name": "web_search"});
            let fields = tool.as_object_mut()?;
            fields.extend(max_uses.map(|most| ("max_uses".to_owned(), json!(most))));
            if !allowed_domains.is_empty() {
                fields.insert("allowed_domains".to_owned(), json!(allowed_domains));
            }
            tool
        }
        (HostedStyle::OpenAi, Hosted::WebSearch(WebSearch { allowed_domains, .. })) => {
            if allowed_domains.is_empty() {
                json!({"type": "web_search"})
            } else {
                json!({"type": "web_search", "filters": {"allowed_domains": allowed_domains}})
            }
        }
        (HostedStyle::OpenAi, Hosted::CodeExecution) => {
            json!({"type": "code_interpreter", "container": {"type": "auto"}})
        }
        (HostedStyle::Google, Hosted::WebSearch(WebSearch { allowed_domains, .. }))
            if allowed_domains.is_empty() =>
        {
            json!({"googleSearch": {}})
        }
        (HostedStyle::Google, Hosted::CodeExecution) => json!({"codeExecution": {}}),
        _ => return None,
    };
    Some(Json::from(value))
}

fn refusal(hosted: &Hosted, provider: &str) -> Error {
    let what = match hosted {
        Hosted::WebSearch(WebSearch { allowed_domains, .. }) if !allowed_domains.is_empty() => {
            "web search limited to domains"
        }
        Hosted::WebSearch(_) => "web search",
        Hosted::CodeExecution => "code execution",
    };
    Error::new(
        ErrorKind::Unsupported,
        format!("tools: {provider} runs no {what} in this format; leave it out or choose another target"),
    )
}
