//! Reading a whole answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{WireFailure, unreadable};
use crate::types::{
    Alternative, Audio, FinishReason, Image, Json, MediaSource, Message, Opaque, Part, Reasoning, Refusal,
    Reply, Role, Text, ToolCall, Wire,
};

use super::hosted::Uses;
use super::usage;
use super::wire::{
    Answer, Block, Body, Call, Choice, Content, Fields, Function, List, Sound, Word, into_extra,
};

/// Reads a whole answer.
pub(super) fn decode(body: &[u8]) -> Result<Reply> {
    // One check of the whole body is cheaper than one for each string in it.
    let text = std::str::from_utf8(body)
        .map_err(|_| Error::new(ErrorKind::InvalidResponse, "the answer is not UTF-8 text"))?;
    let answer: Answer<'_> = serde_json::from_str(text).map_err(|error| unreadable("the answer", &error))?;
    if answer.error.is_some_and(|error| error.get() != "null") {
        return Err(WireFailure::parse(body).into_error(200));
    }
    let Some(choices) = answer.choices else {
        let failure = WireFailure::parse(body);
        return Err(match failure.message {
            Some(_) => failure.into_error(200),
            None => Error::new(ErrorKind::InvalidResponse, "the answer has no choices"),
        });
    };
    let mut reply = Reply::empty();
    reply.id = answer.id.filled().map(Into::into);
    reply.model = answer.model.filled().map(Into::into);
    reply.service_tier = answer.service_tier.filled().map(Into::into);
    reply.usage = answer.usage.map(usage::read);
    reply.extra = into_extra(answer.rest);

    let mut choices = choices.0;
    if choices.is_empty() {
        return Err(Error::new(ErrorKind::InvalidResponse, "the answer's list of choices is empty"));
    }
    choices.sort_by_key(|choice| choice.index.0.unwrap_or(0));
    let mut choices = choices.into_iter();
    if let Some(main) = choices.next() {
        // OpenRouter reports an upstream's failure inside the choice.
        if let Some((_, error)) = main.rest.iter().find(|(name, _)| name == "error") {
            return Err(WireFailure::parse(error.get().as_bytes()).into_error(200));
        }
        reply.finish_reason_raw = main.finish_reason.0.as_deref().map(str::to_owned);
        reply.finish_reason = finish_reason(main.finish_reason.as_str());
        reply.logprobs = main.logprobs.and_then(logprobs);
        if let Some(usage) = &mut reply.usage {
            let mut uses = Uses::default();
            main.message.rest.iter().chain(&main.rest).for_each(|(name, value)| uses.add(name, value));
            main.message.tool_calls.0.iter().for_each(|call| uses.call(call.function.name.as_str()));
            uses.tell(usage);
        }
        for (name, value) in main.rest {
            reply.extra.insert(Wire::ChatCompletions, name.into_owned(), Json::from(value.to_owned()));
        }
        reply.message = message(main.message, reply.id.as_deref());
    }
    reply.alternatives = choices.map(|choice| alternative(choice, reply.id.as_deref())).collect();
    // Fields of the wrong type read as absent; when nothing is left, it was no answer.
    let says_something =
        !reply.message.parts.is_empty() || reply.finish_reason_raw.is_some() || reply.usage.is_some();
    if says_something {
        Ok(reply)
    } else {
        Err(Error::new(ErrorKind::InvalidResponse, "the answer says nothing"))
    }
}

fn alternative(choice: Choice<'_>, answer: Option<&str>) -> Alternative {
    let reason = finish_reason(choice.finish_reason.as_str());
    Alternative::new(message(choice.message, answer), reason)
}

/// The vendor's word for why the model stopped.
pub(super) fn finish_reason(word: &str) -> Option<FinishReason> {
    Some(match word {
        "" => return None,
        "stop" => FinishReason::Stop,
        "length" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    })
}

/// Log probabilities, unless every list in them is null.
pub(super) fn logprobs(raw: &RawValue) -> Option<Opaque> {
    let fields: Fields<'_> = serde_json::from_str(raw.get()).ok()?;
    let filled = fields.0.iter().any(|(_, value)| value.get() != "null");
    filled.then(|| Opaque::new(Wire::ChatCompletions, Json::from(raw.to_owned())))
}

