//! A request.

use super::input::{Ids, Input};
use super::tool::Tools;
use super::wire::{Body, Format, Include, Merged};
use super::{Memory, Responses, UserField};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::notes::Notes;
use crate::protocol::object::Extras;
use crate::protocol::{EncodeFor, Encoded, Path};
use crate::types::{Adaptation, ChatRequest, Effort, ParallelToolCalls, Sampling, Wire};

/// Writes `request` for `target`.
pub(super) fn encode(protocol: &Responses, request: &ChatRequest, target: EncodeFor<'_>) -> Result<Encoded> {
    let mut notes = Notes::new(request.on_unsupported);
    refuse(request, target)?;
    drop_unknown(request, &mut notes)?;

    let mut extra = Extras::of(&request.extra, Wire::Responses, target.provider);
    // What decides where the request goes and how the answer is read is ours alone.
    for ours in ["model", "input", "stream"] {
        extra.take(ours);
    }
    let store = store(protocol, &extra);
    let ids = if store.is_false { Ids::LeftOut } else { Ids::Kept };
    let takes_sampling = target.hints.sampling != Sampling::Refused;
    for (field, given) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        if given.is_some() && !takes_sampling {
            notes.add(Adaptation::dropped(field, "the model takes no sampling parameters"))?;
        }
    }
    let body = Body {
        model: target.model,
        input: Input::of(protocol, request, target.provider, ids, &mut notes)?,
        request,
        tools: Tools { tools: &request.tools, provider: target.provider },
        parallel_tool_calls: request.meant_parallel_tool_calls().map(|parallel| match parallel {
            ParallelToolCalls::Allowed => true,
            ParallelToolCalls::Forbidden => false,
        }),
        text: Merged {
            name: "format",
            own: request.response_format.as_ref().map(Format),
            extra: extra.take("text"),
        },
        reasoning: Merged {
            name: "effort",
            own: effort(request, &mut notes)?,
            extra: extra.take("reasoning"),
        },
        temperature: request.temperature.filter(|_| takes_sampling),
        top_p: request.top_p.filter(|_| takes_sampling),
        user: match protocol.user {
            UserField::User => ("user", request.user.as_deref()),
            UserField::SafetyIdentifier => ("safety_identifier", request.user.as_deref()),
        },
        include: Include { own: include(protocol, request, target, &store), extra: extra.take("include") },
        store: store.said,
        mode: target.mode,
        extra,
    };
    let body = serde_json::to_vec(&body)
        .map_err(|_| Error::new(ErrorKind::Internal, "the request could not be written as JSON"))?;
    let mut encoded = Encoded::new(Path::Fixed("responses"), body);
    encoded.adaptations = notes.into_list();
    Ok(encoded)
}

/// What would change the meaning of the answer if it were left out.
fn refuse(request: &ChatRequest, target: EncodeFor<'_>) -> Result<()> {
    let is_foreign = |wire| wire != Wire::Responses;
    for (field, given) in [
        ("n above 1", request.n.is_some_and(|n| n > 1)),
        ("stop", !request.stop.is_empty()),
        (
            "another format's built-in tool",
            request.tools.iter().filter_map(|tool| tool.builtin.as_ref()).any(|tool| is_foreign(tool.wire)),
        ),
    ] {
        if given {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{}: the responses format does not have {field}; leave it out or choose another target",
                    target.provider
                ),
            ));
        }
    }
    Ok(())
}

fn drop_unknown(request: &ChatRequest, notes: &mut Notes) -> Result<()> {
    let asked = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    for (field, given) in [
        ("top_k", request.top_k.is_some()),
        ("seed", request.seed.is_some()),
        ("presence_penalty", asked(request.presence_penalty)),
        ("frequency_penalty", asked(request.frequency_penalty)),
    ] {
        if given {
            notes.add(Adaptation::dropped(field, "the format has no such field"))?;
        }
    }
    Ok(())
}

/// Does the service keep the conversation?
struct Store {
    /// What we say of it ourselves.
    said: Option<bool>,
    /// Is it told not to, by us or by the caller?
    is_false: bool,
}

fn store(protocol: &Responses, extra: &Extras<'_>) -> Store {
    if let Some(given) = extra.get("store") {
        return Store { said: None, is_false: given.as_str() == "false" };
    }
    let continues = extra.has("previous_response_id") || extra.has("conversation");
    let is_false = protocol.memory != Memory::Unsaid && !continues;
    Store { said: is_false.then_some(false), is_false }
}

/// OpenAI answers 400 to a model that does not reason when its reasoning is asked for:
/// <https://github.com/NousResearch/hermes-agent/issues/23450> (read 2026-11-23). Its models that refuse sampling
/// parameters are those that reason.
fn include(
    protocol: &Responses,
    request: &ChatRequest,
    target: EncodeFor<'_>,
    store: &Store,
) -> Vec<&'static str> {
    let mut include = Vec::new();
    let asked = request.reasoning.is_some_and(|asked| {
        asked.effort.is_some_and(|effort| effort != Effort::None) || asked.budget_tokens.is_some()
    });
    let reasons = asked || target.hints.sampling == Sampling::Refused;
    let wants = match protocol.memory {
        Memory::Unsaid | Memory::Stateless => false,
        Memory::Encrypted => true,
        Memory::EncryptedIfReasoning => reasons,
    };
    if wants && store.is_false {
        include.push("reasoning.encrypted_content");
    }
    if request.logprobs.is_some() {
        include.push("message.output_text.logprobs");
    }
    include
}

/// The effort asked for, or the least one that allows the budget.
fn effort(request: &ChatRequest, notes: &mut Notes) -> Result<Option<&'static str>> {
    let Some(asked) = request.reasoning else { return Ok(None) };
    let Some(budget) = asked.budget_tokens.filter(|_| asked.effort.is_none()) else {
        return Ok(asked.effort.map(Effort::as_str));
    };
    notes.add(Adaptation::changed("reasoning", "the format takes a word instead of a number of tokens"))?;
    let word = match budget {
        0..=1_024 => Effort::Minimal,
        1_025..=4_096 => Effort::Low,
        4_097..=16_384 => Effort::Medium,
        16_385..=32_768 => Effort::High,
        32_769.. => Effort::XHigh,
    };
    Ok(Some(word.as_str()))
}
