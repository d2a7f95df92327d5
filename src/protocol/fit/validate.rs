//! Does a JSON text fit a JSON Schema?
//!
//! Written here, because the crate that everybody uses for it would bring forty others into a tree that may have so many.
//! Known are the keywords of 2020-12 and of draft 7 that say what a value looks like. Not looked at are formats, what is
//! `unevaluated`, dynamic references, and patterns that need more than a regular expression of linear time. Nothing is
//! ever fetched.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use regex_lite::Regex;
use serde_json::{Map, Value};

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
            Self::Field(place, name) => format!("{}/{name}", place.path()),
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
    steps: Cell<u32>,
    /// Each is compiled once; `None` where it cannot be.
    patterns: RefCell<HashMap<&'a str, Option<Regex>>>,
}

impl<'a> Checker<'a> {
    fn check(&self, schema: &'a Value, instance: &Value, place: &Place<'_>, depth: u32) -> Outcome {
        self.step()?;
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
            Value::Object(object) => self.object(schema, object, place, deeper),
            Value::Array(array) => self.array(schema, array, place, deeper),
            Value::String(text) => self.text(schema, text, place),
            Value::Number(_) => number(schema, instance, place),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn step(&self) -> Outcome {
        let left = self.steps.get().checked_sub(1).ok_or(Fault::Unknown(TOO_MUCH))?;
        self.steps.set(left);
        Ok(())
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
                self.step()?;
                if same(value, instance) {
                    return Ok(());
                }
            }
            return Err(place.wrong(format_args!("must be one of {}", Value::from(values.clone()))));
        }
        match schema.get("const").filter(|value| !same(value, instance)) {
            Some(value) => Err(place.wrong(format_args!("must be {value}"))),
            None => Ok(()),
        }
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
        object: &Map<String, Value>,
        place: &Place<'_>,
        depth: u32,
    ) -> Outcome {
        within(schema, ["minProperties", "maxProperties"], object.len(), place, "properties")?;
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                return Err(place.wrong(format_args!("lacks {name:?}")));
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
                self.step()?;
                match self.matches(pattern, name) {
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
                self.check(names, &Value::from(name.as_str()), &own, depth)?;
            }
        }
        for (name, needed) in map(schema, "dependentRequired").into_iter().flatten() {
            let needed = needed.as_array().map(Vec::as_slice).unwrap_or_default();
            let missing =
                needed.iter().filter_map(Value::as_str).find(|needed| !object.contains_key(*needed));
            if let Some(missing) = missing.filter(|_| object.contains_key(name)) {
                return Err(place.wrong(format_args!("lacks {missing:?}, which {name:?} needs")));
            }
        }
        let instance = || Value::Object(object.clone());
        for (name, needed) in map(schema, "dependentSchemas").into_iter().flatten() {
            if object.contains_key(name) {
                self.check(needed, &instance(), place, depth)?;
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
            if let Some(number) = array.iter().position(|item| !seen.insert(canonical(item))) {
                return Err(Place::Item(place, number).wrong("is there twice"));
            }
        }
        Ok(())
    }

    fn text(&self, schema: &'a Map<String, Value>, text: &str, place: &Place<'_>) -> Outcome {
        if schema.contains_key("minLength") || schema.contains_key("maxLength") {
            within(schema, ["minLength", "maxLength"], text.chars().count(), place, "characters")?;
        }
        let pattern = schema.get("pattern").and_then(Value::as_str);
        match pattern.filter(|pattern| self.matches(pattern, text) == Some(false)) {
            Some(pattern) => Err(place.wrong(format_args!("must match {pattern:?}"))),
            None => Ok(()),
        }
    }

    /// `None` where the pattern is none that can be read here.
    fn matches(&self, pattern: &'a str, text: &str) -> Option<bool> {
        let mut patterns = self.patterns.borrow_mut();
        let read = || Regex::new(pattern).ok().filter(|_| pattern.len() <= LONGEST_PATTERN);
        let known = patterns.entry(pattern).or_insert_with(read);
        Some(known.as_ref()?.is_match(text))
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

/// A bound such as 3 or 3.0.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| integer(value).and_then(|number| u64::try_from(number).ok()))
}

/// A number without a fraction, however it is written; beyond what is exact as a float there is none.
fn integer(value: &Value) -> Option<i128> {
    if let Some(number) = value.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = value.as_u64() {
        return Some(number.into());
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    Some(number as i128)
}

fn number(schema: &Map<String, Value>, instance: &Value, place: &Place<'_>) -> Outcome {
    use std::cmp::Ordering::{Equal, Greater, Less};
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

fn compare(one: &Value, other: &Value) -> Option<std::cmp::Ordering> {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// `None` where a step of nothing, or less, says nothing.
fn is_multiple(value: &Value, step: &Value) -> Option<bool> {
    if let (Some(value), Some(step)) = (integer(value), integer(step)) {
        return (step > 0).then(|| value % step == 0);
    }
    let (value, step) = (value.as_f64()?, step.as_f64().filter(|step| *step > 0.0)?);
    #[expect(clippy::float_arithmetic, reason = "0.3 is a multiple of 0.1 although no float says so")]
    let off = {
        let times = value / step;
        (times - times.round()).abs() / times.abs().max(1.0)
    };
    Some(off < 1e-9)
}

/// Are they the same value? 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => compare(one, other) == Some(std::cmp::Ordering::Equal),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            canonical(one) == canonical(other)
        }
        _ => one == other,
    }
}

