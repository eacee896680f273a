//! The body a receiver gets: the social.plus envelope `{event, data}`, and unless the endpoint asked
//! for exactly that, `id`, `networkId`, `timestamp` and `version`.
//!
//! Composed from stored parts by a pure function, so every attempt sends the same bytes.

use serde_json::{Value, json};

use crate::endpoint::Format;
use crate::event::Event;
use crate::operational::PUSH_CREATED;

/// The JSON text, `data` unchanged from what the producer sent.
///
/// Ids, type names and versions are made of characters that JSON does not escape, so they are
/// written as they are.
#[must_use]
pub fn compose(event: &Event, format: Format) -> String {
    if event.event_type.as_str() == PUSH_CREATED {
        return push_created(event, format).to_string();
    }
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
    let version = Value::from(version.as_str());
    format!(
        r#"{{"event":"{event_type}","id":"{id}","networkId":"{network}","timestamp":"{timestamp}","version":{version},"data":{}}}"#,
        data.get()
    )
}

/// The envelope that social.plus hands a network's own server for each push. It has names of its own
/// for what other envelopes call `event` and `timestamp`; Fanfare's format holds both.
fn push_created(event: &Event, format: Format) -> Value {
    let data: Value = serde_json::from_str(event.data.get()).unwrap_or_default();
    let path = format!("/{}/push-notifications/{}", event.network, event.id);
    let mut body = json!({
        "eventType": PUSH_CREATED,
        "id": event.id.as_str(),
        "networkId": event.network.as_str(),
        "path": path,
        "senderId": data.get("senderId").cloned().unwrap_or_default(),
        "sentTime": event.timestamp.to_string(),
        "version": event.version,
        "data": data,
    });
    if let (Format::Fanfare, Some(body)) = (format, body.as_object_mut()) {
        body.insert("event".to_owned(), PUSH_CREATED.into());
        body.insert("timestamp".to_owned(), event.timestamp.to_string().into());
    }
    body
}

/// The body of the Fanfare format as a value, for filters. An event's data is JSON by construction.
#[must_use]
pub fn value(event: &Event) -> Value {
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
    fn a_push_has_the_envelope_of_social_plus() {
        let data = r#"{"eventName":"post.created","senderId":"ann","isBroadcast":false}"#;
        let event = Event {
            id: EventId::parse("evt_1").unwrap(),
            network: NetworkId::parse("demo").unwrap(),
            event_type: EventType::parse(PUSH_CREATED).unwrap(),
            data: RawValue::from_string(data.to_owned()).unwrap(),
            timestamp: Timestamp::from_millis(1_000),
            version: "1".to_owned(),
            accepted: Timestamp::from_millis(2_000),
        };
        let body: Value = serde_json::from_str(&compose(&event, Format::SocialPlus)).unwrap();
        let sent = "1970-01-01T00:00:01.000Z";
        let expected = json!({
            "eventType": PUSH_CREATED, "id": "evt_1", "networkId": "demo", "senderId": "ann",
            "path": "/demo/push-notifications/evt_1", "sentTime": sent, "version": "1",
            "data": { "eventName": "post.created", "senderId": "ann", "isBroadcast": false },
        });
        assert_eq!(body, expected);
        assert_eq!(value(&event)["timestamp"], sent);
    }

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
        serde_json::from_str::<Value>(&body).unwrap();
        assert_eq!(
            compose(&event, Format::SocialPlus),
            r#"{"event":"message.didCreate","data":{ "a" : [1, 2.50] }}"#
        );
    }
}
