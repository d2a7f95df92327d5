//! Mistral. What surprises about it is in `docs.md` beside this file.

use crate::protocol::EmbedLimit;
use crate::protocol::chat_completions::{
    ChatCompletions, Dialect, Documents, Echo, Lacking, Reasoning, SeedField, StreamUsage, ToolCallIds,
};
use crate::protocol::embeddings::{DimensionsField, OpenAiEmbeddings};
use crate::protocol::media::{OpenAiModerations, OpenAiTranscriptions};
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits, Prefill};
use crate::types::Effort;

/// Mistral's OpenAI-compatible API: <https://docs.mistral.ai/api/> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "mistral",
    aliases: &[],
    title: "Mistral",
    base_url: "https://api.mistral.ai/v1",
    base_url_env: None,
    key_env: &["MISTRAL_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    embed: Some(&EMBEDDINGS),
    // "prefix" of an assistant message: <https://docs.mistral.ai/api/> (collected 2026-11-22).
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd).prefill(Prefill::Marked("prefix")),
    transcripts: Some(&OpenAiTranscriptions),
    moderations: Some(&OpenAiModerations),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    seed: SeedField::RandomSeed,
    reasoning: Reasoning::Words(&[Effort::None, Effort::High]),
    echo: Echo::Blocks,
    stream_usage: StreamUsage::Always,
    required_tool: Some("any"),
    tool_call_ids: ToolCallIds::NineAlphanumeric,
    documents: Documents::DocumentUrl,
    lacks: &[
        Lacking::Logprobs,
        Lacking::MessageName,
        Lacking::Refusal,
        Lacking::ServiceTier,
        Lacking::TopK,
        Lacking::User,
    ],
    ..Dialect::PLAIN
});

static EMBEDDINGS: OpenAiEmbeddings =
    OpenAiEmbeddings::new(DimensionsField::OutputDimension).limit(EmbedLimit::NONE.tokens(16_000));

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::{ErrorKind, Result};
    use crate::protocol::{EncodeFor, Mode, Protocol as _};
    use crate::types::{ChatRequest, Tool, ToolChoice};

    fn written(request: &ChatRequest) -> Result<Value> {
        let encoded = CHAT.encode_chat(request, EncodeFor::new(BUILTIN.name, "m", Mode::Stream))?;
        Ok(serde_json::from_slice(&encoded.body).unwrap())
    }

    #[test]
    fn seed_and_forced_tool_are_spelled_its_way() {
        let ask = ChatRequest::from(("mistral/m", "hi")).seed(7).reasoning(Effort::Low);
        let ask = ask.tool(Tool::function("f", "d", json!({}))).tool_choice(ToolChoice::Required);

        let body = written(&ask).unwrap();

        assert_eq!((&body["random_seed"], &body["tool_choice"]), (&json!(7), &json!("any")));
        assert_eq!((&body["reasoning_effort"], &body["stream_options"]), (&json!("high"), &Value::Null));
        assert_eq!(written(&ask.logprobs(1)).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
