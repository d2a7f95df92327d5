//! A request.

use std::borrow::Cow;

use super::WIRE;
use super::conversation;
use super::wire::{Body, Format, Options, Think};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::function::ToolSpec;
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::{EncodeFor, Encoded, Path};
use crate::types::{Adaptation, ChatRequest, Effort, ParallelToolCalls, ResponseFormat, ToolChoice};

/// Writes `request` for `target`.
pub(super) fn encode(request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    refuse_unknown(request)?;
    let mut notes = Notes::new(request.on_unsupported);
    drop_unknown(request, &mut notes)?;
    let mut extra = Extras::of(&request.extra, WIRE, target.provider);
    let body = Body {
        model: target.model,
        messages: conversation::turns(request, target.provider, &mut notes)?,
        tools: tools(request, target.provider)?,
        format: match &request.response_format {
            None | Some(ResponseFormat::Text) => None,
            Some(ResponseFormat::JsonObject) => Some(Format::Json),
            Some(ResponseFormat::JsonSchema { schema, .. }) => Some(Format::Schema(schema)),
        },
        think: think(request, target.model, &mut notes)?,
        options: Options {
            num_predict: request.max_output_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            top_k: request.top_k,
            seed: request.seed,
            presence_penalty: request.presence_penalty,
            frequency_penalty: request.frequency_penalty,
            stop: &request.stop,
            own: extra.take("options"),
        },
        logprobs: request.logprobs,
        mode: target.mode,
        extra,
    };
    let body = serde_json::to_vec(&body)
        .map_err(|_| Error::new(ErrorKind::Internal, "the request could not be written as JSON"))?;
    let mut encoded = Encoded::new(Path::Fixed("chat"), body);
    encoded.adaptations = notes.into_list();
    Ok(encoded)
}

/// What would change the meaning of the answer if it were left out.
fn refuse_unknown(request: &ChatRequest) -> Result<()> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(unsupported("this format gives one answer; send the request several times"));
    }
    match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Function(_)) => {
            Err(unsupported("this format cannot force a tool call; leave tool_choice to the model"))
        }
        None | Some(ToolChoice::Auto | ToolChoice::None) => Ok(()),
    }
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
        ("tools.strict", request.tools.iter().any(|tool| tool.strict == Some(true)), NO_FIELD),
    ] {
        if given {
            notes.add(Adaptation::dropped(field, why))?;
        }
    }
    Ok(())
}

/// That no tool may be called is spelled as offering none.
fn tools<'a>(request: &'a ChatRequest, provider: &'a str) -> Result<Vec<ToolSpec<'a>>> {
    if request.tool_choice == Some(ToolChoice::None) {
        return Ok(Vec::new());
    }
    let specs = request.tools.iter().map(|tool| match &tool.builtin {
        None => Ok(ToolSpec::Function(tool, Extras::of(&tool.extra, WIRE, provider))),
        Some(builtin) if builtin.wire == WIRE => Ok(ToolSpec::Builtin(&builtin.json)),
        Some(builtin) => Err(unsupported(format!("a built-in tool of {} means nothing here", builtin.wire))),
    });
    specs.collect()
}

/// Most models can think or not; gpt-oss thinks always, at one of three levels:
/// <https://docs.ollama.com/capabilities/thinking> (read 2026-11-26). A word that a model does not know is silently its
/// default (seen in a copy).
fn think(request: &ChatRequest, model: &str, notes: &mut Notes) -> Result<Option<Think>> {
    let Some(options) = request.reasoning.as_ref() else { return Ok(None) };
    let effort = match (options.effort, options.budget_tokens) {
        (None, None) => return Ok(None),
        (Some(effort), _) => effort,
        (None, Some(budget)) => match budget {
            0 => Effort::None,
            1..4_096 => Effort::Low,
            4_096..16_384 => Effort::Medium,
            _ => Effort::High,
        },
    };
    let has_levels = model.rsplit('/').next().is_some_and(|name| name.starts_with("gpt-oss"));
    let (think, granted) = match (effort, has_levels) {
        (Effort::None, false) => (Think::Switch(false), Some(Effort::None)),
        (_, false) => (Think::Switch(true), None),
        (Effort::None | Effort::Minimal | Effort::Low, true) => (Think::Level("low"), Some(Effort::Low)),
        (Effort::Medium, true) => (Think::Level("medium"), Some(Effort::Medium)),
        (Effort::High | Effort::XHigh | Effort::Max, true) => (Think::Level("high"), Some(Effort::High)),
    };
    if options.budget_tokens.is_some_and(|budget| budget > 0) || granted != Some(effort) {
        let why = if has_levels {
            "the model thinks at one of three levels"
        } else {
            "the model thinks or does not; there are no levels"
        };
        notes.add(Adaptation::changed("reasoning", why))?;
    }
    Ok(Some(think))
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

const NO_FIELD: &str = "the format has no such field";
