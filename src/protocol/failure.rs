//! What an error body says, and what kind of error that is.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// An error as a vendor words it, whatever the format.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct WireFailure {
    /// The status named in the body, where there is one.
    pub status: Option<u16>,
    /// The machine-readable code, for example `context_length_exceeded`.
    pub code: Option<String>,
    /// The machine-readable type, for example `invalid_request_error`.
    pub error_type: Option<String>,
    /// The sentence. Treat it as user data.
    pub message: Option<String>,
    /// The field of the request that is wrong, in the vendor's spelling, for example `response_format`.
    pub field: Option<String>,
    /// The machine-readable reason among Google's details, for example `API_KEY_INVALID`.
    pub reason: Option<String>,
    /// How long to wait, where the body says so.
    pub retry_after: Option<Duration>,
}

impl WireFailure {
    /// Reads any of the shapes in use: `{"error": {..}}`, `{"error": ".."}`, `{"message": ..}`, `{"detail": ..}`,
    /// Google's array around the first. Anything else, HTML included, gives an empty failure.
    pub fn parse(body: &[u8]) -> Self {
        serde_json::from_slice::<Value>(body).map(|value| Self::from_value(&value)).unwrap_or_default()
    }

    /// As [`parse`](Self::parse), of JSON already read.
    pub fn from_value(value: &Value) -> Self {
        let outer = match value {
            Value::Array(items) => items.first().unwrap_or(value),
            _ => value,
        };
        let inner = match outer.get("error") {
            Some(error @ Value::Object(_)) => error,
            // IBM lists them.
            _ => match outer.get("errors").and_then(Value::as_array).and_then(|errors| errors.first()) {
                Some(error @ Value::Object(_)) => error,
                _ => outer,
            },
        };
        let code = inner.get("code").or_else(|| outer.get("code"));
        let message = [inner.get("message"), outer.get("error"), outer.get("detail"), outer.get("message")]
            .into_iter()
            .flatten()
            .find_map(sentence);
        Self {
            status: code
                .and_then(status_of)
                .or_else(|| inner.get("status").and_then(status_of))
                .or_else(|| outer.get("raw_status_code").and_then(status_of)),
            code: code.and_then(word),
            error_type: inner
                .get("type")
                .and_then(word)
                .or_else(|| inner.get("status").and_then(Value::as_str).map(str::to_owned))
                .or_else(|| outer.get("type").and_then(word)),
            message,
            field: field(inner),
            reason: reason(inner),
            retry_after: retry_info(inner),
        }
    }

    /// What kind of error this is, under HTTP `status`; 200 means the error came inside an answer.
    ///
    /// The vendor's code and type decide where they are precise. Several vendors say only in prose that a prompt is
    /// too long or a key is bad; the phrases known for that are a closed list below, with their source.
    pub fn kind(&self, status: u16) -> ErrorKind {
        let status = if status < 400 { self.status.unwrap_or_else(|| self.implied_status()) } else { status };
        match status {
            401 => ErrorKind::Authentication,
            400 | 403 | 429 if self.says(NO_QUOTA) => ErrorKind::QuotaExhausted,
            400 | 403 | 422 if self.says(BAD_KEY) => ErrorKind::Authentication,
            400 if self.says(WRONG_PLACE) => ErrorKind::Permission,
            400 | 413 if self.says(TOO_FAST) => ErrorKind::RateLimited,
            400 | 413 | 422 if self.says(TOO_LONG) => ErrorKind::ContextTooLong,
            400 | 422 if self.says(FILTERED) => ErrorKind::ContentFiltered,
            400 if self.says(UNKNOWN_MODEL) => ErrorKind::ModelNotFound,
            other => ErrorKind::from_status(other),
        }
    }

