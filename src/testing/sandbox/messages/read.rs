//! Reads a request for a message as strictly as Anthropic does.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::check::{Checked, Denial, content_text, count, items, name, number, only, strings, text};
use super::super::question::{Choice, Delivery, OfferedTool, Question, Thinking};
use super::super::request::Received;

pub(super) fn question(request: &Received) -> Checked<Question> {
    let body = &request.json;
    if request.header("anthropic-version").is_none() {
        return Err(Denial::invalid("anthropic-version: header is required"));
    }
    for required in ["model", "max_tokens", "messages"] {
        if body.get(required).is_none_or(Value::is_null) {
            return Err(Denial::invalid(format!("{required}: Field required")));
        }
    }
    only(body, KNOWN, |name| format!("{name}: Extra inputs are not permitted"))?;
    let limit = count(body, "max_tokens")?;
    number(body, "temperature", 0.0..=1.0)?;
    number(body, "top_p", 0.0..=1.0)?;
    let messages = items(body, "messages");
    check_messages(messages)?;
    check_system(body.get("system"))?;
    let tools = tools(body)?;
    let choice = choice(body, &tools)?;
    Ok(Question {
        model: text(body, "model").to_owned(),
        delivery: if body.get("stream") == Some(&json!(true)) { Delivery::Events } else { Delivery::Whole },
        last_user: last_user(messages),
        tool_results: tool_results(messages),
        thinking: thinking(body, limit, &choice)?,
        tools,
        choice,
        schema: schema(body)?,
        characters: request.body.len(),
        limit,
        stop: strings(body.get("stop_sequences")),
        answers: 1,
        reports_usage: true,
    })
}

fn check_messages(messages: &[Value]) -> Checked {
    if messages.is_empty() {
        return Err(Denial::invalid("messages: at least one message is required"));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (position, message) in messages.iter().enumerate() {
        let wrong = |what: &str| Denial::invalid(format!("messages.{position}: {what}"));
        let role = text(message, "role");
        if !matches!(role, "user" | "assistant") {
            return Err(wrong(&format!(
                "Unexpected role \"{role}\". Allowed roles are \"user\" or \"assistant\"."
            )));
        }
        if position == 0 && role != "user" {
            return Err(wrong("first message must use the \"user\" role"));
        }
        only(message, &["role", "content"], |name| {
            format!("messages.{position}.{name}: Extra inputs are not permitted")
        })?;
        let own;
        let blocks = match message.get("content") {
            Some(Value::String(text)) => {
                own = [json!({"type": "text", "text": text})];
                own.as_slice()
            }
            Some(Value::Array(blocks)) => blocks.as_slice(),
            _ => return Err(wrong("content: Field required")),
        };
        if blocks.is_empty() {
            return Err(wrong(
                "all messages must have non-empty content except for the optional final assistant message",
            ));
        }
        let results: Vec<_> = blocks
            .iter()
            .filter(|block| text(block, "type") == "tool_result")
            .map(|block| text(block, "tool_use_id"))
            .collect();
        if let Some(lost) = open.iter().find(|id| !results.contains(id)) {
            return Err(wrong(&format!(
                "`tool_use` ids were found without `tool_result` blocks immediately after: {lost}."
            )));
        }
        if let Some(odd) = results.iter().find(|id| !open.contains(id)) {
            return Err(wrong(&format!("unexpected `tool_use_id` found in `tool_result` blocks: {odd}.")));
        }
        if !blocks.iter().take(results.len()).all(|block| text(block, "type") == "tool_result") {
            return Err(wrong("`tool_result` blocks must come first"));
        }
        for block in blocks {
            check_block(block, role).map_err(|what| wrong(&what))?;
        }
        open = message_calls(message);
        if !open.iter().all(|id| known.insert(id)) {
            return Err(wrong("`tool_use` ids must be unique"));
        }
    }
    match open.first() {
        Some(lost) => Err(Denial::invalid(format!(
            "`tool_use` ids were found without `tool_result` blocks immediately after: {lost}."
        ))),
        None => Ok(()),
    }
}

/// <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23).
fn is_call_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn message_calls(message: &Value) -> Vec<&str> {
    let blocks = items(message, "content").iter();
    blocks.filter(|block| text(block, "type") == "tool_use").map(|block| text(block, "id")).collect()
}

fn check_block(block: &Value, role: &str) -> Result<(), String> {
    let kind = text(block, "type");
    let (allowed, fits) = match kind {
        "text" => {
            if text(block, "text").trim().is_empty() {
                return Err("text content blocks must be non-empty".into());
            }
            (true, true)
        }
        "image" | "document" => {
            let source = block.get("source").unwrap_or(&Value::Null);
            let fits = match text(source, "type") {
                "base64" => !text(source, "media_type").is_empty() && !text(source, "data").is_empty(),
                "url" => !text(source, "url").is_empty(),
                "file" => !text(source, "file_id").is_empty(),
                "text" | "content" => kind == "document",
                _ => false,
            };
            (role == "user", fits)
        }
        "tool_use" => {
            if !block.get("input").is_some_and(Value::is_object) {
                return Err("tool_use.input: Input should be a valid dictionary".into());
            }
            if !is_call_id(text(block, "id")) {
                return Err("tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'".into());
            }
            (role == "assistant", name(block.get("name"), "name").is_ok())
        }
        "tool_result" => (role == "user", is_call_id(text(block, "tool_use_id"))),
        "thinking" => {
            (role == "assistant", block.get("thinking").is_some() && !text(block, "signature").is_empty())
        }
        "redacted_thinking" => (role == "assistant", !text(block, "data").is_empty()),
        "search_result" | "container_upload" => (role == "user", true),
        other => {
            (role == "assistant" && (other.ends_with("_tool_use") || other.ends_with("_tool_result")), true)
        }
    };
    match (allowed, fits) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("content: Input tag '{kind}' is not expected for role '{role}'")),
        (true, false) => Err(format!("content: a block of type '{kind}' is malformed")),
    }
}

