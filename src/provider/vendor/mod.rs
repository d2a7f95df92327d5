//! The vendors: one folder each, one table.
//!
//! A vendor is a constant: where it is, how it wants its key, which formats it speaks, what its models cost. Adding one
//! is a folder and two lines here.

pub mod azure;
pub mod azure_ai;
pub mod bedrock;
pub mod cohere;
pub mod deepinfra;
pub mod jina;
pub mod meta;
pub mod minimax;
pub mod moonshot;
pub mod nebius;
pub mod ovhcloud;
pub mod perplexity;
pub mod qwen_cn;
pub mod sambanova;
pub mod scaleway;
pub mod stackit;
mod tables;
pub mod vertex;
pub mod voyage;
pub mod zai;
pub mod zhipu;

pub use tables::catalogue_tables;

use crate::protocol::{EmbedProtocol, Protocol};

/// Everything there is to know about a vendor.
#[non_exhaustive]
#[derive(Debug)]
pub struct Vendor {
    /// The part of `provider/model` before the slash.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// Its name for people.
    pub title: &'static str,
    /// The address its paths are below, without a slash at the end; empty when the application must give one.
    pub base_url: &'static str,
    /// The environment variable that overrides [`base_url`](Self::base_url).
    pub base_url_env: Option<&'static str>,
    /// The environment variables that may hold the key, in order of preference.
    pub key_env: &'static [&'static str],
    /// How it wants the key.
    pub key: KeyStyle,
    /// Headers every request needs.
    pub headers: &'static [(&'static str, &'static str)],
    /// How it speaks chat; `None` when only its prices are known here.
    pub chat: Option<&'static dyn Protocol>,
    /// How it speaks embeddings.
    pub embed: Option<&'static dyn EmbedProtocol>,
    /// Its models and prices, in the schema of [`Catalogue`](crate::catalog::Catalogue).
    pub models: &'static str,
}

/// How a vendor wants its key.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStyle {
    /// `Authorization: Bearer …`.
    Bearer,
    /// As a bearer token if there is one; none is needed.
    OptionalBearer,
    /// In a header of this name.
    Header(&'static str),
}
