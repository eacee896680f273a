//! Messages that could not be worked on.

use serde::Serialize;
use serde_json::Value;
use store::Quarantined;
use utoipa::ToSchema;

/// A message that could not be worked on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuarantinedMessage {
    #[schema(example = "1767182400000-8476a536-e9f4-11e8-9739-2dfe598c3fcd")]
    pub(crate) id: String,
    /// The queue it came from: `events`, `webhooks`, `replays` (replay jobs), `audiences` (pages of the people that a push is
    /// for), `pushes` (a push to one device), or `unknown` when nobody can tell.
    pub(crate) queue: String,
    /// Given by SQS.
    pub(crate) message_id: String,
    /// Why it could not be worked on.
    pub(crate) reason: String,
    /// What happened and what can be done, for people.
    pub(crate) explanation: String,
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// In a list, its first 2,000 characters. What can hold a push is shown without the device's
    /// token; a text instead says so when that cannot be told from the rest.
    pub(crate) body: String,
    /// Length of the whole body as it is kept.
    pub(crate) body_bytes: usize,
}

/// Enough to recognise a message; two hundred of them fit one answer.
const BODY_SHOWN: usize = 2_000;

impl QuarantinedMessage {
    /// With the start of its body.
    pub(crate) fn start(message: &Quarantined) -> Self {
        let whole = Self::whole(message);
        Self {
            body: whole.body.chars().take(BODY_SHOWN).collect(),
            ..whole
        }
    }

    /// With its whole body.
    pub(crate) fn whole(message: &Quarantined) -> Self {
        let what = match message.queue.as_str() {
            "events" => {
                "an event that could not be taken in; if its producer is mended and reported it again, discard it; else mend the cause and replay it"
            }
            "webhooks" => {
                "a message between our own functions that no version understood; the delivery it was about is still owed by its own record; replay it after an upgrade, or discard it"
            }
            "replays" => {
                "a message between our own functions that no version understood; it asks for the next page of a replay job, which goes on where it was when you replay it after an upgrade; or discard it, and make another job"
            }
            "audiences" => {
                "a page of the people that a push is for; nobody on it or after it is told before it is replayed; replay it when its cause is mended, or after an upgrade if no version understood it: it goes on where it was, and nobody is told twice"
            }
            "pushes" => {
                "a push to one device, shown without the device's token; if it was given up, it is owed again when you replay it, once its cause is mended; if no version understood it, replay it after an upgrade, or discard it"
            }
            _ => {
                "a message of no known kind; somebody else may write to our queues; discard it once you know who"
            }
        };
        Self {
            id: message.id().to_string(),
            queue: message.queue.clone(),
            message_id: message.message_id.clone(),
            reason: shown_reason(message),
            explanation: match &message.network {
                Some(_) => what.to_owned(),
                None => format!("it names no network, so only the operator sees it: {what}"),
            },
            at: message.at.to_string(),
            body: shown_body(message),
            body_bytes: message.body.len(),
        }
    }
}

/// What stands in a token's place.
const CUT: &str = "a device's token, not shown";

/// What stands in a body's place.
const NOT_SHOWN: &str = "not shown: it is not a JSON object, so a device's token in it could not be told from the rest; the operator's table has it";

/// Who holds a device's token can push to a phone, so no answer has one.
fn shown_body(message: &Quarantined) -> String {
    let body = &message.body;
    if !can_be_push(message) {
        return body.clone();
    }
    let is_push = message.queue == "pushes";
    match serde_json::from_str::<Value>(body) {
        Ok(mut value) if value.is_object() => {
            cut_tokens(&mut value);
            value.to_string()
        }
        Ok(_) | Err(_) if is_push || body.to_lowercase().contains("token") => NOT_SHOWN.to_owned(),
        Ok(_) | Err(_) => body.clone(),
    }
}

/// Messages of no known queue may be pushes too.
fn can_be_push(message: &Quarantined) -> bool {
    matches!(message.queue.as_str(), "pushes" | "unknown")
}

fn cut_tokens(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_lowercase();
                let odd_device = name == "device" && !value.is_object();
                if odd_device || name.contains("token") {
                    *value = Value::from(CUT);
                } else {
                    cut_tokens(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut_tokens),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A parser's reason quotes what it met, which in a push may be the token.
fn shown_reason(message: &Quarantined) -> String {
    let reason = &message.reason;
    let quoted = reason.split_once('"').zip(reason.rsplit_once('"'));
    match quoted {
        Some(((before, _), (_, after))) if can_be_push(message) => {
            format!("{before}\"…\"{after}")
        }
        _ => reason.clone(),
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuarantinePage)]
pub(crate) struct QuarantinePageBody {
    pub(crate) items: Vec<QuarantinedMessage>,
    /// Pass it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use queue::push::PushMessage;
    use serde_json::json;

    fn kept(queue: &str, body: &str) -> Quarantined {
        let reason = PushMessage::read(body).map_or_else(|why| why.to_string(), |_| String::new());
        Quarantined {
            network: None,
            queue: queue.to_owned(),
            message_id: "m1".to_owned(),
            reason,
            at: Timestamp::EPOCH,
            body: body.to_owned(),
        }
    }

    #[test]
    fn no_token_is_shown_wherever_it_stands() {
        let token = "5ec2e7".repeat(10);
        let push = json!({ "networkId": "demo", "device": { "id": "d", "token": token }, "push": { "title": { "text": "hi" } } });
        let wordy = format!("{{\"device\":\"{token}\"}}");
        let doubled = format!("{{\"token\":\"{token}\",\"token\":1}}");
        for queue in ["pushes", "unknown"] {
            for body in [
                push.to_string(),
                wordy.clone(),
                doubled.clone(),
                json!({ "old": [{ "deviceToken": token }], "device": ["d", token] }).to_string(),
                push.to_string().replace("}}", "}"),
                json!([push]).to_string(),
                format!(r#"{{"t\u006fken":{{"deep":"{token}"}}}}"#),
            ] {
                for shown in [
                    QuarantinedMessage::whole(&kept(queue, &body)),
                    QuarantinedMessage::start(&kept(queue, &body)),
                ] {
                    let told = serde_json::to_string(&shown).unwrap();
                    assert!(!told.contains("5ec2e7"), "{told}");
                    assert_eq!(shown.body_bytes, body.len());
                }
            }
        }
        let shown = QuarantinedMessage::whole(&kept("pushes", &push.to_string()));
        let shown: Value = serde_json::from_str(&shown.body).unwrap();
        assert_eq!(shown["device"], json!({ "id": "d", "token": CUT }));
        assert_eq!(shown["push"], push["push"]);
        // What is no push is shown as it was.
        let noise = QuarantinedMessage::whole(&kept("unknown", "garbage"));
        assert_eq!(noise.body, "garbage");
        let event = QuarantinedMessage::whole(&kept("events", "{\"token\": 1}"));
        assert_eq!(event.body, "{\"token\": 1}");
    }
}
