//! Where a prompt may be cached, and how strict the vendor's filters are, in the words of the vendor.

use serde_json::{Value, json};

use super::{CacheStyle, SafetyStyle, Work};
use crate::error::Result;
use crate::types::{
    Adaptation, CacheOptions, CachePlacement, CacheTtl, ChatRequest, Extra, Message, Part, Role,
    SafetySetting, Tool, Wire,
};

/// Writes breakpoints, the key and safety settings as extra fields of the format.
pub(super) fn fit(work: &mut Work<'_, '_>) -> Result<()> {
    safety(work)?;
    let options = work.request.cache.clone().unwrap_or_default();
    match work.needs.cache {
        CacheStyle::Control | CacheStyle::Point => {
            if options.key.is_some() {
                work.notes.add(Adaptation::dropped(
                    "cache.key",
                    "the vendor keeps no requests together by a key",
                ))?;
            }
            breakpoints(work, &options)
        }
        CacheStyle::Key => {
            if let Some(key) = options.key {
                work.request.to_mut().extra.insert(work.wire, "prompt_cache_key", json!(key));
            }
            unsaid(work, "the vendor caches by itself; breakpoints cannot be set")
        }
        CacheStyle::Unsaid => {
            if options.key.is_some() {
                work.notes.add(Adaptation::dropped("cache.key", "the vendor has no such field"))?;
            }
            unsaid(work, "the vendor has no breakpoints; it may cache by itself")
        }
    }
}

fn safety(work: &mut Work<'_, '_>) -> Result<()> {
    if work.request.safety.is_empty() {
        return Ok(());
    }
    if work.needs.safety == SafetyStyle::Unsaid {
        return work.notes.add(Adaptation::dropped("safety", "the vendor has no safety settings"));
    }
    let setting = |own: &SafetySetting| json!({"category": own.category, "threshold": own.threshold});
    let settings: Vec<Value> = work.request.safety.iter().map(setting).collect();
    work.request.to_mut().extra.insert(work.wire, "safetySettings", json!(settings));
    Ok(())
}

fn unsaid(work: &mut Work<'_, '_>, why: &'static str) -> Result<()> {
    let is_marked = work.request.messages.iter().any(|message| message.cache.is_some())
        || work.request.tools.iter().any(|tool| tool.cache.is_some());
    if is_marked { work.notes.add(Adaptation::dropped("cache", why)) } else { Ok(()) }
}

/// A place in the prompt up to which it may be cached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Tool(usize),
    Message(usize),
}

fn breakpoints(work: &mut Work<'_, '_>, options: &CacheOptions) -> Result<()> {
    let request = &work.request;
    let tools =
        request.tools.iter().enumerate().filter_map(|(place, tool)| Some((Place::Tool(place), tool.cache?)));
    let messages = request.messages.iter().enumerate();
    let messages = messages.filter_map(|(place, message)| Some((Place::Message(place), message.cache?)));
    let mut marks: Vec<(Place, CacheTtl)> = tools.chain(messages).collect();
    if options.placement == CachePlacement::Automatic {
        let last = request.messages.len().checked_sub(1).map(Place::Message);
        let system = request
            .messages
            .iter()
            .rposition(|message| matches!(message.role, Role::System | Role::Developer));
        // The system message is behind the tools and takes them along.
        let fixed = match system {
            Some(place) => Some(Place::Message(place)),
            None => request.tools.len().checked_sub(1).map(Place::Tool),
        };
        for place in fixed.into_iter().chain(last) {
            if marks.iter().all(|(known, _)| *known != place) {
                marks.push((place, options.ttl));
            }
        }
    }
    if marks.is_empty() {
        return Ok(());
    }
    marks.sort_by_key(|(place, _)| in_prompt(*place, request));
    let surplus = marks.len().saturating_sub(MOST_BREAKPOINTS);
    if surplus > 0 {
        // Of a chain of prefixes the longest matter.
        let detail = format!("the vendor takes {MOST_BREAKPOINTS} breakpoints; the last were kept");
        work.notes.add(Adaptation::changed("cache", detail))?;
    }
    let mut marks = marks.split_off(surplus);
    if live_as_long_as_the_next(&mut marks) {
        let detail =
            "the vendor takes no hour behind five minutes; what is before it is kept for the hour too";
        work.notes.add(Adaptation::changed("cache.ttl", detail))?;
    }
    let (wire, style) = (work.wire, work.needs.cache);
    let request = work.request.to_mut();
    for (place, ttl) in marks {
        match place {
            Place::Tool(place) => {
                if let Some(tool) = request.tools.get_mut(place) {
                    mark_tool(tool, ttl, style, wire);
                }
            }
            Place::Message(place) => {
                if let Some(message) = request.messages.get_mut(place) {
                    mark_message(message, ttl, style, wire);
                }
            }
        }
    }
    Ok(())
}

