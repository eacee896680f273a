//! The body a receiver gets: the social.plus envelope `{event, data}`, and unless the endpoint asked
//! for exactly that, `id`, `networkId`, `timestamp` and `version`.
//!
//! Composed from stored parts by a pure function, so every attempt sends the same bytes.

use crate::endpoint::Format;
use crate::event::Event;

/// The JSON text, `data` unchanged from what the producer sent.
///
/// Ids, type names and versions are made of characters that JSON does not escape, so they are
/// written as they are.
#[must_use]
pub fn compose(event: &Event, format: Format) -> String {
    let Event {
        id,
        network,
        event_type,
        data,
        timestamp,
        version,
        accepted: _,
    } = event;
    if format == Format::SocialPlus {
        return format!(r#"{{"event":"{event_type}","data":{}}}"#, data.get());
    }
    let version = serde_json::Value::from(version.as_str());
    format!(
        r#"{{"event":"{event_type}","id":"{id}","networkId":"{network}","timestamp":"{timestamp}","version":{version},"data":{}}}"#,
        data.get()
    )
}

/// The body of the Fanfare format as a value, for filters. An event's data is JSON by construction.
#[must_use]
pub fn value(event: &Event) -> serde_json::Value {
    serde_json::from_str(&compose(event, Format::Fanfare)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_type::EventType;
    use crate::id::{EventId, NetworkId};
    use crate::time::Timestamp;
    use serde_json::value::RawValue;

    #[test]
    fn the_envelope_is_json_that_holds_data_byte_for_byte() {
        let data = r#"{ "a" : [1, 2.50] }"#;
        let event = Event {
            id: EventId::parse("evt_1").unwrap(),
            network: NetworkId::parse("demo").unwrap(),
            event_type: EventType::parse("message.didCreate").unwrap(),
            data: RawValue::from_string(data.to_owned()).unwrap(),
            timestamp: Timestamp::from_millis(1_000),
            version: "a\"b".to_owned(),
            accepted: Timestamp::from_millis(2_000),
        };
        let body = compose(&event, Format::Fanfare);
        assert_eq!(
            body,
            r#"{"event":"message.didCreate","id":"evt_1","networkId":"demo","timestamp":"1970-01-01T00:00:01.000Z","version":"a\"b","data":{ "a" : [1, 2.50] }}"#
        );
        serde_json::from_str::<serde_json::Value>(&body).unwrap();
        assert_eq!(
            compose(&event, Format::SocialPlus),
            r#"{"event":"message.didCreate","data":{ "a" : [1, 2.50] }}"#
        );
    }
}
