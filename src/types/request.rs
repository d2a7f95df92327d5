//! A request for an answer.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{
    CacheOptions, CallOptions, Extra, Json, Message, OnUnsupported, ParallelToolCalls, Part, ResponseFormat,
    Role, SafetySetting, Scope, Tool, ToolChoice, ToolResult,
};
use crate::error::{Error, ErrorKind, Result};

/// What to ask, of which model or route, and how.
///
/// ```
/// use polyroute::ChatRequest;
/// let request = ChatRequest::new("anthropic/claude-haiku-4-5")
///     .system("Answer in one sentence.")
///     .user("Why is the sky blue?")
///     .max_output_tokens(200);
/// # assert_eq!(request.messages.len(), 2);
/// ```
///
/// A pair is a shorthand: `client.chat(("smart", "Why is the sky blue?"))`.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct ChatRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// The conversation, oldest first. System messages may stand anywhere; wires that keep them apart move them.
    pub messages: Vec<Message>,
    /// Tools the model may ask for.
    pub tools: Vec<Tool>,
    /// Must the model call a tool?
    pub tool_choice: Option<ToolChoice>,
    /// May it call several in one turn?
    pub parallel_tool_calls: Option<ParallelToolCalls>,
    /// The shape of the answer.
    pub response_format: Option<ResponseFormat>,
    /// How much to reason.
    pub reasoning: Option<ReasoningOptions>,
    /// Most tokens to generate, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature, not negative; most vendors take 0 to 2, Anthropic 0 to 1.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// Sample from this many likeliest tokens.
    pub top_k: Option<u64>,
    /// Penalty for tokens that already occur, -2 to 2.
    pub presence_penalty: Option<f64>,
    /// Penalty that grows with how often a token occurs, -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Makes sampling repeatable as far as the vendor can.
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Report log probabilities.
    pub logprobs: Option<Logprobs>,
    /// How many answers to generate; further ones are in [`Reply::alternatives`](super::Reply).
    pub n: Option<u32>,
    /// An opaque id of the end user, for the vendor's abuse detection.
    pub user: Option<String>,
    /// Labels the vendor stores with the request, where it has the field.
    pub metadata: BTreeMap<String, String>,
    /// What the vendor may keep of the prompt; `None` leaves it to the vendor and to the breakpoints of the messages.
    pub cache: Option<CacheOptions>,
    /// How strictly the vendor filters.
    pub safety: Vec<SafetySetting>,
    /// The vendor's service tier, for example `flex` or `priority`.
    pub service_tier: Option<String>,
    /// Fields without a name here; see [`Scope`] for where each is sent.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// What to do with an option the target does not have.
    pub on_unsupported: OnUnsupported,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl ChatRequest {
    /// A request to `model`, which is `provider/model` or a route's name, without messages yet.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Appends instructions.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Message::system(text))
    }

    /// Appends a question in plain text.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Message::user(text))
    }

    /// Appends a question of several parts, such as text and a picture.
    #[must_use]
    pub fn user_parts(self, parts: impl IntoIterator<Item = impl Into<Part>>) -> Self {
        self.message(Message::new(Role::User, parts))
    }

    /// Appends an earlier answer in plain text.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Message::assistant(text))
    }

    /// Appends a message, for example an earlier answer's [`ChatResponse::message`](super::ChatResponse::message).
    #[must_use]
    pub fn message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// Appends messages.
    #[must_use]
    pub fn messages(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.messages.extend(messages);
        self
    }

    /// Appends the results of the last turn's tool calls.
    #[must_use]
    pub fn tool_results(self, results: impl IntoIterator<Item = ToolResult>) -> Self {
        self.message(Message::tool_results(results))
    }

    /// Offers a tool.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Sets whether the model must call a tool.
    #[must_use]
    pub fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Sets whether the model may call several tools in one turn.
    #[must_use]
    pub fn parallel_tool_calls(mut self, parallel: ParallelToolCalls) -> Self {
        self.parallel_tool_calls = Some(parallel);
        self
    }

    /// Sets how to route, limit and account the call.
    #[must_use]
    pub fn options(mut self, options: CallOptions) -> Self {
        self.options = Some(Box::new(options));
        self
    }

    /// Sets the shape of the answer.
    #[must_use]
    pub fn response_format(mut self, format: ResponseFormat) -> Self {
        self.response_format = Some(format);
        self
    }

    /// Sets how hard to reason.
    #[must_use]
    pub fn reasoning(mut self, options: impl Into<ReasoningOptions>) -> Self {
        self.reasoning = Some(options.into());
        self
    }

    /// Sets the most tokens to generate, reasoning included.
    #[must_use]
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// Sets the sampling temperature.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets nucleus sampling.
    #[must_use]
    pub fn top_p(mut self, top_p: f64) -> Self {
        self.top_p = Some(top_p);
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: i64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the texts that end the answer.
    #[must_use]
    pub fn stop(mut self, stop: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.stop = stop.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for log probabilities, with this many alternatives for each token.
    #[must_use]
    pub fn logprobs(mut self, top: u8) -> Self {
        self.logprobs = Some(Logprobs { top });
        self
    }

    /// Asks for several answers.
    #[must_use]
    pub fn n(mut self, answers: u32) -> Self {
        self.n = Some(answers);
        self
    }

    /// Sets what the vendor may keep of the prompt.
    #[must_use]
    pub fn cache(mut self, options: CacheOptions) -> Self {
        self.cache = Some(options);
        self
    }

    /// Sets how strictly one kind of harm is filtered.
    #[must_use]
    pub fn safety(mut self, setting: SafetySetting) -> Self {
        self.safety.push(setting);
        self
    }

    /// Adds a field this crate has no name for. `scope` is a provider's name, a [`Wire`](super::Wire), or
    /// [`Scope::Any`].
    ///
    /// ```
    /// use polyroute::ChatRequest;
    /// use serde_json::json;
    /// let request = ChatRequest::from(("groq/qwen/qwen3-32b", "Hi")).extra("groq", "reasoning_format", json!("parsed"));
    /// ```
    #[must_use]
    pub fn extra(mut self, scope: impl Into<Scope>, name: &str, value: impl Into<Json>) -> Self {
        self.extra.insert(scope, name, value);
        self
    }

    /// Sets the total time for the call over all attempts.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what to do with an option the target does not have.
    #[must_use]
    pub fn on_unsupported(mut self, choice: OnUnsupported) -> Self {
        self.on_unsupported = choice;
        self
    }

    /// Checks everything that can be known without a target. The client calls it before anything is sent.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] for: no message, more than 100,000 messages, an empty message, a tool result
    /// without an earlier call of the same id, a number that is not finite or out of its range, `n` of 0, a tool
    /// without a name or with that of another, a name that no vendor takes, a schema that is not an object or whose
    /// `type`, `properties` or `required` is malformed.
    pub fn validate(&self) -> Result<()> {
        if self.messages.is_empty() {
            return Err(invalid("the request has no message; add one with .user(..)"));
        }
        if self.messages.len() > MAX_MESSAGES {
            return Err(invalid(format!(
                "{} messages; the limit is {MAX_MESSAGES}. Summarise the older ones",
                self.messages.len()
            )));
        }
        self.validate_numbers()?;
        self.validate_tools()?;
        self.validate_conversation()
    }

    /// About how many bytes the request has on the wire, so that encoders need not grow their buffer.
    pub(crate) fn size_hint(&self) -> usize {
        let parts = self.messages.iter().flat_map(|message| &message.parts);
        let schemas = self.tools.iter().filter_map(|tool| tool.parameters.as_ref());
        let content: usize = parts.map(Part::size_hint).sum();
        let schemas: usize = schemas.map(|schema| schema.as_str().len() + 128).sum();
        // Escapes of quotes and line ends make text a few per cent longer.
        96 + content + content / 32 + schemas
    }

    fn validate_numbers(&self) -> Result<()> {
        for (name, value, low, high) in [
            ("temperature", self.temperature, 0.0, 100.0),
            ("top_p", self.top_p, 0.0, 1.0),
            ("presence_penalty", self.presence_penalty, -100.0, 100.0),
            ("frequency_penalty", self.frequency_penalty, -100.0, 100.0),
        ] {
            if let Some(value) = value
                && !(low..=high).contains(&value)
            {
                return Err(invalid(format!("{name} is {value}; it must be between {low} and {high}")));
            }
        }
        if self.n == Some(0) {
            return Err(invalid("n is 0; ask for at least one answer"));
        }
        if self.max_output_tokens == Some(0) {
            return Err(invalid("max_output_tokens is 0; leave it out for the model's own limit"));
        }
        Ok(())
    }

    /// The choice of a tool, where it means something: vendors answer 400 to one without tools. That one must be called
    /// goes along all the same, because leaving it out would change what was asked.
    pub(crate) fn meant_tool_choice(&self) -> Option<&ToolChoice> {
        let choice = self.tool_choice.as_ref();
        choice.filter(|choice| self.offers_tools() || **choice == ToolChoice::Required)
    }

    /// Whether several tools may be called at once, where there are tools.
    pub(crate) fn meant_parallel_tool_calls(&self) -> Option<ParallelToolCalls> {
        self.parallel_tool_calls.filter(|_| self.offers_tools())
    }

    fn offers_tools(&self) -> bool {
        !self.tools.is_empty() || self.extra.get("tools").is_some()
    }

    fn validate_tools(&self) -> Result<()> {
        let mut names: HashSet<&str> = HashSet::new();
        for tool in &self.tools {
            if !tool.is_function() {
                continue;
            }
            if tool.name.is_empty() {
                return Err(invalid("a tool has no name"));
            }
            if !is_name(&tool.name) {
                return Err(invalid(format!("the name of tool {:?} {NAMES}", tool.name)));
            }
            if !names.insert(&tool.name) {
                return Err(invalid(format!("two tools have the name {:?}", tool.name)));
            }
            if let Some(fault) = tool.parameters.as_ref().and_then(schema_fault) {
                return Err(invalid(format!("the schema of tool {:?} {fault}", tool.name)));
            }
        }
        if let Some(ResponseFormat::JsonSchema { name, schema, .. }) = &self.response_format {
            if !is_name(name) {
                return Err(invalid(format!("the name of the response schema {name:?} {NAMES}")));
            }
            if let Some(fault) = schema_fault(schema) {
                return Err(invalid(format!("the response schema {fault}")));
            }
        }
        if let Some(ToolChoice::Function(name)) = &self.tool_choice
            && !self.tools.iter().any(|tool| tool.name == *name)
        {
            return Err(invalid(format!("tool_choice names {name:?}, which is not among the tools")));
        }
        Ok(())
    }

    fn validate_conversation(&self) -> Result<()> {
        let mut calls: HashSet<&str> = HashSet::new();
        for (position, message) in self.messages.iter().enumerate() {
            if message.parts.is_empty() && message.extra.is_empty() && message.role != Role::Assistant {
                return Err(invalid(format!("message {position} is empty")));
            }
            for part in &message.parts {
                match part {
                    Part::ToolCall(call) => {
                        calls.insert(&call.id);
                    }
                    Part::ToolResult(result) if !calls.contains(result.call_id.as_str()) => {
                        return Err(invalid(format!(
                            "message {position} has a tool result for a call that no earlier message made"
                        )));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .field("tools", &self.tools.len())
            .field("reasoning", &self.reasoning)
            .field("max_output_tokens", &self.max_output_tokens)
            .field("extra", &self.extra)
            .finish_non_exhaustive()
    }
}

impl<M: Into<String>, T: Into<String>> From<(M, T)> for ChatRequest {
    fn from((model, prompt): (M, T)) -> Self {
        Self::new(model).user(prompt)
    }
}

impl From<&Self> for ChatRequest {
    fn from(request: &Self) -> Self {
        request.clone()
    }
}

/// How much to reason. Vendors take a word or a number of tokens; the other is derived where only one is given.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningOptions {
    /// How hard, as a word.
    pub effort: Option<Effort>,
    /// Most tokens to spend on reasoning.
    pub budget_tokens: Option<u64>,
}

impl ReasoningOptions {
    /// At most this many tokens.
    pub fn budget(tokens: u64) -> Self {
        Self { effort: None, budget_tokens: Some(tokens) }
    }
}

impl From<Effort> for ReasoningOptions {
    fn from(effort: Effort) -> Self {
        Self { effort: Some(effort), budget_tokens: None }
    }
}

/// How hard to reason.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all, where the model can answer without.
    None,
    /// As little as the model can.
    Minimal,
    /// A little.
    Low,
    /// The usual amount.
    Medium,
    /// A lot.
    High,
    /// More than high, where the model has it.
    XHigh,
    /// As much as the model can.
    Max,
}

impl Effort {
    /// The word most vendors use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// Which log probabilities to report.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logprobs {
    /// How many of the likeliest tokens at each place; 0 for the chosen one only.
    pub top: u8,
}

impl Logprobs {
    /// This many of the likeliest tokens at each place.
    pub fn new(top: u8) -> Self {
        Self { top }
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}

/// What a vendor does not take in a name is spelled otherwise for it, and put back in its answer.
fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && !name.chars().any(char::is_control)
}

const NAMES: &str = "must be 1 to 128 bytes without control characters";

/// What makes `schema` no JSON Schema, as far as its outermost words tell.
fn schema_fault(schema: &Json) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Outline<'a> {
        #[serde(borrow, default, rename = "type", deserialize_with = "given")]
        kind: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "given")]
        properties: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "given")]
        required: Option<&'a RawValue>,
    }
    /// A null is there too.
    fn given<'de: 'a, 'a, D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Option<&'a RawValue>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Some)
    }
    let text = schema.as_str().trim_start();
    let outline = serde_json::from_str::<Outline<'_>>(text).ok().filter(|_| text.starts_with('{'));
    let Some(Outline { kind, properties, required }) = outline else { return Some("is not a JSON object") };
    if kind.is_some_and(|kind| !is_type(kind.get())) {
        return Some("has a `type` that JSON Schema does not know");
    }
    if properties.is_some_and(|properties| !properties.get().starts_with('{')) {
        return Some("has `properties` that are not an object");
    }
    let is_list = |list: &RawValue| serde_json::from_str::<Vec<Cow<'_, str>>>(list.get()).is_ok();
    required.is_some_and(|list| !is_list(list)).then_some("has a `required` that is not a list of strings")
}

