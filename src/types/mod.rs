//! The data everything else is about: requests, answers, streams, usage and money.
//!
//! Content is ordered blocks ([`Part`]), not any vendor's JSON. What a vendor sends and we do not know survives in
//! [`Extra`]. `Debug` of these types shows sizes, never text.

mod adaptation;
mod answered;
mod ask;
mod batch;
mod cache;
mod call_id;
mod call_options;
mod citation;
mod decision;
mod embed;
mod extra;
mod format;
mod hints;
mod hosted;
mod id;
mod image;
mod json;
mod message;
mod moderation;
mod money;
mod outcome;
mod preferences;
mod rate_limits;
mod recovery;
mod request;
mod rerank;
mod response;
mod secret;
mod speech;
mod stream;
mod time_limits;
mod tool;
mod transcript;
mod usage;
mod wire;

pub use adaptation::{Adaptation, AdaptationKind, OnUnsupported};
pub use answered::{Answered, ReplyFacts};
pub use batch::{BatchJob, BatchPhase, BatchState};
pub use cache::{CacheOptions, CachePlacement, CacheTtl};
pub use call_id::CallId;
pub use call_options::{CallOptions, Hedging, OnLimit, Priority, Sensitivity, Stakes};
pub use citation::Citation;
pub use decision::{Decision, Ranked, Reading, Rejected};
pub use embed::{EmbedReply, EmbedRequest, EmbedResponse};
pub use extra::{Extra, Scope};
pub use format::ResponseFormat;
pub use hints::{ModelHints, Sampling, SchemaSupport};
pub use hosted::{Hosted, SafetySetting, WebSearch};
pub use id::Target;
pub use image::{GeneratedImage, ImageContent, ImageReply, ImageRequest};
pub use json::Json;
pub use message::{
    Audio, Document, Image, MediaSource, Message, Opaque, Part, Reasoning, Refusal, Role, Text, ToolCall,
    ToolOutcome, ToolResult, Video,
};
pub use moderation::{Moderation, ModerationReply, ModerationRequest};
pub use money::{Cost, PriceSource, Usd};
pub use outcome::{Attempt, AttemptReason, Completeness, Outcome};
pub use preferences::{
    DataCollection, Fallbacks, MaxPrice, Partition, Percentiles, Preferences, Quantization, Sort, SortBy,
    Strictness, ZeroRetention,
};
pub use rate_limits::{Allowance, RateLimits};
pub use recovery::{Recovery, Resumption};
pub use request::{ChatRequest, Effort, Logprobs, ReasoningOptions};
pub use rerank::{Relevance, RerankReply, RerankRequest, RerankResponse};
pub use response::{Alternative, CallSummary, ChatResponse, FinishReason, Reply};
pub use secret::Secret;
pub use speech::{SpeechReply, SpeechRequest};
pub use stream::{Accumulator, ChatStream, EventStream, ReplyStream, StreamEvent, StreamFinish};
pub use time_limits::{Pace, TimeLimits};
pub use tool::{ParallelToolCalls, Tool, ToolChoice};
pub use transcript::{TranscriptReply, TranscriptRequest};
pub use usage::Usage;
pub use wire::Wire;
