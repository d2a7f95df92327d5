//! Does a JSON text fit a JSON Schema?
//!
//! Written here, because the crate that everybody uses for it would bring forty others into a tree that may have so many.
//! Known are the keywords of 2020-12 and of draft 7 that say what a value looks like. Not looked at are formats, what is
//! `unevaluated`, dynamic references, and patterns that need more than a regular expression of linear time. Nothing is
//! ever fetched.

mod number;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use regex_lite::Regex;
use serde::Serialize;
use serde_json::{Map, Value};

use self::number::{compare, integer, is_multiple, whole};
use crate::types::Json;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Fits,
    /// What is wrong with it, in words for the model. May quote it.
    Faulty(String),
    /// Why it cannot be told.
    Unknown(&'static str),
}

/// Holds `text` against `schema`. The work is bounded, whatever both are.
pub(crate) fn check(schema: &Json, text: &str) -> Checked {
    let instance: Value = match serde_json::from_str(text) {
        Ok(instance) => instance,
        Err(error) => return Checked::Faulty(format!("it is not JSON: {error}")),
    };
    let Ok(root) = serde_json::from_str::<Value>(schema.as_str()) else { return Checked::Unknown(TOO_DEEP) };
    let checker = Checker { root: &root, steps: Cell::new(MOST_STEPS), patterns: RefCell::default() };
    match checker.check(&root, &instance, &Place::Root, 0) {
        Ok(()) => Checked::Fits,
        Err(Fault::Wrong(what)) => Checked::Faulty(shortened(what)),
        Err(Fault::Unknown(why)) => Checked::Unknown(why),
    }
}

enum Fault {
    Wrong(String),
    Unknown(&'static str),
}

type Outcome = Result<(), Fault>;

/// Where in the answer.
enum Place<'a> {
    Root,
    Field(&'a Self, &'a str),
    Item(&'a Self, usize),
}

impl Place<'_> {
    /// `/field/0`, or what the whole is called.
    fn name(&self) -> String {
        match self {
            Self::Root => "the answer".to_owned(),
            Self::Field(..) | Self::Item(..) => self.path(),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(place, name) => format!("{}/{}", place.path(), start_of(name)),
            Self::Item(place, number) => format!("{}/{number}", place.path()),
        }
    }

    fn wrong(&self, what: impl std::fmt::Display) -> Fault {
        Fault::Wrong(format!("{} {what}", self.name()))
    }
}

struct Checker<'a> {
    root: &'a Value,
    /// What work is left.
    steps: Cell<usize>,
    /// Each is compiled once; `None` where it cannot be.
    patterns: RefCell<HashMap<&'a str, Option<Regex>>>,
}

