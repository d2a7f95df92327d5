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
        (json!({"minLength": 2, "maxLength": 3}), vec!["\"äö\"", "\"abc\"", "7"], vec!["\"ä\"", "\"abcd\""]),
        (json!({"pattern": "^a+$"}), vec!["\"aa\"", "1"], vec!["\"ab\""]),
        (json!({"minimum": 1, "maximum": 2.5}), vec!["1", "2.5", "1.0"], vec!["0.999", "3"]),
        (json!({"exclusiveMinimum": 1, "exclusiveMaximum": 2}), vec!["1.5"], vec!["1", "1.0", "2"]),
        (json!({"minimum": 9_007_199_254_740_993_u64}), vec!["9007199254740993"], vec!["9007199254740992"]),
        (json!({"multipleOf": 0.1}), vec!["0.3", "7", "-0.2"], vec!["0.35"]),
        (json!({"multipleOf": 3}), vec!["9", "-3", "0"], vec!["10"]),
        (json!({"multipleOf": 0}), vec!["9"], vec![]),
        (json!({"enum": [1, {"a": [2]}]}), vec!["1.0", "{\"a\": [2.0]}"], vec!["2", "{\"a\": [3]}", "\"1\""]),
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
        (json!({"minProperties": 1, "maxProperties": 1}), vec!["{\"a\":1}"], vec!["{}", "{\"a\":1,\"b\":1}"]),
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

/// Large values count by their size, wherever they are read again and again.
#[test]
fn large_values_are_not_read_for_ever() {
    let long = "x".repeat(100_000);
    let text = json!(long).to_string();
    let many =
        |schema: Value| json!({"anyOf": vec![json!({"$ref": "#/$defs/a"}); 2_000], "$defs": {"a": schema}});
    for schema in [
        many(json!({"pattern": "^y"})),
        many(json!({"maxLength": 1})),
        many(json!({"enum": vec![json!(format!("{}y", &long[1..])); 2]})),
    ] {
        assert_eq!(of(&schema, &text), Checked::Unknown(TOO_MUCH));
    }
    let list = json!(vec![7; 20_000]);
    let other = json!([vec![json!(7); 19_999], vec![json!(8)]].concat());
    assert_eq!(of(&many(json!({"const": other})), &list.to_string()), Checked::Unknown(TOO_MUCH));
    let numbers = json!((0..20_000).collect::<Vec<u32>>());
    let all =
        json!({"allOf": vec![json!({"$ref": "#/$defs/a"}); 100], "$defs": {"a": {"uniqueItems": true}}});
    assert_eq!(of(&all, &numbers.to_string()), Checked::Unknown(TOO_MUCH));

    // And large answers are no hindrance where they are read once.
    assert_eq!(of(&json!({"maxLength": 200_000, "pattern": "^x+$"}), &text), Checked::Fits);
    assert_eq!(
        of(&json!({"items": {"type": "integer"}, "uniqueItems": true}), &numbers.to_string()),
        Checked::Fits
    );
}
