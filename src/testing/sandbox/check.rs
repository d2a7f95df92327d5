//! The checks that the formats share.

use std::ops::RangeInclusive;

use serde_json::Value;

/// Why a fake vendor refuses a request.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) status: u16,
    pub(super) code: Option<&'static str>,
    pub(super) message: String,
}

impl Denial {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, code: None, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// What vendors say when they fail by themselves.
    pub(super) fn of_status(status: u16) -> Self {
        let message = match status {
            401 => "The key is not valid.",
            402 => "The balance is used up.",
            403 => "The key may not do this.",
            404 => "The model does not exist.",
            408 | 504 => "The request took too long.",
            413 => "The request is too large.",
            429 => "Too many requests; slow down.",
            503 | 529 => "Overloaded; try again later.",
            500.. => "Something went wrong here.",
            _ => "The request is not valid.",
        };
        Self::new(status, message)
    }
}

pub(super) type Checked<T = ()> = Result<T, Denial>;

/// Refuses fields that are not `known`, in the words of `sentence`.
pub(super) fn only(object: &Value, known: &[&str], sentence: impl Fn(&str) -> String) -> Checked {
    let unknown = object.as_object().into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |(name, _)| Err(Denial::invalid(sentence(name))))
}

/// A field that may be missing, but must be a number in `range` if it is there.
pub(super) fn number(object: &Value, name: &str, range: RangeInclusive<f64>) -> Checked {
    match object.get(name).filter(|value| !value.is_null()) {
        Some(value) if value.as_f64().is_some_and(|value| range.contains(&value)) => Ok(()),
        Some(_) => Err(Denial::invalid(format!("{name}: range: {}..{}", range.start(), range.end()))),
        None => Ok(()),
    }
}

/// A field that may be missing, but must be a count of at least 1 if it is there.
pub(super) fn count(object: &Value, name: &str) -> Checked<Option<u64>> {
    match object.get(name).filter(|value| !value.is_null()) {
        Some(value) => match value.as_u64() {
            Some(count) if count > 0 => Ok(Some(count)),
            _ => Err(Denial::invalid(format!("{name}: must be an integer greater than or equal to 1"))),
        },
        None => Ok(None),
    }
}

/// A name as vendors take it for functions and schemas.
pub(super) fn name(value: Option<&Value>, what: &str) -> Checked<String> {
    match value.and_then(Value::as_str) {
        Some(name)
            if !name.is_empty()
                && name.len() <= 64
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) =>
        {
            Ok(name.to_owned())
        }
        Some(_) => {
            Err(Denial::invalid(format!("{what}: string does not match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")))
        }
        None => Err(Denial::invalid(format!("{what}: Field required"))),
    }
}

/// Strings of an array; a single string counts as one.
pub(super) fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The items of an array; none when it is something else.
pub(super) fn items<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A string field, or an empty string.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The text of a content that is a string or an array of blocks with a `text`.
pub(super) fn content_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => blocks.iter().map(|block| text(block, "text")).collect(),
        _ => String::new(),
    }
}
