//! What a producer reports.

mod interchange;

use serde_json::value::RawValue;

pub use self::interchange::MAX_DEPTH;
use crate::event_type::EventType;
use crate::field::FieldError;
use crate::id::{EventId, NetworkId};
use crate::operational;
use crate::push::request::{self, Request};
use crate::time::Timestamp;

/// Largest event as the producer wrote it, in bytes of JSON.
/// Source: EventBridge and SNS accept 256 KiB; producers moving from them must fit.
pub const MAX_BYTES: usize = 256 * 1024;

/// The version of an event whose producer names none.
const DEFAULT_VERSION: &str = "1";

/// An accepted event. `data` is the producer's JSON object, byte for byte.
#[derive(Debug, Clone)]
pub struct Event {
    /// The producer's own, or one given on acceptance; receivers see it as `webhook-id`.
    pub id: EventId,
    /// The network that it was reported for; only its endpoints can get it.
    pub network: NetworkId,
    /// What endpoints choose by.
    pub event_type: EventType,
    /// Always a JSON object that every parser reads alike, with the whitespace and key order of the
    /// producer.
    pub data: Box<RawValue>,
    /// When it happened, as the producer says; else when it was accepted.
    pub timestamp: Timestamp,
    /// 1 to 32 visible ASCII characters; `1` when the producer named none.
    pub version: String,
    /// When Fanfare took responsibility for it.
    pub accepted: Timestamp,
}

/// An event as it arrives, not yet checked.
#[derive(Debug)]
pub struct Draft<'a> {
    /// `None` leaves the id to Fanfare.
    pub id: Option<&'a str>,
    /// The event type's name, e.g. `message.didCreate`.
    pub event: &'a str,
    /// Any JSON value; the check refuses all but objects.
    pub data: &'a RawValue,
    /// RFC 3339; `None` stands for the time of acceptance.
    pub timestamp: Option<&'a str>,
    /// 1 to 32 visible ASCII characters once checked; `None` stands for `1`.
    pub version: Option<&'a str>,
    /// The push it asks for, as JSON.
    pub push: Option<&'a RawValue>,
    /// Who reports it.
    pub origin: Origin,
}

/// Who reports an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A producer, whose types are all but the operational ones.
    Producer,
    /// Fanfare itself, about its own doings.
    Fanfare,
}

/// The parts of a draft that the producer decides, checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// `None` when the producer leaves the id to Fanfare.
    pub id: Option<EventId>,
    /// Follows [`EventType::RULE`].
    pub event_type: EventType,
    /// A JSON object, byte for byte as it came.
    pub data: Box<RawValue>,
    /// When it happened; `None` stands for the time of acceptance.
    pub timestamp: Option<Timestamp>,
    /// 1 to 32 visible ASCII characters; `None` stands for `1`.
    pub version: Option<String>,
    /// The push it asks for.
    pub push: Option<Request>,
}

impl Draft<'_> {
    /// Checks every field.
    ///
    /// # Errors
    /// All broken rules together.
    pub fn check(&self) -> Result<Checked, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut broken = |field: &str, rule: &'static str, message: &str| {
            errors.push(FieldError::new(field, rule, message));
        };
        let id = self.id.map(EventId::parse);
        if id == Some(None) {
            broken("id", "format", EventId::RULE);
        }
        let event_type = EventType::parse(self.event);
        match &event_type {
            None => broken("event", "format", EventType::RULE),
            Some(known) if self.origin == Origin::Producer && operational::is_reserved(known) => {
                broken("event", "reserved", operational::RULE);
            }
            Some(_) => {}
        }
        if let Some(FieldError {
            field,
            rule,
            message,
        }) = data_fault(self.data)
        {
            broken(&field, rule, &message);
        }
        let timestamp = self.timestamp.map(Timestamp::parse);
        if timestamp == Some(None) {
            broken(
                "timestamp",
                "format",
                "must be an RFC 3339 date and time, e.g. 2026-01-31T12:00:00Z",
            );
        }
        let version = self
            .version
            .map(|v| (1..=32).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_graphic()));
        if version == Some(false) {
            broken(
                "version",
                "format",
                "must be 1 to 32 visible ASCII characters",
            );
        }
        let push = self.push.map(|json| asked(json, event_type.as_ref()));
        let push = push.transpose().unwrap_or_else(|broken| {
            errors.extend(broken);
            None
        });
        match event_type {
            Some(event_type) if errors.is_empty() => Ok(Checked {
                id: id.flatten(),
                event_type,
                data: self.data.to_owned(),
                timestamp: timestamp.flatten(),
                version: self.version.map(str::to_owned),
                push,
            }),
            _ => Err(errors),
        }
    }
}

/// The rule that an event's `data` breaks: it is a JSON object that every parser reads alike.
#[must_use]
pub fn data_fault(data: &RawValue) -> Option<FieldError> {
    if !data.get().starts_with('{') {
        return Some(FieldError::new("data", "type", "must be a JSON object"));
    }
    let fault = interchange::fault(data.get())?;
    let message = format!("must be JSON that every parser reads alike (RFC 7493): {fault} of it");
    Some(FieldError::new("data", "interchange", message))
}

fn asked(json: &RawValue, event: Option<&EventType>) -> Result<Request, Vec<FieldError>> {
    if json.get().len() > request::MAX_BYTES {
        let message = format!("may have at most {} bytes", request::MAX_BYTES);
        return Err(vec![FieldError::new("push", "too_large", message)]);
    }
    Request::parse(json.get(), event)
}

impl Checked {
    /// The event this becomes once `network`, its acceptance time and its id are known.
    #[must_use]
    pub fn accept(self, network: NetworkId, id: EventId, accepted: Timestamp) -> Event {
        Event {
            id,
            network,
            event_type: self.event_type,
            data: self.data,
            timestamp: self.timestamp.unwrap_or(accepted),
            version: self.version.unwrap_or_else(|| DEFAULT_VERSION.to_owned()),
            accepted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_field_is_named_at_once() {
        let data = RawValue::from_string("[1]".to_owned()).unwrap();
        let push = r#"{"targetIds":[""],"loud":true}"#.to_owned();
        let push = RawValue::from_string(push).unwrap();
        let draft = Draft {
            id: Some("a.b"),
            event: "no spaces please",
            data: &data,
            timestamp: Some("today"),
            version: Some(""),
            push: Some(&push),
            origin: Origin::Producer,
        };
        let fields: Vec<_> = draft
            .check()
            .unwrap_err()
            .into_iter()
            .map(|e| e.field)
            .collect();
        let rest = ["push.targetIds[0]", "push.loud"];
        let expected = ["id", "event", "data", "timestamp", "version"];
        assert_eq!(fields, [&expected[..], &rest].concat());
    }

    #[test]
    fn data_is_kept_byte_for_byte() {
        let text = r#"{ "n": 1.0e2, "big": 12345678901234567890123, "é":"\u00e9" }"#;
        let data = RawValue::from_string(text.to_owned()).unwrap();
        let draft = Draft {
            id: None,
            event: "a.b",
            data: &data,
            timestamp: None,
            version: None,
            push: None,
            origin: Origin::Producer,
        };
        assert_eq!(draft.check().unwrap().data.get(), text);
    }
}
