//! How services differ from OpenAI and from each other: a named, finite list.

use crate::protocol::{CacheStyle, Fetches, HostedStyle, JsonStyle, Medium, Needs, SchemaRules, ToolNames};
use crate::types::Effort;

/// How one service differs. Start from [`Dialect::PLAIN`] and change what its documentation says.
///
/// ```
/// use polyroute::protocol::chat_completions::{ChatCompletions, Dialect, Lacking};
/// let mut dialect = Dialect::PLAIN;
/// dialect.lacks = &[Lacking::Seed];
/// let protocol = ChatCompletions::new(dialect);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// What it calls the most tokens to generate.
    pub token_limit: TokenLimit,
    /// What it calls the seed.
    pub seed: SeedField,
    /// How it is asked to reason.
    pub reasoning: Reasoning,
    /// How earlier reasoning goes back to it.
    pub echo: Echo,
    /// How it is made to report a stream's usage.
    pub stream_usage: StreamUsage,
    /// Its word for "at least one tool"; `None` when it cannot be told so.
    pub required_tool: Option<&'static str>,
    /// Which ids of tool calls it takes.
    pub tool_call_ids: ToolCallIds,
    /// What becomes of the `developer` role.
    pub developer: Developer,
    /// How files are spelled.
    pub documents: Documents,
    /// How pictures are carried.
    pub pictures: Pictures,
    /// How film is carried.
    pub videos: Videos,
    /// How a request says where it goes.
    pub envelope: Envelope,
    /// How its reasoning is kept apart from its text.
    pub apart: Apart,
    /// JSON Schemas it takes when it is to hold the model to them.
    pub schema: SchemaRules,
    /// How it is told to cache.
    pub cache: CacheStyle,
    /// How it is offered the tools it runs itself.
    pub hosted: HostedStyle,
    /// What it does not have.
    pub lacks: &'static [Lacking],
}

impl Dialect {
    /// OpenAI's format as most servers imitate it: everything is passed on in the older, more widely known spelling.
    pub const PLAIN: Self = Self {
        token_limit: TokenLimit::MaxTokens,
        seed: SeedField::Seed,
        reasoning: Reasoning::Open,
        echo: Echo::Fields(&["reasoning_content", "reasoning", "reasoning_details"]),
        stream_usage: StreamUsage::OptIn,
        required_tool: Some("required"),
        tool_call_ids: ToolCallIds::Any,
        developer: Developer::AsSystem,
        documents: Documents::File,
        pictures: Pictures::DataOrAddress,
        videos: Videos::Refused,
        envelope: Envelope::OpenAi,
        apart: Apart::Unasked,
        schema: SchemaRules::Any,
        cache: CacheStyle::Unsaid,
        hosted: HostedStyle::Unknown,
        lacks: &[],
    };

    /// What is done to a request before it is written.
    pub(super) fn needs(&self) -> Needs {
        let json = match (self.lacks(Lacking::JsonSchema), self.lacks(Lacking::NamedTool)) {
            (false, _) => JsonStyle::Schema,
            (true, false) => JsonStyle::Tool,
            (true, true) => JsonStyle::Object,
        };
        let (schema, cache, hosted) = (self.schema, self.cache, self.hosted);
        Needs {
            tool_names: ToolNames::Plain,
            schema,
            json,
            cache,
            hosted,
            fetches: self.fetches(),
            ..Needs::PLAIN
        }
    }

    fn fetches(&self) -> Fetches {
        let mut fetches = Fetches::NOTHING;
        if self.pictures == Pictures::DataOrAddress {
            fetches = fetches.and(Medium::Picture);
        }
        if self.documents != Documents::File {
            fetches = fetches.and(Medium::Document);
        }
        // Who refuses film says so better than who would fetch it.
        if self.videos != Videos::DataOrFile {
            fetches = fetches.and(Medium::Film);
        }
        fetches
    }

    /// Does the service lack `what`?
    pub fn lacks(&self, what: Lacking) -> bool {
        self.lacks.contains(&what)
    }
}

/// The field for the most tokens to generate.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimit {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// The field for the seed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedField {
    /// `seed`.
    Seed,
    /// `random_seed`.
    RandomSeed,
}

