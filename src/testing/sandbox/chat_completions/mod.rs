//! OpenAI's chat completions, from the vendor's side.
//!
//! <https://platform.openai.com/docs/api-reference/chat> (read 2026-11-23).

mod read;

use serde_json::{Value, json};

use super::answer::Answer;
use super::check::{Checked, Denial};
use super::format::{Event, Format, deltas, fragments};
use super::question::Question;
use super::request::Received;
use super::vendor::Rules;
use crate::types::{FinishReason, Part, Usage};

pub(super) struct ChatCompletions;

impl Format for ChatCompletions {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        request.header("authorization")?.strip_prefix("Bearer ")
    }

    fn wrong_key(&self) -> Denial {
        Denial::new(401, "Incorrect API key provided.").code("invalid_api_key")
    }

    fn unknown_model(&self, model: &str) -> Denial {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        Denial::new(404, message).code("model_not_found")
    }

    fn read(&self, request: &Received, rules: &Rules) -> Checked<Question> {
        read::question(request, rules)
    }

    fn whole(&self, answer: &Answer) -> Value {
        let mut message = json!({"role": "assistant", "content": null, "refusal": null});
        let calls = calls(answer);
        let text = answer.text();
        if !text.is_empty() || calls.is_empty() {
            set(&mut message, "content", json!(text));
        }
        if !calls.is_empty() {
            set(&mut message, "tool_calls", json!(calls));
        }
        for part in &answer.parts {
            match part {
                Part::Refusal(refusal) => {
                    set(&mut message, "refusal", json!(refusal.text));
                    set(&mut message, "content", Value::Null);
                }
                Part::Reasoning(reasoning) => set(&mut message, "reasoning_content", json!(reasoning.text)),
                _ => {}
            }
        }
        let choices: Vec<_> = (0..answer.question.answers)
            .map(|index| json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish(answer)}))
            .collect();
        json!({
            "id": id(answer), "object": "chat.completion", "created": CREATED, "model": answer.model,
            "choices": choices, "usage": usage(&answer.usage), "system_fingerprint": "fp_sandbox",
        })
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let chunk = |choices: Value| {
            json!({
                "id": id(answer), "object": "chat.completion.chunk", "created": CREATED, "model": answer.model,
                "system_fingerprint": "fp_sandbox", "choices": choices,
            })
        };
        let mut events = Vec::new();
        for index in 0..answer.question.answers {
            let mut push = |delta: Value, finish: Value| {
                events.push(Event::new(&chunk(json!([
                    {"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}
                ]))));
            };
            push(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null);
            let mut position = 0;
            for part in &answer.parts {
                match part {
                    Part::Text(text) => {
                        deltas(&text.text).for_each(|delta| push(json!({"content": delta}), Value::Null))
                    }
                    Part::Reasoning(reasoning) => deltas(&reasoning.text)
                        .for_each(|delta| push(json!({"reasoning_content": delta}), Value::Null)),
                    Part::Refusal(refusal) => {
                        deltas(&refusal.text).for_each(|delta| push(json!({"refusal": delta}), Value::Null));
                    }
                    Part::ToolCall(call) => {
                        let id = answer.call_id(call, "call_", position);
                        push(
                            json!({"tool_calls": [{"index": position, "id": id, "type": "function",
                                "function": {"name": call.name, "arguments": ""}}]}),
                            Value::Null,
                        );
                        for fragment in fragments(&call.arguments) {
                            push(
                                json!({"tool_calls": [{"index": position, "function": {"arguments": fragment}}]}),
                                Value::Null,
                            );
                        }
                        position += 1;
                    }
                    _ => {}
                }
            }
            push(json!({}), json!(finish(answer)));
        }
        if answer.question.reports_usage {
            let mut last = chunk(json!([]));
            set(&mut last, "usage", usage(&answer.usage));
            events.push(Event::new(&last));
        }
        events.push(Event::text("[DONE]"));
        events
    }

    fn failure(&self, denial: &Denial) -> Value {
        let (kind, code) = match denial.status {
            402 => ("insufficient_quota", Some("insufficient_quota")),
            429 => ("requests", Some("rate_limit_exceeded")),
            400..=499 => ("invalid_request_error", None),
            _ => ("server_error", None),
        };
        json!({"error": {"message": denial.message, "type": kind, "param": null, "code": denial.code.or(code)}})
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}

fn calls(answer: &Answer) -> Vec<Value> {
    let calls = answer.parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some(call),
        _ => None,
    });
    calls
        .enumerate()
        .map(|(position, call)| {
            json!({"id": answer.call_id(call, "call_", position), "type": "function",
                   "function": {"name": call.name, "arguments": call.arguments}})
        })
        .collect()
}

fn id(answer: &Answer) -> String {
    answer.id.clone().unwrap_or_else(|| format!("chatcmpl-sandbox{}", answer.number))
}

fn finish(answer: &Answer) -> String {
    answer.finish_raw.clone().unwrap_or_else(|| match &answer.finish {
        FinishReason::Stop => "stop".into(),
        FinishReason::Length => "length".into(),
        FinishReason::ToolCalls => "tool_calls".into(),
        FinishReason::ContentFilter => "content_filter".into(),
        FinishReason::Other(word) => word.clone(),
    })
}

fn usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens.unwrap_or(0),
            "audio_tokens": usage.audio_input_tokens.unwrap_or(0),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens.unwrap_or(0),
            "audio_tokens": usage.audio_output_tokens.unwrap_or(0),
        },
    })
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// A fixed time of creation keeps answers the same from run to run.
const CREATED: u64 = 1_760_000_000;
