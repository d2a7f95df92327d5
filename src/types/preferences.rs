//! What the application wants of the targets a call may go to.

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use super::Usd;
use crate::error::{Error, ErrorKind, Result};

/// Which targets a call may go to and which of them it should rather go to. A route may have some and a call may have
/// some: both apply, so that a call can only tighten what its route demands.
///
/// The names and meanings are those of OpenRouter's `provider` object, and [`from_json`](Self::from_json) reads one.
/// [`residency`](Self::residency), [`direct_only`](Self::direct_only) and [`max_cost`](Self::max_cost) are our own.
///
/// Hard demands remove targets. What nobody has said of a target counts against it where money, data or place are
/// concerned: an unknown price is not below a ceiling, an unknown region is not in Europe.
///
/// ```
/// use polyroute::types::Preferences;
///
/// let europe = Preferences::new().residency(["eu"]).deny_data_collection();
/// let same = Preferences::from_json(r#"{"residency": ["eu"], "data_collection": "deny"}"#)?;
/// assert_eq!(europe, same);
/// # Ok::<(), polyroute::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// These first, in this order: providers, or single targets. The policy ranks the rest after them.
    pub order: Vec<String>,
    /// Only these: providers, or single targets. Empty allows all.
    pub only: Vec<String>,
    /// None of these: providers, or single targets.
    pub ignore: Vec<String>,
    /// May targets that are not in `order` be tried? Without an `order`: may anything but the first choice be?
    #[serde(deserialize_with = "fallbacks")]
    pub allow_fallbacks: Fallbacks,
    /// Must everything that the request uses be known to be supported? By default it must only not be known to be
    /// unsupported.
    #[serde(deserialize_with = "strictness")]
    pub require_parameters: Strictness,
    /// May the provider keep prompts or train on them?
    pub data_collection: DataCollection,
    /// Must the provider keep nothing at all?
    #[serde(deserialize_with = "zero_retention")]
    pub zdr: ZeroRetention,
    /// May the answers have to be fit for training other models?
    #[serde(deserialize_with = "strictness")]
    pub enforce_distillable_text: Strictness,
    /// Only weights stored in one of these ways, such as `fp8` or `bf16`; `unknown` is one of them. Empty allows all.
    pub quantizations: Vec<Quantization>,
    /// Ranks by this what the route's policy would have at all, instead of in its order.
    #[serde(deserialize_with = "sort")]
    pub sort: Option<Sort>,
    /// The most a target may charge.
    pub max_price: MaxPrice,
    /// Targets slower than this, in tokens per second, come last.
    #[serde(deserialize_with = "percentiles")]
    pub preferred_min_throughput: Percentiles,
    /// Targets that take longer than this to the first token, in seconds, come last.
    #[serde(deserialize_with = "percentiles")]
    pub preferred_max_latency: Percentiles,
    /// Only targets that process prompts in one of these regions, such as `eu` or `us-east-1`; a region includes the
    /// ones whose names begin with it and a hyphen. Empty allows all.
    pub residency: Vec<String>,
    /// Models of these makers, such as `anthropic`, never go through an aggregator; nor do models whose maker nobody knows.
    pub direct_only: Vec<String>,
    /// The most one call is expected to cost.
    pub max_cost: Option<Usd>,
}

/// May other targets be tried than the preferred ones?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallbacks {
    /// They may.
    #[default]
    Allowed,
    /// They may not.
    Forbidden,
}

/// Does unknown pass?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strictness {
    /// It does.
    #[default]
    Lenient,
    /// It does not.
    Strict,
}

/// May the provider keep prompts or train on them?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataCollection {
    /// It may.
    #[default]
    Allow,
    /// It may not; a target of which this is unknown is not used.
    Deny,
}

/// Must the provider keep nothing?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroRetention {
    /// It need not.
    #[default]
    Optional,
    /// It must; a target of which this is unknown is not used.
    Required,
}

/// How the weights of a model are stored.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Quantization {
    Int4,
    Int8,
    Fp4,
    Mxfp4,
    Nvfp4,
    Fp6,
    Fp8,
    Mxfp8,
    Fp16,
    Bf16,
    Fp32,
    /// Nobody said.
    #[default]
    Unknown,
}