/// A text that is the same for the same values.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            fields.sort_unstable();
            format!("{{{}}}", fields.join(","))
        }
        number => integer(number).map_or_else(|| number.to_string(), |number| number.to_string()),
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

/// A schema may be long, and what an answer quotes of it should not be.
fn shortened(mut text: String) -> String {
    if let Some((place, _)) = text.char_indices().nth(LONGEST_WORDS) {
        text.truncate(place);
        text.push('…');
    }
    text
}

/// Schemas and values that are looked at, in one check: a tenth of a second.
const MOST_STEPS: u32 = 500_000;
/// Schemas within schemas, references followed. What `serde_json` reads is nested 128 deep.
const DEEPEST: u32 = 256;
/// Floats count whole numbers exactly up to here.
const EXACT: f64 = 9_007_199_254_740_992.0;
const LONGEST_WORDS: usize = 500;
/// What takes long to compile takes long to match, too.
const LONGEST_PATTERN: usize = 1_000;

const TOO_DEEP: &str = "the schema is nested too deep, or leads back to itself without end";
const TOO_MUCH: &str = "the schema and the answer together take too much work";
const ELSEWHERE: &str = "the schema has a reference that leads nowhere within it";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(schema: &Value, text: &str) -> Checked {
        check(&Json::from(schema.clone()), text)
    }

    fn fault(schema: &Value, text: &str) -> String {
        match of(schema, text) {
            Checked::Faulty(what) => what,
            other => panic!("{schema} {text}: {other:?}"),
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_told_what_is_wrong_with_it() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": ["string", "null"]},
                "unit": {"enum": ["c", "f"]},
                "tree": {"$ref": "#/$defs/tree"},
                "number": {"anyOf": [{"type": "integer"}, {"const": "none"}]},
            },
            "required": ["name"],
            "additionalProperties": false,
            "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        });

        for fitting in
            [json!({"name": null}), json!({"name": "a", "unit": "c", "tree": [[], [[]]], "number": 3.0})]
        {
            assert_eq!(of(&schema, &fitting.to_string()), Checked::Fits, "{fitting}");
        }
        for (text, words) in [
            ("{", "not JSON"),
            ("[]", "the answer must be of type \"object\""),
            ("{}", "lacks \"name\""),
            (r#"{"name": 3}"#, "/name must be of type"),
            (r#"{"name": "a", "unit": "k"}"#, "/unit must be one of"),
            (r#"{"name": "a", "tree": [[], [1]]}"#, "/tree/1/0 must be of type"),
            (r#"{"name": "a", "number": "some"}"#, "/number fits none"),
            (r#"{"name": "a", "more": 1}"#, "/more may not be there"),
        ] {
            assert!(fault(&schema, text).contains(words), "{text}: {}", fault(&schema, text));
        }
    }

    /// A keyword, what fits it and what does not.
    #[test]
    fn every_keyword_is_held_to() {
        let cases = [
            (
                json!({"minLength": 2, "maxLength": 3}),
                vec!["\"äö\"", "\"abc\"", "7"],
                vec!["\"ä\"", "\"abcd\""],
            ),
            (json!({"pattern": "^a+$"}), vec!["\"aa\"", "1"], vec!["\"ab\""]),
            (json!({"minimum": 1, "maximum": 2.5}), vec!["1", "2.5", "1.0"], vec!["0.999", "3"]),
            (json!({"exclusiveMinimum": 1, "exclusiveMaximum": 2}), vec!["1.5"], vec!["1", "1.0", "2"]),
            (
                json!({"minimum": 9_007_199_254_740_993_u64}),
                vec!["9007199254740993"],
                vec!["9007199254740992"],
            ),
            (json!({"multipleOf": 0.1}), vec!["0.3", "7", "-0.2"], vec!["0.35"]),
            (json!({"multipleOf": 3}), vec!["9", "-3", "0"], vec!["10"]),
            (json!({"multipleOf": 0}), vec!["9"], vec![]),
            (
                json!({"enum": [1, {"a": [2]}]}),
                vec!["1.0", "{\"a\": [2.0]}"],
                vec!["2", "{\"a\": [3]}", "\"1\""],
            ),
            (json!({"not": {"type": "null"}}), vec!["1"], vec!["null"]),
            (
                json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}),
                vec!["{\"a\": 1, \"b\": 1}", "{\"c\": 1}"],
                vec!["{\"a\": 1}", "{\"b\": 1}"],
            ),
            (json!({"oneOf": [{"type": "integer"}, {"minimum": 5}]}), vec!["3", "5.5"], vec!["7", "2.5"]),
            (
                json!({"patternProperties": {"^x_": {"type": "integer"}}, "properties": {"a": true},
                       "additionalProperties": false}),
                vec!["{\"x_1\": 1, \"a\": null}"],
                vec!["{\"x_1\": \"1\"}", "{\"y\": 1}"],
            ),
            (
                json!({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false}),
                vec!["[1, \"a\"]", "[1]", "[]"],
                vec!["[1, \"a\", 2]", "[\"a\"]"],
            ),
            (
                json!({"items": [{"type": "integer"}], "additionalItems": {"type": "string"}}),
                vec!["[1, \"a\", \"b\"]"],
                vec!["[1, 2]"],
            ),
            (
                json!({"contains": {"const": 1}, "maxContains": 2}),
                vec!["[1]", "[0, 1, 1]"],
                vec!["[]", "[0]", "[1, 1, 1]"],
            ),
            (json!({"contains": {"const": 1}, "minContains": 0}), vec!["[]"], vec![]),
            (
                json!({"uniqueItems": true}),
                vec!["[1, \"1\"]"],
                vec!["[1, 1.0]", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]"],
            ),
            (json!({"minItems": 1, "maxItems": 2.0}), vec!["[1]"], vec!["[]", "[1, 2, 3]"]),
            (
                json!({"minProperties": 1, "maxProperties": 1}),
                vec!["{\"a\":1}"],
                vec!["{}", "{\"a\":1,\"b\":1}"],
            ),
            (json!({"propertyNames": {"maxLength": 1}}), vec!["{\"a\":1}"], vec!["{\"ab\":1}"]),
            (
                json!({"dependentRequired": {"a": ["b"]}}),
                vec!["{\"b\":1}", "{\"a\":1,\"b\":1}"],
                vec!["{\"a\":1}"],
            ),
            (
                json!({"dependentSchemas": {"a": {"required": ["b"]}}}),
                vec!["{}", "{\"a\":1,\"b\":1}"],
                vec!["{\"a\":1}"],
            ),
            (json!({"$defs": {"a~/b": {"type": "null"}}, "$ref": "#/$defs/a~0~1b"}), vec!["null"], vec!["1"]),
            (json!(false), vec![], vec!["1"]),
            // Looked at by nobody.
            (
                json!({"format": "date", "pattern": "(?=a)b", "unevaluatedProperties": false}),
                vec!["\"x\"", "{\"a\":1}"],
                vec![],
            ),
        ];
        for (schema, fitting, faulty) in cases {
            for text in fitting {
                assert_eq!(of(&schema, text), Checked::Fits, "{schema} {text}");
            }
            for text in faulty {
                fault(&schema, text);
            }
        }
    }

    #[test]
    fn a_hostile_schema_ends_in_time_and_is_told() {
        let branching = json!({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}],
                               "$defs": {"a": {"allOf": [{"not": {"$ref": "#"}}, {"not": {"$ref": "#"}}]}}});
        assert_eq!(of(&branching, "1"), Checked::Unknown(TOO_DEEP));
        let links = |number: usize| {
            let next = format!("#/$defs/d{}", number + 1);
            (format!("d{number}"), json!({"oneOf": [{"$ref": next}, {"$ref": next}, {"$ref": next}]}))
        };
        let mut defs: Map<String, Value> = (0..40).map(links).collect();
        defs.insert("d40".to_owned(), json!({"type": "null"}));
        let fan = json!({"$ref": "#/$defs/d0", "$defs": defs});
        assert_eq!(of(&fan, "1"), Checked::Unknown(TOO_MUCH));
        assert_eq!(of(&json!({"$ref": "#"}), "1"), Checked::Unknown(TOO_DEEP));
        for elsewhere in ["https://example.com/schema.json", "other.json#/a", "#/$defs/none", "#anchor"] {
            assert_eq!(of(&json!({"$ref": elsewhere}), "1"), Checked::Unknown(ELSEWHERE), "{elsewhere}");
        }
        let deep = format!("{}{}", "{\"not\":".repeat(10_000), "true") + &"}".repeat(10_000);
        if let Ok(deep) = Json::from_text(deep) {
            assert_eq!(check(&deep, "1"), Checked::Unknown(TOO_DEEP));
        }
        let long = "x".repeat(1 << 20);
        let words = fault(&json!({"const": long}), "1");
        assert!(words.chars().count() <= LONGEST_WORDS + 1, "{}", words.len());
        assert_eq!(of(&json!({"pattern": "(a{1000}){1000}"}), "\"a\""), Checked::Fits);
    }
}
