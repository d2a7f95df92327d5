//! All models of all providers, in layers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::lookup::{self, Shelf};
use super::row::Listed;
use super::update::Revision;
use super::{Charge, MatchedBy, Model, Price, Rate, litellm, load, row};
use crate::error::{Error, ErrorKind, Result};
use crate::types::PriceSource;

/// The models and prices of every provider. Cloning copies pointers.
///
/// A built-in table is parsed when one of its models is first asked for. Layers, highest first: prices set in code
/// ([`with_price`](Self::with_price)), files merged at run time ([`merge_json`](Self::merge_json),
/// [`merge_litellm`](Self::merge_litellm)), the last [update](Self::updated), built-in tables.
///
/// ```
/// use polyroute::catalog::{Catalogue, Price};
/// let mut catalogue = Catalogue::empty().with_price("acme", "small", Price::per_million("0.10", "0.40")?);
/// catalogue.merge_json(r#"{"models": [{"provider": "acme", "id": "big", "input": "2", "output": "8"}]}"#)?;
/// assert!(catalogue.find("acme", "big").is_some());
/// assert!(catalogue.find("acme", "bigger").is_none());
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone)]
pub struct Catalogue {
    tables: Arc<[Embedded]>,
    /// What the last update said; each replaces the one before.
    pub(super) updates: Arc<BTreeMap<Box<str>, Shelf>>,
    files: Arc<BTreeMap<Box<str>, Shelf>>,
    code: Arc<BTreeMap<Box<str>, Shelf>>,
    pub(super) updated: Option<Revision>,
    version: Arc<str>,
}

/// One provider's built-in table.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Table {
    /// The provider's name.
    pub provider: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// Its models, in the schema described in `src/catalog/load.rs`.
    pub json: &'static str,
}

/// A model, and how its name led to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// The model.
    pub model: Arc<Model>,
    /// How the name led to it.
    pub by: MatchedBy,
}

struct Embedded {
    table: Table,
    shelf: OnceLock<Shelf>,
}

impl Catalogue {
    /// No models at all.
    pub fn empty() -> Self {
        Self::from_tables(&[])
    }

    /// The models of these tables. Nothing is parsed yet.
    pub fn from_tables(tables: &[Table]) -> Self {
        Self {
            tables: tables.iter().map(|table| Embedded { table: *table, shelf: OnceLock::new() }).collect(),
            updates: Arc::default(),
            files: Arc::default(),
            updated: None,
            code: Arc::default(),
            version: BUILT_IN.into(),
        }
    }

    /// Names the state the prices are in, for the ledger: the version of this crate or of the last
    /// [update](Self::updated), with `+own` behind it where the application has set or merged prices.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Names the state anew.
    pub(super) fn name_version(&mut self) {
        let own = if self.files.is_empty() && self.code.is_empty() { "" } else { "+own" };
        self.version = match self.updated {
            Some(revision) => format!("{revision}{own}").into(),
            None => format!("{BUILT_IN}{own}").into(),
        };
    }

    /// The same without what the application said itself.
    pub(super) fn without_own(&self) -> Self {
        Self { files: Arc::default(), code: Arc::default(), ..self.clone() }
    }

    /// The model that `provider` serves under `model`; `None` when no layer lists it.
    ///
    /// Tried in this order: the id; an alias; either but for capitals and `.` `_` `-`; the name without its date,
    /// `-latest`, `@default` or `-v1:0`; for a name without a date, its newest dated snapshot; the name without `us.`,
    /// `eu.` and the like, which is [approximate](MatchedBy::is_approximate). Never a prefix, never a part.
    pub fn find(&self, provider: &str, model: &str) -> Option<Arc<Model>> {
        self.look_up(provider, model).map(|found| found.model)
    }

    /// As [`find`](Self::find), and how the name led to the model.
    pub fn look_up(&self, provider: &str, model: &str) -> Option<Found> {
        let provider = self.canonical(provider);
        let none = Shelf::default();
        let layers = [
            self.code.get(provider).unwrap_or(&none),
            self.files.get(provider).unwrap_or(&none),
            self.updates.get(provider).unwrap_or(&none),
            self.table(provider).map_or(&none, Embedded::shelf),
        ];
        lookup::find(&layers, model).map(|(model, by)| Found { model, by })
    }

