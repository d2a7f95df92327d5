//! Families of models, by how their names begin.

/// A family whose name nobody else uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    begins: &'static str,
    /// Who makes it, as aggregators call them.
    pub(crate) maker: &'static str,
    pub(crate) weights: Weights,
}

/// Who can run a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// Its maker, and the great clouds by contract.
    Closed,
    /// Anybody, for some models of the family at least.
    Open,
}

impl Family {
    /// The one that `name`, in small letters and without whoever stands before it, belongs to.
    pub(crate) fn of(name: &str) -> Option<Self> {
        FAMILIES.iter().find(|family| name.starts_with(family.begins)).copied()
    }
}

const fn family(begins: &'static str, maker: &'static str, weights: Weights) -> Family {
    Family { begins, maker, weights }
}

/// The first that fits counts.
const FAMILIES: [Family; 15] = [
    family("claude", "anthropic", Weights::Closed),
    family("gpt-oss", "openai", Weights::Open),
    family("gpt-", "openai", Weights::Closed),
    family("chatgpt", "openai", Weights::Closed),
    family("o1", "openai", Weights::Closed),
    family("o3", "openai", Weights::Closed),
    family("o4", "openai", Weights::Closed),
    family("gemini", "google", Weights::Closed),
    family("gemma", "google", Weights::Open),
    family("grok", "x-ai", Weights::Closed),
    family("mistral", "mistralai", Weights::Open),
    family("codestral", "mistralai", Weights::Open),
    family("deepseek", "deepseek", Weights::Open),
    family("command-", "cohere", Weights::Open),
    family("qwen", "qwen", Weights::Open),
];
