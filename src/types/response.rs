//! An answer.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    Adaptation, Attempt, CallId, Citation, Cost, Decision, Extra, Json, Message, Opaque, Part, RateLimits,
    Reasoning, Role, Target, ToolCall, Usage, Usd, Wire,
};
use crate::error::{Error, ErrorKind, Result};

/// Why the model stopped.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// The token limit was reached.
    Length,
    /// The model waits for tool results.
    ToolCalls,
    /// The provider's content policy cut the answer.
    ContentFilter,
    /// A word this crate has no name for.
    Other(String),
}

/// What a provider answered, in our terms: what [`Provider::chat`](crate::Provider::chat) returns.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub struct Reply {
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered, as the provider names it; may be more exact than what was asked for.
    pub model: Option<String>,
    /// The answer.
    pub message: Message,
    /// Why the model stopped; `None` when the provider did not say.
    pub finish_reason: Option<FinishReason>,
    /// The provider's own word for it.
    pub finish_reason_raw: Option<String>,
    /// What it consumed; `None` when the provider did not say.
    pub usage: Option<Usage>,
    /// The service tier that served the request, where the provider says so.
    pub service_tier: Option<String>,
    /// Log probabilities in the provider's own JSON.
    pub logprobs: Option<Opaque>,
    /// Further answers, when `n` asked for more than one.
    pub alternatives: Vec<Alternative>,
    /// What was changed to fit the target; the client moves it to [`CallSummary::adaptations`].
    pub adaptations: Vec<Adaptation>,
    /// The provider's request id.
    pub request_id: Option<Box<str>>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What the provider said is left of its limits.
    pub rate_limits: Option<Box<RateLimits>>,
    /// Fields without a name here.
    pub extra: Extra,
}

impl Reply {
    /// An answer in plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { message: Message::assistant(text), finish_reason: Some(FinishReason::Stop), ..Self::empty() }
    }

    /// An answer with nothing in it yet.
    pub fn empty() -> Self {
        Self {
            id: None,
            model: None,
            message: Message::new(Role::Assistant, Vec::<Part>::new()),
            finish_reason: None,
            finish_reason_raw: None,
            usage: None,
            service_tier: None,
            logprobs: None,
            alternatives: Vec::new(),
            adaptations: Vec::new(),
            request_id: None,
            status: None,
            rate_limits: None,
            extra: Extra::new(),
        }
    }

    /// Adds what the call consumed.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("id", &self.id)
            .field("model", &self.model)
            .field("parts", &self.message.parts.len())
            .field("finish_reason", &self.finish_reason)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

/// A further answer to the same request.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The answer.
    pub message: Message,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
}

impl Alternative {
    /// An answer that ended for `finish_reason`.
    pub fn new(message: Message, finish_reason: Option<FinishReason>) -> Self {
        Self { message, finish_reason }
    }
}

/// How a call went: who answered, after which attempts, for how much.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct CallSummary {
    /// The name of the call, for feedback and to find it in reports.
    pub id: CallId,
    /// Who answered.
    pub target: Target,
    /// Why it was chosen.
    pub decision: Decision,
    /// Every attempt, in the order they ended; the last one answered, unless what came after an escalation was no better.
    pub attempts: Vec<Attempt>,
    /// What the answering attempt cost; `None` when its usage or price is unknown.
    pub cost: Option<Cost>,
    /// What was changed to fit the target that answered.
    pub adaptations: Vec<Adaptation>,
    /// From the start of the call to its end, all attempts included.
    pub elapsed: Duration,
}

impl CallSummary {
    /// A summary of a call that `target` answered.
    pub fn new(target: Target, decision: Decision, attempts: Vec<Attempt>, elapsed: Duration) -> Self {
        Self {
            id: CallId::default(),
            target,
            decision,
            attempts,
            cost: None,
            adaptations: Vec::new(),
            elapsed,
        }
    }

    /// What all attempts cost together, failed ones included; `None` when the answering attempt's cost is unknown.
    ///
    /// A failed attempt counts when the provider reported its usage; whether others were billed is not known.
    pub fn total_cost(&self) -> Option<Usd> {
        self.cost.as_ref()?;
        Some(self.attempts.iter().filter_map(|attempt| attempt.cost).sum())
    }
}

/// An answer and how it came about.
#[non_exhaustive]
#[derive(Clone)]
pub struct ChatResponse {
    /// What the provider answered.
    pub reply: Reply,
    /// Who answered, after which attempts, for how much.
    pub summary: CallSummary,
}

impl ChatResponse {
    /// Joins the two halves.
    pub fn new(reply: Reply, summary: CallSummary) -> Self {
        Self { reply, summary }
    }

    /// All text of the answer, joined with nothing in between; empty when there is none.
    pub fn text(&self) -> String {
        self.reply.message.text()
    }

