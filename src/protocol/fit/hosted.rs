//! Tools that vendors run themselves, in the words of each.

use serde_json::json;

use super::{HostedStyle, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Adaptation, Hosted, Json, Opaque, Tool, WebSearch};

/// Writes each as the vendor's own tool.
pub(super) fn fit(work: &mut Work<'_, '_>) -> Result<()> {
    for place in 0..work.request.tools.len() {
        let Some(hosted) = work.request.tools.get(place).and_then(|tool| tool.hosted.clone()) else {
            continue;
        };
        let style = work.needs.hosted;
        let own = takes(style, &hosted, work.target.model).then(|| written(style, &hosted)).flatten();
        let own = own.ok_or_else(|| refusal(&hosted, work.target.provider))?;
        if let Hosted::WebSearch(WebSearch { max_uses: Some(most), .. }) = hosted {
            limit(work, most)?;
        }
        let wire = work.wire;
        if let Some(tool) = work.request.to_mut().tools.get_mut(place) {
            *tool = Tool::builtin(Opaque::new(wire, own));
        }
    }
    Ok(())
}

/// How often it may search, where that does not stand in the tool itself.
fn limit(work: &mut Work<'_, '_>, most: u32) -> Result<()> {
    match work.needs.hosted {
        HostedStyle::Anthropic => Ok(()),
        HostedStyle::OpenAi => {
            work.notes.add(Adaptation::changed(
                MAX_USES,
                "the vendor limits the calls of all its tools together, and opening a page is one",
            ))?;
            // What the caller set in the vendor's own words stands.
            if work.request.extra.get("max_tool_calls").is_none() {
                let wire = work.wire;
                work.request.to_mut().extra.insert(wire, "max_tool_calls", json!(most));
            }
            Ok(())
        }
        HostedStyle::Unknown
        | HostedStyle::Google
        | HostedStyle::OpenRouter
        | HostedStyle::Xai
        | HostedStyle::Perplexity => work
            .notes
            .add(Adaptation::dropped(MAX_USES, "the vendor cannot be told how often it may search at most")),
    }
}

/// May the tool be limited like this? Leaving a limit to domains out would change what the answer rests on.
fn takes(style: HostedStyle, hosted: &Hosted, model: &str) -> bool {
    let Hosted::WebSearch(WebSearch { allowed_domains, .. }) = hosted else { return true };
    if allowed_domains.is_empty() {
        return true;
    }
    match style {
        HostedStyle::Unknown | HostedStyle::Anthropic => true,
        HostedStyle::Google => false,
        // Perplexity's own search there takes no list.
        HostedStyle::OpenRouter => !model.starts_with("perplexity/"),
        HostedStyle::OpenAi => allowed_domains.len() <= 100,
        HostedStyle::Xai => allowed_domains.len() <= 5,
        HostedStyle::Perplexity => allowed_domains.len() <= 20,
    }
}

/// <https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool>,
/// <https://developers.openai.com/api/docs/guides/tools-web-search>, <https://ai.google.dev/gemini-api/docs/google-search>,
/// <https://openrouter.ai/docs/guides/features/server-tools/web-search> (the plugin `web` is deprecated),
/// <https://docs.x.ai/docs/guides/tools/search-tools>, <https://docs.perplexity.ai/docs/grounded-llm/responses/tools>
/// (Anthropic's, OpenRouter's, xAI's and Perplexity's read 2026-11-26; OpenAI's `filters` seen in a copy, its code execution
/// in other clients; Google's not checked).
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
        (HostedStyle::OpenAi | HostedStyle::Xai, Hosted::WebSearch(search)) => {
            filtered("web_search", "filters", "allowed_domains", search)
        }
        (HostedStyle::Perplexity, Hosted::WebSearch(search)) => {
            filtered("web_search", "filters", "search_domain_filter", search)
        }
        (HostedStyle::OpenRouter, Hosted::WebSearch(search)) => {
            filtered("openrouter:web_search", "parameters", "allowed_domains", search)
        }
        (HostedStyle::OpenAi, Hosted::CodeExecution) => {
            json!({"type": "code_interpreter", "container": {"type": "auto"}})
        }
        (HostedStyle::Xai, Hosted::CodeExecution) => json!({"type": "code_interpreter"}),
        (HostedStyle::Google, Hosted::WebSearch(_)) => json!({"googleSearch": {}}),
        (HostedStyle::Google, Hosted::CodeExecution) => json!({"codeExecution": {}}),
        _ => return None,
    };
    Some(Json::from(value))
}

/// A search whose limits are an object of their own.
fn filtered(kind: &str, group: &str, field: &str, search: &WebSearch) -> serde_json::Value {
    if search.allowed_domains.is_empty() {
        json!({"type": kind})
    } else {
        json!({"type": kind, group: {field: search.allowed_domains}})
    }
}

fn refusal(hosted: &Hosted, provider: &str) -> Error {
    let what = match hosted {
        Hosted::WebSearch(WebSearch { allowed_domains, .. }) if !allowed_domains.is_empty() => {
            "web search limited to these domains"
        }
        Hosted::WebSearch(_) => "web search",
        Hosted::CodeExecution => "code execution",
    };
    Error::new(
        ErrorKind::Unsupported,
        format!("tools: {provider} runs no {what} in this format; leave it out or choose another target"),
    )
}

const MAX_USES: &str = "tools.web_search.max_uses";