/// What to rank by, and over which targets at once.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// What decides.
    pub by: SortBy,
    /// One model after the other, or all at once?
    #[serde(default)]
    pub partition: Partition,
}

impl Sort {
    /// By this, one model after the other.
    pub const fn by(by: SortBy) -> Self {
        Self { by, partition: Partition::Model }
    }

    /// All targets at once, whatever their model.
    #[must_use]
    pub const fn across_models(self) -> Self {
        Self { partition: Partition::None, ..self }
    }
}

/// What decides between targets.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortBy {
    /// The least expected cost first.
    Price,
    /// The most tokens per second first.
    Throughput,
    /// The shortest time to the first token first.
    Latency,
}

/// Which targets are ranked together.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partition {
    /// Those of one model; the first model of the route is used up before the second.
    #[default]
    Model,
    /// All.
    None,
}

/// The most a target may charge. `None` is no limit; an unknown price is above every limit.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxPrice {
    /// For a million prompt tokens.
    #[serde(deserialize_with = "dollars")]
    pub prompt: Option<Usd>,
    /// For a million generated tokens.
    #[serde(deserialize_with = "dollars")]
    pub completion: Option<Usd>,
    /// For one request.
    #[serde(deserialize_with = "dollars")]
    pub request: Option<Usd>,
    /// For a million tokens of pictures; only targets that price them apart are held to it.
    #[serde(deserialize_with = "dollars")]
    pub image: Option<Usd>,
    /// For a million tokens of sound; only targets that price them apart are held to it.
    #[serde(deserialize_with = "dollars")]
    pub audio: Option<Usd>,
}

impl MaxPrice {
    /// Is there no limit?
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// Limits on percentiles over the last five minutes. All that are given must hold.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<f64>,
    /// Three of four are below.
    pub p75: Option<f64>,
    /// Nine of ten are below.
    pub p90: Option<f64>,
    /// 99 of 100 are below.
    pub p99: Option<f64>,
}

impl Percentiles {
    /// A limit on the median.
    pub const fn median(value: f64) -> Self {
        Self { p50: Some(value), p75: None, p90: None, p99: None }
    }

    /// The four values, in rising order of their percentile.
    pub const fn values(&self) -> [Option<f64>; 4] {
        [self.p50, self.p75, self.p90, self.p99]
    }

    /// Is there no limit?
    pub fn is_unlimited(&self) -> bool {
        self.values().iter().all(Option::is_none)
    }
}

impl Preferences {
    /// Anything goes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a JSON object in the form of OpenRouter's `provider`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when it is malformed, holds a key that is not known (the message lists the known
    /// ones), or a number that is negative or not finite.
    pub fn from_json(json: &str) -> Result<Self> {
        // An empty list would do as an object whose fields are all missing.
        if !json.trim_start().starts_with('{') {
            return Err(bad("they are an object"));
        }
        let preferences: Self = serde_json::from_str(json).map_err(|error| {
            Error::new(ErrorKind::Configuration, format!("provider preferences: {error}"))
        })?;
        preferences.validate()?;
        Ok(preferences)
    }

    /// Checks what JSON cannot.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when a percentile limit is negative or not finite, or an amount is negative.
    pub fn validate(&self) -> Result<()> {
        let limits = [self.preferred_min_throughput.values(), self.preferred_max_latency.values()];
        if limits.iter().flatten().flatten().any(|limit| !limit.is_finite() || *limit < 0.0) {
            return Err(bad("a limit on a percentile is a number that is not negative"));
        }
        let MaxPrice { prompt, completion, request, image, audio } = &self.max_price;
        let amounts = [prompt, completion, request, image, audio, &self.max_cost];
        if amounts.into_iter().flatten().any(|amount| *amount < Usd::ZERO) {
            return Err(bad("a ceiling on a price may not be negative"));
        }
        Ok(())
    }

    /// Tries these providers or targets first, in this order.
    #[must_use]
    pub fn order(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.order = names.into_iter().map(Into::into).collect();
        self
    }

