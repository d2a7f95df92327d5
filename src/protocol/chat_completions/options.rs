//! The options of a request, as far as they need a decision.

use std::borrow::Cow;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::EncodeFor;
use crate::protocol::notes::Notes;
use crate::types::{Adaptation, ChatRequest, Effort, Logprobs, ResponseFormat, Sampling, ToolChoice};

use super::dialect::{Dialect, Lacking, Reasoning};

/// What is sent of the options that not every service has.
#[derive(Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) frequency_penalty: Option<f64>,
    pub(super) seed: Option<i64>,
    pub(super) user: Option<&'a str>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) has_metadata: bool,
    pub(super) has_parallel: bool,
    pub(super) has_names: bool,
    pub(super) n: Option<u32>,
    pub(super) logprobs: Option<Logprobs>,
    pub(super) reasoning: Vec<(&'static str, ReasoningValue)>,
}

/// A value of a field that asks for reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum ReasoningValue {
    Word(&'static str),
    Tokens(u64),
    Switch(bool),
    Effort {
        effort: &'static str,
    },
    MaxTokens {
        max_tokens: u64,
    },
    Enabled {
        enabled: bool,
    },
    Type {
        r#type: &'static str,
    },
    Budget {
        r#type: &'static str,
        budget_tokens: u64,
    },
    Template {
        enable_thinking: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_effort: Option<&'static str>,
    },
}

/// Decides what is sent; refuses what may not be lost.
pub(super) struct Decider<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) request: &'a ChatRequest,
    pub(super) target: EncodeFor<'a>,
    pub(super) notes: Notes,
}

