//! Reading the messages of a request.

use serde_json::value::RawValue;

use crate::error::Result;
use crate::types::{
    Audio, Document, Extra, Image, Json, MediaSource, Message, Opaque, Part, Reasoning, Refusal, Role, Text,
    ToolCall, ToolResult, Wire,
};

use super::decode::{arguments, made_up_id, media};
use super::serve::{invalid, list, object, quiet_borrowed, text};
use super::wire::{Field, Fields};

/// Reads a message; `place` names it in errors.
pub(super) fn message(raw: &RawValue, place: &str) -> Result<Message> {
    let fields = object(raw, place)?;
    let find = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    let word = find("role").and_then(text).ok_or_else(|| invalid(format!("{place}.role is missing")))?;
    let role = role(word);
    let mut content = Vec::new();
    if let Some(value) = find("content").filter(|value| value.get() != "null") {
        content = self::content(value, &format!("{place}.content"))?;
    }
    match role {
        Role::Tool => tool_message(fields, content, place),
        role => plain_message(role, fields, content, place),
    }
}

fn role(word: String) -> Role {
    match &*word {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => Role::Other(word),
    }
}

fn tool_message(fields: Vec<Field<'_>>, content: Vec<Part>, place: &str) -> Result<Message> {
    let mut id = None;
    let mut name = None;
    let mut extra = Extra::new();
    for (field, value) in fields {
        match &*field {
            "role" | "content" => {}
            "tool_call_id" => id = text(value),
            _ if value.get() == "null" => {}
            "name" => name = text(value),
            _ => keep(&mut extra, field, value),
        }
    }
    let id = id.ok_or_else(|| invalid(format!("{place}.tool_call_id is missing")))?;
    let mut result = ToolResult::new(id, "");
    result.name = name;
    result.content = content;
    result.extra = extra;
    Ok(Message::tool_results([result]))
}

fn plain_message(role: Role, fields: Vec<Field<'_>>, content: Vec<Part>, place: &str) -> Result<Message> {
    let mut reasoning = Vec::new();
    let mut after = Vec::new();
    let mut name = None;
    let mut extra = Extra::new();
    for (field, value) in fields {
        match &*field {
            "role" | "content" => {}
            _ if value.get() == "null" => {}
            "name" => name = text(value),
            "refusal" => after.extend(text(value).map(|text| Part::Refusal(Refusal::new(text)))),
            "tool_calls" => after.extend(calls(value, place)?),
            "reasoning_content" | "reasoning" | "reasoning_details" => reasoning.push((field, value)),
            _ => keep(&mut extra, field, value),
        }
    }
    let mut parts: Vec<Part> = earlier_reasoning(&reasoning).into_iter().collect();
    parts.extend(content);
    parts.extend(after);
    let mut message = Message::new(role, parts);
    message.name = name;
    message.extra = extra;
    Ok(message)
}

