//! Formats the sandbox answers in without judging requests as strictly as their vendors do.
//!
//! Bedrock's Converse, Cohere's chat and Ollama's own.

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::Answer;
use super::check::{Checked, Denial, content_text, items, strings, text};
use super::format::{Event, Format, deltas, fragments};
use super::messages::Messages;
use super::question::{Choice, Delivery, OfferedTool, Question, Thinking};
use super::request::Received;
use super::vendor::Rules;
use crate::types::{FinishReason, Part, Usage};

/// Amazon's: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html> (read 2026-11-23).
pub(super) struct Converse;

/// Cohere's: <https://docs.cohere.com/reference/chat> (read 2026-11-23).
pub(super) struct CohereChat;

/// Ollama's: <https://docs.ollama.com/api/chat> (read 2026-11-25).
pub(super) struct OllamaChat;

/// Anthropic's at Google, where the model is in the path:
/// <https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai> (read 2026-11-25).
pub(super) struct VertexMessages;

impl Format for VertexMessages {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        bearer(request)
    }

    fn wrong_key(&self) -> Denial {
        Denial::new(401, "Request had invalid authentication credentials.")
    }

    fn unknown_model(&self, model: &str) -> Denial {
        Messages.unknown_model(model)
    }

    fn read(&self, request: &Received, rules: &Rules) -> Checked<Question> {
        let mut request = request.clone();
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let model = last.split_once(':').map_or(last, |(model, _)| model).to_owned();
        let Some(fields) = request.json.as_object_mut() else {
            return Err(Denial::invalid("The body is no object."));
        };
        if fields.remove("anthropic_version").is_none() {
            return Err(Denial::invalid("anthropic_version: Field required"));
        }
        if fields.insert("model".to_owned(), json!(model)).is_some() {
            return Err(Denial::invalid("model: Extra inputs are not permitted"));
        }
        request.headers.push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
        Messages.read(&request, rules)
    }

    fn whole(&self, answer: &Answer) -> Value {
        Messages.whole(answer)
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        Messages.events(answer)
    }

    fn failure(&self, denial: &Denial) -> Value {
        Messages.failure(denial)
    }

    fn failure_event(&self, denial: &Denial) -> Event {
        Messages.failure_event(denial)
    }

    fn id_header(&self) -> &'static str {
        Messages.id_header()
    }
}

