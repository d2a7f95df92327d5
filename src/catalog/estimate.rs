//! How many tokens a request has, before it is sent.
//!
//! Nobody but the vendor can say for certain: vocabularies, templates and the way tools are written into the prompt are
//! its own. With the feature `tokenizer` the texts of requests to OpenAI's models are counted in the models' own
//! vocabularies. Otherwise bytes are counted. What that is worth was measured on recorded exchanges with their vendors: the
//! tokens of the request, estimated from the recorded body, against the input tokens the answer reports. Requests with
//! pictures, built-in tools, stored conversations or replayed reasoning are left out, because their tokens are not in
//! the body. Most of the recorded prompts are shorter than 400 tokens, where a vendor's template of a hundred tokens is
//! most of the error; the error of a long prompt is that of its text.
//!
//! *Error* is expected ÷ reported − 1. *Within* says for how many of the prompts the reported number lies between
//! [`least`](TokenEstimate::least) and [`most`](TokenEstimate::most). *Counted* are the prompts for OpenAI's models, at
//! whatever vendor, with the feature `tokenizer`; what is left of their error is hidden instructions and the way tools are
//! written.
//!
//! <!-- measured -->
//! | vendor | prompts | median error | middle four fifths | within |
//! |---|--:|--:|--:|--:|
//! | all | 424 | -18 % | -84 % to +75 % | 402 |
//! | anthropic | 29 | -53 % | -85 % to +49 % | 26 |
//! | azure | 14 | -16 % | -50 % to +10 % | 14 |
//! | bedrock | 27 | -62 % | -92 % to +0 % | 25 |
//! | bedrock_mantle | 5 | -90 % | -94 % to -87 % | 3 |
//! | cerebras | 5 | -42 % | -85 % to +988 % | 4 |
//! | cohere | 19 | -87 % | -98 % to -68 % | 14 |
//! | copilot | 13 | +88 % | -67 % to +124 % | 13 |
//! | counted | 100 | +0 % | -71 % to +39 % | 100 |
//! | crusoe | 2 | +0 % | -74 % to +0 % | 2 |
//! | deepseek | 30 | -25 % | -48 % to +23 % | 30 |
//! | doubleword | 19 | -35 % | -45 % to -14 % | 19 |
//! | gemini | 13 | +68 % | +16 % to +180 % | 13 |
//! | gemini_openai | 1 | +337 % | +337 % to +337 % | 1 |
//! | gpustack | 4 | +19 % | -57 % to +180 % | 4 |
//! | groq | 14 | -5 % | -100 % to +58 % | 12 |
//! | heroku | 1 | -22 % | -22 % to -22 % | 1 |
//! | huggingface | 4 | +882 % | -75 % to +3403 % | 3 |
//! | llamacpp | 19 | -8 % | -36 % to +11 % | 19 |
//! | mistral | 34 | +16 % | -50 % to +89 % | 33 |
//! | mistralrs | 5 | +5 % | +0 % to +20 % | 5 |
//! | ollama | 28 | +15 % | -23 % to +34 % | 28 |
//! | openai | 42 | -13 % | -55 % to +158 % | 42 |
//! | openrouter | 41 | -29 % | -70 % to +131 % | 40 |
//! | perplexity | 5 | +50 % | -4 % to +71 % | 5 |
//! | pydantic_gateway | 2 | +57 % | -22 % to +57 % | 2 |
//! | snowflake | 6 | -71 % | -99 % to -34 % | 5 |
//! | venice | 12 | -76 % | -100 % to +28 % | 10 |
//! | vertex | 15 | +69 % | -86 % to +636 % | 14 |
//! | xai | 12 | -17 % | -68 % to -10 % | 12 |
//! | zai | 3 | -65 % | -65 % to -47 % | 3 |
//! <!-- end -->

use serde::{Deserialize, Serialize};

use super::Vocabulary;
use crate::types::{ChatRequest, MediaSource, Part, ResponseFormat, Tool};

