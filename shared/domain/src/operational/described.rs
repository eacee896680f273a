//! What operational events say: a JSON Schema and an example of each, for those who write receivers.
//!
//! The examples are data beside this file; the schemas are read off them, and allow other keys,
//! because news learn to say more.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::TYPES;
use crate::catalogue::DIALECT;
use crate::event_type::EventType;

/// An operational type as receivers see it.
#[derive(Debug, Clone)]
pub struct Described {
    /// One of [`TYPES`].
    pub name: EventType,
    /// When it is reported, in a sentence.
    pub description: &'static str,
    /// The JSON Schema of its data.
    pub schema: Value,
    /// Example data, which the schema allows.
    pub example: Value,
}

/// Every operational type, in order of name.
#[must_use]
pub fn described() -> &'static [Described] {
    &DESCRIBED
}

/// The operational type of this name.
#[must_use]
pub fn find(name: &EventType) -> Option<&'static Described> {
    described().iter().find(|known| known.name == *name)
}

/// Parsed at first use: most functions never ask. The tests prove that it parses and is complete.
static DESCRIBED: LazyLock<Vec<Described>> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("examples.json")).unwrap_or_default();
    let mut all: Vec<_> = TYPES
        .iter()
        .filter_map(|(name, description)| {
            let row = file.types.get(*name)?;
            let mut example = Map::new();
            if row.endpoint {
                example.extend(file.endpoint.clone());
            }
            example.extend(row.holds.clone());
            Some(Described {
                name: EventType::parse(name)?,
                description,
                schema: schema(name, description, &example, &row.nullable),
                example: Value::Object(example),
            })
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
});

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What every event about an endpoint says.
    endpoint: Map<String, Value>,
    types: BTreeMap<String, Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Whether it is about an endpoint.
    #[serde(default)]
    endpoint: bool,
    holds: Map<String, Value>,
    /// Keys that may be null, with the type they have otherwise.
    #[serde(default)]
    nullable: BTreeMap<String, String>,
}

fn schema(
    name: &str,
    description: &str,
    example: &Map<String, Value>,
    nullable: &BTreeMap<String, String>,
) -> Value {
    let property = |(key, value): (&String, &Value)| {
        let kind = match nullable.get(key) {
            Some(kind) => json!([kind, "null"]),
            None => json!(kind(value)),
        };
        (key.clone(), json!({ "type": kind }))
    };
    json!({
        "$schema": DIALECT,
        "title": name,
        "description": description,
        "type": "object",
        "required": example.keys().collect::<Vec<_>>(),
        "properties": example.iter().map(property).collect::<Map<_, _>>(),
    })
}

/// JSON Schema's word for a value's type.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
    use crate::health::{Change, Health};
    use crate::id::{DeliveryId, EndpointId, EventId};
    use crate::operational::News;
    use crate::time::Timestamp;

    fn keys(data: &Value) -> Vec<&String> {
        data.as_object().unwrap().keys().collect()
    }

    #[test]
    fn every_type_is_described_and_its_example_says_no_more_than_its_schema() {
        assert_eq!(described().len(), TYPES.len());
        assert!(described().is_sorted_by_key(|known| known.name.clone()));
        for known in described() {
            assert_eq!(find(&known.name).unwrap().name, known.name);
            assert_eq!(keys(&known.example), keys(&known.schema["properties"]));
            for (key, property) in known.schema["properties"].as_object().unwrap() {
                let nullable = property["type"].is_array();
                assert!(
                    nullable || property["type"] != "null",
                    "{}: {key}",
                    known.name
                );
            }
        }
        let text = include_str!("examples.json");
        let file: File = serde_json::from_str(text).unwrap();
        assert_eq!(file.types.len(), TYPES.len(), "no example is of no type");
    }

    #[test]
    fn examples_say_what_is_sent() {
        let (endpoint, at) = (Endpoint::sample(), Timestamp::from_millis(7));
        let event = EventId::parse("e").unwrap();
        let delivery = DeliveryId::of(EndpointId::from_bytes([1; 16]), at, &event);
        let health = Health {
            failing_since: Some(at),
            ..Health::default()
        };
        let told = [
            Some(News::of("endpoint.created", &endpoint, &json!({}))),
            Some(News::disabled(&endpoint, "gone", at)),
            Some(News::exhausted(
                &endpoint,
                delivery,
                &event,
                8,
                "http_status",
            )),
            News::health(&endpoint, Change::Degraded, health),
            News::health(&endpoint, Change::Failing { days: 3 }, health),
            News::health(&endpoint, Change::Recovered, health),
        ];
        for news in told.into_iter().flatten() {
            let known = find(&EventType::parse(news.name).unwrap()).unwrap();
            assert_eq!(keys(&news.data), keys(&known.example), "{}", news.name);
        }
    }
}
