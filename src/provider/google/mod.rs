//! Tokens of Google Cloud, for Vertex AI.

mod metadata;
#[cfg(feature = "vertex")]
pub mod service_account;

pub use metadata::MetadataServer;