    /// Allows only these providers or targets.
    #[must_use]
    pub fn only(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.only = names.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves these providers or targets out.
    #[must_use]
    pub fn ignore(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.ignore = names.into_iter().map(Into::into).collect();
        self
    }

    /// Tries nothing but the `order`, or without one nothing but the first choice.
    #[must_use]
    pub fn forbid_fallbacks(mut self) -> Self {
        self.allow_fallbacks = Fallbacks::Forbidden;
        self
    }

    /// Demands that everything the request uses is known to be supported.
    #[must_use]
    pub fn require_parameters(mut self) -> Self {
        self.require_parameters = Strictness::Strict;
        self
    }

    /// Demands that prompts are neither kept for the provider's own use nor trained on.
    #[must_use]
    pub fn deny_data_collection(mut self) -> Self {
        self.data_collection = DataCollection::Deny;
        self
    }

    /// Demands that nothing at all is kept.
    #[must_use]
    pub fn zero_retention(mut self) -> Self {
        self.zdr = ZeroRetention::Required;
        self
    }

    /// Allows only weights stored in one of these ways.
    #[must_use]
    pub fn quantizations(mut self, allowed: impl IntoIterator<Item = Quantization>) -> Self {
        self.quantizations = allowed.into_iter().collect();
        self
    }

    /// Ranks by this what the route's policy would have at all, instead of in its order.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort = Some(sort);
        self
    }

    /// Sets the most a target may charge for a million prompt tokens and a million generated tokens.
    #[must_use]
    pub fn max_price(mut self, prompt: Usd, completion: Usd) -> Self {
        self.max_price.prompt = Some(prompt);
        self.max_price.completion = Some(completion);
        self
    }

    /// Puts targets last that make fewer tokens per second than this.
    #[must_use]
    pub fn prefer_throughput(mut self, least: Percentiles) -> Self {
        self.preferred_min_throughput = least;
        self
    }

    /// Puts targets last that need more seconds than this to the first token.
    #[must_use]
    pub fn prefer_latency(mut self, most: Percentiles) -> Self {
        self.preferred_max_latency = most;
        self
    }

    /// Allows only targets that process prompts in one of these regions.
    #[must_use]
    pub fn residency(mut self, regions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.residency = regions.into_iter().map(Into::into).collect();
        self
    }

    /// Never sends models of these makers through an aggregator.
    #[must_use]
    pub fn direct_only(mut self, makers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.direct_only = makers.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the most one call is expected to cost.
    #[must_use]
    pub fn max_cost(mut self, most: Usd) -> Self {
        self.max_cost = Some(most);
        self
    }
}

fn bad(message: &'static str) -> Error {
    Error::new(ErrorKind::Configuration, format!("provider preferences: {message}"))
}

fn fallbacks<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Fallbacks, D::Error> {
    Ok(if flag(deserializer)?.unwrap_or(true) { Fallbacks::Allowed } else { Fallbacks::Forbidden })
}

fn strictness<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Strictness, D::Error> {
    Ok(if flag(deserializer)?.unwrap_or(false) { Strictness::Strict } else { Strictness::Lenient })
}

fn zero_retention<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<ZeroRetention, D::Error> {
    Ok(if flag(deserializer)?.unwrap_or(false) { ZeroRetention::Required } else { ZeroRetention::Optional })
}

/// `true`, `false` or the word this crate writes; `None` for `null`.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Said(bool),
        Word(String),
        Null(()),
    }
    match Flag::deserialize(deserializer)? {
        Flag::Said(said) => Ok(Some(said)),
        Flag::Null(()) => Ok(None),
        Flag::Word(word) => match word.as_str() {
            "allowed" | "strict" | "required" => Ok(Some(true)),
            "forbidden" | "lenient" | "optional" => Ok(Some(false)),
            other => Err(D::Error::invalid_value(Unexpected::Str(other), &"true or false")),
        },
    }
}

fn sort<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Sort>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(SortBy),
        Object(Sort),
        Null(()),
    }
    let written = Written::deserialize(deserializer).map_err(|_| {
        D::Error::custom(
            "sort is price, throughput or latency, or an object of by (one of these) and partition (model or none)",
        )
    })?;
    Ok(match written {
        Written::Word(by) => Some(Sort::by(by)),
        Written::Object(sort) => Some(sort),
        Written::Null(()) => None,
    })
}

