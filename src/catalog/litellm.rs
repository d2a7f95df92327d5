//! Reads LiteLLM's price map (`model_prices_and_context_window.json`).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::load::unreadable;
use super::row::{Fields, Listed, at};
use super::{Capability, Charge, Mode, Price, Rate, Rates, Support};
use crate::error::{Error, ErrorKind, Result};

/// Reads the whole map. Rows that are documentation, commitments or of no provider are left out.
pub(super) fn read(json: &str) -> Result<Vec<Listed>> {
    let map: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    let mut entries = Vec::with_capacity(map.len());
    for (key, raw) in &map {
        if NOT_MODELS.contains(&key.as_str()) {
            continue;
        }
        let place = format!("row {}", key.escape_debug().take(120).collect::<String>());
        entries.extend(entry(key, raw, &place).map_err(|error| at(&place, &error))?);
    }
    let (mut regional, mut rows): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.region.is_some());
    for entry in &mut rows {
        let twins = regional.iter_mut().filter(|other| {
            other.listed.provider == entry.listed.provider && other.listed.id == entry.listed.id
        });
        for twin in twins {
            if let (Some(region), Some(rates)) = (&twin.region, twin.rates.take()) {
                entry.listed.price = entry.listed.price.take().map(|price| price.regional(region, rates));
            }
        }
    }
    raise_bare_bedrock_ids(&mut rows);
    Ok(rows.into_iter().map(|entry| entry.listed).collect())
}

/// One row, not yet joined to those of other regions.
struct Entry {
    listed: Listed,
    region: Option<String>,
    /// The standard rates.
    rates: Option<Rates>,
}

/// What one key says about a price.
struct Quote {
    charge: Charge,
    rate: Rate,
    from: Option<u64>,
    service: Option<&'static str>,
}

fn entry(key: &str, raw: &RawValue, place: &str) -> Result<Option<Entry>> {
    let mut fields = Fields::of(raw)?;
    let Some(theirs) = fields.read::<String>("litellm_provider")? else {
        return Ok(None);
    };
    let provider = provider(&theirs);
    let Some((id, region)) = id_and_region(key, &theirs, provider) else {
        return Ok(None);
    };
    let mode = fields.read::<String>("mode")?.map(|mode| Mode::from_key(&mode));
    let mut listed = Listed {
        provider: provider.to_owned(),
        id: id.to_owned(),
        place: place.to_owned(),
        mode,
        context_window: tokens(&mut fields, "max_input_tokens"),
        max_output_tokens: tokens(&mut fields, "max_output_tokens"),
        // Some rows hold a sentence here.
        deprecation: fields
            .read::<String>("deprecation_date")
            .ok()
            .flatten()
            .and_then(|day| day.parse().ok()),
        ..Listed::default()
    };
    for (key, raw) in fields.iter() {
        if let (Some(capability), Some(support)) = (capability(key), support(raw)) {
            listed.capabilities.push((capability, support));
        }
    }
    let search = search_of(&mut fields, id);
    let price = price(&mut fields, provider, mode, search)?;
    let rates = price.as_ref().map(|price| price.rates().clone());
    listed.price = price;
    Ok(Some(Entry { listed, region, rates }))
}

/// What their price of a search is for. Of Gemini's models they name the unit where it is the search, and leave it out where
/// it is the prompt: <https://github.com/BerriAI/litellm/issues/36377> (read 2026-11-26).
fn search_of(fields: &mut Fields<'_>, id: &str) -> Charge {
    let unit = fields.read::<String>("web_search_billing_unit").ok().flatten();
    let is_search = !id.contains("gemini") || unit.as_deref() == Some("per_query");
    if is_search { Charge::WebSearchPer1k } else { Charge::GroundedPer1k }
}

