//! Reading and writing attributes, so that no other module spells out the SDK's types.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::time::Timestamp;

use crate::{Error, RETENTION};

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl ToString + Copy) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn b(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// The value of the TTL attribute `expires`.
pub(crate) fn expires(from: Timestamp) -> AttributeValue {
    n(from.after(RETENTION).seconds())
}

/// The same for what has an end of its own.
pub(crate) fn expires_at(end: Timestamp) -> AttributeValue {
    n(end.seconds())
}

/// An item being read; remembers for whom, so errors name the question.
pub(crate) struct Reader<'a> {
    pub(crate) item: &'a Item,
    pub(crate) operation: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(item: &'a Item, operation: &'static str) -> Self {
        Self { item, operation }
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<&'a str, Error> {
        self.maybe_text(name).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Option<&'a str> {
        self.item.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<u64, Error> {
        self.maybe_number(name).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn maybe_number(&self, name: &str) -> Option<u64> {
        self.item.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(crate) fn small(&self, name: &'static str) -> Result<u32, Error> {
        u32::try_from(self.number(name)?).map_err(|_| self.bad(name))
    }

    pub(crate) fn time(&self, name: &'static str) -> Result<Timestamp, Error> {
        self.number(name).map(Timestamp::from_millis)
    }

    /// The end that `expires` names.
    pub(crate) fn end(&self) -> Result<Timestamp, Error> {
        let seconds = self.number("expires")?;
        Ok(Timestamp::from_millis(seconds.saturating_mul(1000)))
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Error> {
        let value = self
            .item
            .get(name)
            .and_then(|value| value.as_bool().ok().copied());
        value.ok_or_else(|| self.bad(name))
    }

    /// A parsed text attribute.
    pub(crate) fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        parse(self.text(name)?).ok_or_else(|| self.bad(name))
    }

    pub(crate) fn maybe_small(&self, name: &'static str) -> Result<Option<u32>, Error> {
        self.item.get(name).map(|_| self.small(name)).transpose()
    }

    /// A parsed text attribute that is left out when it is the default.
    pub(crate) fn or_default<T: Default>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Error> {
        let text = self.maybe_text(name);
        text.map_or_else(
            || Ok(T::default()),
            |text| parse(text).ok_or_else(|| self.bad(name)),
        )
    }

    /// A list attribute, each value read; empty when it is left out.
    pub(crate) fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&AttributeValue) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        let values = match self.item.get(name) {
            None => &[],
            Some(value) => value.as_l().map_err(|_| self.bad(name))?.as_slice(),
        };
        let read = values.iter().map(read).collect::<Option<_>>();
        read.ok_or_else(|| self.bad(name))
    }

    pub(crate) fn bad(&self, what: &'static str) -> Error {
        Error::Item {
            operation: self.operation,
            what,
        }
    }
}
