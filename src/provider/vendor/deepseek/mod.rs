//! DeepSeek. What surprises about it is in `docs.md` beside this file.

use crate::protocol::chat_completions::{ChatCompletions, Dialect, Echo, Lacking, Reasoning};
use crate::protocol::responses::Responses;
use crate::provider::vendor::{Elsewhere, KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// DeepSeek's OpenAI-compatible API: <https://api-docs.deepseek.com/api/create-chat-completion> (collected 2026-11-22).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "deepseek",
    aliases: &[],
    title: "DeepSeek",
    base_url: "https://api.deepseek.com",
    base_url_env: None,
    key_env: &["DEEPSEEK_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&CHAT),
    also: &[&Responses::PLAIN],
    elsewhere: &[Elsewhere::messages(Some("https://api.deepseek.com/anthropic/v1"))],
    habits: Habits::UNKNOWN.cancelling(Cancelling::StopsBilling),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};

static CHAT: ChatCompletions = ChatCompletions::new(Dialect {
    reasoning: Reasoning::ThinkingType,
    echo: Echo::Fields(&["reasoning_content"]),
    lacks: &[
        Lacking::Choices,
        Lacking::JsonSchema,
        Lacking::Metadata,
        Lacking::Seed,
        Lacking::ServiceTier,
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
    use crate::types::{ChatRequest, Effort, Message, Part, ResponseFormat, Role};

    fn written(request: &ChatRequest) -> Result<Value> {
        let encoded = CHAT.encode_chat(request, EncodeFor::new(BUILTIN.name, "m", Mode::Stream))?;
        Ok(serde_json::from_slice(&encoded.body).unwrap())
    }

    #[test]
    fn reasoning_is_switched_off_and_sent_back_its_way() {
        let earlier = [Part::from(crate::types::Reasoning::new("why")), Part::text("x")];
        let ask = ChatRequest::new("deepseek/m")
            .user("a")
            .message(Message::new(Role::Assistant, earlier))
            .user("b");

        let body = written(&ask.reasoning(Effort::None)).unwrap();

        assert_eq!(body["thinking"], json!({"type": "disabled"}));
        assert_eq!(body["messages"][1]["reasoning_content"], "why");
    }

    #[test]
    fn a_schema_is_refused_rather_than_weakened() {
        let ask = ChatRequest::from(("deepseek/m", "hi"));

        let error =
            written(&ask.clone().response_format(ResponseFormat::json_schema("s", json!({})))).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("deepseek"), "{}", error.message());
        assert!(written(&ask.response_format(ResponseFormat::JsonObject)).is_ok());
    }
}
