//! One condition on the value of a field.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Number, Value};

use super::number::{Range, compare};
use super::text::{Folded, Sought, Wildcard};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Passes(Test),
    /// `anything-but`.
    PassesNone(Vec<Test>),
    Present,
    /// The place of the field in the filter's list of absences.
    Absent(usize),
}

/// A question to one text, number, boolean or null.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Begins(Sought),
    Ends(Sought),
    AnyCase(Folded),
    Like(Wildcard),
    Between(Range),
    Within(IpNet),
}

impl Test {
    pub(super) fn passes(&self, leaf: &Value) -> bool {
        match self {
            Self::Null => leaf.is_null(),
            Self::Bool(wanted) => leaf.as_bool() == Some(*wanted),
            Self::Number(wanted) => {
                number(leaf).is_some_and(|number| compare(number, wanted) == Ordering::Equal)
            }
            Self::Text(wanted) => leaf.as_str() == Some(wanted),
            Self::Begins(sought) => leaf.as_str().is_some_and(|text| sought.begins(text)),
            Self::Ends(sought) => leaf.as_str().is_some_and(|text| sought.ends(text)),
            Self::AnyCase(folded) => leaf.as_str().is_some_and(|text| folded.equals(text)),
            Self::Like(wildcard) => leaf.as_str().is_some_and(|text| wildcard.matches(text)),
            Self::Between(range) => number(leaf).is_some_and(|number| range.contains(number)),
            Self::Within(block) => {
                let address = leaf.as_str().and_then(|text| text.parse::<IpAddr>().ok());
                // RFC 4291 §2.5.5.2: a mapped address is an IPv4 address in another notation.
                address.is_some_and(|address| block.contains(&address.to_canonical()))
            }
        }
    }
}

fn number(leaf: &Value) -> Option<&Number> {
    if let Value::Number(number) = leaf {
        Some(number)
    } else {
        None
    }
}

/// Whether `holds` for the value itself, or for one in it, if it is a list.
pub(super) fn any_leaf(value: &Value, holds: &impl Fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| any_leaf(element, holds)),
        Value::Object(_) => false,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => holds(value),
    }
}
