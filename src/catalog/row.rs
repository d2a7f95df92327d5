//! Rows of a price file of the user's own; the schema is described at
//! [`Catalogue::merge_json`](super::Catalogue::merge_json).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::load::unreadable;
use super::{Capabilities, Capability, Charge, Date, Mode, Model, Price, Rate, Rates, Support};
use crate::error::{Error, ErrorKind, Result};
use crate::types::PriceSource;

/// What a file says about one model.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) provider: String,
    pub(super) id: String,
    /// Where it stands, for error messages.
    pub(super) place: String,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) mode: Option<Mode>,
    pub(super) context_window: Option<u64>,
    pub(super) max_input_tokens: Option<u64>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) capabilities: Vec<(Capability, Support)>,
    pub(super) deprecation: Option<Date>,
    pub(super) price: Option<Price>,
}

impl Listed {
    /// This row over what was known before.
    pub(super) fn over(self, mut model: Model) -> Model {
        if let Some(aliases) = self.aliases {
            model.aliases = aliases.into_iter().map(Cow::Owned).collect();
        }
        model.mode = self.mode.unwrap_or(model.mode);
        model.context_window = self.context_window.or(model.context_window);
        model.max_input_tokens = self.max_input_tokens.or(model.max_input_tokens);
        model.max_output_tokens = self.max_output_tokens.or(model.max_output_tokens);
        model.capabilities = self
            .capabilities
            .into_iter()
            .fold(model.capabilities, |known: Capabilities, (capability, support)| {
                known.with(capability, support)
            });
        model.deprecation = self.deprecation.or(model.deprecation);
        if self.price.is_some() {
            model.price = self.price;
            model.source = PriceSource::Application;
        }
        model
    }
}

/// Reads a file.
pub(super) fn read(json: &str) -> Result<Vec<Listed>> {
    let file: File<'_> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    read_rows(file.models)
}

/// Reads the rows of a file.
pub(super) fn read_rows(models: Vec<&RawValue>) -> Result<Vec<Listed>> {
    let mut rows = Vec::with_capacity(models.len());
    for (number, raw) in (1..).zip(models) {
        let fields = Fields::of(raw).map_err(|error| at(&format!("row {number}"), &error))?;
        let place = place(number, &fields);
        rows.push(listed(fields, &place).map_err(|error| at(&place, &error))?);
    }
    Ok(rows)
}

/// `error`, with where it happened in front.
pub(super) fn at(place: &str, error: &Error) -> Error {
    Error::new(ErrorKind::Configuration, format!("{place}: {}", error.message()))
}

/// A JSON object whose values are read when somebody asks for them.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    map: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(raw: &'a RawValue) -> Result<Self> {
        serde_json::from_str(raw.get()).map_err(|_| bad("it is not an object"))
    }

    pub(super) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        self.map.remove(key).filter(|raw| raw.get() != "null")
    }

    /// Takes `key`, read as a `T`.
    pub(super) fn read<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>> {
        self.take(key).map(|raw| value(raw, key)).transpose()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.map.iter().map(|(key, raw)| (&**key, *raw))
    }

    /// Takes every rate.
    fn rates(&mut self) -> Result<Rates> {
        let mut entries = Vec::new();
        for charge in Charge::all() {
            if let Some(raw) = self.take(charge.as_str()) {
                entries.push((charge, rate(raw).ok_or_else(|| not_a_rate(charge.as_str()))?));
            }
        }
        Ok(Rates::from_entries(entries))
    }

    fn finish(self) -> Result<()> {
        match self.map.into_keys().next() {
            None => Ok(()),
            Some(key) if key.len() <= 40 => Err(bad(format!("unknown key {key:?}; {KNOWN}"))),
            Some(_) => Err(bad(format!("unknown key; {KNOWN}"))),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(default)]
    #[expect(dead_code, reason = "allowed, so that a file can say when it was written")]
    as_of: Option<String>,
    #[serde(borrow)]
    models: Vec<&'a RawValue>,
}

/// The number and, where readable, the names of a row.
fn place(number: usize, fields: &Fields<'_>) -> String {
    let name = |wanted: &str| {
        let raw = fields.iter().find(|(key, _)| *key == wanted)?.1;
        serde_json::from_str::<String>(raw.get()).ok().filter(|name| name.len() <= 100)
    };
    match name("provider").zip(name("id")) {
        Some((provider, id)) => format!("row {number} ({provider}/{})", id.escape_debug()),
        None => format!("row {number}"),
    }
}