/// How many tokens a prompt has: a range and the likeliest.
///
/// ```
/// use polyroute::ChatRequest;
/// use polyroute::catalog::TokenEstimate;
///
/// let request = ChatRequest::from(("openai/gpt-4.1", "What is the capital of France?"));
/// let estimate = TokenEstimate::of_chat(&request);
/// assert!(estimate.least <= estimate.expected && estimate.expected <= estimate.most);
/// assert_eq!(estimate.expected, 11);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenEstimate {
    /// Fewer it does not have: for ruling a context window out.
    pub least: u64,
    /// About as many it has: for expecting a cost.
    pub expected: u64,
    /// More it hardly has: for reserving.
    pub most: u64,
}

impl TokenEstimate {
    /// Of a prompt whose tokens were counted.
    pub const fn exact(tokens: u64) -> Self {
        Self { least: tokens, expected: tokens, most: tokens }
    }

    /// Of a chat, from its bytes: four to a token, four tokens for each message and a hundred where tools are offered.
    /// Pictures, files and sound count with what vendors document for common sizes and are not in the table above.
    pub fn of_chat(request: &ChatRequest) -> Self {
        Content::of(request, None).estimate()
    }

    /// Of a chat with `model`, as its provider names it. With the feature `tokenizer` the texts for OpenAI's models are
    /// counted; a chat of nothing but text is then known to a few tokens, and what is offered beside it, tools and pictures,
    /// is estimated. Otherwise as [`of_chat`](Self::of_chat).
    pub fn of_chat_with(request: &ChatRequest, model: &str) -> Self {
        let vocabulary = Vocabulary::of_model(model).filter(|_| Vocabulary::is_built_in());
        Content::of(request, vocabulary).estimate()
    }

    /// Of texts that are read one by one, such as those to be turned into vectors.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (texts, bytes) = texts.into_iter().fold((0_u64, 0_u64), |(texts, bytes), text| {
            (texts + 1, bytes.saturating_add(count(text.len())))
        });
        Self {
            least: bytes / BYTES_OF_LONG_TOKENS,
            expected: bytes / BYTES_PER_TOKEN,
            most: (bytes / BYTES_OF_SHORT_TOKENS).saturating_add(texts.saturating_mul(4)),
        }
    }
}

/// A prompt in the vocabularies its targets read with, where it was counted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// In `cl100k_base`.
    pub cl100k: Option<TokenEstimate>,
    /// In `o200k_base`.
    pub o200k: Option<TokenEstimate>,
}

impl Counted {
    /// Counted nowhere.
    pub const NOT: Self = Self { cl100k: None, o200k: None };

    /// A chat in those of `vocabularies` that are built in.
    pub fn chat(request: &ChatRequest, vocabularies: impl IntoIterator<Item = Vocabulary>) -> Self {
        Self::by(vocabularies, |vocabulary| Content::of(request, Some(vocabulary)).estimate())
    }

    /// Texts that are read one by one in those of `vocabularies` that are built in. The least is that of the longest text:
    /// a window holds one of them.
    pub fn texts(texts: &[&str], vocabularies: impl IntoIterator<Item = Vocabulary>) -> Self {
        Self::by(vocabularies, |vocabulary| {
            texts.iter().fold(TokenEstimate::default(), |known, text| {
                let tokens = vocabulary.count(text).unwrap_or(0);
                let sum = known.expected.saturating_add(tokens);
                TokenEstimate { least: known.least.max(tokens), expected: sum, most: sum }
            })
        })
    }

    fn by(
        vocabularies: impl IntoIterator<Item = Vocabulary>,
        count: impl Fn(Vocabulary) -> TokenEstimate,
    ) -> Self {
        let mut counted = Self::NOT;
        for vocabulary in vocabularies.into_iter().filter(|_| Vocabulary::is_built_in()) {
            let place = match vocabulary {
                Vocabulary::Cl100k => &mut counted.cl100k,
                Vocabulary::O200k => &mut counted.o200k,
            };
            place.get_or_insert_with(|| count(vocabulary));
        }
        counted
    }

