//! What response headers say beside the body.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// How long the provider asks to be left alone, from `retry-after-ms`, `x-ms-retry-after-ms` or `retry-after`
/// (seconds, fractions, or an HTTP date measured against `now`).
///
/// `None` when absent or nonsense; a date in the past is zero; never above one day.
/// Source: RFC 9110 section 10.2.3; the millisecond headers are OpenAI's and Azure's.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str, scale: f64| -> Option<Duration> {
        #[expect(clippy::float_arithmetic, reason = "a pause is no money")]
        let seconds = text.parse::<f64>().ok()? / scale;
        (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST))
    };
    let wait = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .find_map(|name| number(text(name)?, 1000.0))
        .or_else(|| {
            let value = text("retry-after")?;
            number(value, 1.0).or_else(|| {
                let date = httpdate::parse_http_date(value).ok()?;
                Some(date.duration_since(now).unwrap_or(Duration::ZERO))
            })
        })?;
    Some(wait.min(LONGEST))
}

/// The provider's request id. One that is longer than any vendor's is no id, but something to fill logs with.
pub fn request_id(headers: &HeaderMap) -> Option<&str> {
    let ids = REQUEST_ID_HEADERS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    ids.into_iter().find(|id| !id.is_empty() && id.len() <= LONGEST_ID)
}

/// The machine-readable name of an error, which AWS sends in a header instead of the body, before a colon.
/// Source: <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization>
/// (read 2026-11-23).
pub fn error_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("x-amzn-errortype")?.to_str().ok()?;
    value.split(':').next().map(str::trim).filter(|name| !name.is_empty())
}

/// OpenAI and most others; Anthropic; AWS; Azure.
const REQUEST_ID_HEADERS: [&str; 4] = ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"];

/// Most vendors send a UUID with a prefix.
const LONGEST_ID: usize = 128;

const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_name_of_an_aws_error_ends_before_the_colon() {
        for (value, expected) in [
            ("ValidationException", Some("ValidationException")),
            ("ValidationException:http://internal.amazon.com/coral/x/", Some("ValidationException")),
            (":x", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-amzn-errortype", HeaderValue::from_static(value));

            assert_eq!(error_type(&headers), expected, "{value}");
        }
    }

    #[test]
    fn every_spelling_of_retry_after_is_read_or_ignored() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_470);
        for (name, value, expected) in [
            ("retry-after", "1", Some(1_000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after", " 60 ", Some(60_000)),
            ("retry-after", "-5", None),
            ("retry-after", "abc", None),
            ("retry-after", "NaN", None),
            ("retry-after", "1e9", Some(86_400_000)),
            ("retry-after", "1e300", Some(86_400_000)),
            ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", Some(10_000)),
            ("retry-after", "Wed, 21 Oct 2099 07:28:00 GMT", Some(86_400_000)),
            ("retry-after", "Wed, 21 Oct 2009 07:28:00 GMT", Some(0)),
            ("retry-after-ms", "250", Some(250)),
            ("x-ms-retry-after-ms", "1500", Some(1_500)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));

            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_millis), "{name}: {value}");
        }
    }
}