/// Where in the prompt the vendor puts it: tools, instructions, the conversation.
fn in_prompt(place: Place, request: &ChatRequest) -> (u8, usize) {
    match place {
        Place::Tool(place) => (0, place),
        Place::Message(place) => {
            let is_system = |message: &Message| matches!(message.role, Role::System | Role::Developer);
            (if request.messages.get(place).is_some_and(is_system) { 1 } else { 2 }, place)
        }
    }
}

/// Gives breakpoints before one of an hour an hour too, and says whether there were any. It costs nothing more: all that is
/// before the last breakpoint of an hour is written for the hour anyway.
///
/// <https://platform.claude.com/docs/en/build-with-claude/prompt-caching> ("Mixing different TTLs"); seen in other clients
/// that refuse the same, such as <https://docs.rs/crate/anthropic-async/0.5.2/source/src/types/common.rs> (read 2026-11-26).
fn live_as_long_as_the_next(marks: &mut [(Place, CacheTtl)]) -> bool {
    let last = marks.iter().rposition(|(_, ttl)| *ttl == CacheTtl::OneHour).unwrap_or_default();
    let mut changed = false;
    for (_, ttl) in marks.iter_mut().take(last) {
        changed |= *ttl != CacheTtl::OneHour;
        *ttl = CacheTtl::OneHour;
    }
    changed
}

fn mark_tool(tool: &mut Tool, ttl: CacheTtl, style: CacheStyle, wire: Wire) {
    let (name, value) = mark(ttl, style);
    if tool.extra.get(name).is_none() {
        tool.extra.insert(wire, name, value);
    }
}

fn mark_message(message: &mut Message, ttl: CacheTtl, style: CacheStyle, wire: Wire) {
    let (name, value) = mark(ttl, style);
    let extra = match style {
        CacheStyle::Point => Some(&mut message.extra),
        CacheStyle::Control | CacheStyle::Key | CacheStyle::Unsaid => {
            message.parts.iter_mut().rev().find_map(block_extra)
        }
    };
    if let Some(extra) = extra.filter(|extra| extra.get(name).is_none()) {
        extra.insert(wire, name, value);
    }
}

/// The extra fields of a block that may carry a breakpoint; reasoning may not.
fn block_extra(part: &mut Part) -> Option<&mut Extra> {
    match part {
        Part::Text(text) => Some(&mut text.extra),
        Part::Image(image) => Some(&mut image.extra),
        Part::Document(document) => Some(&mut document.extra),
        Part::ToolCall(call) => Some(&mut call.extra),
        Part::ToolResult(result) => Some(&mut result.extra),
        Part::Audio(_) | Part::Video(_) | Part::Reasoning(_) | Part::Refusal(_) | Part::Opaque(_) => None,
    }
}

/// <https://platform.claude.com/docs/en/build-with-claude/prompt-caching> (read 2026-11-23) and
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html> (read 2026-11-23).
fn mark(ttl: CacheTtl, style: CacheStyle) -> (&'static str, Value) {
    let (name, kind) = match style {
        CacheStyle::Point => ("cachePoint", "default"),
        CacheStyle::Control | CacheStyle::Key | CacheStyle::Unsaid => ("cache_control", "ephemeral"),
    };
    match ttl {
        CacheTtl::FiveMinutes => (name, json!({"type": kind})),
        CacheTtl::OneHour => (name, json!({"type": kind, "ttl": "1h"})),
    }
}

/// Both vendors answer 400 to more.
const MOST_BREAKPOINTS: usize = 4;
