//! The price of one model: rates, and what changes them.

use std::time::SystemTime;

use super::card::{RateCard, named_service_tier};
use super::date::Moment;
use super::hours::Hours;
use super::{Charge, Date, Rate, Rates};
use crate::error::{Error, ErrorKind, Result};
use crate::types::Usd;

/// What a model costs, and when that changes: with the length of the prompt, the hour, the day, the service tier and
/// the region.
///
/// ```
/// use polyroute::catalog::{Price, Rates};
/// let price = Price::per_million("2.50", "10")?
///     .cached_input("1.25")?
///     .tier(200_001, Rates::per_million("5", "15")?)
///     .service_tier("batch", Rates::per_million("1.25", "5")?);
/// let cost = price.estimate(1_000, 100, std::time::UNIX_EPOCH);
/// assert_eq!(cost.map(|usd| usd.to_string()).as_deref(), Some("$0.0035"));
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    base: Rates,
    /// Most models have none, and there are thousands of models.
    variants: Option<Box<Variants>>,
    /// `None` is US dollars.
    currency: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Variants {
    tiers: Vec<Tier>,
    service_tiers: Vec<ServiceTier>,
    schedule: Vec<Window>,
    upcoming: Vec<Upcoming>,
    regional: Vec<Regional>,
}

/// Rates of requests whose whole prompt has at least so many tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tier {
    from_input_tokens: u64,
    rates: Rates,
}

/// Rates of requests that ran on a named service tier.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServiceTier {
    name: Box<str>,
    rates: Rates,
    tiers: Vec<Tier>,
}

/// Rates of some hours of some days.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    hours: Hours,
    rates: Rates,
}

/// Rates from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Upcoming {
    from: Date,
    rates: Rates,
    tiers: Vec<Tier>,
}

/// What a request pinned to a region pays.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Regional {
    scope: Box<str>,
    rates: Rates,
    /// The factor on every token rate, in millionths.
    factor: Option<u32>,
}

impl Price {
    /// The same rates for every request.
    pub fn new(rates: Rates) -> Self {
        Self { base: rates, ..Self::default() }
    }

    /// Prompt and generated tokens, in dollars per million.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when either is not a decimal or negative.
    pub fn per_million(input: &str, output: &str) -> Result<Self> {
        Rates::per_million(input, output).map(Self::new)
    }

    /// Sets what prompt tokens read from a cache cost, in dollars per million.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when `rate` is not a decimal or negative.
    pub fn cached_input(self, rate: &str) -> Result<Self> {
        self.with(Charge::CachedInput, rate)
    }

    /// Sets what `charge` costs, in dollars per its unit.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when `rate` is not a decimal or negative.
    pub fn with(mut self, charge: Charge, rate: &str) -> Result<Self> {
        self.base = self.base.with(charge, rate)?;
        Ok(self)
    }

    /// Adds rates that replace the ones above for the **whole** request once its prompt, cached tokens included, has
    /// `from_input_tokens` tokens. What `rates` leaves out keeps its rate.
    #[must_use]
    pub fn tier(mut self, from_input_tokens: u64, rates: Rates) -> Self {
        insert_tier(&mut self.variants_mut().tiers, from_input_tokens, rates);
        self
    }

    /// Adds rates of requests that run on the provider's service tier `name`. What `rates` leaves out keeps its
    /// standard rate; the tiers of [`tier`](Self::tier) do not apply.
    #[must_use]
    pub fn service_tier(mut self, name: &str, rates: Rates) -> Self {
        self.change_service(name, |service| service.rates = rates);
        self
    }

    /// Adds rates of long prompts on the service tier `name`.
    #[must_use]
    pub fn service_tier_tier(mut self, name: &str, from_input_tokens: u64, rates: Rates) -> Self {
        self.change_service(name, |service| insert_tier(&mut service.tiers, from_input_tokens, rates));
        self
    }

    /// Adds rates that apply from `day` (UTC) on. What `rates` leaves out keeps its rate; tiers end that day.
    #[must_use]
    pub fn upcoming(mut self, day: Date, rates: Rates) -> Self {
        self.change_upcoming(day, |later| later.rates = rates);
        self
    }

