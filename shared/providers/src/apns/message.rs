//! A push as APNs takes it: payload and headers, made with the types of `a2`.

use a2::request::payload::Payload;
use a2::{
    CollapseId, DefaultNotificationBuilder, NotificationBuilder as _, NotificationOptions,
    Priority as ApnsPriority, PushType,
};
use bytes::Bytes;
use domain::push::message::{Localised, Priority, Push, Text};
use domain::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::order::{Order, Unbuildable};
use crate::trim::fit;

/// Most bytes of a payload that is no call. Source: APNs, "payload size".
pub const MAX_PAYLOAD: usize = 4096;

const APNS_ID: &str = "apns-id";

/// The key whose value is Apple's.
const RESERVED: &str = "aps";

/// What is posted for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Path of the request: it holds the token, so it is not for logs.
    pub path: String,
    /// The `apns-…` headers.
    pub headers: HeaderMap,
    /// The payload, at most [`MAX_PAYLOAD`] bytes.
    pub body: Bytes,
    /// The body's text was cut to fit.
    pub trimmed: bool,
}

/// Builds the request of `order`, for the application `topic`.
///
/// # Errors
/// When no payload that APNs takes can be made of it.
pub fn message(order: &Order<'_>, topic: &str, now: Timestamp) -> Result<Message, Unbuildable> {
    let push = order.push;
    if push.data.contains_key(RESERVED) {
        return Err(Unbuildable::ReservedKey(RESERVED.to_owned()));
    }
    let id = order.id.to_string();
    let whole = push.body.as_ref().map_or("", |text| text.text.as_str());
    let write = |body: &str| {
        let payload = payload(order, topic, &id, body, now)?;
        // With room for most, so that it is not moved each time that it grows.
        let mut text = Vec::with_capacity(body.len() + 512);
        // Texts and maps of texts, written to memory: it cannot fail.
        drop(serde_json::to_writer(&mut text, &payload));
        Ok((text, headers(&payload.options)))
    };
    let ((text, headers), trimmed) = fit(whole, MAX_PAYLOAD, write, |(text, _)| text.len())?;
    Ok(Message {
        path: format!("/3/device/{}", order.token.expose()),
        headers,
        body: Bytes::from(text),
        trimmed,
    })
}

fn payload<'a>(
    order: &Order<'a>,
    topic: &'a str,
    id: &'a str,
    body: &'a str,
    now: Timestamp,
) -> Result<Payload<'a>, Unbuildable> {
    let push = order.push;
    let collapse = push.collapse_id.as_deref().map(CollapseId::new).transpose();
    let options = NotificationOptions {
        apns_id: Some(id),
        apns_push_type: Some(if push.silent {
            PushType::Background
        } else {
            PushType::Alert
        }),
        apns_expiration: expiration(order, now),
        apns_priority: Some(match (push.silent, push.priority) {
            // A background push with priority 10 is refused.
            (true, _) | (false, Priority::Normal) => ApnsPriority::Normal,
            (false, Priority::High) => ApnsPriority::High,
        }),
        apns_topic: Some(topic),
        apns_collapse_id: collapse.map_err(|_| Unbuildable::CollapseId)?,
    };
    let mut payload = builder(push, body).build(order.token.expose(), options);
    let data = push.data.iter();
    payload
        .data
        .extend(data.map(|(key, value)| (key.as_str(), value.as_str().into())));
    Ok(payload)
}

/// 0 is one try; a push whose life is over gets that too.
fn expiration(order: &Order<'_>, now: Timestamp) -> Option<u64> {
    let remaining = order.remaining(now)?;
    Some(if remaining.is_zero() {
        0
    } else {
        now.after(remaining).seconds()
    })
}

fn builder<'a>(push: &'a Push, body: &'a str) -> DefaultNotificationBuilder<'a> {
    let mut builder = DefaultNotificationBuilder::new();
    if push.silent {
        builder = builder.set_content_available();
    } else {
        if let Some(title) = &push.title {
            if !title.text.is_empty() {
                builder = builder.set_title(&title.text);
            }
            if let Some(Localised { key, args }) = &title.localised {
                builder = builder.set_title_loc_key(key).set_title_loc_args(args);
            }
        }
        if !body.is_empty() {
            builder = builder.set_body(body);
        }
        if let Some(Text {
            localised: Some(Localised { key, args }),
            ..
        }) = &push.body
        {
            builder = builder.set_loc_key(key).set_loc_args(args);
        }
        if let Some(sound) = &push.sound {
            builder = builder.set_sound(sound);
        }
    }
    match push.badge {
        Some(badge) => builder.set_badge(badge),
        None => builder,
    }
}

/// The `aps` object alone, for an iOS application that is reached through FCM.
pub(crate) fn aps(push: &Push) -> serde_json::Value {
    let body = push.body.as_ref().map_or("", |text| text.text.as_str());
    let payload = builder(push, body).build("", NotificationOptions::default());
    serde_json::to_value(payload.aps).unwrap_or_default()
}

