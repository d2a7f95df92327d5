//! What a request asks, whatever its format.

use serde_json::Value;

/// A request that passed the vendor's checks.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub(super) model: String,
    pub(super) delivery: Delivery,
    /// The text of the last user message.
    pub(super) last_user: String,
    /// The results of the last turn's tool calls; empty when the last turn is something else.
    pub(super) tool_results: Vec<String>,
    pub(super) tools: Vec<OfferedTool>,
    pub(super) choice: Choice,
    /// The answer must be JSON that fits this.
    pub(super) schema: Option<Value>,
    /// Characters of everything that was sent, for an estimate of tokens.
    pub(super) characters: usize,
    /// Most tokens of the answer.
    pub(super) limit: Option<u64>,
    pub(super) stop: Vec<String>,
    pub(super) thinking: Thinking,
    /// How many answers.
    pub(super) answers: u64,
    /// Does a stream report usage?
    pub(super) reports_usage: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Delivery {
    #[default]
    Whole,
    Events,
    /// Google's stream without `alt=sse`: one JSON array.
    Array,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Thinking {
    #[default]
    Off,
    /// Counted, not shown.
    Hidden,
    Shown,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    #[default]
    Auto,
    Never,
    Required,
    Named(String),
}

#[derive(Debug)]
pub(super) struct OfferedTool {
    pub(super) name: String,
    pub(super) schema: Value,
}
