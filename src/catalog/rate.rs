//! One rate, exact.

use std::fmt;
use std::str::FromStr;

use super::decimal::Decimal;
use crate::error::{Error, ErrorKind, Result};

/// What one quoted unit costs: dollars (or another currency) with twelve digits after the point, at most 18 million.
///
/// The unit is that of the [`Charge`](super::Charge): a million tokens, a thousand searches, one request. For tokens
/// the integer inside is therefore in attodollars (10⁻¹⁸ dollars) per token.
///
/// ```
/// use polyroute::catalog::Rate;
/// let rate: Rate = "0.08333333333".parse()?;
/// assert_eq!(rate.pico(), 83_333_333_330);
/// assert_eq!(rate.to_string(), "0.08333333333");
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    pico: u64,
}

impl Rate {
    /// Free.
    pub const ZERO: Self = Self { pico: 0 };

    /// From picodollars per quoted unit.
    pub const fn from_pico(pico: u64) -> Self {
        Self { pico }
    }

    /// Picodollars per quoted unit.
    pub const fn pico(self) -> u64 {
        self.pico
    }

    /// This rate times `numerator / denominator`, rounded half up, at most the largest rate.
    pub(super) fn scaled(self, numerator: u64, denominator: u64) -> Self {
        let denominator = u128::from(denominator.max(1));
        let product = u128::from(self.pico).saturating_mul(u128::from(numerator));
        let pico = product.saturating_add(denominator / 2) / denominator;
        Self { pico: u64::try_from(pico).unwrap_or(u64::MAX) }
    }
}

impl FromStr for Rate {
    type Err = Error;

    /// Reads a plain decimal such as `0.15`, with at most 12 digits after the point.
    fn from_str(text: &str) -> Result<Self> {
        if text.contains(['e', 'E']) {
            return Err(not_a_rate());
        }
        Decimal::parse(text).and_then(Decimal::to_pico).map(Self::from_pico).ok_or_else(not_a_rate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.pico / PICO, self.pico % PICO);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:012}").trim_end_matches('0'))
    }
}

fn not_a_rate() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "a rate is a decimal such as 0.15, not negative, with at most 12 digits after the point",
    )
}

const PICO: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_exactly() {
        for text in ["0", "600", "0.08333333333", "2.867051", "0.000000000001", "18446744.073709551615"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_rate_is_refused() {
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "+1",
            "-1",
            "-0.1",
            "NaN",
            "inf",
            "1e3",
            "1,5",
            "1 ",
            "0x1",
            "0.0000000000001",
            "18446744.073709551616",
            "99999999999999999999999999999999999999999999",
        ] {
            assert_eq!(bad.parse::<Rate>().unwrap_err().kind(), ErrorKind::Configuration, "{bad:?}");
        }
    }

    #[test]
    fn scaling_rounds_half_up_and_saturates() {
        assert_eq!(Rate::from_pico(5).scaled(1, 2), Rate::from_pico(3));
        assert_eq!(Rate::from_pico(u64::MAX).scaled(11, 10), Rate::from_pico(u64::MAX));
        assert_eq!(Rate::from_pico(7).scaled(1, 0), Rate::from_pico(7));
    }
}
