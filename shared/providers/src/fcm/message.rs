//! A push as FCM takes it.

use domain::credential::Platform;
use domain::push::message::{Localised, Priority, Push, Text};
use domain::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::client::Mode;
use crate::order::{Order, Unbuildable};
use crate::trim::fit;

/// Most bytes of a message to a device. Source: FCM, "message payload".
pub const MAX_MESSAGE: usize = 4096;

/// The `message` of a send request, cut to size, and whether it was.
///
/// # Errors
/// When no message that FCM takes can be made of the push.
pub fn message(order: &Order<'_>, now: Timestamp) -> Result<(Value, bool), Unbuildable> {
    let push = order.push;
    if let Some(key) = push.data.keys().find(|key| reserved(key)) {
        return Err(Unbuildable::ReservedKey(key.clone()));
    }
    let text = push.body.as_ref().map_or("", |body| body.text.as_str());
    fit(
        text,
        MAX_MESSAGE,
        |body| Ok(build(order, body, now)),
        payload_bytes,
    )
}

/// "The key should not be a reserved word": `from`, `message_type`, or any word starting with
/// `google` or `gcm`. Source: FCM, `Message.data`.
fn reserved(key: &str) -> bool {
    matches!(key, "from" | "message_type") || key.starts_with("google.") || key.starts_with("gcm.")
}

/// The body of the request that sends `message`, or only has it checked.
#[must_use]
pub fn request_body(message: &Value, mode: Mode) -> String {
    let body = match mode {
        Mode::Send => json!({ "message": message }),
        Mode::DryRun => json!({ "validate_only": true, "message": message }),
    };
    body.to_string()
}

/// What counts against the limit: everything but the token, which only addresses.
#[must_use]
pub fn payload_bytes(message: &Value) -> usize {
    let fields = message.as_object().into_iter().flatten();
    let payload: Map<_, _> = fields
        .filter(|(name, _)| *name != "token")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(payload).to_string().len()
}

fn build(order: &Order<'_>, body: &str, now: Timestamp) -> Value {
    let push = order.push;
    let mut message = Map::new();
    message.insert("token".to_owned(), order.token.expose().into());
    if !push.data.is_empty() {
        message.insert("data".to_owned(), json!(push.data));
    }
    if !push.silent {
        let mut shown = Map::new();
        put(&mut shown, "title", title(push));
        put(
            &mut shown,
            "body",
            Some(body).filter(|body| !body.is_empty()),
        );
        message.insert("notification".to_owned(), shown.into());
    }
    match order.platform {
        Platform::Android => {
            message.insert("android".to_owned(), android(order, now));
        }
        Platform::Ios => {
            message.insert("apns".to_owned(), ios(order, body, now));
        }
    }
    message.into()
}

fn title(push: &Push) -> Option<&str> {
    let title = push.title.as_ref().map(|title| title.text.as_str());
    title.filter(|title| !title.is_empty())
}

fn android(order: &Order<'_>, now: Timestamp) -> Value {
    let push = order.push;
    let mut config = Map::new();
    put(&mut config, "collapse_key", push.collapse_id.as_deref());
    let priority = match (push.silent, push.priority) {
        (true, _) | (false, Priority::Normal) => "NORMAL",
        (false, Priority::High) => "HIGH",
    };
    put(&mut config, "priority", Some(priority));
    let ttl = order
        .remaining(now)
        .map(|left| format!("{}s", left.as_secs()));
    put(&mut config, "ttl", ttl.as_deref());
    if !push.silent {
        let mut shown = Map::new();
        // The key collapses what is still undelivered, the tag what is already shown.
        put(&mut shown, "tag", push.collapse_id.as_deref());
        put(&mut shown, "sound", push.sound.as_deref());
        if let Some(badge) = push.badge {
            shown.insert("notification_count".to_owned(), badge.into());
        }
        localised(&mut shown, "title", push.title.as_ref());
        localised(&mut shown, "body", push.body.as_ref());
        if !shown.is_empty() {
            config.insert("notification".to_owned(), shown.into());
        }
    }
    config.into()
}

