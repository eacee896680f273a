//! Whether JSON says the same to whoever reads it (RFC 7493, I-JSON).
//!
//! The grammar of JSON allows text that parsers read differently or not at all: half a surrogate pair,
//! which a cut emoji leaves behind, and numbers and nesting beyond what is represented. A filter or a
//! schema would see something else in it than the receiver does, so such data is not taken.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of an event's data; 1 is an object of plain values. Common parsers stop at 128, and
/// an envelope comes around it.
pub const MAX_DEPTH: u32 = 100;

/// What about `json` cannot be interchanged, with line and column; it never quotes a value.
pub(super) fn fault(json: &str) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = Within(MAX_DEPTH).deserialize(&mut reader);
    read.err().map(|error| told(&error))
}

/// The parser's words say what it met; a producer knows the mistake by its name.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.contains("surrogate") || text.contains("hex escape") {
        let (line, column) = (error.line(), error.column());
        return format!("half a surrogate pair at line {line} column {column}");
    }
    text
}

/// A value with room for so many levels. It is looked at and not kept.
#[derive(Clone, Copy)]
struct Within(u32);

impl<'de> DeserializeSeed<'de> for Within {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Within {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let left = self.0.checked_sub(1);
        let message = || E::custom(format_args!("nested deeper than {MAX_DEPTH} levels"));
        left.map(Self).ok_or_else(message)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while members.next_key_seed(inner)?.is_some() {
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parsers_disagree_about_is_found_with_its_place() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        for (json, expected) in [
            (
                r#"{"n":1.0e2,"big":12345678901234567890123,"s":"\ud83d\ude00\u0000"}"#,
                None,
            ),
            (r#"{"small":1e-999,"same":1,"same":2}"#, None),
            (
                r#"{"s":"\ud83d"}"#,
                Some("half a surrogate pair at line 1 column"),
            ),
            (
                r#"{"\udc00":1}"#,
                Some("half a surrogate pair at line 1 column"),
            ),
            (r#"{"a":[{"n":1e999}]}"#, Some("out of range")),
            (&deep(100), None),
            (&deep(101), Some("deeper than 100")),
            (&deep(5_000), Some("deeper than 100")),
        ] {
            let found = fault(json);
            let as_expected = match (&found, expected) {
                (None, None) => true,
                (Some(found), Some(part)) => found.contains(part),
                _ => false,
            };
            assert!(as_expected, "{json:.40}: {found:?}");
        }
    }

    #[test]
    fn what_is_taken_is_read_whole_within_an_envelope() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        assert_eq!(fault(&deep), None);
        let body = format!(r#"{{"data":{deep}}}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
    }
}
