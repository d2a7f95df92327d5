//! Does a JSON text fit a JSON Schema? The keywords that say what shape it has; formats, patterns and conditions are left
//! to whoever reads it.

use serde_json::Value;

use crate::types::Json;

/// What is wrong with `text`, in words for the model; `None` when it fits.
pub(crate) fn fault(schema: &Json, text: &str) -> Option<String> {
    let instance: Value = match serde_json::from_str(text) {
        Ok(instance) => instance,
        Err(error) => return Some(format!("it is not JSON: {error}")),
    };
    let root: Value = serde_json::from_str(schema.as_str()).ok()?;
    Validator { root: &root }.check(&root, &instance, "", 0).err()
}

/// An answer without the fence that models like to put around JSON.
pub(crate) fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let Some(inner) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else { return text };
    // The first line names the language.
    inner.split_once('\n').map_or(inner, |(_, rest)| rest).trim()
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, instance: &Value, place: &str, depth: u8) -> Result<(), String> {
        // A schema may hold itself; an answer does not go that deep.
        if depth > DEEPEST {
            return Ok(());
        }
        let at = if place.is_empty() { "the answer" } else { place };
        let Some(fields) = schema.as_object() else {
            return if *schema == Value::Bool(false) {
                Err(format!("{at} may not be there"))
            } else {
                Ok(())
            };
        };
        if let Some(target) =
            fields.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'))
        {
            let target = if target.is_empty() { Some(self.root) } else { self.root.pointer(target) };
            if let Some(target) = target {
                self.check(target, instance, place, depth + 1)?;
            }
        }
        if fields.get("type").is_some_and(|kinds| !is_of(kinds, instance)) {
            return Err(format!(
                "{at} must be of type {}",
                fields.get("type").map(ToString::to_string).unwrap_or_default()
            ));
        }
        if let Some(values) = fields.get("enum").and_then(Value::as_array)
            && !values.contains(instance)
        {
            return Err(format!("{at} must be one of {}", Value::from(values.clone())));
        }
        if fields.get("const").is_some_and(|value| value != instance) {
            return Err(format!(
                "{at} must be {}",
                fields.get("const").map(ToString::to_string).unwrap_or_default()
            ));
        }
        let list =
            |name: &str| fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list("allOf").iter().try_for_each(|schema| self.check(schema, instance, place, depth + 1))?;
        for name in ["anyOf", "oneOf"] {
            let options = list(name);
            let fits = |schema: &Value| self.check(schema, instance, place, depth + 1).is_ok();
            if !options.is_empty() && !options.iter().any(fits) {
                return Err(format!("{at} fits none of the choices of its schema"));
            }
        }
        if let Some(object) = instance.as_object() {
            for name in list("required").iter().filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    return Err(format!("{at} lacks {name:?}"));
                }
            }
            let properties = fields.get("properties").and_then(Value::as_object);
            for (name, value) in object {
                let known = properties.and_then(|properties| properties.get(name));
                if let Some(schema) = known.or(fields.get("additionalProperties")) {
                    self.check(schema, value, &format!("{place}/{name}"), depth + 1)?;
                }
            }
        }
        if let (Some(items), Some(array)) = (fields.get("items"), instance.as_array()) {
            for (position, item) in array.iter().enumerate() {
                self.check(items, item, &format!("{place}/{position}"), depth + 1)?;
            }
        }
        Ok(())
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
                instance.is_i64()
                    || instance.is_u64()
                    || instance.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            _ => true,
        },
        _ => true,
    }
}

const DEEPEST: u8 = 64;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_does_not_fit_is_told_what_is_wrong_with_it() {
        let schema = Json::from(json!({
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
        }));

        for fitting in
            [json!({"name": null}), json!({"name": "a", "unit": "c", "tree": [[], [[]]], "number": 3.0})]
        {
            assert_eq!(fault(&schema, &fitting.to_string()), None, "{fitting}");
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
            let found = fault(&schema, text).unwrap();
            assert!(found.contains(words), "{text}: {found}");
        }
    }
}
