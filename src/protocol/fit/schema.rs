//! JSON Schemas made to fit the subset a vendor takes.
//!
//! What is changed never lets more through than the caller's schema, except for bounds the vendor refuses: those are told
//! to the model in the description, and whoever reads the answer checks them.

use std::collections::HashSet;

use super::tree::Node;
use super::{JsonStyle, SchemaRules, Work, emulate};
use crate::error::Result;
use crate::types::{Adaptation, Json, ResponseFormat, SchemaSupport};

/// Fits the schemas of the answer and of strict tools.
pub(super) fn fit(work: &mut Work<'_, '_>) -> Result<()> {
    let Some(ResponseFormat::JsonSchema { schema, strict, .. }) = &work.request.response_format else {
        return tools(work);
    };
    if work.needs.json != JsonStyle::Schema || work.target.hints.schema == SchemaSupport::Refused {
        emulate::fit(work)?;
        return tools(work);
    }
    // Who does not insist on the schema sends what the caller wrote; Anthropic's format has no such choice.
    let rules = match work.needs.schema {
        SchemaRules::OpenAi if *strict != Some(true) => SchemaRules::Any,
        rules => rules,
    };
    match level(schema, rules) {
        Levelled::Same => {}
        Levelled::Changed(levelled, change) => {
            work.notes.add(Adaptation::changed("response_format.schema", change))?;
            if let Some(ResponseFormat::JsonSchema { schema, .. }) =
                &mut work.request.to_mut().response_format
            {
                *schema = levelled;
            }
        }
        Levelled::Loose(why) if rules == SchemaRules::OpenAi => {
            let detail = format!(
                "the vendor cannot hold the model to a schema with {why}; it is only asked to keep to it"
            );
            work.notes.add(Adaptation::changed("response_format.strict", detail))?;
            if let Some(ResponseFormat::JsonSchema { strict, .. }) =
                &mut work.request.to_mut().response_format
            {
                *strict = Some(false);
            }
        }
        Levelled::Loose(_) => emulate::fit(work)?,
    }
    tools(work)
}

fn tools(work: &mut Work<'_, '_>) -> Result<()> {
    if work.needs.schema == SchemaRules::Any {
        return Ok(());
    }
    for place in 0..work.request.tools.len() {
        let Some(tool) = work.request.tools.get(place).filter(|tool| tool.strict == Some(true)) else {
            continue;
        };
        let Some(schema) = &tool.parameters else { continue };
        match level(schema, work.needs.schema) {
            Levelled::Same => {}
            Levelled::Changed(levelled, change) => {
                work.notes.add(Adaptation::changed("tools.parameters", change))?;
                if let Some(tool) = work.request.to_mut().tools.get_mut(place) {
                    tool.parameters = Some(levelled);
                }
            }
            Levelled::Loose(why) => {
                let detail = format!("the vendor cannot hold the model to a schema with {why}");
                work.notes.add(Adaptation::changed("tools.strict", detail))?;
                if let Some(tool) = work.request.to_mut().tools.get_mut(place) {
                    tool.strict = None;
                }
            }
        }
    }
    Ok(())
}

/// A schema after the rules.
enum Levelled {
    Same,
    /// As the vendor takes it, and what was done to it.
    Changed(Json, String),
    /// It has something that cannot be said in the vendor's subset.
    Loose(&'static str),
}

fn level(schema: &Json, rules: SchemaRules) -> Levelled {
    if rules == SchemaRules::Any {
        return Levelled::Same;
    }
    let Some(mut root) = Node::of(schema) else { return Levelled::Same };
    if rules == SchemaRules::Anthropic && holds_itself(&root, &root, &mut Vec::new(), &mut HashSet::new()) {
        return Levelled::Loose("a part that holds itself");
    }
    if rules == SchemaRules::Cohere && !root.get("type").is_some_and(|kind| is_type(kind, "object")) {
        return Levelled::Loose("another root than an object");
    }
    let mut leveller = Leveller { rules, closed: false, spelt: false, required: false, bounds: false };
    if let Err(why) = leveller.schema(&mut root) {
        return Levelled::Loose(why);
    }
    let changes = [
        (leveller.closed, "objects are closed as the vendor wants them"),
        (leveller.required, "properties that were optional are required, because the vendor wants them so"),
        (leveller.spelt, "keywords are those that the vendor takes"),
        (leveller.bounds, "bounds the vendor does not take are told in words"),
    ];
    let changes: Vec<&str> = changes.iter().filter(|(done, _)| *done).map(|(_, what)| *what).collect();
    if changes.is_empty() {
        return Levelled::Same;
    }
    Levelled::Changed(Json::from_value(&root).unwrap_or_else(|_| schema.clone()), changes.join("; "))
}

struct Leveller {
    rules: SchemaRules,
    closed: bool,
    /// Was a keyword renamed or left out?
    spelt: bool,
    /// Was a property made required that was optional?
    required: bool,
    /// Was a bound taken out?
    bounds: bool,
}

impl Leveller {
    fn schema(&mut self, node: &mut Node) -> std::result::Result<(), &'static str> {
        let Node::Object(fields) = node else { return Ok(()) };
        if let Some((name, _)) = fields.iter().find(|(name, _)| CANNOT.contains(&name.as_str())) {
            return Err(CANNOT.iter().find(|cannot| *cannot == name).copied().unwrap_or("such a keyword"));
        }
        let takes_all_of = matches!(self.rules, SchemaRules::Anthropic | SchemaRules::Fireworks);
        if !takes_all_of && fields.iter().any(|(name, _)| name == "allOf") {
            return Err("allOf");
        }
        self.tell_bounds(fields);
        if self.rules == SchemaRules::Google {
            self.spell_for_google(fields);
        }
        if self.rules != SchemaRules::Xai
            && !fields.iter().any(|(name, _)| name == "anyOf")
            && let Some((name, _)) = fields.iter_mut().find(|(name, _)| name == "oneOf")
        {
            "anyOf".clone_into(name);
            self.spelt = true;
        }
        for (name, value) in fields.iter_mut() {
            match (name.as_str(), value) {
                ("properties" | "$defs" | "definitions", Node::Object(schemas)) => {
                    schemas.iter_mut().try_for_each(|(_, schema)| self.schema(schema))?;
                }
                ("anyOf" | "oneOf" | "allOf" | "prefixItems", Node::Array(schemas)) => {
                    schemas.iter_mut().try_for_each(|schema| self.schema(schema))?;
                }
                ("items" | "additionalProperties", schema) => self.schema(schema)?,
                _ => {}
            }
        }
        self.close(fields)
    }