fn message(body: Body<'_>, answer: Option<&str>) -> Message {
    let mut parts = Vec::new();
    push_reasoning(&body, &mut parts);
    match body.content {
        Content::Nothing => {}
        Content::Text(text) if text.is_empty() => {}
        Content::Text(text) => parts.push(Part::Text(Text::new(text))),
        Content::Blocks(blocks) => blocks.into_iter().for_each(|block| push_block(block, &mut parts)),
    }
    if let Some(text) = body.refusal.filled() {
        parts.push(Part::Refusal(Refusal::new(text)));
    }
    parts.extend(body.images.0.into_iter().filter_map(picture).map(Part::Image));
    parts.extend(sound(body.audio).map(Part::Audio));
    for call in body.tool_calls.0 {
        let position = count_calls(&parts);
        parts.push(Part::ToolCall(tool_call(call, position, answer)));
    }
    if let Some(name) = body.function_call.name.0.as_deref()
        && !name.is_empty()
    {
        let id = made_up_id(count_calls(&parts), answer);
        parts.push(Part::ToolCall(ToolCall::new(id, name, arguments(body.function_call.arguments))));
    }
    let mut message = Message::new(Role::Assistant, parts);
    message.extra = into_extra(body.rest);
    message
}

fn push_reasoning(body: &Body<'_>, parts: &mut Vec<Part>) {
    let details = body.reasoning_details.filter(|details| has_items(details));
    let named = [&body.reasoning_content, &body.reasoning].into_iter().map(|word| word.as_str());
    let text = match named.into_iter().find(|text| !text.is_empty()) {
        Some(text) => text.to_owned(),
        None => details.map(details_text).unwrap_or_default(),
    };
    if text.is_empty() && details.is_none() {
        return;
    }
    let mut reasoning = Reasoning::new(text);
    // OpenRouter wants the list back as it was: https://openrouter.ai/docs/use-cases/reasoning-tokens (read 2026-11-23).
    reasoning.state = details.map(|details| details_state(details.get()));
    parts.push(Part::Reasoning(reasoning));
}

/// Reasoning state as it goes back into a message: an object of its fields.
pub(super) fn details_state(list: &str) -> Opaque {
    let object = format!(r#"{{"reasoning_details":{list}}}"#);
    // The list was valid JSON, so the object is.
    Opaque::new(
        Wire::ChatCompletions,
        Json::from_text(object).unwrap_or_else(|_| Json::from(serde_json::Value::Null)),
    )
}

fn has_items(list: &RawValue) -> bool {
    list.get().strip_prefix('[').is_some_and(|rest| !rest.trim_start().starts_with(']'))
}

fn details_text(list: &RawValue) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Detail<'a> {
        #[serde(borrow)]
        text: Word<'a>,
        #[serde(borrow)]
        summary: Word<'a>,
    }
    let details: List<Detail<'_>> = serde_json::from_str(list.get()).unwrap_or_default();
    details.0.into_iter().filter_map(|detail| detail.text.filled().or(detail.summary.filled())).collect()
}

/// What a content block is.
pub(super) enum Read<'a> {
    Text(Cow<'a, str>),
    Thinking(String),
    Refusal(Cow<'a, str>),
    Whole(Part),
    Nothing,
}

/// Reads a content block; one of an unknown kind survives verbatim.
pub(super) fn block(raw: &RawValue) -> Read<'_> {
    let Ok(block) = serde_json::from_str::<Block<'_>>(raw.get()) else { return Read::Nothing };
    match block.kind.as_str() {
        "text" | "output_text" => block.text.filled().map_or(Read::Nothing, Read::Text),
        "thinking" => Read::Thinking(thinking(block.thinking)),
        "refusal" => block.refusal.filled().map_or(Read::Nothing, Read::Refusal),
        "image_url" if block.image_url.is_some() => {
            picture(raw).map_or(Read::Nothing, |image| Read::Whole(image.into()))
        }
        _ => Read::Whole(Part::Opaque(Opaque::new(Wire::ChatCompletions, Json::from(raw.to_owned())))),
    }
}

