//! The inverse: reading a request that a client of OpenAI's format wrote.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::Mode;
use crate::types::{
    ChatRequest, Effort, Extra, Json, Logprobs, Message, Opaque, ParallelToolCalls, ReasoningOptions,
    ResponseFormat, Tool, ToolChoice, Wire,
};

use super::serve_message::message;
use super::wire::{Count, Field, Fields, Word};

/// Reads a chat request in OpenAI's format. Nothing is lost: fields without a name here are kept as extra fields of this
/// wire, and what has a name but not the expected shape is kept as it is.
///
/// `model` is taken as it stands, so a client may name `provider/model` or a route.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] naming the field, when the body is no JSON object, has no messages, or a message
/// cannot be understood. Whether the request makes sense is for [`ChatRequest::validate`].
pub fn parse_request(body: &[u8]) -> Result<(ChatRequest, Mode)> {
    let raw: &RawValue = serde_json::from_slice(body).map_err(|error| {
        invalid(format!("the body is not JSON, line {} column {}", error.line(), error.column()))
    })?;
    let fields = object(raw, "the body")?;
    let mut request = ChatRequest::default();
    let mut mode = Mode::Whole;
    let mut rest = Rest::default();
    for (name, value) in fields {
        if value.get() == "null" {
            continue;
        }
        match &*name {
            "model" => request.model = read(value, "model")?,
            "messages" => request.messages = messages(value)?,
            "stream" if read::<bool>(value, "stream")? => mode = Mode::Stream,
            "stream" => {}
            "tools" => request.tools = tools(value)?,
            "stop" => request.stop = stop(value)?,
            "temperature" => request.temperature = Some(read(value, "temperature")?),
            "top_p" => request.top_p = Some(read(value, "top_p")?),
            "presence_penalty" => request.presence_penalty = Some(read(value, "presence_penalty")?),
            "frequency_penalty" => request.frequency_penalty = Some(read(value, "frequency_penalty")?),
            "top_k" => request.top_k = rest.typed(&name, value, count(value)),
            "seed" | "random_seed" => request.seed = rest.typed(&name, value, quiet(value)),
            "n" => request.n = Some(read(value, "n")?),
            "user" => request.user = rest.typed(&name, value, quiet(value)),
            "service_tier" => request.service_tier = rest.typed(&name, value, quiet(value)),
            "metadata" => {
                let labels: Option<BTreeMap<String, String>> = rest.typed(&name, value, quiet(value));
                request.metadata = labels.unwrap_or_default();
            }
            "parallel_tool_calls" => {
                request.parallel_tool_calls = Some(match read(value, "parallel_tool_calls")? {
                    true => ParallelToolCalls::Allowed,
                    false => ParallelToolCalls::Forbidden,
                });
            }
            "tool_choice" => request.tool_choice = rest.typed(&name, value, tool_choice(value)),
            "response_format" => request.response_format = rest.typed(&name, value, response_format(value)),
            "max_tokens" | "max_completion_tokens" => {
                let limit: u64 = read(value, "max_tokens")?;
                request.max_output_tokens =
                    Some(request.max_output_tokens.map_or(limit, |own| own.min(limit)));
            }
            _ => rest.push(&name, value),
        }
    }
    rest.read_logprobs(&mut request);
    rest.read_reasoning(&mut request);
    request.extra = rest.extra;
    if request.messages.is_empty() {
        return Err(invalid("messages is missing or empty"));
    }
    Ok((request, mode))
}

/// The fields that are not read, or only read together.
#[derive(Default)]
struct Rest {
    extra: Extra,
    logprobs: Option<bool>,
    top_logprobs: Option<u8>,
    effort: Option<Effort>,
    reasoning: Option<ReasoningOptions>,
    has_other_spelling: bool,
}

impl Rest {
    /// Keeps `value` as it is unless it was understood.
    fn typed<T>(&mut self, name: &str, value: &RawValue, read: Option<T>) -> Option<T> {
        if read.is_none() {
            self.keep(name, value);
        }
        read
    }

    fn keep(&mut self, name: &str, value: &RawValue) {
        self.extra.insert(Wire::ChatCompletions, name.to_owned(), Json::from(value.to_owned()));
    }

