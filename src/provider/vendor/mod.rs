//! The vendors: one folder each, one table.
//!
//! A vendor is a constant: where it is, how it wants its key, which formats it speaks, what its models cost. Adding one
//! is a folder and two lines here.

mod ai21;
mod anthropic;
mod azure;
mod azure_ai;
mod baseten;
mod bedrock;
mod bedrock_mantle;
mod cerebras;
mod chutes;
mod cloudflare;
mod cohere;
mod compatible;
mod databricks;
mod deepinfra;
mod deepseek;
mod fireworks;
mod google;
mod groq;
mod huggingface;
mod hyperbolic;
mod jina;
mod litellm_proxy;
mod llamacpp;
mod lmstudio;
mod meta;
mod minimax;
mod mistral;
mod moonshot;
mod nebius;
mod novita;
mod nscale;
mod nvidia_nim;
mod ollama;
mod openai;
mod openrouter;
mod ovhcloud;
mod perplexity;
mod portkey;
mod qwen;
mod qwen_cn;
mod sambanova;
mod scaleway;
mod siliconflow;
mod stackit;
mod together;
mod tokenmix;
mod venice;
mod vercel_ai_gateway;
mod vertex;
mod vllm;
mod volcengine;
mod voyage;
mod wandb;
mod watsonx;
mod xai;
mod zai;
mod zhipu;

use crate::catalog::{Catalogue, Table};
use crate::protocol::messages::Messages;
use crate::protocol::{BatchWire, EmbedProtocol, Procedure, Protocol, RerankProtocol};
use crate::provider::Habits;
use crate::types::{
    ImageReply, ImageRequest, ModerationReply, ModerationRequest, SpeechReply, SpeechRequest,
    TranscriptReply, TranscriptRequest,
};

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
    /// The address its paths are below, without a slash at the end; empty when the application must give one. A
    /// `{resource}` in it is what [`Settings::resource`](super::Settings::resource) says.
    pub base_url: &'static str,
    /// The environment variable that overrides [`base_url`](Self::base_url). Where that has a `{resource}`, an address
    /// without a path gets the usual path.
    pub base_url_env: Option<&'static str>,
    /// The environment variables that may hold the resource, in order of preference.
    pub resource_env: &'static [&'static str],
    /// The field of a request that holds the resource, where the address does not.
    pub resource_field: Option<&'static str>,
    /// The environment variables that may hold the region, in order of preference; empty where the address has no
    /// `{region}` in it, which is what [`Settings::region`](super::Settings::region) says.
    pub region_env: &'static [&'static str],
    /// Regions whose address is another than [`base_url`](Self::base_url).
    pub regions: &'static [(&'static str, &'static str)],
    /// The environment variables that may hold the key, in order of preference.
    pub key_env: &'static [&'static str],
    /// How it wants the key.
    pub key: KeyStyle,
    /// Headers every request needs.
    pub headers: &'static [(&'static str, &'static str)],
    /// How it speaks chat; `None` when only its prices are known here.
    pub chat: Option<&'static dyn Protocol>,
    /// Chat formats that some of its models speak instead, each with the beginning of their names.
    pub families: &'static [(&'static str, &'static dyn Protocol)],
    /// Other chat formats it speaks; [`Settings::speak`](super::Settings::speak) chooses one.
    pub also: &'static [&'static dyn Protocol],
    /// Other chat formats it speaks at another address or under other headers; chosen in the same way.
    pub elsewhere: &'static [Elsewhere],
    /// How it speaks embeddings.
    pub embed: Option<&'static dyn EmbedProtocol>,
    /// How it speaks reranking.
    pub rerank: Option<&'static dyn RerankProtocol>,
    /// What it does that no request asks for. In Anthropic's and Bedrock's own formats an answer is begun by a last
    /// message of the assistant whatever is said here.
    pub habits: Habits,
    /// How many bytes a request may have, where the vendor says so.
    pub request_limit: Option<usize>,
    /// How it makes pictures.
    pub images: Option<&'static dyn Procedure<ImageRequest, ImageReply>>,
    /// How it speaks.
    pub speech: Option<&'static dyn Procedure<SpeechRequest, SpeechReply>>,
    /// How it writes recordings down.
    pub transcripts: Option<&'static dyn Procedure<TranscriptRequest, TranscriptReply>>,
    /// How it judges texts.
    pub moderations: Option<&'static dyn Procedure<ModerationRequest, ModerationReply>>,
    /// How it takes batches that it answers later, at a lower price.
    pub batch: Option<BatchWire>,
    /// Its models and prices, in the schema of [`Catalogue`].
    pub models: &'static str,
}

