//! Conditions over what is known of a call.

use regex_lite::Regex;
use serde_json::Value;

use super::RequestFacts;
use crate::catalog::Capability;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Sensitivity, Stakes};

/// A condition over the application's attributes and the facts of a request.
///
/// The JSON is that of Portkey's conditional routing: fields with operators, joined by `$and` and `$or`. A field is
/// `metadata.` and the name of an attribute, or `params.` and one of `input_tokens`, `max_tokens`, `stakes`, `sensitive`,
/// `tags`, or the name of a capability such as `tools` (does the request need it?). Operators are `$eq`, `$ne`, `$in`,
/// `$nin`, `$regex`, `$gt`, `$gte`, `$lt` and `$lte`.
///
/// A field that a call does not have equals nothing: `$ne` and `$nin` hold, every other operator does not. Numbers compare
/// with numbers; an attribute that reads as a number is one where it is compared with one. `params.tags` meets a condition
/// when any of the tags does; `$ne` and `$nin` when none is meant.
///
/// ```
/// use polyroute::routing::Rule;
///
/// let rule = Rule::from_json(r#"{"$or": [
///     {"metadata.plan": {"$in": ["paid", "trial"]}},
///     {"params.tools": {"$eq": true}, "params.input_tokens": {"$lte": 4000}}
/// ]}"#)?;
/// # let mut facts = polyroute::routing::RequestFacts::new(100, std::time::UNIX_EPOCH);
/// # assert!(!rule.holds(&facts));
/// # facts.labels.attributes.insert("plan".into(), "trial".into());
/// # assert!(rule.holds(&facts));
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    condition: Condition,
}

#[derive(Clone, Debug)]
enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Field(Field, Test),
}

#[derive(Clone, Debug)]
enum Field {
    Attribute(String),
    InputTokens,
    MaxTokens,
    Stakes,
    Sensitive,
    Tags,
    Needs(Capability),
}

#[derive(Clone, Debug)]
enum Test {
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Matches(Regex),
    Above(f64),
    AtLeast(f64),
    Below(f64),
    AtMost(f64),
}