    fn push(&mut self, name: &str, value: &RawValue) {
        match name {
            "logprobs" => self.logprobs = self.typed_flag(name, value),
            "top_logprobs" => self.top_logprobs = self.typed(name, value, quiet(value)),
            "reasoning_effort" => self.effort = self.typed(name, value, quiet(value)),
            // These stay as well: they go back to their own service word for word, and other formats get the gist.
            "reasoning" | "thinking" | "enable_thinking" | "thinking_budget" => {
                self.has_other_spelling = true;
                self.reasoning = self.reasoning.or(match name {
                    "reasoning" => reasoning_object(value),
                    "thinking" => thinking_object(value),
                    "thinking_budget" => count(value).map(ReasoningOptions::budget),
                    _ => quiet::<bool>(value).filter(|is_on| !is_on).map(|_| Effort::None.into()),
                });
                self.keep(name, value);
            }
            _ => self.keep(name, value),
        }
    }

    /// `false` says no more than absence, but is kept.
    fn typed_flag(&mut self, name: &str, value: &RawValue) -> Option<bool> {
        let flag = quiet::<bool>(value).filter(|flag| *flag);
        self.typed(name, value, flag)
    }

    fn read_logprobs(&mut self, request: &mut ChatRequest) {
        match (self.logprobs, self.top_logprobs) {
            (Some(_), top) => {
                request.logprobs = Some(Logprobs::new(top.unwrap_or(0)));
                if top == Some(0) {
                    self.extra.insert(Wire::ChatCompletions, "top_logprobs", serde_json::json!(0));
                }
            }
            (None, Some(top)) => {
                self.extra.insert(Wire::ChatCompletions, "top_logprobs", serde_json::json!(top))
            }
            (None, None) => {}
        }
    }

    fn read_reasoning(&mut self, request: &mut ChatRequest) {
        request.reasoning = self.effort.map(ReasoningOptions::from).or(self.reasoning);
        if let Some(effort) = self.effort
            && self.has_other_spelling
        {
            // Beside another spelling the word must stay, or one of the two would be lost.
            self.extra.insert(Wire::ChatCompletions, "reasoning_effort", serde_json::json!(effort.as_str()));
        }
    }
}

/// OpenRouter's: <https://openrouter.ai/docs/use-cases/reasoning-tokens> (read 2026-11-23).
fn reasoning_object(value: &RawValue) -> Option<ReasoningOptions> {
    let fields: Fields<'_> = quiet_borrowed(value)?;
    let field = |name| fields.0.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    let effort: Option<Effort> = field("effort").and_then(quiet);
    let budget = field("max_tokens").and_then(count);
    match (effort, budget, field("enabled").and_then(quiet::<bool>)) {
        (Some(effort), ..) => Some(effort.into()),
        (None, Some(budget), _) => Some(ReasoningOptions::budget(budget)),
        (None, None, Some(false)) => Some(Effort::None.into()),
        (None, None, Some(true)) => Some(Effort::Medium.into()),
        (None, None, None) => None,
    }
}

/// DeepSeek's and Fireworks': `{"type": "disabled"}`, `{"type": "enabled", "budget_tokens": 1}`.
fn thinking_object(value: &RawValue) -> Option<ReasoningOptions> {
    let fields: Fields<'_> = quiet_borrowed(value)?;
    let field = |name| fields.0.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    let kind: String = field("type").and_then(quiet)?;
    match (&*kind, field("budget_tokens").and_then(count)) {
        ("disabled", _) => Some(Effort::None.into()),
        (_, Some(budget)) => Some(ReasoningOptions::budget(budget)),
        (_, None) => None,
    }
}

fn messages(value: &RawValue) -> Result<Vec<Message>> {
    let list: Vec<&RawValue> = list(value, "messages")?;
    list.into_iter()
        .enumerate()
        .map(|(position, raw)| message(raw, &format!("messages[{position}]")))
        .collect()
}

fn tools(value: &RawValue) -> Result<Vec<Tool>> {
    let list: Vec<&RawValue> = list(value, "tools")?;
    list.into_iter().enumerate().map(|(position, raw)| tool(raw, &format!("tools[{position}]"))).collect()
}