/// Neighbours of the same kind are one part, as they are when they arrive in a stream.
fn push_block(raw: &RawValue, parts: &mut Vec<Part>) {
    match (block(raw), parts.last_mut()) {
        (Read::Text(text), Some(Part::Text(last))) => last.text.push_str(&text),
        (Read::Text(text), _) => parts.push(Part::Text(Text::new(text))),
        (Read::Thinking(text), _) if text.is_empty() => {}
        (Read::Thinking(text), Some(Part::Reasoning(last))) => last.text.push_str(&text),
        (Read::Thinking(text), _) => parts.push(Part::Reasoning(Reasoning::new(text))),
        (Read::Refusal(text), Some(Part::Refusal(last))) => last.text.push_str(&text),
        (Read::Refusal(text), _) => parts.push(Part::Refusal(Refusal::new(text))),
        (Read::Whole(part), _) => parts.push(part),
        (Read::Nothing, _) => {}
    }
}

/// Mistral's thinking is a list of text blocks.
fn thinking(content: Content<'_>) -> String {
    match content {
        Content::Nothing => String::new(),
        Content::Text(text) => text.into_owned(),
        Content::Blocks(blocks) => blocks
            .into_iter()
            .filter_map(|raw| serde_json::from_str::<Block<'_>>(raw.get()).ok()?.text.filled())
            .collect(),
    }
}

/// A picture in an answer: `{"type": "image_url", "image_url": {"url": ".."}}`, or the URL alone.
pub(super) fn picture(raw: &RawValue) -> Option<Image> {
    #[derive(Deserialize)]
    struct Address<'a> {
        #[serde(borrow)]
        url: Word<'a>,
    }
    let inner = serde_json::from_str::<Block<'_>>(raw.get()).ok()?.image_url?;
    let url = match serde_json::from_str::<Word<'_>>(inner.get()).ok()?.filled() {
        Some(url) => url.into_owned(),
        None => serde_json::from_str::<Address<'_>>(inner.get()).ok()?.url.filled()?.into_owned(),
    };
    Some(Image::new(media(&url)))
}

/// A `data:` URL of base64 is data; anything else stays an address.
pub(super) fn media(url: &str) -> MediaSource {
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((media_type, data)) if !media_type.contains([';', ',']) => {
            MediaSource::Base64 { media_type: media_type.to_owned(), data: data.to_owned() }
        }
        _ => MediaSource::Url(url.to_owned()),
    }
}

fn sound(sound: Sound<'_>) -> Option<Audio> {
    let data = sound.data.filled()?;
    // The answer does not say which format it has; the request's `audio.format` decides.
    let source = MediaSource::Base64 { media_type: UNKNOWN_AUDIO.to_owned(), data: data.into_owned() };
    let mut audio = Audio::new(source);
    audio.transcript = sound.transcript.filled().map(Into::into);
    audio.extra = into_extra(sound.rest);
    Some(audio)
}

pub(super) const UNKNOWN_AUDIO: &str = "audio/*";

fn tool_call(call: Call<'_>, position: usize, answer: Option<&str>) -> ToolCall {
    let is_custom = call.function.name.as_str().is_empty() && !call.custom.name.as_str().is_empty();
    let id = call.id.filled().map_or_else(|| made_up_id(position, answer), Into::into);
    let mut made = if is_custom {
        ToolCall::new(id, call.custom.name.as_str(), arguments(call.custom.input))
    } else {
        let Function { name, arguments: written, .. } = call.function;
        ToolCall::new(id, name.as_str(), arguments(written))
    };
    made.extra = into_extra(call.rest);
    if is_custom {
        made.extra.insert(Wire::ChatCompletions, "type", serde_json::json!("custom"));
    }
    made
}

/// Arguments as text; an object, which some servers send instead of text, is its own text.
pub(super) fn arguments(raw: Option<&RawValue>) -> String {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return String::new() };
    serde_json::from_str::<String>(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
}

/// The id of a call that came without one. It holds the answer's, because ids must differ in a whole conversation.
///
/// Letters, digits, `_` and `-`, at most 40 characters: what every vendor accepts.
pub(super) fn made_up_id(position: usize, answer: Option<&str>) -> String {
    let mut id = format!("call_{position}");
    if let Some(answer) = answer {
        id.push('-');
        // Ids often begin alike; what tells them apart is at the end.
        let plain: Vec<char> =
            answer.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        id.extend(plain.iter().skip(plain.len().saturating_sub(40_usize.saturating_sub(id.len()))));
    }
    id
}

fn count_calls(parts: &[Part]) -> usize {
    parts.iter().filter(|part| matches!(part, Part::ToolCall(_))).count()
}