impl<'a> Checker<'a> {
    fn check(&self, schema: &'a Value, instance: &Value, place: &Place<'_>, depth: u32) -> Outcome {
        self.spend(1)?;
        if depth > DEEPEST {
            return Err(Fault::Unknown(TOO_DEEP));
        }
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return Err(place.wrong("may not be there")),
            _ => return Ok(()),
        };
        let deeper = depth + 1;
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.check(self.pointed(reference)?, instance, place, deeper)?;
        }
        self.is_one_of(schema, instance, place)?;
        self.combines(schema, instance, place, deeper)?;
        match instance {
            Value::Object(object) => self.object(schema, (instance, object), place, deeper),
            Value::Array(array) => self.array(schema, array, place, deeper),
            Value::String(text) => self.text(schema, text, place),
            Value::Number(_) => number(schema, instance, place),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn spend(&self, steps: usize) -> Outcome {
        let left = self.steps.get().checked_sub(steps).ok_or(Fault::Unknown(TOO_MUCH))?;
        self.steps.set(left);
        Ok(())
    }

    /// What it takes to read so many bytes.
    fn read(&self, bytes: usize) -> Outcome {
        self.spend(bytes / BYTES_A_STEP)
    }

    fn pointed(&self, reference: &str) -> Result<&'a Value, Fault> {
        let path = reference.strip_prefix('#').ok_or(Fault::Unknown(ELSEWHERE))?;
        let target = if path.is_empty() { Some(self.root) } else { self.root.pointer(path) };
        target.ok_or(Fault::Unknown(ELSEWHERE))
    }

    fn is_one_of(&self, schema: &'a Map<String, Value>, instance: &Value, place: &Place<'_>) -> Outcome {
        if let Some(kinds) = schema.get("type").filter(|kinds| !is_of(kinds, instance)) {
            return Err(place.wrong(format_args!("must be of type {kinds}")));
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            for value in values {
                if self.same(value, instance)? {
                    return Ok(());
                }
            }
            return Err(place.wrong(format_args!("must be one of {}", beginning(values))));
        }
        match schema.get("const") {
            Some(value) if !self.same(value, instance)? => {
                Err(place.wrong(format_args!("must be {}", beginning(value))))
            }
            _ => Ok(()),
        }
    }

    /// Are they the same value? 1 and 1.0 are.
    fn same(&self, one: &Value, other: &Value) -> Result<bool, Fault> {
        self.spend(1)?;
        match (one, other) {
            (Value::Number(_), Value::Number(_)) => Ok(compare(one, other) == Some(Ordering::Equal)),
            (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
                self.all_same(one.iter().zip(other.iter().map(Some)))
            }
            (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
                self.all_same(one.iter().map(|(name, value)| (value, other.get(name))))
            }
            (Value::String(one), Value::String(other)) if one.len() == other.len() => {
                self.read(one.len())?;
                Ok(one == other)
            }
            (Value::Null | Value::Bool(_), _) => Ok(one == other),
            _ => Ok(false),
        }
    }

    fn all_same<'v>(
        &self,
        pairs: impl Iterator<Item = (&'v Value, Option<&'v Value>)>,
    ) -> Result<bool, Fault> {
        for (one, other) in pairs {
            match other {
                Some(other) if self.same(one, other)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// A text that is the same for the same values.
    fn canonical(&self, value: &Value) -> Result<String, Fault> {
        self.spend(1)?;
        Ok(match value {
            Value::Array(items) => {
                let items: Vec<String> =
                    items.iter().map(|item| self.canonical(item)).collect::<Result<_, _>>()?;
                format!("[{}]", items.join(","))
            }
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| {
                    Ok(format!("{}:{}", Value::from(name.as_str()), self.canonical(value)?))
                };
                let mut fields: Vec<String> = fields.iter().map(field).collect::<Result<_, Fault>>()?;
                fields.sort_unstable();
                format!("{{{}}}", fields.join(","))
            }
            Value::String(text) => {
                self.read(text.len())?;
                value.to_string()
            }
            number => integer(number).map_or_else(|| number.to_string(), |number| number.to_string()),
        })
    }

    /// Does it fit? Unlike a fault, what cannot be told is an error.
    fn fits(
        &self,
        schema: &'a Value,
        instance: &Value,
        place: &Place<'_>,
        depth: u32,
    ) -> Result<bool, Fault> {
        match self.check(schema, instance, place, depth) {
            Ok(()) => Ok(true),
            Err(Fault::Wrong(_)) => Ok(false),
            Err(unknown) => Err(unknown),
        }
    }

    fn combines(
        &self,
        schema: &'a Map<String, Value>,
        instance: &Value,
        place: &Place<'_>,
        depth: u32,
    ) -> Outcome {
        for part in list(schema, "allOf") {
            self.check(part, instance, place, depth)?;
        }
        for (name, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            let choices = list(schema, name);
            let mut fitting = 0;
            for choice in choices {
                fitting += usize::from(self.fits(choice, instance, place, depth)?);
                if fitting > most || (fitting == 1 && most == usize::MAX) {
                    break;
                }
            }
            if fitting == 0 && !choices.is_empty() {
                return Err(place.wrong("fits none of the choices of its schema"));
            }
            if fitting > most {
                return Err(place.wrong("fits more than one of the choices of its schema"));
            }
        }
        if let Some(not) = schema.get("not")
            && self.fits(not, instance, place, depth)?
        {
            return Err(place.wrong("is what its schema says it must not be"));
        }
        if let Some(condition) = schema.get("if") {
            let then = if self.fits(condition, instance, place, depth)? { "then" } else { "else" };
            if let Some(then) = schema.get(then) {
                self.check(then, instance, place, depth)?;
            }
        }
        Ok(())
    }

    fn object(
        &self,
        schema: &'a Map<String, Value>,
        (instance, object): (&Value, &Map<String, Value>),
        place: &Place<'_>,
        depth: u32,
    ) -> Outcome {
        within(schema, ["minProperties", "maxProperties"], object.len(), place, "properties")?;
        let required = list(schema, "required");
        self.spend(required.len())?;
        for name in required.iter().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                return Err(place.wrong(format_args!("lacks {:?}", start_of(name))));
            }
        }
        let properties = map(schema, "properties");
        let patterns = map(schema, "patternProperties");
        let further = schema.get("additionalProperties");
        for (name, value) in object {
            let own = Place::Field(place, name);
            let mut is_known = false;
            if let Some(known) = properties.and_then(|properties| properties.get(name)) {
                is_known = true;
                self.check(known, value, &own, depth)?;
            }
            for (pattern, known) in patterns.into_iter().flatten() {
                self.spend(1)?;
                match self.matches(pattern, name)? {
                    Some(true) => {
                        is_known = true;
                        self.check(known, value, &own, depth)?;
                    }
                    Some(false) => {}
                    // It may or may not be one of these.
                    None => is_known = true,
                }
            }
            if let Some(further) = further.filter(|_| !is_known) {
                self.check(further, value, &own, depth)?;
            }
            if let Some(names) = schema.get("propertyNames") {
                self.read(name.len())?;
                self.check(names, &Value::from(name.as_str()), &own, depth)?;
            }
        }
        for (name, needed) in map(schema, "dependentRequired").into_iter().flatten() {
            let needed = needed.as_array().map(Vec::as_slice).unwrap_or_default();
            self.spend(1 + needed.len())?;
            let missing =
                needed.iter().filter_map(Value::as_str).find(|needed| !object.contains_key(*needed));
            if let Some(missing) = missing.filter(|_| object.contains_key(name)) {
                let (missing, name) = (start_of(missing), start_of(name));
                return Err(place.wrong(format_args!("lacks {missing:?}, which {name:?} needs")));
            }
        }
        for (name, needed) in map(schema, "dependentSchemas").into_iter().flatten() {
            if object.contains_key(name) {
                self.check(needed, instance, place, depth)?;
            }
        }
        Ok(())
    }

    fn array(
        &self,
        schema: &'a Map<String, Value>,
        array: &[Value],
        place: &Place<'_>,
        depth: u32,
    ) -> Outcome {
        within(schema, ["minItems", "maxItems"], array.len(), place, "items")?;
        // Draft 7 had both under one name.
        let (first, rest) = match schema.get("items") {
            Some(Value::Array(first)) => (first.as_slice(), schema.get("additionalItems")),
            rest => (list(schema, "prefixItems"), rest),
        };
        for (number, item) in array.iter().enumerate() {
            if let Some(own) = first.get(number).or(rest) {
                self.check(own, item, &Place::Item(place, number), depth)?;
            }
        }
        if let Some(wanted) = schema.get("contains") {
            let mut found = 0_usize;
            for (number, item) in array.iter().enumerate() {
                found += usize::from(self.fits(wanted, item, &Place::Item(place, number), depth)?);
            }
            let least = schema.get("minContains").and_then(Value::as_u64).unwrap_or(1);
            let most = schema.get("maxContains").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let found = u64::try_from(found).unwrap_or(u64::MAX);
            if found < least || found > most {
                return Err(place.wrong(format_args!("has {found} of the items that its schema wants")));
            }
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = HashSet::new();
            for (number, item) in array.iter().enumerate() {
                if !seen.insert(self.canonical(item)?) {
                    return Err(Place::Item(place, number).wrong("is there twice"));
                }
            }
        }
        Ok(())
    }

    fn text(&self, schema: &'a Map<String, Value>, text: &str, place: &Place<'_>) -> Outcome {
        if schema.contains_key("minLength") || schema.contains_key("maxLength") {
            self.read(text.len())?;
            within(schema, ["minLength", "maxLength"], text.chars().count(), place, "characters")?;
        }
        match schema.get("pattern").and_then(Value::as_str) {
            Some(pattern) if self.matches(pattern, text)? == Some(false) => {
                Err(place.wrong(format_args!("must match {pattern:?}")))
            }
            _ => Ok(()),
        }
    }

    /// `None` where the pattern is none that can be read here.
    fn matches(&self, pattern: &'a str, text: &str) -> Result<Option<bool>, Fault> {
        if pattern.len() > LONGEST_PATTERN {
            return Ok(None);
        }
        let mut patterns = self.patterns.borrow_mut();
        if !patterns.contains_key(pattern) {
            // To compile one takes about as long as to look at a thousand values.
            self.spend(1_000)?;
            patterns.insert(pattern, Regex::new(pattern).ok());
        }
        let Some(Some(known)) = patterns.get(pattern) else { return Ok(None) };
        // Every byte is looked at once for each part of the pattern at worst, and longer than by a comparison.
        self.read(text.len().saturating_mul(pattern.len()).saturating_mul(4))?;
        Ok(Some(known.is_match(text)))
    }
}

