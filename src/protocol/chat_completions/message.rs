//! Writing the conversation.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::types::{Message, Part, Reasoning, Role, ToolCall, ToolResult, Wire};

use super::dialect::{Developer, Dialect, Echo, Lacking, ToolCallIds};
use super::encode::Context;
use super::part::{Block, extras, is_block, is_content};
use super::wire::Fields;

/// The conversation.
pub(super) struct Messages<'a> {
    pub(super) context: Context<'a>,
    pub(super) messages: &'a [Message],
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for message in self.messages {
            let mut has_results = false;
            // Each result is a message of its own here, right after the calls.
            for part in &message.parts {
                if let Part::ToolResult(result) = part {
                    has_results = true;
                    list.serialize_element(&ResultMessage { context: self.context, result, message })?;
                }
            }
            if !has_results || message.parts.iter().any(|part| is_content(part, self.context.dialect)) {
                list.serialize_element(&PlainMessage { context: self.context, message })?;
            }
        }
        list.end()
    }
}

struct ResultMessage<'a> {
    context: Context<'a>,
    result: &'a ToolResult,
    message: &'a Message,
}

impl Serialize for ResultMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = self.context.object(serializer, &self.result.extra)?;
        if self.message.role == Role::Tool {
            for field in extras(&self.message.extra, self.context.target) {
                if !object.extra.iter().any(|(name, _)| *name == field.0) {
                    object.extra.push(field);
                }
            }
        }
        object.put("role", "tool")?;
        object.put("tool_call_id", &self.context.call_id(&self.result.call_id))?;
        if !self.context.dialect.lacks(Lacking::MessageName) {
            object.put_some("name", self.result.name.as_deref())?;
        }
        object.put("content", &Content::of(&self.result.content, self.context, ""))?;
        object.end()
    }
}

struct PlainMessage<'a> {
    context: Context<'a>,
    message: &'a Message,
}

impl Serialize for PlainMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (context, message) = (self.context, self.message);
        let is_assistant = message.role == Role::Assistant;
        let mut object = context.object(serializer, &message.extra)?;
        if is_assistant {
            object.extra.retain(|(name, _)| !ANSWER_ONLY.contains(name));
        }
        object.put("role", role(&message.role, context.dialect))?;
        object.put_some("name", message.name.as_deref().filter(|_| context.has_names))?;
        // Null stands for content that is elsewhere: calls, a refusal, sound. Where there is none, a turn whose reasoning
        // belongs to another format, OpenAI answers 400 to null.
        let is_elsewhere = message.parts.iter().any(|part| !matches!(part, Part::Reasoning(_)));
        let nothing = match is_assistant && (is_elsewhere || !object.extra.is_empty()) {
            true => None,
            false => Some(""),
        };
        object.put("content", &Content::of(&message.parts, context, nothing))?;
        if let Echo::Fields(names) = context.dialect.echo {
            for (name, value) in earlier_reasoning(&message.parts, names) {
                object.put(name, &value)?;
            }
        }
        if !context.dialect.lacks(Lacking::Refusal) {
            let refusal = message.parts.iter().find_map(|part| match part {
                Part::Refusal(refusal) => Some(&refusal.text),
                _ => None,
            });
            object.put_some("refusal", refusal)?;
        }
        if message.tool_calls().next().is_some() {
            object.put("tool_calls", &ToolCalls { context, message })?;
        }
        object.end()
    }
}

/// The reasoning of an earlier answer, as fields of its message.
fn earlier_reasoning<'a>(
    parts: &'a [Part],
    names: &'static [&'static str],
) -> Vec<(&'static str, Cow<'a, RawValue>)> {
    let mut fields: Vec<(&'static str, Cow<'a, RawValue>)> = Vec::new();
    let mut text = Cow::Borrowed("");
    let own = parts.iter().filter_map(|part| match part {
        Part::Reasoning(reasoning) => Some(reasoning),
        _ => None,
    });
    for Reasoning { text: readable, state, .. } in own {
        let state = match state {
            Some(state) if state.wire != Wire::ChatCompletions => continue,
            Some(state) if is_block(state) => None,
            state => state.as_ref(),
        };
        match text.is_empty() {
            true => text = Cow::Borrowed(readable),
            false => text.to_mut().push_str(readable),
        }
        let Some(state) = state else { continue };
        let stored: Fields<'_> = serde_json::from_str(state.json.as_str()).unwrap_or_default();
        for (name, value) in stored.0 {
            let Some(name) = names.iter().find(|own| **own == name) else { continue };
            match fields.iter_mut().find(|(own, _)| own == name) {
                Some((_, earlier)) => *earlier = Cow::Owned(joined(earlier, value)),
                None => fields.push((name, Cow::Borrowed(value))),
            }
        }
    }
    if let (true, false, Some(name)) = (fields.is_empty(), text.is_empty(), names.first())
        && let Ok(raw) = serde_json::value::to_raw_value(&*text)
    {
        fields.push((name, Cow::Owned(raw)));
    }
    fields
}