fn percentiles<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Percentiles, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Median(f64),
        Each(Percentiles),
        Null(()),
    }
    let written = Written::deserialize(deserializer)
        .map_err(|_| D::Error::custom("a limit is a number, or an object of p50, p75, p90 and p99"))?;
    Ok(match written {
        Written::Median(value) => Percentiles::median(value),
        Written::Each(each) => each,
        Written::Null(()) => Percentiles::default(),
    })
}

/// A number or a decimal in a string; the digits are read as they are written.
fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Usd>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(serde_json::Number),
        Null(()),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        // The shortest decimal that reads back as the same number: what was written, up to 15 digits.
        Written::Number(number) => number.to_string(),
        Written::Null(()) => return Ok(None),
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_provider_object_is_read() {
        let read = Preferences::from_json(
            r#"{"order": ["anthropic", "openai"], "allow_fallbacks": false, "require_parameters": true,
                "data_collection": "deny", "zdr": true, "enforce_distillable_text": true,
                "only": ["openai/gpt-5"], "ignore": ["azure"], "quantizations": ["fp8", "unknown"],
                "sort": {"by": "throughput", "partition": "none"},
                "preferred_min_throughput": {"p50": 100, "p90": 50}, "preferred_max_latency": 2.5,
                "max_price": {"prompt": 0.3, "completion": "1.2", "request": 0, "image": null}}"#,
        )
        .unwrap();

        assert_eq!(read.order, ["anthropic", "openai"]);
        assert_eq!((read.allow_fallbacks, read.zdr), (Fallbacks::Forbidden, ZeroRetention::Required));
        assert_eq!(read.require_parameters, Strictness::Strict);
        assert_eq!(read.sort, Some(Sort::by(SortBy::Throughput).across_models()));
        assert_eq!(read.preferred_min_throughput.p90, Some(50.0));
        assert_eq!(read.preferred_max_latency, Percentiles::median(2.5));
        assert_eq!(read.max_price.prompt.map(Usd::pico), Some(300_000_000_000));
        assert_eq!(read.max_price.request, Some(Usd::ZERO));
        assert_eq!(read.max_price.image, None);
        assert_eq!(read.quantizations, [Quantization::Fp8, Quantization::Unknown]);
    }

    #[test]
    fn preferences_survive_a_round_trip_through_json() {
        let preferences = Preferences::new()
            .order(["a", "b/c"])
            .forbid_fallbacks()
            .zero_retention()
            .sort(Sort::by(SortBy::Price))
            .max_price("0.15".parse().unwrap(), "0.6".parse().unwrap())
            .max_cost("0.01".parse().unwrap())
            .prefer_latency(Percentiles { p99: Some(3.0), ..Percentiles::default() });

        let json = serde_json::to_string(&preferences).unwrap();

        assert_eq!(Preferences::from_json(&json).unwrap(), preferences);
    }

    #[test]
    fn what_is_not_understood_is_refused_and_says_what_would_be() {
        for (json, expected) in [
            (r#"{"ordr": []}"#, "unknown field `ordr`, expected one of `order`, `only`"),
            (r#"{"sort": "speed"}"#, "sort is price, throughput or latency"),
            (r#"{"sort": {"by": "price", "partitoin": "none"}}"#, "partition (model or none)"),
            (r#"{"quantizations": ["fp5"]}"#, "unknown variant `fp5`"),
            (r#"{"max_price": {"prompt": -1}}"#, "may not be negative"),
            (r#"{"max_price": {"prompts": 1}}"#, "unknown field `prompts`, expected one of `prompt`"),
            (r#"{"preferred_max_latency": {"p95": 1}}"#, "an object of p50, p75, p90 and p99"),
            (r#"{"preferred_max_latency": -2}"#, "not negative"),
            (r#"{"zdr": "perhaps"}"#, "true or false"),
            (r#"{"data_collection": "no"}"#, "expected `allow` or `deny`"),
            ("[]", "provider preferences"),
        ] {
            let error = Preferences::from_json(json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{json}");
            assert!(error.message().contains(expected), "{json}: {}", error.message());
        }
    }
}