    /// In this vocabulary, if it was counted there.
    pub fn of(&self, vocabulary: Option<Vocabulary>) -> Option<TokenEstimate> {
        match vocabulary? {
            Vocabulary::Cl100k => self.cl100k,
            Vocabulary::O200k => self.o200k,
        }
    }
}

/// What there is to count.
#[derive(Default)]
struct Content {
    /// Counts tokens instead of bytes.
    vocabulary: Option<Vocabulary>,
    messages: u64,
    /// Bytes, or tokens.
    text: u64,
    tools: u64,
    /// Of tools and of the schema of the answer; bytes, or tokens.
    schemas: u64,
    /// Of pictures, files and sound.
    media: u64,
}

impl Content {
    fn of(request: &ChatRequest, vocabulary: Option<Vocabulary>) -> Self {
        let mut content = Self { vocabulary, ..Self::default() };
        for message in &request.messages {
            content.messages += 1;
            message.parts.iter().for_each(|part| content.add(part));
        }
        for tool in &request.tools {
            content.tools += 1;
            content.schemas = content.schemas.saturating_add(content.tool(tool));
        }
        if let Some(ResponseFormat::JsonSchema { schema, .. }) = &request.response_format {
            content.schemas = content.schemas.saturating_add(content.length(schema.as_str()));
        }
        content
    }

