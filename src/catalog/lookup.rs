//! Finds a model by a name that need not be written as in the table. Names are never matched by prefix or substring.

use std::sync::Arc;

use super::{Date, Model};

/// How a name led to a model.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchedBy {
    /// It is the model's id.
    Id,
    /// It is another name of the model.
    Alias,
    /// It is one of the names but for capitals and `.`, `_`, `-`.
    Spelling,
    /// It names a dated snapshot of the model, or the model of which the newest snapshot was taken.
    Snapshot,
    /// It names a geographic profile that is not listed; this is the model behind it, whose price may differ.
    Geography,
}

impl MatchedBy {
    /// May the price differ from that of the model named?
    pub fn is_approximate(self) -> bool {
        matches!(self, Self::Geography)
    }
}

/// The family a model's name belongs to, for sums over vendors and snapshots: its last segment in small letters, without
/// date, `-latest` or version of a snapshot.
///
/// ```
/// use polyroute::catalog::family;
/// assert_eq!(family("gpt-5-2025-08-07"), "gpt-5");
/// assert_eq!(family("meta-llama/Llama-3.3-70B-Instruct"), "llama-3.3-70b-instruct");
/// ```
pub fn family(name: &str) -> String {
    let mut short = name.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or(name);
    while let Some((shorter, _)) = peel(short) {
        short = shorter;
    }
    short.to_ascii_lowercase()
}

/// The models of one provider in one layer, and an index of their names.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    models: Vec<Arc<Model>>,
    /// Sorted by hash.
    index: Box<[Entry]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of the normalised name.
    hash: u64,
    row: u32,
    /// 0 is the id, 1 the first alias.
    name: u32,
    /// How many bytes of the name count: all of it, or all but its date.
    length: u32,
    /// The day of the snapshot as YYYYMMDD; 0 for a name as it is written.
    dated: u32,
}

impl Shelf {
    pub(super) fn new(models: Vec<Model>) -> Self {
        let mut index = Vec::with_capacity(models.len());
        for (row, model) in (0_u32..).zip(&models) {
            let names = std::iter::once(&model.id).chain(model.aliases.iter());
            for (name, text) in (0_u32..).zip(names) {
                let entry = |text: &str, dated| Entry {
                    hash: hash(text),
                    row,
                    name,
                    length: u32::try_from(text.len()).unwrap_or(u32::MAX),
                    dated,
                };
                index.push(entry(text, 0));
                if let Some((short, day)) = undated(text) {
                    index.push(entry(short, day));
                    if let Some((dated, Suffix::Version)) = peel(text) {
                        index.push(entry(dated, day));
                    }
                }
            }
        }
        index.sort_unstable_by_key(|entry| (entry.hash, entry.row, entry.name));
        Self { models: models.into_iter().map(Arc::new).collect(), index: index.into() }
    }

    pub(super) fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// The model that `name` leads to by exactly the step `by`.
    fn find(&self, name: &str, by: MatchedBy) -> Option<&Arc<Model>> {
        let hash = hash(name);
        let from = self.index.partition_point(|entry| entry.hash < hash);
        let mut named = self
            .index
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|entry| entry.hash == hash)
            .filter_map(|entry| {
                let model = self.models.get(usize::try_from(entry.row).ok()?)?;
                let text = entry
                    .name
                    .checked_sub(1)
                    .map_or(Some(&model.id), |alias| model.aliases.get(usize::try_from(alias).ok()?))?;
                let text = text.get(..usize::try_from(entry.length).ok()?)?;
                same_spelling(text, name).then_some((entry, text, model))
            });
        match by {
            MatchedBy::Id => named
                .find(|(entry, text, _)| entry.dated == 0 && entry.name == 0 && *text == name)
                .map(|(_, _, model)| model),
            MatchedBy::Alias => named
                .find(|(entry, text, _)| entry.dated == 0 && entry.name > 0 && *text == name)
                .map(|(_, _, model)| model),
            MatchedBy::Spelling => {
                let mut spelled = named.filter(|(entry, _, _)| entry.dated == 0).map(|(_, _, model)| model);
                let first = spelled.next()?;
                // Two models whose names differ in spelling only: a third spelling could mean either.
                spelled.all(|other| Arc::ptr_eq(first, other) || first.price == other.price).then_some(first)
            }
            MatchedBy::Snapshot => named
                .filter(|(entry, _, _)| entry.dated > 0)
                .max_by_key(|(entry, _, _)| entry.dated)
                .map(|(_, _, model)| model),
            MatchedBy::Geography => None,
        }
    }
}