fn headers(options: &NotificationOptions<'_>) -> HeaderMap {
    let pairs = [
        (APNS_ID, options.apns_id.map(str::to_owned)),
        (
            "apns-push-type",
            options.apns_push_type.map(|kind| kind.to_string()),
        ),
        (
            "apns-expiration",
            options.apns_expiration.map(|at| at.to_string()),
        ),
        (
            "apns-priority",
            options.apns_priority.as_ref().map(ToString::to_string),
        ),
        ("apns-topic", options.apns_topic.map(str::to_owned)),
        (
            "apns-collapse-id",
            options
                .apns_collapse_id
                .as_ref()
                .map(|id| id.value.to_owned()),
        ),
    ];
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        // A collapse id with a line break or the like is left out: APNs could not be told it.
        if let Some(mut value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            // RFC 7541 §7.1.3: never indexed. No other push has this id, and in the table it would
            // take the place of values that all have.
            value.set_sensitive(name == APNS_ID);
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::MessageId;
    use domain::credential::{Platform, Provider};
    use domain::push::device::Token;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn build(push: &Push) -> Result<Message, Unbuildable> {
        let token = Token::parse("ab01", Provider::Apns).unwrap();
        let order = Order {
            push,
            platform: Platform::Ios,
            token: &token,
            id: MessageId::from_bytes([7; 16]),
            accepted: Timestamp::from_millis(1_000_000),
        };
        message(&order, "com.example.app", Timestamp::from_millis(1_060_000))
    }

    fn header(message: &Message, name: &str) -> String {
        let value = message
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap());
        value.unwrap_or("-").to_owned()
    }

    #[test]
    fn everything_a_push_says_is_in_payload_or_headers() {
        let push = Push {
            title: Some(Text {
                text: "Hi".to_owned(),
                localised: Some(Localised {
                    key: "T".to_owned(),
                    args: vec!["a".to_owned()],
                }),
            }),
            body: Some(Text::plain("there")),
            data: [("k".to_owned(), "v".to_owned())].into(),
            badge: Some(3),
            sound: Some("default".to_owned()),
            collapse_id: Some("c1".to_owned()),
            ttl: Some(Duration::from_secs(3600)),
            ..Push::default()
        };
        let message = build(&push).unwrap();
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let alert = json!({ "title": "Hi", "title-loc-key": "T", "title-loc-args": ["a"], "body": "there" });
        let aps = json!({ "alert": alert, "badge": 3, "sound": "default", "mutable-content": 0 });
        assert_eq!(body, json!({ "aps": aps, "k": "v" }));
        assert_eq!(message.path, "/3/device/ab01");
        for (name, value) in [
            ("apns-id", "07070707-0707-8707-8707-070707070707"),
            ("apns-push-type", "alert"),
            ("apns-priority", "10"),
            // An hour from when the event was accepted, however late it is sent.
            ("apns-expiration", "4600"),
            ("apns-topic", "com.example.app"),
            ("apns-collapse-id", "c1"),
        ] {
            assert_eq!(header(&message, name), value, "{name}");
        }
    }

    #[test]
    fn a_silent_push_wakes_and_shows_nothing() {
        let push = Push {
            title: Some(Text::plain("unseen")),
            silent: true,
            ttl: Some(Duration::ZERO),
            ..Push::default()
        };
        let message = build(&push).unwrap();
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["aps"]["content-available"], 1);
        assert_eq!(body["aps"].get("alert"), None);
        assert_eq!(header(&message, "apns-push-type"), "background");
        assert_eq!(header(&message, "apns-priority"), "5");
        assert_eq!(header(&message, "apns-expiration"), "0");
    }

    #[test]
    fn what_is_too_large_loses_the_end_of_its_body_or_is_refused_by_name() {
        for letter in ["x", "é", "\"", "\u{1}", "🎺"] {
            let long = Push {
                body: Some(Text::plain(letter.repeat(5000))),
                ..Push::default()
            };
            let message = build(&long).unwrap();
            let body: Value = serde_json::from_slice(&message.body).unwrap();
            // Apple's short form of an alert that is a body alone.
            let text = body["aps"]["alert"].as_str().unwrap();
            assert!(message.trimmed && text.ends_with('…'));
            assert!((MAX_PAYLOAD - 8..=MAX_PAYLOAD).contains(&message.body.len()));
        }
        let full = Push {
            body: Some(Text::plain("x")),
            data: [("k".to_owned(), "v".repeat(5000))].into(),
            ..Push::default()
        };
        assert!(
            matches!(build(&full), Err(Unbuildable::TooLarge { size, limit: 4096 }) if size > 5000)
        );
        let reserved = Push {
            data: [("aps".to_owned(), String::new())].into(),
            ..Push::default()
        };
        assert_eq!(build(&reserved).unwrap_err().rule(), "reserved_key");
    }
}