/// The fields stay together as state, so that they go back as they came.
fn earlier_reasoning(fields: &[Field<'_>]) -> Option<Part> {
    if fields.is_empty() {
        return None;
    }
    let readable = ["reasoning_content", "reasoning"].into_iter().find_map(|name| {
        let (_, value) = fields.iter().find(|(own, _)| own == name)?;
        text(value).filter(|text| !text.is_empty())
    });
    let mut reasoning = Reasoning::new(readable.unwrap_or_default());
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{}", value.get())).collect();
    // The three names need no escaping and the values were valid JSON, so the object is.
    let state = Json::from_text(format!("{{{}}}", pairs.join(","))).ok()?;
    reasoning.state = Some(Opaque::new(Wire::ChatCompletions, state));
    Some(Part::Reasoning(reasoning))
}

fn calls(value: &RawValue, place: &str) -> Result<Vec<Part>> {
    let place = format!("{place}.tool_calls");
    list(value, &place)?
        .into_iter()
        .enumerate()
        .map(|(position, raw)| call(raw, position, &format!("{place}[{position}]")).map(Part::ToolCall))
        .collect()
}

fn call(raw: &RawValue, position: usize, place: &str) -> Result<ToolCall> {
    let mut call = ToolCall::new("", "", "");
    for (field, value) in object(raw, place)? {
        match &*field {
            "id" => call.id = text(value).unwrap_or_default(),
            "function" | "custom" => {
                if field == "custom" {
                    call.extra.insert(Wire::ChatCompletions, "type", serde_json::json!("custom"));
                }
                for (inner, value) in object(value, &format!("{place}.{field}"))? {
                    match &*inner {
                        "name" => call.name = text(value).unwrap_or_default(),
                        "arguments" | "input" => call.arguments = arguments(Some(value)),
                        _ => {}
                    }
                }
            }
            "type" => {}
            _ => keep(&mut call.extra, field, value),
        }
    }
    if call.name.is_empty() {
        return Err(invalid(format!("{place} names no function")));
    }
    if call.id.is_empty() {
        call.id = made_up_id(position, None);
    }
    Ok(call)
}

fn content(value: &RawValue, place: &str) -> Result<Vec<Part>> {
    if let Some(text) = text(value) {
        return Ok(vec![Part::Text(Text::new(text))]);
    }
    list(value, place)?
        .into_iter()
        .enumerate()
        .map(|(position, raw)| part(raw, &format!("{place}[{position}]")))
        .collect()
}

/// A block with a name here, or the block as it is.
fn part(raw: &RawValue, place: &str) -> Result<Part> {
    if let Some(text) = text(raw) {
        return Ok(Part::Text(Text::new(text)));
    }
    let fields = object(raw, place)?;
    Ok(known_part(&fields)
        .unwrap_or_else(|| Part::Opaque(Opaque::new(Wire::ChatCompletions, Json::from(raw.to_owned())))))
}

fn known_part(fields: &[Field<'_>]) -> Option<Part> {
    let find = |name: &str| fields.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    let kind = find("type").and_then(text)?;
    let rest = |known: &[&str]| {
        let mut extra = Extra::new();
        for (name, value) in fields.iter().filter(|(name, _)| name != "type" && !known.contains(&&**name)) {
            extra.insert(Wire::ChatCompletions, name.clone().into_owned(), Json::from((*value).to_owned()));
        }
        extra
    };
    match &*kind {
        "text" => {
            let mut part = Text::new(find("text").and_then(text)?);
            part.extra = rest(&["text"]);
            Some(part.into())
        }
        "refusal" => Some(Refusal::new(find("refusal").and_then(text)?).into()),
        "image_url" => {
            let value = find("image_url")?;
            let mut image = match text(value) {
                Some(url) => Image::new(media(&url)),
                None => {
                    let [url, detail] = exactly(value, ["url", "detail"])?;
                    let mut image = Image::new(media(&url?));
                    image.detail = detail;
                    image
                }
            };
            image.extra = rest(&["image_url"]);
            Some(image.into())
        }
        "input_audio" => {
            let [data, format] = exactly(find("input_audio")?, ["data", "format"])?;
            let media_type = match &*format? {
                "mp3" => "audio/mpeg".to_owned(),
                other => format!("audio/{other}"),
            };
            let mut audio = Audio::new(MediaSource::Base64 { media_type, data: data? });
            audio.extra = rest(&["input_audio"]);
            Some(audio.into())
        }
        "file" => {
            let [data, id, name] = exactly(find("file")?, ["file_data", "file_id", "filename"])?;
            let mut document = match (data, id) {
                (Some(data), None) => Document::new(media(&data)),
                (None, Some(id)) => Document::new(MediaSource::FileId(id)),
                _ => return None,
            };
            document.name = name;
            document.extra = rest(&["file"]);
            Some(document.into())
        }
        "document_url" => {
            let mut document = Document::new(media(&find("document_url").and_then(text)?));
            document.name = find("document_name").and_then(text);
            document.extra = rest(&["document_url", "document_name"]);
            Some(document.into())
        }
        "thinking" => {
            // Mistral's; it goes back as it is, and other services get its text.
            let thoughts: Vec<Fields<'_>> = quiet_borrowed(find("thinking")?)?;
            let readable = thoughts.iter().filter_map(|thought| {
                let (_, value) = thought.0.iter().find(|(name, _)| name == "text")?;
                text(value)
            });
            let mut reasoning = Reasoning::new(readable.collect::<String>());
            let pairs: Vec<String> =
                fields.iter().map(|(name, value)| format!("{:?}:{}", &**name, value.get())).collect();
            let block = Json::from_text(format!("{{{}}}", pairs.join(","))).ok()?;
            reasoning.state = Some(Opaque::new(Wire::ChatCompletions, block));
            Some(reasoning.into())
        }
        _ => None,
    }
}

/// The texts of an object that has no other fields than these.
fn exactly<const N: usize>(raw: &RawValue, names: [&str; N]) -> Option<[Option<String>; N]> {
    let fields: Fields<'_> = quiet_borrowed(raw)?;
    if !fields.0.iter().all(|(name, _)| names.contains(&&**name)) {
        return None;
    }
    Some(names.map(|name| fields.0.iter().find(|(own, _)| own == name).and_then(|(_, value)| text(value))))
}

fn keep(extra: &mut Extra, name: std::borrow::Cow<'_, str>, value: &RawValue) {
    extra.insert(Wire::ChatCompletions, name.into_owned(), Json::from(value.to_owned()));
}
