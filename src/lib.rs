//! polyroute

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod account;
pub mod catalog;
pub mod client;
pub mod clock;
pub mod error;
pub mod protocol;
pub mod provider;
pub mod resilience;
pub mod routing;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
pub mod types;

pub use async_trait::async_trait;
pub use catalog::Price;
pub use client::{CallableModel, Client, ClientBuilder};
pub use error::{Error, ErrorKind, Result};
pub use provider::{Provider, Settings};
pub use routing::{Route, RoutingPolicy};
pub use types::{
    ChatRequest, ChatResponse, ChatStream, Effort, EmbedRequest, EmbedResponse, FinishReason, Json, Message,
    Part, ResponseFormat, Role, StreamEvent, Target, Tool, ToolCall, ToolChoice, ToolResult, Usage, Usd,
};