impl Format for Converse {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        bearer(request)
    }

    fn wrong_key(&self) -> Denial {
        Denial::new(403, "The security token included in the request is invalid.")
    }

    fn unknown_model(&self, _model: &str) -> Denial {
        Denial::new(404, "The provided model identifier is invalid.")
    }

    fn read(&self, request: &Received, _rules: &Rules) -> Checked<Question> {
        let body = &request.json;
        let segments: Vec<&str> = request.path.split('/').collect();
        let model = segments.iter().rev().nth(1).copied().unwrap_or_default();
        let turns = items(body, "messages");
        let last =
            turns.last().ok_or_else(|| Denial::invalid("messages: at least one message is required"))?;
        let results = items(last, "content").iter().filter_map(|block| block.get("toolResult"));
        let tools = body.pointer("/toolConfig/tools").and_then(Value::as_array);
        let specs = tools.into_iter().flatten().filter_map(|tool| tool.get("toolSpec"));
        let choice = body.pointer("/toolConfig/toolChoice");
        let named = choice.and_then(|choice| choice.pointer("/tool/name")).and_then(Value::as_str);
        let schema =
            body.pointer("/outputConfig/textFormat/structure/jsonSchema/schema").and_then(Value::as_str);
        Ok(Question {
            model: model.to_owned(),
            delivery: if request.is_for("/converse-stream") { Delivery::Events } else { Delivery::Whole },
            last_user: content_text(last.get("content")),
            tool_results: results.map(|result| content_text(result.get("content"))).collect(),
            tools: specs
                .map(|spec| OfferedTool {
                    name: text(spec, "name").to_owned(),
                    schema: spec.pointer("/inputSchema/json").cloned().unwrap_or_default(),
                })
                .collect(),
            choice: match named {
                Some(name) => Choice::Named(name.to_owned()),
                None if choice.is_some_and(|choice| choice.get("any").is_some()) => Choice::Required,
                None => Choice::Auto,
            },
            schema: schema.and_then(|text| serde_json::from_str(text).ok()),
            characters: body.to_string().len(),
            limit: body.pointer("/inferenceConfig/maxTokens").and_then(Value::as_u64),
            stop: strings(body.pointer("/inferenceConfig/stopSequences")),
            thinking: Thinking::Off,
            answers: 1,
            reports_usage: true,
        })
    }

    fn whole(&self, answer: &Answer) -> Value {
        let blocks: Vec<Value> = answer
            .parts
            .iter()
            .enumerate()
            .filter_map(|(place, part)| match part {
                Part::Text(text) => Some(json!({"text": text.text})),
                Part::ToolCall(call) => {
                    let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                    let id = answer.call_id(call, "tooluse_", place);
                    Some(json!({"toolUse": {"toolUseId": id, "name": call.name, "input": input}}))
                }
                _ => None,
            })
            .collect();
        json!({
            "output": {"message": {"role": "assistant", "content": blocks}},
            "stopReason": converse_stop(answer), "usage": converse_usage(&answer.usage), "metrics": {"latencyMs": 1},
        })
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut events = vec![frame("messageStart", &json!({"role": "assistant"}))];
        for (index, part) in answer.parts.iter().enumerate() {
            let delta = |delta: Value| {
                frame("contentBlockDelta", &json!({"contentBlockIndex": index, "delta": delta}))
            };
            match part {
                Part::Text(text) => {
                    events.extend(deltas(&text.text).map(|piece| delta(json!({"text": piece}))))
                }
                Part::ToolCall(call) => {
                    let id = answer.call_id(call, "tooluse_", index);
                    let start = json!({"toolUse": {"toolUseId": id, "name": call.name}});
                    events.push(frame(
                        "contentBlockStart",
                        &json!({"contentBlockIndex": index, "start": start}),
                    ));
                    let pieces = fragments(&call.arguments);
                    events.extend(pieces.iter().map(|piece| delta(json!({"toolUse": {"input": piece}}))));
                }
                _ => continue,
            }
            events.push(frame("contentBlockStop", &json!({"contentBlockIndex": index})));
        }
        events.push(frame("messageStop", &json!({"stopReason": converse_stop(answer)})));
        let metadata = json!({"usage": converse_usage(&answer.usage), "metrics": {"latencyMs": 1}});
        events.push(frame("metadata", &metadata));
        events
    }

    fn failure(&self, denial: &Denial) -> Value {
        json!({"message": denial.message})
    }

    fn failure_event(&self, denial: &Denial) -> Event {
        let headers = [(":message-type", "exception"), (":exception-type", "internalServerException")];
        Event::binary(aws_frame(&headers, self.failure(denial).to_string().as_bytes()))
    }

    fn id_header(&self) -> &'static str {
        "x-amzn-requestid"
    }

    fn media_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }
}

fn converse_stop(answer: &Answer) -> &'static str {
    match answer.finish {
        FinishReason::ToolCalls => "tool_use",
        FinishReason::Length => "max_tokens",
        FinishReason::ContentFilter => "content_filtered",
        FinishReason::Stop | FinishReason::Other(_) => "end_turn",
    }
}

fn converse_usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    json!({"inputTokens": input, "outputTokens": output, "totalTokens": input + output})
}

fn frame(name: &str, payload: &Value) -> Event {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    Event::binary(aws_frame(&headers, payload.to_string().as_bytes()))
}

/// <https://smithy.io/2.0/aws/amazon-eventstream.html> (read 2026-11-23).
fn aws_frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let mut frame = length(16 + head.len() + payload.len()).to_be_bytes().to_vec();
    frame.extend(length(head.len()).to_be_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(head);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}

