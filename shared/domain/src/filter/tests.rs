use super::*;
use serde_json::json;

/// The body of a webhook whose data is this.
pub(super) fn body(data: &Value) -> Value {
    json!({
        "event": "message.didCreate", "id": "evt_1", "networkId": "demo",
        "timestamp": "2026-01-31T12:00:00.000Z", "version": "1", "data": data,
    })
}

pub(super) fn filter(data: &Value) -> Filter {
    Filter::parse(&json!({ "data": data }).to_string()).unwrap()
}

/// What the operators do, after the examples of the EventBridge documentation.
#[test]
fn conditions_hold_for_what_the_documentation_of_event_patterns_says() {
    for (on, value, expected) in [
        // Plain values.
        (json!(["Alice"]), json!("Alice"), true),
        (json!(["Alice"]), json!("alice"), false),
        (json!([""]), json!(""), true),
        (json!([null]), json!(null), true),
        (json!([null]), json!(""), false),
        (json!([100]), json!(100), true),
        (json!([100]), json!("100"), false),
        (json!([100]), json!(1e2), true),
        (json!([true]), json!(true), true),
        (json!(["Bob", "Alice"]), json!("Alice"), true),
        // Texts.
        (json!([{"prefix": "us-"}]), json!("us-east-1"), true),
        (json!([{"prefix": "us-"}]), json!("eu-us-1"), false),
        (json!([{"prefix": "1"}]), json!(1), false),
        (
            json!([{"prefix": {"equals-ignore-case": "EventB"}}]),
            json!("eventbridge"),
            true,
        ),
        (json!([{"suffix": ".png"}]), json!("a.png"), true),
        (json!([{"suffix": ".png"}]), json!("a.PNG"), false),
        (
            json!([{"suffix": {"equals-ignore-case": ".png"}}]),
            json!("a.PNG"),
            true,
        ),
        (
            json!([{"equals-ignore-case": "alice"}]),
            json!("ALICE"),
            true,
        ),
        (
            json!([{"equals-ignore-case": "alice"}]),
            json!("ALICES"),
            false,
        ),
        (json!([{"wildcard": "dir/*.png"}]), json!("dir/a.png"), true),
        (
            json!([{"wildcard": "dir/*.png"}]),
            json!("dir/a.jpg"),
            false,
        ),
        // Anything but.
        (
            json!([{"anything-but": "initializing"}]),
            json!("running"),
            true,
        ),
        (
            json!([{"anything-but": "initializing"}]),
            json!("initializing"),
            false,
        ),
        (json!([{"anything-but": "initializing"}]), json!(null), true),
        (json!([{"anything-but": 123}]), json!(123.0), false),
        (
            json!([{"anything-but": ["stopped", "overloaded"]}]),
            json!("stopped"),
            false,
        ),
        (
            json!([{"anything-but": ["stopped", "overloaded"]}]),
            json!("running"),
            true,
        ),
        (json!([{"anything-but": [100, 200, 300]}]), json!(400), true),
        (
            json!([{"anything-but": {"prefix": "us-"}}]),
            json!("us-west-2"),
            false,
        ),
        (
            json!([{"anything-but": {"prefix": "us-"}}]),
            json!("eu-west-1"),
            true,
        ),
        (
            json!([{"anything-but": {"suffix": [".png", ".gif"]}}]),
            json!("a.gif"),
            false,
        ),
        (
            json!([{"anything-but": {"equals-ignore-case": "initializing"}}]),
            json!("INITIALIZING"),
            false,
        ),
        (
            json!([{"anything-but": {"wildcard": "*/lib/*"}}]),
            json!("/usr/lib/x"),
            false,
        ),
        (
            json!([{"anything-but": {"wildcard": "*/lib/*"}}]),
            json!("/usr/bin/x"),
            true,
        ),
        // Numbers.
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(5), true),
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(0), false),
        (json!([{"numeric": ["<=", 5, ">", 0]}]), json!(0.001), true),
        (json!([{"numeric": ["<", 10]}]), json!(10), false),
        (json!([{"numeric": ["<", 10]}]), json!("9"), false),
        (json!([{"numeric": ["=", 3.018e2]}]), json!(301.8), true),
        (
            json!([{"numeric": [">=", 9_007_199_254_740_993_u64]}]),
            json!(9_007_199_254_740_992_u64),
            false,
        ),
        // Addresses.
        (json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.0.255"), true),
        (json!([{"cidr": "10.0.0.0/24"}]), json!("10.0.1.0"), false),
        (
            json!([{"cidr": "10.0.0.0/24"}]),
            json!("::ffff:10.0.0.7"),
            true,
        ),
        (json!([{"cidr": "10.0.0.7/24"}]), json!("10.0.0.1"), true),
        (
            json!([{"cidr": "2001:db8::/32"}]),
            json!("2001:db8:1::1"),
            true,
        ),
        (
            json!([{"cidr": "2001:db8::/32"}]),
            json!("2001:db9::1"),
            false,
        ),
        (json!([{"cidr": "10.0.0.7"}]), json!("10.0.0.7"), true),
        (
            json!([{"cidr": "10.0.0.0/8"}]),
            json!("not an address"),
            false,
        ),
        // Presence, which is of leaves.
        (json!([{"exists": true}]), json!(null), true),
        (json!([{"exists": true}]), json!({"inner": 1}), false),
        (json!([{"exists": false}]), json!({"inner": 1}), true),
        (json!([{"exists": true}]), json!([]), false),
        (json!([{"exists": false}]), json!(["x"]), false),
        // Lists in the event: one element is enough.
        (json!(["a"]), json!(["b", "a"]), true),
        (json!(["a"]), json!([["b"], ["a"]]), true),
        (json!([{"anything-but": "a"}]), json!(["a", "b"]), true),
        (json!([{"anything-but": "a"}]), json!(["a", "a"]), false),
        (json!([{"numeric": [">", 5]}]), json!([1, 9]), true),
    ] {
        let parsed = filter(&json!({ "field": on }));
        assert_eq!(
            parsed.matches(&body(&json!({ "field": value }))),
            expected,
            "{on} on {value}"
        );
    }
}

