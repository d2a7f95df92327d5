//! The limit of the answer and the thinking inside it.

use super::wire::Thinking;
use crate::error::Result;
use crate::protocol::notes::Notes;
use crate::protocol::{EncodeFor, Mode};
use crate::types::{Adaptation, ChatRequest, Effort, ModelHints, ReasoningOptions, Sampling};

/// How long and how hard.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::protocol) struct Plan {
    pub(in crate::protocol) max_tokens: u64,
    pub(in crate::protocol) thinking: Option<Thinking>,
    pub(in crate::protocol) effort: Option<&'static str>,
}

impl Plan {
    /// Decides for `target`.
    ///
    /// Two generations of models want thinking spelled differently and refuse the other spelling with a 400: the older
    /// take a budget, those since Opus 4.7 an effort. The newer are exactly those that refuse sampling parameters; one
    /// that nobody has described yet is new, unless its name says otherwise:
    /// <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking> (read 2026-11-23).
    pub(in crate::protocol) fn of(
        request: &ChatRequest,
        target: EncodeFor<'_>,
        notes: &mut Notes,
    ) -> Result<Self> {
        let max_tokens =
            request.max_output_tokens.unwrap_or_else(|| default_limit(target.hints, target.mode));
        let plain = Self { max_tokens, thinking: None, effort: None };
        let Some(ReasoningOptions { effort, budget_tokens }) = request.reasoning else { return Ok(plain) };
        match (effort, budget_tokens) {
            (None, None) => Ok(plain),
            (Some(Effort::None), _) => Ok(Self { thinking: Some(Thinking::Disabled), ..plain }),
            _ => match target.hints.sampling {
                Sampling::Accepted => plain.budgeted(effort, budget_tokens, request, target, notes),
                Sampling::Unknown if takes_budgets(target.model) => {
                    plain.budgeted(effort, budget_tokens, request, target, notes)
                }
                Sampling::Refused | Sampling::Unknown => plain.adaptive(effort, budget_tokens, notes),
            },
        }
    }

    fn adaptive(self, effort: Option<Effort>, budget: Option<u64>, notes: &mut Notes) -> Result<Self> {
        if budget.is_some() {
            notes.add(Adaptation::changed(
                "reasoning.budget_tokens",
                "the model takes an effort instead of a budget",
            ))?;
        }
        let effort = match effort {
            Some(Effort::Minimal) => {
                notes.add(Adaptation::changed("reasoning.effort", "the lowest effort is low"))?;
                Effort::Low
            }
            Some(effort) => effort,
            None => match budget.unwrap_or_default() {
                0..4_096 => Effort::Low,
                4_096..16_384 => Effort::Medium,
                16_384.. => Effort::High,
            },
        };
        Ok(Self { thinking: Some(Thinking::Adaptive), effort: Some(effort.as_str()), ..self })
    }

    fn budgeted(
        self,
        effort: Option<Effort>,
        budget: Option<u64>,
        request: &ChatRequest,
        target: EncodeFor<'_>,
        notes: &mut Notes,
    ) -> Result<Self> {
        let wanted = budget.unwrap_or_else(|| budget_of(effort));
        let mut granted = wanted.max(SMALLEST_BUDGET);
        let mut max_tokens = self.max_tokens;
        if request.max_output_tokens.is_none() {
            let ceiling = match (budget, target.mode) {
                (None, Mode::Whole) => LONGEST_WHOLE_ANSWER,
                _ => u64::MAX,
            };
            let room = granted.saturating_add(ROOM_TO_ANSWER).min(ceiling);
            max_tokens = max_tokens.max(room.min(target.hints.max_output_tokens.unwrap_or(u64::MAX)));
        }
        if max_tokens <= SMALLEST_BUDGET {
            notes.add(Adaptation::dropped(
                "reasoning",
                "thinking needs at least 1024 tokens, which is all the answer may have",
            ))?;
            return Ok(self);
        }
        let most = max_tokens.saturating_sub(ROOM_TO_ANSWER).max(max_tokens / 2).max(SMALLEST_BUDGET);
        if budget.is_none() || granted >= max_tokens {
            granted = granted.min(most);
        }
        if budget.is_some() && granted != wanted {
            notes.add(Adaptation::changed(
                "reasoning.budget_tokens",
                "the budget must be at least 1024 and less than the limit of the answer",
            ))?;
        }
        Ok(Self { max_tokens, thinking: Some(Thinking::Enabled { budget_tokens: granted }), effort: None })
    }

    /// Gives thinking up.
    pub(in crate::protocol) fn without_thinking(self) -> Self {
        Self { thinking: None, effort: None, ..self }
    }
}

/// Does the name say that the model is older than adaptive thinking, which came with 4.6?
fn takes_budgets(model: &str) -> bool {
    const OLD: &[&str] =
        &["claude-2", "claude-3", "claude-instant", "claude-v", "-4@", "-4-0", "-4-1", "-4-5", "-4-2025"];
    OLD.iter().any(|part| model.contains(part))
}

/// The limit is required: <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23).
fn default_limit(hints: ModelHints, mode: Mode) -> u64 {
    match (hints.max_output_tokens, mode) {
        (Some(limit), Mode::Stream) => limit.max(1),
        (Some(limit), Mode::Whole) => limit.clamp(1, LONGEST_WHOLE_ANSWER),
        (None, _) => UNKNOWN_MODEL_LIMIT,
    }
}

fn budget_of(effort: Option<Effort>) -> u64 {
    match effort {
        None | Some(Effort::Medium) => 8_192,
        Some(Effort::None | Effort::Minimal) => SMALLEST_BUDGET,
        Some(Effort::Low) => 2_048,
        Some(Effort::High) => 16_384,
        // Budgets above this are seldom used up and want batches:
        // https://platform.claude.com/docs/en/build-with-claude/extended-thinking (read 2026-11-23).
        Some(Effort::XHigh | Effort::Max) => 32_000,
    }
}

/// The smallest `budget_tokens` that is accepted; it must also be less than `max_tokens`:
/// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking> (read 2026-11-23).
const SMALLEST_BUDGET: u64 = 1_024;

/// What is left for the answer proper, where the caller did not divide the two.
const ROOM_TO_ANSWER: u64 = 4_096;

/// What the vendor's own libraries let an unstreamed answer have, so that it ends within ten minutes at 128,000 tokens
/// an hour: <https://platform.claude.com/docs/en/api/errors#long-requests> (read 2026-11-23).
const LONGEST_WHOLE_ANSWER: u64 = 21_333;

/// Every model since Claude 3 can generate this much.
const UNKNOWN_MODEL_LIMIT: u64 = 4_096;
