//! The event types that every network has from the start: the 101 names of the social.plus
//! catalogue, each with a description, a JSON Schema (2020-12) of its data, and an example.
//!
//! They are data: `definitions.json` describes the things that events are about, as JSON Schema
//! with an example each; `events.json` says which of them an event's data holds. The schemas
//! describe what is known and allow anything else, because producers add keys before catalogues do.

mod own;

pub use own::{MAX_DESCRIPTION, MAX_EXAMPLE, NameError, OwnType, own_name};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::event_type::EventType;

/// The dialect of every schema of an event type.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// An event type that every network has.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// Its name, as producers report it.
    pub name: EventType,
    /// When it is reported, in a sentence.
    pub description: &'static str,
    holds: Holds,
    /// What the example has different from the examples of its parts, by JSON pointer.
    set: BTreeMap<&'static str, Value>,
}

/// What an event's data holds.
#[derive(Debug, Clone)]
enum Holds {
    /// It is one of the definitions.
    One(&'static str),
    /// An object with these keys.
    Keys(BTreeMap<&'static str, Part>),
}

/// `Post`, `[Post]` for a list of them, either with `!` when it must be there.
#[derive(Debug, Clone, Copy)]
struct Part {
    definition: &'static str,
    list: bool,
    required: bool,
}

/// Every built-in type, in order of name.
#[must_use]
pub fn built_in() -> &'static [BuiltIn] {
    &CATALOGUE.types
}

/// The built-in type of this name.
#[must_use]
pub fn find(name: &EventType) -> Option<&'static BuiltIn> {
    let types = &CATALOGUE.types;
    let place = types.binary_search_by(|built_in| built_in.name.cmp(name));
    place.ok().and_then(|place| types.get(place))
}

/// The candidate that `name` is most likely a misspelling of, if any comes close.
#[must_use]
pub fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // A third of the name wrong is another name, not a misspelling.
    let close = name.len() / 3;
    let distance = |candidate: &str| {
        // `post.didCreate` is `v3.post.didCreate` with its beginning left out.
        let left_out = candidate.strip_suffix(name);
        if left_out.is_some_and(|start| start.ends_with(['.', '/'])) {
            return 0;
        }
        strsim::osa_distance(name, candidate)
    };
    candidates
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= close)
        .min()
        .map(|(_, candidate)| candidate)
}

impl BuiltIn {
    /// The JSON Schema of its data; it refers to nothing outside itself.
    #[must_use]
    pub fn schema(&self) -> Value {
        let mut schema = match &self.holds {
            Holds::One(definition) => reference(definition),
            Holds::Keys(parts) => {
                let part = |(key, part): (&&str, &Part)| ((*key).to_owned(), part.schema());
                let required = parts.iter().filter(|(_, part)| part.required);
                json!({
                    "type": "object",
                    "required": required.map(|(key, _)| *key).collect::<Vec<_>>(),
                    "properties": parts.iter().map(part).collect::<Map<_, _>>(),
                })
            }
        };
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("$schema".to_owned(), DIALECT.into());
            schema.insert("title".to_owned(), self.name.as_str().into());
            schema.insert("description".to_owned(), self.description.into());
            schema.insert("$defs".to_owned(), Value::Object(self.definitions()));
        }
        schema
    }

    /// Example data, which its schema allows.
    #[must_use]
    pub fn example(&self) -> Value {
        let mut example = match &self.holds {
            Holds::One(definition) => example(definition),
            Holds::Keys(parts) => {
                let part = |(key, part): (&&str, &Part)| ((*key).to_owned(), part.example());
                Value::Object(parts.iter().map(part).collect())
            }
        };
        for (pointer, value) in &self.set {
            put(&mut example, pointer, value.clone());
        }
        example
    }

    /// The definitions that the data refers to, and those that they refer to in turn.
    fn definitions(&self) -> Map<String, Value> {
        let mut wanted: Vec<&str> = match &self.holds {
            Holds::One(definition) => vec![definition],
            Holds::Keys(parts) => parts.values().map(|part| part.definition).collect(),
        };
        let mut found = Map::new();
        while let Some(name) = wanted.pop() {
            if found.contains_key(name) {
                continue;
            }
            if let Some(definition) = CATALOGUE.definitions.get(name) {
                let mut references = BTreeSet::new();
                collect_references(definition, &mut references);
                wanted.extend(references);
                found.insert(name.to_owned(), definition.clone());
            }
        }
        found
    }
}

impl Part {
    fn parse(text: &'static str) -> Self {
        let (rest, required) = text
            .strip_suffix('!')
            .map_or((text, false), |rest| (rest, true));
        let listed = rest
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        Self {
            definition: listed.unwrap_or(rest),
            list: listed.is_some(),
            required,
        }
    }

    fn schema(self) -> Value {
        if self.list {
            json!({ "type": "array", "items": reference(self.definition) })
        } else {
            reference(self.definition)
        }
    }

    fn example(self) -> Value {
        let example = example(self.definition);
        if self.list {
            Value::Array(vec![example])
        } else {
            example
        }
    }
}

const DEFINITIONS: &str = "#/$defs/";

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("{DEFINITIONS}{definition}") })
}