/// Two lists are one, and so are two texts.
fn joined(first: &RawValue, second: &RawValue) -> Box<RawValue> {
    let lists = || {
        let first: Vec<&RawValue> = serde_json::from_str(first.get()).ok()?;
        let second: Vec<&RawValue> = serde_json::from_str(second.get()).ok()?;
        serde_json::value::to_raw_value(&[first, second].concat()).ok()
    };
    let texts = || {
        let first: String = serde_json::from_str(first.get()).ok()?;
        let second: String = serde_json::from_str(second.get()).ok()?;
        serde_json::value::to_raw_value(&(first + &second)).ok()
    };
    lists().or_else(texts).unwrap_or_else(|| first.to_owned())
}

/// Content: text if that says everything, otherwise blocks.
enum Content<'a> {
    Nothing(Option<&'static str>),
    Text(&'a str),
    Joined(String),
    Blocks(Context<'a>, &'a [Part]),
}

impl<'a> Content<'a> {
    fn of(parts: &'a [Part], context: Context<'a>, nothing: impl Into<Option<&'static str>>) -> Self {
        let mut content = parts.iter().filter(|part| is_content(part, context.dialect));
        match (content.next(), content.next()) {
            (None, _) => Self::Nothing(nothing.into()),
            (Some(Part::Text(text)), None) if extras(&text.extra, context.target).is_empty() => {
                Self::Text(&text.text)
            }
            (Some(Part::Refusal(refusal)), None) => Self::Text(&refusal.text),
            _ if context.dialect.lacks(Lacking::TextParts) => {
                joined_text(parts, context).map_or(Self::Blocks(context, parts), Self::Joined)
            }
            _ => Self::Blocks(context, parts),
        }
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing(nothing) => nothing.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Joined(text) => serializer.serialize_str(text),
            Self::Blocks(context, parts) => serializer.collect_seq(
                parts.iter().filter(|part| is_content(part, context.dialect)).map(|part| Block {
                    part,
                    dialect: context.dialect,
                    target: context.target,
                }),
            ),
        }
    }
}

/// All of `parts` as one text, if they are nothing else.
fn joined_text(parts: &[Part], context: Context<'_>) -> Option<String> {
    let content = parts.iter().filter(|part| is_content(part, context.dialect));
    content
        .map(|part| match part {
            Part::Text(text) => Some(&*text.text),
            Part::Refusal(refusal) => Some(&*refusal.text),
            _ => None,
        })
        .collect()
}

struct ToolCalls<'a> {
    context: Context<'a>,
    message: &'a Message,
}

impl Serialize for ToolCalls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.message.tool_calls().map(|call| OneCall { context: self.context, call }))
    }
}

struct OneCall<'a> {
    context: Context<'a>,
    call: &'a ToolCall,
}

impl Serialize for OneCall<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Function<'a> {
            name: &'a str,
            arguments: &'a str,
        }
        #[derive(serde::Serialize)]
        struct Custom<'a> {
            name: &'a str,
            input: &'a str,
        }
        let (name, written) = (&*self.call.name, &*self.call.arguments);
        let mut object = self.context.object(serializer, &self.call.extra)?;
        let is_custom =
            object.extra.iter().any(|(name, value)| *name == "type" && value.as_str() == "\"custom\"");
        object.put("id", &self.context.call_id(&self.call.id))?;
        if is_custom {
            object.put("custom", &Custom { name, input: written })?;
        } else {
            object.put("type", "function")?;
            let arguments = if written.trim().is_empty() { "{}" } else { written };
            object.put("function", &Function { name, arguments })?;
        }
        object.end()
    }
}

impl Context<'_> {
    fn call_id<'b>(&self, id: &'b str) -> Cow<'b, str> {
        match self.dialect.tool_call_ids {
            ToolCallIds::Any => Cow::Borrowed(id),
            ToolCallIds::NineAlphanumeric => crate::protocol::call_id::nine_alphanumeric(id),
        }
    }
}

fn role<'a>(role: &'a Role, dialect: &Dialect) -> &'a str {
    match role {
        Role::System => "system",
        Role::Developer => match dialect.developer {
            Developer::Kept => "developer",
            Developer::AsSystem => "system",
        },
        // A tool's message is written result by result; what is left over is the application's own text.
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
        Role::Other(word) => word,
    }
}

/// Fields of an answer's message that mean nothing in a request. Groq answers 400 to any field it does not know:
/// <https://github.com/karthink/gptel/issues/774> (read 2026-11-23).
const ANSWER_ONLY: &[&str] = &[
    "annotations",
    "executed_tools",
    "citations",
    "search_results",
    "padding",
    "channel",
    "reasoning_encrypted",
];
