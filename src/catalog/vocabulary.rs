//! Which vocabulary a model reads with.

use super::tokenizer;

/// A vocabulary of OpenAI's models. With the feature `tokenizer` the tokens of a text can be counted in it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// `cl100k_base`: GPT-3.5 and GPT-4, embeddings.
    Cl100k,
    /// `o200k_base`: GPT-4o and what came after it, o1 to o4, gpt-oss.
    O200k,
}

impl Vocabulary {
    /// The vocabulary of `model`, as OpenAI's own tokenizer has it: <https://github.com/openai/tiktoken>
    /// (`tiktoken/model.py`, read 2026-11-26). Names with a vendor before a slash or a dot mean the same model; `None` for
    /// a model of anybody else, or one that OpenAI's list does not cover yet.
    pub fn of_model(model: &str) -> Option<Self> {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.strip_prefix("ft:").or_else(|| name.strip_prefix("openai.")).unwrap_or(name);
        let is = |family: &str| {
            name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', ':']))
        };
        if O200K.iter().any(|family| is(family)) {
            return Some(Self::O200k);
        }
        CL100K.iter().any(|family| is(family)).then_some(Self::Cl100k)
    }

    /// How many tokens `text` has, in time that grows with its length and no faster. `None` without the feature
    /// `tokenizer`. The first count reads the vocabulary, which takes some tens of milliseconds.
    pub fn count(self, text: &str) -> Option<u64> {
        tokenizer::count(self, text)
    }

    /// Can tokens be counted?
    pub(crate) const fn is_built_in() -> bool {
        tokenizer::IS_BUILT_IN
    }
}

const O200K: [&str; 11] = [
    "gpt-5",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-4o",
    "chatgpt-4o",
    "gpt-oss",
    "o1",
    "o3",
    "o4-mini",
    "codex-mini",
    "gpt-realtime",
];

/// Azure writes GPT-3.5 without its dot.
const CL100K: [&str; 5] = ["gpt-4", "gpt-3.5", "gpt-35", "text-embedding-3", "text-embedding-ada-002"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openais_models_have_a_vocabulary_here() {
        for (models, vocabulary) in [
            (
                &[
                    "gpt-5",
                    "gpt-5.2-codex",
                    "gpt-4o-mini",
                    "openai/gpt-4.1-nano",
                    "o3",
                    "o4-mini-2026",
                    "openai.gpt-oss-120b-1:0",
                ][..],
                Some(Vocabulary::O200k),
            ),
            (
                &[
                    "gpt-4",
                    "gpt-4-turbo",
                    "gpt-3.5-turbo",
                    "ft:gpt-3.5-turbo:acme",
                    "gpt-35-turbo",
                    "text-embedding-3-large",
                ],
                Some(Vocabulary::Cl100k),
            ),
            (&["claude-sonnet-4-5", "gemini-2.5-pro", "gpt-6", "gpt-40", "o10", "my-gpt-4", ""], None),
        ] {
            for model in models {
                assert_eq!(Vocabulary::of_model(model), vocabulary, "{model}");
            }
        }
    }
}