    /// Adds rates of long prompts from `day` (UTC) on.
    #[must_use]
    pub fn upcoming_tier(mut self, day: Date, from_input_tokens: u64, rates: Rates) -> Self {
        self.change_upcoming(day, |later| insert_tier(&mut later.tiers, from_input_tokens, rates));
        self
    }

    /// Adds rates of some hours, UTC. Inside them tiers do not apply.
    ///
    /// * `days`: 1 is Monday, 7 is Sunday; empty means every day.
    /// * `utc`: `HH:MM-HH:MM`, the start included, the end excluded; may cross midnight and then belongs to the day it
    ///   starts on.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when `days` or `utc` is not of that form.
    pub fn scheduled(mut self, days: &[u8], utc: &str, rates: Rates) -> Result<Self> {
        let hours = Hours::new(days, utc)?;
        self.variants_mut().schedule.push(Window { hours, rates });
        Ok(self)
    }

    /// Adds rates of requests pinned to `scope`, such as `eu-data-zone`.
    #[must_use]
    pub fn regional(mut self, scope: &str, rates: Rates) -> Self {
        self.change_region(scope, |region| region.rates = rates);
        self
    }

    /// Adds a factor such as `1.1` on every token rate of requests pinned to `scope`; six digits after the point count.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when `factor` is not a decimal below 4,000 or negative.
    pub fn region_factor(mut self, scope: &str, factor: &str) -> Result<Self> {
        let rate: Rate = factor.parse()?;
        let millionths = u32::try_from(rate.pico() / 1_000_000)
            .map_err(|_| Error::new(ErrorKind::Configuration, "a region's factor is too large"))?;
        self.change_region(scope, |region| region.factor = Some(millionths));
        Ok(self)
    }

    /// Says that the rates are in `currency` (ISO 4217). Costs in anything but `USD` are unknown.
    #[must_use]
    pub fn in_currency(mut self, currency: &str) -> Self {
        self.currency = (currency != "USD").then(|| currency.into());
        self
    }

    /// The currency (ISO 4217).
    pub fn currency(&self) -> &str {
        self.currency.as_deref().unwrap_or("USD")
    }

    /// The standard rates, before anything that changes them.
    pub fn rates(&self) -> &Rates {
        &self.base
    }

    /// The standard rate of `charge`, before anything that changes it.
    pub fn rate(&self, charge: Charge) -> Option<Rate> {
        self.base.get(charge)
    }

    /// The service tiers with rates of their own.
    pub fn service_tiers(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().flat_map(|variants| variants.service_tiers.iter().map(|tier| &*tier.name))
    }