    /// Makes the error; `status` is the HTTP status, 200 when the error came inside an answer.
    pub fn into_error(self, status: u16) -> Error {
        let kind = self.kind(status);
        let what = match kind {
            ErrorKind::Authentication => self.explain_key(),
            ErrorKind::ContextTooLong if status == 413 && !self.says(TOO_LONG) => {
                "the request is larger than the provider takes; send pictures and files by address, or make them smaller"
            }
            ErrorKind::InvalidRequest if self.says(BAD_SCHEMA) => BAD_SCHEMA_ADVICE,
            other => explain(other),
        };
        let mut error = Error::new(kind, what).with_status(status);
        if let Some(field) = self.field.as_deref().filter(|_| kind == ErrorKind::InvalidRequest) {
            error = error.with_hint(&format!("the field is {field}"));
        }
        if let Some(code) = self.code.as_deref().or(self.error_type.as_deref()) {
            error = error.with_provider_code(code);
        }
        if let Some(wait) = self.retry_after {
            error = error.with_retry_after(wait);
        }
        match self.message {
            Some(message) => error.with_provider_message(message),
            None => error,
        }
    }

    /// The status that a type implies, for errors inside an answer that was begun with 200.
    fn implied_status(&self) -> u16 {
        let named = |name: &str| {
            self.error_type.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
                || self.code.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        STATUS_OF_TYPE
            .iter()
            .find(|(_, names)| names.iter().any(|name| named(name)))
            .map_or(500, |(status, _)| *status)
    }

    /// Why a key, token or signature is not accepted, as far as it is said.
    fn explain_key(&self) -> &'static str {
        if self.says(CLOCK_OFF) {
            "the provider does not accept the time of the signature: set this machine's clock, it is more than five \
             minutes off"
        } else if self.says(BAD_SIGNATURE) {
            "the provider does not accept the signature: the secret key is wrong, or the region is not the address's"
        } else if self.says(EXPIRED) {
            "the key or token has expired; renew it"
        } else {
            explain(ErrorKind::Authentication)
        }
    }

    fn says(&self, signs: &[Sign]) -> bool {
        let message = self.message.as_deref().map(str::to_ascii_lowercase).unwrap_or_default();
        signs.iter().any(|sign| match sign {
            Sign::Code(word) => [&self.code, &self.error_type, &self.reason]
                .into_iter()
                .flatten()
                .any(|own| own.to_ascii_lowercase().contains(word)),
            Sign::Opening(words) => message.starts_with(words),
            Sign::Words(words) => words.iter().all(|word| message.contains(word)),
        })
    }
}

/// How a kind of error is recognised; everything in lower case.
enum Sign {
    /// Part of the code, the type or the reason. Short and common words belong here.
    Code(&'static str),
    /// How the message begins. For words that a prompt, quoted in an error about something else, may hold as well.
    Opening(&'static str),
    /// All of these, anywhere in the message: a sentence that only the vendor writes.
    Words(&'static [&'static str]),
}

impl fmt::Debug for WireFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireFailure({:?}, {:?}, {:?})", self.status, self.code, self.error_type)
    }
}

/// What to do about it, in our own words.
fn explain(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Authentication => "the provider does not accept the key",
        ErrorKind::Permission => "the key may not do this; check the project's and the model's access",
        ErrorKind::QuotaExhausted => "the account's balance or plan is used up",
        ErrorKind::RateLimited => "too many requests or tokens for the moment",
        ErrorKind::ModelNotFound => "the provider does not know the model, or the key has no access to it",
        ErrorKind::ContextTooLong => "the prompt does not fit the model's context window",
        ErrorKind::ContentFiltered => "the provider's content policy stopped the request",
        ErrorKind::Overloaded => "the provider is overloaded",
        ErrorKind::Timeout => "the provider's backend took too long",
        ErrorKind::InvalidRequest => "the provider refused the request; provider_message() has its sentence",
        ErrorKind::Configuration
        | ErrorKind::Connection
        | ErrorKind::DeadlineExceeded
        | ErrorKind::Internal
        | ErrorKind::ShutDown
        | ErrorKind::InvalidResponse
        | ErrorKind::NoRoute
        | ErrorKind::Storage
        | ErrorKind::Server
        | ErrorKind::Tls
        | ErrorKind::Truncated
        | ErrorKind::BudgetExceeded
        | ErrorKind::LimitExceeded
        | ErrorKind::StoreUnavailable
        | ErrorKind::Unsupported => "the provider failed",
    }
}

