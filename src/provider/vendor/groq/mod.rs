//! Groq. What surprises about it is in `docs.md` beside this file.

use crate::protocol::SchemaRules;
use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning, TokenLimit};
use crate::protocol::media::{OpenAiSpeech, OpenAiTranscriptions};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Groq's OpenAI-compatible API: <https://console.groq.com/docs/openai> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "groq",
    aliases: &[],
    title: "Groq",
    base_url: "https://api.groq.com/openai/v1",
    base_url_env: Some("GROQ_BASE_URL"),
    key_env: &["GROQ_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    speech: Some(&OpenAiSpeech),
    transcripts: Some(&OpenAiTranscriptions),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    schema: SchemaRules::OpenAi,
    token_limit: TokenLimit::MaxCompletionTokens,
    reasoning: Reasoning::Effort,
    echo: Echo::Never,
    lacks: &[
        Lacking::Choices,
        Lacking::Logprobs,
        Lacking::MessageName,
        Lacking::Metadata,
        Lacking::Refusal,
        Lacking::ToolMedia,
        Lacking::TopK,
    ],
    ..Dialect::PLAIN
});

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::{ErrorKind, Result};
    use crate::protocol::{EncodeFor, Mode, Protocol as _};
    use crate::types::{ChatRequest, Message, Part, Role};

    fn written(request: &ChatRequest) -> Result<Value> {
        let encoded = CHAT.encode_chat(request, EncodeFor::new(BUILTIN.name, "m", Mode::Stream))?;
        Ok(serde_json::from_slice(&encoded.body).unwrap())
    }

    #[test]
    fn what_it_answers_400_to_is_refused_or_left_out() {
        let mut earlier =
            Message::new(Role::Assistant, [Part::from(crate::types::Reasoning::new("why")), Part::text("x")]);
        earlier.name = Some("Ada".into());
        let ask = ChatRequest::new("groq/m").user("a").message(earlier).user("b");

        let body = written(&ask).unwrap();

        assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "x"}));
        assert_eq!(written(&ask.clone().n(2)).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(written(&ask.logprobs(0)).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