    /// The regions with rates of their own.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().flat_map(|variants| variants.regional.iter().map(|region| &*region.scope))
    }

    /// The price of requests pinned to the region `scope`; `None` when none is listed for it.
    ///
    /// Where the region lists plain rates only, the rates of long prompts, hours, later days and service tiers are
    /// raised in the same proportion.
    pub fn pinned_to(&self, scope: &str) -> Option<Self> {
        let region = self.variants.as_ref()?.regional.iter().find(|region| &*region.scope == scope)?;
        let factor = u64::from(region.factor.unwrap_or(ONE));
        let proportional = |rates: &Rates| {
            rates.map(|charge, rate| {
                let rate = match (region.rates.get(charge), self.base.get(charge)) {
                    (Some(here), Some(elsewhere)) if elsewhere > Rate::ZERO => {
                        rate.scaled(here.pico(), elsewhere.pico())
                    }
                    _ => rate,
                };
                if charge.is_per_token() { rate.scaled(factor, u64::from(ONE)) } else { rate }
            })
        };
        let mut pinned = self.clone();
        pinned.base = proportional(&self.base);
        for (charge, rate) in region.rates.iter().filter(|(charge, _)| self.base.get(*charge).is_none()) {
            let rate = if charge.is_per_token() { rate.scaled(factor, u64::from(ONE)) } else { rate };
            pinned.base = pinned.base.with_rate(charge, rate);
        }
        if let Some(variants) = &mut pinned.variants {
            variants.regional.clear();
            variants.for_each_rates(|rates| *rates = proportional(rates));
        }
        Some(pinned)
    }

    /// About what a request costs, without caches, tools or a service tier; `None` when unknown.
    pub fn estimate(&self, input_tokens: u64, output_tokens: u64, at: SystemTime) -> Option<Usd> {
        let atto = self.estimate_atto(input_tokens, output_tokens, at, None)?;
        Some(rounded(atto))
    }

    /// As [`estimate`](Self::estimate), on a service tier where one is named, in attodollars and not rounded.
    pub(crate) fn estimate_atto(
        &self,
        input_tokens: u64,
        output_tokens: u64,
        at: SystemTime,
        service_tier: Option<&str>,
    ) -> Option<u128> {
        // Service tiers do not matter to a request that names none.
        let (input, output, request) = if service_tier.is_none() && self.is_steady() {
            if self.currency.is_some() {
                return None;
            }
            (self.rate(Charge::Input), self.rate(Charge::Output), self.rate(Charge::PerRequest))
        } else {
            let card = self.card(input_tokens, at, service_tier)?;
            (card.rate(Charge::Input), card.rate(Charge::Output), card.rate(Charge::PerRequest))
        };
        let atto = tokens_at(input, input_tokens)?.saturating_add(tokens_at(output, output_tokens)?);
        input.or(output).or(request)?;
        Some(atto.saturating_add(u128::from(request.map_or(0, Rate::pico)) * ATTO_PER_PICO))
    }

    /// Are the rates the same at any time and for any length of the prompt?
    pub(crate) fn is_steady(&self) -> bool {
        self.variants.as_deref().is_none_or(|variants| {
            variants.tiers.is_empty() && variants.schedule.is_empty() && variants.upcoming.is_empty()
        })
    }

    /// The lowest rate of `charge` at any time and for any length of the prompt, outside service tiers and regions.
    pub(crate) fn lowest(&self, charge: Charge) -> Option<Rate> {
        let variants = self.variants.iter().flat_map(|variants| {
            let upcoming = variants.upcoming.iter();
            let later = upcoming.clone().map(|later| &later.rates);
            let later_tiers = upcoming.flat_map(|later| later.tiers.iter().map(|tier| &tier.rates));
            let windows = variants.schedule.iter().map(|window| &window.rates);
            variants.tiers.iter().map(|tier| &tier.rates).chain(windows).chain(later).chain(later_tiers)
        });
        std::iter::once(&self.base).chain(variants).filter_map(|rates| rates.get(charge)).min()
    }

    /// The rates that apply to a request of `input_tokens` at the time `at`.
    ///
    /// `None` when the price is not in dollars, or has no rates for `service_tier`. The words with which providers
    /// report their standard service (`default`, `standard`, `on_demand`, …) mean no tier.
    pub fn card(&self, input_tokens: u64, at: SystemTime, service_tier: Option<&str>) -> Option<RateCard> {
        if self.currency.is_some() {
            return None;
        }
        let mut card = RateCard::empty();
        card.overlay(&self.base);
        let service_tier = service_tier.and_then(named_service_tier);
        let Some(variants) = self.variants.as_deref() else {
            return if service_tier.is_none() { Some(card) } else { None };
        };
        let mut tiers: &[Tier] = &variants.tiers;
        if !variants.upcoming.is_empty() || !variants.schedule.is_empty() {
            let now = Moment::of(at);
            for change in variants.upcoming.iter().filter(|change| change.from <= now.date) {
                card.overlay(&change.rates);
                tiers = &change.tiers;
            }
            if let Some(window) = variants.schedule.iter().find(|window| window.hours.hold(now)) {
                card.overlay(&window.rates);
                tiers = &[];
            }
        }
        if let Some(name) = service_tier {
            let service = variants.service_tiers.iter().find(|tier| tier.name.eq_ignore_ascii_case(name))?;
            card.overlay(&service.rates);
            tiers = &service.tiers;
        }
        for tier in tiers.iter().filter(|tier| input_tokens >= tier.from_input_tokens) {
            card.overlay(&tier.rates);
        }
        Some(card)
    }

    /// Every rate is zero: more often a gap in a table than a gift.
    pub(super) fn is_zero(&self) -> bool {
        self.base.iter().all(|(_, rate)| rate == Rate::ZERO)
    }

    /// Every rate there is in it, of whatever hour, tier or region.
    pub(super) fn every_rate(&self) -> impl Iterator<Item = (Charge, Rate)> + '_ {
        fn tiers(tiers: &[Tier]) -> Vec<&Rates> {
            tiers.iter().map(|tier| &tier.rates).collect()
        }
        let variants = self.variants.iter().flat_map(|variants| {
            let mut all = tiers(&variants.tiers);
            for service in &variants.service_tiers {
                all.push(&service.rates);
                all.extend(tiers(&service.tiers));
            }
            all.extend(variants.schedule.iter().map(|window| &window.rates));
            for change in &variants.upcoming {
                all.push(&change.rates);
                all.extend(tiers(&change.tiers));
            }
            all.extend(variants.regional.iter().map(|region| &region.rates));
            all
        });
        std::iter::once(&self.base).chain(variants).flat_map(Rates::iter)
    }

    fn variants_mut(&mut self) -> &mut Variants {
        self.variants.get_or_insert_default()
    }

    fn change_service(&mut self, name: &str, change: impl FnOnce(&mut ServiceTier)) {
        let fresh = || ServiceTier { name: name.into(), rates: Rates::default(), tiers: Vec::new() };
        upsert(&mut self.variants_mut().service_tiers, |tier| &*tier.name == name, fresh, change);
    }

    fn change_upcoming(&mut self, from: Date, change: impl FnOnce(&mut Upcoming)) {
        let fresh = || Upcoming { from, rates: Rates::default(), tiers: Vec::new() };
        let changes = &mut self.variants_mut().upcoming;
        upsert(changes, |known| known.from == from, fresh, change);
        changes.sort_by_key(|change| change.from);
    }

    fn change_region(&mut self, scope: &str, change: impl FnOnce(&mut Regional)) {
        let fresh = || Regional { scope: scope.into(), rates: Rates::default(), factor: None };
        upsert(&mut self.variants_mut().regional, |region| &*region.scope == scope, fresh, change);
    }
}

