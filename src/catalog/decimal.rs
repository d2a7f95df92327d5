//! Decimal text to integers, without floats in between.

/// `digits × 10^exponent`, not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads a JSON number (`2`, `0.5`, `3e-07`) that is not negative; `-0` is zero. At most 30 significant digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, negative) = text.strip_prefix('-').map_or((text, Sign::Plus), |rest| (rest, Sign::Minus));
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power_of_ten(power)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        if whole.is_empty() {
            return None;
        }
        let mut digits: u128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() || digits >= MOST_DIGITS {
                return None;
            }
            digits = digits * 10 + u128::from(byte - b'0');
        }
        if matches!(negative, Sign::Minus) && digits != 0 {
            return None;
        }
        Some(Self { digits, exponent: power.checked_sub(i32::try_from(fraction.len()).ok()?)? })
    }

    /// Times `10^places`.
    pub(super) fn shifted(self, places: i32) -> Self {
        Self { exponent: self.exponent.saturating_add(places), ..self }
    }

    /// Times `factor`, if it fits.
    pub(super) fn times(self, factor: u32) -> Option<Self> {
        self.digits.checked_mul(u128::from(factor)).map(|digits| Self { digits, ..self })
    }

    /// Rounded half up to `count` significant digits.
    pub(super) fn significant(mut self, count: u32) -> Self {
        let limit = 10_u128.saturating_pow(count);
        let mut cut = 0;
        let mut rest = self.digits;
        while rest >= limit {
            rest /= 10;
            cut += 1;
        }
        let unit = 10_u128.saturating_pow(cut);
        self.digits = self.digits.saturating_add(unit / 2) / unit;
        self.exponent = self.exponent.saturating_add(i32::try_from(cut).unwrap_or(i32::MAX));
        self
    }

    /// In units of 10⁻¹²; `None` when that loses digits or does not fit.
    pub(super) fn to_pico(self) -> Option<u64> {
        let exact = self.scaled_to(12)?;
        (exact.1 == 0).then_some(exact.0)
    }

    /// In units of 10⁻¹², rounded half up; `None` when it does not fit.
    pub(super) fn to_pico_rounded(self) -> Option<u64> {
        let (whole, remainder) = self.scaled_to(12)?;
        if remainder == 0 { Some(whole) } else { self.significant_half(12, whole) }
    }

    /// As a whole number; `None` when it is none.
    pub(super) fn to_whole(self) -> Option<u64> {
        self.scaled_to(0).and_then(|(whole, remainder)| (remainder == 0).then_some(whole))
    }

    fn significant_half(self, places: i32, whole: u64) -> Option<u64> {
        let doubled = Self { digits: self.digits.checked_mul(2)?, ..self }.scaled_to(places)?.0;
        if doubled % 2 == 1 { whole.checked_add(1) } else { Some(whole) }
    }

    /// The whole part and the remainder of this number times `10^places`.
    fn scaled_to(self, places: i32) -> Option<(u64, u128)> {
        if self.digits == 0 {
            return Some((0, 0));
        }
        let power = self.exponent.checked_add(places)?;
        let (whole, remainder) = match u32::try_from(power) {
            Ok(up) => (self.digits.checked_mul(10_u128.checked_pow(up)?)?, 0),
            Err(_) => match 10_u128.checked_pow(power.unsigned_abs()) {
                Some(unit) => (self.digits / unit, self.digits % unit),
                None => (0, self.digits),
            },
        };
        Some((u64::try_from(whole).ok()?, remainder))
    }
}

enum Sign {
    Plus,
    Minus,
}

fn power_of_ten(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power: i32 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -power } else { power })
}

const MOST_DIGITS: u128 = 10_u128.pow(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_noise_is_rounded_away_at_ten_digits() {
        for (text, pico) in [
            ("3.5999999999999996e-06", 3_600_000_000_000),
            ("2.5e-06", 2_500_000_000_000),
            ("1.4999999999999999e-07", 150_000_000_000),
            ("8.333333333333e-08", 83_333_333_330),
            ("0.00003", 30_000_000_000_000),
            ("0", 0),
        ] {
            let decimal = Decimal::parse(text).unwrap().shifted(6).significant(10);
            assert_eq!(decimal.to_pico_rounded(), Some(pico), "{text}");
        }
    }

    #[test]
    fn extreme_numbers_are_refused_or_zero_never_a_panic() {
        assert_eq!(Decimal::parse("1e9999").and_then(Decimal::to_pico_rounded), None);
        assert_eq!(Decimal::parse("1e-9999").and_then(Decimal::to_pico_rounded), Some(0));
        assert_eq!(Decimal::parse("1e-9999").and_then(Decimal::to_pico), None);
        assert_eq!(Decimal::parse("1e99999"), None);
        assert_eq!(Decimal::parse("-1e-7"), None);
        assert_eq!(Decimal::parse("-0.0").and_then(Decimal::to_pico), Some(0));
        assert_eq!(Decimal::parse("0.00000000000049").and_then(Decimal::to_pico_rounded), Some(0));
        assert_eq!(Decimal::parse("0.0000000000005").and_then(Decimal::to_pico_rounded), Some(1));
        assert_eq!(Decimal::parse(&"9".repeat(31)).and_then(Decimal::to_pico), None);
        assert_eq!(Decimal::parse("32000.0").and_then(Decimal::to_whole), Some(32_000));
        assert_eq!(Decimal::parse("0.5").and_then(Decimal::to_whole), None);
    }
}
