//! Google's `generateContent`, from the vendor's side.
//!
//! <https://ai.google.dev/api/generate-content> (read 2026-11-23). Google takes every field in camel case and in snake
//! case.

mod read;

use serde_json::{Value, json};

use super::answer::Answer;
use super::check::{Checked, Denial};
use super::format::{Event, Format, deltas};
use super::question::Question;
use super::request::Received;
use super::vendor::Rules;
use crate::types::{FinishReason, Part, Usage, Wire};

pub(super) struct GenerateContent;

impl Format for GenerateContent {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        request.header("x-goog-api-key").or_else(|| request.parameter("key"))
    }

    fn wrong_key(&self) -> Denial {
        Denial::invalid("API key not valid. Please pass a valid API key.").code("API_KEY_INVALID")
    }

    fn unknown_model(&self, model: &str) -> Denial {
        let message = format!(
            "models/{model} is not found for API version v1beta, or is not supported for generateContent. \
             Call ModelService.ListModels to see the list of available models and their supported methods."
        );
        Denial::new(404, message)
    }

    fn read(&self, request: &Received, _rules: &Rules) -> Checked<Question> {
        read::question(request)
    }

    fn whole(&self, answer: &Answer) -> Value {
        chunk(answer, &parts(answer), End::Last)
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut pieces = Vec::new();
        for part in parts(answer) {
            // Only text comes bit by bit; a function call comes whole.
            match part.get("text").and_then(Value::as_str) {
                Some(text) => pieces.extend(deltas(text).map(|delta| {
                    let mut piece = part.clone();
                    if let Some(fields) = piece.as_object_mut() {
                        fields.insert("text".into(), json!(delta));
                    }
                    piece
                })),
                None => pieces.push(part),
            }
        }
        let last = pieces.pop();
        let mut events: Vec<_> =
            pieces.into_iter().map(|piece| Event::new(&chunk(answer, &[piece], End::More))).collect();
        events.push(Event::new(&chunk(answer, &last.into_iter().collect::<Vec<_>>(), End::Last)));
        events.into_iter().map(|event| event.with_line_end("\r\n")).collect()
    }

    fn failure(&self, denial: &Denial) -> Value {
        let status = match denial.status {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            402 | 429 => "RESOURCE_EXHAUSTED",
            503 | 529 => "UNAVAILABLE",
            408 | 504 => "DEADLINE_EXCEEDED",
            500.. => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        };
        let mut error = json!({"code": denial.status, "message": denial.message, "status": status});
        if let (Some(fields), Some(reason)) = (error.as_object_mut(), denial.code) {
            let info = "type.googleapis.com/google.rpc.ErrorInfo";
            fields.insert(
                "details".into(),
                json!([{"@type": info, "reason": reason, "domain": "googleapis.com"}]),
            );
        }
        json!({"error": error})
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    More,
    Last,
}

fn chunk(answer: &Answer, parts: &[Value], end: End) -> Value {
    let mut usage = json!({"promptTokenCount": answer.usage.input_tokens.unwrap_or(0)});
    if end == End::Last {
        usage = whole_usage(&answer.usage);
    }
    let candidates: Vec<_> = (0..answer.question.answers)
        .map(|index| {
            let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": index});
            if let (End::Last, Some(fields)) = (end, candidate.as_object_mut()) {
                fields.insert("finishReason".into(), json!(finish(answer)));
            }
            candidate
        })
        .collect();
    json!({
        "candidates": candidates, "usageMetadata": usage, "modelVersion": answer.model,
        "responseId": answer.id.clone().unwrap_or_else(|| format!("sandbox{}", answer.number)),
    })
}

fn whole_usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    let thoughts = usage.reasoning_tokens.unwrap_or(0);
    let mut counts = json!({
        "promptTokenCount": input,
        "candidatesTokenCount": output.saturating_sub(thoughts),
        "totalTokenCount": input.saturating_add(output),
    });
    if let Some(fields) = counts.as_object_mut() {
        if thoughts > 0 {
            fields.insert("thoughtsTokenCount".into(), json!(thoughts));
        }
        if let Some(cached) = usage.cache_read_tokens.filter(|cached| *cached > 0) {
            fields.insert("cachedContentTokenCount".into(), json!(cached));
        }
    }
    counts
}

fn parts(answer: &Answer) -> Vec<Value> {
    let part = |part: &Part| match part {
        Part::Text(text) => Some(json!({"text": text.text})),
        Part::Refusal(refusal) => Some(json!({"text": refusal.text})),
        Part::Reasoning(reasoning) => Some(json!({"text": reasoning.text, "thought": true})),
        Part::ToolCall(call) => {
            let args: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            let mut function = json!({"name": call.name, "args": args});
            if let Some(fields) = function.as_object_mut().filter(|_| !call.id.is_empty()) {
                fields.insert("id".into(), json!(call.id));
            }
            Some(json!({"functionCall": function}))
        }
        Part::Opaque(opaque) if opaque.wire == Wire::GenerateContent => opaque.json.parse().ok(),
        _ => None,
    };
    answer.parts.iter().filter_map(part).collect()
}

fn finish(answer: &Answer) -> String {
    answer.finish_raw.clone().unwrap_or_else(|| match &answer.finish {
        FinishReason::Stop | FinishReason::ToolCalls => "STOP".into(),
        FinishReason::Length => "MAX_TOKENS".into(),
        FinishReason::ContentFilter => "SAFETY".into(),
        FinishReason::Other(word) => word.clone(),
    })
}
