//! What a fake vendor answers when no script says otherwise.

use serde_json::Value;

use super::question::{Choice, Question, Thinking};
use super::schema::instance;
use crate::types::{FinishReason, Part, Reasoning, Reply, ToolCall, Usage};

/// An answer in no format yet.
pub(super) struct Answer {
    /// Counts the vendor's requests; makes ids.
    pub(super) number: usize,
    pub(super) id: Option<String>,
    pub(super) model: String,
    pub(super) parts: Vec<Part>,
    pub(super) finish: FinishReason,
    /// The vendor's word, where the script gives one.
    pub(super) finish_raw: Option<String>,
    /// Totals are inclusive.
    pub(super) usage: Usage,
    pub(super) question: Question,
}

impl Answer {
    /// Answers `question` as `scripted`, or as it sees fit.
    pub(super) fn new(question: Question, scripted: Option<Reply>, number: usize) -> Self {
        let (parts, finish) = match &scripted {
            Some(reply) => {
                let calls = reply.message.tool_calls().next().is_some();
                let implied = if calls { FinishReason::ToolCalls } else { FinishReason::Stop };
                let finish =
                    reply.finish_reason.clone().filter(|finish| !calls || *finish != FinishReason::Stop);
                (reply.message.parts.clone(), finish.unwrap_or(implied))
            }
            None => usual(&question),
        };
        let scripted = scripted.unwrap_or_else(Reply::empty);
        let usage = scripted.usage.unwrap_or_else(|| estimate(&question, &parts));
        let model = scripted.model.unwrap_or_else(|| question.model.clone());
        Self {
            number,
            id: scripted.id,
            model,
            parts,
            finish,
            finish_raw: scripted.finish_reason_raw,
            usage,
            question,
        }
    }

    /// All text, reasoning left out.
    pub(super) fn text(&self) -> String {
        self.parts.iter().filter_map(Part::as_text).collect()
    }

    /// The id of the tool call at `position`: the script's, or `prefix` and two numbers.
    pub(super) fn call_id(&self, call: &ToolCall, prefix: &str, position: usize) -> String {
        if call.id.is_empty() { format!("{prefix}{}_{position}", self.number) } else { call.id.clone() }
    }
}

fn usual(question: &Question) -> (Vec<Part>, FinishReason) {
    let mut parts = Vec::new();
    if question.thinking == Thinking::Shown {
        parts.push(Part::Reasoning(Reasoning::new("The question is plain, and so should the answer be.")));
    }
    let wanted = match &question.choice {
        Choice::Never => None,
        Choice::Named(name) => question.tools.iter().find(|tool| tool.name == *name),
        Choice::Required => question.tools.first(),
        Choice::Auto => question.tools.first().filter(|_| question.tool_results.is_empty()),
    };
    if let Some(tool) = wanted {
        let arguments = instance(&tool.schema, &question.last_user);
        let arguments = if arguments.is_object() { arguments } else { Value::Object(serde_json::Map::new()) };
        parts.push(ToolCall::new("", tool.name.as_str(), arguments.to_string()).into());
        return (parts, FinishReason::ToolCalls);
    }
    let mut text = match &question.schema {
        Some(schema) => instance(schema, &question.last_user).to_string(),
        None if !question.tool_results.is_empty() => {
            format!("According to the tool: {}", question.tool_results.join("; "))
        }
        None => sentence(&question.last_user),
    };
    if let Some(end) = question.stop.iter().filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(end);
    }
    let most = question.limit.and_then(|tokens| usize::try_from(tokens).ok()).unwrap_or(usize::MAX);
    let cut: String = text.chars().take(most.saturating_mul(CHARACTERS_PER_TOKEN)).collect();
    let finish = if cut.len() < text.len() { FinishReason::Length } else { FinishReason::Stop };
    parts.push(Part::text(cut));
    (parts, finish)
}

fn sentence(question: &str) -> String {
    let asked = question.to_lowercase();
    match KNOWN.iter().find(|(about, _)| asked.contains(about)) {
        Some((_, answer)) => (*answer).to_owned(),
        None => format!("You wrote {} characters: {question}", question.chars().count()),
    }
}

const KNOWN: &[(&str, &str)] = &[
    ("capital of france", "Paris is the capital of France."),
    ("sky blue", "Air scatters blue light more than red, so the sky looks blue."),
    ("2+2", "2 + 2 is 4."),
    ("2 + 2", "2 + 2 is 4."),
    ("joke", "A byte walks into a bar looking pale. \"Parity error,\" it says. \"I feel a bit off.\""),
    ("hello", "Hello! How can I help you today?"),
];

fn estimate(question: &Question, parts: &[Part]) -> Usage {
    let tokens = |characters: usize| (characters / CHARACTERS_PER_TOKEN) as u64 + 1;
    let thought = match question.thinking {
        Thinking::Off => 0,
        Thinking::Hidden | Thinking::Shown => 12,
    };
    let written: usize = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.text.len(),
            Part::ToolCall(call) => call.name.len() + call.arguments.len(),
            Part::Refusal(refusal) => refusal.text.len(),
            _ => 0,
        })
        .sum();
    let mut usage = Usage::of(tokens(question.characters), tokens(written) + thought);
    usage.reasoning_tokens = (thought > 0).then_some(thought);
    usage
}

const CHARACTERS_PER_TOKEN: usize = 4;
