use super::*;
use domain::catalogue::built_in;
use proptest::prelude::*;
use serde_json::json;

fn error(schema: &Value) -> (String, &'static str) {
    let error = Schema::of(schema).unwrap_err();
    (error.pointer, error.rule)
}

#[test]
fn every_schema_of_the_catalogue_is_within_the_limits_and_allows_its_example() {
    for built_in in built_in() {
        let schema = Schema::parse(&built_in.schema().to_string());
        let schema = schema.unwrap_or_else(|error| panic!("{}: {error:?}", built_in.name));
        assert_eq!(
            schema.violations(&built_in.example()),
            [],
            "{}",
            built_in.name
        );
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let circle = json!({"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"});
    for (schema, pointer, rule) in [
        (json!([]), "", "type"),
        (json!(true), "", "type"),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
            "/$schema",
            "dialect",
        ),
        (
            json!({"properties": {"a": {"type": "txt"}}}),
            "/properties/a/type",
            "schema",
        ),
        (json!({"required": "a"}), "/required", "schema"),
        (
            json!({"$ref": "https://example.com/a.json"}),
            "/$ref",
            "reference",
        ),
        (
            json!({"$ref": "http://169.254.169.254/latest"}),
            "/$ref",
            "reference",
        ),
        (json!({"$ref": "file:///etc/passwd"}), "/$ref", "reference"),
        (
            json!({"properties": {"a/b": {"$ref": "other.json"}}}),
            "/properties/a~1b/$ref",
            "reference",
        ),
        (json!({"$ref": "#/$defs/none"}), "/$ref", "reference"),
        (json!({"$ref": "#anchor"}), "/$ref", "reference"),
        (
            json!({"$ref": "#/const", "const": {"type": "string"}}),
            "/$ref",
            "reference",
        ),
        (
            json!({"properties": {"child": {"$ref": "#"}}}),
            "/properties/child/$ref",
            "circle",
        ),
        (circle, "/$defs/b/not/$ref", "circle"),
        (json!({"$dynamicRef": "#a"}), "/$dynamicRef", "unsupported"),
        (
            json!({"$defs": {"a": {"$id": "https://example.com/"}}}),
            "/$defs/a/$id",
            "unsupported",
        ),
        (
            json!({"properties": {"a": {"pattern": "(?=a)b"}}}),
            "/properties/a/pattern",
            "pattern",
        ),
        (json!({"pattern": "(a{1000}){1000}"}), "/pattern", "pattern"),
    ] {
        assert_eq!(error(&schema), (pointer.to_owned(), rule), "{schema}");
    }
    let long = format!(r#"{{"description":"{}"}}"#, "x".repeat(MAX_BYTES));
    assert_eq!(Schema::parse(&long).unwrap_err().rule, "too_long");
    assert_eq!(Schema::parse("{").unwrap_err().rule, "json");
    let patterns: Vec<_> = (0..=MAX_PATTERNS)
        .map(|n| json!({"pattern": n.to_string()}))
        .collect();
    assert_eq!(
        error(&json!({ "anyOf": patterns })),
        ("/anyOf/100".to_owned(), "too_many")
    );
}

/// Twenty definitions, each of which asks the next one twice: a million checks of one value.
#[test]
fn what_unfolds_to_too_much_is_refused_however_short_it_is() {
    let mut definitions = serde_json::Map::new();
    for n in 0..20 {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
        definitions.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
    }
    definitions.insert("d20".to_owned(), json!({ "type": "string" }));
    let schema = json!({ "$ref": "#/$defs/d0", "$defs": definitions });
    assert!(schema.to_string().len() < 2_000);
    assert_eq!(error(&schema), (String::new(), "too_large"));
}

#[test]
fn violations_name_place_and_rule_and_never_quote_the_value() {
    let schema = json!({
        "$id": "https://example.com/order", "type": "object", "required": ["id"],
        "properties": { "id": { "$ref": "#/$defs/id" }, "lines": { "items": { "properties": { "count": { "minimum": 1 } } } } },
        "$defs": { "id": { "type": "string", "pattern": "^o-" } },
    });
    let schema = Schema::of(&schema).unwrap();
    for (value, expected) in [
        (json!({ "id": "o-1", "lines": [{ "count": 1 }] }), vec![]),
        (json!({}), vec![("", "required")]),
        (json!({ "id": 4111 }), vec![("/id", "type")]),
        (json!({ "id": "secret" }), vec![("/id", "pattern")]),
        (
            json!({ "id": "o-1", "lines": [{ "count": 1 }, { "count": 0 }] }),
            vec![("/lines/1/count", "minimum")],
        ),
    ] {
        let found = schema.violations(&value);
        let told: Vec<_> = found
            .iter()
            .map(|v| (v.pointer.as_str(), v.keyword))
            .collect();
        assert_eq!(told, expected, "{value}");
        let words: String = found.iter().map(|v| v.message.as_str()).collect();
        assert!(
            !words.contains("secret") && !words.contains("4111"),
            "{words}"
        );
    }
    let many = Schema::of(&json!({ "items": { "type": "string" } })).unwrap();
    assert_eq!(many.violations(&json!(vec![1; 50])).len(), MAX_VIOLATIONS);
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!({"type": "string", "pattern": "a+"})),
        (0_u8..4).prop_map(|n| json!({ "$ref": format!("#/$defs/{n}") })),
        Just(json!({"$ref": "#"})),
        Just(json!(true)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|s| json!({ "not": s })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|s| json!({ "anyOf": s })),
            inner.clone().prop_map(|s| json!({ "items": s })),
            (inner.clone(), inner).prop_map(|(a, b)| json!({ "properties": { "a": a, "b": b } })),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_schema_says_it_is_refused_or_answers(root in schemas(), parts in prop::collection::vec(schemas(), 4), depth in 0_usize..50) {
        let named = parts.into_iter().enumerate().map(|(n, part)| (n.to_string(), part));
        let schema = json!({ "allOf": [root], "$defs": serde_json::Map::from_iter(named) });
        if let Ok(schema) = Schema::of(&schema) {
            let mut value = json!("aaa");
            for _ in 0..depth {
                value = json!([{ "a": value }]);
            }
            prop_assert!(schema.violations(&value).len() <= MAX_VIOLATIONS);
        }
    }
}