impl<'a> Decider<'a> {
    pub(super) fn decide(&mut self) -> Result<Options<'a>> {
        self.refuse()?;
        let request = self.request;
        let mut options = Options {
            n: request.n.filter(|n| *n > 1 || !self.dialect.lacks(Lacking::Choices)),
            logprobs: request.logprobs,
            ..Options::default()
        };
        options.temperature = self.sampling("temperature", request.temperature)?;
        options.top_p = self.sampling("top_p", request.top_p)?;
        let top_k = self.sampling("top_k", request.top_k)?;
        options.top_k = self.soft("top_k", Lacking::TopK, top_k)?;
        options.presence_penalty =
            self.soft("presence_penalty", Lacking::PresencePenalty, request.presence_penalty)?;
        options.frequency_penalty =
            self.soft("frequency_penalty", Lacking::FrequencyPenalty, request.frequency_penalty)?;
        options.seed = self.soft("seed", Lacking::Seed, request.seed)?;
        options.user = self.soft("user", Lacking::User, request.user.as_deref())?;
        options.service_tier =
            self.soft("service_tier", Lacking::ServiceTier, request.service_tier.as_deref())?;
        let metadata = Some(()).filter(|()| !request.metadata.is_empty());
        options.has_metadata = self.soft("metadata", Lacking::Metadata, metadata)?.is_some();
        options.has_parallel = self
            .soft("parallel_tool_calls", Lacking::ParallelToolCalls, request.meant_parallel_tool_calls())?
            .is_some();
        let name = request.messages.iter().find_map(|message| message.name.as_ref());
        options.has_names = self.soft("messages[].name", Lacking::MessageName, name)?.is_some();
        options.reasoning = self.reasoning()?;
        Ok(options)
    }

    /// What the service lacks and the answer's meaning depends on.
    fn refuse(&self) -> Result<()> {
        let request = self.request;
        let wants_schema = matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. }));
        let wants_format =
            wants_schema || matches!(request.response_format, Some(ResponseFormat::JsonObject));
        let choice = request.tool_choice.as_ref();
        let needs = [
            (Lacking::JsonSchema, wants_schema, "response_format with a JSON schema"),
            (Lacking::Logprobs, request.logprobs.is_some(), "logprobs"),
            (Lacking::Choices, request.n.is_some_and(|n| n > 1), "n above 1"),
            (
                Lacking::ToolsWithFormat,
                wants_format && !request.tools.is_empty(),
                "tools together with response_format",
            ),
            (
                Lacking::NamedTool,
                matches!(choice, Some(ToolChoice::Function(_))),
                "tool_choice with a function's name",
            ),
            (Lacking::NoTool, choice == Some(&ToolChoice::None), "tool_choice none"),
        ];
        if let Some((.., field)) =
            needs.into_iter().find(|(what, is_needed, _)| *is_needed && self.dialect.lacks(*what))
        {
            return Err(self.unsupported(field));
        }
        if request.tool_choice == Some(ToolChoice::Required) && self.dialect.required_tool.is_none() {
            return Err(self.unsupported("tool_choice required"));
        }
        Ok(())
    }

    /// An error that names the field and the provider.
    pub(super) fn unsupported(&self, field: &str) -> Error {
        Error::new(
            ErrorKind::Unsupported,
            format!("{} does not have {field}; leave it out or choose another target", self.target.provider),
        )
    }

    fn sampling<T>(&mut self, field: &'static str, value: Option<T>) -> Result<Option<T>> {
        if value.is_some() && self.target.hints.sampling == Sampling::Refused {
            self.drop(field, "the model refuses sampling parameters")?;
            return Ok(None);
        }
        Ok(value)
    }

    fn soft<T>(&mut self, field: &'static str, lacking: Lacking, value: Option<T>) -> Result<Option<T>> {
        if value.is_some() && self.dialect.lacks(lacking) {
            self.drop(field, "the provider does not have this option")?;
            return Ok(None);
        }
        Ok(value)
    }

    fn drop(&mut self, field: &'static str, why: &'static str) -> Result<()> {
        self.notes.add(Adaptation::dropped(field, why))
    }

    fn changed(&mut self, why: impl Into<Cow<'static, str>>) -> Result<()> {
        self.notes.add(Adaptation::changed("reasoning", why))
    }

    fn reasoning(&mut self) -> Result<Vec<(&'static str, ReasoningValue)>> {
        use ReasoningValue as V;
        let Some(asked) = self.request.reasoning else { return Ok(Vec::new()) };
        let (effort, budget) = (asked.effort, asked.budget_tokens);
        if effort.is_none() && budget.is_none() {
            return Ok(Vec::new());
        }
        Ok(match self.dialect.reasoning {
            Reasoning::Open | Reasoning::Effort => {
                vec![("reasoning_effort", V::Word(self.word(effort, budget)?.as_str()))]
            }
            Reasoning::Words(words) => {
                let word = self.word(effort, budget)?;
                vec![("reasoning_effort", V::Word(self.nearest(word, words)?))]
            }
            Reasoning::Object => vec![(
                "reasoning",
                match (effort, budget) {
                    (None, Some(max_tokens)) => V::MaxTokens { max_tokens },
                    _ => V::Effort { effort: self.word(effort, budget)?.as_str() },
                },
            )],
            Reasoning::Switch => self.switch(effort, budget)?,
            Reasoning::ThinkingType => match self.word(effort, budget)? {
                Effort::None => vec![("thinking", V::Type { r#type: "disabled" })],
                // Any word is taken and mapped to low, high or max there.
                word => vec![("reasoning_effort", V::Word(word.as_str()))],
            },
            Reasoning::ThinkingSwitch => match self.word(effort, budget)? {
                Effort::None => vec![("thinking", V::Type { r#type: "disabled" })],
                _ => {
                    self.changed("the provider reasons or does not; how much cannot be said")?;
                    vec![("thinking", V::Type { r#type: "enabled" })]
                }
            },
            Reasoning::Enabled => match self.word(effort, budget)? {
                Effort::None => vec![("reasoning", V::Enabled { enabled: false })],
                word => vec![("reasoning_effort", V::Word(word.as_str()))],
            },
            Reasoning::EffortOrBudget => match (effort, budget) {
                (None, Some(budget_tokens)) => {
                    vec![("thinking", V::Budget { r#type: "enabled", budget_tokens })]
                }
                _ => vec![("reasoning_effort", V::Word(self.word(effort, budget)?.as_str()))],
            },
            Reasoning::Template => {
                let word = self.word(effort, budget)?;
                let enable_thinking = word != Effort::None;
                let reasoning_effort = enable_thinking.then_some(word.as_str());
                vec![("chat_template_kwargs", V::Template { enable_thinking, reasoning_effort })]
            }
        })
    }

    fn switch(
        &mut self,
        effort: Option<Effort>,
        budget: Option<u64>,
    ) -> Result<Vec<(&'static str, ReasoningValue)>> {
        use ReasoningValue as V;
        if effort == Some(Effort::None) {
            return Ok(vec![("enable_thinking", V::Switch(false))]);
        }
        let mut fields = vec![("enable_thinking", V::Switch(true))];
        let derived = effort.and_then(|effort| BUDGETS.iter().find(|(_, word)| *word == effort));
        if let Some(tokens) = budget.or(derived.map(|(tokens, _)| *tokens)) {
            if budget.is_none() {
                self.changed("the provider takes a number of tokens instead of a word")?;
            }
            fields.push(("thinking_budget", V::Tokens(tokens)));
        }
        Ok(fields)
    }

    /// The effort asked for, or the least one that allows the budget.
    fn word(&mut self, effort: Option<Effort>, budget: Option<u64>) -> Result<Effort> {
        let (Some(budget), None) = (budget, effort) else { return Ok(effort.unwrap_or(Effort::Medium)) };
        self.changed("the provider takes a word instead of a number of tokens")?;
        Ok(BUDGETS.iter().find(|(tokens, _)| budget <= *tokens).map_or(Effort::XHigh, |(_, word)| *word))
    }

    fn nearest(&mut self, wanted: Effort, words: &[Effort]) -> Result<&'static str> {
        let distance = |word: &&Effort| (rank(**word).abs_diff(rank(wanted)), std::cmp::Reverse(**word));
        // Reasoning a little is not the nearest to none.
        let allowed = words.iter().filter(|word| wanted == Effort::None || **word != Effort::None);
        let nearest = allowed.min_by_key(distance).copied().unwrap_or(wanted);
        if nearest != wanted {
            self.changed("the provider takes fewer words; the nearest was sent")?;
        }
        Ok(nearest.as_str())
    }
}

fn rank(effort: Effort) -> u8 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 1,
        Effort::Low => 2,
        Effort::Medium => 3,
        Effort::High => 4,
        Effort::XHigh => 5,
        Effort::Max => 6,
    }
}

/// The most reasoning tokens each word stands for.
const BUDGETS: &[(u64, Effort)] =
    &[(1_024, Effort::Minimal), (4_096, Effort::Low), (16_384, Effort::Medium), (32_768, Effort::High)];
