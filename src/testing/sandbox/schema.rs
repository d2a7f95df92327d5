//! Makes JSON that fits a JSON Schema.

use serde_json::{Map, Value, json};

/// An instance of `schema`; free text is taken from `hint`.
pub(super) fn instance(schema: &Value, hint: &str) -> Value {
    Generator { root: schema, hint }.value(schema, "text", 0)
}

struct Generator<'a> {
    root: &'a Value,
    hint: &'a str,
}

impl Generator<'_> {
    fn value(&self, schema: &Value, name: &str, depth: u8) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.value(target, name, depth + 1));
        }
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
            return first.clone();
        }
        for union in ["anyOf", "oneOf", "allOf"] {
            let options = schema.get(union).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let chosen = options.iter().find(|option| kind(option) != "null").or(options.first());
            if let Some(chosen) = chosen {
                return self.value(chosen, name, depth + 1);
            }
        }
        match kind(schema).as_str() {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, name, depth),
            "integer" => json!(integer(schema)),
            "number" => bound(schema, "minimum").cloned().unwrap_or_else(|| json!(integer(schema))),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(self.string(schema, name)),
        }
    }

    fn object(&self, schema: &Value, depth: u8) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let wanted = |name: &str| required.is_none_or(|names| names.iter().any(|own| own == name));
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let fields: Map<_, _> = properties
            .filter(|(name, _)| wanted(name))
            .map(|(name, own)| (name.clone(), self.value(own, name, depth + 1)))
            .collect();
        Value::Object(fields)
    }

    fn array(&self, schema: &Value, name: &str, depth: u8) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, MOST_ITEMS);
        let item = schema.get("items").map_or(json!(name), |items| self.value(items, name, depth + 1));
        (0..least).map(|_| item.clone()).collect()
    }

    fn string(&self, schema: &Value, name: &str) -> String {
        let text = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2026-01-31".to_owned(),
            Some("time") => "12:00:00Z".to_owned(),
            Some("date-time") => "2026-01-31T12:00:00Z".to_owned(),
            Some("email") => "someone@example.com".to_owned(),
            Some("uri" | "url") => "https://example.com/".to_owned(),
            Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
            _ => self.topic().unwrap_or(name).to_owned(),
        };
        let length = |field: &str| schema.get(field).and_then(Value::as_u64);
        let least = usize::try_from(length("minLength").unwrap_or(0).min(10_000)).unwrap_or_default();
        let most = length("maxLength").and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let missing = least.saturating_sub(text.chars().count());
        text.chars().chain(std::iter::repeat_n('x', missing)).take(most).collect()
    }

    /// The last name in the question: the Paris of "What is the weather in Paris?"
    fn topic(&self) -> Option<&str> {
        let words = self.hint.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.skip(1).filter(|word| word.chars().next().is_some_and(char::is_uppercase)).last()
    }
}

/// The type in lower case; Google writes `STRING`. Of several the first that is not null.
fn kind(schema: &Value) -> String {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    match named {
        Some(name) => name.to_ascii_lowercase(),
        None if schema.get("properties").is_some() => "object".into(),
        None if schema.get("items").is_some() => "array".into(),
        None => "string".into(),
    }
}

fn bound<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get(name).filter(|value| value.is_number())
}

fn integer(schema: &Value) -> i64 {
    let whole = |name: &str| bound(schema, name).and_then(Value::as_i64);
    let least = whole("minimum").or_else(|| whole("exclusiveMinimum").map(|bound| bound.saturating_add(1)));
    let most = whole("maximum").or_else(|| whole("exclusiveMaximum").map(|bound| bound.saturating_sub(1)));
    let step = whole("multipleOf").unwrap_or(1).max(1);
    let start = least.unwrap_or(1).min(most.unwrap_or(i64::MAX));
    start.checked_add((step - start.rem_euclid(step)) % step).filter(|_| step > 1).unwrap_or(start)
}

const DEEPEST: u8 = 32;
const MOST_ITEMS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_fields_are_filled_with_what_fits() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 2, "maximum": 7},
                "when": {"type": ["null", "string"], "format": "date"},
                "tags": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/tag"}},
                "left out": {"type": "string"},
            },
            "required": ["city", "unit", "days", "when", "tags"],
            "$defs": {"tag": {"type": "OBJECT", "properties": {"sure": {"type": "boolean"}}}},
        });

        assert_eq!(
            instance(&schema, "What is the weather in Paris?"),
            json!({"city": "Paris", "unit": "celsius", "days": 2, "when": "2026-01-31",
                   "tags": [{"sure": true}, {"sure": true}]})
        );
    }

    #[test]
    fn a_schema_that_holds_itself_comes_to_an_end() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});

        assert!(instance(&schema, "").is_object());
    }
}
