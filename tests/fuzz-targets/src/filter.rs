use domain::filter::Filter;
use serde_json::Value;

/// What filters are tried on: one event with every kind of value, and the filter itself.
const EVENT: &str = r#"{"event":"message.didCreate","id":"evt-1","networkId":"demo","timestamp":"2026-01-31T12:00:00.000Z","version":"1","data":{"text":"a*b\\c","n":-1.5e3,"big":123456789012345678901234567890,"yes":true,"none":null,"list":[1,"x",{"role":"admin","ip":"10.1.2.3"},[2]],"user":{"role":["mod","admin"],"ip":"2001:db8::1"}}}"#;

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else {
        return;
    };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(mistake) => {
            assert!(!mistake.rule.is_empty() && !mistake.message.is_empty());
            let pointer = &mistake.pointer;
            assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
            return;
        }
    };
    let again = Filter::parse(filter.as_str()).expect("a filter that parsed before");
    assert_eq!(again, filter, "{text}");
    // Filters hold numbers of any size; a value of ours does not.
    let own: Value = serde_json::from_str(text).unwrap_or_default();
    let event: Value = serde_json::from_str(EVENT).expect("the sample is JSON");
    for body in [&event, &own, &Value::Null] {
        assert_eq!(filter.matches(body), again.matches(body), "{text}");
    }
}