impl Format for CohereChat {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        bearer(request)
    }

    fn wrong_key(&self) -> Denial {
        Denial::new(401, "invalid api token")
    }

    fn unknown_model(&self, model: &str) -> Denial {
        Denial::new(404, format!("model '{model}' not found"))
    }

    fn read(&self, request: &Received, _rules: &Rules) -> Checked<Question> {
        let mut question = plain(request)?;
        question.schema = request.json.pointer("/response_format/json_schema").cloned();
        question.choice = match text(&request.json, "tool_choice") {
            "REQUIRED" => Choice::Required,
            "NONE" => Choice::Never,
            _ => Choice::Auto,
        };
        question.limit = request.json.get("max_tokens").and_then(Value::as_u64);
        Ok(question)
    }

    fn whole(&self, answer: &Answer) -> Value {
        let texts =
            answer.parts.iter().filter_map(Part::as_text).map(|text| json!({"type": "text", "text": text}));
        let texts: Vec<Value> = texts.collect();
        let calls: Vec<Value> = answer
            .parts
            .iter()
            .enumerate()
            .filter_map(|(place, part)| match part {
                Part::ToolCall(call) => Some(json!({
                    "id": answer.call_id(call, "call_", place), "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                })),
                _ => None,
            })
            .collect();
        let mut message = json!({"role": "assistant"});
        if let Some(fields) = message.as_object_mut() {
            if !texts.is_empty() {
                fields.insert("content".into(), json!(texts));
            }
            if !calls.is_empty() {
                fields.insert("tool_calls".into(), json!(calls));
            }
        }
        json!({
            "id": format!("cohere-{}", answer.number), "finish_reason": cohere_finish(answer), "message": message,
            "usage": cohere_usage(&answer.usage),
        })
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut events = Vec::new();
        let mut push = |name: &'static str, mut data: Value| {
            if let Some(fields) = data.as_object_mut() {
                fields.insert("type".into(), json!(name));
            }
            events.push(Event::new(&data).named(name));
        };
        let id = format!("cohere-{}", answer.number);
        push("message-start", json!({"id": id, "delta": {"message": {"role": "assistant"}}}));
        for (index, part) in answer.parts.iter().enumerate() {
            let content =
                |content: Value| json!({"index": index, "delta": {"message": {"content": content}}});
            let calls = |calls: Value| json!({"index": index, "delta": {"message": {"tool_calls": calls}}});
            match part {
                Part::Text(text) => {
                    push("content-start", content(json!({"type": "text", "text": ""})));
                    for piece in deltas(&text.text) {
                        push("content-delta", content(json!({"text": piece})));
                    }
                    push("content-end", json!({"index": index}));
                }
                Part::ToolCall(call) => {
                    let id = answer.call_id(call, "call_", index);
                    let function = json!({"name": call.name, "arguments": ""});
                    push(
                        "tool-call-start",
                        calls(json!({"id": id, "type": "function", "function": function})),
                    );
                    for piece in fragments(&call.arguments) {
                        push("tool-call-delta", calls(json!({"function": {"arguments": piece}})));
                    }
                    push("tool-call-end", json!({"index": index}));
                }
                _ => {}
            }
        }
        let delta = json!({"finish_reason": cohere_finish(answer), "usage": cohere_usage(&answer.usage)});
        push("message-end", json!({"delta": delta}));
        events
    }

    fn failure(&self, denial: &Denial) -> Value {
        json!({"message": denial.message})
    }

    fn id_header(&self) -> &'static str {
        "x-debug-trace-id"
    }
}

fn cohere_finish(answer: &Answer) -> &'static str {
    match answer.finish {
        FinishReason::ToolCalls => "TOOL_CALL",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => "ERROR_TOXIC",
        FinishReason::Stop | FinishReason::Other(_) => "COMPLETE",
    }
}

