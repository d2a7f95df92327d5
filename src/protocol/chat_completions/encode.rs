//! Writing a request, straight from our types to bytes.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::Result;
use crate::protocol::notes::Notes;
use crate::protocol::{EncodeFor, Encoded, Mode, Path};
use crate::types::{ChatRequest, Extra, Json, ParallelToolCalls, Part, Tool, ToolChoice, Wire};

use super::dialect::{Apart, Dialect, Envelope, SeedField, StreamUsage, TokenLimit};
use super::message::Messages;
use super::options::{Decider, Options};
use super::part::{Object, Place, check, extras, unwritable};
use super::tool::{Choice, Format, Tools};
use super::wire::Fields;

/// Writes `request` for `target`.
pub(super) fn encode(dialect: &Dialect, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    let mut decider = Decider { dialect, request, target, notes: Notes::new(request.on_unsupported) };
    let options = decider.decide()?;
    check_parts(&decider)?;
    let body = Body {
        context: Context { dialect, target, has_names: options.has_names },
        request,
        options: &options,
    };
    let mut bytes = Vec::with_capacity(request.size_hint());
    serde_json::to_writer(&mut bytes, &body).map_err(|error| unwritable(&error))?;
    let path = match (dialect.envelope, target.mode) {
        (Envelope::OpenAi, _) => Path::Fixed("chat/completions"),
        (Envelope::Watsonx, Mode::Whole) => Path::Queried { path: "text/chat", query: WATSONX },
        (Envelope::Watsonx, Mode::Stream) => Path::Queried { path: "text/chat_stream", query: WATSONX },
    };
    let mut encoded = Encoded::new(path, bytes);
    encoded.adaptations = decider.notes.into_list();
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

/// What every writer needs.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) target: EncodeFor<'a>,
    pub(super) has_names: bool,
}

impl<'a> Context<'a> {
    pub(super) fn object<S: Serializer>(
        &self,
        serializer: S,
        extra: &'a Extra,
    ) -> std::result::Result<Object<'a, S::SerializeMap>, S::Error> {
        Ok(Object { map: serializer.serialize_map(None)?, extra: extras(extra, self.target) })
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

        match dialect.envelope {
            Envelope::OpenAi => object.put("model", self.context.target.model)?,
            Envelope::Watsonx => {
                object.put("model_id", self.context.target.model)?;
                object.put_some("project_id", self.context.target.resource)?;
            }
        }
        object.put("messages", &Messages { context: self.context, messages: &request.messages })?;
        if is_streamed && dialect.envelope == Envelope::OpenAi {
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
        if dialect.apart == Apart::Split {
            object.put("reasoning_split", &true)?;
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
        if let Some(choice) = request.meant_tool_choice() {
            let is_named = matches!(choice, ToolChoice::Function(_));
            let field = match self.context.dialect.envelope {
                Envelope::Watsonx if !is_named => "tool_choice_option",
                Envelope::Watsonx | Envelope::OpenAi => "tool_choice",
            };
            object.put(field, &Choice { choice, required: self.context.dialect.required_tool })?;
        }
        let parallel = request.meant_parallel_tool_calls().filter(|_| self.options.has_parallel);
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

/// The day of the API that is spoken: <https://www.ibm.com/docs/en/watsonx/saas?topic=resources-rest-api> (read 2026-11-26).
const WATSONX: &str = "version=2025-02-11";

/// Top-level fields by which services are asked to reason.
const REASONING_FIELDS: &[&str] = &[
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "chat_template_kwargs",
];
