//! What is wrong with one field of a request, in a form both a person and a program can use.

use std::fmt;

/// One broken rule. `field` is a path such as `eventTypes[2]`, empty for the whole document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A path such as `eventTypes[2]`; empty for the whole document.
    pub field: String,
    /// A stable word for the rule, e.g. `required`, `format`, `too_long`.
    pub rule: &'static str,
    /// A sentence fragment that says what is allowed. Never quotes the value.
    pub message: String,
}

impl FieldError {
    /// For `rule` and `message` see the fields; neither may quote the value.
    #[must_use]
    pub fn new(field: impl Into<String>, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            rule,
            message: message.into(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}", self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}
