//! Reads a request for a response as strictly as OpenAI does.

use serde_json::{Value, json};

use super::super::check::{Checked, Denial, content_text, count, items, name, number, only, text};
use super::super::question::{Choice, Delivery, OfferedTool, Question, Thinking};
use super::super::request::Received;
use super::super::vendor::Rules;

pub(super) fn question(request: &Received, rules: &Rules) -> Checked<Question> {
    let body = &request.json;
    if rules.name == "openai" {
        only(body, KNOWN, |name| format!("Unknown parameter: '{name}'."))?;
    }
    let model = text(body, "model");
    if model.is_empty() {
        return Err(Denial::invalid("Missing required parameter: 'model'."));
    }
    let single = body.get("input").and_then(Value::as_str);
    let input = items(body, "input");
    if single.is_none() && input.is_empty() {
        return Err(Denial::invalid("Missing required parameter: 'input'."));
    }
    check_input(input)?;
    number(body, "temperature", 0.0..=2.0)?;
    number(body, "top_p", 0.0..=1.0)?;
    let tools = tools(body)?;
    let asked = body.get("reasoning").unwrap_or(&Value::Null);
    let thinking = match (text(asked, "effort"), text(asked, "summary")) {
        ("" | "none", _) => Thinking::Off,
        (_, "") => Thinking::Hidden,
        _ => Thinking::Shown,
    };
    let is_result = |item: &&Value| text(item, "type") == "function_call_output";
    let mut tool_results: Vec<_> =
        input.iter().rev().take_while(is_result).map(|item| content_text(item.get("output"))).collect();
    tool_results.reverse();
    let last = input.iter().rev().find(|item| text(item, "role") == "user");
    Ok(Question {
        model: model.to_owned(),
        delivery: if body.get("stream") == Some(&json!(true)) { Delivery::Events } else { Delivery::Whole },
        last_user: single
            .map_or_else(|| content_text(last.and_then(|item| item.get("content"))), str::to_owned),
        tool_results,
        choice: choice(body, &tools)?,
        tools,
        schema: schema(body)?,
        characters: request.body.len(),
        limit: count(body, "max_output_tokens")?,
        stop: Vec::new(),
        thinking,
        answers: 1,
        reports_usage: true,
    })
}

fn check_input(input: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for (position, item) in input.iter().enumerate() {
        let wrong = |what: &str| Denial::invalid(format!("Invalid 'input[{position}]': {what}"));
        match text(item, "type") {
            "message" | "" => check_message(item).map_err(|what| wrong(&what))?,
            "function_call" => {
                name(item.get("name"), "name")?;
                let is_filled = |name: &str| item.get(name).is_some_and(Value::is_string);
                if !is_filled("call_id") || !is_filled("arguments") {
                    return Err(wrong("a function call needs a call_id and arguments, which are a string"));
                }
                open.push(text(item, "call_id"));
            }
            "function_call_output" => {
                let id = text(item, "call_id");
                let Some(place) = open.iter().position(|own| *own == id) else {
                    return Err(Denial::invalid(format!(
                        "No tool call found for function call output with call_id {id}."
                    )));
                };
                open.remove(place);
                if !item.get("output").is_some_and(|output| output.is_string() || output.is_array()) {
                    return Err(wrong("output must be a string or an array"));
                }
            }
            "reasoning" if text(item, "encrypted_content").is_empty() => {
                return Err(Denial::new(
                    404,
                    format!(
                        "Item with id '{}' not found. Items are not persisted when `store` is set to false.",
                        text(item, "id")
                    ),
                ));
            }
            _ => {}
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => Err(Denial::invalid(format!("No tool output found for function call {id}."))),
    }
}

fn check_message(item: &Value) -> Result<(), String> {
    let role = text(item, "role");
    if !matches!(role, "system" | "developer" | "user" | "assistant") {
        return Err(format!("role '{role}' is not one of system, developer, user, assistant"));
    }
    let blocks = match item.get("content") {
        Some(Value::String(_)) => return Ok(()),
        Some(Value::Array(blocks)) => blocks,
        _ => return Err("content must be a string or an array of parts".into()),
    };
    for block in blocks {
        let kind = text(block, "type");
        let is_text = |name: &str| block.get(name).is_some_and(Value::is_string);
        let fits = match kind {
            "input_text" => role != "assistant" && is_text("text"),
            "output_text" => role == "assistant" && is_text("text"),
            "refusal" => role == "assistant" && is_text("refusal"),
            "input_image" => role == "user" && (is_text("image_url") || is_text("file_id")),
            "input_file" => {
                role == "user"
                    && (is_text("file_id")
                        || is_text("file_url")
                        || (is_text("file_data") && is_text("filename")))
            }
            _ => false,
        };
        if !fits {
            return Err(format!("a part of type '{kind}' is malformed or not allowed for role '{role}'"));
        }
    }
    Ok(())
}

fn tools(body: &Value) -> Checked<Vec<OfferedTool>> {
    let mut offered = Vec::new();
    for tool in items(body, "tools").iter().filter(|tool| text(tool, "type") == "function") {
        let schema = tool.get("parameters").cloned().unwrap_or_default();
        if !schema.is_object() || schema.get("type").is_some_and(|kind| kind != "object") {
            return Err(Denial::invalid("Invalid schema for function: schema must be of type \"object\"."));
        }
        offered.push(OfferedTool { name: name(tool.get("name"), "tools[].name")?, schema });
    }
    Ok(offered)
}

fn choice(body: &Value, tools: &[OfferedTool]) -> Checked<Choice> {
    let Some(choice) = body.get("tool_choice").filter(|choice| !choice.is_null()) else {
        return Ok(Choice::Auto);
    };
    match choice.as_str() {
        Some("auto") => Ok(Choice::Auto),
        Some("none") => Ok(Choice::Never),
        Some("required") => Ok(Choice::Required),
        Some(other) => Err(Denial::invalid(format!("Invalid value for 'tool_choice': '{other}'."))),
        None => {
            let wanted = text(choice, "name");
            if tools.iter().any(|tool| tool.name == wanted) {
                Ok(Choice::Named(wanted.to_owned()))
            } else {
                Err(Denial::invalid("Tool choice 'function' not found in 'tools' parameter."))
            }
        }
    }
}

fn schema(body: &Value) -> Checked<Option<Value>> {
    let Some(format) = body.pointer("/text/format") else { return Ok(None) };
    match text(format, "type") {
        "text" => Ok(None),
        "json_object" => Ok(Some(json!({"type": "object", "properties": {"answer": {"type": "string"}}}))),
        "json_schema" => {
            name(format.get("name"), "text.format.name")?;
            match format.get("schema") {
                Some(schema) if schema.is_object() => Ok(Some(schema.clone())),
                _ => Err(Denial::invalid("Missing required parameter: 'text.format.schema'.")),
            }
        }
        other => Err(Denial::invalid(format!("Invalid value: '{other}' for 'text.format.type'."))),
    }
}

const KNOWN: &[&str] = &[
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];
