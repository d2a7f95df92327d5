//! Arithmetic that gives the same result on every machine: fixed-point logarithms and a logistic curve of our own.
//! The library functions `ln` and `exp` may differ in their last digit between platforms.

#![expect(clippy::float_arithmetic, reason = "probabilities and model weights, never money")]

/// One, in the fixed point of hand-made features: ten binary places.
pub(crate) const ONE: i32 = 1 << 10;

/// The logarithm to base two of `1 + value`, in fixed point; linear between powers of two.
pub(crate) fn log2_fixed(value: usize) -> i32 {
    let value = u64::try_from(value).unwrap_or(u64::MAX).saturating_add(1);
    let whole = value.ilog2();
    let fraction = ((u128::from(value) << 10) >> whole) & 0x3ff;
    i32::try_from(whole).unwrap_or(63) * ONE + i32::try_from(fraction).unwrap_or(0)
}

/// `part / whole` in fixed point, times `scale`, at most four; zero of nothing is zero.
pub(crate) fn share_fixed(part: usize, whole: usize, scale: i32) -> i32 {
    let whole = i64::try_from(whole).unwrap_or(i64::MAX).max(1);
    let part = i64::try_from(part).unwrap_or(i64::MAX);
    let share = part.saturating_mul(i64::from(ONE)).saturating_mul(i64::from(scale)) / whole;
    i32::try_from(share.min(i64::from(4 * ONE))).unwrap_or(4 * ONE)
}

/// The logistic curve: log-odds to probability.
pub(crate) fn logistic(log_odds: f64) -> f64 {
    if log_odds.is_nan() {
        return 0.5;
    }
    1.0 / (1.0 + exp(-log_odds.clamp(-30.0, 30.0)))
}

/// `e^x` for moderate `x`: halved until it is small, a series, squared back.
fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let mut power = 1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0)));
    for _ in 0..10 {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_exact_at_powers_of_two_and_grow_between_them() {
        for (value, expected) in [(0, 0), (1, ONE), (3, 2 * ONE), (1023, 10 * ONE), (2, ONE + ONE / 2)] {
            assert_eq!(log2_fixed(value), expected, "{value}");
        }
        assert!((1..1_000).all(|value| log2_fixed(value) > log2_fixed(value - 1)));
        assert!(log2_fixed(usize::MAX) >= 63 * ONE);
    }

    #[test]
    fn shares_never_leave_their_range() {
        assert_eq!(share_fixed(1, 2, 1), ONE / 2);
        assert_eq!(share_fixed(0, 0, 1), 0);
        assert_eq!(share_fixed(usize::MAX, 1, 8), 4 * ONE);
    }

    #[test]
    fn the_logistic_curve_is_the_libraries_to_nine_places() {
        for step in -300..=300 {
            let x = f64::from(step) / 10.0;
            assert!((logistic(x) - 1.0 / (1.0 + (-x).exp())).abs() < 1e-9, "{x}");
        }
        assert!(logistic(f64::INFINITY) > 0.999_999 && logistic(f64::NEG_INFINITY) < 0.000_001);
        assert!((logistic(f64::NAN) - 0.5).abs() < f64::EPSILON);
    }
}
