//! What a format or a vendor wants otherwise than it is said here.

/// What a [`Protocol`](crate::protocol::Protocol) needs done to a request before it writes it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Names that tools may have.
    pub tool_names: ToolNames,
    /// JSON Schemas it takes when it is to hold the model to them.
    pub schema: SchemaRules,
    /// How it is told to answer in JSON that fits a schema.
    pub json: JsonStyle,
    /// How it is told to cache.
    pub cache: CacheStyle,
    /// Whether it takes safety settings.
    pub safety: SafetyStyle,
    /// How it is offered the tools it runs itself.
    pub hosted: HostedStyle,
    /// What it fetches from the web when it is given an address.
    pub fetches: Fetches,
}

impl Needs {
    /// Takes everything as it is and has none of the options that vendors have of their own.
    pub const PLAIN: Self = Self {
        tool_names: ToolNames::Any,
        schema: SchemaRules::ANY,
        json: JsonStyle::Schema,
        cache: CacheStyle::Unsaid,
        safety: SafetyStyle::Unsaid,
        hosted: HostedStyle::Unknown,
        fetches: Fetches::EVERYTHING,
    };
}

/// Kinds of media that a vendor fetches from the web when it is given an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetches(u8);

impl Fetches {
    /// None: it wants bytes.
    pub const NOTHING: Self = Self(0);
    /// All that it takes.
    pub const EVERYTHING: Self = Self(u8::MAX);

    /// These and `medium`.
    #[must_use]
    pub const fn and(self, medium: Medium) -> Self {
        Self(self.0 | (1 << medium as u8))
    }

    /// Is `medium` among them?
    pub const fn has(self, medium: Medium) -> bool {
        self.0 & (1 << medium as u8) != 0
    }
}

/// A kind of media.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Medium {
    /// A picture.
    Picture,
    /// A file, such as a PDF.
    Document,
    /// Sound.
    Sound,
    /// Film.
    Film,
}

impl Medium {
    /// What people call it, with its article.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Picture => "a picture",
            Self::Document => "a document",
            Self::Sound => "sound",
            Self::Film => "film",
        }
    }
}

/// Names that tools may have.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolNames {
    /// Any name that [`ChatRequest::validate`](crate::ChatRequest::validate) lets through.
    Any,
    /// Up to 64 letters, digits, `_` and `-`.
    Plain,
    /// The same with `.` and `:`; the first is a letter or `_`.
    Google,
}

/// The subset of JSON Schema that a vendor takes when it is to hold the model to a schema.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaRules {
    /// All of it, or what is not understood is passed over.
    Any,
    /// Objects are closed and all their properties required; no `oneOf`.
    OpenAi,
    /// Objects are closed; no `oneOf`, no bounds on numbers, lengths and lists; nothing that holds itself.
    Anthropic,
    /// No `oneOf` and no `allOf`, no bounds on texts, nothing beside a reference; a constant is a list of one value.
    Google,
    /// No `allOf`, no bounds on lengths and lists.
    Xai,
    /// No `oneOf`, no bounds on numbers, lengths and lists, no anchors in patterns, few formats; an object has a property
    /// that is required.
    Cohere,
    /// No `oneOf`, no bounds on lengths and lists, no patterns.
    Fireworks,
}

impl SchemaRules {
    pub(crate) const ANY: Self = Self::Any;
}

/// How a vendor is told to answer in JSON that fits a schema.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonStyle {
    /// It takes the schema.
    Schema,
    /// It takes no schema, but can be made to call a tool whose arguments fit one.
    Tool,
    /// It takes no schema, but can be told to answer in JSON; the schema stands in the instructions.
    Object,
}

/// How a vendor is told to cache a prompt.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStyle {
    /// Not at all; it may cache by itself.
    Unsaid,
    /// It caches by itself; `prompt_cache_key` keeps requests together.
    Key,
    /// `cache_control` on blocks, four at most.
    Control,
    /// `cachePoint` blocks, four at most.
    Point,
}

/// Whether a vendor takes safety settings.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SafetyStyle {
    /// It does not.
    Unsaid,
    /// `safetySettings`.
    Google,
}

/// How a vendor is offered the tools it runs itself.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostedStyle {
    /// It has none that are known here.
    Unknown,
    /// `web_search_20250305`.
    Anthropic,
    /// `web_search` and `code_interpreter`.
    OpenAi,
    /// `googleSearch` and `codeExecution`.
    Google,
    /// `openrouter:web_search`.
    OpenRouter,
    /// `web_search` with five domains at most, and `code_interpreter`.
    Xai,
    /// `web_search` with filters of its own.
    Perplexity,
}
