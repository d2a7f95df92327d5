//! The vendors: one folder each, one table.
//!
//! A vendor is a constant: where it is, how it wants its key, which formats it speaks, what its models cost. Adding one
//! is a folder and two lines here.

mod anthropic;
mod azure;
mod azure_ai;
mod bedrock;
mod cerebras;
mod cohere;
mod compatible;
mod deepinfra;
mod deepseek;
mod fireworks;
mod google;
mod groq;
mod jina;
mod llamacpp;
mod lmstudio;
mod meta;
mod minimax;
mod mistral;
mod moonshot;
mod nebius;
mod ollama;
mod openai;
mod openrouter;
mod ovhcloud;
mod perplexity;
mod qwen;
mod qwen_cn;
mod sambanova;
mod scaleway;
mod stackit;
mod together;
mod vertex;
mod vllm;
mod voyage;
mod xai;
mod zai;
mod zhipu;

use crate::catalog::{Catalogue, Table};
use crate::protocol::{EmbedProtocol, Protocol, RerankProtocol};

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
    /// The address its paths are below, without a slash at the end; empty when the application must give one. A part in
    /// braces is a region: [`Settings::region`](super::Settings::region), or one of the environment variables it names.
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
    /// Other chat formats it speaks; [`Settings::speak`](super::Settings::speak) chooses one.
    pub also: &'static [&'static dyn Protocol],
    /// How it speaks embeddings.
    pub embed: Option<&'static dyn EmbedProtocol>,
    /// How it speaks reranking.
    pub rerank: Option<&'static dyn RerankProtocol>,
    /// Its models and prices, in the schema of [`Catalogue`].
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

/// Every vendor, in alphabetical order.
pub const ALL: &[&Vendor] = &[
    &anthropic::BUILTIN,
    &azure::BUILTIN,
    &azure_ai::BUILTIN,
    &bedrock::BUILTIN,
    &cerebras::BUILTIN,
    &cohere::BUILTIN,
    &compatible::BUILTIN,
    &deepinfra::BUILTIN,
    &deepseek::BUILTIN,
    &fireworks::BUILTIN,
    &google::BUILTIN,
    &groq::BUILTIN,
    &jina::BUILTIN,
    &llamacpp::BUILTIN,
    &lmstudio::BUILTIN,
    &meta::BUILTIN,
    &minimax::BUILTIN,
    &mistral::BUILTIN,
    &moonshot::BUILTIN,
    &nebius::BUILTIN,
    &ollama::BUILTIN,
    &openai::BUILTIN,
    &openrouter::BUILTIN,
    &ovhcloud::BUILTIN,
    &perplexity::BUILTIN,
    &qwen::BUILTIN,
    &qwen_cn::BUILTIN,
    &sambanova::BUILTIN,
    &scaleway::BUILTIN,
    &stackit::BUILTIN,
    &together::BUILTIN,
    &vertex::BUILTIN,
    &vllm::BUILTIN,
    &voyage::BUILTIN,
    &xai::BUILTIN,
    &zai::BUILTIN,
    &zhipu::BUILTIN,
];

/// The vendor of this name or alias.
pub fn find(name: &str) -> Option<&'static Vendor> {
    ALL.iter().copied().find(|vendor| vendor.name == name || vendor.aliases.contains(&name))
}

/// The embedded models and prices of every vendor, each read when first asked for.
pub fn catalogue() -> Catalogue {
    let priced = ALL.iter().filter(|vendor| !vendor.models.is_empty());
    let tables: Vec<Table> =
        priced.map(|vendor| Table::new(vendor.name, vendor.aliases, vendor.models)).collect();
    Catalogue::from_tables(&tables)
}