/// For an iOS application built with FCM: Firebase hands it to Apple, in Apple's words.
fn ios(order: &Order<'_>, body: &str, now: Timestamp) -> Value {
    let push = order.push;
    let mut headers = Map::new();
    put(
        &mut headers,
        "apns-collapse-id",
        push.collapse_id.as_deref(),
    );
    let (kind, priority) = match (push.silent, push.priority) {
        (true, _) => ("background", "5"),
        (false, Priority::Normal) => ("alert", "5"),
        (false, Priority::High) => ("alert", "10"),
    };
    put(&mut headers, "apns-push-type", Some(kind));
    put(&mut headers, "apns-priority", Some(priority));
    let expires = order
        .remaining(now)
        .map(|left| now.after(left).seconds().to_string());
    put(&mut headers, "apns-expiration", expires.as_deref());
    let mut shown = push.clone();
    if let Some(text) = &mut shown.body {
        body.clone_into(&mut text.text);
    }
    json!({ "headers": headers, "payload": { "aps": crate::apns::aps(&shown) } })
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

fn localised(map: &mut Map<String, Value>, what: &str, text: Option<&Text>) {
    if let Some(Localised { key, args }) = text.and_then(|text| text.localised.as_ref()) {
        map.insert(format!("{what}_loc_key"), key.as_str().into());
        if !args.is_empty() {
            map.insert(format!("{what}_loc_args"), json!(args));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::MessageId;
    use domain::credential::Provider;
    use domain::push::device::Token;
    use std::time::Duration;

    fn build(push: &Push, platform: Platform) -> Result<(Value, bool), Unbuildable> {
        let token = Token::parse("t1", Provider::Fcm).unwrap();
        let order = Order {
            push,
            platform,
            token: &token,
            id: MessageId::from_bytes([7; 16]),
            accepted: Timestamp::from_millis(1_000_000),
        };
        message(&order, Timestamp::from_millis(1_060_000))
    }

    #[test]
    fn everything_a_push_says_is_in_the_message() {
        let push = Push {
            title: Some(Text::plain("Hi")),
            body: Some(Text {
                text: "there".to_owned(),
                localised: Some(Localised {
                    key: "B".to_owned(),
                    args: vec!["a".to_owned()],
                }),
            }),
            data: [("k".to_owned(), "v".to_owned())].into(),
            badge: Some(3),
            sound: Some("default".to_owned()),
            collapse_id: Some("c1".to_owned()),
            ttl: Some(Duration::from_secs(3600)),
            ..Push::default()
        };
        let android = json!({
            "collapse_key": "c1", "priority": "HIGH", "ttl": "3540s",
            "notification": { "tag": "c1", "sound": "default", "notification_count": 3, "body_loc_key": "B", "body_loc_args": ["a"] },
        });
        let shown = json!({ "title": "Hi", "body": "there" });
        let expected = json!({ "token": "t1", "notification": shown, "data": { "k": "v" }, "android": android });
        assert_eq!(build(&push, Platform::Android).unwrap(), (expected, false));
        let (ios, _) = build(&push, Platform::Ios).unwrap();
        assert_eq!(ios["apns"]["headers"]["apns-expiration"], "4600");
        assert_eq!(ios["apns"]["payload"]["aps"]["alert"]["loc-key"], "B");
        assert_eq!(ios.get("android"), None);
    }

    #[test]
    fn a_silent_push_is_data_alone() {
        let push = Push {
            data: [("k".to_owned(), "v".to_owned())].into(),
            body: Some(Text::plain("unseen")),
            silent: true,
            ..Push::default()
        };
        let (message, _) = build(&push, Platform::Android).unwrap();
        assert_eq!(
            message,
            json!({ "token": "t1", "data": { "k": "v" }, "android": { "priority": "NORMAL" } })
        );
    }

    #[test]
    fn what_is_too_large_loses_the_end_of_its_body_or_is_refused_by_name() {
        for (platform, copies) in [(Platform::Android, 1), (Platform::Ios, 2)] {
            for letter in ["x", "é", "\"", "🎺"] {
                let long = Push {
                    body: Some(Text::plain(letter.repeat(5000))),
                    ..Push::default()
                };
                let (message, trimmed) = build(&long, platform).unwrap();
                let bytes = payload_bytes(&message);
                assert!(
                    trimmed && bytes <= MAX_MESSAGE && bytes > MAX_MESSAGE - 8 * copies,
                    "{bytes}"
                );
                assert!(
                    message["notification"]["body"]
                        .as_str()
                        .unwrap()
                        .ends_with('…')
                );
            }
        }
        let full = Push {
            data: [("k".to_owned(), "v".repeat(5000))].into(),
            ..Push::default()
        };
        assert_eq!(
            build(&full, Platform::Android).unwrap_err().rule(),
            "payload_too_large"
        );
        for key in ["from", "google.x", "gcm.y"] {
            let push = Push {
                data: [(key.to_owned(), String::new())].into(),
                ..Push::default()
            };
            assert_eq!(
                build(&push, Platform::Android).unwrap_err().rule(),
                "reserved_key"
            );
        }
    }
}