fn cohere_usage(usage: &Usage) -> Value {
    let tokens = json!({"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens});
    json!({"billed_units": tokens, "tokens": tokens})
}

impl Format for OllamaChat {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        bearer(request)
    }

    fn wrong_key(&self) -> Denial {
        Denial::new(401, "unauthorized")
    }

    fn unknown_model(&self, model: &str) -> Denial {
        Denial::new(404, format!("model '{model}' not found"))
    }

    fn read(&self, request: &Received, _rules: &Rules) -> Checked<Question> {
        let mut question = plain(request)?;
        question.schema = request.json.get("format").filter(|format| format.is_object()).cloned();
        question.limit = request.json.pointer("/options/num_predict").and_then(Value::as_u64);
        // Streams unless it is told not to.
        let streams = request.json.get("stream") != Some(&json!(false));
        question.delivery = if streams { Delivery::Events } else { Delivery::Whole };
        Ok(question)
    }

    fn whole(&self, answer: &Answer) -> Value {
        let calls: Vec<Value> = answer
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some(ollama_call(&call.name, &call.arguments)),
                _ => None,
            })
            .collect();
        let mut message = json!({"role": "assistant", "content": answer.text()});
        if let Some(fields) = message.as_object_mut().filter(|_| !calls.is_empty()) {
            fields.insert("tool_calls".into(), json!(calls));
        }
        ollama_end(answer, &message)
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut events = Vec::new();
        let line = |message: Value| {
            Event::line(
                &json!({"model": answer.model, "created_at": "2026-01-31T12:00:00Z", "message": message, "done": false}),
            )
        };
        for part in &answer.parts {
            match part {
                Part::Text(text) => events.extend(
                    deltas(&text.text).map(|piece| line(json!({"role": "assistant", "content": piece}))),
                ),
                Part::ToolCall(call) => {
                    let calls = [ollama_call(&call.name, &call.arguments)];
                    events.push(line(json!({"role": "assistant", "content": "", "tool_calls": calls})));
                }
                _ => {}
            }
        }
        events.push(Event::line(&ollama_end(answer, &json!({"role": "assistant", "content": ""}))));
        events
    }

    fn failure(&self, denial: &Denial) -> Value {
        json!({"error": denial.message})
    }

    fn failure_event(&self, denial: &Denial) -> Event {
        Event::line(&self.failure(denial))
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }

    fn media_type(&self) -> &'static str {
        "application/x-ndjson"
    }
}

fn ollama_call(name: &str, arguments: &str) -> Value {
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    json!({"function": {"name": name, "arguments": arguments}})
}

fn ollama_end(answer: &Answer, message: &Value) -> Value {
    let reason = if answer.finish == FinishReason::Length { "length" } else { "stop" };
    json!({
        "model": answer.model, "created_at": "2026-01-31T12:00:00Z", "message": message, "done": true,
        "done_reason": reason, "prompt_eval_count": answer.usage.input_tokens.unwrap_or(0),
        "eval_count": answer.usage.output_tokens.unwrap_or(0),
    })
}

fn bearer(request: &Received) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

/// What Cohere and Ollama spell alike, and as OpenAI does.
fn plain(request: &Received) -> Checked<Question> {
    let body = &request.json;
    let messages = items(body, "messages");
    if messages.is_empty() {
        return Err(Denial::invalid("messages: at least one message is required"));
    }
    let is = |message: &&Value, role: &str| text(message, "role") == role;
    let last = messages.iter().rev().find(|message| is(message, "user"));
    let results = messages.iter().rev().take_while(|message| is(message, "tool"));
    let mut results: Vec<String> = results.map(|message| content_text(message.get("content"))).collect();
    results.reverse();
    let functions = items(body, "tools").iter().filter_map(|tool| tool.get("function"));
    Ok(Question {
        model: text(body, "model").to_owned(),
        delivery: if body.get("stream") == Some(&json!(true)) { Delivery::Events } else { Delivery::Whole },
        last_user: content_text(last.and_then(|message| message.get("content"))),
        tool_results: results,
        tools: functions
            .map(|function| OfferedTool {
                name: text(function, "name").to_owned(),
                schema: function.get("parameters").cloned().unwrap_or_default(),
            })
            .collect(),
        characters: body.to_string().len(),
        answers: 1,
        reports_usage: true,
        ..Question::default()
    })
}
