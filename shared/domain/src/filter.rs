//! Content filters: which events of its types an endpoint gets, told by what is in them.
//!
//! The syntax is that of Amazon EventBridge event patterns, and the body matched is the one that a
//! receiver of the Fanfare format gets: `{event, id, networkId, timestamp, version, data}`.
//!
//! ```json
//! {"data": {"user": {"role": ["admin", {"prefix": "mod"}]}, "amount": [{"numeric": [">=", 10, "<", 100]}]}}
//! ```
//!
//! - An object names fields, and all of them must match; `$or` in it lists objects, of which one must.
//! - A list names conditions on a field's value, and one of them is enough.
//! - A list in the event matches when one of its elements does. Fields of one object of the filter
//!   must match in one and the same element.
//!
//! | condition | holds for |
//! |---|---|
//! | `"text"`, `1.5`, `true`, `null` | this value; numbers are compared by value, so `1` is `1.0` |
//! | `{"prefix": "a"}`, `{"suffix": "a"}`, either with `{"equals-ignore-case": "a"}` in place of `"a"` | texts that begin or end so |
//! | `{"equals-ignore-case": "a"}` | texts that differ in case at most |
//! | `{"wildcard": "a*b"}` | texts of this form; `\*` is an asterisk, `\\` a backslash |
//! | `{"numeric": [">", 0, "<=", 5]}` | numbers within; also one bound alone, or `=` |
//! | `{"cidr": "10.0.0.0/8"}` | texts that are an IPv4 or IPv6 address in the block |
//! | `{"exists": true}`, `{"exists": false}` | whether a text, number, boolean or null is there, be it in a list |
//! | `{"anything-but": …}` | every value but this one, these ones in a list, or those of `{"prefix": …}`, `{"suffix": …}`, `{"equals-ignore-case": …}`, `{"wildcard": …}` with one text or a list |
//!
//! Where this goes beyond EventBridge: numbers have their whole range and precision and are equal
//! when their values are, `anything-but` takes booleans and null too, and a mistake is told with
//! its position instead of being read as an odd field name.
//!
//! A filter is bounded in length, depth and number of conditions, and each condition looks at each
//! value of an event at most once, in time linear in it.

mod condition;
mod explain;
mod node;
mod number;
mod operand;
mod parse;
mod text;

use serde_json::{Map, Value};

use crate::field::FieldError;
use condition::{Condition, any_leaf};
pub use explain::Mismatch;
use operand::Position;

/// Longest filter, in bytes of JSON as it is handed in.
/// Source: EventBridge takes patterns of 2 KiB; ours may list a few hundred ids.
pub const MAX_BYTES: usize = 16 * 1024;

/// Most objects inside each other, `$or` included.
pub const MAX_DEPTH: usize = 16;

/// Most conditions; each value of a list of `anything-but` counts as one.
pub const MAX_CONDITIONS: usize = 300;

/// A filter that is well-formed. Two are equal when they were written with the same values in the
/// same order, whitespace aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    text: String,
    root: All,
    /// The fields that `{"exists": false}` asks about; a condition holds the place in this list.
    absences: Vec<Vec<String>>,
}

/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if pointer.is_empty() { "the filter" } else { pointer })]
pub struct FilterError {
    /// JSON pointer (RFC 6901) into the filter, e.g. `/data/user/role/0/prefix`; empty for the
    /// whole.
    pub pointer: String,
    /// A stable word for the rule, e.g. `type`, `unknown`, `too_many`.
    pub rule: &'static str,
    /// A sentence fragment that says what is allowed. Never quotes the value.
    pub message: String,
}

/// An object of the filter: every field must match, and one of `either` unless it is empty.
#[derive(Debug, Clone, PartialEq)]
struct All {
    fields: Vec<(String, Field)>,
    either: Vec<Self>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Inside(All),
    /// One is enough.
    AnyOf(Vec<Condition>),
}

impl Filter {
    /// Reads a filter from its JSON text.
    ///
    /// # Errors
    /// The first mistake, with its position.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }

    /// The filter as JSON without whitespace, for storing and showing; parses to an equal filter.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it lets an event through, by the JSON body of its webhook.
    #[must_use]
    pub fn matches(&self, body: &Value) -> bool {
        self.root.matches(body.as_object(), &self.absent(body))
    }

    /// What an event fails, by the JSON body of its webhook; nothing exactly when it
    /// [`matches`](Self::matches). Of alternatives of which none matches, what it fails of each.
    #[must_use]
    pub fn mismatches(&self, body: &Value) -> Vec<Mismatch> {
        let mut found = Vec::new();
        let (object, absent) = (body.as_object(), self.absent(body));
        explain::all(
            &self.root,
            object,
            &absent,
            &Position::default(),
            &mut found,
        );
        found
    }

    /// A field is absent when no element of a list on the way to it has it, so this cannot be told
    /// from inside one element.
    fn absent(&self, body: &Value) -> Vec<bool> {
        let paths = self.absences.iter();
        paths.map(|path| !has_leaf(body, path)).collect()
    }
}

impl FilterError {
    /// As the error of a request's field that holds a filter.
    #[must_use]
    pub fn of_field(self, field: &str) -> FieldError {
        FieldError::new(format!("{field}{}", self.pointer), self.rule, self.message)
    }
}

impl All {
    fn matches(&self, object: Option<&Map<String, Value>>, absent: &[bool]) -> bool {
        let value = |name: &str| object.and_then(|object| object.get(name));
        self.fields
            .iter()
            .all(|(name, field)| field.matches(value(name), absent))
            && (self.either.is_empty() || self.either.iter().any(|all| all.matches(object, absent)))
    }
}

impl Field {
    fn matches(&self, value: Option<&Value>, absent: &[bool]) -> bool {
        match self {
            Self::Inside(all) => {
                let mut seen = false;
                let found = value.is_some_and(|value| {
                    any_object(value, &mut |object| {
                        seen = true;
                        all.matches(Some(object), absent)
                    })
                });
                // Without any object below, all its fields are absent, which may be what is asked.
                found || (!seen && all.matches(None, absent))
            }
            Self::AnyOf(conditions) => conditions.iter().any(|condition| match condition {
                Condition::Absent(place) => absent.get(*place).copied().unwrap_or(false),
                Condition::Present => value.is_some_and(|value| any_leaf(value, &|_| true)),
                Condition::Passes(test) => {
                    value.is_some_and(|value| any_leaf(value, &|leaf| test.passes(leaf)))
                }
                Condition::PassesNone(tests) => value.is_some_and(|value| {
                    any_leaf(value, &|leaf| tests.iter().all(|test| !test.passes(leaf)))
                }),
            }),
        }
    }
}

/// Whether `holds` for the value, if it is an object, or for an object in it, if it is a list.
fn any_object<'v>(
    value: &'v Value,
    holds: &mut impl FnMut(&'v Map<String, Value>) -> bool,
) -> bool {
    match value {
        Value::Object(object) => holds(object),
        Value::Array(elements) => elements.iter().any(|element| any_object(element, holds)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn has_leaf(value: &Value, path: &[String]) -> bool {
    match (value, path.split_first()) {
        (Value::Array(elements), _) => elements.iter().any(|element| has_leaf(element, path)),
        (Value::Object(object), Some((name, rest))) => {
            object.get(name).is_some_and(|value| has_leaf(value, rest))
        }
        (Value::Object(_), None) => false,
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), rest) => {
            rest.is_none()
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
