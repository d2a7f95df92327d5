//! The three formats, each with a small answer written by hand, and clients that speak them to the sandbox.

use polyroute::provider::Limits;
use polyroute::resilience::RetryPolicy;
use polyroute::testing::Sandbox;
use polyroute::{ChatRequest, ChatResponse, Client, ClientBuilder, Result, Route, Settings};
use std::time::Duration;

/// A wire format, by the vendor that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OpenAi,
    Anthropic,
    Google,
}

/// Whole or streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Whole,
    Stream,
}

pub const FORMATS: [Format; 3] = [Format::OpenAi, Format::Anthropic, Format::Google];
pub const MODES: [Mode; 2] = [Mode::Whole, Mode::Stream];

/// What the small answers say.
pub const SAID: &str = "Paris, of course.";

impl Format {
    pub fn vendor(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
        }
    }

    /// A whole answer; `usage` is the JSON of the format's token counts, `None` leaves it as it should be.
    pub fn whole(self, usage: Option<&str>) -> String {
        let usage = usage.unwrap_or(match self {
            Self::OpenAi => r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#,
            Self::Anthropic => r#"{"input_tokens":9,"output_tokens":4}"#,
            Self::Google => r#"{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13}"#,
        });
        match self {
            Self::OpenAi => format!(
                r#"{{"id":"c1","object":"chat.completion","model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{SAID}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
            ),
            Self::Anthropic => format!(
                r#"{{"id":"m1","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{SAID}"}}],"stop_reason":"end_turn","usage":{usage}}}"#
            ),
            Self::Google => format!(
                r#"{{"responseId":"g1","modelVersion":"m","candidates":[{{"index":0,"content":{{"role":"model","parts":[{{"text":"{SAID}"}}]}},"finishReason":"STOP"}}],"usageMetadata":{usage}}}"#
            ),
        }
    }

    /// A streamed answer as its events, framed.
    pub fn events(self, usage: Option<&str>) -> Vec<String> {
        let (first, second) = SAID.split_at(6);
        match self {
            Self::OpenAi => {
                let usage = usage.unwrap_or(r#"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}"#);
                let chunk = |rest: String| {
                    format!(
                        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",{rest}}}\n\n"
                    )
                };
                vec![
                    chunk(r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]"#.into()),
                    chunk(format!(r#""choices":[{{"index":0,"delta":{{"content":"{first}"}},"finish_reason":null}}]"#)),
                    chunk(format!(r#""choices":[{{"index":0,"delta":{{"content":"{second}"}},"finish_reason":null}}]"#)),
                    chunk(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#.into()),
                    chunk(format!(r#""choices":[],"usage":{usage}"#)),
                    "data: [DONE]\n\n".into(),
                ]
            }
            Self::Anthropic => {
                let usage = usage.unwrap_or(r#"{"input_tokens":9,"output_tokens":4}"#);
                let event = |name: &str, rest: String| {
                    format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n")
                };
                let delta = |text: &str| {
                    event(
                        "content_block_delta",
                        format!(r#","index":0,"delta":{{"type":"text_delta","text":"{text}"}}"#),
                    )
                };
                vec![
                    event(
                        "message_start",
                        r#","message":{"id":"m1","type":"message","role":"assistant","model":"m","content":[]}"#
                            .into(),
                    ),
                    event(
                        "content_block_start",
                        r#","index":0,"content_block":{"type":"text","text":""}"#.into(),
                    ),
                    delta(first),
                    delta(second),
                    event("content_block_stop", r#","index":0"#.into()),
                    event(
                        "message_delta",
                        format!(r#","delta":{{"stop_reason":"end_turn"}},"usage":{usage}"#),
                    ),
                    event("message_stop", String::new()),
                ]
            }
            Self::Google => {
                let usage = usage
                    .unwrap_or(r#"{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13}"#);
                let piece = |text: &str, rest: String| {
                    format!(
                        "data: {{\"responseId\":\"g1\",\"modelVersion\":\"m\",\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"{text}\"}}]}}{rest}}}\r\n\r\n"
                    )
                };
                vec![
                    piece(first, "}]".into()),
                    piece(second, format!(r#","finishReason":"STOP"}}],"usageMetadata":{usage}"#)),
                ]
            }
        }
    }

    /// Events that ask for a tool: the name, then its arguments.
    pub fn tool_events(self, index: &str) -> Vec<String> {
        match self {
            Self::OpenAi => vec![
                format!(
                    "data: {{\"id\":\"c1\",\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{index},\"id\":\"t\",\"type\":\"function\",\"function\":{{\"name\":\"f\",\"arguments\":\"{{}}\"}}}}]}},\"finish_reason\":\"tool_calls\"}}]}}\n\n"
                ),
                "data: [DONE]\n\n".into(),
            ],
            Self::Anthropic => vec![
                format!(
                    "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{{}}}}}}\n\n"
                ),
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".into(),
            ],
            Self::Google => vec![format!(
                "data: {{\"candidates\":[{{\"index\":{index},\"content\":{{\"parts\":[{{\"functionCall\":{{\"name\":\"f\",\"args\":{{}}}}}}]}},\"finishReason\":\"STOP\"}}]}}\n\n"
            )],
        }
    }
}

/// The key of the target `name`.
pub fn key(name: &str) -> String {
    format!("sk-canary-of-{name}")
}

/// Room for the largest honest answer of these tests, and little more.
pub fn small_limits() -> Limits {
    Limits::new(1 << 20, 1 << 20, 1 << 21)
}

/// The vendor of `format` under the name `name`, at the sandbox.
pub fn settings(format: Format, name: &str, sandbox: &Sandbox) -> Settings {
    Settings::vendor(format.vendor())
        .name(name)
        .api_key(key(name))
        .base_url(sandbox.vendor(name).url())
        .limits(small_limits())
}

/// A builder whose pauses cost a test nothing.
pub fn quick() -> ClientBuilder {
    let millisecond = Duration::from_millis(1);
    Client::builder().seed(7).retry(RetryPolicy::default().pauses(millisecond, millisecond))
}

/// The targets `bad/m` and `good/m`, and the route `route` over both.
pub fn two_targets(format: Format, sandbox: &Sandbox) -> ClientBuilder {
    let prices =
        format!(r#"{{"models":[{{"provider":"{}","id":"m","input":"2","output":"8"}}]}}"#, format.vendor());
    quick()
        .vendor(settings(format, "bad", sandbox))
        .vendor(settings(format, "good", sandbox))
        .route("route", Route::ordered(["bad/m", "good/m"]))
        .prices_json(&prices)
}

/// Asks, and folds what is streamed.
pub async fn ask(client: &Client, mode: Mode, request: impl Into<ChatRequest>) -> Result<ChatResponse> {
    match mode {
        Mode::Whole => client.chat(request).await,
        Mode::Stream => client.chat_stream(request).await?.into_response().await,
    }
}
