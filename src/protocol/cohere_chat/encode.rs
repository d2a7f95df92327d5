//! A request.

use std::borrow::Cow;

use super::WIRE;
use super::conversation;
use super::wire::{Body, Format, Thinking};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::function::ToolSpec;
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::{EncodeFor, Encoded, Path};
use crate::types::{
    Adaptation, ChatRequest, Effort, ParallelToolCalls, ReasoningOptions, ResponseFormat, Tool, ToolChoice,
};

/// Writes `request` for `target`.
pub(super) fn encode(request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(unsupported("this format gives one answer; send the request several times"));
    }
    let mut notes = Notes::new(request.on_unsupported);
    drop_unknown(request, &mut notes)?;
    let body = Body {
        model: target.model,
        messages: conversation::turns(request, target.provider, &mut notes)?,
        tools: tools(request, target.provider)?,
        tool_choice: tool_choice(request, &mut notes)?,
        strict_tools: strict_tools(request, &mut notes)?,
        response_format: match &request.response_format {
            None | Some(ResponseFormat::Text) => None,
            Some(ResponseFormat::JsonObject) => Some(Format(None)),
            Some(ResponseFormat::JsonSchema { schema, .. }) => Some(Format(Some(schema))),
        },
        thinking: request.reasoning.as_ref().and_then(thinking),
        max_tokens: request.max_output_tokens,
        stop_sequences: &request.stop,
        temperature: request.temperature,
        p: within(request.top_p, "top_p", SMALLEST_P, LARGEST_P, &mut notes)?,
        k: request.top_k,
        seed: request.seed.and_then(|seed| u64::try_from(seed).ok()),
        frequency_penalty: within(request.frequency_penalty, "frequency_penalty", 0.0, 1.0, &mut notes)?,
        presence_penalty: within(request.presence_penalty, "presence_penalty", 0.0, 1.0, &mut notes)?,
        logprobs: request.logprobs.map(|_| true),
        mode: target.mode,
        extra: Extras::of(&request.extra, WIRE, target.provider),
    };
    let body = serde_json::to_vec(&body)
        .map_err(|_| Error::new(ErrorKind::Internal, "the request could not be written as JSON"))?;
    let mut encoded = Encoded::new(Path::Fixed("chat"), body);
    encoded.adaptations = notes.into_list();
    Ok(encoded)
}

fn drop_unknown(request: &ChatRequest, notes: &mut Notes) -> Result<()> {
    let one_call = request.parallel_tool_calls == Some(ParallelToolCalls::Forbidden);
    for (field, given, why) in [
        ("user", request.user.is_some(), NO_FIELD),
        ("metadata", !request.metadata.is_empty(), NO_FIELD),
        ("service_tier", request.service_tier.is_some(), NO_FIELD),
        (
            "parallel_tool_calls",
            one_call && !request.tools.is_empty(),
            "the format cannot forbid several calls",
        ),
        ("seed", request.seed.is_some_and(i64::is_negative), "the format's seeds are not negative"),
    ] {
        if given {
            notes.add(Adaptation::dropped(field, why))?;
        }
    }
    if request.logprobs.is_some_and(|logprobs| logprobs.top > 0) {
        notes.add(Adaptation::changed("logprobs", "the format reports the chosen tokens only"))?;
    }
    Ok(())
}

fn within(
    asked: Option<f64>,
    field: &'static str,
    low: f64,
    high: f64,
    notes: &mut Notes,
) -> Result<Option<f64>> {
    let Some(asked) = asked else { return Ok(None) };
    let granted = asked.clamp(low, high);
    if granted != asked {
        notes.add(Adaptation::changed(field, format!("the format's range is {low} to {high}")))?;
    }
    Ok(Some(granted))
}

/// The choice of one function is spelled as offering no other.
fn tools<'a>(request: &'a ChatRequest, provider: &'a str) -> Result<Vec<ToolSpec<'a>>> {
    let is_offered = |tool: &&Tool| match &request.tool_choice {
        Some(ToolChoice::Function(name)) => tool.name == *name,
        _ => true,
    };
    let specs = request.tools.iter().filter(is_offered).map(|tool| match &tool.builtin {
        None => Ok(ToolSpec::Function(tool, Extras::of(&tool.extra, WIRE, provider))),
        Some(builtin) if builtin.wire == WIRE => Ok(ToolSpec::Builtin(&builtin.json)),
        Some(builtin) => Err(unsupported(format!("a built-in tool of {} means nothing here", builtin.wire))),
    });
    specs.collect()
}

fn tool_choice(request: &ChatRequest, notes: &mut Notes) -> Result<Option<&'static str>> {
    Ok(match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => (!request.tools.is_empty()).then_some("NONE"),
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Function(_)) => {
            if request.tools.len() > 1 {
                notes.add(Adaptation::changed("tool_choice", "the function is the only one offered"))?;
            }
            Some("REQUIRED")
        }
    })
}

/// One switch for all tools.
fn strict_tools(request: &ChatRequest, notes: &mut Notes) -> Result<Option<bool>> {
    let strict = request.tools.iter().filter(|tool| tool.strict == Some(true)).count();
    if strict == 0 {
        return Ok(None);
    }
    if strict < request.tools.len() {
        notes.add(Adaptation::changed("tools.strict", "the format is strict about all tools or none"))?;
    }
    Ok(Some(true))
}

/// The format has budgets, no efforts; without a budget the model thinks as long as it likes:
/// <https://docs.cohere.com/docs/reasoning> (read 2026-11-23).
fn thinking(options: &ReasoningOptions) -> Option<Thinking> {
    let enabled = |token_budget| Some(Thinking::Enabled { token_budget });
    match (options.effort, options.budget_tokens) {
        (None, None) => None,
        (Some(Effort::None), _) => Some(Thinking::Disabled),
        (_, Some(budget)) => enabled(Some(budget)),
        (Some(Effort::Minimal), None) => enabled(Some(512)),
        (Some(Effort::Low), None) => enabled(Some(2_048)),
        (Some(Effort::Medium), None) => enabled(Some(8_192)),
        (Some(Effort::High | Effort::XHigh | Effort::Max), None) => enabled(None),
    }
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

const NO_FIELD: &str = "the format has no such field";

/// The range of `p`: <https://docs.cohere.com/reference/chat> (read 2026-11-23).
const SMALLEST_P: f64 = 0.01;
const LARGEST_P: f64 = 0.99;