/// What a call has in a field.
enum Found<'a> {
    Nothing,
    Text(&'a str),
    Number(f64),
    Flag(bool),
    Texts(&'a [String]),
}

impl Rule {
    /// Reads a condition.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when it is malformed, nested deeper than 32 levels, or holds a field or an operator that
    /// is not known; the message lists the known ones.
    pub fn from_json(json: &str) -> Result<Self> {
        let value = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        Self::from_value(&value)
    }

    pub(super) fn from_value(value: &Value) -> Result<Self> {
        Ok(Self { condition: condition(value, 0)? })
    }

    /// Does it hold for this request?
    pub fn holds(&self, facts: &RequestFacts) -> bool {
        self.condition.holds(facts)
    }
}

impl Condition {
    fn holds(&self, facts: &RequestFacts) -> bool {
        match self {
            Self::All(all) => all.iter().all(|each| each.holds(facts)),
            Self::Any(any) => any.iter().any(|each| each.holds(facts)),
            Self::Field(field, test) => test.passes(&field.of(facts)),
        }
    }
}

impl Field {
    fn of<'a>(&self, facts: &'a RequestFacts) -> Found<'a> {
        match self {
            Self::Attribute(name) => {
                facts.labels.attributes.get(name).map_or(Found::Nothing, |text| Found::Text(text))
            }
            Self::InputTokens => number(facts.input_tokens),
            Self::MaxTokens => facts.output_limit.map_or(Found::Nothing, number),
            Self::Stakes => Found::Text(match facts.stakes {
                Stakes::Low => "low",
                Stakes::Normal => "normal",
                Stakes::High => "high",
            }),
            Self::Sensitive => Found::Flag(facts.sensitivity == Sensitivity::Sensitive),
            Self::Tags => Found::Texts(&facts.labels.tags),
            Self::Needs(capability) => Found::Flag(facts.needs.contains(*capability)),
        }
    }

    fn named(name: &str) -> Result<Self> {
        let unknown = || {
            bad(format!(
                "there is no field {name:?}; the fields are metadata.<attribute>, {}",
                known_fields()
            ))
        };
        match name.split_once('.') {
            Some(("metadata", attribute)) if !attribute.is_empty() => {
                Ok(Self::Attribute(attribute.to_owned()))
            }
            Some(("params", "input_tokens")) => Ok(Self::InputTokens),
            Some(("params", "max_tokens")) => Ok(Self::MaxTokens),
            Some(("params", "stakes")) => Ok(Self::Stakes),
            Some(("params", "sensitive")) => Ok(Self::Sensitive),
            Some(("params", "tags")) => Ok(Self::Tags),
            Some(("params", other)) => Capability::from_key(other).map(Self::Needs).ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no prompt has 2^53 tokens")]
fn number(count: u64) -> Found<'static> {
    Found::Number(count as f64)
}

fn known_fields() -> String {
    let fixed = ["input_tokens", "max_tokens", "stakes", "sensitive", "tags"];
    let all: Vec<String> = fixed
        .into_iter()
        .chain(Capability::all().map(Capability::as_str))
        .map(|name| format!("params.{name}"))
        .collect();
    all.join(", ")
}

impl Test {
    fn passes(&self, found: &Found<'_>) -> bool {
        match self {
            Self::In(wanted) => found.is_any_of(wanted),
            Self::NotIn(unwanted) => !found.is_any_of(unwanted),
            Self::Matches(pattern) => match found {
                Found::Text(text) => pattern.is_match(text),
                Found::Texts(texts) => texts.iter().any(|text| pattern.is_match(text)),
                Found::Nothing | Found::Number(_) | Found::Flag(_) => false,
            },
            Self::Above(limit) => found.as_number().is_some_and(|own| own > *limit),
            Self::AtLeast(limit) => found.as_number().is_some_and(|own| own >= *limit),
            Self::Below(limit) => found.as_number().is_some_and(|own| own < *limit),
            Self::AtMost(limit) => found.as_number().is_some_and(|own| own <= *limit),
        }
    }

    fn new(operator: &str, value: &Value) -> Result<Self> {
        let list = || match value {
            Value::Array(values) if values.iter().all(is_plain) => Ok(values.clone()),
            _ => Err(bad(format!("{operator} takes a list of texts, numbers, true or false"))),
        };
        let one = || match value {
            plain if is_plain(plain) => Ok(vec![plain.clone()]),
            _ => Err(bad(format!("{operator} takes a text, a number, true or false"))),
        };
        let limit = || value.as_f64().ok_or_else(|| bad(format!("{operator} takes a number")));
        Ok(match operator {
            "$eq" => Self::In(one()?),
            "$ne" => Self::NotIn(one()?),
            "$in" => Self::In(list()?),
            "$nin" => Self::NotIn(list()?),
            "$regex" => {
                let text = value.as_str().ok_or_else(|| bad("$regex takes a text".to_owned()))?;
                Self::Matches(Regex::new(text).map_err(|error| bad(format!("$regex: {error}")))?)
            }
            "$gt" => Self::Above(limit()?),
            "$gte" => Self::AtLeast(limit()?),
            "$lt" => Self::Below(limit()?),
            "$lte" => Self::AtMost(limit()?),
            other => {
                return Err(bad(format!("there is no operator {other:?}; the operators are {OPERATORS}")));
            }
        })
    }
}

impl Found<'_> {
    fn is_any_of(&self, values: &[Value]) -> bool {
        values.iter().any(|value| match (self, value) {
            (Self::Text(own), Value::String(other)) => own == other,
            (Self::Text(own), Value::Bool(other)) => *own == if *other { "true" } else { "false" },
            (Self::Texts(own), Value::String(other)) => own.contains(other),
            (Self::Flag(own), Value::Bool(other)) => own == other,
            (Self::Text(_) | Self::Number(_), Value::Number(other)) => {
                self.as_number().zip(other.as_f64()).is_some_and(|(own, other)| own.total_cmp(&other).is_eq())
            }
            _ => false,
        })
    }

    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Nothing | Self::Flag(_) | Self::Texts(_) => None,
        }
    }
}

fn condition(value: &Value, depth: usize) -> Result<Condition> {
    if depth > DEEPEST {
        return Err(bad(format!("a condition is nested deeper than {DEEPEST} levels")));
    }
    let Value::Object(fields) = value else {
        return Err(bad("a condition is an object of fields, $and or $or".to_owned()));
    };
    if fields.is_empty() {
        return Err(bad("a condition is empty".to_owned()));
    }
    let mut all = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("$and", Value::Array(each)) => all.push(Condition::All(conditions(each, depth)?)),
            ("$or", Value::Array(each)) => all.push(Condition::Any(conditions(each, depth)?)),
            ("$and" | "$or", _) => return Err(bad(format!("{name} takes a list of conditions"))),
            (operator, _) if operator.starts_with('$') => {
                return Err(bad(format!("{operator:?} stands where a field, $and or $or belongs")));
            }
            (field, Value::Object(tests)) if !tests.is_empty() => {
                let field = Field::named(field)?;
                for (operator, value) in tests {
                    all.push(Condition::Field(field.clone(), Test::new(operator, value)?));
                }
            }
            (field, _) => {
                let field_is_known = Field::named(field);
                field_is_known?;
                return Err(bad(format!("{field} takes an object of operators: {OPERATORS}")));
            }
        }
    }
    Ok(Condition::All(all))
}