/// How a service is asked to reason. Where it takes only words, a budget becomes the least word that allows it, see
/// [`Effort`]: up to 1,024 tokens minimal, 4,096 low, 16,384 medium, 32,768 high, above that extra high.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// `reasoning_effort`, any word; another service's spelling in [`Extra`](crate::types::Extra) goes along as well.
    Open,
    /// `reasoning_effort`, any word.
    Effort,
    /// `reasoning_effort`, these words only; another becomes the nearest.
    Words(&'static [Effort]),
    /// OpenRouter's object: `reasoning: {effort}` or `{max_tokens}`.
    Object,
    /// Qwen's `enable_thinking` and `thinking_budget`.
    Switch,
    /// DeepSeek's `thinking: {type: disabled}`, and `reasoning_effort` of low, high or max.
    ThinkingType,
    /// Moonshot's `thinking: {type}` of enabled or disabled, and nothing in between.
    ThinkingSwitch,
    /// Together's `reasoning: {enabled: false}`, and `reasoning_effort`.
    Enabled,
    /// Fireworks' `reasoning_effort` or `thinking: {type: enabled, budget_tokens}`, not both.
    EffortOrBudget,
    /// llama.cpp's `chat_template_kwargs: {enable_thinking, reasoning_effort}`.
    Template,
}

impl Reasoning {
    /// Does the service read the top-level `field` as a request to reason?
    pub(super) fn reads(self, field: &str) -> bool {
        match self {
            Self::Open | Self::Words(_) | Self::Template => true,
            Self::Effort => field == "reasoning_effort",
            Self::Object | Self::Enabled => matches!(field, "reasoning" | "reasoning_effort"),
            Self::Switch => matches!(field, "enable_thinking" | "thinking_budget"),
            Self::ThinkingSwitch => field == "thinking",
            Self::ThinkingType | Self::EffortOrBudget => matches!(field, "thinking" | "reasoning_effort"),
        }
    }
}

/// How earlier reasoning goes back.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Not at all; the service refuses or ignores it.
    Never,
    /// In these fields of the assistant's message. Reasoning of which only the text is known goes into the first.
    Fields(&'static [&'static str]),
    /// As `thinking` blocks of the content.
    Blocks,
}

/// How a stream is made to report its usage.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamUsage {
    /// With `stream_options: {include_usage: true}`.
    OptIn,
    /// It always does.
    Always,
}

/// Which ids of tool calls a service takes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolCallIds {
    /// Any text.
    Any,
    /// Nine letters or digits; others are mapped to such, always in the same way.
    NineAlphanumeric,
}

/// What becomes of the `developer` role.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Developer {
    /// It is sent.
    Kept,
    /// It becomes `system`.
    AsSystem,
}

/// How files are spelled.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    /// `file: {file_data, filename}` or `{file_id}`; not by address.
    File,
    /// As [`File`](Self::File), and `file_data` may be an address.
    FileOrAddress,
    /// Mistral's `document_url`.
    DocumentUrl,
}

/// How a request says where it goes and how it is to be answered.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `model` and `stream` in the body, `tool_choice` for every choice.
    OpenAi,
    /// IBM's `model_id` and `project_id` in the body, a path of its own for streams, and `tool_choice_option` for a choice
    /// without a name.
    Watsonx,
}

/// How pictures are carried.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// In the request, or fetched by the service.
    DataOrAddress,
    /// In the request only.
    Data,
}

/// How film is carried; the block is called `video_url` wherever there is one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Videos {
    /// Not at all.
    Refused,
    /// In the request, or fetched by the service.
    DataOrAddress,
    /// In the request, or as a file uploaded to the service.
    DataOrFile,
}

/// How reasoning is kept apart from text.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// Without asking.
    Unasked,
    /// With MiniMax's `reasoning_split: true`; without it, it comes inside the text.
    Split,
}

/// Something a service does not have.
///
/// Losing one of the first seven would change what the answer means, so a request that needs one is refused. The others
/// are left out and reported, but for parts of text, which lose nothing when joined.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// Answers that fit a JSON Schema.
    JsonSchema,
    /// Log probabilities.
    Logprobs,
    /// More than one answer.
    Choices,
    /// Tools together with a stated answer format.
    ToolsWithFormat,
    /// Pictures in tool results.
    ToolMedia,
    /// Telling it which function to call.
    NamedTool,
    /// Telling it to call none of the functions it is given.
    NoTool,
    /// `frequency_penalty`.
    FrequencyPenalty,
    /// `metadata`.
    Metadata,
    /// `name` of a message.
    MessageName,
    /// `parallel_tool_calls`.
    ParallelToolCalls,
    /// The `refusal` field of a message; it is sent as text.
    Refusal,
    /// `presence_penalty`.
    PresencePenalty,
    /// `seed`.
    Seed,
    /// `service_tier`.
    ServiceTier,
    /// Text in several parts; it is joined.
    TextParts,
    /// `top_k`.
    TopK,
    /// `user`.
    User,
}
