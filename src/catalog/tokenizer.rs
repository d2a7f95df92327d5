//! Counts tokens in the vocabularies that are built in.

use super::Vocabulary;

pub(super) const IS_BUILT_IN: bool = true;

pub(super) fn count(vocabulary: Vocabulary, text: &str) -> Option<u64> {
    let tokenizer = match vocabulary {
        Vocabulary::Cl100k => bpe_openai::cl100k_base(),
        Vocabulary::O200k => bpe_openai::o200k_base(),
    };
    u64::try_from(tokenizer.count(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted with OpenAI's own tokenizer, whose tests hold the first three texts.
    #[test]
    fn tokens_are_those_of_openais_tokenizer() {
        for (vocabulary, text, tokens) in [
            (Vocabulary::Cl100k, "hello world", 2),
            (Vocabulary::Cl100k, "rer", 1),
            (Vocabulary::Cl100k, "", 0),
            (Vocabulary::O200k, "hello world", 2),
            (Vocabulary::O200k, "0", 1),
        ] {
            assert_eq!(count(vocabulary, text), Some(tokens), "{text}");
        }
    }

    /// A million letters that no token holds, and a million spaces: what other encoders take minutes for or fail at.
    #[test]
    fn a_prompt_made_to_be_slow_is_counted() {
        for text in ["^".repeat(1_000_000), " ".repeat(1_000_000), "a".repeat(1_000_000)] {
            for vocabulary in [Vocabulary::Cl100k, Vocabulary::O200k] {
                assert!(count(vocabulary, &text).is_some_and(|tokens| (1..=1_000_000).contains(&tokens)));
            }
        }
    }
}
