//! Takes a JSON object apart field by field and remembers every broken rule.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::field::FieldError;

/// Most entries of `params` and of `data`.
const MAX_ENTRIES: usize = 100;

/// Most characters of a name in `params` and in `data`.
const MAX_NAME: usize = 128;

pub(super) struct Reader {
    fields: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Reader {
    pub(super) fn new(json: &str) -> Self {
        let mut read = Self {
            fields: Map::new(),
            errors: Vec::new(),
        };
        match serde_json::from_str(json) {
            Ok(Value::Object(fields)) => read.fields = fields,
            Ok(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_),
            )
            | Err(_) => read.broken("", "type", "must be a JSON object"),
        }
        read
    }

    pub(super) fn errors(&self) -> usize {
        self.errors.len()
    }

    /// `field` is relative to the push; empty for the push itself.
    pub(super) fn broken(&mut self, field: &str, rule: &'static str, message: &str) {
        let field = if field.is_empty() {
            "push".to_owned()
        } else {
            format!("push.{field}")
        };
        self.errors.push(FieldError::new(field, rule, message));
    }

    pub(super) fn text<T>(
        &mut self,
        name: &str,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.fields.remove(name)?;
        let Some(text) = value.as_str() else {
            self.broken(name, "type", "must be a text");
            return None;
        };
        let parsed = parse(text);
        if parsed.is_none() {
            self.broken(name, "format", rule);
        }
        parsed
    }

    pub(super) fn texts<T>(
        &mut self,
        name: &str,
        most: usize,
        rule: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.fields.remove(name)?;
        let Some(values) = value.as_array() else {
            self.broken(name, "type", "must be an array of texts");
            return None;
        };
        if values.len() > most {
            self.broken(name, "count", &format!("must hold at most {most}"));
            return None;
        }
        let mut parsed = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            match value.as_str().and_then(&parse) {
                Some(good) => parsed.push(good),
                None => self.broken(&format!("{name}[{index}]"), "format", rule),
            }
        }
        Some(parsed)
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.fields.remove(name).map(|value| value.as_bool()) {
            None => false,
            Some(Some(flag)) => flag,
            Some(None) => {
                self.broken(name, "type", "must be true or false");
                false
            }
        }
    }

    pub(super) fn number(&mut self, name: &str, least: u64, most: u64) -> Option<u32> {
        let value = self.fields.remove(name)?;
        let good = value.as_u64().filter(|n| (least..=most).contains(n));
        if good.is_none() {
            let message = format!("must be a whole number from {least} to {most}");
            self.broken(name, "range", &message);
        }
        good.and_then(|n| u32::try_from(n).ok())
    }

    /// Texts by name.
    pub(super) fn map(&mut self, name: &str) -> BTreeMap<String, String> {
        let Some(value) = self.fields.remove(name) else {
            return BTreeMap::new();
        };
        let Value::Object(entries) = value else {
            self.broken(name, "type", "must be an object of texts");
            return BTreeMap::new();
        };
        if entries.len() > MAX_ENTRIES {
            self.broken(name, "count", &format!("must hold at most {MAX_ENTRIES}"));
        }
        let mut texts = BTreeMap::new();
        for (key, value) in entries {
            if !(1..=MAX_NAME).contains(&key.chars().count()) {
                let message = format!("names must have 1 to {MAX_NAME} characters");
                self.broken(name, "format", &message);
                continue;
            }
            match value {
                Value::String(text) => _ = texts.insert(key, text),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => {
                    self.broken(&format!("{name}.{key}"), "type", "must be a text");
                }
            }
        }
        texts
    }

    /// What was read, unless a rule is broken or a field was left over.
    pub(super) fn finish<T>(mut self, read: Option<T>) -> Result<T, Vec<FieldError>> {
        let left: Vec<String> = self.fields.keys().cloned().collect();
        for name in left {
            self.broken(&name, "unknown", "is not a field here");
        }
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            Some(_) | None => Err(self.errors),
        }
    }
}
