//! Reads a request for chat completions as strictly as OpenAI does.

use serde_json::{Value, json};

use super::super::check::{Checked, Denial, content_text, count, items, name, number, only, strings, text};
use super::super::question::{Choice, Delivery, OfferedTool, Question, Thinking};
use super::super::request::Received;
use super::super::vendor::Rules;

pub(super) fn question(request: &Received, rules: &Rules) -> Checked<Question> {
    let body = &request.json;
    if rules.name == "openai" {
        only(body, KNOWN, |name| format!("Unrecognized request argument supplied: {name}"))?;
    }
    let model = text(body, "model");
    if model.is_empty() {
        return Err(Denial::invalid("you must provide a model parameter"));
    }
    let messages = items(body, "messages");
    check_messages(messages)?;
    number(body, "temperature", 0.0..=2.0)?;
    number(body, "top_p", 0.0..=1.0)?;
    number(body, "presence_penalty", -2.0..=2.0)?;
    number(body, "frequency_penalty", -2.0..=2.0)?;
    let old = count(body, "max_tokens")?;
    let limit = count(body, "max_completion_tokens")?;
    if old.is_some() && limit.is_some() {
        return Err(Denial::invalid(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ));
    }
    let stream = body.get("stream") == Some(&json!(true));
    if !stream && body.get("stream_options").is_some_and(|options| !options.is_null()) {
        return Err(Denial::invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    let tools = tools(body)?;
    let effort = text(body, "reasoning_effort");
    let last = messages.iter().rev().take_while(|message| text(message, "role") == "tool");
    let mut tool_results: Vec<_> = last.map(|message| content_text(message.get("content"))).collect();
    tool_results.reverse();
    Ok(Question {
        model: model.to_owned(),
        delivery: if stream { Delivery::Events } else { Delivery::Whole },
        last_user: last_user(messages),
        tool_results,
        choice: choice(body, &tools)?,
        tools,
        schema: schema(body, messages)?,
        characters: request.body.len(),
        limit: limit.or(old),
        stop: strings(body.get("stop")),
        thinking: if effort.is_empty() || effort == "none" { Thinking::Off } else { Thinking::Hidden },
        answers: count(body, "n")?.unwrap_or(1).min(128),
        reports_usage: body.pointer("/stream_options/include_usage") == Some(&json!(true)),
    })
}

fn check_messages(messages: &[Value]) -> Checked {
    if messages.is_empty() {
        return Err(Denial::invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
        ));
    }
    let mut open: Vec<&str> = Vec::new();
    for (position, message) in messages.iter().enumerate() {
        let wrong = |what: &str| Denial::invalid(format!("Invalid 'messages[{position}]': {what}"));
        let role = text(message, "role");
        let content = message.get("content").filter(|content| !content.is_null());
        if role != "tool" && !open.is_empty() {
            return Err(unanswered(&open));
        }
        match role {
            "system" | "developer" | "user" => {
                check_content(content.ok_or_else(|| wrong("content is missing"))?, role)
                    .map_err(|what| wrong(&what))?
            }
            "assistant" => {
                let calls = items(message, "tool_calls");
                if message.get("tool_calls").is_some_and(Value::is_array) && calls.is_empty() {
                    return Err(wrong("tool_calls is an empty array"));
                }
                match content {
                    Some(content) => check_content(content, role).map_err(|what| wrong(&what))?,
                    None if calls.is_empty() && message.get("refusal").is_none_or(Value::is_null) => {
                        return Err(wrong("content is null and there are no tool calls"));
                    }
                    None => {}
                }
                for call in calls {
                    let function = call.get("function").unwrap_or(&Value::Null);
                    if text(call, "type") != "function" || text(call, "id").is_empty() {
                        return Err(wrong("a tool call needs an id and the type 'function'"));
                    }
                    name(function.get("name"), "function.name")?;
                    if !function.get("arguments").is_some_and(Value::is_string) {
                        return Err(wrong("function.arguments must be a string"));
                    }
                    open.push(text(call, "id"));
                }
            }
            "tool" => {
                let id = text(message, "tool_call_id");
                let Some(place) = open.iter().position(|own| *own == id) else {
                    return Err(wrong(
                        "a message of role 'tool' must answer a preceding message with 'tool_calls'",
                    ));
                };
                open.remove(place);
                check_content(content.ok_or_else(|| wrong("content is missing"))?, role)
                    .map_err(|what| wrong(&what))?;
            }
            "function" => {}
            other => {
                return Err(wrong(&format!(
                    "role '{other}' is not one of system, developer, user, assistant, tool"
                )));
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(&open)) }
}

fn unanswered(open: &[&str]) -> Denial {
    Denial::invalid(format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following did not have response messages: {}",
        open.join(", ")
    ))
}

fn check_content(content: &Value, role: &str) -> Result<(), String> {
    let blocks = match content {
        Value::String(_) => return Ok(()),
        Value::Array(blocks) if !blocks.is_empty() => blocks,
        _ => return Err("content must be a string or an array of parts".into()),
    };
    for block in blocks {
        let kind = text(block, "type");
        let fits = match kind {
            "text" => block.get("text").is_some_and(Value::is_string),
            "refusal" => role == "assistant" && block.get("refusal").is_some_and(Value::is_string),
            "image_url" => role == "user" && block.pointer("/image_url/url").is_some_and(Value::is_string),
            // Not at OpenAI, but wherever film is watched.
            "video_url" => role == "user" && block.pointer("/video_url/url").is_some_and(Value::is_string),
            "input_audio" => {
                role == "user"
                    && block.pointer("/input_audio/data").is_some_and(Value::is_string)
                    && matches!(
                        block.pointer("/input_audio/format").and_then(Value::as_str),
                        Some("wav" | "mp3")
                    )
            }
            "file" => role == "user" && block.get("file").is_some_and(Value::is_object),
            _ => false,
        };
        if !fits {
            return Err(format!("a part of type '{kind}' is malformed or not allowed for role '{role}'"));
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Checked<Vec<OfferedTool>> {
    if body.get("tools").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        return Err(Denial::invalid(
            "Invalid 'tools': empty array. Expected an array with minimum length 1.",
        ));
    }
    let mut offered = Vec::new();
    for tool in items(body, "tools") {
        let function = match text(tool, "type") {
            "function" => tool.get("function").unwrap_or(&Value::Null),
            // OpenRouter's own.
            "custom" | "openrouter:web_search" => continue,
            other => {
                return Err(Denial::invalid(format!(
                    "Invalid value: '{other}'. Supported: 'function' and 'custom'."
                )));
            }
        };
        let schema = function.get("parameters").cloned().unwrap_or_else(|| json!({"type": "object"}));
        if !schema.is_object() || schema.get("type").is_some_and(|kind| kind != "object") {
            return Err(Denial::invalid("Invalid schema for function: schema must be of type \"object\"."));
        }
        offered.push(OfferedTool { name: name(function.get("name"), "tools[].function.name")?, schema });
    }
    Ok(offered)
}

fn choice(body: &Value, tools: &[OfferedTool]) -> Checked<Choice> {
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else {
        return Ok(Choice::Auto);
    };
    if tools.is_empty() && body.get("tools").is_none() {
        return Err(Denial::invalid(
            "Invalid value for 'tool_choice': only allowed when 'tools' are specified.",
        ));
    }
    match choice.as_str() {
        Some("auto") => Ok(Choice::Auto),
        Some("none") => Ok(Choice::Never),
        Some("required") => Ok(Choice::Required),
        Some(other) => Err(Denial::invalid(format!("Invalid value for 'tool_choice': '{other}'."))),
        None => {
            let wanted = choice.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
            if tools.iter().any(|tool| tool.name == wanted) {
                Ok(Choice::Named(wanted.to_owned()))
            } else {
                Err(Denial::invalid("Invalid value for 'tool_choice': the named function is not in 'tools'."))
            }
        }
    }
}

fn schema(body: &Value, messages: &[Value]) -> Checked<Option<Value>> {
    let Some(format) = body.get("response_format").filter(|format| !format.is_null()) else {
        return Ok(None);
    };
    match text(format, "type") {
        "text" => Ok(None),
        "json_object" => {
            // https://platform.openai.com/docs/guides/structured-outputs#json-mode (read 2026-11-23).
            let says = |message: &Value| content_text(message.get("content")).to_lowercase().contains("json");
            if !messages.iter().any(says) {
                return Err(Denial::invalid(
                    "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
                ));
            }
            Ok(Some(json!({"type": "object", "properties": {"answer": {"type": "string"}}})))
        }
        "json_schema" => {
            let own = format.get("json_schema").unwrap_or(&Value::Null);
            name(own.get("name"), "response_format.json_schema.name")?;
            match own.get("schema") {
                Some(schema) if schema.is_object() => Ok(Some(schema.clone())),
                _ => {
                    Err(Denial::invalid("Missing required parameter: 'response_format.json_schema.schema'."))
                }
            }
        }
        other => Err(Denial::invalid(format!("Invalid value: '{other}' for 'response_format.type'."))),
    }
}

fn last_user(messages: &[Value]) -> String {
    let last = messages.iter().rev().find(|message| text(message, "role") == "user");
    content_text(last.and_then(|message| message.get("content")))
}

const KNOWN: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];
