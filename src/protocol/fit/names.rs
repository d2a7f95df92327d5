//! Names of tools that a vendor takes.

use std::collections::HashSet;

use serde::Deserialize;

use super::{ToolNames, Work};
use crate::error::Result;
use crate::types::{Adaptation, ChatRequest, Part, ResponseFormat, ToolChoice};

/// Gives tools whose names the vendor refuses other names; the answer has the caller's again.
pub(super) fn fit(work: &mut Work<'_, '_>) -> Result<()> {
    let rule = work.needs.tool_names;
    let vendors = vendors_names(&work.request);
    if rule == ToolNames::Any && vendors.is_empty() {
        return Ok(());
    }
    let renamed = renamed(&work.request, rule, &vendors);
    if let Some(ResponseFormat::JsonSchema { name, .. }) = &work.request.response_format
        && !fits(name, rule)
    {
        let name = spelled(name, rule);
        if let Some(ResponseFormat::JsonSchema { name: known, .. }) =
            &mut work.request.to_mut().response_format
        {
            *known = name;
        }
    }
    if renamed.is_empty() {
        return Ok(());
    }
    if renamed.iter().any(|(_, own)| !fits(own, rule)) {
        work.notes.add(Adaptation::changed(
            "tools.name",
            "the vendor takes fewer letters; the answer has the name as it was",
        ))?;
    }
    if renamed.iter().any(|(_, own)| vendors.contains(own)) {
        work.notes.add(Adaptation::changed(
            "tools.name",
            "a tool of the vendor's has the name; the answer has the name as it was",
        ))?;
    }
    let sent = |name: &str| renamed.iter().find(|(_, own)| own == name).map(|(sent, _)| sent.clone());
    let request = work.request.to_mut();
    let apply = |name: &mut String| {
        if let Some(sent) = sent(name) {
            *name = sent;
        }
    };
    request.tools.iter_mut().for_each(|tool| apply(&mut tool.name));
    if let Some(ToolChoice::Function(name)) = &mut request.tool_choice {
        apply(name);
    }
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::ToolCall(call) => apply(&mut call.name),
            Part::ToolResult(result) => result.name.iter_mut().for_each(apply),
            _ => {}
        }
    }
    if let Some(tool) = &mut work.restore.answer_tool {
        apply(tool);
    }
    work.restore.names = renamed;
    Ok(())
}

/// The names of the vendor's own tools in this request, which no function may have beside them.
fn vendors_names(request: &ChatRequest) -> HashSet<String> {
    let tools = request.tools.iter().filter_map(|tool| tool.builtin.as_ref());
    tools.filter_map(|tool| serde_json::from_str::<Named>(tool.json.as_str()).ok()?.name).collect()
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

/// Each name that does not fit: as it is sent, and as it was. Earlier calls may name tools that are no longer offered.
fn renamed(request: &ChatRequest, rule: ToolNames, vendors: &HashSet<String>) -> Vec<(String, String)> {
    let calls = || {
        let calls = request.messages.iter().flat_map(|message| message.tool_calls());
        calls.map(|call| call.name.as_str())
    };
    let names = || request.tools.iter().map(|tool| tool.name.as_str()).filter(|name| !name.is_empty());
    let may_stay = |name: &str| fits(name, rule) && !vendors.contains(name);
    let mut taken: HashSet<String> =
        names().chain(calls()).filter(|name| may_stay(name)).map(str::to_owned).collect();
    taken.extend(vendors.iter().cloned());
    let mut renamed: Vec<(String, String)> = Vec::new();
    for name in names().chain(calls()).filter(|name| !may_stay(name)) {
        if renamed.iter().any(|(_, own)| own == name) {
            continue;
        }
        let plain = spelled(name, rule);
        let mut sent = plain.clone();
        let mut number = 2_u32;
        while !taken.insert(sent.clone()) {
            let ending = format!("_{number}");
            let kept: String = plain.chars().take(LONGEST - ending.len()).collect();
            sent = kept + &ending;
            number += 1;
        }
        renamed.push((sent, name.to_owned()));
    }
    renamed
}

fn fits(name: &str, rule: ToolNames) -> bool {
    if rule == ToolNames::Any {
        return true;
    }
    let first = name.bytes().next();
    name.len() <= LONGEST
        && name.bytes().all(|byte| takes(byte, rule))
        && (rule != ToolNames::Google || first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_'))
}

fn takes(byte: u8, rule: ToolNames) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-')
        || (rule == ToolNames::Google && matches!(byte, b'.' | b':'))
}

fn spelled(name: &str, rule: ToolNames) -> String {
    if rule == ToolNames::Any {
        return name.to_owned();
    }
    let letter = |byte: u8| if takes(byte, rule) { char::from(byte) } else { '_' };
    let first = name.bytes().next();
    let lead =
        rule == ToolNames::Google && !first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    lead.then_some('_').into_iter().chain(name.bytes().map(letter)).take(LONGEST).collect()
}

/// OpenAI: <https://developers.openai.com/api/docs/api-reference/chat/create> (collected 2026-11-22); Bedrock:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolSpecification.html>; Google, whose pages say
/// 64 and 128: <https://pub.dev/documentation/googleapis/latest/aiplatform_v1/GoogleCloudAiplatformV1FunctionDeclaration/name.html>
/// (Bedrock's read 2026-11-26, Google's numbers seen in copies of its reference).
const LONGEST: usize = 64;
