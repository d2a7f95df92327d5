//! Recorded OpenAI-format request bodies, read into our form and written back: nothing lost, nothing added but what the
//! vendor's dialect needs.

use polyroute::protocol::chat_completions::parse_request;
use polyroute::protocol::{EncodeFor, Mode};
use polyroute::provider::vendor::find;
use polyroute::types::Wire;
use serde_json::{Map, Value};

use crate::case::Case;

/// Bodies that do not come back the same, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The recorder replaced the id; Mistral takes nine letters and digits only, so others are mapped to such.
    ("mistral-chatcompletions-n-488ccd28de", "the tool call's id is not one Mistral takes"),
    // Mistral itself answered 400; here the option is refused before sending.
    ("mistral-chatcompletions-n-c339fd62a2", "log probabilities are refused"),
    ("mistral-chatcompletions-s-412a716053", "log probabilities are refused"),
];

/// How many bodies were held against their copies, and what is wrong with which.
pub(crate) fn check(cases: &[Case]) -> (usize, Vec<String>) {
    let bodies: Vec<(&Case, &Value)> = cases
        .iter()
        .filter(|case| case.api == "chat_completions")
        .filter_map(|case| Some((case, case.request.as_ref()?)))
        .collect();
    let failures = bodies
        .iter()
        .filter_map(|(case, body)| {
            let outcome = round_trip(&case.provider, body);
            let known = EXCEPTIONS.iter().find(|(id, _)| *id == case.id);
            match (outcome, known) {
                (Ok(()), None) | (Err(_), Some(_)) => None,
                (Ok(()), Some(_)) => Some(format!("{}: comes back the same; take it off the list", case.id)),
                (Err(reason), None) => Some(format!("{}: {reason}", case.id)),
            }
        })
        .collect();
    (bodies.len(), failures)
}

fn round_trip(provider: &str, body: &Value) -> Result<(), String> {
    let bytes = serde_json::to_vec(body).map_err(|error| error.to_string())?;
    let (request, mode) = parse_request(&bytes).map_err(|error| error.to_string())?;
    let speaks = |vendor: &&polyroute::provider::Vendor| {
        vendor.chat.is_some_and(|chat| chat.wire() == Wire::ChatCompletions)
    };
    let vendor = find(provider).filter(speaks).or_else(|| find("compatible"));
    let chat = vendor.and_then(|vendor| vendor.chat).ok_or("no vendor speaks it")?;
    let target = EncodeFor::new(provider, &request.model, mode);
    let encoded = chat.encode_chat(&request, target).map_err(|error| error.to_string())?;
    let copy: Value = serde_json::from_slice(&encoded.body).map_err(|error| error.to_string())?;
    let (mut expected, mut found) = (meaning(body), meaning(&copy));
    if mode == Mode::Stream {
        // The dialect asks for usage whether or not the recorder did.
        expected.remove("stream_options");
        found.remove("stream_options");
    }
    if expected == found {
        return Ok(());
    }
    let difference: Vec<String> = expected
        .keys()
        .chain(found.keys().filter(|key| !expected.contains_key(*key)))
        .filter(|key| expected.get(*key) != found.get(*key))
        .map(|key| format!("{key}: {} became {}", shown(expected.get(key)), shown(found.get(key))))
        .collect();
    Err(difference.join("; "))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string().chars().take(400).collect())
}

/// The body without what makes no difference: nulls, empty lists, defaults (`stream: false`, `n: 1`, a tool's type), the
/// two names of the output limit, text as a string or as one text part, a picture's address as Mistral also takes it.
fn meaning(body: &Value) -> Map<String, Value> {
    let mut fields = without_nulls(body);
    fields.retain(|name, value| !matches!((name.as_str(), &*value), ("stream", Value::Bool(false))));
    fields.retain(|name, value| name != "n" || value.as_u64() != Some(1));
    if let Some(limit) = fields.remove("max_completion_tokens").or_else(|| fields.remove("max_tokens")) {
        fields.insert("max_tokens".to_owned(), limit);
    }
    if let Some(Value::Array(messages)) = fields.get_mut("messages") {
        for message in messages {
            let mut own = without_nulls(message);
            if let Some(Value::Array(parts)) = own.get_mut("content") {
                parts.iter_mut().for_each(picture_as_object);
            }
            if let Some(Value::Array(parts)) = own.get("content")
                && let [part] = parts.as_slice()
                && part.as_object().is_some_and(|part| part.len() == 2)
                && let Some(text) = part["text"].as_str()
            {
                let text = Value::from(text);
                own.insert("content".to_owned(), text);
            }
            *message = Value::Object(own);
        }
    }
    if let Some(Value::Array(tools)) = fields.get_mut("tools") {
        for tool in tools.iter_mut().filter_map(Value::as_object_mut) {
            tool.entry("type").or_insert_with(|| Value::from("function"));
        }
    }
    fields.values_mut().for_each(even_numbers);
    fields
}

fn picture_as_object(part: &mut Value) {
    if let Some(url) = part["image_url"].as_str().map(Value::from) {
        part["image_url"] = serde_json::json!({"url": url});
    }
}

fn without_nulls(value: &Value) -> Map<String, Value> {
    let fields = value.as_object().cloned().unwrap_or_default();
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    fields.into_iter().filter(|(_, value)| !is_empty(value)).collect()
}

/// 1 and 1.0 are the same number.
fn even_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64() {
                *value = Value::from(float);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(even_numbers),
        Value::Object(fields) => fields.values_mut().for_each(even_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
