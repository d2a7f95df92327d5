//! What a call consumed.

use serde::{Deserialize, Serialize};

use super::{Extra, Usd};

/// Tokens and other units one attempt consumed, in tokens of the model's own tokenizer.
///
/// Totals are inclusive: [`input_tokens`](Self::input_tokens) holds cache reads and writes,
/// [`output_tokens`](Self::output_tokens) holds reasoning, whatever the vendor's own habit. `None` means the vendor did
/// not say, which is not zero.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Every prompt token.
    pub input_tokens: Option<u64>,
    /// Every generated token.
    pub output_tokens: Option<u64>,
    /// Prompt tokens read from the provider's prompt cache; part of the input.
    pub cache_read_tokens: Option<u64>,
    /// Prompt tokens written to the provider's prompt cache, all lifetimes together; part of the input.
    pub cache_write_tokens: Option<u64>,
    /// Of [`cache_write_tokens`](Self::cache_write_tokens), those kept for an hour.
    pub cache_write_1h_tokens: Option<u64>,
    /// Reasoning tokens; part of the output.
    pub reasoning_tokens: Option<u64>,
    /// Sound in the prompt; part of the input.
    pub audio_input_tokens: Option<u64>,
    /// Sound in the answer; part of the output.
    pub audio_output_tokens: Option<u64>,
    /// Cached sound in the prompt; part of both the cache reads and the sound.
    pub audio_cache_read_tokens: Option<u64>,
    /// Pictures in the prompt; part of the input.
    pub image_input_tokens: Option<u64>,
    /// Pictures in the answer; part of the output.
    pub image_output_tokens: Option<u64>,
    /// Prompt tokens the vendor bills, where that is not what the model read: Cohere leaves out its own instructions and
    /// what it cached.
    pub billed_input_tokens: Option<u64>,
    /// Generated tokens the vendor bills, where that is not what the model wrote.
    pub billed_output_tokens: Option<u64>,
    /// Web searches the vendor ran.
    pub web_searches: Option<u64>,
    /// Searches of a reranker the vendor bills.
    pub searches: Option<u64>,
    /// What the provider says it charged.
    pub reported_cost: Option<Usd>,
    /// Fields without a name here.
    #[serde(skip_serializing_if = "Extra::is_empty")]
    pub extra: Extra,
}

impl Usage {
    /// Usage of `input` and `output` tokens and nothing else.
    pub fn of(input: u64, output: u64) -> Self {
        Self { input_tokens: Some(input), output_tokens: Some(output), ..Self::default() }
    }

    /// Input plus output, when both are known.
    pub fn total_tokens(&self) -> Option<u64> {
        self.input_tokens.zip(self.output_tokens).map(|(input, output)| input.saturating_add(output))
    }
}
