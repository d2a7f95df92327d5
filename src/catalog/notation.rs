//! The one-line notation of prices in the built-in tables; see [`load`](super::load) for its grammar.

use super::{Charge, Date, Price, Rate, Rates};
use crate::error::{Error, ErrorKind, Result};

/// Reads a price such as `i2.5 o15 c0.25 | >272001 i5 o22.5`.
pub(super) fn price(text: &str) -> Result<Price> {
    let mut sections = text.split(" | ");
    let mut base = sections.next().unwrap_or_default();
    let mut currency = None;
    if let Some((first, rest)) = base.split_once(' ')
        && first.len() == 3
        && first.bytes().all(|byte| byte.is_ascii_uppercase())
    {
        (currency, base) = (Some(first), rest);
    }
    let price = sections.try_fold(Price::new(rates(base)?), section)?;
    Ok(match currency {
        Some(currency) => price.in_currency(currency),
        None => price,
    })
}

fn section(price: Price, text: &str) -> Result<Price> {
    let (selector, rest) = text.split_once(' ').ok_or_else(bad)?;
    if let Some(from) = selector.strip_prefix('>') {
        return Ok(price.tier(tokens(from)?, rates(rest)?));
    }
    if let Some(name) = selector.strip_prefix('@') {
        return Ok(match name.split_once('>') {
            Some((name, from)) => price.service_tier_tier(name, tokens(from)?, rates(rest)?),
            None => price.service_tier(name, rates(rest)?),
        });
    }
    if let Some(day) = selector.strip_prefix("from:") {
        return Ok(match day.split_once('>') {
            Some((day, from)) => price.upcoming_tier(day.parse::<Date>()?, tokens(from)?, rates(rest)?),
            None => price.upcoming(day.parse()?, rates(rest)?),
        });
    }
    if let Some(scope) = selector.strip_prefix("in:") {
        return match rest.strip_prefix('*') {
            Some(factor) => price.region_factor(scope, factor),
            None => Ok(price.regional(scope, rates(rest)?)),
        };
    }
    let (days, utc) = selector.split_once('/').ok_or_else(bad)?;
    let days: Vec<u8> = days.bytes().map(|digit| digit.wrapping_sub(b'0')).collect();
    price.scheduled(&days, utc, rates(rest)?)
}

fn rates(text: &str) -> Result<Rates> {
    let mut entries = Vec::with_capacity(4);
    for word in text.split_ascii_whitespace() {
        let letter = word.bytes().next().and_then(Charge::from_letter).ok_or_else(bad)?;
        entries.push((letter, word.get(1..).unwrap_or_default().parse::<Rate>()?));
    }
    Ok(Rates::from_entries(entries))
}

fn tokens(text: &str) -> Result<u64> {
    text.parse().map_err(|_| bad())
}

fn bad() -> Error {
    Error::new(ErrorKind::Configuration, "the price is not in the notation of the built-in tables")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(input: &str, output: &str) -> Rates {
        Rates::per_million(input, output).unwrap()
    }

    #[test]
    fn every_section_of_the_notation_is_read() {
        let text = "i2.5 o15 c0.25 | >272001 i5 o22.5 | @batch i1.25 o7.5 | @batch>272001 i2.5 o9 | \
                    12345/01:00-04:00 i9 o9 | from:2027-01-01 i1 o1 | in:us-data-zone i3 o4 | in:eu *1.1";

        let expected = Price::per_million("2.5", "15")
            .and_then(|price| price.cached_input("0.25"))
            .map(|price| price.tier(272_001, of("5", "22.5")).service_tier("batch", of("1.25", "7.5")))
            .map(|price| price.service_tier_tier("batch", 272_001, of("2.5", "9")))
            .and_then(|price| price.scheduled(&[1, 2, 3, 4, 5], "01:00-04:00", of("9", "9")))
            .map(|price| price.upcoming("2027-01-01".parse().unwrap(), of("1", "1")))
            .map(|price| price.regional("us-data-zone", of("3", "4")))
            .and_then(|price| price.region_factor("eu", "1.1"));
        assert_eq!(price(text).unwrap(), expected.unwrap());
        assert_eq!(price("EUR i1 o2").unwrap().currency(), "EUR");
    }

    #[test]
    fn a_section_that_is_not_in_the_notation_is_an_error() {
        for bad in [
            "2.5",
            "i",
            "i-1",
            "?1",
            "i1 | >x i1",
            "i1 | i2",
            "i1 | 9/01:00-02:00 i1",
            "i1 | from:x i1",
            "i1 | in:eu *x",
        ] {
            assert!(price(bad).is_err(), "{bad}");
        }
    }
}
