//! JSON Schemas of event types.

mod walk;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use domain::catalogue::DIALECT;
use domain::field::FieldError;

/// Longest schema, in bytes of JSON as it is handed in.
/// Source: the largest schema of the social.plus catalogue has a third of it.
pub const MAX_BYTES: usize = 32 * 1024;

/// Most subschemas once every reference is replaced by what it refers to. Each looks at each value
/// of an event at most once, so this bounds the work per value.
pub const MAX_PARTS: usize = 5_000;

/// Most regular expressions.
pub const MAX_PATTERNS: usize = 100;

/// Memory for one compiled regular expression, in bytes.
const PATTERN_SIZE: usize = 128 * 1024;

/// Most violations told of one value.
const MAX_VIOLATIONS: usize = 10;

/// A JSON Schema that is well-formed and cheap to check against.
#[derive(Debug)]
pub struct Schema(Validator);

/// What is wrong with a schema, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON pointer (RFC 6901) into the schema; empty for the whole.
    pub pointer: String,
    /// A stable word for the rule, e.g. `reference`.
    pub rule: &'static str,
    /// A sentence fragment that says what is allowed. Never quotes a value.
    pub message: String,
}

/// A rule of a schema that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the value; empty for the whole.
    pub pointer: String,
    /// The keyword of the rule, e.g. `required`.
    pub keyword: &'static str,
    /// A sentence fragment that says what is allowed. Never quotes the value.
    pub message: String,
}

impl Schema {
    /// Reads a schema from its JSON text.
    ///
    /// # Errors
    /// The first mistake, with its position.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.len() > MAX_BYTES {
            let message = format!("must have at most {MAX_BYTES} bytes");
            return Err(SchemaError::new("", "too_long", message));
        }
        let schema: Value = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let message = format!("is not JSON from line {line}, column {column} on");
            SchemaError::new("", "json", message)
        })?;
        Self::of(&schema)
    }

    /// The same for a schema that is parsed already; its length is not asked.
    ///
    /// # Errors
    /// The first mistake, with its position.
    pub fn of(schema: &Value) -> Result<Self, SchemaError> {
        let Some(object) = schema.as_object() else {
            return Err(SchemaError::new("", "type", "must be a JSON object"));
        };
        if object
            .get("$schema")
            .is_some_and(|dialect| dialect != DIALECT)
        {
            let message = format!("must be {DIALECT}, or left out");
            return Err(SchemaError::new("/$schema", "dialect", message));
        }
        jsonschema::draft202012::meta::validate(schema).map_err(|error| SchemaError {
            pointer: error.instance_path().as_str().to_owned(),
            rule: "schema",
            message: format!("breaks the rule {} of JSON Schema 2020-12", keyword(&error)),
        })?;
        walk::check(schema)?;
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(PATTERN_SIZE)
                    .dfa_size_limit(PATTERN_SIZE),
            )
            .offline()
            .build(schema);
        built.map(Self).map_err(|error| {
            let pointer = error.instance_path().as_str();
            let message = if keyword(&error) == "pattern" || keyword(&error) == "format" {
                "is no regular expression that runs in linear time: look-around and back-references are not, and long repetitions are too large"
            } else {
                "cannot be compiled"
            };
            SchemaError::new(pointer, "pattern", message)
        })
    }

    /// The rules that a value breaks, at most ten; none exactly when the schema allows it.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.0.is_valid(value) {
            return Vec::new();
        }
        let errors = self.0.iter_errors(value).take(MAX_VIOLATIONS);
        let violation = |error: jsonschema::ValidationError<'_>| Violation {
            pointer: error.instance_path().as_str().to_owned(),
            keyword: keyword(&error),
            // The library's sentence begins with what it puts for the value.
            message: error.masked_with("the value").to_string(),
        };
        errors.map(violation).collect()
    }
}

impl SchemaError {
    fn new(pointer: impl Into<String>, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            rule,
            message: message.into(),
        }
    }

    /// As the error of a request's field that holds a schema.
    #[must_use]
    pub fn of_field(self, field: &str) -> FieldError {
        FieldError::new(format!("{field}{}", self.pointer), self.rule, self.message)
    }
}

impl Violation {
    /// As the error of a request's field that holds the value.
    #[must_use]
    pub fn of_field(self, field: &str) -> FieldError {
        FieldError::new(
            format!("{field}{}", self.pointer),
            self.keyword,
            self.message,
        )
    }
}

/// The keyword of an error as one of the known words.
fn keyword(error: &jsonschema::ValidationError<'_>) -> &'static str {
    let keyword = error.kind().keyword();
    let known = KEYWORDS.iter().find(|known| **known == keyword);
    known.copied().unwrap_or("schema")
}

/// Every keyword of JSON Schema 2020-12 that can fail.
const KEYWORDS: &[&str] = &[
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "required",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];

#[cfg(test)]
mod tests;
