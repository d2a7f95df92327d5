//! Writes a request as the vendor wants it.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::content::{Content, Conversation};
use super::merge::merge;
use super::thinking::ThinkingConfig;
use super::{WIRE, model_path};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::notes::Notes;
use crate::protocol::{EncodeFor, Encoded, Mode};
use crate::types::{
    Adaptation, ChatRequest, Json, Logprobs, ParallelToolCalls, Part, ResponseFormat, Sampling, Tool,
    ToolChoice,
};

pub(super) fn encode(request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    let mut notes = Notes::new(request.on_unsupported);
    let conversation = Conversation::new(&request.messages, target)?;
    let config = GenerationConfig::new(request, target, &mut notes)?;
    let tools = tools(request, target, &mut notes)?;
    left_out(request, &mut notes)?;
    let mut extra: Vec<(&str, Cow<'_, Json>)> = Vec::new();
    for (name, value) in request.extra.for_target(WIRE, target.provider) {
        match extra.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = Cow::Borrowed(value),
            None => extra.push((name, Cow::Borrowed(value))),
        }
    }
    let tool_config = request.meant_tool_choice().map(ToolConfig::new);
    // These two hold many options; a caller who adds one must not lose the others.
    for (name, value) in &mut extra {
        let own = match *name {
            "generationConfig" => Json::from_value(&config)?,
            "toolConfig" => Json::from_value(&tool_config)?,
            _ => continue,
        };
        *value = Cow::Owned(merge(&own, value)?);
    }
    let body = Body {
        conversation: &conversation,
        tools: &tools,
        tool_config: &tool_config,
        config: &config,
        service_tier: request.service_tier.as_deref(),
        extra: &extra,
    };
    let mut bytes = Vec::with_capacity(request.size_hint());
    serde_json::to_writer(&mut bytes, &body)
        .map_err(|_| Error::new(ErrorKind::InvalidRequest, "the request has no JSON form"))?;
    let (suffix, query) = match target.mode {
        Mode::Whole => (":generateContent", None),
        Mode::Stream => (":streamGenerateContent", Some("alt=sse")),
    };
    let mut encoded = Encoded::new(model_path(target.model, suffix, query), bytes);
    encoded.adaptations = notes.into_list();
    Ok(encoded)
}

struct Body<'a> {
    conversation: &'a Conversation<'a>,
    tools: &'a [ToolGroup<'a>],
    tool_config: &'a Option<ToolConfig<'a>>,
    config: &'a GenerationConfig<'a>,
    service_tier: Option<&'a str>,
    extra: &'a [(&'a str, Cow<'a, Json>)],
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let has = |name: &str| self.extra.iter().any(|(known, _)| *known == name);
        let mut map = serializer.serialize_map(None)?;
        if let Some(system) = &self.conversation.system
            && !has("systemInstruction")
        {
            map.serialize_entry("systemInstruction", system)?;
        }
        if !has("contents") {
            map.serialize_entry::<_, [Content<'_>]>("contents", &self.conversation.contents)?;
        }
        if !self.tools.is_empty() && !has("tools") {
            map.serialize_entry("tools", self.tools)?;
        }
        if let Some(tool_config) = self.tool_config
            && !has("toolConfig")
        {
            map.serialize_entry("toolConfig", tool_config)?;
        }
        if *self.config != GenerationConfig::default() && !has("generationConfig") {
            map.serialize_entry("generationConfig", self.config)?;
        }
        // The only option whose documented name has an underscore:
        // https://ai.google.dev/gemini-api/docs/priority-inference (read 2026-11-23).
        if let Some(tier) = self.service_tier
            && !has("service_tier")
        {
            map.serialize_entry("service_tier", tier)?;
        }
        for (name, value) in self.extra {
            map.serialize_entry(name, value.as_ref())?;
        }
        map.end()
    }
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