fn list<'s>(schema: &'s Map<String, Value>, name: &str) -> &'s [Value] {
    schema.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn map<'s>(schema: &'s Map<String, Value>, name: &str) -> Option<&'s Map<String, Value>> {
    schema.get(name).and_then(Value::as_object)
}

fn within(
    schema: &Map<String, Value>,
    [least, most]: [&str; 2],
    found: usize,
    place: &Place<'_>,
    what: &str,
) -> Outcome {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    let bound = |name: &str| schema.get(name).and_then(whole);
    if let Some(least) = bound(least).filter(|least| found < *least) {
        return Err(place.wrong(format_args!("has {found} {what} and needs at least {least}")));
    }
    if let Some(most) = bound(most).filter(|most| found > *most) {
        return Err(place.wrong(format_args!("has {found} {what} and may have at most {most}")));
    }
    Ok(())
}

fn number(schema: &Map<String, Value>, instance: &Value, place: &Place<'_>) -> Outcome {
    use Ordering::{Equal, Greater, Less};
    for (name, forbidden, words) in [
        ("minimum", &[Less][..], "must be at least"),
        ("maximum", &[Greater], "must be at most"),
        ("exclusiveMinimum", &[Less, Equal], "must be greater than"),
        ("exclusiveMaximum", &[Greater, Equal], "must be less than"),
    ] {
        if let Some(bound) = schema.get(name).filter(|bound| bound.is_number())
            && compare(instance, bound).is_some_and(|order| forbidden.contains(&order))
        {
            return Err(place.wrong(format_args!("{words} {bound}")));
        }
    }
    match schema.get("multipleOf").filter(|step| is_multiple(instance, step) == Some(false)) {
        Some(step) => Err(place.wrong(format_args!("must be a multiple of {step}"))),
        None => Ok(()),
    }
}

