//! Does an answer have the form that was asked for?

use serde_json::Value;

/// Is `answer` JSON and, as far as the usual keywords of JSON Schema go, what `schema` describes? Read are `type`,
/// `properties`, `required`, `additionalProperties: false`, `items`, `enum` and `const`; others are taken to hold.
pub(crate) fn fits(answer: &str, schema: Option<&Value>) -> bool {
    match (serde_json::from_str::<Value>(answer.trim()), schema) {
        (Ok(value), Some(schema)) => matches(&value, schema, DEEPEST),
        (Ok(value), None) => value.is_object(),
        (Err(_), _) => false,
    }
}

fn matches(value: &Value, schema: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return true };
    let types = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_type(value, name)) {
        return false;
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return false;
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|allowed| !allowed.contains(value)) {
        return false;
    }
    if let (Some(items), Some(item)) = (value.as_array(), schema.get("items")) {
        return items.iter().all(|value| matches(value, item, depth));
    }
    let Some(object) = value.as_object() else { return true };
    let required = schema.get("required").and_then(Value::as_array);
    if required
        .is_some_and(|names| names.iter().filter_map(Value::as_str).any(|name| !object.contains_key(name)))
    {
        return false;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    object.iter().all(|(name, value)| match properties.and_then(|properties| properties.get(name)) {
        Some(schema) => matches(value, schema, depth),
        None => !closed,
    })
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => true,
    }
}

/// What lies deeper is taken to fit.
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_fit_their_schema_or_they_do_not() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "size": {"enum": ["small", "large"]},
                "years": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["city"],
            "additionalProperties": false,
        });
        for (answer, expected) in [
            (r#"{"city": "Paris", "size": "large", "years": [1, 2]}"#, true),
            (r#" {"city": "Paris"} "#, true),
            (r#"{"city": 1}"#, false),
            (r#"{"size": "large"}"#, false),
            (r#"{"city": "Paris", "size": "huge"}"#, false),
            (r#"{"city": "Paris", "years": [1, "2"]}"#, false),
            (r#"{"city": "Paris", "more": 1}"#, false),
            (r#"{"city": "Paris""#, false),
            ("Paris", false),
        ] {
            assert_eq!(fits(answer, Some(&schema)), expected, "{answer}");
        }
        assert!(fits("{}", None) && !fits("[]", None));
    }
}