/// A function, or a service's own tool, which is kept as it is.
fn tool(raw: &RawValue, place: &str) -> Result<Tool> {
    let mut kind = None;
    let mut function = None;
    let mut extra = Extra::new();
    for (name, value) in object(raw, place)? {
        match &*name {
            "type" => kind = quiet::<String>(value),
            "function" => function = Some(value),
            _ => extra.insert(Wire::ChatCompletions, name.into_owned(), Json::from(value.to_owned())),
        }
    }
    let builtin = || Tool::builtin(Opaque::new(Wire::ChatCompletions, Json::from(raw.to_owned())));
    let (Some(function), None | Some("function")) = (function, kind.as_deref()) else { return Ok(builtin()) };
    let mut tool = builtin();
    let mut is_known = true;
    for (name, value) in object(function, &format!("{place}.function"))? {
        match &*name {
            "name" => tool.name = read(value, &format!("{place}.function.name"))?,
            _ if value.get() == "null" => {}
            "description" => tool.description = Some(read(value, &format!("{place}.function.description"))?),
            "parameters" => tool.parameters = Some(Json::from(value.to_owned())),
            "strict" => tool.strict = Some(read(value, &format!("{place}.function.strict"))?),
            _ => is_known = false,
        }
    }
    if is_known {
        tool.builtin = None;
        tool.extra = extra;
    }
    Ok(tool)
}

fn tool_choice(value: &RawValue) -> Option<ToolChoice> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Function {
        r#type: String,
        function: Named,
    }
    if let Some(word) = quiet::<String>(value) {
        return match &*word {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" | "any" => Some(ToolChoice::Required),
            _ => None,
        };
    }
    let choice: Function = quiet(value)?;
    (choice.r#type == "function").then_some(ToolChoice::Function(choice.function.name))
}

fn response_format(value: &RawValue) -> Option<ResponseFormat> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Schema {
        name: String,
        description: Option<String>,
        schema: Json,
        strict: Option<bool>,
    }
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Format {
        r#type: String,
        json_schema: Option<Schema>,
    }
    let format: Format = quiet(value)?;
    match (&*format.r#type, format.json_schema) {
        ("text", None) => Some(ResponseFormat::Text),
        ("json_object", None) => Some(ResponseFormat::JsonObject),
        ("json_schema", Some(Schema { name, description, schema, strict })) => {
            Some(ResponseFormat::JsonSchema { name, description, schema, strict })
        }
        _ => None,
    }
}

fn stop(value: &RawValue) -> Result<Vec<String>> {
    match quiet::<String>(value) {
        Some(word) => Ok(vec![word]),
        None => read(value, "stop"),
    }
}

/// The fields of an object, or an error that names it.
pub(super) fn object<'a>(raw: &'a RawValue, place: &str) -> Result<Vec<Field<'a>>> {
    if !raw.get().starts_with('{') {
        return Err(invalid(format!("{place} is not an object")));
    }
    quiet_borrowed::<Fields<'_>>(raw)
        .map(|fields| fields.0)
        .ok_or_else(|| invalid(format!("{place} is not an object")))
}

/// The items of a list, or an error that names it.
pub(super) fn list<'a>(raw: &'a RawValue, place: &str) -> Result<Vec<&'a RawValue>> {
    quiet_borrowed(raw).ok_or_else(|| invalid(format!("{place} is not a list")))
}

/// A value of this type, or an error that names it. What was written is not repeated: it may be private.
pub(super) fn read<T: DeserializeOwned>(raw: &RawValue, place: &str) -> Result<T> {
    quiet(raw).ok_or_else(|| invalid(format!("{place} has the wrong type or is out of range")))
}

/// A value of this type, if it is one.
pub(super) fn quiet<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

pub(super) fn quiet_borrowed<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn count(raw: &RawValue) -> Option<u64> {
    quiet_borrowed::<Count>(raw).and_then(|count| count.0)
}

/// A string, if it is one.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    quiet_borrowed::<Word<'_>>(raw)?.0.map(Into::into)
}

pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}
