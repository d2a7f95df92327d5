//! New prices from outside: checked before they are believed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::catalogue::shelved;
use super::load::unreadable;
use super::row::{self, Listed};
use super::{Catalogue, Charge, Date, Rate};
use crate::error::{Error, ErrorKind, Result};
use crate::types::PriceSource;

/// Which update a catalogue holds: a day, and a number within the day.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The day the prices were read.
    pub as_of: Date,
    /// Counts the updates of one day.
    pub number: u32,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.as_of, self.number)
    }
}

impl Catalogue {
    /// This catalogue with the prices of an update over the built-in tables, below what the application set itself. Each
    /// update replaces the one before.
    ///
    /// The file is that of [`merge_json`](Self::merge_json), with `as_of` (`YYYY-MM-DD`) required and a `revision` (0 if
    /// left out) to tell updates of one day apart. `now` is today.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], and the update is of no use as a whole, when
    /// * it is malformed, or `as_of` lies more than two days ahead;
    /// * it is older than the update the catalogue holds;
    /// * it has less than half the rows of the update it would replace;
    /// * a rate is beyond $100,000 for a million tokens or for another unit of its [`Charge`];
    /// * a rate is a hundred times the standard rate it would replace or more, a hundredth of it or less, or nothing
    ///   where something was paid;
    /// * a rate for input or output is missing where something was paid, or the currency is another;
    /// * it is older than the built-in price it would replace.
    pub fn updated(&self, json: &str, now: SystemTime) -> Result<Self> {
        let file: File<'_> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let as_of =
            file.as_of.ok_or_else(|| refused("as_of, the day of the prices, is missing".to_owned()))?;
        let as_of: Date = as_of.parse().map_err(|error: Error| row::at("as_of", &error))?;
        let revision = Revision { as_of, number: file.revision };
        if as_of.start() > now.checked_add(AHEAD).unwrap_or(now) {
            return Err(refused(format!("the update is of {as_of}, which is still to come")));
        }
        if let Some(held) = self.updated.filter(|held| *held > revision) {
            return Err(refused(format!("the update {revision} is older than {held}, which is in force")));
        }
        let rows = row::read_rows(file.models)?;
        let held: usize = self.updates.values().map(|shelf| shelf.models().len()).sum();
        if rows.is_empty() || rows.len() < held.div_ceil(2) {
            return Err(refused(format!("the update has {} rows, the one before had {held}", rows.len())));
        }
        let before = self.without_own();
        for listed in &rows {
            check_row(&before, listed, as_of)?;
        }
        let mut tables = before;
        tables.updates = Arc::default();
        let mut models = tables.completed(rows);
        for (_, model) in &mut models {
            if model.source == PriceSource::Application {
                model.source = PriceSource::Update(revision.to_string());
            }
        }
        let mut after = self.clone();
        after.updates = Arc::new(shelved(&std::collections::BTreeMap::new(), models));
        after.updated = Some(revision);
        after.name_version();
        Ok(after)
    }

    /// The update this catalogue holds, if any.
    pub fn revision(&self) -> Option<Revision> {
        self.updated
    }
}

