//! Numbers of JSON, of which 1 and 1.0 are the same.

use std::cmp::Ordering;

use serde_json::Value;

/// A bound such as 3 or 3.0.
pub(super) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| integer(value).and_then(|number| u64::try_from(number).ok()))
}

/// A number without a fraction, however it is written; beyond what is exact as a float there is none.
pub(super) fn integer(value: &Value) -> Option<i128> {
    if let Some(number) = value.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = value.as_u64() {
        return Some(number.into());
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    Some(number as i128)
}

pub(super) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// `None` where a step of nothing, or less, says nothing.
pub(super) fn is_multiple(value: &Value, step: &Value) -> Option<bool> {
    if let (Some(value), Some(step)) = (integer(value), integer(step)) {
        return (step > 0).then(|| value % step == 0);
    }
    let (value, step) = (value.as_f64()?, step.as_f64().filter(|step| *step > 0.0)?);
    #[expect(clippy::float_arithmetic, reason = "0.3 is a multiple of 0.1 although no float says so")]
    let off = {
        let times = value / step;
        (times - times.round()).abs() / times.abs().max(1.0)
    };
    Some(off < 1e-9)
}

/// Floats count whole numbers exactly up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;