fn is_type(json: &str) -> bool {
    const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
    match serde_json::from_str::<Cow<'_, str>>(json) {
        Ok(word) => TYPES.contains(&&*word),
        Err(_) => serde_json::from_str::<Vec<Cow<'_, str>>>(json)
            .is_ok_and(|words| !words.is_empty() && words.iter().all(|word| TYPES.contains(&&**word))),
    }
}

/// Anthropic documents 100,000 as the most messages of one request; no other vendor documents more:
/// <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23).
const MAX_MESSAGES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: &ChatRequest) -> String {
        let error = request.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        error.message().to_owned()
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let ask = || ChatRequest::from(("p/m", "hi"));

        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
            assert!(refused(&ask().temperature(bad)).contains("temperature"), "{bad}");
        }
        assert!(refused(&ask().top_p(1.1)).contains("top_p"));
        assert!(refused(&ask().n(0)).contains("n is 0"));
        assert!(ask().temperature(0.0).top_p(1.0).validate().is_ok());
    }

    #[test]
    fn a_tool_result_needs_an_earlier_call() {
        let call = Message::new(Role::Assistant, [ToolCallFixture::call("c1")]);
        let good =
            ChatRequest::from(("p/m", "hi")).message(call.clone()).tool_results([ToolResult::new("c1", "1")]);
        let bad =
            ChatRequest::from(("p/m", "hi")).message(call).tool_results([ToolResult::new("other", "1")]);

        assert!(good.validate().is_ok());
        assert!(refused(&bad).contains("message 2"));
    }

    #[test]
    fn conversations_that_cannot_be_sent_are_refused() {
        assert!(refused(&ChatRequest::new("p/m")).contains("no message"));
        assert!(
            refused(&ChatRequest::new("p/m").message(Message::new(Role::User, Vec::<Part>::new())))
                .contains("empty")
        );
        let many = ChatRequest::new("p/m").messages((0..100_001).map(|_| Message::user("x")));
        assert!(refused(&many).contains("100001 messages"));
        let choice = ChatRequest::from(("p/m", "hi")).tool_choice(ToolChoice::Function("nowhere".into()));
        assert!(refused(&choice).contains("nowhere"));
        let schema = ChatRequest::from(("p/m", "hi")).tool(Tool::function("f", "d", serde_json::json!([1])));
        assert!(refused(&schema).contains("not a JSON object"));
    }

    #[test]
    fn tools_that_every_vendor_would_refuse_are_refused_by_name() {
        use serde_json::json;
        let with = |name: &str, schema: serde_json::Value| {
            ChatRequest::from(("p/m", "hi")).tool(Tool::function(name, "d", schema))
        };

        for (schema, words) in [
            (json!({"type": "objekt"}), "`type`"),
            (json!({"type": null}), "`type`"),
            (json!({"type": []}), "`type`"),
            (json!({"type": 5}), "`type`"),
            (json!({"type": "object", "properties": []}), "`properties`"),
            (json!({"type": "object", "properties": null}), "`properties`"),
            (json!({"type": "object", "required": "x"}), "`required`"),
            (json!({"type": "object", "required": [1]}), "`required`"),
        ] {
            let message = refused(&with("weather", schema.clone()));
            assert!(message.contains(words) && message.contains("weather"), "{message}");
            let format = ResponseFormat::json_schema("s", schema);
            assert!(refused(&ChatRequest::from(("p/m", "hi")).response_format(format)).contains(words));
        }
        for name in ["", "a\nb", "a\u{7f}", &"x".repeat(129)] {
            let words = if name.is_empty() { "no name" } else { "must be 1 to 128" };
            assert!(refused(&with(name, json!({}))).contains(words), "{name}");
            let format = ResponseFormat::json_schema(name, json!({}));
            assert!(refused(&ChatRequest::from(("p/m", "hi")).response_format(format)).contains("must be"));
        }
        assert!(
            refused(&with("f", json!({})).tool(Tool::function("f", "d", json!({})))).contains("two tools")
        );
        for schema in [
            json!({}),
            json!({"$ref": "#/$defs/a"}),
            json!({"type": ["object", "null"], "properties": {"a\u{e9}": true}, "required": ["a\u{e9}"]}),
        ] {
            with("a.b:c-D_1", schema.clone()).validate().unwrap();
            with("get weather/é", schema).validate().unwrap();
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let request = ChatRequest::from(("p/m", "CANARY"));

        assert!(!format!("{request:?} {:?}", request.messages).contains("CANARY"));
    }

    struct ToolCallFixture;

    impl ToolCallFixture {
        fn call(id: &str) -> super::super::ToolCall {
            super::super::ToolCall::new(id, "f", "{}")
        }
    }
}