    /// Every model, by provider. Parses every table.
    pub fn models(&self) -> Vec<(&str, Arc<Model>)> {
        let providers: BTreeSet<&str> = self
            .tables
            .iter()
            .map(|embedded| embedded.table.provider)
            .chain(self.updates.keys().map(|provider| &**provider))
            .chain(self.files.keys().map(|provider| &**provider))
            .chain(self.code.keys().map(|provider| &**provider))
            .collect();
        providers
            .into_iter()
            .flat_map(|provider| self.models_of(provider).into_iter().map(move |model| (provider, model)))
            .collect()
    }

    /// Every model of one provider.
    pub fn models_of(&self, provider: &str) -> Vec<Arc<Model>> {
        let provider = self.canonical(provider);
        let layers = [
            self.code.get(provider),
            self.files.get(provider),
            self.updates.get(provider),
            self.table(provider).map(Embedded::shelf),
        ];
        let mut seen = BTreeSet::new();
        let mut models: Vec<_> = layers
            .into_iter()
            .flatten()
            .flat_map(Shelf::models)
            .filter(|model| seen.insert(model.id.clone()))
            .cloned()
            .collect();
        models.sort_by(|one, other| one.id.cmp(&other.id));
        models
    }

    /// Sets the price of `model` at `provider`, above every table and file. What else is known of the model stays.
    ///
    /// It holds for exactly this name and, where this is the model's id, for its aliases.
    #[must_use]
    pub fn with_price(mut self, provider: &str, model: &str, price: Price) -> Self {
        let provider: Box<str> = self.canonical(provider).into();
        let mut row = self.known(&provider, model);
        row.price = Some(price);
        row.source = PriceSource::Application;
        self.code = Arc::new(shelved(&self.code, vec![(provider, row)]));
        self.name_version();
        self
    }