    fn close(&mut self, fields: &mut Vec<(String, Node)>) -> std::result::Result<(), &'static str> {
        let find = |wanted: &str| fields.iter().position(|(name, _)| name == wanted);
        let properties = find("properties").and_then(|place| match fields.get(place) {
            Some((_, Node::Object(properties))) => {
                Some(properties.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())
            }
            _ => None,
        });
        match self.rules {
            SchemaRules::OpenAi | SchemaRules::Anthropic => {}
            SchemaRules::Cohere => {
                self.require_one(fields, properties);
                return Ok(());
            }
            SchemaRules::Any | SchemaRules::Google | SchemaRules::Xai | SchemaRules::Fireworks => {
                return Ok(());
            }
        }
        let is_object = properties.is_some()
            || fields.iter().any(|(name, value)| name == "type" && is_type(value, "object"));
        if !is_object {
            return Ok(());
        }
        let additional = find("additionalProperties");
        match (additional.and_then(|place| fields.get_mut(place)), &properties) {
            (Some((_, value)), _) if value.is("false") => {}
            // Without properties of its own, closing would leave nothing of it.
            (Some(_) | None, None) => return Err("objects of any properties"),
            (Some((_, value)), Some(_)) if value.is("true") => {
                *value = Node::literal(&false);
                self.closed = true;
            }
            (Some(_), Some(_)) => return Err("objects of further properties"),
            (None, Some(_)) => {
                fields.push(("additionalProperties".to_owned(), Node::literal(&false)));
                self.closed = true;
            }
        }
        let Some(properties) = properties.filter(|_| self.rules == SchemaRules::OpenAi) else {
            return Ok(());
        };
        let required = Node::literal(&properties);
        match fields.iter_mut().find(|(name, _)| name == "required") {
            Some((_, Node::Array(known))) if known.len() == properties.len() => {}
            Some((_, value)) => {
                *value = required;
                self.required = true;
            }
            None if properties.is_empty() => {}
            None => {
                fields.push(("required".to_owned(), required));
                self.required = true;
            }
        }
        Ok(())
    }

    /// An object of which nothing is required is refused; of all its properties the model then gives every one.
    fn require_one(&mut self, fields: &mut Vec<(String, Node)>, properties: Option<Vec<String>>) {
        let Some(properties) = properties.filter(|properties| !properties.is_empty()) else { return };
        let required = fields.iter_mut().find(|(name, _)| name == "required");
        match required {
            Some((_, Node::Array(known))) if !known.is_empty() => return,
            Some((_, value)) => *value = Node::literal(&properties),
            None => fields.push(("required".to_owned(), Node::literal(&properties))),
        }
        self.required = true;
    }

    /// A constant is a list of one value, and nothing stands beside a reference.
    fn spell_for_google(&mut self, fields: &mut Vec<(String, Node)>) {
        if fields.iter().any(|(name, _)| name == "$ref") {
            let before = fields.len();
            fields.retain(|(name, _)| name.starts_with('$'));
            self.spelt |= fields.len() < before;
        }
        let has_list = fields.iter().any(|(name, _)| name == "enum");
        if let Some((name, value)) = fields.iter_mut().find(|(name, _)| name == "const" && !has_list) {
            "enum".clone_into(name);
            let only = std::mem::replace(value, Node::Array(Vec::new()));
            *value = Node::Array(vec![only]);
            self.spelt = true;
        }
    }

    /// Takes the bounds out that the vendor refuses and puts them into the description.
    fn tell_bounds(&mut self, fields: &mut Vec<(String, Node)>) {
        let rules = self.rules;
        let refused: &[&str] = match rules {
            SchemaRules::Any => return,
            SchemaRules::OpenAi => &UNKNOWN_TO_OPENAI,
            SchemaRules::Anthropic => &REFUSED_BY_ANTHROPIC,
            SchemaRules::Google => &UNKNOWN_TO_GOOGLE,
            SchemaRules::Xai => &REFUSED_BY_XAI,
            SchemaRules::Cohere => &REFUSED_BY_COHERE,
            SchemaRules::Fireworks => &REFUSED_BY_FIREWORKS,
        };
        let mut told = Vec::new();
        fields.retain(|(name, value)| {
            let few = match (rules, name.as_str()) {
                (SchemaRules::Anthropic, "minItems") => !matches!(value.text().as_str(), "0" | "1"),
                (SchemaRules::Cohere, "format") => {
                    let format = value.string().unwrap_or_default();
                    !["date-time", "uuid", "date", "time"].contains(&&*format)
                }
                (SchemaRules::Cohere, "pattern") => {
                    let pattern = value.string().unwrap_or_default();
                    ["^", "$", "?=", "?!"].iter().any(|part| pattern.contains(part))
                }
                _ => false,
            };
            let is_refused = few || refused.contains(&name.as_str());
            if is_refused {
                told.push(format!("{name}: {}", value.text()));
            }
            !is_refused
        });
        if told.is_empty() {
            return;
        }
        self.bounds = true;
        let told = format!("({})", told.join(", "));
        match fields.iter_mut().find(|(name, _)| name == "description") {
            Some((_, description)) => {
                let text = description.string().unwrap_or_default();
                *description = Node::literal(&format!("{text} {told}"));
            }
            None => fields.push(("description".to_owned(), Node::literal(&told))),
        }
    }
}

