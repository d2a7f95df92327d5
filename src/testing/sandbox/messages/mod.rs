//! Anthropic's messages, from the vendor's side.
//!
//! <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23).

mod read;

use serde_json::{Value, json};

use super::answer::Answer;
use super::check::{Checked, Denial, text};
use super::format::{Event, Format, deltas, fragments};
use super::question::Question;
use super::request::Received;
use super::vendor::Rules;
use crate::types::{FinishReason, Part, Usage, Wire};

pub(super) struct Messages;

impl Format for Messages {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        request.header("x-api-key")
    }

    fn wrong_key(&self) -> Denial {
        Denial::new(401, "invalid x-api-key")
    }

    fn unknown_model(&self, model: &str) -> Denial {
        Denial::new(404, format!("model: {model}"))
    }

    fn read(&self, request: &Received, _rules: &Rules) -> Checked<Question> {
        read::question(request)
    }

    fn whole(&self, answer: &Answer) -> Value {
        let mut usage = input_usage(&answer.usage);
        if let Some(fields) = usage.as_object_mut() {
            fields.insert("output_tokens".into(), json!(answer.usage.output_tokens.unwrap_or(0)));
        }
        json!({
            "id": id(answer), "type": "message", "role": "assistant", "model": answer.model,
            "content": blocks(answer), "stop_reason": finish(answer), "stop_sequence": null, "usage": usage,
        })
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut events = Vec::new();
        let mut push = |name: &'static str, mut fields: Value| {
            if let Some(fields) = fields.as_object_mut() {
                fields.insert("type".into(), json!(name));
            }
            events.push(Event::new(&fields).named(name));
        };
        let mut usage = input_usage(&answer.usage);
        if let Some(fields) = usage.as_object_mut() {
            fields.insert("output_tokens".into(), json!(1));
        }
        push(
            "message_start",
            json!({"message": {
                "id": id(answer), "type": "message", "role": "assistant", "model": answer.model, "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": usage,
            }}),
        );
        for (index, block) in blocks(answer).into_iter().enumerate() {
            let (start, steps) = split(&block);
            push("content_block_start", json!({"index": index, "content_block": start}));
            if index == 0 {
                push("ping", json!({}));
            }
            for delta in steps {
                push("content_block_delta", json!({"index": index, "delta": delta}));
            }
            push("content_block_stop", json!({"index": index}));
        }
        push(
            "message_delta",
            json!({
                "delta": {"stop_reason": finish(answer), "stop_sequence": null},
                "usage": {"output_tokens": answer.usage.output_tokens.unwrap_or(0)},
            }),
        );
        push("message_stop", json!({}));
        events
    }

    fn failure(&self, denial: &Denial) -> Value {
        let kind = match denial.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            504 => "timeout_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        json!({"type": "error", "error": {"type": kind, "message": denial.message}, "request_id": "req_sandbox"})
    }

    fn failure_event(&self, denial: &Denial) -> Event {
        Event::new(&self.failure(denial)).named("error")
    }

    fn id_header(&self) -> &'static str {
        "request-id"
    }
}

fn blocks(answer: &Answer) -> Vec<Value> {
    let mut calls = 0;
    let block = |part: &Part| match part {
        Part::Text(text) if text.text.is_empty() => None,
        Part::Text(text) => Some(json!({"type": "text", "text": text.text})),
        Part::Refusal(refusal) => Some(json!({"type": "text", "text": refusal.text})),
        Part::Reasoning(reasoning) => {
            let signature = reasoning.state.as_ref().and_then(|state| state.json.parse::<Value>().ok());
            let signature = signature.and_then(|state| state.get("signature").cloned());
            let signature = signature.unwrap_or_else(|| json!("c2FuZGJveA=="));
            Some(json!({"type": "thinking", "thinking": reasoning.text, "signature": signature}))
        }
        Part::ToolCall(call) => {
            calls += 1;
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            let id = answer.call_id(call, "toolu_", calls - 1);
            Some(json!({"type": "tool_use", "id": id, "name": call.name, "input": input}))
        }
        Part::Opaque(opaque) if opaque.wire == Wire::Messages => opaque.json.parse().ok(),
        _ => None,
    };
    answer.parts.iter().filter_map(block).collect()
}

/// How a block begins, and the deltas that complete it.
fn split(block: &Value) -> (Value, Vec<Value>) {
    match text(block, "type") {
        "text" => {
            let deltas =
                deltas(text(block, "text")).map(|delta| json!({"type": "text_delta", "text": delta}));
            (json!({"type": "text", "text": ""}), deltas.collect())
        }
        "thinking" => {
            let deltas = deltas(text(block, "thinking"))
                .map(|delta| json!({"type": "thinking_delta", "thinking": delta}));
            let signature = json!({"type": "signature_delta", "signature": block.get("signature")});
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                deltas.chain([signature]).collect(),
            )
        }
        "tool_use" => {
            let input = block.get("input").filter(|input| **input != json!({})).map(Value::to_string);
            let pieces = input.map(|input| fragments(&input)).unwrap_or_default();
            let deltas =
                pieces.iter().map(|piece| json!({"type": "input_json_delta", "partial_json": piece}));
            let start =
                json!({"type": "tool_use", "id": block.get("id"), "name": block.get("name"), "input": {}});
            (start, deltas.collect())
        }
        _ => (block.clone(), Vec::new()),
    }
}

fn id(answer: &Answer) -> String {
    answer.id.clone().unwrap_or_else(|| format!("msg_sandbox{}", answer.number))
}

fn finish(answer: &Answer) -> String {
    answer.finish_raw.clone().unwrap_or_else(|| match &answer.finish {
        FinishReason::Stop => "end_turn".into(),
        FinishReason::Length => "max_tokens".into(),
        FinishReason::ToolCalls => "tool_use".into(),
        FinishReason::ContentFilter => "refusal".into(),
        FinishReason::Other(word) => word.clone(),
    })
}

/// Anthropic leaves cache traffic out of `input_tokens`.
fn input_usage(usage: &Usage) -> Value {
    let (read, written) = (usage.cache_read_tokens.unwrap_or(0), usage.cache_write_tokens.unwrap_or(0));
    let hour = usage.cache_write_1h_tokens.unwrap_or(0);
    json!({
        "input_tokens": usage.input_tokens.unwrap_or(0).saturating_sub(read).saturating_sub(written),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written.saturating_sub(hour),
            "ephemeral_1h_input_tokens": hour,
        },
        "service_tier": "standard",
    })
}
