//! How good the estimate of tokens is, by the input tokens that recorded answers report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use polyroute::catalog::{TokenEstimate, Vocabulary};
use polyroute::{ChatRequest, Message, Tool};
use serde_json::Value;

use super::case::Case;

/// One row for each vendor: how many prompts, the error in percent, and how many lie within the range.
pub(crate) fn table(cases: &[Case]) -> String {
    let mut vendors: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for case in cases {
        if let Some(sample) = sample(case, None) {
            vendors.entry(&case.provider).or_default().push(sample);
            vendors.entry("all").or_default().push(sample);
        }
        let model = case.request.as_ref().and_then(|body| body["model"].as_str());
        let counted = model.filter(|model| Vocabulary::of_model(model).is_some());
        if let Some(sample) = counted.and_then(|model| sample(case, Some(model))) {
            vendors.entry("counted").or_default().push(sample);
        }
    }
    let mut rows = String::from(
        "| vendor | prompts | median error | middle four fifths | within |\n|---|--:|--:|--:|--:|\n",
    );
    for (vendor, samples) in vendors {
        let mut errors: Vec<i64> = samples.iter().map(|sample| sample.error).collect();
        errors.sort_unstable();
        let at = |tenths: usize| errors.get(errors.len() * tenths / 10).copied().unwrap_or_default();
        let within = samples.iter().filter(|sample| sample.is_within).count();
        let _ = writeln!(
            rows,
            "| {vendor} | {} | {:+} % | {:+} % to {:+} % | {within} |",
            samples.len(),
            at(5),
            at(1),
            at(9)
        );
    }
    rows
}

#[derive(Clone, Copy)]
struct Sample {
    /// In percent.
    error: i64,
    is_within: bool,
}

/// By bytes, or counted for `model`.
fn sample(case: &Case, model: Option<&str>) -> Option<Sample> {
    let body = case.request.as_ref().filter(|_| case.expect["kind"] == "completion")?;
    let reported = case.expect["usage"]["input_tokens"].as_u64().filter(|tokens| *tokens > 0)?;
    let request = request(body)?;
    let estimate = match model {
        Some(model) => TokenEstimate::of_chat_with(&request, model),
        None => TokenEstimate::of_chat(&request),
    };
    let percent = i64::try_from(estimate.expected * 100 / reported).ok()?;
    let is_within = (estimate.least..=estimate.most).contains(&reported);
    Some(Sample { error: percent - 100, is_within })
}

/// The texts and tools of a recorded body, whatever its format. `None` when not all that was read is in it.
fn request(body: &Value) -> Option<ChatRequest> {
    let text = body.to_string();
    let elsewhere = [
        "\"data:",
        "inlineData",
        "inline_data",
        "fileData",
        "file_data",
        "image_url",
        "input_image",
        "base64",
        "encrypted",
        "ignature",
        "previous_response_id",
        "web_search",
        "search_parameters",
        "plugins",
        "text_elided",
    ];
    if elsewhere.iter().any(|word| text.contains(word)) {
        return None;
    }
    let mut request = ChatRequest::new("p/m");
    for tool in list(body, &["/tools", "/toolConfig/tools"]) {
        let is_function = tool["type"].as_str().is_none_or(|kind| matches!(kind, "function" | "custom"));
        let is_google = tool.get("functionDeclarations").or(tool.get("function_declarations")).is_some();
        let is_named =
            ["name", "function", "toolSpec", "input_schema"].iter().any(|key| tool.get(key).is_some());
        if !is_function || !(is_google || is_named) {
            return None;
        }
        request = request.tool(Tool::function("", "", tool.clone()));
    }
    for system in ["/system", "/instructions", "/systemInstruction", "/system_instruction"] {
        if let Some(system) = body.pointer(system) {
            request = request.message(Message::user(texts(system)));
        }
    }
    for message in list(body, &["/messages", "/contents", "/input"]) {
        request = request.message(Message::user(texts(message)));
    }
    if let Some(input) = body["input"].as_str() {
        request = request.message(Message::user(input));
    }
    (!request.messages.is_empty()).then_some(request)
}

fn list<'a>(body: &'a Value, places: &[&str]) -> impl Iterator<Item = &'a Value> {
    places
        .iter()
        .filter_map(|place| body.pointer(place)?.as_array())
        .flatten()
        .collect::<Vec<_>>()
        .into_iter()
}

/// Everything in `value` that a model reads.
fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(fields) => {
            let read = fields.iter().filter(|(name, _)| {
                !matches!(name.as_str(), "type" | "role" | "status" | "cache_control")
                    && !name.ends_with("id")
            });
            read.map(|(_, value)| texts(value)).collect()
        }
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Null => String::new(),
    }
}
