//! What is done about each failure, as each format words it: one row for each case that vendors document.

use std::time::Duration;

use polyroute::error::{Bench, Billed, Failover, Health, Phase, Retry, TimeoutPhase};
use polyroute::provider::vendor;
use polyroute::{Error, ErrorKind};

/// Retry here, another target, maybe billed, held against the endpoint, who is left alone.
type Decision = (Retry, Failover, Billed, Health, Bench);

const TRANSIENT: Decision =
    (Retry::AfterBackoff, Failover::Allowed, Billed::Maybe, Health::Counts, Bench::Nothing);
const OVERLOADED: Decision =
    (Retry::AfterBackoff, Failover::Allowed, Billed::No, Health::Counts, Bench::Nothing);
const THROTTLED: Decision =
    (Retry::AfterBackoff, Failover::Allowed, Billed::No, Health::Neutral, Bench::QuotaPool);
const BAD_KEY: Decision = (Retry::Never, Failover::Allowed, Billed::No, Health::Neutral, Bench::Credential);
const NO_MODEL: Decision = (Retry::Never, Failover::Allowed, Billed::No, Health::Neutral, Bench::Model);
const TOO_LONG: Decision =
    (Retry::Never, Failover::LargerWindow, Billed::No, Health::Neutral, Bench::Nothing);
const CALLERS_FAULT: Decision =
    (Retry::Never, Failover::Forbidden, Billed::No, Health::Neutral, Bench::Nothing);
const FILTERED: Decision =
    (Retry::Never, Failover::Forbidden, Billed::Maybe, Health::Neutral, Bench::Nothing);

fn decision(error: &Error) -> Decision {
    let advice = error.advice();
    (advice.retry, advice.failover, advice.billed, advice.health, advice.bench)
}