impl Variants {
    fn for_each_rates(&mut self, mut change: impl FnMut(&mut Rates)) {
        let Self { tiers, service_tiers, schedule, upcoming, regional } = self;
        tiers.iter_mut().for_each(|tier| change(&mut tier.rates));
        for service in service_tiers {
            change(&mut service.rates);
            service.tiers.iter_mut().for_each(|tier| change(&mut tier.rates));
        }
        schedule.iter_mut().for_each(|window| change(&mut window.rates));
        for later in upcoming {
            change(&mut later.rates);
            later.tiers.iter_mut().for_each(|tier| change(&mut tier.rates));
        }
        regional.iter_mut().for_each(|region| change(&mut region.rates));
    }
}

/// `tokens` at `rate`, in attodollars; `None` when there are some and the rate is unknown.
fn tokens_at(rate: Option<Rate>, tokens: u64) -> Option<u128> {
    match rate {
        Some(rate) => Some(u128::from(rate.pico()) * u128::from(tokens)),
        None => (tokens == 0).then_some(0),
    }
}

/// Whole picodollars, half of one rounded up.
pub(crate) fn rounded(atto: u128) -> Usd {
    let sum = atto.saturating_add(HALF_PICO);
    // Up to some eighteen dollars a number of half the width will do, which is divided in a tenth of the time.
    let pico = match (u64::try_from(sum), u64::try_from(ATTO_PER_PICO)) {
        (Ok(sum), Ok(each)) => u128::from(sum / each),
        _ => sum / ATTO_PER_PICO,
    };
    Usd::from_pico(i128::try_from(pico).unwrap_or(i128::MAX))
}

