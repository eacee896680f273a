//! What holds for every filter and every event.

use super::tests::{body, filter};
use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Any filter on `data` that uses each operator with small alphabets, so that some match.
fn conditions() -> impl Strategy<Value = Value> {
    let word = "[ab]{0,2}";
    let plain = prop_oneof![
        word.prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    prop_oneof![
        plain.clone(),
        word.prop_map(|w| json!({ "prefix": w })),
        word.prop_map(|w| json!({"suffix": {"equals-ignore-case": w}})),
        word.prop_map(|w| json!({"wildcard": format!("{w}*")})),
        (-2_i64..3).prop_map(|n| json!({"numeric": [">=", n]})),
        any::<bool>().prop_map(|b| json!({ "exists": b })),
        prop::collection::vec(plain, 1..3).prop_map(|list| json!({ "anything-but": list })),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[ab]{0,3}".prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[xyz]", inner, 0..3)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_event_fails_something_exactly_when_it_does_not_match(first in conditions(), second in conditions(), data in values(), other in values()) {
        let event = body(&json!({ "x": data, "y": [other, data] }));
        for pattern in [
            json!({"x": [first], "y": {"x": [second]}}),
            json!({"x": {"y": [first]}, "$or": [{"y": [second]}, {"y": {"y": [first], "z": [second]}}]}),
            json!({"z": {"$or": [{"x": [first]}, {"y": [second]}]}}),
        ] {
            let filter = filter(&pattern);
            prop_assert_eq!(filter.mismatches(&event).is_empty(), filter.matches(&event), "{}", pattern);
        }
    }

    #[test]
    fn a_filter_survives_being_stored(first in conditions(), second in conditions(), data in values()) {
        let written = serde_json::to_string_pretty(&json!({"data": {"x": [first, second], "$or": [{"y": [1]}, {"z": ["a"]}]}})).unwrap();
        let parsed = Filter::parse(&written).unwrap();
        let again = Filter::parse(parsed.as_str()).unwrap();
        prop_assert_eq!(again.as_str(), parsed.as_str());
        prop_assert_eq!(again.matches(&body(&data)), parsed.matches(&body(&data)));
        prop_assert_eq!(again, parsed);
    }

    #[test]
    fn a_list_of_conditions_is_their_or_and_fields_are_an_and(first in conditions(), second in conditions(), data in values()) {
        let event = body(&json!({ "x": data, "y": data }));
        let holds = |pattern: Value| filter(&pattern).matches(&event);
        let (one, other) = (holds(json!({"x": [first]})), holds(json!({"x": [second]})));
        prop_assert_eq!(holds(json!({"x": [first, second]})), one || other);
        prop_assert_eq!(holds(json!({"$or": [{"x": [first]}, {"x": [second]}]})), one || other);
        prop_assert_eq!(holds(json!({"x": [first], "y": [second]})), one && other);
    }

    #[test]
    fn anything_but_is_the_contrary_for_a_single_value(word in "[ab]{0,3}", sought in "[ab]{0,2}") {
        let event = body(&json!({ "x": word }));
        for operator in ["prefix", "suffix", "equals-ignore-case", "wildcard"] {
            let plain = filter(&json!({"x": [{operator: sought}]})).matches(&event);
            let contrary = filter(&json!({"x": [{"anything-but": {operator: sought}}]})).matches(&event);
            prop_assert_ne!(plain, contrary);
        }
    }

    #[test]
    fn exactly_one_of_present_and_absent_holds(data in values()) {
        let event = body(&data);
        let holds = |exists: bool| filter(&json!({"x": {"y": [{ "exists": exists }]}})).matches(&event);
        prop_assert_ne!(holds(true), holds(false));
    }

    #[test]
    fn no_text_makes_the_parser_fail_in_another_way(text in "[\\[\\]{}\":,a-d0-9$ ]{0,40}") {
        drop(Filter::parse(&text));
    }
}
