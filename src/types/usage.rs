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
    /// 1 where the vendor rested the answer on web searches: some bill that instead of every search.
    pub grounded_prompts: Option<u64>,
    /// 1 where the vendor rested the answer on its maps.
    pub map_prompts: Option<u64>,
    /// Pages the vendor fetched from the web; most bill nothing but their tokens.
    pub web_fetches: Option<u64>,
    /// Searches of files that lie with the vendor.
    pub file_searches: Option<u64>,
    /// Programs the vendor ran. Where it bills the time of their container the answer does not tell how long that was:
    /// see what the vendor's page here says of it.
    pub code_executions: Option<u64>,
    /// Uses of the vendor's tools that it bills by something the answer does not tell: containers by the minute, pictures
    /// by another model. Where there are any, the cost is unknown unless the vendor says it itself.
    pub unmeasured_uses: Option<u64>,
    /// Searches of a reranker the vendor bills.
    pub searches: Option<u64>,
    /// Characters of a text to be spoken, where the vendor bills those.
    pub input_characters: Option<u64>,
    /// Thousandths of a second of a recording, where the vendor bills its length.
    pub input_milliseconds: Option<u64>,
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

    /// This and `other` together. What only one of the two says is unknown of both, except for parts of a whole, which are
    /// then those of the one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let whole = |own: Option<u64>, more: Option<u64>| Some(own?.saturating_add(more?));
        let part = |own: Option<u64>, more: Option<u64>| match (own, more) {
            (None, None) => None,
            (own, more) => Some(own.unwrap_or(0).saturating_add(more.unwrap_or(0))),
        };
        Self {
            input_tokens: whole(self.input_tokens, other.input_tokens),
            output_tokens: whole(self.output_tokens, other.output_tokens),
            cache_read_tokens: part(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens: part(self.cache_write_tokens, other.cache_write_tokens),
            cache_write_1h_tokens: part(self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            reasoning_tokens: part(self.reasoning_tokens, other.reasoning_tokens),
            audio_input_tokens: part(self.audio_input_tokens, other.audio_input_tokens),
            audio_output_tokens: part(self.audio_output_tokens, other.audio_output_tokens),
            audio_cache_read_tokens: part(self.audio_cache_read_tokens, other.audio_cache_read_tokens),
            image_input_tokens: part(self.image_input_tokens, other.image_input_tokens),
            image_output_tokens: part(self.image_output_tokens, other.image_output_tokens),
            billed_input_tokens: whole(self.billed_input_tokens, other.billed_input_tokens),
            billed_output_tokens: whole(self.billed_output_tokens, other.billed_output_tokens),
            web_searches: part(self.web_searches, other.web_searches),
            grounded_prompts: part(self.grounded_prompts, other.grounded_prompts),
            map_prompts: part(self.map_prompts, other.map_prompts),
            web_fetches: part(self.web_fetches, other.web_fetches),
            file_searches: part(self.file_searches, other.file_searches),
            code_executions: part(self.code_executions, other.code_executions),
            unmeasured_uses: part(self.unmeasured_uses, other.unmeasured_uses),
            searches: part(self.searches, other.searches),
            input_characters: whole(self.input_characters, other.input_characters),
            input_milliseconds: whole(self.input_milliseconds, other.input_milliseconds),
            reported_cost: self
                .reported_cost
                .zip(other.reported_cost)
                .map(|(own, more)| [own, more].into_iter().sum()),
            extra: self.extra.clone(),
        }
    }

    /// Did the vendor run tools of its own for this?
    pub(crate) fn has_hosted_uses(&self) -> bool {
        [
            self.web_searches,
            self.grounded_prompts,
            self.map_prompts,
            self.web_fetches,
            self.file_searches,
            self.code_executions,
            self.unmeasured_uses,
        ]
        .into_iter()
        .any(|uses| uses.is_some_and(|uses| uses > 0))
    }

    /// Input plus output, when both are known.
    pub fn total_tokens(&self) -> Option<u64> {
        self.input_tokens.zip(self.output_tokens).map(|(input, output)| input.saturating_add(output))
    }
}
