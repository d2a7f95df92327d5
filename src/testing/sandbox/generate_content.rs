//! Google's `generateContent`, from the vendor's side.
//!
//! <https://ai.google.dev/api/generate-content> (read 2026-11-23). Google takes every field in camel case and in snake
//! case.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::check::{Checked, Denial, count, items, name, number, only, strings, text};
use super::format::{Event, Format, deltas};
use super::question::{Choice, Delivery, OfferedTool, Question, Thinking};
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
        let body = &camel(&request.json);
        let unknown = |name: &str| {
            format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.")
        };
        only(body, KNOWN, unknown)?;
        let contents = items(body, "contents");
        check_contents(contents)?;
        let nothing = Value::Null;
        let config = body.get("generationConfig").unwrap_or(&nothing);
        only(config, KNOWN_CONFIG, unknown)?;
        number(config, "temperature", 0.0..=2.0)?;
        number(config, "topP", 0.0..=1.0)?;
        let stop = strings(config.get("stopSequences"));
        if stop.len() > 5 {
            return Err(Denial::invalid(
                "* GenerateContentRequest.generation_config.stop_sequences: at most 5",
            ));
        }
        if body.get("systemInstruction").is_some_and(|system| items(system, "parts").is_empty()) {
            return Err(Denial::invalid(
                "* GenerateContentRequest.system_instruction.parts: is not specified",
            ));
        }
        let tools = tools(body)?;
        Ok(Question {
            model: model(&request.path)?,
            delivery: match (request.is_for(":streamGenerateContent"), request.parameter("alt")) {
                (false, _) => Delivery::Whole,
                (true, Some("sse")) => Delivery::Events,
                (true, _) => Delivery::Array,
            },
            last_user: last_user(contents),
            tool_results: tool_results(contents),
            choice: choice(body, &tools)?,
            tools,
            schema: schema(config)?,
            characters: request.body.len(),
            limit: count(config, "maxOutputTokens")?,
            stop,
            thinking: thinking(config),
            answers: count(config, "candidateCount")?.unwrap_or(1).min(8),
            reports_usage: true,
        })
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

fn check_contents(contents: &[Value]) -> Checked {
    if contents.is_empty() {
        return Err(Denial::invalid("* GenerateContentRequest.contents: contents is not specified"));
    }
    let mut asked = 0;
    for (position, content) in contents.iter().enumerate() {
        let wrong =
            |what: &str| Denial::invalid(format!("* GenerateContentRequest.contents[{position}]: {what}"));
        let role = text(content, "role");
        let alone = role.is_empty() && contents.len() == 1;
        if !alone && !matches!(role, "user" | "model" | "function") {
            return Err(wrong("Please use a valid role: user, model."));
        }
        let parts = items(content, "parts");
        if parts.is_empty() {
            return Err(wrong("parts must not be empty"));
        }
        for part in parts {
            check_part(part).map_err(|what| wrong(&what))?;
        }
        let count = |name: &str| parts.iter().filter(|part| part.get(name).is_some()).count();
        if count("functionResponse") != asked {
            return Err(wrong(
                "Please ensure that the number of function response parts is equal to the number of function call parts \
                 of the function call turn.",
            ));
        }
        asked = count("functionCall");
        if asked > 0 && role != "model" {
            return Err(wrong("function calls belong to the role model"));
        }
    }
    Ok(())
}

fn check_part(part: &Value) -> Result<(), String> {
    const DATA: [&str; 7] = [
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
    ];
    let set: Vec<_> = DATA.iter().filter(|name| part.get(**name).is_some()).copied().collect();
    let [kind] = set.as_slice() else {
        return Err("required oneof field 'data' must have one initialized field".into());
    };
    let own = part.get(*kind).unwrap_or(&Value::Null);
    let fits = match *kind {
        "text" => own.is_string(),
        "inlineData" => !text(own, "mimeType").is_empty() && !text(own, "data").is_empty(),
        "fileData" => !text(own, "fileUri").is_empty(),
        "functionCall" => !text(own, "name").is_empty() && own.get("args").is_none_or(Value::is_object),
        "functionResponse" => {
            !text(own, "name").is_empty() && own.get("response").is_some_and(Value::is_object)
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("the {kind} of a part is malformed")) }
}

fn tools(body: &Value) -> Checked<Vec<OfferedTool>> {
    let mut offered = Vec::new();
    for declaration in items(body, "tools").iter().flat_map(|tool| items(tool, "functionDeclarations")) {
        let name = name(declaration.get("name"), "function_declarations.name")?;
        let schema = declaration.get("parametersJsonSchema").or_else(|| declaration.get("parameters"));
        offered
            .push(OfferedTool { name, schema: schema.cloned().unwrap_or_else(|| json!({"type": "object"})) });
    }
    Ok(offered)
}

