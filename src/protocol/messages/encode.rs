//! A request.

use std::borrow::Cow;

use super::content::{Conversation, Files};
use super::thinking::Plan;
use super::tool::{Choice, ToolSpec};
use super::wire::{Body, Host, OutputConfig, Thinking};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::{EncodeFor, Encoded, Path};
use crate::types::{
    Adaptation, ChatRequest, Json, ParallelToolCalls, ResponseFormat, Sampling, ToolChoice, Wire,
};

/// Writes `request` for `target`.
pub(super) fn encode(request: &ChatRequest, target: EncodeFor<'_>, host: Host) -> Result<Encoded> {
    let mut notes = Notes::new(request.on_unsupported);
    refuse(request)?;
    drop_unknown(request, &mut notes)?;

    let conversation = Conversation::of(request, target.provider, &mut notes)?;
    let mut extra = Extras::of(&request.extra, Wire::Messages, target.provider);
    let plan = plan(request, target, &conversation, &extra, &mut notes)?;
    let mut sampling =
        Numbers { temperature: request.temperature, top_p: request.top_p, top_k: request.top_k };
    sampling.fit(target.hints.sampling, plan.thinking, &mut notes)?;

    let body = Body {
        host,
        model: target.model,
        max_tokens: plan.max_tokens,
        system: conversation.system,
        messages: conversation.turns,
        tools: tools(request, target.provider)?,
        tool_choice: tool_choice(request),
        thinking: plan.thinking,
        output_config: OutputConfig {
            effort: plan.effort,
            schema: schema(request)?,
            extra: extra.take("output_config"),
        },
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: &request.stop,
        user_id: request.user.as_deref(),
        service_tier: request.service_tier.as_deref(),
        mode: target.mode,
        extra,
    };
    let mut bytes = Vec::with_capacity(request.size_hint());
    serde_json::to_writer(&mut bytes, &body)
        .map_err(|_| Error::new(ErrorKind::Internal, "the request could not be written as JSON"))?;

    let mut encoded = Encoded::new(Path::Fixed("messages"), bytes);
    if conversation.files == Files::Some {
        encoded.headers.push(("anthropic-beta", Cow::Borrowed(FILES_BETA)));
    }
    encoded.adaptations = notes.into_list();
    Ok(encoded)
}

/// What would change the meaning of the answer if it were left out.
fn refuse(request: &ChatRequest) -> Result<()> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(unsupported("this format gives one answer; send the request several times"));
    }
    if request.logprobs.is_some() {
        return Err(unsupported("this format has no log probabilities"));
    }
    Ok(())
}

fn drop_unknown(request: &ChatRequest, notes: &mut Notes) -> Result<()> {
    let asked = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    for (field, given) in [
        ("seed", request.seed.is_some()),
        ("presence_penalty", asked(request.presence_penalty)),
        ("frequency_penalty", asked(request.frequency_penalty)),
        ("metadata", !request.metadata.is_empty()),
    ] {
        if given {
            notes.add(Adaptation::dropped(field, "the format has no such field"))?;
        }
    }
    Ok(())
}

fn plan(
    request: &ChatRequest,
    target: EncodeFor<'_>,
    conversation: &Conversation<'_>,
    extra: &Extras<'_>,
    notes: &mut Notes,
) -> Result<Plan> {
    let plan = Plan::of(request, target, notes)?;
    if extra.has("thinking") || !matches!(plan.thinking, Some(Thinking::Enabled { .. })) {
        return Ok(plan);
    }
    // Both rules hold for budgets, not for adaptive thinking:
    // https://platform.claude.com/docs/en/build-with-claude/thinking-tool-workflows (read 2026-11-23).
    if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Function(_))) {
        return Err(unsupported(
            "this model cannot be made to call a tool while it reasons; leave one of the two out",
        ));
    }
    if conversation.loops_without_thinking() {
        notes.add(Adaptation::dropped(
            "reasoning",
            "the tool calls to be answered were made without this model's reasoning",
        ))?;
        return Ok(plan.without_thinking());
    }
    Ok(plan)
}

