//! Money as an integer number of picodollars.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// An amount of US dollars in picodollars (10⁻¹² dollars), exact. Arithmetic is checked and saturates at about
/// 1.7 × 10²⁶ dollars; rounding happens only in `Display` with a precision.
///
/// ```
/// use polyroute::Usd;
/// let price: Usd = "0.0375".parse()?;
/// assert_eq!(price.pico(), 37_500_000_000);
/// assert_eq!(price.to_string(), "$0.0375");
/// assert_eq!(format!("{price:.2} {price:?}"), "$0.04 $0.0375");
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd {
    pico: i128,
}

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self { pico: 0 };

    /// From picodollars.
    pub const fn from_pico(pico: i128) -> Self {
        Self { pico }
    }

    /// Picodollars.
    pub const fn pico(self) -> i128 {
        self.pico
    }

    /// The sum, or `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.pico.checked_add(other.pico) {
            Some(pico) => Some(Self { pico }),
            None => None,
        }
    }

    /// The sum, at most the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self { pico: self.pico.saturating_add(other.pico) }
    }

    /// The difference, saturating; may be negative.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self { pico: self.pico.saturating_sub(other.pico) }
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl FromStr for Usd {
    type Err = Error;

    /// Reads a plain decimal such as `12.5` or `-0.000001`, with at most 12 digits after the point.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::new(ErrorKind::InvalidRequest, "not an amount in dollars such as 0.25");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || fraction.len() > 12 || (digits.contains('.') && fraction.is_empty()) {
            return Err(bad());
        }
        let mut pico: i128 = 0;
        for digit in
            whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', 12 - fraction.len()))
        {
            if !digit.is_ascii_digit() {
                return Err(bad());
            }
            pico = pico
                .checked_mul(10)
                .and_then(|value| value.checked_add(i128::from(digit - b'0')))
                .ok_or_else(bad)?;
        }
        Ok(Self { pico: if negative { -pico } else { pico } })
    }
}

impl fmt::Display for Usd {
    /// Exact, without trailing zeros; `{:.4}` rounds half away from zero to four digits after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().map_or(12, |precision| precision.min(12));
        let unit = 10_u128.pow(12 - u32::try_from(digits).unwrap_or(12));
        let rounded = (self.pico.unsigned_abs() + unit / 2) / unit;
        let scale = 10_u128.pow(u32::try_from(digits).unwrap_or(12));
        let (whole, fraction) = (rounded / scale, rounded % scale);
        let sign = if self.pico < 0 && rounded > 0 { "-" } else { "" };
        if digits == 0 {
            return write!(f, "{sign}${whole}");
        }
        let fraction = format!("{fraction:0digits$}");
        if f.precision().is_some() {
            return write!(f, "{sign}${whole}.{fraction}");
        }
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}${whole}"),
            trimmed => write!(f, "{sign}${whole}.{trimmed}"),
        }
    }
}

impl fmt::Debug for Usd {
    /// As `Display`: a count of picodollars is hard to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Usd {
    /// As a decimal string of dollars, because JSON numbers are read as floats.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&self.to_string().replacen('$', "", 1))
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What one attempt cost, by what was paid for. The parts add up to [`total`](Self::total).
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Everything.
    pub total: Usd,
    /// Prompt tokens that were neither read from nor written to a cache.
    pub input: Usd,
    /// Prompt tokens read from the provider's prompt cache.
    pub cache_read: Usd,
    /// Prompt tokens written to the provider's prompt cache.
    pub cache_write: Usd,
    /// Answer tokens without reasoning.
    pub output: Usd,
    /// Reasoning tokens.
    pub reasoning: Usd,
    /// Charges that are not per token: per request, per search, per page.
    pub other: Usd,
    /// Where the price came from.
    pub source: PriceSource,
}

/// Where a price came from.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// The table in this crate, as of the day given (`YYYY-MM-DD`).
    Catalogue(Cow<'static, str>),
    /// The application.
    #[default]
    Application,
    /// The provider said what it charged; the catalogue has no price.
    Provider,
    /// An update of the tables that was loaded at run time, with its revision.
    Update(String),
}

impl fmt::Display for PriceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalogue(day) => write!(f, "built-in price as of {day}"),
            Self::Application => f.write_str("price set by the application"),
            Self::Provider => f.write_str("as the provider reported it"),
            Self::Update(revision) => write!(f, "price of the update {revision}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_exactly() {
        for (text, pico, shown) in [
            ("0", 0, "$0"),
            ("12.5", 12_500_000_000_000, "$12.5"),
            ("-0.000000000001", -1, "-$0.000000000001"),
            ("0.338641250000", 338_641_250_000, "$0.33864125"),
        ] {
            let amount: Usd = text.parse().unwrap();
            assert_eq!((amount.pico(), amount.to_string().as_str()), (pico, shown), "{text}");
        }
        for bad in ["", ".", "1.", ".5", "1e3", "+1", "1,5", "0.0000000000001", "NaN", "--1"] {
            assert!(bad.parse::<Usd>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_precision_rounds_half_away_from_zero() {
        let amount: Usd = "0.00045".parse().unwrap();

        assert_eq!(format!("{amount:.4}"), "$0.0005");
        assert_eq!(format!("{amount:.0}"), "$0");
    }
}