fn is_type(node: &Node, wanted: &str) -> bool {
    match node {
        Node::Array(kinds) => kinds.iter().any(|kind| is_type(kind, wanted)),
        leaf => leaf.string().is_some_and(|kind| kind == wanted),
    }
}

/// Does `node` lead back to itself by references? `path` are the references followed so far; `known` lead to no circle.
fn holds_itself(node: &Node, root: &Node, path: &mut Vec<String>, known: &mut HashSet<String>) -> bool {
    match node {
        Node::Array(items) => items.iter().any(|item| holds_itself(item, root, path, known)),
        Node::Leaf(_) => false,
        Node::Object(fields) => {
            if let Some(reference) = node.get("$ref").and_then(Node::string) {
                if path.contains(&reference) || path.len() > 64 || reference == "#" {
                    return true;
                }
                if known.contains(&reference) {
                    return false;
                }
                let Some(target) = root.pointed(&reference) else { return false };
                path.push(reference);
                let circular = holds_itself(target, root, path, known);
                known.extend(path.pop());
                return circular;
            }
            let inner = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "$defs" | "definitions"));
            inner.map(|(_, value)| value).any(|value| holds_itself(value, root, path, known))
        }
    }
}

/// Nobody compiles these into a grammar: <https://developers.openai.com/api/docs/guides/structured-outputs> (collected
/// 2026-11-22).
const CANNOT: [&str; 8] = [
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "unevaluatedProperties",
];

/// Keywords that OpenAI's page of supported schemas does not list.
const UNKNOWN_TO_OPENAI: [&str; 9] = [
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "unevaluatedItems",
    "default",
];

/// What the reference of `responseJsonSchema` does not list: <https://ai.google.dev/api/generate-content> (seen in a copy,
/// which also says that unknown keywords are passed over).
const UNKNOWN_TO_GOOGLE: [&str; 14] = [
    "minLength",
    "maxLength",
    "pattern",
    "multipleOf",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
];

/// <https://docs.x.ai/docs/guides/structured-outputs> (seen in a copy).
const REFUSED_BY_XAI: [&str; 7] =
    ["minLength", "maxLength", "minItems", "maxItems", "contains", "minContains", "maxContains"];

/// <https://docs.cohere.com/docs/structured-outputs> (seen in a copy of 2025-11-08). That a strict minimum is refused like
/// another is taken for granted.
const REFUSED_BY_COHERE: [&str; 9] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "uniqueItems",
];

/// <https://docs.fireworks.ai/structured-responses/structured-response-formatting> (read 2026-11-26).
const REFUSED_BY_FIREWORKS: [&str; 5] = ["minLength", "maxLength", "minItems", "maxItems", "pattern"];

/// `For 'integer' type, property 'minimum' is not supported`: <https://github.com/agentjido/req_llm/issues/302>; the
/// list: <https://platform.claude.com/docs/en/build-with-claude/structured-outputs> (seen in a copy, which speaks of
/// limits of numbers, strings and arrays; those of objects and `contains` are from general knowledge). Bedrock's is the
/// same: <https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html> (read 2026-11-23).
const REFUSED_BY_ANTHROPIC: [&str; 12] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contains",
];