fn status_of(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// FastAPI servers answer `detail` with a list of objects that hold a `msg`.
fn sentence(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first()?.get("msg")?.as_str().map(str::to_owned),
        Value::Object(fields) => fields.get("message")?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Google's `ErrorInfo`: <https://cloud.google.com/apis/design/errors#error_info> (read 2026-11-23).
fn reason(error: &Value) -> Option<String> {
    let details = error.get("details")?.as_array()?;
    details.iter().find_map(|detail| detail.get("reason")?.as_str()).map(str::to_owned)
}

/// OpenAI's `param`, and Google's `BadRequest`: <https://cloud.google.com/apis/design/errors#error_details> (read
/// 2026-11-23). A path of names and numbers; anything else is somebody's text.
fn field(error: &Value) -> Option<String> {
    let violations = || {
        let details = error.get("details")?.as_array()?;
        details.iter().find_map(|detail| detail.pointer("/fieldViolations/0/field")?.as_str())
    };
    let field = error.get("param").and_then(Value::as_str).or_else(violations)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    (!field.is_empty() && field.len() <= 100 && field.bytes().all(plain)).then(|| field.to_owned())
}

/// Google's `RetryInfo`: <https://cloud.google.com/apis/design/errors#error_details> (read 2026-11-23).
fn retry_info(error: &Value) -> Option<Duration> {
    let delay = error.get("details")?.as_array()?.iter().find_map(|detail| detail.get("retryDelay"))?;
    let seconds: f64 = delay.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(LONGEST_WAIT))
}

const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What the error types of in-band errors mean as a status.
/// Anthropic: <https://platform.claude.com/docs/en/api/errors>; Google: <https://cloud.google.com/apis/design/errors>;
/// Bedrock: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html>
/// (read 2026-11-23).
const STATUS_OF_TYPE: &[(u16, &[&str])] = &[
    (
        400,
        &[
            "invalid_request_error",
            "INVALID_ARGUMENT",
            "FAILED_PRECONDITION",
            "tool_use_failed",
            "ValidationException",
        ],
    ),
    (401, &["authentication_error", "UNAUTHENTICATED"]),
    (402, &["billing_error"]),
    (403, &["permission_error", "PERMISSION_DENIED", "AccessDeniedException"]),
    (404, &["not_found_error", "NOT_FOUND"]),
    (413, &["request_too_large"]),
    (
        429,
        &[
            "rate_limit_error",
            "rate_limit_exceeded",
            "insufficient_quota",
            "RESOURCE_EXHAUSTED",
            "ThrottlingException",
        ],
    ),
    (503, &["overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"]),
    (504, &["timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"]),
];

/// OpenAI's code and sentence, which its imitators repeat:
/// <https://developers.openai.com/api/docs/guides/structured-outputs> (the code is in users' reports).
const BAD_SCHEMA: &[Sign] = &[
    Sign::Code("invalid_json_schema"),
    Sign::Code("invalid_function_parameters"),
    Sign::Opening("invalid schema for"),
];

const BAD_SCHEMA_ADVICE: &str = "the provider refuses a JSON schema of the request; provider_message() names the keyword: leave it out, or do \
     without strict";

/// OpenAI's, Azure's and llama.cpp's codes; then the sentences of Anthropic, OpenAI-compatible servers (vLLM, DeepSeek),
/// Perplexity, Google, Mistral, Bedrock, Cohere and xAI, which have no code for it.
const TOO_LONG: &[Sign] = &[
    Sign::Code("context_length_exceeded"),
    Sign::Code("too_many_prompt_tokens"),
    Sign::Code("exceed_context_size"),
    Sign::Opening("prompt is too long"),
    Sign::Opening("too many tokens"),
    Sign::Words(&["prompt is too long:", "tokens >"]),
    Sign::Words(&["maximum context length", "tokens"]),
    Sign::Words(&["exceeds the context window"]),
    Sign::Words(&["input token count", "exceeds"]),
    Sign::Words(&["too many tokens:"]),
    Sign::Words(&["prompt contains", "tokens", "too large for model"]),
    Sign::Words(&["input tokens exceeded"]),
    Sign::Words(&["input length and `max_tokens` exceed context limit"]),
    Sign::Words(&["maximum prompt length is"]),
    Sign::Words(&["exceed_context_size"]),
];

/// OpenAI, Azure, Groq and Qwen codes; Qwen and some gateways put theirs into the message.
const FILTERED: &[Sign] = &[
    Sign::Code("content_filter"),
    Sign::Code("content_policy_violation"),
    Sign::Code("responsibleaipolicyviolation"),
    Sign::Code("data_inspection_failed"),
    Sign::Words(&["content_policy_violation"]),
    Sign::Words(&["responsibleaipolicyviolation"]),
    Sign::Words(&["data_inspection_failed"]),
];

/// Google's reason, then the sentences of Google and xAI, which answer 400 or 403 to a bad key; AWS's names, with 403:
/// <https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/CommonErrors.html> (read 2026-11-23).
const BAD_KEY: &[Sign] = &[
    Sign::Code("api_key_invalid"),
    Sign::Code("api_key_expired"),
    Sign::Code("invalid_api_key"),
    Sign::Code("expiredtokenexception"),
    Sign::Code("unrecognizedclientexception"),
    Sign::Code("invalidsignatureexception"),
    Sign::Code("signaturedoesnotmatch"),
    Sign::Code("requestexpired"),
    Sign::Code("requesttimetooskewed"),
    Sign::Code("incompletesignature"),
    Sign::Code("missingauthenticationtoken"),
    Sign::Words(&["api_key_invalid"]),
    Sign::Opening("api key not valid"),
    Sign::Opening("api key expired"),
    Sign::Opening("incorrect api key"),
    Sign::Opening("invalid api key"),
];

/// AWS's names for a signature whose time is too far from its own; its general name has one of two sentences.
/// The sentences were seen in other clients and users' reports (<https://github.com/boto/botocore/issues/149>); the names
/// are from general knowledge.
const CLOCK_OFF: &[Sign] = &[
    Sign::Code("requestexpired"),
    Sign::Code("requesttimetooskewed"),
    Sign::Opening("signature expired"),
    Sign::Opening("signature not yet current"),
];

/// AWS's names for a signature that is not the one it expects.
const BAD_SIGNATURE: &[Sign] = &[
    Sign::Code("invalidsignatureexception"),
    Sign::Code("signaturedoesnotmatch"),
    Sign::Code("incompletesignature"),
];

/// AWS's and Google's names for a key or token that was good once.
const EXPIRED: &[Sign] = &[
    Sign::Code("expiredtoken"),
    Sign::Code("api_key_expired"),
    Sign::Code("access_token_expired"),
    Sign::Opening("api key expired"),
];

/// OpenAI's, Mistral's and xAI's codes; DeepSeek's sentence.
const UNKNOWN_MODEL: &[Sign] = &[
    Sign::Code("model_not_found"),
    Sign::Code("invalid_model"),
    Sign::Code("model not found"),
    Sign::Opening("model not exist"),
    Sign::Opening("model not found"),
];

/// OpenAI's and Qwen's codes, DeepSeek's and Anthropic's sentences. Anthropic answers 400, Qwen 400, others 403 or 429.
const NO_QUOTA: &[Sign] = &[
    Sign::Code("insufficient_quota"),
    Sign::Code("insufficient balance"),
    Sign::Code("billing_hard_limit"),
    Sign::Code("arrearage"),
    Sign::Opening("insufficient balance"),
    Sign::Words(&["insufficient_quota"]),
    Sign::Words(&["your credit balance is too low"]),
];

/// Groq answers 413 to a request that is larger than a minute's allowance of tokens:
/// <https://console.groq.com/docs/errors> (read 2026-11-23).
const TOO_FAST: &[Sign] = &[Sign::Code("rate_limit_exceeded")];

/// Google answers 400 FAILED_PRECONDITION: <https://ai.google.dev/gemini-api/docs/troubleshooting> (read 2026-11-23).
const WRONG_PLACE: &[Sign] = &[Sign::Opening("user location is not supported")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_code_and_known_phrases_decide_the_kind() {
        use ErrorKind as K;
        for (status, body, expected) in [
            (401, r#"{"detail":"Invalid API Key"}"#, K::Authentication),
            (
                400,
                r#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 5"}}"#,
                K::ContextTooLong,
            ),
            (400, r#"{"error":{"code":"content_filter","message":"x"}}"#, K::ContentFiltered),
            (400, r#"{"error":{"message":"temperature: range: 0..1"}}"#, K::InvalidRequest),
            (400, r#"{"code":"invalid-argument","error":"Incorrect API key provided."}"#, K::Authentication),
            (400, r#"{"code":"1500","message":"Invalid model: x","type":"invalid_model"}"#, K::ModelNotFound),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, K::QuotaExhausted),
            (429, r#"{"error":{"code":429}}"#, K::RateLimited),
            (
                400,
                r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
                K::QuotaExhausted,
            ),
            (400, r#"{"error":{"code":"Arrearage","message":"Access denied."}}"#, K::QuotaExhausted),
            (403, r#"{"error":{"code":"insufficient_quota"}}"#, K::QuotaExhausted),
            (403, r#"{"error":{"message":"no"}}"#, K::Permission),
            (
                400,
                r#"{"error":{"code":400,"message":"API key expired.","status":"INVALID_ARGUMENT"}}"#,
                K::Authentication,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"Bad.","details":[{"a":1},{"reason":"API_KEY_INVALID"}]}}"#,
                K::Authentication,
            ),
            (
                400,
                r#"{"code":"x","error":"This model's maximum prompt length is 5 but the request contains 9 tokens."}"#,
                K::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"input length and `max_tokens` exceed context limit: 9 + 9 > 10"}}"#,
                K::ContextTooLong,
            ),
            (400, r#"{"message":"too many tokens: size limit exceeded by 9 tokens."}"#, K::ContextTooLong),
            (
                400,
                r#"{"error":{"message":"bad field in \"how do I get too many tokens\""}}"#,
                K::InvalidRequest,
            ),
            (
                400,
                r#"{"error":{"message":"bad field in \"model not found, invalid api key\""}}"#,
                K::InvalidRequest,
            ),
            (
                400,
                r#"{"error":{"message":"Model Not Exist","code":"invalid_request_error"}}"#,
                K::ModelNotFound,
            ),
            (
                413,
                r#"{"error":{"message":"Request too large","code":"rate_limit_exceeded"}}"#,
                K::RateLimited,
            ),
            (
                400,
                r#"{"error":{"message":"User location is not supported for the API use."}}"#,
                K::Permission,
            ),
            (402, "", K::QuotaExhausted),
            (409, "", K::Server),
            (410, "", K::ModelNotFound),
            (425, "", K::Server),
            (498, "", K::Overloaded),
            (408, "", K::Timeout),
            (413, "", K::ContextTooLong),
            (500, "<html>", K::Server),
            (503, "", K::Overloaded),
            (504, "", K::Timeout),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                K::Overloaded,
            ),
            (
                200,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                K::Overloaded,
            ),
            (200, r#"{"error":{"code":502,"message":"upstream"}}"#, K::Server),
            (200, r#"{"error":{"message":"?"}}"#, K::Server),
        ] {
            assert_eq!(WireFailure::parse(body.as_bytes()).kind(status), expected, "{status} {body}");
        }
    }

    #[test]
    fn googles_retry_delay_is_read() {
        let failure = WireFailure::parse(
            br#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m",
                 "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"36.5s"}]}}]"#,
        );

        assert_eq!(failure.retry_after, Some(Duration::from_millis(36_500)));
        assert_eq!(failure.error_type.as_deref(), Some("RESOURCE_EXHAUSTED"));
    }
}