/// Finds `name` in `layers`, highest first. Every step is tried in all layers before the next one.
pub(super) fn find(layers: &[&Shelf], name: &str) -> Option<(Arc<Model>, MatchedBy)> {
    if let Some(found) = named(layers, name) {
        return Some(found);
    }
    let (area, bare) = name.split_once('.')?;
    // `us.anthropic.claude` is a profile of `anthropic.claude`; `us.model` is just a name.
    if !GEOGRAPHIES.contains(&area) || !bare.contains('.') {
        return None;
    }
    named(layers, bare).map(|(model, _)| (model, MatchedBy::Geography))
}

fn named(layers: &[&Shelf], name: &str) -> Option<(Arc<Model>, MatchedBy)> {
    let step = |name: &str, by| {
        layers.iter().find_map(|shelf| shelf.find(name, by)).map(|model| (Arc::clone(model), by))
    };
    let written = |name: &str| {
        [MatchedBy::Id, MatchedBy::Alias, MatchedBy::Spelling].into_iter().find_map(|by| step(name, by))
    };
    if let Some(found) = written(name) {
        return Some(found);
    }
    let mut short = name;
    let mut newest = Newest::Fits;
    while let Some((shorter, suffix)) = peel(short) {
        short = shorter;
        if !matches!(suffix, Suffix::Latest) {
            newest = Newest::WouldBeAnother;
        }
        if let Some((model, _)) = written(short) {
            return Some((model, MatchedBy::Snapshot));
        }
    }
    match newest {
        Newest::Fits => step(short, MatchedBy::Snapshot),
        Newest::WouldBeAnother => step(name, MatchedBy::Snapshot),
    }
}

/// Is the newest snapshot what a name without its suffix means?
enum Newest {
    Fits,
    /// The name asks for one day's snapshot; another day's may have another price.
    WouldBeAnother,
}

enum Suffix {
    Date(u32),
    Latest,
    Version,
}

/// Takes one suffix off: a date, `-latest`, `@default` or Bedrock's `-v1:0`.
fn peel(name: &str) -> Option<(&str, Suffix)> {
    for ending in ["-latest", "@default"] {
        if let Some(short) = name.strip_suffix(ending) {
            return filled(short).map(|short| (short, Suffix::Latest));
        }
    }
    if let Some((short, version)) = name.rsplit_once("-v") {
        let (major, minor) = version.split_once(':').unwrap_or_default();
        if is_digits(major) && is_digits(minor) {
            return filled(short).map(|short| (short, Suffix::Version));
        }
    }
    for length in [8, 10] {
        let Some((head, tail)) = name.len().checked_sub(length).and_then(|at| name.split_at_checked(at))
        else {
            continue;
        };
        let Some(short) = head.strip_suffix('-').or_else(|| head.strip_suffix('@').filter(|_| length == 8))
        else {
            continue;
        };
        if let Some(day) = day(tail) {
            return filled(short).map(|short| (short, Suffix::Date(day)));
        }
    }
    None
}

/// The name without its date, and the date as YYYYMMDD.
fn undated(name: &str) -> Option<(&str, u32)> {
    let mut short = name;
    while let Some((shorter, suffix)) = peel(short) {
        if let Suffix::Date(day) = suffix {
            return Some((shorter, day));
        }
        short = shorter;
    }
    None
}

/// `YYYYMMDD` or `YYYY-MM-DD` as a number.
fn day(text: &str) -> Option<u32> {
    let digits: String = if text.len() == 8 {
        text.to_owned()
    } else {
        text.parse::<Date>().ok()?;
        text.split('-').collect()
    };
    if digits.len() != 8 || !is_digits(&digits) {
        return None;
    }
    let day: u32 = digits.parse().ok()?;
    ((2_000..2_100).contains(&(day / 10_000))
        && (1..=12).contains(&(day / 100 % 100))
        && (1..=31).contains(&(day % 100)))
    .then_some(day)
}

fn filled(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn same_spelling(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().map(normal).eq(other.bytes().map(normal))
}

fn normal(byte: u8) -> u8 {
    match byte {
        b'.' | b'_' => b'-',
        _ => byte.to_ascii_lowercase(),
    }
}

/// FNV-1a of the normalised name.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(normal(byte))).wrapping_mul(0x0100_0000_01b3)
    })
}

