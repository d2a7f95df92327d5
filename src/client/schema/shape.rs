//! The JSON Schema of a type, as vendors take it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::protocol::fit::{Checked, check, unfenced};
use crate::types::Json;

/// The schema of a type.
pub(in crate::client) struct Shape {
    /// A name that every vendor takes.
    pub(in crate::client) name: String,
    /// The schema itself.
    pub(in crate::client) bare: Json,
    /// An object: vendors take no other schema for an answer. What is no object is its only field.
    pub(in crate::client) wrapped: Json,
    is_wrapped: bool,
}

impl Shape {
    /// Of `T`. Parts of it stand where they are used, because some vendors follow no references; a type that holds itself
    /// still has one.
    pub(in crate::client) fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("title");
        }
        let is_object = schema.get("type") == Some(&Value::from("object"));
        let name = T::schema_name();
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let bare = Json::from(schema.clone());
        Self {
            name: name.chars().map(letter).take(64).collect(),
            wrapped: if is_object { bare.clone() } else { Json::from(wrap(schema)) },
            bare,
            is_wrapped: !is_object,
        }
    }

    /// Reads an answer; models like to put a fence around JSON. `Err` says what is wrong and may quote the answer.
    pub(in crate::client) fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, String> {
        let text = &unfenced(text);
        if !self.is_wrapped {
            return read(&self.bare, text);
        }
        #[derive(serde::Deserialize)]
        struct Wrapped<T> {
            value: T,
        }
        // A model that was asked in words may leave the wrapping out.
        read::<Wrapped<T>>(&self.wrapped, text)
            .map(|wrapped| wrapped.value)
            .or_else(|fault| read(&self.bare, text).map_err(|_| fault))
    }
}

/// The type says more than its schema in some things, and less in others: both must agree. A schema that cannot be held
/// against the answer leaves it to the type.
fn read<T: DeserializeOwned>(schema: &Json, text: &str) -> Result<T, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match check(schema, text) {
        Checked::Faulty(wrong) => Err(wrong),
        Checked::Fits | Checked::Unknown(_) => Ok(value),
    }
}

fn wrap(mut schema: Value) -> Value {
    // References name their definitions from the root.
    let definitions = schema.as_object_mut().and_then(|fields| fields.remove("$defs"));
    let mut fields = Map::new();
    fields.insert("type".to_owned(), json!("object"));
    fields.insert("properties".to_owned(), json!({"value": schema}));
    fields.insert("required".to_owned(), json!(["value"]));
    fields.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Tree {
        leaf: Option<u8>,
        branches: Vec<Self>,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    enum Answer {
        Yes,
        No { why: String },
    }

    #[test]
    fn what_is_no_object_is_the_only_field_of_one() {
        let shape = Shape::of::<Vec<Tree>>();
        let schema: Value = shape.wrapped.parse().unwrap();

        assert_eq!((&schema["type"], &schema["required"]), (&json!("object"), &json!(["value"])));
        assert!(schema["$defs"]["Tree"].is_object(), "{schema}");
        assert!(
            schema["properties"]["value"].to_string().contains(r##"{"$ref":"#/$defs/Tree"}"##),
            "{schema}"
        );
        let tree = || Tree { leaf: Some(1), branches: Vec::new() };
        let text = r#"[{"leaf": 1, "branches": []}]"#;
        assert_eq!(shape.read::<Vec<Tree>>(&format!("{{\"value\": {text}}}")).unwrap(), [tree()]);
        assert_eq!(shape.read::<Vec<Tree>>(text).unwrap(), [tree()]);
        assert_eq!(shape.name, "Array_of_Tree");
    }

    #[test]
    fn fences_around_an_answer_are_taken_off() {
        let shape = Shape::of::<Tree>();
        let tree = Tree { leaf: None, branches: Vec::new() };

        for text in
            [r#"{"branches": []}"#, "```json\n{\"branches\": []}\n```", "\n```\n{\"branches\":[]}```\n"]
        {
            assert_eq!(shape.read::<Tree>(text).unwrap(), tree, "{text}");
        }
        assert!(shape.read::<Tree>("Sure! {}").is_err());
    }

    #[test]
    fn what_the_type_takes_and_its_schema_does_not_is_told() {
        #[derive(Debug, Deserialize, JsonSchema)]
        struct Rating {
            #[schemars(range(min = 1, max = 5))]
            #[expect(dead_code, reason = "only its schema matters")]
            stars: u8,
            #[schemars(length(min = 3), regex(pattern = "^[a-z]+$"))]
            #[expect(dead_code, reason = "only its schema matters")]
            word: String,
        }
        let shape = Shape::of::<Rating>();

        shape.read::<Rating>(r#"{"stars": 5, "word": "good"}"#).unwrap();
        for (text, words) in [
            (r#"{"stars": 6, "word": "good"}"#, "/stars must be at most 5"),
            (r#"{"stars": 5, "word": "ok"}"#, "/word has 2 characters"),
            (r#"{"stars": 5, "word": "Good"}"#, "/word must match"),
            (r#"{"stars": "5", "word": "good"}"#, "invalid type"),
        ] {
            let fault = shape.read::<Rating>(text).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn a_choice_is_read_from_its_wrapping() {
        let shape = Shape::of::<Answer>();

        assert_eq!(shape.read::<Answer>(r#"{"value": "Yes"}"#).unwrap(), Answer::Yes);
        let no = shape.read::<Answer>(r#"{"value": {"No": {"why": "x"}}}"#).unwrap();
        assert_eq!(no, Answer::No { why: "x".into() });
    }
}