fn price(
    fields: &mut Fields<'_>,
    provider: &str,
    mode: Option<Mode>,
    search: Charge,
) -> Result<Option<Price>> {
    let mut quotes = quotes(fields.iter(), provider)?;
    for raw in fields.read::<Vec<Box<RawValue>>>("tiered_pricing").ok().flatten().unwrap_or_default() {
        let mut step = Fields::of(&raw)?;
        let range: Vec<Box<RawValue>> = step.read("range")?.unwrap_or_default();
        let from = range.first().and_then(|from| Decimal::parse(from.get())).and_then(Decimal::to_whole);
        let from = from.ok_or_else(|| bad("a tier has no range"))?;
        let within = self::quotes(step.iter(), provider)?;
        quotes
            .extend(within.into_iter().map(|quote| Quote { from: (from > 0).then_some(from + 1), ..quote }));
    }
    for quote in quotes.iter_mut().filter(|quote| quote.charge == Charge::WebSearchPer1k) {
        quote.charge = search;
    }
    drop_fillers(&mut quotes, mode);
    let mut price = Price::new(pick(&quotes, None, None));
    if price.rates().is_empty() || price.is_zero() {
        return Ok(None);
    }
    for (service, from) in conditions(&quotes) {
        let rates = pick(&quotes, service, from);
        price = match (service, from) {
            (None, None) => price,
            (None, Some(from)) => price.tier(from, rates),
            (Some(name), None) => price.service_tier(name, rates),
            (Some(name), Some(from)) => price.service_tier_tier(name, from, rates),
        };
    }
    price = multiplied(price, fields)?;
    price = scheduled(price, fields, provider)?;
    Ok(Some(if EURO.contains(&provider) { price.in_currency("EUR") } else { price }))
}

fn quotes<'a>(fields: impl Iterator<Item = (&'a str, &'a RawValue)>, provider: &str) -> Result<Vec<Quote>> {
    let mut quotes = Vec::new();
    for (key, raw) in fields {
        if key == "search_context_cost_per_query" {
            let mut sizes = Fields::of(raw)?;
            if let Some(raw) = sizes
                .take("search_context_size_medium")
                .or_else(|| sizes.take("search_context_size_high"))
                .or_else(|| sizes.take("search_context_size_low"))
            {
                let rate = scaled(raw, 3, 1).ok_or_else(|| not_a_rate(key))?;
                quotes.push(Quote { charge: Charge::WebSearchPer1k, rate, from: None, service: None });
            }
            continue;
        }
        let (stem, service) = SERVICES
            .iter()
            .find_map(|(suffix, name)| key.strip_suffix(suffix).map(|stem| (stem, Some(*name))))
            .unwrap_or((key, None));
        let (stem, from) = split_threshold(stem, provider);
        let Some((charge, places, factor)) = charge(stem, provider) else {
            continue;
        };
        if raw.get() == "null" {
            continue;
        }
        let rate = scaled(raw, places, factor).ok_or_else(|| not_a_rate(key))?;
        quotes.push(Quote { charge, rate, from, service });
    }
    Ok(quotes)
}

/// `input_cost_per_token_above_200k_tokens` is the key without its end, from the 200,001st token.
fn split_threshold<'a>(key: &'a str, provider: &str) -> (&'a str, Option<u64>) {
    let split = || {
        let (stem, size) = key.strip_suffix("k_tokens")?.rsplit_once("_above_")?;
        let size: u64 = size.parse().ok()?;
        // xAI charges more from the threshold itself on, everybody else from the token after it.
        let from = size.checked_mul(1_000)?.checked_add(u64::from(provider != "xai"))?;
        Some((stem, Some(from)))
    };
    split().unwrap_or((key, None))
}

/// What a key is about: the charge, and what its figure must be multiplied by, as a power of ten and a factor.
fn charge(stem: &str, provider: &str) -> Option<(Charge, i32, u32)> {
    let default_write =
        if matches!(provider, "openai" | "azure") { Charge::CacheWrite30m } else { Charge::CacheWrite5m };
    let per_million = |charge| Some((charge, 6, 1));
    match stem {
        "input_cost_per_token" => per_million(Charge::Input),
        "output_cost_per_token" => per_million(Charge::Output),
        "cache_read_input_token_cost" => per_million(Charge::CachedInput),
        "cache_creation_input_token_cost" => per_million(default_write),
        "cache_creation_input_token_cost_above_1hr" => per_million(Charge::CacheWrite1h),
        "cache_creation_input_token_cost_above_12hr" => per_million(Charge::CacheWrite12h),
        "output_cost_per_reasoning_token" => per_million(Charge::Reasoning),
        "citation_cost_per_token" => per_million(Charge::Citation),
        "input_cost_per_audio_token" => per_million(Charge::AudioIn),
        "output_cost_per_audio_token" => per_million(Charge::AudioOut),
        "cache_read_input_audio_token_cost" => per_million(Charge::CachedAudioIn),
        "input_cost_per_image_token" => per_million(Charge::ImageIn),
        "output_cost_per_image_token" => per_million(Charge::ImageOut),
        "cache_read_input_image_token_cost" => per_million(Charge::CachedImageIn),
        "input_cost_per_video_token" => per_million(Charge::VideoIn),
        "output_cost_per_video_token" => per_million(Charge::VideoOut),
        "input_cost_per_character" => Some((Charge::CharsInPerM, 6, 1)),
        "input_cost_per_query" => Some((Charge::Per1kSearches, 3, 1)),
        "ocr_cost_per_page" => Some((Charge::Per1kPages, 3, 1)),
        "input_cost_per_second" => Some((Charge::AudioInPerHour, 0, 3_600)),
        "input_cost_per_request" => Some((Charge::PerRequest, 0, 1)),
        _ => None,
    }
}