fn check_row(before: &Catalogue, listed: &Listed, as_of: Date) -> Result<()> {
    let Some(price) = &listed.price else { return Ok(()) };
    let wrong =
        |charge: Charge, how: &str| Err(refused(format!("{}: {} is {how}", listed.place, charge.as_str())));
    for (charge, rate) in price.every_rate() {
        if rate > DEAREST {
            return wrong(charge, "beyond any price there is");
        }
    }
    let known = before.known(&listed.provider, &listed.id);
    let Some(old) = known.price else { return Ok(()) };
    // Else whoever can hand out an old update, which was signed once, could bring its prices back after a restart.
    if let PriceSource::Catalogue(day) = &known.source
        && day.parse::<Date>().is_ok_and(|day| day > as_of)
    {
        return Err(refused(format!("{}: the built-in price is of {day}, newer than {as_of}", listed.place)));
    }
    if old.currency() != price.currency() {
        return Err(refused(format!("{}: the currency is not what it was", listed.place)));
    }
    for charge in [Charge::Input, Charge::Output] {
        if old.rate(charge).is_some_and(|old| old > Rate::ZERO) && price.rate(charge).is_none() {
            return wrong(charge, "missing, where something was paid");
        }
    }
    for (charge, rate) in price.every_rate() {
        let Some(old) = old.rate(charge).filter(|old| *old > Rate::ZERO) else { continue };
        if rate.pico() / LARGEST_CHANGE >= old.pico() {
            return wrong(charge, "a hundred times what it was, or more");
        }
        if rate > Rate::ZERO && old.pico() / LARGEST_CHANGE >= rate.pico() {
            return wrong(charge, "a hundredth of what it was, or less");
        }
    }
    for (charge, old) in old.rates().iter() {
        if old > Rate::ZERO && price.rate(charge) == Some(Rate::ZERO) {
            return wrong(charge, "nothing, where something was paid");
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    as_of: Option<String>,
    #[serde(default)]
    revision: u32,
    #[serde(borrow)]
    models: Vec<&'a RawValue>,
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

/// Whose updates are believed: an Ed25519 public key, 32 bytes as base64.
///
/// A signature is 64 bytes, as base64, over the bytes of the file; it lies beside the file under the same name with
/// `.sig` behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpdateKey([u8; 32]);

impl UpdateKey {
    /// Did the owner of the key sign `document`?
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when not, or when `signature` is none.
    pub fn verify(&self, document: &[u8], signature: &[u8]) -> Result<()> {
        let text = signature.trim_ascii();
        let signature =
            STANDARD.decode(text).map_err(|_| refused("the signature is not base64".to_owned()))?;
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(document, &signature)
            .map_err(|_| refused("the signature does not fit the file and the key".to_owned()))
    }
}

impl FromStr for UpdateKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = STANDARD.decode(text.trim()).ok();
        let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        key.map(Self).ok_or_else(|| refused("a key for updates is 32 bytes as base64".to_owned()))
    }
}

impl fmt::Debug for UpdateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpdateKey({})", STANDARD.encode(self.0))
    }
}

/// A clock that is a little wrong, and time zones.
const AHEAD: Duration = Duration::from_secs(2 * 86_400);

/// The dearest model there ever was asked for $600 for a million tokens.
const DEAREST: Rate = Rate::from_pico(100_000 * 1_000_000_000_000);