#[test]
fn status_code_and_format_decide_what_is_done() {
    for (vendor_name, status, body, expected) in [
        ("openai", 408, "", TRANSIENT),
        ("openai", 409, "", TRANSIENT),
        (
            "openai",
            500,
            r#"{"error":{"message":"The server had an error","type":"server_error"}}"#,
            TRANSIENT,
        ),
        ("openai", 502, "<html>bad gateway</html>", TRANSIENT),
        (
            "openai",
            503,
            r#"{"error":{"message":"The engine is overloaded","type":"server_error"}}"#,
            OVERLOADED,
        ),
        ("openai", 520, "", TRANSIENT),
        ("openai", 522, "", TRANSIENT),
        ("openai", 504, "", TRANSIENT),
        ("openai", 524, "", TRANSIENT),
        ("openai", 429, r#"{"error":{"code":"rate_limit_exceeded","type":"requests"}}"#, THROTTLED),
        ("openai", 429, r#"{"error":{"code":"insufficient_quota","type":"insufficient_quota"}}"#, BAD_KEY),
        ("openai", 401, r#"{"error":{"code":"invalid_api_key"}}"#, BAD_KEY),
        ("openai", 403, r#"{"error":{"code":"unsupported_country_region_territory"}}"#, BAD_KEY),
        ("openai", 404, r#"{"error":{"code":"model_not_found"}}"#, NO_MODEL),
        ("openai", 400, r#"{"error":{"code":"context_length_exceeded"}}"#, TOO_LONG),
        ("openai", 400, r#"{"error":{"code":"content_policy_violation"}}"#, FILTERED),
        ("openai", 400, r#"{"error":{"code":"unknown_parameter","param":"x"}}"#, CALLERS_FAULT),
        ("openai", 422, r#"{"error":{"message":"bad"}}"#, CALLERS_FAULT),
        ("anthropic", 529, r#"{"type":"error","error":{"type":"overloaded_error"}}"#, OVERLOADED),
        ("anthropic", 200, r#"{"type":"error","error":{"type":"overloaded_error"}}"#, OVERLOADED),
        ("anthropic", 429, r#"{"type":"error","error":{"type":"rate_limit_error"}}"#, THROTTLED),
        ("anthropic", 200, r#"{"type":"error","error":{"type":"rate_limit_error"}}"#, THROTTLED),
        ("anthropic", 401, r#"{"type":"error","error":{"type":"authentication_error"}}"#, BAD_KEY),
        ("anthropic", 403, r#"{"type":"error","error":{"type":"permission_error"}}"#, BAD_KEY),
        ("anthropic", 402, r#"{"type":"error","error":{"type":"billing_error"}}"#, BAD_KEY),
        (
            "anthropic",
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
            BAD_KEY,
        ),
        ("anthropic", 404, r#"{"type":"error","error":{"type":"not_found_error"}}"#, NO_MODEL),
        (
            "anthropic",
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 5 maximum"}}"#,
            TOO_LONG,
        ),
        ("anthropic", 413, r#"{"type":"error","error":{"type":"request_too_large"}}"#, TOO_LONG),
        ("google", 503, r#"{"error":{"code":503,"status":"UNAVAILABLE"}}"#, OVERLOADED),
        ("google", 429, r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#, THROTTLED),
        (
            "google",
            400,
            r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            BAD_KEY,
        ),
        ("google", 403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#, BAD_KEY),
        ("google", 404, r#"{"error":{"code":404,"status":"NOT_FOUND"}}"#, NO_MODEL),
        ("google", 504, r#"{"error":{"code":504,"status":"DEADLINE_EXCEEDED"}}"#, TRANSIENT),
        ("google", 400, r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"x"}}"#, CALLERS_FAULT),
        ("bedrock", 429, r#"{"message":"Too many requests"}"#, THROTTLED),
        ("bedrock", 503, r#"{"message":"x"}"#, OVERLOADED),
        ("bedrock", 408, r#"{"message":"x"}"#, TRANSIENT),
        ("bedrock", 404, r#"{"message":"x"}"#, NO_MODEL),
        ("groq", 498, r#"{"error":{"message":"Flex tier capacity exceeded"}}"#, OVERLOADED),
        ("groq", 413, r#"{"error":{"code":"rate_limit_exceeded"}}"#, THROTTLED),
        ("deepseek", 402, r#"{"error":{"message":"Insufficient Balance"}}"#, BAD_KEY),
        ("cohere", 400, r#"{"message":"too many tokens: size limit exceeded by 9 tokens."}"#, TOO_LONG),
        ("xai", 400, r#"{"code":"x","error":"Incorrect API key provided."}"#, BAD_KEY),
    ] {
        let format = vendor::find(vendor_name).unwrap().chat.unwrap();

        let error = format.decode_failure(body.as_bytes()).into_error(status);

        assert_eq!(decision(&error), expected, "{vendor_name} {status} {body}: {error}");
        assert_eq!(error.phase(), Phase::BeforeContent);
    }
}

#[test]
fn how_far_an_attempt_had_come_changes_what_is_done() {
    let broken = || Error::new(ErrorKind::Connection, "x");
    let limit = Duration::from_secs(1);
    let unbilled = (Retry::AfterBackoff, Failover::Allowed, Billed::No, Health::Counts, Bench::Nothing);
    let committed = (Retry::Never, Failover::Forbidden, Billed::Maybe, Health::Counts, Bench::Nothing);
    for (error, expected) in [
        (broken(), TRANSIENT),
        (broken().not_sent(), unbilled),
        (broken().unprocessed(), unbilled),
        (broken().after_content(), committed),
        (Error::timeout(TimeoutPhase::Connect, limit), unbilled),
        (Error::timeout(TimeoutPhase::FirstToken, limit), TRANSIENT),
        (Error::timeout(TimeoutPhase::Pace, limit), TRANSIENT),
        (Error::timeout(TimeoutPhase::Idle, limit).after_content(), committed),
        (Error::new(ErrorKind::Truncated, "x"), TRANSIENT),
        (Error::new(ErrorKind::Truncated, "x").after_content(), committed),
        (Error::new(ErrorKind::Overloaded, "x").after_content(), committed),
        (
            Error::new(ErrorKind::InvalidResponse, "a web page"),
            (Retry::Never, Failover::Allowed, Billed::Maybe, Health::Counts, Bench::Nothing),
        ),
        (
            Error::new(ErrorKind::Tls, "x"),
            (Retry::Never, Failover::Allowed, Billed::No, Health::Counts, Bench::Endpoint),
        ),
        (
            Error::new(ErrorKind::DeadlineExceeded, "x"),
            (Retry::Never, Failover::Forbidden, Billed::Maybe, Health::Neutral, Bench::Nothing),
        ),
    ] {
        assert_eq!(decision(&error), expected, "{error:?}");
    }
}