    /// Merges a file of your own over the built-in tables, row by row; returns how many rows it had.
    ///
    /// ```json
    /// { "models": [ {
    ///     "provider": "openai", "id": "gpt-x", "aliases": ["gpt-x-2026-10-01"], "mode": "chat",
    ///     "context_window": 400000, "max_input_tokens": 272000, "max_output_tokens": 128000,
    ///     "capabilities": { "tools": true, "vision": false }, "deprecation_date": "2027-06-30",
    ///     "currency": "USD", "input": "1.5", "output": "6", "cached_input": "0.15",
    ///     "tiers": [ { "from_input_tokens": 200001, "input": "3", "output": "9" } ],
    ///     "service_tiers": { "batch": { "input": "0.75", "output": "3" } },
    ///     "schedule": [ { "days": [1, 2, 3, 4, 5], "utc": "01:00-04:00", "input": "3", "output": "12" } ],
    ///     "upcoming": [ { "from": "2027-01-01", "input": "1", "output": "4" } ],
    ///     "regional": [ { "scope": "eu-data-zone", "input": "1.65", "output": "6.6" } ],
    ///     "region_multipliers": { "eu": "1.1" }
    /// } ] }
    /// ```
    ///
    /// Only `provider` and `id` are required; what is left out stays as it was. A row with any rate replaces the whole
    /// price. Rates are dollars per unit of their [`Charge`], as strings or numbers; the keys are
    /// [`Charge::as_str`] and [`Capability::as_str`](super::Capability::as_str).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] naming the row, when a key is unknown, a rate is negative or no decimal, or a rate
    /// is a thousand times the one it replaces or a thousandth of it (per token instead of per million, or the reverse).
    /// Nothing is changed then; a rate that is meant can be set with [`with_price`](Self::with_price).
    pub fn merge_json(&mut self, json: &str) -> Result<usize> {
        let rows = row::read(json)?;
        for listed in &rows {
            if let Some((charge, change)) = self.suspicious(listed) {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!("{}: {} is {change} what it was", listed.place, charge.as_str()),
                ));
            }
        }
        Ok(self.merge(rows))
    }

    /// Merges LiteLLM's price map over the built-in tables, row by row; returns how many rows were used.
    ///
    /// Its per-token floats are read as the decimals they are written as. A cache write of 0 beside a paid input, an
    /// `output` of 0 on embeddings and rows where everything is 0 count as not given; OVHcloud's and Scaleway's figures
    /// are euros. A row with a rate a thousand times the one it would replace, or a thousandth of it, is a slip of theirs
    /// and is not used.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] naming the row, when a rate is negative or no number. Nothing is changed then.
    pub fn merge_litellm(&mut self, json: &str) -> Result<usize> {
        let mut rows = litellm::read(json)?;
        rows.retain(|listed| self.suspicious(listed).is_none());
        Ok(self.merge(rows))
    }

    /// Parses every built-in table now.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] naming the first that cannot be read; its models count as unknown.
    pub fn check(&self) -> Result<()> {
        for embedded in self.tables.iter() {
            load::models(embedded.table.json).map_err(|error| {
                let provider = embedded.table.provider;
                Error::new(ErrorKind::Configuration, format!("{provider}: {}", error.message()))
            })?;
        }
        Ok(())
    }

    fn merge(&mut self, rows: Vec<Listed>) -> usize {
        let count = rows.len();
        let rows = self.completed(rows);
        self.files = Arc::new(shelved(&self.files, rows));
        self.name_version();
        count
    }

    /// Each row over what is known of its model.
    pub(super) fn completed(&self, rows: Vec<Listed>) -> Vec<(Box<str>, Model)> {
        let mut fresh: BTreeMap<(Box<str>, String), Model> = BTreeMap::new();
        for listed in rows {
            let provider: Box<str> = self.canonical(&listed.provider).into();
            let key = (provider, listed.id.clone());
            let known = fresh.remove(&key).unwrap_or_else(|| self.known(&key.0, &key.1));
            fresh.insert(key, listed.over(known));
        }
        fresh.into_iter().map(|((provider, _), model)| (provider, model)).collect()
    }

    /// The charge whose standard rate changes a thousandfold, if there is one, and how.
    fn suspicious(&self, listed: &Listed) -> Option<(Charge, &'static str)> {
        let after = listed.price.as_ref()?;
        let known = self.known(&listed.provider, &listed.id);
        let before = known.price.as_ref().filter(|before| before.currency() == after.currency())?;
        after.rates().iter().find_map(|(charge, rate)| {
            let old = before.rate(charge).filter(|old| *old > Rate::ZERO)?;
            if rate.pico() / 1_000 >= old.pico() {
                return Some((charge, "a thousand times"));
            }
            (rate > Rate::ZERO && old.pico() / 1_000 >= rate.pico()).then_some((charge, "a thousandth of"))
        })
    }

    /// What is known of exactly this name, to be written over.
    pub(super) fn known(&self, provider: &str, name: &str) -> Model {
        let Some(found) = self.look_up(provider, name) else {
            return Model::new(name.to_owned());
        };
        let mut model = (*found.model).clone();
        match found.by {
            MatchedBy::Id => {}
            MatchedBy::Spelling if model.aliases.is_empty() => model.id = name.to_owned().into(),
            MatchedBy::Alias | MatchedBy::Spelling => {
                model.id = name.to_owned().into();
                model.aliases = Box::default();
            }
            // Its limits may differ, and its price is not this one's.
            MatchedBy::Snapshot | MatchedBy::Geography => return Model::new(name.to_owned()),
        }
        model
    }

    fn table(&self, provider: &str) -> Option<&Embedded> {
        self.tables.iter().find(|embedded| embedded.table.provider == provider)
    }

    fn canonical<'a>(&'a self, provider: &'a str) -> &'a str {
        let is_alias = |embedded: &&Embedded| embedded.table.aliases.contains(&provider);
        match self.table(provider) {
            Some(embedded) => embedded.table.provider,
            None => self.tables.iter().find(is_alias).map_or(provider, |embedded| embedded.table.provider),
        }
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers: Vec<_> = self.tables.iter().map(|embedded| embedded.table.provider).collect();
        f.debug_struct("Catalogue").field("tables", &providers).finish_non_exhaustive()
    }
}

impl Table {
    /// The table of `provider`.
    pub const fn new(provider: &'static str, aliases: &'static [&'static str], json: &'static str) -> Self {
        Self { provider, aliases, json }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}, {} bytes)", self.provider, self.json.len())
    }
}