fn insert_tier(tiers: &mut Vec<Tier>, from_input_tokens: u64, rates: Rates) {
    tiers.retain(|tier| tier.from_input_tokens != from_input_tokens);
    tiers.push(Tier { from_input_tokens, rates });
    tiers.sort_by_key(|tier| tier.from_input_tokens);
}

fn upsert<T>(
    items: &mut Vec<T>,
    is: impl Fn(&T) -> bool,
    fresh: impl FnOnce() -> T,
    change: impl FnOnce(&mut T),
) {
    match items.iter_mut().find(|item| is(item)) {
        Some(item) => change(item),
        None => {
            let mut item = fresh();
            change(&mut item);
            items.push(item);
        }
    }
}

const ONE: u32 = 1_000_000;
const ATTO_PER_PICO: u128 = 1_000_000;
const HALF_PICO: u128 = ATTO_PER_PICO / 2;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// 2026-11-18 is a Wednesday.
    fn wednesday(hour: u64, minute: u64) -> SystemTime {
        day("2026-11-18").start() + Duration::from_secs(hour * 3_600 + minute * 60)
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn of(input: &str, output: &str) -> Rates {
        Rates::per_million(input, output).unwrap()
    }

    fn input(price: &Price, tokens: u64, at: SystemTime, tier: Option<&str>) -> Option<String> {
        price.card(tokens, at, tier)?.rate(Charge::Input).map(|rate| rate.to_string())
    }

    #[test]
    fn a_tier_begins_with_the_token_it_names() {
        let price = Price::new(of("1", "1")).tier(128_001, of("3", "3")).tier(32_001, of("2", "2"));

        for (tokens, rate) in
            [(0, "1"), (32_000, "1"), (32_001, "2"), (128_000, "2"), (128_001, "3"), (u64::MAX, "3")]
        {
            assert_eq!(input(&price, tokens, UNIX_EPOCH, None).as_deref(), Some(rate), "{tokens}");
        }
    }

    #[test]
    fn a_window_holds_its_first_minute_and_not_its_last() {
        let price = Price::new(of("1", "1"))
            .tier(1_000, of("5", "5"))
            .scheduled(&[1, 2, 3, 4, 5], "01:00-04:00", of("2", "2"))
            .unwrap();

        for (at, rate) in [
            (wednesday(0, 59), "5"),
            (wednesday(1, 0), "2"),
            (wednesday(3, 59), "2"),
            (wednesday(4, 0), "5"),
            (wednesday(3 * 24 + 1, 0), "5"),
            (wednesday(5 * 24 + 1, 0), "2"),
        ] {
            assert_eq!(input(&price, 2_000, at, None).as_deref(), Some(rate), "{at:?}");
        }
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_starts_on() {
        let price = Price::new(of("1", "1")).scheduled(&[3], "22:00-02:00", of("2", "2")).unwrap();

        for (at, rate) in [
            (wednesday(1, 0), "1"),
            (wednesday(22, 0), "2"),
            (wednesday(25, 59), "2"),
            (wednesday(26, 0), "1"),
            (wednesday(46, 0), "1"),
        ] {
            assert_eq!(input(&price, 1, at, None).as_deref(), Some(rate), "{at:?}");
        }
        for (days, utc) in
            [(&[8][..], "01:00-02:00"), (&[], "01:00-01:00"), (&[], "1-2"), (&[], "24:00-01:00")]
        {
            assert!(Price::default().scheduled(days, utc, Rates::default()).is_err(), "{days:?} {utc}");
        }
    }

    #[test]
    fn later_prices_replace_earlier_ones_on_their_day_and_end_the_tiers() {
        let price = Price::new(of("1", "1"))
            .tier(10, of("9", "9"))
            .upcoming(day("2027-06-01"), of("3", "3"))
            .upcoming_tier(day("2027-06-01"), 10, of("4", "4"))
            .upcoming(day("2027-01-01"), Rates::default().with(Charge::Input, "2").unwrap());

        for (at, tokens, rate) in [
            ("2026-12-31", 1, "1"),
            ("2026-12-31", 10, "9"),
            ("2027-01-01", 10, "2"),
            ("2027-06-01", 1, "3"),
            ("2028-01-01", 10, "4"),
        ] {
            assert_eq!(input(&price, tokens, day(at).start(), None).as_deref(), Some(rate), "{at} {tokens}");
        }
        let last_second = day("2027-01-01").start() - Duration::from_secs(1);
        assert_eq!(input(&price, 1, last_second, None).as_deref(), Some("1"));
        let january = price.card(1, day("2027-01-01").start(), None).unwrap();
        assert_eq!(january.rate(Charge::Output), Some("1".parse().unwrap()));
    }

    #[test]
    fn a_service_tier_has_its_own_tiers_or_none_and_is_never_guessed() {
        let price = Price::new(of("2", "2"))
            .tier(10, of("4", "4"))
            .service_tier("flex", of("1", "1"))
            .service_tier_tier("flex", 20, of("1.5", "1.5"))
            .service_tier("priority", Rates::default().with(Charge::Input, "8").unwrap());

        for (word, tokens, rate) in [
            (Some("flex"), 10, Some("1")),
            (Some("flex"), 20, Some("1.5")),
            (Some("FLEX"), 1, Some("1")),
            (Some("ON_DEMAND_FLEX"), 1, Some("1")),
            (Some("priority"), 10, Some("8")),
            (Some("scale"), 1, None),
            (Some("batch"), 1, None),
            (Some("default"), 10, Some("4")),
            (Some("standard"), 1, Some("2")),
            (Some("on_demand"), 1, Some("2")),
            (Some("ON_DEMAND"), 1, Some("2")),
            (Some("auto"), 1, Some("2")),
            (Some(""), 1, Some("2")),
            (None, 10, Some("4")),
        ] {
            assert_eq!(input(&price, tokens, UNIX_EPOCH, word).as_deref(), rate, "{word:?} {tokens}");
        }
        assert_eq!(input(&Price::new(of("1", "1")), 1, UNIX_EPOCH, Some("priority")), None);
        let priority = price.card(1, UNIX_EPOCH, Some("priority")).unwrap();
        assert_eq!(priority.rate(Charge::Output), Some("2".parse().unwrap()));
    }

    #[test]
    fn a_region_raises_every_token_rate() {
        let price = Price::new(of("2.5", "15"))
            .with(Charge::WebSearchPer1k, "10")
            .unwrap()
            .tier(10, of("5", "22.5"))
            .regional("us-data-zone", of("2.75", "16.5"))
            .region_factor("eu", "1.1")
            .unwrap();

        for scope in ["us-data-zone", "eu"] {
            let pinned = price.pinned_to(scope).unwrap();
            assert_eq!(input(&pinned, 1, UNIX_EPOCH, None).as_deref(), Some("2.75"), "{scope}");
            assert_eq!(input(&pinned, 10, UNIX_EPOCH, None).as_deref(), Some("5.5"), "{scope}");
            assert_eq!(pinned.rate(Charge::WebSearchPer1k), Some("10".parse().unwrap()));
        }
        assert_eq!(price.pinned_to("mars"), None);
    }

    #[test]
    fn an_estimate_is_exact_for_what_it_knows_and_unknown_otherwise() {
        let price = Price::new(of("0.15", "0.6")).tier(200_000, of("0.3", "1.2"));
        let of_tokens =
            |price: &Price, input, output| price.estimate(input, output, UNIX_EPOCH).map(Usd::pico);

        assert_eq!(of_tokens(&price, 1_000, 100), Some(210_000_000));
        assert_eq!(of_tokens(&price, 200_000, 0), Some(60_000_000_000));
        assert_eq!(of_tokens(&price.in_currency("EUR"), 1, 1), None);
        assert_eq!(of_tokens(&Price::default(), 0, 0), None);
        let embedding = Price::new(Rates::default().with(Charge::Input, "0.02").unwrap());
        assert_eq!((of_tokens(&embedding, 1, 0), of_tokens(&embedding, 1, 1)), (Some(20_000), None));
        let dearest = Price::new(of("18446744.073709551615", "18446744.073709551615"));
        assert!(of_tokens(&dearest, u64::MAX, u64::MAX).is_some_and(|pico| pico > 0));
    }
}
