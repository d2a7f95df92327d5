//! A request.

use std::borrow::Cow;

use super::content::{CACHE_POINT, Conversation};
use super::settings::Settings;
use super::wire::{Body, Choice, Schema, ToolConfig, ToolSpec};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::{EncodeFor, Encoded, Mode, Path};
use crate::types::{Adaptation, ChatRequest, ParallelToolCalls, ResponseFormat, ToolChoice, Wire};

/// Writes `request` for `target`.
pub(super) fn encode(request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    let mut notes = Notes::new(request.on_unsupported);
    refuse(request)?;
    drop_unknown(request, &mut notes)?;

    let conversation = Conversation::of(request, target.provider, target.model, &mut notes)?;
    let tools = tools(request, target.provider, &conversation)?;
    let mut extra = Extras::of(&request.extra, Wire::Converse, target.provider);
    let own = (extra.take("inferenceConfig"), extra.take("additionalModelRequestFields"));
    let settings = Settings::of(request, target, &conversation, own, &mut notes)?;

    let body = Body {
        system: conversation.system,
        messages: conversation.turns,
        inference: settings.inference,
        tools,
        schema: schema(request)?,
        model_fields: settings.model_fields,
        metadata: &request.metadata,
        service_tier: request.service_tier.as_deref(),
        extra,
    };
    let body = serde_json::to_vec(&body)
        .map_err(|_| Error::new(ErrorKind::Internal, "the request could not be written as JSON"))?;

    let suffix = match target.mode {
        Mode::Whole => "/converse",
        Mode::Stream => "/converse-stream",
    };
    let path = Path::Model { prefix: "model", model: target.model.to_owned(), suffix, query: None };
    let mut encoded = Encoded::new(path, body);
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
        ("user", request.user.is_some()),
        ("parallel_tool_calls", request.meant_parallel_tool_calls() == Some(ParallelToolCalls::Forbidden)),
    ] {
        if given {
            notes.add(Adaptation::dropped(field, "the format has no such field"))?;
        }
    }
    Ok(())
}

/// The API refuses calls and results in a conversation without tools, and has no word for "call none":
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html> (read 2026-11-23).
fn tools<'a>(
    request: &'a ChatRequest,
    provider: &'a str,
    conversation: &Conversation<'_>,
) -> Result<Option<ToolConfig<'a>>> {
    if request.tools.is_empty() || request.tool_choice == Some(ToolChoice::None) {
        if !conversation.uses_tools() {
            return Ok(None);
        }
        return Err(unsupported(
            "a conversation with tool calls must offer tools, and this format cannot forbid their use; offer the same \
             tools without ToolChoice::None",
        ));
    }
    let specs = request.tools.iter().map(|tool| match &tool.builtin {
        None => {
            let mut extra = Extras::of(&tool.extra, Wire::Converse, provider);
            let cache_point = extra.take(CACHE_POINT);
            Ok(ToolSpec::Function { tool, extra, cache_point })
        }
        Some(builtin) if builtin.wire == Wire::Converse => Ok(ToolSpec::Builtin(&builtin.json)),
        Some(builtin) => Err(unsupported(format!("a built-in tool of {} means nothing here", builtin.wire))),
    });
    let choice = match &request.tool_choice {
        None | Some(ToolChoice::None) => None,
        Some(ToolChoice::Auto) => Some(Choice::Auto),
        Some(ToolChoice::Required) => Some(Choice::Any),
        Some(ToolChoice::Function(name)) => Some(Choice::Tool(name)),
    };
    Ok(Some(ToolConfig { tools: specs.collect::<Result<_>>()?, choice }))
}

/// <https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html> (read 2026-11-23).
fn schema(request: &ChatRequest) -> Result<Option<Schema<'_>>> {
    match &request.response_format {
        None | Some(ResponseFormat::Text) => Ok(None),
        Some(ResponseFormat::JsonSchema { name, description, schema, .. }) => {
            Ok(Some(Schema { name, description: description.as_deref(), schema }))
        }
        Some(ResponseFormat::JsonObject) => {
            Err(unsupported("this format writes JSON only to a schema; use ResponseFormat::json_schema(..)"))
        }
    }
}

fn unsupported(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