#[test]
fn fields_lists_and_alternatives_combine() {
    let employees = json!({"employees": [
        {"firstName": "John", "lastName": "Doe"},
        [{"firstName": "Anna", "lastName": "Smith"}],
        {"firstName": "Peter", "lastName": "Jones", "left": true},
    ]});
    for (data, event, expected) in [
        (
            json!({"employees": {"firstName": ["Anna"]}}),
            &employees,
            true,
        ),
        (
            json!({"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}),
            &employees,
            true,
        ),
        // Both in the filter, but of two people.
        (
            json!({"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}}),
            &employees,
            false,
        ),
        // Peter has it, so the list has it.
        (
            json!({"employees": {"firstName": ["Anna"], "left": [{"exists": false}]}}),
            &employees,
            false,
        ),
        (
            json!({"employees": {"middleName": [{"exists": false}]}}),
            &employees,
            true,
        ),
        (
            json!({"employees": {"middleName": ["X", {"exists": false}]}}),
            &employees,
            true,
        ),
        (
            json!({"nobody": {"there": [{"exists": false}]}}),
            &employees,
            true,
        ),
        (json!({"nobody": {"there": ["x"]}}), &employees, false),
        (
            json!({"$or": [{"employees": {"firstName": ["Eve"]}}, {"employees": {"lastName": ["Doe"]}}]}),
            &employees,
            true,
        ),
        (
            json!({"employees": {"lastName": ["Doe"], "$or": [{"firstName": ["Anna"]}, {"left": [true]}]}}),
            &employees,
            false,
        ),
        (
            json!({"employees": {"lastName": ["Jones"], "$or": [{"firstName": ["Anna"]}, {"left": [true]}]}}),
            &employees,
            true,
        ),
    ] {
        assert_eq!(filter(&data).matches(&body(event)), expected, "{data}");
    }
    let whole = Filter::parse(
        r#"{"event": [{"prefix": "message."}], "version": ["1"], "data": {"user": {"role": ["admin"]}}}"#,
    )
    .unwrap();
    assert!(whole.matches(&body(&json!({"user": {"role": "admin"}}))));
    assert!(!whole.matches(&body(&json!({"user": {"role": "guest"}}))));
    assert!(!whole.matches(&body(&json!({"user": "admin"}))));
}

/// Filter, position of its mistake, rule.
const MISTAKES: &[(&str, &str, &str)] = &[
    (r#"{"data": {"a": [1,]}}"#, "", "json"),
    ("[]", "", "type"),
    ("{}", "", "empty"),
    (r#"{"detail": {"a": [1]}}"#, "/detail", "unknown"),
    (
        r#"{"$or": [{"event": ["a"]}, {"evnt": ["a"]}]}"#,
        "/$or/1/evnt",
        "unknown",
    ),
    (r#"{"event": "message.didCreate"}"#, "/event", "type"),
    (r#"{"event": {"prefix": ["a"]}}"#, "/event", "type"),
    (r#"{"data": ["a"]}"#, "/data", "type"),
    (r#"{"data": {}}"#, "/data", "empty"),
    (r#"{"data": {"a": []}}"#, "/data/a", "empty"),
    (r#"{"data": {"a": [1], "a": [2]}}"#, "/data/a", "duplicate"),
    (r#"{"data": {"a": [[1]]}}"#, "/data/a/0", "type"),
    (
        r#"{"data": {"a/b~": [{"begins": "x"}]}}"#,
        "/data/a~1b~0/0/begins",
        "unknown",
    ),
    (
        r#"{"data": {"a": [{"prefix": "x", "suffix": "y"}]}}"#,
        "/data/a/0",
        "count",
    ),
    (
        r#"{"data": {"user": {"role": [{"prefix": 1}]}}}"#,
        "/data/user/role/0/prefix",
        "type",
    ),
    (
        r#"{"data": {"a": [{"prefix": {"suffix": "x"}}]}}"#,
        "/data/a/0/prefix/suffix",
        "unknown",
    ),
    (
        r#"{"data": {"a": [1, {"wildcard": "a**"}]}}"#,
        "/data/a/1/wildcard",
        "format",
    ),
    (
        r#"{"data": {"a": [{"exists": "yes"}]}}"#,
        "/data/a/0/exists",
        "type",
    ),
    (
        r#"{"data": {"a": [{"cidr": "10.0.0.0/33"}]}}"#,
        "/data/a/0/cidr",
        "format",
    ),
    (
        r#"{"data": {"a": [{"numeric": 5}]}}"#,
        "/data/a/0/numeric",
        "type",
    ),
    (
        r#"{"data": {"a": [{"numeric": [">"]}]}}"#,
        "/data/a/0/numeric",
        "count",
    ),
    (
        r#"{"data": {"a": [{"numeric": [">", 1, "=>", 5]}]}}"#,
        "/data/a/0/numeric/2",
        "unknown",
    ),
    (
        r#"{"data": {"a": [{"numeric": [">", "1"]}]}}"#,
        "/data/a/0/numeric/1",
        "type",
    ),
    (
        r#"{"data": {"a": [{"numeric": [">", 1, ">=", 0]}]}}"#,
        "/data/a/0/numeric/2",
        "duplicate",
    ),
    (
        r#"{"data": {"a": [{"numeric": [">", 1, "<=", 1]}]}}"#,
        "/data/a/0/numeric",
        "range",
    ),
    (
        r#"{"data": {"a": [{"anything-but": []}]}}"#,
        "/data/a/0/anything-but",
        "empty",
    ),
    (
        r#"{"data": {"a": [{"anything-but": ["x", {}]}]}}"#,
        "/data/a/0/anything-but/1",
        "type",
    ),
    (
        r#"{"data": {"a": [{"anything-but": {"numeric": [">", 1]}}]}}"#,
        "/data/a/0/anything-but/numeric",
        "unknown",
    ),
    (
        r#"{"data": {"a": [{"anything-but": {"prefix": ["x", 1]}}]}}"#,
        "/data/a/0/anything-but/prefix/1",
        "type",
    ),
    (r#"{"data": {"$or": [{"a": [1]}]}}"#, "/data/$or", "count"),
    (r#"{"data": {"$or": {"a": [1]}}}"#, "/data/$or", "type"),
];

#[test]
fn every_mistake_is_told_with_its_position() {
    let deep = format!("{}{}{}", r#"{"data":"#, r#"{"a":"#.repeat(16), "[1]") + &"}".repeat(17);
    let long = format!(r#"{{"event":["{}"]}}"#, "x".repeat(MAX_BYTES));
    let many = json!({"event": (0..=MAX_CONDITIONS).collect::<Vec<_>>()}).to_string();
    let limits: [(&str, &str, &str); 3] = [
        (&deep, &format!("/data{}", "/a".repeat(15)), "too_deep"),
        (&long, "", "too_long"),
        (&many, &format!("/event/{MAX_CONDITIONS}"), "too_many"),
    ];
    for (text, pointer, rule) in MISTAKES.iter().copied().chain(limits) {
        let error = Filter::parse(text).unwrap_err();
        let shown: String = text.chars().take(80).collect();
        assert_eq!(
            (error.pointer.as_str(), error.rule),
            (pointer, rule),
            "{shown}"
        );
    }
}

#[test]
fn a_filter_with_numbers_too_long_for_a_float_matches_the_same_when_it_was_stored() {
    for number in [
        "4567890178901234567890",
        "0.12345678901234567890",
        "1.7e-305",
    ] {
        let event = format!(r#"{{"data":{{"n":{number}}}}}"#);
        let event: Value = serde_json::from_str(&event).unwrap();
        let fresh = Filter::parse(&format!(r#"{{"data":{{"n":[{number}]}}}}"#)).unwrap();
        let stored = Filter::parse(fresh.as_str()).unwrap();
        assert_eq!(stored, fresh);
        assert!(fresh.matches(&event) && stored.matches(&event), "{number}");
    }
}

#[test]
fn what_an_event_fails_is_told_in_words_with_the_place_in_the_filter() {
    let told = |data: Value, event: Value| {
        let found = filter(&data).mismatches(&body(&event));
        let words = found.iter().map(ToString::to_string);
        words.collect::<Vec<_>>().join("; ")
    };
    for (data, event, expected) in [
        (
            json!({"user": {"role": ["admin", {"prefix": "mod"}]}, "amount": [{"numeric": [">=", 10, "<", 100]}]}),
            json!({"user": {"role": "guest"}, "amount": 9}),
            r#"/data/amount: wanted a number of at least 10 and below 100, found the number 9; /data/user/role: wanted the text "admin" or a text that begins with "mod", found the text "guest""#,
        ),
        (
            json!({"user": {"role": ["a"]}}),
            json!({}),
            r#"/data/user/role: wanted the text "a", found nothing"#,
        ),
        (
            json!({"user": {"role": ["a"]}}),
            json!({"user": "ann"}),
            r#"/data/user: wanted an object with the fields named here, found the text "ann""#,
        ),
        (
            json!({"users": {"role": ["a"], "on": [true]}}),
            json!({"users": [{"role": "a", "on": false}, {"role": "b", "on": true}]}),
            r#"/data/users: wanted one element with all that is asked for here, found a list of 2: [{"on":false,"role":"a"},{"on":true,"role":"b"}]"#,
        ),
        (
            json!({"users": {"role": ["a"], "on": [true]}}),
            json!({"users": [{"role": "a", "on": false}]}),
            "/data/users/on: wanted the boolean true, found the boolean false",
        ),
        (
            json!({"$or": [{"a~/b": [null]}, {"c": [{"exists": false}]}]}),
            json!({"a~/b": 1, "c": [1, 2]}),
            "/data/$or/0/a~0~1b: wanted null, found the number 1; /data/$or/1/c: wanted nothing, found a list of 2: [1,2]",
        ),
        (
            json!({"a": [{"anything-but": ["x", 5]}], "b": [{"wildcard": r"\*a*"}], "c": [{"cidr": "10.0.0.0/8"}, {"exists": true}], "d": [{"suffix": {"equals-ignore-case": ".PNG"}}], "e": [{"numeric": ["=", 5]}]}),
            json!({"a": "x", "b": "ba", "c": {}, "d": ".jpg"}),
            r#"/data/a: wanted a value that is neither the text "x" nor the number 5, found the text "x"; /data/b: wanted a text like "\\*a*", found the text "ba"; /data/c: wanted an address in 10.0.0.0/8 or a value of any kind, found an object; /data/d: wanted a text that ends with ".png" in any case, found the text ".jpg"; /data/e: wanted the number 5, found nothing"#,
        ),
        (json!({"a": [1]}), json!({"a": 1.0}), ""),
    ] {
        assert_eq!(told(data.clone(), event), expected, "{data}");
    }
    let long = told(json!({"a": [1]}), json!({"a": "é".repeat(200)}));
    assert!(long.ends_with("é…\""), "{long}");
}
