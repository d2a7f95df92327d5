//! What vendors say they charged, and for which of their tools.

use serde_json::value::RawValue;

use super::fields::{Fields, count};
use crate::types::{Json, Usage, Usd};

/// xAI's counts of the tools it ran, each of which it bills: <https://docs.x.ai/developers/pricing> (read 2026-11-26).
pub(super) fn read_tools(usage: &mut Usage, raw: &RawValue) {
    let Some(group) = Fields::of(raw) else { return };
    let mut others: u64 = 0;
    for (name, value) in group.iter() {
        let calls = count(value);
        match name {
            "web_search_calls" => usage.web_searches = calls,
            "file_search_calls" => usage.file_searches = calls.filter(|calls| *calls > 0),
            "code_interpreter_calls" => usage.code_executions = calls.filter(|calls| *calls > 0),
            // Other people's servers are not billed.
            "mcp_calls" => {}
            _ => others = others.saturating_add(calls.unwrap_or_default()),
        }
    }
    usage.unmeasured_uses = (others > 0).then_some(others);
}

/// Adds what the upstream vendor bills to an account of the application's own at OpenRouter: what OpenRouter says it charged
/// is then its fee alone. <https://www.openrouter.ai/docs/use-cases/usage-accounting>; that other answers have the upstream's
/// cost too: <https://github.com/ORO-AI/oro/releases/tag/v3.0.4> (read 2026-11-26).
pub(super) fn add_own_bill(usage: &mut Usage) {
    if usage.extra.get("is_byok").is_none_or(|flag| flag.as_str() != "true") {
        return;
    }
    let details = usage.extra.get("cost_details").map(Json::as_str);
    let details = details.and_then(|text| serde_json::from_str::<Fields<'_>>(text).ok());
    let upstream = details.and_then(|details| dollars(details.get("upstream_inference_cost")?.get()));
    usage.reported_cost = usage.reported_cost.zip(upstream).map(|(fee, bill)| [fee, bill].into_iter().sum());
}

/// A dollar is 10^10 of xAI's ticks: <https://docs.x.ai/developers/cost-tracking> (read 2026-11-23).
pub(super) fn of_ticks(ticks: u64) -> Usd {
    Usd::from_pico(i128::from(ticks) * PICO_PER_TICK)
}

const PICO_PER_TICK: i128 = 100;

/// A JSON number of dollars, from its decimal text; digits beyond a picodollar are float noise and are cut.
pub(super) fn dollars(text: &str) -> Option<Usd> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut pico: i128 = 0;
    // How many more decimal places a picodollar has than the digits read so far.
    let mut places = 12_i32.checked_add(exponent)?;
    for digit in whole.bytes() {
        let digit = i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        pico = pico.checked_mul(10)?.checked_add(digit)?;
    }
    for digit in fraction.bytes() {
        if places <= 0 {
            break;
        }
        let digit = i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        pico = pico.checked_mul(10)?.checked_add(digit)?;
        places = places.checked_sub(1)?;
    }
    if pico == 0 {
        return Some(Usd::ZERO);
    }
    let scale = 10_i128.checked_pow(places.unsigned_abs());
    let pico = if places >= 0 { pico.checked_mul(scale?)? } else { scale.map_or(0, |scale| pico / scale) };
    Some(Usd::from_pico(pico))
}

/// What a `cost` says was charged: a number, or Perplexity's list of what for, with the searches in its total.
pub(super) fn charged(cost: &RawValue) -> Option<Usd> {
    dollars(cost.get()).or_else(|| dollars(Fields::of(cost)?.get("total_cost")?.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_cost_is_read_from_its_decimal_text() {
        for (text, pico) in [
            ("0.066407", Some(66_407_000_000)),
            ("0", Some(0)),
            ("12", Some(12_000_000_000_000)),
            ("1.2e-05", Some(12_000_000)),
            ("5E2", Some(500_000_000_000_000)),
            ("1e-300", Some(0)),
            ("0.00012345000000000002", Some(123_450_000)),
            ("1e300", None),
            ("-1", None),
            ("{}", None),
        ] {
            assert_eq!(dollars(text).map(Usd::pico), pico, "{text}");
        }
    }
}
