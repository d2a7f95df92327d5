//! Writing a request, straight from our types to bytes.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use crate::error::Result;
use crate::protocol::{EncodeFor, Encoded, Mode, Path};
use crate::types::{
    ChatRequest, Extra, Json, Message, ParallelToolCalls, Part, Reasoning, ResponseFormat, Role, Tool,
    ToolCall, ToolChoice, ToolResult, Wire,
};

use super::dialect::{Developer, Dialect, Echo, Lacking, SeedField, StreamUsage, TokenLimit, ToolCallIds};
use super::options::{Decider, Options};
use super::part::{Block, Object, Place, check, extras, is_block, is_content, unwritable};
use super::wire::Fields;

/// Writes `request` for `target`.
pub(super) fn encode(dialect: &Dialect, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    let mut decider = Decider { dialect, request, target, adaptations: Vec::new() };
    let options = decider.decide()?;
    check_parts(&decider)?;
    let body = Body {
        context: Context { dialect, target, has_names: options.has_names },
        request,
        options: &options,
    };
    let mut bytes = Vec::with_capacity(1024);
    serde_json::to_writer(&mut bytes, &body).map_err(|error| unwritable(&error))?;
    let mut encoded = Encoded::new(Path::Fixed("chat/completions"), bytes);
    encoded.adaptations = decider.adaptations;
    Ok(encoded)
}

fn check_parts(decider: &Decider<'_>) -> Result<()> {
    let unsupported = |field: &str| decider.unsupported(field);
    for part in decider.request.messages.iter().flat_map(|message| &message.parts) {
        check(part, Place::Message, decider.dialect).map_err(unsupported)?;
        if let Part::ToolResult(result) = part {
            for part in &result.content {
                check(part, Place::ToolResult, decider.dialect).map_err(unsupported)?;
            }
        }
    }
    let foreign = |tool: &Tool| tool.builtin.as_ref().is_some_and(|tool| tool.wire != Wire::ChatCompletions);
    if decider.request.tools.iter().any(foreign) {
        return Err(decider.unsupported("another format's built-in tool"));
    }
    Ok(())
}

/// What every writer below needs.
#[derive(Clone, Copy)]
struct Context<'a> {
    dialect: &'a Dialect,
    target: EncodeFor<'a>,
    has_names: bool,
}

impl<'a> Context<'a> {
    fn object<S: Serializer>(
        &self,
        serializer: S,
        extra: &'a Extra,
    ) -> std::result::Result<Object<'a, S::SerializeMap>, S::Error> {
        Ok(Object { map: serializer.serialize_map(None)?, extra: extras(extra, self.target) })
    }

    fn call_id<'b>(&self, id: &'b str) -> Cow<'b, str> {
        match self.dialect.tool_call_ids {
            ToolCallIds::Any => Cow::Borrowed(id),
            ToolCallIds::NineAlphanumeric => nine_alphanumeric(id),
        }
    }
}

struct Body<'a> {
    context: Context<'a>,
    request: &'a ChatRequest,
    options: &'a Options<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (request, options, dialect) = (self.request, self.options, self.context.dialect);
        let is_streamed = self.context.target.mode == Mode::Stream;
        let mut object = self.context.object(serializer, &request.extra)?;
        // What decides where the request goes and how the answer is read is ours alone.
        let stream_options =
            object.extra.iter().find(|(name, _)| *name == "stream_options").map(|(_, options)| *options);
        object.extra.retain(|(name, _)| !matches!(*name, "model" | "messages" | "stream" | "stream_options"));
        let spelled_out: Vec<&str> = object
            .extra
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| REASONING_FIELDS.contains(name) && dialect.reasoning.reads(name))
            .collect();
        if request.reasoning.is_some() {
            object.extra.retain(|(name, _)| !REASONING_FIELDS.contains(name) || spelled_out.contains(name));
        }

        object.put("model", self.context.target.model)?;
        object.put("messages", &Messages { context: self.context, messages: &request.messages })?;
        if is_streamed {
            object.put("stream", &true)?;
            match (stream_options, dialect.stream_usage) {
                (None, StreamUsage::Always) => {}
                (None, StreamUsage::OptIn) => object.put("stream_options", &IncludeUsage(None))?,
                (Some(given), StreamUsage::Always) => object.put("stream_options", given)?,
                (Some(given), StreamUsage::OptIn) => {
                    object.put("stream_options", &IncludeUsage(Some(given)))?
                }
            }
        }
        self.put_tools(&mut object)?;
        if let Some(format) = &request.response_format {
            object.put("response_format", &Format(format))?;
        }
        if spelled_out.is_empty() {
            for (name, value) in &options.reasoning {
                object.put(name, value)?;
            }
        }
        let limit = match dialect.token_limit {
            TokenLimit::MaxTokens => "max_tokens",
            TokenLimit::MaxCompletionTokens => "max_completion_tokens",
        };
        object.put_some(limit, request.max_output_tokens)?;
        object.put_some("temperature", options.temperature)?;
        object.put_some("top_p", options.top_p)?;
        object.put_some("top_k", options.top_k)?;
        object.put_some("presence_penalty", options.presence_penalty)?;
        object.put_some("frequency_penalty", options.frequency_penalty)?;
        let seed = match dialect.seed {
            SeedField::Seed => "seed",
            SeedField::RandomSeed => "random_seed",
        };
        object.put_some(seed, options.seed)?;
        object.put_some("stop", Some(&request.stop).filter(|stop| !stop.is_empty()))?;
        if let Some(logprobs) = options.logprobs {
            object.put("logprobs", &true)?;
            object.put_some("top_logprobs", Some(logprobs.top).filter(|top| *top > 0))?;
        }
        object.put_some("n", options.n)?;
        object.put_some("user", options.user)?;
        object.put_some("metadata", Some(&request.metadata).filter(|_| options.has_metadata))?;
        object.put_some("service_tier", options.service_tier)?;
        object.end()
    }
}