fn conditions(each: &[Value], depth: usize) -> Result<Vec<Condition>> {
    if each.is_empty() {
        return Err(bad("a list of conditions is empty".to_owned()));
    }
    each.iter().map(|value| condition(value, depth + 1)).collect()
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::Configuration, format!("routing rule: {message}"))
}

const OPERATORS: &str = "$eq, $ne, $in, $nin, $regex, $gt, $gte, $lt, $lte";

const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> RequestFacts {
        let mut facts = RequestFacts::new(5_000, std::time::UNIX_EPOCH);
        facts.labels.attributes.insert("plan".into(), "paid".into());
        facts.labels.attributes.insert("age".into(), "42".into());
        facts.labels.attributes.insert("beta".into(), "true".into());
        facts.labels.tags = vec!["nightly".into(), "eu".into()];
        facts.needs = facts.needs.with(Capability::Tools);
        facts
    }

    #[test]
    fn each_operator_compares_as_its_name_says() {
        for (json, expected) in [
            (r#"{"metadata.plan": {"$eq": "paid"}}"#, true),
            (r#"{"metadata.plan": {"$ne": "paid"}}"#, false),
            (r#"{"metadata.none": {"$ne": "paid"}}"#, true),
            (r#"{"metadata.none": {"$eq": "paid"}}"#, false),
            (r#"{"metadata.none": {"$lt": 3}}"#, false),
            (r#"{"metadata.plan": {"$in": ["free", "paid"]}}"#, true),
            (r#"{"metadata.plan": {"$nin": ["free", "paid"]}}"#, false),
            (r#"{"metadata.plan": {"$regex": "^pa.d$"}}"#, true),
            (r#"{"metadata.plan": {"$gt": 3}}"#, false),
            (r#"{"metadata.age": {"$gt": 41, "$lt": 43}}"#, true),
            (r#"{"metadata.age": {"$eq": 42}}"#, true),
            (r#"{"metadata.beta": {"$eq": true}}"#, true),
            (r#"{"params.input_tokens": {"$gte": 5000}}"#, true),
            (r#"{"params.input_tokens": {"$lte": 4999}}"#, false),
            (r#"{"params.max_tokens": {"$lte": 4999}}"#, false),
            (r#"{"params.tools": {"$eq": true}}"#, true),
            (r#"{"params.vision": {"$eq": false}}"#, true),
            (r#"{"params.stakes": {"$eq": "normal"}}"#, true),
            (r#"{"params.sensitive": {"$eq": false}}"#, true),
            (r#"{"params.tags": {"$eq": "eu"}}"#, true),
            (r#"{"params.tags": {"$nin": ["us", "eu"]}}"#, false),
            (r#"{"metadata.plan": {"$eq": "free"}, "metadata.age": {"$eq": 42}}"#, false),
            (r#"{"$or": [{"metadata.plan": {"$eq": "free"}}, {"metadata.age": {"$eq": 42}}]}"#, true),
            (
                r#"{"$and": [{"$or": [{"params.tools": {"$eq": true}}]}, {"metadata.age": {"$lt": 42}}]}"#,
                false,
            ),
        ] {
            assert_eq!(Rule::from_json(json).unwrap().holds(&facts()), expected, "{json}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused_and_the_known_is_listed() {
        let deep =
            format!("{}{}{}", r#"{"$and":["#.repeat(40), r#"{"metadata.a":{"$eq":1}}"#, "]}".repeat(40));
        for (json, expected) in [
            (r#"{"metadata.plan": {"$is": "paid"}}"#, "the operators are $eq, $ne"),
            (r#"{"params.model": {"$eq": "x"}}"#, "params.input_tokens, params.max_tokens"),
            (r#"{"plan": {"$eq": "x"}}"#, "the fields are metadata.<attribute>"),
            (r#"{"metadata.plan": "paid"}"#, "takes an object of operators"),
            (r#"{"$not": []}"#, "a field, $and or $or"),
            (r#"{"$and": {}}"#, "takes a list of conditions"),
            (r#"{"$and": []}"#, "is empty"),
            ("{}", "is empty"),
            ("3", "is an object"),
            (r#"{"metadata.plan": {"$regex": "("}}"#, "$regex"),
            (r#"{"metadata.plan": {"$gt": "three"}}"#, "$gt takes a number"),
            (r#"{"metadata.plan": {"$in": "three"}}"#, "$in takes a list"),
            (r#"{"metadata.plan": {"$eq": null}}"#, "$eq takes a text"),
            (&deep, "nested deeper than 32"),
        ] {
            let error = Rule::from_json(json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains(expected), "{json}: {}", error.message());
        }
    }
}
