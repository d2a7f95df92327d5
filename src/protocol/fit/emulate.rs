//! JSON that fits a schema, from vendors and models that take none.

use serde_json::json;

use super::fence::Fence;
use super::{JsonStyle, SchemaRules, Work};
use crate::error::Result;
use crate::types::{Adaptation, Effort, Json, Message, ResponseFormat, Tool, ToolChoice};

/// Asks for the schema in another way: as the only tool, which must be called; where that cannot be said, in words.
pub(super) fn fit(work: &mut Work<'_, '_>) -> Result<()> {
    let Some(ResponseFormat::JsonSchema { name, description, schema, .. }) = &work.request.response_format
    else {
        return Ok(());
    };
    let (name, description, schema) = (name.clone(), description.clone(), schema.clone());
    let reasons = work.request.reasoning.is_some_and(|asked| {
        asked.budget_tokens.is_some() || asked.effort.is_some_and(|effort| effort != Effort::None)
    });
    // A second tool would be a way out, and models cannot be made to call one while they reason.
    let can_force = work.needs.json != JsonStyle::Object && work.request.tools.is_empty() && !reasons;
    // These hold a tool's arguments to the same subset, or to none at all.
    let would_fit = !matches!(
        work.needs.schema,
        SchemaRules::Google | SchemaRules::Xai | SchemaRules::Cohere | SchemaRules::Fireworks
    );
    let can_force = can_force && would_fit;
    if can_force {
        work.notes.add(Adaptation::changed("response_format", BY_TOOL))?;
        let request = work.request.to_mut();
        request.response_format = None;
        let text = description.unwrap_or_else(|| "Gives the answer. Call it exactly once.".to_owned());
        request.tools.push(Tool::function(&name, text, schema));
        request.tool_choice = Some(ToolChoice::Function(name.clone()));
        work.restore.answer_tool = Some(name);
        return Ok(());
    }
    work.notes.add(Adaptation::changed("response_format", BY_WORDS))?;
    work.restore.fence = Some(Fence::default());
    let has_json_mode = work.needs.json == JsonStyle::Object || !would_fit;
    let request = work.request.to_mut();
    request.response_format = has_json_mode.then_some(ResponseFormat::JsonObject);
    let place = request
        .messages
        .iter()
        .position(|message| !is_instruction(message))
        .unwrap_or(request.messages.len());
    request.messages.insert(place, Message::system(words(&schema)));
    Ok(())
}

fn is_instruction(message: &Message) -> bool {
    use crate::types::Role;
    matches!(message.role, Role::System | Role::Developer)
}

fn words(schema: &Json) -> String {
    let schema = schema.as_str();
    format!("Answer with nothing but JSON that fits this JSON Schema, without a fence around it:\n{schema}")
}

/// Was the schema told in words, so that the answer has to be checked?
pub(crate) fn is_told_in_words(adaptation: &Adaptation) -> bool {
    adaptation.field == "response_format" && adaptation.detail == BY_WORDS
}

/// How an answer that was asked for in words is to be mended.
pub(crate) fn mend(fault: &str) -> String {
    let fault = json!(fault);
    format!(
        "That answer does not fit the schema: {fault}. Answer again, with nothing but the corrected JSON."
    )
}

/// The schema was the only tool.
const BY_TOOL: &str = "the target takes no such schema; it is made to call a tool whose arguments fit it";

/// The schema was told in words; the client knows by this what to check.
const BY_WORDS: &str = "the target takes no such schema; it is told in words and the answer is checked";