const GEOGRAPHIES: [&str; 7] = ["us", "eu", "apac", "global", "jp", "au", "us-gov"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Price;

    fn shelf(rows: &[(&'static str, &[&'static str])]) -> Shelf {
        let mut price = 0;
        Shelf::new(
            rows.iter()
                .map(|(id, aliases)| {
                    price += 1;
                    let mut model = Model::new(*id);
                    model.aliases = aliases.iter().map(|alias| (*alias).into()).collect();
                    model.price = Some(Price::per_million(&price.to_string(), "1").unwrap());
                    model
                })
                .collect(),
        )
    }

    #[test]
    fn names_lead_to_models_by_these_steps_only() {
        let shelf = shelf(&[
            ("gpt-5", &["gpt-5-2025-08-07"]),
            ("GPT.Six", &[]),
            ("claude-x-20250101", &[]),
            ("claude-x-20260301", &["claude-x-newest"]),
            ("anthropic.claude-y-20250929-v1:0", &[]),
            ("anthropic.claude-z", &[]),
            ("us.anthropic.claude-z", &[]),
            ("Twin", &[]),
            ("twin", &[]),
            ("opus@20240229", &[]),
        ]);
        for (name, expected) in [
            ("gpt-5", Some(("gpt-5", MatchedBy::Id))),
            ("gpt-5-2025-08-07", Some(("gpt-5", MatchedBy::Alias))),
            ("GPT-5", Some(("gpt-5", MatchedBy::Spelling))),
            ("gpt-six", Some(("GPT.Six", MatchedBy::Spelling))),
            ("gpt-5-2027-01-31", Some(("gpt-5", MatchedBy::Snapshot))),
            ("gpt-5-latest", Some(("gpt-5", MatchedBy::Snapshot))),
            ("gpt-5@default", Some(("gpt-5", MatchedBy::Snapshot))),
            ("gpt-5@20270131", Some(("gpt-5", MatchedBy::Snapshot))),
            ("gpt-5-pro", None),
            ("gpt", None),
            ("gpt-5-", None),
            ("gpt-5-2027-13-01", None),
            ("gpt-5-12345678", None),
            ("-latest", None),
            ("", None),
            ("claude-x", Some(("claude-x-20260301", MatchedBy::Snapshot))),
            ("claude-x-latest", Some(("claude-x-20260301", MatchedBy::Snapshot))),
            ("Claude.X", Some(("claude-x-20260301", MatchedBy::Snapshot))),
            ("claude-x-20250606", None),
            ("opus@20241022", None),
            ("opus", Some(("opus@20240229", MatchedBy::Snapshot))),
            ("anthropic.claude-y-20250929", Some(("anthropic.claude-y-20250929-v1:0", MatchedBy::Snapshot))),
            ("anthropic.claude-y-20250929-v2:0", None),
            ("anthropic.claude-y-20251001", None),
            ("anthropic.claude-y", Some(("anthropic.claude-y-20250929-v1:0", MatchedBy::Snapshot))),
            ("anthropic.claude-z-v2:0", Some(("anthropic.claude-z", MatchedBy::Snapshot))),
            ("us.anthropic.claude-z", Some(("us.anthropic.claude-z", MatchedBy::Id))),
            ("eu.anthropic.claude-z", Some(("anthropic.claude-z", MatchedBy::Geography))),
            ("mars.anthropic.claude-z", None),
            ("eu.gpt-5", None),
            ("twin", Some(("twin", MatchedBy::Id))),
            ("TWIN", None),
        ] {
            let found = find(&[&shelf], name);
            let found = found.as_ref().map(|(model, by)| (&*model.id, *by));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_better_match_in_a_lower_layer_wins_over_a_worse_one_above() {
        let (above, below) =
            (shelf(&[("gpt-4o", &[])]), shelf(&[("gpt-4o", &[]), ("gpt-4o-2024-05-13", &[])]));

        let found = find(&[&above, &below], "gpt-4o-2024-05-13").unwrap();

        assert!(Arc::ptr_eq(&found.0, &below.models()[1]));
        assert!(Arc::ptr_eq(&find(&[&above, &below], "gpt-4o").unwrap().0, &above.models()[0]));
    }
}