impl Embedded {
    fn shelf(&self) -> &Shelf {
        // A table that cannot be read counts as empty; a test reads them all.
        self.shelf.get_or_init(|| load::models(self.table.json).map(Shelf::new).unwrap_or_default())
    }
}

/// `layer` with `rows` over it.
pub(super) fn shelved(
    layer: &BTreeMap<Box<str>, Shelf>,
    rows: Vec<(Box<str>, Model)>,
) -> BTreeMap<Box<str>, Shelf> {
    let mut all: BTreeMap<Box<str>, BTreeMap<Cow<'static, str>, Model>> = BTreeMap::new();
    let before = layer.iter().flat_map(|(provider, shelf)| {
        shelf.models().iter().map(move |model| (provider.clone(), (**model).clone()))
    });
    for (provider, model) in before.chain(rows) {
        all.entry(provider).or_default().insert(model.id.clone(), model);
    }
    all.into_iter().map(|(provider, models)| (provider, Shelf::new(models.into_values().collect()))).collect()
}

/// The prices this crate was published with.
const BUILT_IN: &str = concat!("built-in ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Capability, Support};

    const JSON: &str = r#"{"schema":1,"as_of":"2026-11-22","provider":"acme","models":[
        ["small","i1 o2 c0.5","stV",1000,100,"",900,"2027-01-01",["small-2026-01-01"]],
        ["large","i10 o20 | @batch i5 o10"],
        ["unpriced"]
    ]}"#;

    fn catalogue() -> Catalogue {
        Catalogue::from_tables(&[
            Table::new("acme", &["acme_corp"], JSON),
            Table::new("broken", &[], r#"{"schema":1,"as_of":"2026-11-22","models":[["x","?"]]}"#),
        ])
    }

    fn input(catalogue: &Catalogue, provider: &str, model: &str) -> Option<String> {
        catalogue.find(provider, model)?.price.as_ref()?.rate(Charge::Input).map(|rate| rate.to_string())
    }

    #[test]
    fn a_row_of_a_table_is_read_with_its_defaults() {
        let catalogue = catalogue();

        let small = catalogue.find("acme_corp", "small-2026-01-01").unwrap();
        assert_eq!(small.id, "small");
        assert_eq!((small.context_window, small.max_output_tokens), (Some(1_000), Some(100)));
        assert_eq!((small.max_input_tokens, small.input_limit()), (Some(900), Some(900)));
        assert_eq!(small.supports(Capability::Tools), Support::Yes);
        assert_eq!(small.supports(Capability::Vision), Support::No);
        assert_eq!(small.supports(Capability::Pdf), Support::Unknown);
        assert_eq!(small.deprecation.map(|day| day.to_string()).as_deref(), Some("2027-01-01"));
        assert_eq!(small.source, PriceSource::Catalogue("2026-11-22".into()));
        let large = catalogue.find("acme", "large").unwrap();
        assert_eq!((large.context_window, large.deprecation), (None, None));
        assert_eq!(catalogue.find("acme", "unpriced").unwrap().price, None);
        assert!(catalogue.find("nobody", "small").is_none());
    }

    #[test]
    fn a_broken_table_is_empty_and_says_so() {
        let catalogue = catalogue();

        assert!(catalogue.find("broken", "x").is_none());
        assert!(catalogue.check().unwrap_err().message().starts_with("broken: "));
        for json in ["", "[]", "{", r#"{"schema":2,"as_of":"","models":[]}"#] {
            let catalogue = Catalogue::from_tables(&[Table::new("p", &[], json)]);
            assert_eq!(catalogue.check().unwrap_err().kind(), ErrorKind::Configuration);
            assert!(catalogue.models().is_empty());
        }
    }

    #[test]
    fn code_is_above_files_and_files_are_above_tables() {
        let mut catalogue = catalogue();
        let before = catalogue.clone();

        let json = r#"{"as_of": "2026-12-01", "models": [
            {"provider": "acme_corp", "id": "small", "input": "3", "output": 4.5},
            {"provider": "acme", "id": "large", "capabilities": {"vision": true}},
            {"provider": "own", "id": "m", "input": "0"}]}"#;
        assert_eq!(catalogue.merge_json(json).unwrap(), 3);
        let catalogue = catalogue.with_price("acme", "large", Price::per_million("7", "7").unwrap());

        assert_eq!(input(&catalogue, "acme", "small").as_deref(), Some("3"));
        assert_eq!(input(&catalogue, "acme", "small-2026-01-01").as_deref(), Some("3"));
        let small = catalogue.find("acme", "small").unwrap();
        assert_eq!((small.context_window, &small.source), (Some(1_000), &PriceSource::Application));
        assert_eq!(small.price.as_ref().unwrap().rate(Charge::CachedInput), None);
        assert_eq!(input(&catalogue, "acme", "large").as_deref(), Some("7"));
        assert_eq!(catalogue.find("acme", "large").unwrap().supports(Capability::Vision), Support::Yes);
        assert_eq!(input(&catalogue, "own", "m").as_deref(), Some("0"));
        assert_eq!(input(&before, "acme", "small").as_deref(), Some("1"));
        let listed: Vec<_> =
            catalogue.models().iter().map(|(provider, model)| format!("{provider}/{}", model.id)).collect();
        assert_eq!(listed, ["acme/large", "acme/small", "acme/unpriced", "own/m"]);
    }

    #[test]
    fn a_price_set_for_an_alias_or_a_snapshot_holds_for_that_name_only() {
        let seven = || Price::per_million("7", "7").unwrap();
        let catalogue = catalogue().with_price("acme", "small-2026-01-01", seven()).with_price(
            "acme",
            "large-2026-05-05",
            seven(),
        );

        assert_eq!(input(&catalogue, "acme", "small-2026-01-01").as_deref(), Some("7"));
        assert_eq!(input(&catalogue, "acme", "small").as_deref(), Some("1"));
        assert_eq!(input(&catalogue, "acme", "large-2026-05-05").as_deref(), Some("7"));
        assert_eq!(input(&catalogue, "acme", "large").as_deref(), Some("10"));
    }

    #[test]
    fn a_bad_file_changes_nothing_and_names_the_row() {
        let good = r#"{"provider": "acme", "id": "small", "input": "2", "output": "2"}"#;
        for (bad, message) in [
            (r#"{"provider": "acme", "id": "x", "input": "-1"}"#, "row 2 (acme/x): input"),
            (r#"{"provider": "acme", "id": "x", "input": -0.5}"#, "row 2 (acme/x): input"),
            (r#"{"provider": "acme", "id": "x", "input": "NaN"}"#, "row 2 (acme/x): input"),
            (r#"{"provider": "acme", "id": "x", "input": "1e3"}"#, "row 2 (acme/x): input"),
            (r#"{"provider": "acme", "id": "x", "input": 1e300}"#, "row 2 (acme/x): input"),
            (r#"{"provider": "acme", "id": "x", "input": true}"#, "row 2 (acme/x): input"),
            (
                r#"{"provider": "acme", "id": "x", "imput": "1"}"#,
                "row 2 (acme/x): unknown key \"imput\"; known are",
            ),
            (r#"{"provider": "acme", "input": "1"}"#, "row 2: id is missing"),
            (
                r#"{"provider": "acme", "id": "x", "tiers": [{"input": "1"}], "input": "1"}"#,
                "row 2 (acme/x): a tier",
            ),
            (
                r#"{"provider": "acme", "id": "x", "tiers": [{"from_input_tokens": 5, "input": "1"}]}"#,
                "row 2 (acme/x): there are",
            ),
            (r#"{"provider": "acme", "id": "x", "context_window": -5}"#, "row 2 (acme/x): context_window"),
            (
                r#"{"provider": "acme", "id": "x", "capabilities": {"fly": true}}"#,
                "row 2 (acme/x): unknown capability",
            ),
            (r#"{"provider": "acme", "id": "x", "deprecation_date": "soon"}"#, "row 2 (acme/x): a day"),
            (
                r#"{"provider": "acme", "id": "large", "input": "10000", "output": "20"}"#,
                "row 2 (acme/large): input is a thousand times",
            ),
            (
                r#"{"provider": "acme", "id": "large", "input": "0.00001", "output": "20"}"#,
                "row 2 (acme/large): input is a thousandth of",
            ),
            ("[]", "row 2: it is not an object"),
        ] {
            let mut catalogue = catalogue();

            let error = catalogue.merge_json(&format!(r#"{{"models": [{good}, {bad}]}}"#)).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().starts_with(message), "{bad}: {error}");
            assert_eq!(input(&catalogue, "acme", "small").as_deref(), Some("1"));
        }
        assert!(catalogue().merge_json("SECRET").is_err_and(|error| !error.to_string().contains("SECRET")));
        assert!(catalogue().merge_json(r#"{"rows": []}"#).is_err());
    }

    #[test]
    fn the_documented_file_is_read_whole() {
        let mut catalogue = Catalogue::empty();
        catalogue
            .merge_json(
                r#"{ "models": [ {
                    "provider": "openai", "id": "gpt-x", "aliases": ["gpt-x-2026-10-01"], "mode": "chat",
                    "context_window": 400000, "max_input_tokens": 272000, "max_output_tokens": 128000,
                    "capabilities": { "tools": true, "vision": false }, "deprecation_date": "2027-06-30",
                    "currency": "USD", "input": "1.5", "output": "6", "cached_input": "0.15",
                    "tiers": [ { "from_input_tokens": 200001, "input": "3", "output": "9" } ],
                    "service_tiers": { "batch": { "input": "0.75", "output": "3" } },
                    "schedule": [ { "days": [1, 2, 3, 4, 5], "utc": "01:00-04:00", "input": "3", "output": "12" } ],
                    "upcoming": [ { "from": "2027-01-01", "input": "1", "output": "4" } ],
                    "regional": [ { "scope": "eu-data-zone", "input": "1.65", "output": "6.6" } ],
                    "region_multipliers": { "eu": "1.1" }
                } ] }"#,
            )
            .unwrap();

        let of = |input: &str, output: &str| crate::catalog::Rates::per_million(input, output).unwrap();
        let expected = Price::new(of("1.5", "6"))
            .cached_input("0.15")
            .map(|price| price.tier(200_001, of("3", "9")).service_tier("batch", of("0.75", "3")))
            .and_then(|price| price.scheduled(&[1, 2, 3, 4, 5], "01:00-04:00", of("3", "12")))
            .map(|price| price.upcoming("2027-01-01".parse().unwrap(), of("1", "4")))
            .map(|price| price.regional("eu-data-zone", of("1.65", "6.6")))
            .and_then(|price| price.region_factor("eu", "1.1"));
        let model = catalogue.find("openai", "gpt-x-2026-10-01").unwrap();
        assert_eq!(model.price, Some(expected.unwrap()));
        assert_eq!(model.input_limit(), Some(272_000));
    }

    #[test]
    fn two_rows_of_one_file_about_one_model_add_up() {
        let mut catalogue = catalogue();

        let json = r#"{"models": [{"provider": "acme", "id": "small", "context_window": 5},
                                  {"provider": "acme", "id": "small", "max_output_tokens": 6}]}"#;
        catalogue.merge_json(json).unwrap();

        let small = catalogue.find("acme", "small").unwrap();
        assert_eq!((small.context_window, small.max_output_tokens), (Some(5), Some(6)));
    }

    #[test]
    fn a_foreign_price_map_is_merged_without_its_slips() {
        let mut catalogue = catalogue();

        let json = r#"{"acme/small": {"litellm_provider": "acme", "input_cost_per_token": 1.5e-06, "max_input_tokens": 2000},
                       "acme/large": {"litellm_provider": "acme", "input_cost_per_token": 0.01},
                       "acme/unpriced": {"litellm_provider": "acme", "input_cost_per_token": 0.0, "mode": "search"},
                       "sample_spec": {}}"#;
        assert_eq!(catalogue.merge_litellm(json).unwrap(), 2);

        assert_eq!(input(&catalogue, "acme", "small").as_deref(), Some("1.5"));
        assert_eq!(catalogue.find("acme", "small").unwrap().context_window, Some(2_000));
        assert_eq!(input(&catalogue, "acme", "large").as_deref(), Some("10"));
        assert_eq!(catalogue.find("acme", "unpriced").unwrap().price, None);
        assert!(
            catalogue
                .merge_litellm(r#"{"m": {"litellm_provider": "acme", "input_cost_per_token": -1}}"#)
                .is_err()
        );
    }

    #[test]
    fn it_is_shared_between_threads() {
        let catalogue = catalogue();

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(input(&catalogue, "acme", "small").as_deref(), Some("1")));
            }
        });
    }
}