fn is_of(kinds: &Value, instance: &Value) -> bool {
    match kinds {
        Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, instance)),
        Value::String(kind) => match kind.as_str() {
            "object" => instance.is_object(),
            "array" => instance.is_array(),
            "string" => instance.is_string(),
            "boolean" => instance.is_boolean(),
            "null" => instance.is_null(),
            "number" => instance.is_number(),
            "integer" => {
                let is_whole = |number: f64| number.fract() == 0.0;
                instance.is_i64() || instance.is_u64() || instance.as_f64().is_some_and(is_whole)
            }
            _ => true,
        },
        _ => true,
    }
}

/// What a name begins with.
fn start_of(name: &str) -> &str {
    name.char_indices().nth(LONGEST_NAME).map_or(name, |(end, _)| name.get(..end).unwrap_or(name))
}

/// What its JSON begins with; the rest is not even written.
fn beginning(value: &impl Serialize) -> String {
    struct Short(Vec<u8>);
    impl std::io::Write for Short {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let taken = bytes.len().min(LONGEST_WORDS - self.0.len());
            self.0.extend(bytes.iter().take(taken));
            // Nothing taken ends the writing.
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut short = Short(Vec::new());
    let _ = serde_json::to_writer(&mut short, value);
    String::from_utf8_lossy(&short.0).into_owned()
}

/// A schema may be long, and what an answer quotes of it should not be.
fn shortened(mut text: String) -> String {
    if let Some((place, _)) = text.char_indices().nth(LONGEST_WORDS) {
        text.truncate(place);
        text.push('…');
    }
    text
}

/// Schemas, values and bytes that are looked at, in one check: about a tenth of a second.
const MOST_STEPS: usize = 500_000;
const BYTES_A_STEP: usize = 64;
/// Schemas within schemas, references followed. What `serde_json` reads is nested 128 deep.
const DEEPEST: u32 = 256;
const LONGEST_WORDS: usize = 500;
const LONGEST_NAME: usize = 100;
/// What takes long to compile takes long to match, too.
const LONGEST_PATTERN: usize = 1_000;

const TOO_DEEP: &str = "the schema is nested too deep, or leads back to itself without end";
const TOO_MUCH: &str = "the schema and the answer together take too much work";
const ELSEWHERE: &str = "the schema has a reference that leads nowhere within it";

#[cfg(test)]
mod tests;