fn listed(mut fields: Fields<'_>, place: &str) -> Result<Listed> {
    let name = |name: Option<String>, key: &str| {
        name.filter(|name| !name.is_empty()).ok_or_else(|| bad(format!("{key} is missing")))
    };
    let mut capabilities = Vec::new();
    for (key, can) in fields.read::<BTreeMap<String, bool>>("capabilities")?.unwrap_or_default() {
        let capability = Capability::from_key(&key).ok_or_else(|| {
            let known: Vec<_> = Capability::all().map(Capability::as_str).collect();
            bad(format!("unknown capability; known are {}", known.join(", ")))
        })?;
        capabilities.push((capability, if can { Support::Yes } else { Support::No }));
    }
    let mode = fields.read::<String>("mode")?.map(|mode| Mode::from_key(&mode));
    if mode == Some(Mode::Other) {
        return Err(bad("unknown mode"));
    }
    let listed = Listed {
        provider: name(fields.read("provider")?, "provider")?,
        id: name(fields.read("id")?, "id")?,
        place: place.to_owned(),
        aliases: fields.read("aliases")?,
        mode,
        context_window: fields.read("context_window")?,
        max_input_tokens: fields.read("max_input_tokens")?,
        max_output_tokens: fields.read("max_output_tokens")?,
        capabilities,
        deprecation: fields.read::<String>("deprecation_date")?.map(|day| day.parse()).transpose()?,
        price: price(&mut fields)?,
    };
    fields.finish()?;
    Ok(listed)
}

fn price(fields: &mut Fields<'_>) -> Result<Option<Price>> {
    let currency = fields.read::<String>("currency")?;
    let base = fields.rates()?;
    let is_priced = !base.is_empty();
    let mut price = Price::new(base);
    let untouched = price.clone();
    for (from, rates) in tiers(fields)? {
        price = price.tier(from, rates);
    }
    for (name, raw) in fields.read::<BTreeMap<String, Box<RawValue>>>("service_tiers")?.unwrap_or_default() {
        let mut service = Fields::of(&raw)?;
        for (from, rates) in tiers(&mut service)? {
            price = price.service_tier_tier(&name, from, rates);
        }
        price = price.service_tier(&name, service.rates()?);
        service.finish()?;
    }
    for raw in list(fields, "schedule")? {
        let mut window = Fields::of(&raw)?;
        let days: Vec<u8> = window.read("days")?.unwrap_or_default();
        let utc: String = window.read("utc")?.unwrap_or_default();
        price = price.scheduled(&days, &utc, window.rates()?)?;
        window.finish()?;
    }
    for raw in list(fields, "upcoming")? {
        let mut later = Fields::of(&raw)?;
        let day: Date = later.read::<String>("from")?.unwrap_or_default().parse()?;
        for (from, rates) in tiers(&mut later)? {
            price = price.upcoming_tier(day, from, rates);
        }
        price = price.upcoming(day, later.rates()?);
        later.finish()?;
    }
    for raw in list(fields, "regional")? {
        let mut region = Fields::of(&raw)?;
        let scope: String = region.read("scope")?.ok_or_else(|| bad("a regional price has no scope"))?;
        price = price.regional(&scope, region.rates()?);
        region.finish()?;
    }
    for (scope, raw) in
        fields.read::<BTreeMap<String, Box<RawValue>>>("region_multipliers")?.unwrap_or_default()
    {
        let factor = rate(&raw).ok_or_else(|| not_a_rate("region_multipliers"))?;
        price = price.region_factor(&scope, &factor.to_string())?;
    }
    if !is_priced {
        if price != untouched || currency.is_some() {
            return Err(bad("there are rates for special cases but no standard rates"));
        }
        return Ok(None);
    }
    Ok(Some(match currency {
        Some(currency) => price.in_currency(&currency),
        None => price,
    }))
}

fn tiers(fields: &mut Fields<'_>) -> Result<Vec<(u64, Rates)>> {
    let mut tiers = Vec::new();
    for raw in list(fields, "tiers")? {
        let mut tier = Fields::of(&raw)?;
        let from = tier.read("from_input_tokens")?.ok_or_else(|| bad("a tier has no from_input_tokens"))?;
        tiers.push((from, tier.rates()?));
        tier.finish()?;
    }
    Ok(tiers)
}

fn list(fields: &mut Fields<'_>, key: &str) -> Result<Vec<Box<RawValue>>> {
    Ok(fields.read(key)?.unwrap_or_default())
}

/// Reads `"0.15"` or `0.15`, by its text.
fn rate(raw: &RawValue) -> Option<Rate> {
    if raw.get().starts_with('"') {
        return serde_json::from_str::<String>(raw.get()).ok()?.parse().ok();
    }
    Decimal::parse(raw.get()).and_then(Decimal::to_pico).map(Rate::from_pico)
}

fn value<T: DeserializeOwned>(raw: &RawValue, key: &str) -> Result<T> {
    serde_json::from_str(raw.get()).map_err(|_| bad(format!("{key} has the wrong type")))
}

fn not_a_rate(key: &str) -> Error {
    bad(format!("{key} is not a decimal such as 0.15 that is not negative"))
}

fn bad(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

const KNOWN: &str = "known are provider, id, aliases, mode, context_window, max_input_tokens, max_output_tokens, \
                     capabilities, deprecation_date, currency, tiers, service_tiers, schedule, upcoming, regional, \
                     region_multipliers and the charges, such as input, output, cached_input";