fn choice(body: &Value, tools: &[OfferedTool]) -> Checked<Choice> {
    let Some(config) = body.pointer("/toolConfig/functionCallingConfig") else { return Ok(Choice::Auto) };
    let allowed = strings(config.get("allowedFunctionNames"));
    match (text(config, "mode"), allowed.as_slice()) {
        ("AUTO" | "VALIDATED" | "", []) => Ok(Choice::Auto),
        ("NONE", _) => Ok(Choice::Never),
        ("ANY", []) => Ok(Choice::Required),
        ("ANY" | "VALIDATED", [name, ..]) if tools.iter().any(|tool| tool.name == *name) => {
            Ok(Choice::Named(name.clone()))
        }
        ("ANY" | "VALIDATED", _) => {
            Err(Denial::invalid("allowed_function_names must name declared functions"))
        }
        ("AUTO", _) => Err(Denial::invalid("allowed_function_names only goes with the mode ANY")),
        (other, _) => Err(Denial::invalid(format!(
            "Invalid value at 'tool_config.function_calling_config.mode': {other}"
        ))),
    }
}

fn schema(config: &Value) -> Checked<Option<Value>> {
    let schema = ["responseJsonSchema", "ResponseJsonSchema", "responseSchema"]
        .iter()
        .find_map(|name| config.get(*name));
    match (text(config, "responseMimeType"), schema) {
        ("application/json", Some(schema)) => Ok(Some(schema.clone())),
        ("application/json", None) => {
            Ok(Some(json!({"type": "object", "properties": {"answer": {"type": "string"}}})))
        }
        ("" | "text/plain", None) => Ok(None),
        ("text/x.enum", Some(schema)) => Ok(Some(schema.clone())),
        _ => Err(Denial::invalid("response_schema needs the response_mime_type application/json")),
    }
}

fn thinking(config: &Value) -> Thinking {
    let Some(thinking) = config.get("thinkingConfig") else { return Thinking::Off };
    if thinking.get("thinkingBudget") == Some(&json!(0)) {
        Thinking::Off
    } else if thinking.get("includeThoughts") == Some(&json!(true)) {
        Thinking::Shown
    } else {
        Thinking::Hidden
    }
}

fn last_user(contents: &[Value]) -> String {
    let texts =
        |content: &Value| items(content, "parts").iter().map(|part| text(part, "text")).collect::<String>();
    let users = contents.iter().rev().filter(|content| text(content, "role") != "model");
    users.map(texts).find(|text| !text.is_empty()).unwrap_or_default()
}

fn tool_results(contents: &[Value]) -> Vec<String> {
    let last = contents.last().map(|content| items(content, "parts")).unwrap_or_default();
    let results = last.iter().filter_map(|part| part.pointer("/functionResponse/response"));
    results
        .map(|response| {
            match response.as_object().map(|fields| fields.values().collect::<Vec<_>>()).as_deref() {
                Some([Value::String(only)]) => only.clone(),
                _ => response.to_string(),
            }
        })
        .collect()
}

/// The model of `…/models/{model}:method`.
fn model(path: &str) -> Checked<String> {
    let model =
        path.rsplit_once("/models/").and_then(|(_, rest)| rest.rsplit_once(':')).map(|(model, _)| model);
    let escaped = model.map(|model| format!("model={}", model.replace('+', "%2B"))).unwrap_or_default();
    let model = url::form_urlencoded::parse(escaped.as_bytes()).next().map(|(_, model)| model.into_owned());
    model.filter(|model| !model.is_empty()).ok_or_else(|| Denial::new(404, "Not Found"))
}

/// Snake case to camel case, in the fields that belong to the format and not to schemas, arguments or results.
fn camel(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let own = |(name, value): (&String, &Value)| {
                let name = camel_name(name);
                let value = if FREE.contains(&name.as_str()) { value.clone() } else { camel(value) };
                (name, value)
            };
            Value::Object(fields.iter().map(own).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}

fn camel_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
        name
    })
}

/// Fields whose content is the caller's.
const FREE: &[&str] = &[
    "ResponseJsonSchema",
    "args",
    "labels",
    "parameters",
    "parametersJsonSchema",
    "response",
    "responseJsonSchema",
    "responseSchema",
];

const KNOWN: &[&str] = &[
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "model",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
];

const KNOWN_CONFIG: &[&str] = &[
    "ResponseJsonSchema",
    "audioTimestamp",
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "modelSelectionConfig",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "routingConfig",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];
