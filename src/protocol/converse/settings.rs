//! Limits, sampling and reasoning: what every model takes, and what only its maker's fields can say.

use super::content::Conversation;
use super::wire::Setting;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::EncodeFor;
use crate::protocol::messages::thinking::Plan;
use crate::protocol::messages::wire::Thinking;
use crate::protocol::notes::Notes;
use crate::protocol::object::Group;
use crate::types::{Adaptation, ChatRequest, Json, Sampling, ToolChoice};

/// The two groups of settings a request has.
pub(super) struct Settings<'a> {
    pub(super) inference: Group<'a, Setting<'a>>,
    pub(super) model_fields: Group<'a, Setting<'a>>,
}

impl<'a> Settings<'a> {
    /// Those of `request`; `own` are the caller's groups of the same names.
    pub(super) fn of(
        request: &'a ChatRequest,
        target: EncodeFor<'_>,
        conversation: &Conversation<'_>,
        own: (Option<&'a Json>, Option<&'a Json>),
        notes: &mut Notes,
    ) -> Result<Self> {
        let mut inference = Group { own: Vec::new(), extra: own.0 };
        let mut model_fields = Group { own: Vec::new(), extra: own.1 };
        let plan = plan(request, target, conversation, &model_fields, notes)?;
        let thinking = plan.as_ref().and_then(|plan| plan.thinking);
        let limit = match &plan {
            // A budget must be less than the limit, and the limit a model has by itself is not known here.
            Some(Plan { thinking: Some(Thinking::Enabled { .. }), max_tokens, .. }) => Some(*max_tokens),
            _ => request.max_output_tokens,
        };
        let mut sampling =
            Numbers { temperature: request.temperature, top_p: request.top_p, top_k: request.top_k };
        sampling.fit(target, thinking, notes)?;

        let settings = &mut inference.own;
        settings.extend(limit.map(|limit| ("maxTokens", Setting::Count(limit))));
        settings.extend(sampling.temperature.map(|value| ("temperature", Setting::Number(value))));
        settings.extend(sampling.top_p.map(|value| ("topP", Setting::Number(value))));
        if !request.stop.is_empty() {
            settings.push(("stopSequences", Setting::Texts(&request.stop)));
        }
        let settings = &mut model_fields.own;
        settings.extend(thinking.map(|thinking| ("thinking", Setting::Thinking(thinking))));
        let effort = plan.and_then(|plan| plan.effort);
        settings.extend(effort.map(|effort| ("output_config", Setting::Effort(effort))));
        settings.extend(sampling.top_k.map(|value| ("top_k", Setting::Count(value))));
        Ok(Self { inference, model_fields })
    }
}

/// Reasoning has no field in this format. Anthropic's models take their maker's own:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html> (read 2026-11-23).
fn plan(
    request: &ChatRequest,
    target: EncodeFor<'_>,
    conversation: &Conversation<'_>,
    model_fields: &Group<'_, Setting<'_>>,
    notes: &mut Notes,
) -> Result<Option<Plan>> {
    if request.reasoning.is_none_or(|options| options.effort.is_none() && options.budget_tokens.is_none()) {
        return Ok(None);
    }
    if !is_anthropic(target.model) {
        notes.add(Adaptation::dropped(
            "reasoning",
            "only Anthropic's models are known to take it here; use the extra field additionalModelRequestFields",
        ))?;
        return Ok(None);
    }
    let plan = Plan::of(request, target, notes)?;
    if model_fields.overrides("thinking") || !matches!(plan.thinking, Some(Thinking::Enabled { .. })) {
        return Ok(Some(plan));
    }
    // Both rules hold for budgets, not for adaptive thinking:
    // https://platform.claude.com/docs/en/build-with-claude/thinking-tool-workflows (read 2026-11-23).
    if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Function(_))) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this model cannot be made to call a tool while it reasons; leave one of the two out",
        ));
    }
    if conversation.loops_without_thinking() {
        notes.add(Adaptation::dropped(
            "reasoning",
            "the tool calls to be answered were made without this model's reasoning",
        ))?;
        return Ok(None);
    }
    Ok(Some(plan))
}

/// `eu.anthropic.claude-…`, `anthropic.claude-…` and the addresses that end with one.
fn is_anthropic(model: &str) -> bool {
    model.contains("anthropic.claude-")
}

struct Numbers {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
}

impl Numbers {
    fn fit(&mut self, target: EncodeFor<'_>, thinking: Option<Thinking>, notes: &mut Notes) -> Result<()> {
        if self.top_k.is_some() && !is_anthropic(target.model) {
            self.top_k = None;
            notes.add(Adaptation::dropped("top_k", "the format has no such field"))?;
        }
        let why = match (target.hints.sampling, thinking) {
            (Sampling::Refused, _) => "the model takes no sampling parameters",
            (_, Some(Thinking::Adaptive | Thinking::Enabled { .. })) => {
                "the model takes no sampling parameters while it reasons"
            }
            (_, Some(Thinking::Disabled) | None) => return self.fit_freely(target, notes),
        };
        // Thinking leaves 1 for the temperature and 0.95 to 1 for `top_p`:
        // https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html (read 2026-11-23).
        let harmless = target.hints.sampling != Sampling::Refused;
        let temperature = self.temperature.take_if(|value| !(harmless && *value == 1.0)).is_some();
        let top_p = self.top_p.take_if(|value| !(harmless && *value >= 0.95)).is_some();
        let top_k = self.top_k.take().is_some();
        for (field, dropped) in [("temperature", temperature), ("top_p", top_p), ("top_k", top_k)] {
            if dropped {
                notes.add(Adaptation::dropped(field, why))?;
            }
        }
        self.fit_freely(target, notes)
    }

    /// The range is 0 to 1 for both:
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html> (read 2026-11-23).
    fn fit_freely(&mut self, target: EncodeFor<'_>, notes: &mut Notes) -> Result<()> {
        if let Some(temperature) = self.temperature.as_mut().filter(|temperature| **temperature > 1.0) {
            *temperature = 1.0;
            notes.add(Adaptation::changed("temperature", "the format's range is 0 to 1"))?;
        }
        // Models since Sonnet 4.5 answer 400 to both:
        // https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
        // (read 2026-11-23).
        if is_anthropic(target.model) && self.temperature.is_some() && self.top_p.take().is_some() {
            notes.add(Adaptation::dropped("top_p", "the model takes either temperature or top_p"))?;
        }
        Ok(())
    }
}
