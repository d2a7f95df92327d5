//! What a provider says with its answer is left of its limits.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

use crate::types::{Allowance, RateLimits};

/// What is left of the limits, as OpenAI and those who imitate it (`x-ratelimit-remaining-requests`), Anthropic
/// (`anthropic-ratelimit-requests-remaining`) and OpenRouter (`x-ratelimit-remaining`) say it. `None` when nothing was said;
/// what cannot be understood is left out.
///
/// Sources: <https://platform.openai.com/docs/guides/rate-limits>, <https://docs.claude.com/en/api/rate-limits>.
pub fn rate_limits(headers: &HeaderMap, now: SystemTime) -> Option<RateLimits> {
    let number = |name: &str| text(headers, name)?.parse::<u64>().ok();
    let reset = |name: &str| until(text(headers, name)?, now);
    let allowance = |[limit, remaining, reset_at]: [&str; 3]| {
        Some(Allowance { limit: number(limit), reset: reset(reset_at), ..Allowance::new(number(remaining)?) })
    };
    let first = |spellings: &[[&str; 3]]| spellings.iter().find_map(|names| allowance(*names));
    // Most answers of most servers have none of these, and finding that out is one look.
    if !headers.keys().any(|name| name.as_str().contains("ratelimit-")) {
        return None;
    }
    let limits = RateLimits {
        requests: first(&REQUESTS),
        tokens: first(&TOKENS),
        input_tokens: allowance(INPUT_TOKENS),
        output_tokens: allowance(OUTPUT_TOKENS),
    };
    (!limits.is_empty()).then_some(limits)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// How long until a moment that is spelled `6m0s`, `12ms`, as seconds, as seconds or milliseconds since 1970, or as a date.
fn until(text: &str, now: SystemTime) -> Option<Duration> {
    let at = |since_1970: Duration| {
        let moment = SystemTime::UNIX_EPOCH.checked_add(since_1970)?;
        Some(moment.duration_since(now).unwrap_or(Duration::ZERO))
    };
    let wait = match text.parse::<f64>() {
        Ok(number) if number >= 1e12 => at(Duration::try_from_secs_f64(number).ok()? / 1000)?,
        Ok(number) if number >= 1e9 => at(Duration::try_from_secs_f64(number).ok()?)?,
        Ok(number) => Duration::try_from_secs_f64(number).ok()?,
        Err(_) => go_duration(text).or_else(|| at(rfc3339(text)?))?,
    };
    Some(wait.min(LONGEST))
}

/// Go's spelling of durations: `1h2m3.5s`, `200ms`, `5us`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let scale = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        #[expect(clippy::float_arithmetic, reason = "a pause is no money")]
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * scale).ok()?;
        sum = sum.checked_add(part)?;
        rest = after;
    }
    Some(sum)
}

/// Seconds since 1970 of `2026-11-26T00:00:00Z`; fractions are cut off, and other zones than UTC are not understood.
fn rfc3339(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut days = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (days.next()?.ok()?, days.next()?.ok()?, days.next()?.ok()?);
    let mut clock = time.split('.').next()?.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day;
    let since_1970 = days.checked_sub(DAYS_TO_1970)?;
    Some(Duration::from_secs(since_1970 * 86_400 + hour * 3_600 + minute * 60 + second))
}

const REQUESTS: [[&str; 3]; 3] = [
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ],
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
];
const TOKENS: [[&str; 3]; 2] = [
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    [
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ],
];
const INPUT_TOKENS: [&str; 3] = [
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
];
const OUTPUT_TOKENS: [&str; 3] = [
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
];

/// From the 1st of March of the year nought, counted from 1, to the 1st of January 1970.
const DAYS_TO_1970: u64 = 719_469;

const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// 2026-11-26T00:00:00Z.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_651_200)
    }

    fn read(pairs: &[(&'static str, &str)]) -> Option<RateLimits> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        rate_limits(&headers, now())
    }

    #[test]
    fn every_spelling_of_a_reset_is_read_or_ignored() {
        for (value, expected) in [
            ("12ms", Some(12)),
            ("6m0s", Some(360_000)),
            ("1h2m3.5s", Some(3_723_500)),
            ("2m59.56s", Some(179_560)),
            ("30", Some(30_000)),
            ("0.5", Some(500)),
            ("1795651260", Some(60_000)),
            ("1795651260000", Some(60_000)),
            ("2026-11-26T00:01:00Z", Some(60_000)),
            ("2026-11-26T00:01:00.250Z", Some(60_000)),
            ("2025-01-01T00:00:00Z", Some(0)),
            ("2099-01-01T00:00:00Z", Some(86_400_000)),
            ("1e300", None),
            ("-5", None),
            ("NaN", None),
            ("abc", None),
            ("5", Some(5_000)),
            ("5parsecs", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-26T00:01:00+01:00", None),
            ("99999999999h", Some(86_400_000)),
        ] {
            let limits =
                read(&[("x-ratelimit-remaining-requests", "1"), ("x-ratelimit-reset-requests", value)]);

            let reset = limits.unwrap().requests.unwrap().reset;
            assert_eq!(reset, expected.map(Duration::from_millis), "{value}");
        }
    }

    #[test]
    fn each_spelling_of_the_limits_is_read() {
        let openai = read(&[
            ("x-ratelimit-limit-requests", "50"),
            ("x-ratelimit-remaining-requests", "42"),
            ("x-ratelimit-limit-tokens", "1000"),
            ("x-ratelimit-remaining-tokens", "100"),
            ("x-ratelimit-reset-tokens", "1s"),
        ])
        .unwrap();
        assert_eq!(openai.headroom_permille(), Some(100));
        assert_eq!(openai.longest_reset(), Some(Duration::from_secs(1)));

        let anthropic = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "0"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-26T00:00:30Z"),
        ])
        .unwrap();
        assert_eq!(anthropic.headroom_permille(), Some(0));
        assert_eq!(anthropic.exhausted_until(), Some(Duration::from_secs(30)));

        let plain = read(&[("x-ratelimit-limit", "20"), ("x-ratelimit-remaining", "5")]).unwrap();
        assert_eq!(plain.headroom_permille(), Some(250));
        assert_eq!(read(&[("x-ratelimit-remaining-requests", "many")]), None);
        assert_eq!(read(&[("content-type", "text/plain")]), None);
    }
}