fn example(definition: &str) -> Value {
    let definition = CATALOGUE.definitions.get(definition);
    let example = definition.and_then(|definition| definition.pointer("/examples/0"));
    example.cloned().unwrap_or_default()
}

/// Sets the value at a pointer whose parent is there.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(object) = document.pointer_mut(parent).and_then(Value::as_object_mut) {
        object.insert(key.to_owned(), value);
    }
}

fn collect_references<'s>(schema: &'s Value, found: &mut BTreeSet<&'s str>) {
    match schema {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = value.as_str().and_then(|to| to.strip_prefix(DEFINITIONS));
                match name.filter(|_| key == "$ref") {
                    Some(name) => {
                        found.insert(name);
                    }
                    None => collect_references(value, found),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect_references(element, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

struct Catalogue {
    definitions: Map<String, Value>,
    types: Vec<BuiltIn>,
}

/// Parsed at first use: most functions never ask. The tests prove that it parses.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let file: EventsFile<'static> =
        serde_json::from_str(include_str!("catalogue/events.json")).unwrap_or_default();
    let definitions = serde_json::from_str(include_str!("catalogue/definitions.json"));
    let mut types: Vec<_> = file
        .events
        .into_iter()
        .filter_map(|row| row.read(&file.shapes))
        .collect();
    types.sort_by(|a, b| a.name.cmp(&b.name));
    Catalogue {
        definitions: definitions.unwrap_or_default(),
        types,
    }
});

type Keys<'f> = BTreeMap<&'f str, &'f str>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsFile<'f> {
    /// Keys that several events share.
    #[serde(borrow)]
    shapes: BTreeMap<&'f str, Keys<'f>>,
    events: Vec<Row<'f>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'f> {
    name: &'f str,
    description: &'f str,
    is: Option<&'f str>,
    shape: Option<&'f str>,
    #[serde(default, borrow)]
    keys: Keys<'f>,
    #[serde(default, borrow)]
    set: BTreeMap<&'f str, Value>,
}

impl Row<'static> {
    fn read(self, shapes: &BTreeMap<&'static str, Keys<'static>>) -> Option<BuiltIn> {
        let shape = match self.shape {
            Some(shape) => Some(shapes.get(shape)?),
            None => None,
        };
        let keys = shape.into_iter().flatten().chain(&self.keys);
        Some(BuiltIn {
            name: EventType::parse(self.name)?,
            description: self.description,
            holds: self.is.map_or_else(
                || Holds::Keys(keys.map(|(key, text)| (*key, Part::parse(text))).collect()),
                Holds::One,
            ),
            set: self.set,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_101_names_and_each_example_is_what_its_schema_allows() {
        assert_eq!(built_in().len(), 101);
        let names: BTreeSet<_> = built_in().iter().map(|built_in| &built_in.name).collect();
        assert_eq!(names.len(), 101);
        for built_in in built_in() {
            let (name, schema) = (&built_in.name, built_in.schema());
            jsonschema::draft202012::meta::validate(&schema).unwrap();
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            let example = built_in.example();
            assert!(example.is_object(), "{name}");
            if let Err(error) = validator.validate(&example) {
                panic!("{name}: {error} at {}", error.instance_path());
            }
            assert!(built_in.description.ends_with('.'), "{name}");
            assert_eq!(find(name).map(|found| &found.name), Some(name));
            // Every part is there, and every change of the example took place.
            if let Holds::Keys(parts) = &built_in.holds {
                assert!(parts.values().any(|part| part.required), "{name}");
                assert!(
                    !example.as_object().unwrap().values().any(Value::is_null),
                    "{name}"
                );
            }
            for (pointer, value) in &built_in.set {
                assert_eq!(example.pointer(pointer), Some(value), "{name} {pointer}");
            }
        }
    }

    #[test]
    fn schemas_refuse_what_is_of_the_wrong_type_and_allow_what_they_do_not_know() {
        let schema = |name: &str| find(&EventType::parse(name).unwrap()).unwrap().schema();
        for (name, data, allowed) in [
            (
                "message.didCreate",
                json!({"messages": [{"messageId": "m", "new": 1}], "more": 2}),
                true,
            ),
            (
                "message.didCreate",
                json!({"messages": [{"messageId": 1}]}),
                false,
            ),
            ("message.didCreate", json!({"users": []}), false),
            (
                "follow.didRequest",
                json!({"from": "a", "to": "b", "status": "pending"}),
                true,
            ),
            ("follow.didRequest", json!({"from": "a"}), false),
            ("tag.created", json!({"tagId": "t", "name": null}), true),
            (
                "push-notification/post.created",
                json!({"eventName": "post.created", "isBroadcast": "no"}),
                false,
            ),
        ] {
            let validator = jsonschema::draft202012::new(&schema(name)).unwrap();
            assert_eq!(validator.is_valid(&data), allowed, "{name} {data}");
        }
    }

    #[test]
    fn a_misspelt_name_finds_the_one_meant() {
        let names = || built_in().iter().map(|built_in| built_in.name.as_str());
        for (given, meant) in [
            ("message.didcreate", Some("message.didCreate")),
            ("post.didCreate", Some("v3.post.didCreate")),
            (
                "push-notification.post.created",
                Some("push-notification/post.created"),
            ),
            ("order.paid", None),
        ] {
            assert_eq!(nearest(given, names()), meant, "{given}");
        }
    }
}