impl Body<'_> {
    fn put_tools<M: SerializeMap>(&self, object: &mut Object<'_, M>) -> std::result::Result<(), M::Error> {
        let request = self.request;
        if !request.tools.is_empty() {
            object.put("tools", &Tools { context: self.context, tools: &request.tools })?;
        }
        if let Some(choice) = &request.tool_choice {
            object.put("tool_choice", &Choice { choice, required: self.context.dialect.required_tool })?;
        }
        let parallel = request.parallel_tool_calls.filter(|_| self.options.has_parallel);
        object.put_some(
            "parallel_tool_calls",
            parallel.map(|parallel| match parallel {
                ParallelToolCalls::Allowed => true,
                ParallelToolCalls::Forbidden => false,
            }),
        )
    }
}

/// `{"include_usage": true}` beside whatever else was asked for.
struct IncludeUsage<'a>(Option<&'a Json>);

impl Serialize for IncludeUsage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let given = self
            .0
            .and_then(|json| serde_json::from_str::<Fields<'_>>(json.as_str()).ok())
            .unwrap_or_default();
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in given.0.iter().filter(|(name, _)| name != "include_usage") {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("include_usage", &true)?;
        map.end()
    }
}

struct Messages<'a> {
    context: Context<'a>,
    messages: &'a [Message],
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
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
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
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
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let (context, message) = (self.context, self.message);
        let is_assistant = message.role == Role::Assistant;
        let mut object = context.object(serializer, &message.extra)?;
        if is_assistant {
            object.extra.retain(|(name, _)| !ANSWER_ONLY.contains(name));
        }
        object.put("role", role(&message.role, context.dialect))?;
        object.put_some("name", message.name.as_deref().filter(|_| context.has_names))?;
        match is_assistant {
            true => object.put("content", &Content::of(&message.parts, context, None))?,
            false => object.put("content", &Content::of(&message.parts, context, ""))?,
        }
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
            _ => Self::Blocks(context, parts),
        }
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Nothing(nothing) => nothing.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
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

struct ToolCalls<'a> {
    context: Context<'a>,
    message: &'a Message,
}

impl Serialize for ToolCalls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.message.tool_calls().map(|call| OneCall { context: self.context, call }))
    }
}

struct OneCall<'a> {
    context: Context<'a>,
    call: &'a ToolCall,
}

impl Serialize for OneCall<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
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

struct Tools<'a> {
    context: Context<'a>,
    tools: &'a [Tool],
}

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.tools.iter().map(|tool| OneTool { context: self.context, tool }))
    }
}

struct OneTool<'a> {
    context: Context<'a>,
    tool: &'a Tool,
}

impl Serialize for OneTool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Function<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            parameters: Option<&'a Json>,
            #[serde(skip_serializing_if = "Option::is_none")]
            strict: Option<bool>,
        }
        if let Some(builtin) = &self.tool.builtin {
            return builtin.json.serialize(serializer);
        }
        let mut object = self.context.object(serializer, &self.tool.extra)?;
        object.put("type", "function")?;
        object.put(
            "function",
            &Function {
                name: &self.tool.name,
                description: self.tool.description.as_deref(),
                parameters: self.tool.parameters.as_ref(),
                strict: self.tool.strict,
            },
        )?;
        object.end()
    }
}

struct Choice<'a> {
    choice: &'a ToolChoice,
    required: Option<&'static str>,
}

impl Serialize for Choice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Named<'a> {
            name: &'a str,
        }
        #[derive(serde::Serialize)]
        struct Function<'a> {
            r#type: &'static str,
            function: Named<'a>,
        }
        match self.choice {
            ToolChoice::Auto => "auto".serialize(serializer),
            ToolChoice::None => "none".serialize(serializer),
            ToolChoice::Required => self.required.serialize(serializer),
            ToolChoice::Function(name) => {
                Function { r#type: "function", function: Named { name } }.serialize(serializer)
            }
        }
    }
}

struct Format<'a>(&'a ResponseFormat);

impl Serialize for Format<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Schema<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            schema: &'a Json,
            #[serde(skip_serializing_if = "Option::is_none")]
            strict: Option<bool>,
        }
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            ResponseFormat::Text => map.serialize_entry("type", "text")?,
            ResponseFormat::JsonObject => map.serialize_entry("type", "json_object")?,
            ResponseFormat::JsonSchema { name, description, schema, strict } => {
                map.serialize_entry("type", "json_schema")?;
                let schema = Schema { name, description: description.as_deref(), schema, strict: *strict };
                map.serialize_entry("json_schema", &schema)?;
            }
        }
        map.end()
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

/// Nine letters or digits, always the same for the same id, so that a result still finds its call.
fn nine_alphanumeric(id: &str) -> Cow<'_, str> {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    // FNV-1a, 64 bits.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut text = String::with_capacity(9);
    for _ in 0..9 {
        let digit = u8::try_from(hash % 36).unwrap_or_default();
        text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        hash /= 36;
    }
    Cow::Owned(text)
}

/// Top-level fields by which services are asked to reason.
const REASONING_FIELDS: &[&str] = &[
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "chat_template_kwargs",
];

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