    fn add(&mut self, part: &Part) {
        match part {
            Part::Text(text) => self.text(&text.text),
            Part::Refusal(refusal) => self.text(&refusal.text),
            Part::ToolCall(call) => {
                self.text(&call.name);
                self.text(&call.arguments);
            }
            Part::ToolResult(result) => result.content.iter().for_each(|part| self.add(part)),
            Part::Image(_) => self.media += PICTURE,
            Part::Document(document) => {
                self.media += (base64_bytes(&document.source) / PAGE_BYTES + 1) * PAGE
            }
            Part::Audio(audio) => self.media += base64_bytes(&audio.source) / SOUND_BYTES_PER_TOKEN,
            Part::Video(video) => self.media += base64_bytes(&video.source) / FILM_BYTES_PER_TOKEN,
            // Earlier reasoning is left out by most vendors when they count.
            Part::Reasoning(_) | Part::Opaque(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.text = self.text.saturating_add(self.length(text));
    }

    /// In bytes, or tokens.
    fn length(&self, text: &str) -> u64 {
        self.vocabulary
            .and_then(|vocabulary| vocabulary.count(text))
            .unwrap_or_else(|| u64::try_from(text.len()).unwrap_or(u64::MAX))
    }

    fn tool(&self, tool: &Tool) -> u64 {
        let description = tool.description.as_deref().map_or(0, |text| self.length(text));
        let schema = tool.parameters.as_ref().map_or(0, |schema| self.length(schema.as_str()));
        self.length(&tool.name).saturating_add(description).saturating_add(schema)
    }

    fn estimate(self) -> TokenEstimate {
        let tools = u64::from(self.tools > 0);
        if self.vocabulary.is_some() {
            return self.counted(tools);
        }
        let bytes = self.text.saturating_add(self.schemas);
        let most = (bytes / BYTES_OF_SHORT_TOKENS)
            .saturating_add(self.messages.saturating_mul(MOST_PER_MESSAGE))
            .saturating_add(MOST_TEMPLATE)
            .saturating_add(tools * MOST_FOR_TOOLS)
            .saturating_add(self.media.saturating_mul(3));
        let expected = (bytes / BYTES_PER_TOKEN)
            .saturating_add(self.messages.saturating_mul(PER_MESSAGE))
            .saturating_add(tools * FOR_TOOLS)
            .saturating_add(self.media);
        TokenEstimate { least: self.text / BYTES_OF_LONG_TOKENS, expected, most }
    }

    fn counted(self, tools: u64) -> TokenEstimate {
        let text = self.text.saturating_add(self.messages.saturating_mul(PER_MESSAGE)).saturating_add(ANSWER);
        let expected = text
            .saturating_add(self.schemas)
            .saturating_add(tools * FOR_COUNTED_TOOLS)
            .saturating_add(self.media);
        let most = text
            .saturating_add(self.schemas.saturating_mul(2))
            .saturating_add(tools * MOST_FOR_COUNTED_TOOLS)
            .saturating_add(self.messages)
            .saturating_add(self.media.saturating_mul(3))
            .saturating_add(MOST_COUNTED_TEMPLATE);
        TokenEstimate { least: self.text, expected, most }
    }
}

fn base64_bytes(source: &MediaSource) -> u64 {
    match source {
        MediaSource::Base64 { data, .. } => count(data.len()) / 4 * 3,
        MediaSource::Url(_) | MediaSource::FileId(_) => 0,
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What opens the answer: <https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken_for_chat>
/// (read 2026-11-26), which gives each message three tokens and its role's one as well.
const ANSWER: u64 = 3;
/// What introduces tools that were counted.
const FOR_COUNTED_TOOLS: u64 = 12;
/// GPT-5 mini's instructions for the use of tools are the longest seen.
const MOST_FOR_COUNTED_TOOLS: u64 = 320;
/// Some vendors begin with a few lines that nobody sees: gpt-oss with 67 tokens, Copilot with 88.
const MOST_COUNTED_TEMPLATE: u64 = 128;
const BYTES_PER_TOKEN: u64 = 4;
/// The longest tokens of common vocabularies are runs of white space; ordinary text never averages ten bytes.
const BYTES_OF_LONG_TOKENS: u64 = 10;
/// Scripts of three bytes a letter and long numbers come near this.
const BYTES_OF_SHORT_TOKENS: u64 = 2;
const PER_MESSAGE: u64 = 4;
const MOST_PER_MESSAGE: u64 = 16;
/// What vendors put before every prompt: xAI up to two hundred tokens, Cohere as many.
const MOST_TEMPLATE: u64 = 256;
const FOR_TOOLS: u64 = 100;
/// Cohere's instructions for the use of tools are the longest seen.
const MOST_FOR_TOOLS: u64 = 1_500;
/// A picture of a megapixel: <https://platform.claude.com/docs/en/build-with-claude/vision> (read 2026-11-23).
const PICTURE: u64 = 1_334;
/// Text and picture of a page: <https://platform.claude.com/docs/en/build-with-claude/pdf-support> (read 2026-11-23).
const PAGE: u64 = 3_000;
const PAGE_BYTES: u64 = 50_000;
/// 32 tokens a second at 128 kbit/s: <https://ai.google.dev/gemini-api/docs/audio> (read 2026-11-23).
const SOUND_BYTES_PER_TOKEN: u64 = 500;
/// 300 tokens a second at 1 Mbit/s: <https://ai.google.dev/gemini-api/docs/video-understanding> (seen in a copy).
const FILM_BYTES_PER_TOKEN: u64 = 400;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::{Message, Role};

    #[test]
    fn every_kind_of_content_counts() {
        let plain = TokenEstimate::of_chat(&ChatRequest::from(("p/m", "x".repeat(400))));
        assert_eq!(plain, TokenEstimate { least: 40, expected: 104, most: 472 });

        let tool = Tool::function("f", "d".repeat(99), json!({}));
        let tools = TokenEstimate::of_chat(&ChatRequest::from(("p/m", "x".repeat(400))).tool(tool));
        assert_eq!((tools.least, tools.expected), (40, 229));

        let picture = Message::new(Role::User, [Part::image_bytes("image/png", vec![0; 9])]);
        let pictures = TokenEstimate::of_chat(&ChatRequest::new("p/m").message(picture));
        assert_eq!((pictures.least, pictures.expected), (0, 1_338));
    }

    #[test]
    fn texts_are_counted_together() {
        let texts = TokenEstimate::of_texts(["x".repeat(40).as_str(), "y".repeat(40).as_str()]);

        assert_eq!(texts, TokenEstimate { least: 8, expected: 20, most: 48 });
        assert_eq!(TokenEstimate::of_texts([]), TokenEstimate::default());
    }
}
