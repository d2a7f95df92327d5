//! OpenAI's responses, from the vendor's side.
//!
//! <https://developers.openai.com/api/docs/api-reference/responses> (collected 2026-11-22).

mod read;

use serde_json::{Value, json};

use super::answer::Answer;
use super::chat_completions::ChatCompletions;
use super::check::{Checked, Denial};
use super::format::{Event, Format, deltas, fragments};
use super::question::Question;
use super::request::Received;
use super::vendor::Rules;
use crate::types::{FinishReason, Part, Usage};

pub(super) struct Responses;

impl Format for Responses {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        ChatCompletions.key(request)
    }

    fn wrong_key(&self) -> Denial {
        ChatCompletions.wrong_key()
    }

    fn unknown_model(&self, model: &str) -> Denial {
        ChatCompletions.unknown_model(model)
    }

    fn read(&self, request: &Received, rules: &Rules) -> Checked<Question> {
        read::question(request, rules)
    }

    fn whole(&self, answer: &Answer) -> Value {
        let output = items(answer).into_iter().map(|item| item.whole).collect();
        response(answer, end(answer).0, output, usage(&answer.usage))
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut events = Vec::new();
        let mut push = |name: &'static str, mut data: Value| {
            if let Some(fields) = data.as_object_mut() {
                fields.insert("type".into(), json!(name));
                fields.insert("sequence_number".into(), json!(events.len()));
            }
            events.push(Event::new(&data).named(name));
        };
        let begun = response(answer, "in_progress", Vec::new(), Value::Null);
        push("response.created", json!({"response": begun}));
        push("response.in_progress", json!({"response": begun}));
        let mut output = Vec::new();
        for (index, item) in items(answer).into_iter().enumerate() {
            push("response.output_item.added", json!({"output_index": index, "item": item.begun}));
            for delta in item.deltas {
                push(
                    item.delta,
                    json!({"output_index": index, "content_index": 0, "summary_index": 0, "delta": delta}),
                );
            }
            push("response.output_item.done", json!({"output_index": index, "item": item.whole}));
            output.push(item.whole);
        }
        let (status, event) = end(answer);
        push(event, json!({"response": response(answer, status, output, usage(&answer.usage))}));
        events
    }

    fn failure(&self, denial: &Denial) -> Value {
        ChatCompletions.failure(denial)
    }

    fn failure_event(&self, denial: &Denial) -> Event {
        let mut failure = self.failure(denial);
        if let Some(fields) = failure.as_object_mut() {
            fields.insert("type".into(), json!("error"));
        }
        Event::new(&failure).named("error")
    }

    fn id_header(&self) -> &'static str {
        ChatCompletions.id_header()
    }
}

/// An output item as it begins, as it grows and as it ends.
struct Item {
    begun: Value,
    delta: &'static str,
    deltas: Vec<String>,
    whole: Value,
}

fn items(answer: &Answer) -> Vec<Item> {
    let mut calls = 0;
    let number = answer.number;
    let cut = |text: &str| deltas(text).map(str::to_owned).collect();
    let item = |(position, part): (usize, &Part)| match part {
        Part::Text(text) => {
            let block = json!({"type": "output_text", "text": text.text, "annotations": [], "logprobs": []});
            Some(message(number, position, &block, "response.output_text.delta", cut(&text.text)))
        }
        Part::Refusal(refusal) => {
            let block = json!({"type": "refusal", "refusal": refusal.text});
            Some(message(number, position, &block, "response.refusal.delta", cut(&refusal.text)))
        }
        Part::Reasoning(reasoning) => {
            let item = |summary: Value| {
                json!({"id": format!("rs_sandbox{number}_{position}"), "type": "reasoning",
                    "encrypted_content": "c2FuZGJveA==", "summary": summary})
            };
            Some(Item {
                begun: item(json!([])),
                delta: "response.reasoning_summary_text.delta",
                deltas: cut(&reasoning.text),
                whole: item(json!([{"type": "summary_text", "text": reasoning.text}])),
            })
        }
        Part::ToolCall(call) => {
            let id = answer.call_id(call, "call_", calls);
            calls += 1;
            let item = |status: &str, arguments: &str| {
                json!({"id": format!("fc_sandbox{number}_{position}"), "type": "function_call", "status": status,
                    "call_id": id, "name": call.name, "arguments": arguments})
            };
            Some(Item {
                begun: item("in_progress", ""),
                delta: "response.function_call_arguments.delta",
                deltas: fragments(&call.arguments),
                whole: item("completed", &call.arguments),
            })
        }
        _ => None,
    };
    answer.parts.iter().enumerate().filter_map(item).collect()
}

fn message(number: usize, position: usize, block: &Value, delta: &'static str, deltas: Vec<String>) -> Item {
    let item = |status: &str, content: Value| {
        json!({"id": format!("msg_sandbox{number}_{position}"), "type": "message", "status": status,
            "role": "assistant", "content": content})
    };
    Item { begun: item("in_progress", json!([])), delta, deltas, whole: item("completed", json!([block])) }
}

/// The status, and the event that says so.
fn end(answer: &Answer) -> (&'static str, &'static str) {
    match answer.finish {
        FinishReason::Length | FinishReason::ContentFilter => ("incomplete", "response.incomplete"),
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_) => {
            ("completed", "response.completed")
        }
    }
}

fn response(answer: &Answer, status: &str, output: Vec<Value>, usage: Value) -> Value {
    let reason = match answer.finish {
        FinishReason::Length => json!({"reason": "max_output_tokens"}),
        FinishReason::ContentFilter => json!({"reason": "content_filter"}),
        FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_) => Value::Null,
    };
    let id = answer.id.clone().unwrap_or_else(|| format!("resp_sandbox{}", answer.number));
    json!({
        "id": id, "object": "response", "created_at": CREATED, "status": status, "model": answer.model,
        "error": null, "incomplete_details": if status == "incomplete" { reason } else { Value::Null },
        "output": output, "usage": usage, "store": false,
    })
}

fn usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens.unwrap_or(0)},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens.unwrap_or(0)},
        "total_tokens": input.saturating_add(output),
    })
}

/// A fixed time of creation keeps answers the same from run to run.
const CREATED: u64 = 1_760_000_000;