impl<'a> GenerationConfig<'a> {
    fn new(request: &'a ChatRequest, target: EncodeFor<'_>, notes: &mut Notes) -> Result<Self> {
        let mut config = Self {
            candidate_count: request.n,
            max_output_tokens: request.max_output_tokens,
            stop_sequences: &request.stop,
            presence_penalty: request.presence_penalty,
            frequency_penalty: request.frequency_penalty,
            response_logprobs: request.logprobs.map(|_| true),
            logprobs: request.logprobs.map(|Logprobs { top }| top).filter(|top| *top > 0),
            ..Self::default()
        };
        match target.hints.sampling {
            Sampling::Accepted | Sampling::Unknown => {
                config.temperature = request.temperature;
                config.top_p = request.top_p;
                config.top_k = request.top_k;
            }
            Sampling::Refused => {
                let asked = [
                    request.temperature.map(|_| "temperature"),
                    request.top_p.map(|_| "top_p"),
                    request.top_k.map(|_| "top_k"),
                ];
                for field in asked.into_iter().flatten() {
                    notes.add(Adaptation::dropped(field, "the model does not take sampling options"))?;
                }
            }
        }
        if let Some(seed) = request.seed {
            config.seed = i32::try_from(seed).ok();
            if config.seed.is_none() {
                notes.add(Adaptation::dropped("seed", "the vendor's seeds have 32 bits"))?;
            }
        }
        match &request.response_format {
            None | Some(ResponseFormat::Text) => {}
            Some(ResponseFormat::JsonObject) => config.response_mime_type = Some("application/json"),
            Some(ResponseFormat::JsonSchema { schema, .. }) => {
                config.response_mime_type = Some("application/json");
                config.response_json_schema = Some(schema);
            }
        }
        if let Some(options) = request.reasoning {
            let (thinking, note) = ThinkingConfig::for_model(target.model, options);
            config.thinking_config = thinking;
            if let Some(note) = note {
                notes.add(note)?;
            }
        }
        Ok(config)
    }
}

/// One element of `tools`: all functions together, or one built-in tool.
#[derive(Serialize)]
#[serde(untagged)]
enum ToolGroup<'a> {
    Builtin(&'a Json),
    #[serde(rename_all = "camelCase")]
    Functions {
        function_declarations: Vec<Function<'a>>,
    },
}

struct Function<'a> {
    tool: &'a Tool,
    target: EncodeFor<'a>,
}

impl Serialize for Function<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Tool { name, description, parameters, strict: _, builtin: _, hosted: _, cache: _, extra } =
            self.tool;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        if let Some(description) = description {
            map.serialize_entry("description", description)?;
        }
        // `parameters` takes a subset of OpenAPI; this one takes JSON Schema as it is:
        // https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/FunctionDeclaration (read 2026-11-23).
        if let Some(parameters) = parameters {
            map.serialize_entry("parametersJsonSchema", parameters)?;
        }
        for (name, value) in extra.for_target(WIRE, self.target.provider) {
            if !["name", "description", "parametersJsonSchema"].contains(&name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

fn tools<'a>(
    request: &'a ChatRequest,
    target: EncodeFor<'a>,
    notes: &mut Notes,
) -> Result<Vec<ToolGroup<'a>>> {
    let mut groups = Vec::new();
    let mut functions = Vec::new();
    for tool in &request.tools {
        match &tool.builtin {
            Some(builtin) if builtin.wire == WIRE => groups.push(ToolGroup::Builtin(&builtin.json)),
            Some(builtin) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("tools: a built-in tool of {} means nothing here", builtin.wire),
                ));
            }
            None => {
                if tool.strict == Some(true) {
                    notes.add(Adaptation::dropped("tools.strict", "the format has no such promise"))?;
                }
                functions.push(Function { tool, target });
            }
        }
    }
    if !functions.is_empty() {
        groups.push(ToolGroup::Functions { function_declarations: functions });
    }
    Ok(groups)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: FunctionCalling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FunctionCalling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

impl<'a> ToolConfig<'a> {
    fn new(choice: &'a ToolChoice) -> Self {
        let (mode, allowed_function_names) = match choice {
            ToolChoice::Auto => ("AUTO", None),
            ToolChoice::None => ("NONE", None),
            ToolChoice::Required => ("ANY", None),
            ToolChoice::Function(name) => ("ANY", Some([name.as_str()])),
        };
        Self { function_calling_config: FunctionCalling { mode, allowed_function_names } }
    }
}

/// Options the format has no field for.
fn left_out(request: &ChatRequest, notes: &mut Notes) -> Result<()> {
    let looks_closely = request.messages.iter().flat_map(|message| &message.parts).any(|part| match part {
        Part::Image(image) => image.detail.as_deref().is_some_and(|detail| detail != "auto"),
        _ => false,
    });
    let one_call = request.meant_parallel_tool_calls() == Some(ParallelToolCalls::Forbidden);
    // Labels exist on Vertex AI only; there they can be sent as an extra field:
    // https://docs.cloud.google.com/nodejs/docs/reference/vertexai/latest/vertexai/generatecontentrequest (read 2026-11-23).
    for (asked, field, detail) in [
        (one_call, "parallel_tool_calls", "the format cannot forbid several calls"),
        (request.user.is_some(), "user", "the format has no field for the end user"),
        (!request.metadata.is_empty(), "metadata", "the format has no field for labels"),
        (looks_closely, "image.detail", "it can be sent as an extra field of the part, mediaResolution"),
    ] {
        if asked {
            notes.add(Adaptation::dropped(field, detail))?;
        }
    }
    Ok(())
}