impl Vendor {
    /// What most vendors have in common: a folder says what differs.
    pub(crate) const PLAIN: Self = Self {
        name: "",
        aliases: &[],
        title: "",
        base_url: "",
        base_url_env: None,
        resource_env: &[],
        resource_field: None,
        region_env: &[],
        regions: &[],
        key_env: &[],
        key: KeyStyle::Bearer,
        headers: &[],
        chat: None,
        families: &[],
        also: &[],
        elsewhere: &[],
        embed: None,
        rerank: None,
        request_limit: None,
        images: None,
        speech: None,
        transcripts: None,
        moderations: None,
        batch: None,
        habits: Habits::UNKNOWN,
        models: "",
    };

    /// Every chat format it speaks, the usual one first.
    pub fn formats(&self) -> impl Iterator<Item = &'static dyn Protocol> {
        let families = self.families.iter().map(|(_, chat)| *chat);
        let others = families.chain(self.also.iter().copied());
        self.chat.into_iter().chain(others).chain(self.elsewhere.iter().map(|elsewhere| elsewhere.chat))
    }
}

/// A chat format that a vendor speaks at another address or under other headers than its usual one.
#[non_exhaustive]
#[derive(Debug)]
pub struct Elsewhere {
    /// The format.
    pub chat: &'static dyn Protocol,
    /// The address its paths are below; `None` when it is the usual one.
    pub base_url: Option<&'static str>,
    /// How it wants the key.
    pub key: KeyStyle,
    /// Headers every request needs.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Elsewhere {
    /// Anthropic messages at `base_url`, with the key in a header of Anthropic's.
    pub(crate) const fn messages(base_url: Option<&'static str>) -> Self {
        Self {
            chat: &Messages,
            base_url,
            key: KeyStyle::Header("x-api-key"),
            headers: &[("anthropic-version", "2023-06-01")],
        }
    }

    /// The same with the key in another place.
    pub(crate) const fn key(self, key: KeyStyle) -> Self {
        Self { key, ..self }
    }
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
    &ai21::BUILTIN,
    &anthropic::BUILTIN,
    &azure::BUILTIN,
    &azure_ai::BUILTIN,
    &baseten::BUILTIN,
    &bedrock::BUILTIN,
    &bedrock_mantle::BUILTIN,
    &cerebras::BUILTIN,
    &chutes::BUILTIN,
    &cloudflare::BUILTIN,
    &cohere::BUILTIN,
    &compatible::BUILTIN,
    &databricks::BUILTIN,
    &deepinfra::BUILTIN,
    &deepseek::BUILTIN,
    &fireworks::BUILTIN,
    &google::BUILTIN,
    &groq::BUILTIN,
    &huggingface::BUILTIN,
    &hyperbolic::BUILTIN,
    &jina::BUILTIN,
    &litellm_proxy::BUILTIN,
    &llamacpp::BUILTIN,
    &lmstudio::BUILTIN,
    &meta::BUILTIN,
    &minimax::BUILTIN,
    &mistral::BUILTIN,
    &moonshot::BUILTIN,
    &nebius::BUILTIN,
    &novita::BUILTIN,
    &nscale::BUILTIN,
    &nvidia_nim::BUILTIN,
    &ollama::BUILTIN,
    &openai::BUILTIN,
    &openrouter::BUILTIN,
    &ovhcloud::BUILTIN,
    &perplexity::BUILTIN,
    &portkey::BUILTIN,
    &qwen::BUILTIN,
    &qwen_cn::BUILTIN,
    &sambanova::BUILTIN,
    &scaleway::BUILTIN,
    &siliconflow::BUILTIN,
    &stackit::BUILTIN,
    &together::BUILTIN,
    &tokenmix::BUILTIN,
    &venice::BUILTIN,
    &vercel_ai_gateway::BUILTIN,
    &vertex::BUILTIN,
    &vllm::BUILTIN,
    &volcengine::BUILTIN,
    &voyage::BUILTIN,
    &wandb::BUILTIN,
    &watsonx::BUILTIN,
    &xai::BUILTIN,
    &zai::BUILTIN,
    &zhipu::BUILTIN,
];

/// The vendor of this name or alias.
pub fn find(name: &str) -> Option<&'static Vendor> {
    ALL.iter().copied().find(|vendor| vendor.name == name || vendor.aliases.contains(&name))
}

/// Why there is no vendor of this name, where that is known and there is something else to do.
pub fn absent(name: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(known, _)| *known == name).map(|(_, reason)| *reason)
}

/// From the vendors' documentation (collected 2026-11-22).
const ABSENT: &[(&str, &str)] = &[(
    "github_models",
    "GitHub Models closed its inference API on 2026-07-30; use azure_ai, openai or another vendor of the same model",
)];

/// The embedded models and prices of every vendor, each read when first asked for.
pub fn catalogue() -> Catalogue {
    let priced = ALL.iter().filter(|vendor| !vendor.models.is_empty());
    let tables: Vec<Table> =
        priced.map(|vendor| Table::new(vendor.name, vendor.aliases, vendor.models)).collect();
    Catalogue::from_tables(&tables)
}
