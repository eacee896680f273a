//! What the size of a schema does not bound: where its references lead, how much it unfolds to, and
//! how many patterns it has.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{MAX_PARTS, MAX_PATTERNS, SchemaError};

/// Keywords whose value is one schema.
const ONE: &[&str] = &[
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords whose value is an object of schemas.
const NAMED: &[&str] = &["dependentSchemas", "patternProperties", "properties"];

/// Keywords whose schemas are not applied, only referred to.
const DEFINED: &[&str] = &["$defs", "definitions"];

/// Keywords that make a reference mean something else than a place in this schema.
const REFUSED: &[&str] = &[
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveRef",
    "$vocabulary",
];

/// Checks a schema that the metaschema allows.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut walk = Walk {
        schema,
        places: HashSet::new(),
        patterns: 0,
        parts: HashMap::new(),
        unfolding: HashSet::new(),
    };
    walk.legal(schema, "")?;
    let parts = walk.unfold(schema, "")?;
    if parts > MAX_PARTS {
        let message = format!("must not unfold to more than {MAX_PARTS} subschemas");
        return Err(SchemaError::new("", "too_large", message));
    }
    Ok(())
}

struct Walk<'s> {
    schema: &'s Value,
    /// Where there are schemas, to which alone references may lead.
    places: HashSet<String>,
    patterns: usize,
    /// How many subschemas what is at a pointer unfolds to.
    parts: HashMap<String, usize>,
    /// The targets of the references that are being followed.
    unfolding: HashSet<String>,
}

impl<'s> Walk<'s> {
    /// Whether every keyword, be it applied or not, is one that can be bounded.
    fn legal(&mut self, schema: &'s Value, pointer: &str) -> Result<(), SchemaError> {
        self.places.insert(pointer.to_owned());
        let Some(object) = schema.as_object() else {
            return Ok(());
        };
        for keyword in object.keys() {
            let inner = keyword == "$id" && !pointer.is_empty();
            if inner || REFUSED.contains(&keyword.as_str()) {
                let message =
                    "is not supported here: refer to a place in this schema, e.g. #/$defs/address";
                return Err(SchemaError::new(
                    at(pointer, keyword),
                    "unsupported",
                    message,
                ));
            }
        }
        let named = object.get("patternProperties").and_then(Value::as_object);
        self.patterns += named.map_or(0, serde_json::Map::len);
        self.patterns += usize::from(object.contains_key("pattern"));
        if self.patterns > MAX_PATTERNS {
            let message = format!("a schema may have at most {MAX_PATTERNS} patterns");
            return Err(SchemaError::new(pointer, "too_many", message));
        }
        for (pointer, schema) in inside(schema, pointer, true) {
            self.legal(schema, &pointer)?;
        }
        Ok(())
    }

    /// How many subschemas a schema applies, itself included.
    fn unfold(&mut self, schema: &'s Value, pointer: &str) -> Result<usize, SchemaError> {
        if let Some(parts) = self.parts.get(pointer) {
            return Ok(*parts);
        }
        let mut parts: usize = 1;
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            parts = parts.saturating_add(self.follow(reference, &at(pointer, "$ref"))?);
        }
        for (pointer, schema) in inside(schema, pointer, false) {
            parts = parts.saturating_add(self.unfold(schema, &pointer)?);
        }
        self.parts.insert(pointer.to_owned(), parts);
        Ok(parts)
    }

    fn follow(&mut self, reference: &str, pointer: &str) -> Result<usize, SchemaError> {
        let local = reference.strip_prefix('#');
        let local = local.filter(|target| self.places.contains(*target));
        let found = local.and_then(|target| Some((target, self.schema.pointer(target)?)));
        let Some((target, schema)) = found else {
            let message = "must be the place of a schema in this one, as # and a JSON pointer, e.g. #/$defs/address";
            return Err(SchemaError::new(pointer, "reference", message));
        };
        // The root is always being unfolded.
        if target.is_empty() || !self.unfolding.insert(target.to_owned()) {
            let message = "leads back to itself; unfold the levels that you need";
            return Err(SchemaError::new(pointer, "circle", message));
        }
        let parts = self.unfold(schema, target);
        self.unfolding.remove(target);
        parts
    }
}

/// The schemas directly inside a schema, with their places.
fn inside<'s>(schema: &'s Value, pointer: &str, defined: bool) -> Vec<(String, &'s Value)> {
    let mut found = Vec::new();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        let keyword = keyword.as_str();
        let place = at(pointer, keyword);
        if ONE.contains(&keyword) {
            found.push((place, value));
        } else if LIST.contains(&keyword) {
            let each = value.as_array().into_iter().flatten().enumerate();
            found.extend(each.map(|(index, schema)| (at(&place, &index.to_string()), schema)));
        } else if NAMED.contains(&keyword) || (defined && DEFINED.contains(&keyword)) {
            let each = value.as_object().into_iter().flatten();
            found.extend(each.map(|(name, schema)| (at(&place, name), schema)));
        }
    }
    found
}

/// RFC 6901 §3.
fn at(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}