/// Figures that are there because the column has to hold something.
fn drop_fillers(quotes: &mut Vec<Quote>, mode: Option<Mode>) {
    let is_paid = quotes.iter().any(|quote| quote.charge == Charge::Input && quote.rate > Rate::ZERO);
    quotes.retain(|quote| {
        let is_write = (Charge::CacheWrite5m..=Charge::CacheWrite12h).contains(&quote.charge);
        let is_embedded = mode == Some(Mode::Embedding) && quote.charge == Charge::Output;
        quote.rate > Rate::ZERO || !(is_write && is_paid || is_embedded)
    });
}

fn pick(quotes: &[Quote], service: Option<&str>, from: Option<u64>) -> Rates {
    let matching = quotes.iter().filter(|quote| quote.service == service && quote.from == from);
    Rates::from_entries(matching.map(|quote| (quote.charge, quote.rate)).collect())
}

fn conditions(quotes: &[Quote]) -> Vec<(Option<&'static str>, Option<u64>)> {
    let mut found: Vec<_> = quotes.iter().map(|quote| (quote.service, quote.from)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn multiplied(mut price: Price, fields: &mut Fields<'_>) -> Result<Price> {
    let mut specific =
        fields.take("provider_specific_entry").map(Fields::of).transpose()?.unwrap_or_default();
    let factors = [
        ("eu", fields.take("regional_processing_uplift_multiplier_eu")),
        ("us", fields.take("regional_processing_uplift_multiplier_us").or_else(|| specific.take("us"))),
        ("regional", fields.take("regional_endpoint_uplift_multiplier")),
    ];
    for (scope, raw) in factors {
        if let Some(raw) = raw {
            let factor = scaled(raw, 0, 1).ok_or_else(|| not_a_rate("a regional multiplier"))?;
            price = price.region_factor(scope, &factor.to_string())?;
        }
    }
    if let Some(raw) = specific.take("fast") {
        let factor = scaled(raw, 0, 1).ok_or_else(|| not_a_rate("the fast multiplier"))?;
        let rates = price
            .rates()
            .map(|charge, rate| if charge.is_per_token() { rate.scaled(factor.pico(), PICO) } else { rate });
        price = price.service_tier("fast", rates);
    }
    Ok(price)
}

/// Their standard rates are those of the peak; `off_peak_pricing` has the cheaper hours.
fn scheduled(price: Price, fields: &mut Fields<'_>, provider: &str) -> Result<Price> {
    let Some(raw) = fields.take("off_peak_pricing") else {
        return Ok(price);
    };
    let mut block = Fields::of(raw)?;
    let hours = match block.take("hours_utc") {
        Some(raw) if raw.get().starts_with('[') => serde_json::from_str::<Vec<String>>(raw.get()),
        Some(raw) => serde_json::from_str::<String>(raw.get()).map(|hours| vec![hours]),
        None => Ok(Vec::new()),
    };
    let hours = hours.map_err(|_| bad("off_peak_pricing has hours of another form"))?;
    let quotes = quotes(block.iter(), provider)?;
    // Another condition, such as a day of the week, is not understood: the peak price is never too low.
    if quotes.len() != block.iter().count() {
        return Ok(price);
    }
    let rates = pick(&quotes, None, None);
    hours.iter().try_fold(price, |price, hours| price.scheduled(&[], hours, rates.clone()))
}

/// In their map the bare ids of recent Bedrock models carry the price of the `global.` profile. A bare id is served in
/// the region, at the price of the regional profiles.
fn raise_bare_bedrock_ids(rows: &mut [Entry]) {
    let bedrock = |entry: &&Entry| entry.listed.provider == "bedrock";
    let prices: BTreeMap<String, Price> = rows
        .iter()
        .filter(bedrock)
        .filter_map(|entry| entry.listed.price.clone().map(|price| (entry.listed.id.clone(), price)))
        .collect();
    for entry in rows.iter_mut().filter(|entry| entry.listed.provider == "bedrock") {
        let id = &entry.listed.id;
        let (global, regional) = (prices.get(&format!("global.{id}")), prices.get(&format!("us.{id}")));
        if let (Some(bare), Some(global), Some(regional)) = (&entry.listed.price, global, regional)
            && bare.rates() == global.rates()
            && regional.rate(Charge::Input) > bare.rate(Charge::Input)
        {
            entry.listed.price = Some(regional.clone());
        }
    }
}

/// Their provider's name in ours.
fn provider(theirs: &str) -> &str {
    match theirs {
        "gemini" => "google",
        "bedrock_converse" | "bedrock_mantle" => "bedrock",
        "azure_text" => "azure",
        "text-completion-openai" => "openai",
        "codestral" | "text-completion-codestral" => "mistral",
        "cohere_chat" => "cohere",
        "dashscope" => "qwen",
        "fireworks_ai" | "fireworks_ai-embedding-models" => "fireworks",
        "jina_ai" => "jina",
        "meta_llama" => "meta",
        "together_ai" => "together",
        _ if theirs.starts_with("vertex_ai") => "vertex",
        _ => theirs,
    }
}

/// What goes into the request, and the region the row is about; `None` for capacity that is rented by the month.
fn id_and_region<'a>(key: &'a str, theirs: &str, ours: &str) -> Option<(&'a str, Option<String>)> {
    let mut id = key;
    if let Some((head, rest)) = key.split_once('/')
        && (head == theirs || provider(head) == ours)
    {
        id = rest;
    }
    if key.contains("-month-commitment/") {
        return None;
    }
    match (ours, id.split_once('/')) {
        ("azure", Some((zone @ ("eu" | "us"), id))) => Some((id, Some(format!("{zone}-data-zone")))),
        ("azure", Some((zone @ ("global" | "global-standard"), id))) => Some((id, Some(zone.to_owned()))),
        ("bedrock", Some((region, id))) if is_region(region) => Some((id, Some(region.to_owned()))),
        _ => (!id.is_empty()).then_some((id, None)),
    }
}

/// Is it a name such as `us-gov-west-1`?
fn is_region(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(area, number)| {
        area.contains('-') && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn capability(key: &str) -> Option<Capability> {
    match key {
        "supports_function_calling" => Some(Capability::Tools),
        "supports_parallel_function_calling" => Some(Capability::ParallelTools),
        "supports_response_schema" => Some(Capability::JsonSchema),
        "supports_pdf_input" => Some(Capability::Pdf),
        "supports_audio_input" => Some(Capability::AudioIn),
        "supports_audio_output" => Some(Capability::AudioOut),
        "supports_video_input" => Some(Capability::VideoIn),
        "supports_native_streaming" => Some(Capability::Streaming),
        "thinking_always_on" => Some(Capability::ReasoningAlwaysOn),
        _ => Capability::from_key(key.strip_prefix("supports_")?),
    }
}

fn support(raw: &RawValue) -> Option<Support> {
    match raw.get() {
        "true" => Some(Support::Yes),
        "false" => Some(Support::No),
        _ => None,
    }
}

/// A limit; what is not a whole number counts as not given.
fn tokens(fields: &mut Fields<'_>, key: &str) -> Option<u64> {
    fields
        .take(key)
        .and_then(|raw| Decimal::parse(raw.get()))
        .and_then(Decimal::to_whole)
        .filter(|count| *count > 0)
}

/// The figure times `factor × 10^places`, to ten significant digits: the rest is noise of their floats.
fn scaled(raw: &RawValue, places: i32, factor: u32) -> Option<Rate> {
    let decimal = Decimal::parse(raw.get())?.times(factor)?.shifted(places).significant(10);
    decimal.to_pico_rounded().map(Rate::from_pico)
}

fn not_a_rate(key: &str) -> Error {
    bad(format!("{key} is not a number that is not negative"))
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

const NOT_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];
const EURO: [&str; 2] = ["ovhcloud", "scaleway"];
const PICO: u64 = 1_000_000_000_000;
const SERVICES: [(&str, &str); 5] = [
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_ultrafast", "ultrafast"),
    ("_balanced", "balanced"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn only(key: &str, body: &str) -> Listed {
        let mut rows = read(&format!("{{{key:?}: {body}}}")).unwrap();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    fn rate(listed: &Listed, charge: Charge) -> Option<String> {
        listed.price.as_ref()?.rate(charge).map(|rate| rate.to_string())
    }

    #[test]
    fn a_search_of_geminis_is_for_the_prompt_unless_it_says_the_query() {
        let costs = r#""litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1e-06,
            "search_context_cost_per_query": {"search_context_size_medium": 0.035}"#;
        let by_prompt = only("gemini/gemini-2.5-x", &format!("{{{costs}}}"));
        let by_query =
            only("gemini/gemini-3-x", &format!("{{{costs}, \"web_search_billing_unit\": \"per_query\"}}"));

        for (row, charge) in [(by_prompt, Charge::GroundedPer1k), (by_query, Charge::WebSearchPer1k)] {
            assert_eq!(row.price.unwrap().rate(charge), Some("35".parse().unwrap()), "{charge:?}");
        }
    }

    #[test]
    fn per_token_floats_become_exact_rates_per_million() {
        let row = only(
            "anthropic/claude-x",
            r#"{"litellm_provider": "anthropic", "mode": "chat", "max_input_tokens": 200000, "max_output_tokens": "8192 or so",
                "input_cost_per_token": 3.5999999999999996e-06, "output_cost_per_token": 0.000015,
                "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
                "cache_creation_input_token_cost_above_1hr": 6e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
                "input_cost_per_token_batches": 1.5e-06, "input_cost_per_token_above_200k_tokens_batches": 3e-06,
                "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01},
                "supports_vision": true, "supports_function_calling": false, "supports_new_trick": true,
                "provider_specific_entry": {"us": 1.1, "fast": 6.0}}"#,
        );

        assert_eq!((row.provider.as_str(), row.id.as_str()), ("anthropic", "claude-x"));
        assert_eq!((row.context_window, row.max_output_tokens), (Some(200_000), None));
        assert_eq!(row.capabilities.len(), 2);
        let of = |input: &str| Rates::default().with(Charge::Input, input).unwrap();
        let base = Rates::per_million("3.6", "15")
            .and_then(|rates| rates.with(Charge::CachedInput, "0.3"))
            .and_then(|rates| rates.with(Charge::CacheWrite5m, "3.75"))
            .and_then(|rates| rates.with(Charge::CacheWrite1h, "6"))
            .and_then(|rates| rates.with(Charge::WebSearchPer1k, "10"));
        let fast = Rates::per_million("21.6", "90")
            .and_then(|rates| rates.with(Charge::CachedInput, "1.8"))
            .and_then(|rates| rates.with(Charge::CacheWrite5m, "22.5"))
            .and_then(|rates| rates.with(Charge::CacheWrite1h, "36"))
            .and_then(|rates| rates.with(Charge::WebSearchPer1k, "10"));
        let expected = Price::new(base.unwrap())
            .tier(200_001, of("6"))
            .service_tier("batch", of("1.5"))
            .service_tier_tier("batch", 200_001, of("3"))
            .region_factor("us", "1.1")
            .unwrap()
            .service_tier("fast", fast.unwrap());
        assert_eq!(row.price, Some(expected));
    }

    #[test]
    fn zeros_that_only_fill_a_column_are_not_prices() {
        let chat = only(
            "openai/gpt-x",
            r#"{"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06,
                "cache_creation_input_token_cost": 0.0, "cache_read_input_token_cost": 0}"#,
        );
        assert_eq!(
            (rate(&chat, Charge::CacheWrite30m), rate(&chat, Charge::CachedInput)),
            (None, Some("0".into()))
        );

        let embedding = only(
            "embed-x",
            r#"{"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 1e-07, "output_cost_per_token": 0.0}"#,
        );
        assert_eq!(
            (rate(&embedding, Charge::Input), rate(&embedding, Charge::Output)),
            (Some("0.1".into()), None)
        );

        let free = only(
            "x",
            r#"{"litellm_provider": "groq", "input_cost_per_token": 0, "output_cost_per_token": 0.0}"#,
        );
        assert_eq!(free.price, None);
    }

    #[test]
    fn euro_lists_are_euros() {
        let row = only("scaleway/x", r#"{"litellm_provider": "scaleway", "input_cost_per_token": 1e-07}"#);

        assert_eq!(row.price.map(|price| price.currency().to_owned()).as_deref(), Some("EUR"));
    }

    #[test]
    fn rows_of_regions_become_regional_rates_of_one_model() {
        let rows = read(
            r#"{"sample_spec": {"litellm_provider": "one of https://…", "input_cost_per_token": "x"},
                "azure/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
                "azure/eu/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": 1.1e-06, "output_cost_per_token": 2.2e-06},
                "bedrock/us-gov-west-1/m.x": {"litellm_provider": "bedrock", "input_cost_per_token": 9e-06},
                "bedrock/us-east-1/1-month-commitment/m.x": {"litellm_provider": "bedrock", "input_cost_per_second": 1}}"#,
        )
        .unwrap();

        assert_eq!(rows.len(), 1);
        let eu = rows[0].price.as_ref().and_then(|price| price.pinned_to("eu-data-zone")).unwrap();
        assert_eq!(eu.rates(), &Rates::per_million("1.1", "2.2").unwrap());
    }

    #[test]
    fn a_bare_bedrock_id_has_the_price_of_its_region() {
        let row = |id: &str, input: &str| {
            format!(r#""{id}": {{"litellm_provider": "bedrock_converse", "input_cost_per_token": {input}}}"#)
        };
        let json =
            [row("m.x", "3e-06"), row("global.m.x", "3e-06"), row("us.m.x", "3.3e-06"), row("m.y", "1e-06")];

        let rows = read(&format!("{{{}}}", json.join(","))).unwrap();

        let input = |id: &str| rows.iter().find(|row| row.id == id).and_then(|row| rate(row, Charge::Input));
        assert_eq!(
            (input("m.x"), input("global.m.x"), input("m.y")),
            (Some("3.3".into()), Some("3".into()), Some("1".into()))
        );
    }

    #[test]
    fn tiers_start_where_the_provider_starts_them() {
        let ranges = only(
            "dashscope/qwen-x",
            r#"{"litellm_provider": "dashscope", "tiered_pricing": [
                {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
                {"range": [32000.0, 128000.0], "input_cost_per_token": 2e-06, "output_cost_per_token": 3e-06}]}"#,
        );
        let expected =
            Price::per_million("1", "2").unwrap().tier(32_001, Rates::per_million("2", "3").unwrap());
        assert_eq!((ranges.provider.as_str(), ranges.price), ("qwen", Some(expected)));

        let xai = only(
            "xai/grok-x",
            r#"{"litellm_provider": "xai", "input_cost_per_token": 1e-06, "input_cost_per_token_above_200k_tokens": 2e-06}"#,
        );
        let rates = |input: &str| Rates::default().with(Charge::Input, input).unwrap();
        assert_eq!(xai.price, Some(Price::new(rates("1")).tier(200_000, rates("2"))));
    }

    #[test]
    fn cheaper_hours_are_kept_unless_they_have_conditions_nobody_knows() {
        let with = |block: &str| {
            let body = format!(
                r#"{{"litellm_provider": "x", "input_cost_per_token": 4e-06, "off_peak_pricing": {block}}}"#
            );
            only("x/m", &body).price.unwrap()
        };
        let rates = |input: &str| Rates::default().with(Charge::Input, input).unwrap();

        let plain = with(r#"{"hours_utc": "16:30-00:30", "input_cost_per_token": 1e-06}"#);
        let unknown = with(r#"{"hours_utc": "16:30-00:30", "moon": "full", "input_cost_per_token": 1e-06}"#);

        assert_eq!(plain, Price::new(rates("4")).scheduled(&[], "16:30-00:30", rates("1")).unwrap());
        assert_eq!(unknown, Price::new(rates("4")));
    }

    #[test]
    fn a_bad_row_is_named() {
        for bad in ["-1e-06", "\"free\"", "1e30"] {
            let json =
                format!(r#"{{"acme/m": {{"litellm_provider": "acme", "input_cost_per_token": {bad}}}}}"#);
            let error = read(&json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().starts_with("row acme/m: input_cost_per_token"), "{error}");
        }
        assert!(read("[]").is_err());
    }
}