struct Numbers {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Numbers {
    fn fit(&mut self, sampling: Sampling, thinking: Option<Thinking>, notes: &mut Notes) -> Result<()> {
        let why = match (sampling, thinking) {
            (Sampling::Refused, _) => "the model takes no sampling parameters",
            (_, Some(Thinking::Adaptive | Thinking::Enabled { .. })) => {
                "the model takes no sampling parameters while it reasons"
            }
            (_, Some(Thinking::Disabled) | None) => return self.fit_freely(notes),
        };
        // Thinking leaves 1 for the temperature and 0.95 to 1 for `top_p`:
        // https://platform.claude.com/docs/en/build-with-claude/extended-thinking (read 2026-11-23).
        let harmless = sampling != Sampling::Refused;
        let temperature = self.temperature.take_if(|value| !(harmless && *value == 1.0)).is_some();
        let top_p = self.top_p.take_if(|value| !(harmless && *value >= 0.95)).is_some();
        let top_k = self.top_k.take().is_some();
        for (field, dropped) in [("temperature", temperature), ("top_p", top_p), ("top_k", top_k)] {
            if dropped {
                notes.add(Adaptation::dropped(field, why))?;
            }
        }
        self.fit_freely(notes)
    }

    fn fit_freely(&mut self, notes: &mut Notes) -> Result<()> {
        if let Some(temperature) = self.temperature.as_mut().filter(|temperature| **temperature > 1.0) {
            *temperature = 1.0;
            notes.add(Adaptation::changed("temperature", "the format's range is 0 to 1"))?;
        }
        // Models since Sonnet 4.5 answer 400 to both:
        // https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
        // (read 2026-11-23).
        if self.temperature.is_some() && self.top_p.take().is_some() {
            notes.add(Adaptation::dropped("top_p", "the model takes either temperature or top_p"))?;
        }
        Ok(())
    }
}

fn tools<'a>(request: &'a ChatRequest, provider: &'a str) -> Result<Vec<ToolSpec<'a>>> {
    request
        .tools
        .iter()
        .map(|tool| match &tool.builtin {
            None => Ok(ToolSpec::Function(tool, Extras::of(&tool.extra, Wire::Messages, provider))),
            Some(builtin) if builtin.wire == Wire::Messages => Ok(ToolSpec::Builtin(&builtin.json)),
            Some(builtin) => {
                Err(unsupported(format!("a built-in tool of {} means nothing here", builtin.wire)))
            }
        })
        .collect()
}

fn tool_choice(request: &ChatRequest) -> Option<Choice<'_>> {
    let parallel = request.parallel_tool_calls;
    let choice = |kind, name, parallel| Some(Choice { kind, name, parallel });
    // Without tools the field is refused, and nothing could be called anyway.
    if request.tools.is_empty() && !matches!(request.tool_choice, Some(ToolChoice::Required)) {
        return None;
    }
    match &request.tool_choice {
        None if parallel == Some(ParallelToolCalls::Forbidden) => choice("auto", None, parallel),
        None => None,
        Some(ToolChoice::Auto) => choice("auto", None, parallel),
        Some(ToolChoice::None) => choice("none", None, None),
        Some(ToolChoice::Required) => choice("any", None, parallel),
        Some(ToolChoice::Function(name)) => choice("tool", Some(name.as_str()), parallel),
    }
}

fn schema(request: &ChatRequest) -> Result<Option<&Json>> {
    match &request.response_format {
        None | Some(ResponseFormat::Text) => Ok(None),
        Some(ResponseFormat::JsonSchema { schema, .. }) => Ok(Some(schema)),
        Some(ResponseFormat::JsonObject) => {
            Err(unsupported("this format writes JSON only to a schema; use ResponseFormat::json_schema(..)"))
        }
    }
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// Uploaded files may be named only with this: <https://platform.claude.com/docs/en/build-with-claude/files>
/// (read 2026-11-23).
const FILES_BETA: &str = "files-api-2025-04-14";