fn check_system(system: Option<&Value>) -> Checked {
    let fits = match system {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(blocks)) => {
            blocks.iter().all(|block| text(block, "type") == "text" && !text(block, "text").is_empty())
        }
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(Denial::invalid("system: Input should be a valid string or list of text blocks"))
    }
}

fn tools(body: &Value) -> Checked<Vec<OfferedTool>> {
    let mut offered = Vec::new();
    for (position, tool) in items(body, "tools").iter().enumerate() {
        if tool.get("type").is_some_and(|kind| kind != "custom") {
            continue;
        }
        let name = name(tool.get("name"), &format!("tools.{position}.custom.name"))?;
        let schema = tool.get("input_schema").cloned().unwrap_or_default();
        if schema.get("type") != Some(&json!("object")) {
            return Err(Denial::invalid(format!(
                "tools.{position}.custom.input_schema.type: Field required"
            )));
        }
        offered.push(OfferedTool { name, schema });
    }
    Ok(offered)
}

fn choice(body: &Value, tools: &[OfferedTool]) -> Checked<Choice> {
    let Some(choice) = body.get("tool_choice") else { return Ok(Choice::Auto) };
    if body.get("tools").is_none() {
        return Err(Denial::invalid("tool_choice: may only be specified while providing tools"));
    }
    match text(choice, "type") {
        "auto" => Ok(Choice::Auto),
        "none" => Ok(Choice::Never),
        "any" => Ok(Choice::Required),
        "tool" if tools.iter().any(|tool| tool.name == text(choice, "name")) => {
            Ok(Choice::Named(text(choice, "name").to_owned()))
        }
        "tool" => Err(Denial::invalid("tool_choice: the named tool is not in tools")),
        other => Err(Denial::invalid(format!(
            "tool_choice: Input tag '{other}' is not one of auto, any, tool, none"
        ))),
    }
}

fn thinking(body: &Value, limit: Option<u64>, choice: &Choice) -> Checked<Thinking> {
    let Some(thinking) = body.get("thinking") else { return Ok(Thinking::Off) };
    match text(thinking, "type") {
        "disabled" => return Ok(Thinking::Off),
        "adaptive" => {}
        "enabled" => {
            let budget = count(thinking, "budget_tokens")?;
            if budget.is_none_or(|budget| budget < 1_024) {
                return Err(Denial::invalid(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
                ));
            }
            if budget >= limit {
                return Err(Denial::invalid("`max_tokens` must be greater than `thinking.budget_tokens`."));
            }
        }
        other => {
            return Err(Denial::invalid(format!(
                "thinking: Input tag '{other}' is not one of enabled, disabled, adaptive"
            )));
        }
    }
    if matches!(choice, Choice::Required | Choice::Named(_)) {
        return Err(Denial::invalid("Thinking may not be enabled when tool_choice forces tool use."));
    }
    let temperature = body.get("temperature").and_then(Value::as_f64).unwrap_or(1.0);
    if temperature < 1.0 {
        return Err(Denial::invalid("`temperature` may only be set to 1 when thinking is enabled."));
    }
    Ok(Thinking::Shown)
}

fn schema(body: &Value) -> Checked<Option<Value>> {
    let format = body.pointer("/output_config/format").or_else(|| body.get("output_format"));
    let Some(format) = format else { return Ok(None) };
    match (text(format, "type"), format.get("schema")) {
        ("json_schema", Some(schema)) if schema.is_object() => Ok(Some(schema.clone())),
        _ => Err(Denial::invalid("output_config.format: must be of type json_schema with a schema")),
    }
}

fn last_user(messages: &[Value]) -> String {
    let users = messages.iter().rev().filter(|message| text(message, "role") == "user");
    users
        .map(|message| content_text(message.get("content")))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn tool_results(messages: &[Value]) -> Vec<String> {
    let last = messages.last().map(|message| items(message, "content")).unwrap_or_default();
    let results = last.iter().filter(|block| text(block, "type") == "tool_result");
    results.map(|block| content_text(block.get("content"))).collect()
}

const KNOWN: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];