const LARGEST_CHANGE: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Price, Table};

    const TABLE: &str = r#"{"schema":1,"as_of":"2026-11-22","provider":"acme","models":[
        ["small","i1 o2 c0.5","stV",1000],
        ["large","i10 o20 | @batch i5 o10"],
        ["gift","i0 o0"]
    ]}"#;

    fn catalogue() -> Catalogue {
        Catalogue::from_tables(&[Table::new("acme", &[], TABLE)])
    }

    fn now() -> SystemTime {
        "2026-12-01".parse::<Date>().unwrap().start()
    }

    fn file(as_of: &str, rows: &str) -> String {
        format!(r#"{{"as_of": "{as_of}", "models": [{rows}]}}"#)
    }

    fn input(catalogue: &Catalogue, model: &str) -> String {
        let model = catalogue.find("acme", model).unwrap();
        model.price.as_ref().unwrap().rate(Charge::Input).unwrap().to_string()
    }

    const SMALL: &str = r#"{"provider": "acme", "id": "small", "input": "3", "output": "4"}"#;
    const LARGE: &str = r#"{"provider": "acme", "id": "large", "input": "11", "output": "20"}"#;

    #[test]
    fn an_update_is_over_the_tables_and_below_what_the_application_set() {
        let own = catalogue().with_price("acme", "large", Price::per_million("7", "7").unwrap());

        let after = own.updated(&file("2026-12-01", &format!("{SMALL},{LARGE}")), now()).unwrap();

        assert_eq!((input(&after, "small"), input(&after, "large")), ("3".into(), "7".into()));
        let small = after.find("acme", "small").unwrap();
        assert_eq!(small.source, PriceSource::Update("2026-12-01.0".into()));
        assert_eq!(small.context_window, Some(1_000));
        assert_eq!(small.price.as_ref().unwrap().rate(Charge::CachedInput), None);
        assert_eq!(
            (after.version(), own.version()),
            ("2026-12-01.0+own", &*format!("{}+own", catalogue().version()))
        );
        assert_eq!(input(&own, "small"), "1");
    }

    #[test]
    fn each_update_replaces_the_one_before() {
        let first = catalogue().updated(&file("2026-11-30", &format!("{SMALL},{LARGE}")), now()).unwrap();

        let second = first.updated(&file("2026-12-01", LARGE), now()).unwrap();

        assert_eq!((input(&second, "small"), input(&second, "large")), ("1".into(), "11".into()));
        assert_eq!(second.revision().unwrap().to_string(), "2026-12-01.0");
    }

    #[test]
    fn what_cannot_be_right_is_refused_as_a_whole() {
        let held = catalogue()
            .updated(
                r#"{"as_of": "2026-11-30", "revision": 2, "models": [
                    {"provider": "acme", "id": "small", "input": "1", "output": "2"},
                    {"provider": "acme", "id": "a"}, {"provider": "acme", "id": "b"}]}"#,
                now(),
            )
            .unwrap();
        let two = |row: &str| file("2026-12-01", &format!("{LARGE},{row}"));
        let small = |rates: &str| two(&format!(r#"{{"provider": "acme", "id": "small", {rates}}}"#));
        for (json, reason) in [
            ("PRICES".to_owned(), "line 1"),
            (r#"{"models": []}"#.to_owned(), "as_of"),
            (file("soon", SMALL), "as_of"),
            (file("2026-12-04", SMALL), "still to come"),
            (file("2026-11-29", &format!("{SMALL},{LARGE}")), "older than 2026-11-30.2"),
            (file("2026-11-30", &format!("{SMALL},{LARGE}")), "older than 2026-11-30.2"),
            (file("2026-12-01", SMALL), "has 1 rows, the one before had 3"),
            (file("2026-12-01", ""), "has 0 rows"),
            (small(r#""input": "-1""#), "row 2 (acme/small): input"),
            (small(r#""input": "NaN""#), "row 2 (acme/small): input"),
            (small(r#""imput": "1""#), "row 2 (acme/small): unknown key"),
            (small(r#""input": "100", "output": "2""#), "row 2 (acme/small): input is a hundred times"),
            (small(r#""input": "0.01", "output": "2""#), "row 2 (acme/small): input is a hundredth of"),
            (small(r#""input": "0", "output": "2""#), "row 2 (acme/small): input is nothing"),
            (
                small(r#""input": "1", "output": "2", "service_tiers": {"batch": {"output": "0.001"}}"#),
                "row 2 (acme/small): output is a hundredth of",
            ),
            (
                small(
                    r#""input": "1", "output": "2", "upcoming": [{"from": "2027-01-01", "output": "900"}]"#,
                ),
                "row 2 (acme/small): output is a hundred times",
            ),
            (small(r#""output": "2""#), "row 2 (acme/small): input is missing"),
            (small(r#""input": "1""#), "row 2 (acme/small): output is missing"),
            (
                small(r#""input": "1", "output": "2", "currency": "CNY""#),
                "row 2 (acme/small): the currency is not what it was",
            ),
            (
                two(r#"{"provider": "acme", "id": "new", "input": "100001"}"#),
                "row 2 (acme/new): input is beyond",
            ),
        ] {
            let error = held.updated(&json, now()).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains(reason), "{json}: {error}");
            assert!(!error.message().contains("PRICES"));
        }
        let fine = two(r#"{"provider": "acme", "id": "small", "input": "99", "output": "0.021"},
                          {"provider": "acme", "id": "gift", "input": "0", "output": "1"}"#);
        assert!(held.updated(&fine, now()).is_ok());
    }

    #[test]
    fn an_update_older_than_the_built_in_prices_brings_nothing_back() {
        let error = catalogue().updated(&file("2026-11-21", SMALL), now()).unwrap_err();

        assert!(error.message().contains("the built-in price is of 2026-11-22"), "{error}");
        catalogue().updated(&file("2026-11-22", SMALL), now()).unwrap();
    }

    #[test]
    fn a_signature_fits_one_file_and_one_key() {
        // RFC 8032, section 7.1, test 2.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = hex(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        let key: UpdateKey = STANDARD.encode(key).parse().unwrap();
        let signature = format!("{}\n", STANDARD.encode(signature));

        assert!(key.verify(&[0x72], signature.as_bytes()).is_ok());
        for (document, signature) in
            [(&[0x73][..], &*signature), (&[], &signature), (&[0x72], ""), (&[0x72], "AAAA")]
        {
            assert_eq!(
                key.verify(document, signature.as_bytes()).unwrap_err().kind(),
                ErrorKind::Configuration
            );
        }
        assert!("AAAA".parse::<UpdateKey>().is_err());
    }
}