    /// Reads the text of the answer as JSON of the shape of `T`, as asked for with
    /// [`ResponseFormat::json_schema`](super::ResponseFormat::json_schema).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when the text is not such JSON, and why: the token limit cut it, the model declined,
    /// or it does not fit. The error does not repeat the text.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.text();
        serde_json::from_str(&text).map_err(|error| {
            let refused = self.reply.message.parts.iter().any(|part| matches!(part, Part::Refusal(_)));
            let message = match self.finish_reason() {
                Some(FinishReason::Length) => {
                    "the token limit cut the JSON; raise max_output_tokens".to_owned()
                }
                Some(FinishReason::ContentFilter) => "the provider's content policy cut the JSON".to_owned(),
                _ if refused => "the model declined to answer".to_owned(),
                _ if text.is_empty() => "the answer has no text".to_owned(),
                _ => format!(
                    "the answer does not fit the type, line {} column {}",
                    error.line(),
                    error.column()
                ),
            };
            Error::new(ErrorKind::InvalidResponse, message).with_target(self.target().clone())
        })
    }

    /// All readable reasoning, joined with nothing in between; empty when there is none.
    pub fn reasoning_text(&self) -> String {
        self.reply
            .message
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Reasoning(Reasoning { text, .. }) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The sources the answer names; see [`Reply::citations`].
    pub fn citations(&self) -> Vec<Citation> {
        self.reply.citations()
    }

    /// The model's words when it declined in a field of its own; `None` when it did not.
    pub fn refusal(&self) -> Option<&str> {
        self.reply.message.parts.iter().find_map(|part| match part {
            Part::Refusal(refusal) => Some(refusal.text.as_str()),
            _ => None,
        })
    }

    /// The tool calls, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.reply.message.tool_calls()
    }

    /// The answer as a message, to append to the next request.
    pub fn message(&self) -> &Message {
        &self.reply.message
    }

    /// Takes the message out.
    pub fn into_message(self) -> Message {
        self.reply.message
    }

    /// Why the model stopped.
    pub fn finish_reason(&self) -> Option<&FinishReason> {
        self.reply.finish_reason.as_ref()
    }

    /// What the answering attempt consumed.
    pub fn usage(&self) -> Option<&Usage> {
        self.reply.usage.as_ref()
    }

    /// The name of the call, for feedback and to find it in reports.
    pub fn call_id(&self) -> CallId {
        self.summary.id
    }

    /// Who answered.
    pub fn target(&self) -> &Target {
        &self.summary.target
    }

    /// The answering provider.
    pub fn provider(&self) -> &str {
        self.summary.target.provider()
    }

    /// The model that answered: as the provider reported it, otherwise as it was asked for.
    pub fn model(&self) -> &str {
        self.reply.model.as_deref().unwrap_or_else(|| self.summary.target.model())
    }

    /// What the answering attempt cost, by what was paid for; `None` when the usage or the price is unknown.
    pub fn cost(&self) -> Option<&Cost> {
        self.summary.cost.as_ref()
    }

    /// Every attempt, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.summary.attempts
    }

    /// Why this target was chosen.
    pub fn decision(&self) -> &Decision {
        &self.summary.decision
    }

    /// What was changed to fit the target.
    pub fn adaptations(&self) -> &[Adaptation] {
        &self.summary.adaptations
    }

    /// A field of the provider's answer that has no name here.
    pub fn extra(&self, name: &str) -> Option<&Json> {
        self.reply.extra.get(name)
    }

    /// Log probabilities in the provider's own JSON, and whose JSON that is.
    pub fn logprobs(&self) -> Option<(Wire, &Json)> {
        self.reply.logprobs.as_ref().map(|opaque| (opaque.wire, &opaque.json))
    }
}

impl fmt::Debug for ChatResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatResponse").field("reply", &self.reply).field("summary", &self.summary).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(reply: Reply) -> ChatResponse {
        let target: Target = "p/m".parse().unwrap();
        let summary = CallSummary::new(target, Decision::new(None, "ordered"), Vec::new(), Duration::ZERO);
        ChatResponse::new(reply, summary)
    }

    #[test]
    fn json_is_read_into_a_type_or_the_error_says_why_not() {
        assert_eq!(response(Reply::text("[1, 2]")).parse::<Vec<u8>>().unwrap(), [1, 2]);

        let mut cut = Reply::text("[1, CANARY");
        cut.finish_reason = Some(FinishReason::Length);
        let mut declined = Reply::text("");
        declined.message.parts = vec![Part::Refusal(crate::types::Refusal::new("no"))];
        for (reply, expected) in [
            (cut, "the token limit cut the JSON; raise max_output_tokens"),
            (declined, "the model declined to answer"),
            (Reply::empty(), "the answer has no text"),
            (Reply::text("\n\"CANARY\""), "the answer does not fit the type, line 2 column 8"),
        ] {
            let error = response(reply).parse::<Vec<u8>>().unwrap_err();

            assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidResponse, expected));
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
    }
}
