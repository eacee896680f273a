//! A quarantined message on its way back to the queue it came from.

use http_api::{Failure, Problem};
use queue::Queue;
use queue::message::{DeliveryMessage, Reported, Turn, read_event, resend_event};
use queue::push::{AudienceMessage, Held, PushMessage};
use store::Quarantined;

use crate::Deps;

/// The queue of the message, and what is sent there. A push that was given up with its message is
/// owed again after this.
///
/// # Errors
/// When nobody knows its queue, when it is of a push that is not owed any more or a page whose event is
/// forgotten, or when the table does not answer.
pub(crate) async fn prepare<'d>(
    deps: &'d Deps,
    message: &Quarantined,
) -> Result<(&'d Queue, String), Failure> {
    let queue = match message.queue.as_str() {
        "events" => &deps.events,
        // Of the two queues of deliveries it is the one that never delays a first try.
        "webhooks" => &deps.retries,
        "replays" => &deps.replays,
        "audiences" => &deps.audiences,
        "pushes" => &deps.pushes,
        _ => {
            return Err(Problem::WrongState {
                what: "message",
                state: "of an unknown queue",
                allowed: "from the events, webhook, replay, audience or push queue",
                action: "replayed; discard it",
            }
            .into());
        }
    };
    match message.queue.as_str() {
        "audiences" => is_to_be_told(deps, message).await?,
        "pushes" => owe_again(deps, message).await?,
        _ => {}
    }
    Ok((queue, body(message)))
}

/// Once the event is forgotten nobody knows what to tell the page's people: its message would be dropped.
async fn is_to_be_told(deps: &Deps, message: &Quarantined) -> Result<(), Failure> {
    let Some(page) = page(message) else {
        return Ok(());
    };
    if deps.store.push(&page.network, &page.event).await?.is_some() {
        return Ok(());
    }
    Err(Problem::WrongState {
        what: "event of this page of people",
        state: "forgotten",
        allowed: "still kept",
        action: "told of; discard the message",
    }
    .into())
}

/// Without it the push would stay what quarantine made it, dead, and its message be dropped unread.
async fn owe_again(deps: &Deps, message: &Quarantined) -> Result<(), Failure> {
    let Some(push) = push(message) else {
        return Ok(());
    };
    let now = deps.platform.clock.now();
    let whose = (&push.user, &push.device.id);
    let owed = deps
        .store
        .revive_push(&push.network, &push.event, whose, now)
        .await?;
    if owed {
        return Ok(());
    }
    Err(Problem::WrongState {
        what: "push",
        state: "settled or forgotten",
        allowed: "still owed",
        action: "sent; discard its message",
    }
    .into())
}

/// The message as it was, unless our own functions wrote it: then with as many tries as a new one,
/// and marked as one that may have been worked on, so that nothing is done twice.
fn body(message: &Quarantined) -> String {
    let ours = match message.queue.as_str() {
        "events" => event(message),
        "webhooks" => delivery(message),
        "audiences" => page(message).map(|page| page.write()),
        "pushes" => push(message).map(|push| push.write()),
        _ => None,
    };
    ours.unwrap_or_else(|| message.body.clone())
}

/// One that quarantine sent back before; any other is its producer's, or new in its form.
fn event(message: &Quarantined) -> Option<String> {
    let reported = read_event(&message.body, message.at, &message.message_id).ok()?;
    let ours = reported.resent > 0 && message.network.as_ref() == Some(&reported.event.network);
    ours.then(|| {
        resend_event(&Reported {
            resent: 0,
            ..reported
        })
    })
}

fn delivery(message: &Quarantined) -> Option<String> {
    let delivery = DeliveryMessage::read(&message.body).ok()?;
    let delivery = Some(delivery).filter(|one| message.network.as_ref() == Some(&one.network))?;
    let again = DeliveryMessage {
        repeated: true,
        // The moment that was its own is over, and so may be the slowness of its endpoint.
        turn: Turn::Unasked,
        slow: false,
        ..delivery
    };
    Some(again.write())
}

fn page(message: &Quarantined) -> Option<AudienceMessage> {
    let page = AudienceMessage::read(&message.body).ok()?;
    let page = Some(page).filter(|one| message.network.as_ref() == Some(&one.network))?;
    Some(AudienceMessage {
        repeated: true,
        resent: 0,
        ..page
    })
}

fn push(message: &Quarantined) -> Option<PushMessage> {
    let push = PushMessage::read(&message.body).ok()?;
    let push = Some(push).filter(|one| message.network.as_ref() == Some(&one.network))?;
    Some(PushMessage {
        repeated: true,
        resent: 0,
        // Its record does not say any more that it waits; the next look does, if it must.
        held: push.held.map(|held| Held { times: 0, ..held }),
        ..push
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::NetworkId;
    use domain::time::Timestamp;
    use serde_json::{Value, json};

    fn kept(queue: &str, body: &Value) -> Quarantined {
        Quarantined {
            network: NetworkId::parse("demo"),
            queue: queue.to_owned(),
            message_id: "m1".to_owned(),
            reason: String::new(),
            at: Timestamp::from_millis(7_000),
            body: body.to_string(),
        }
    }

    fn sent(queue: &str, kept_body: &Value) -> Value {
        serde_json::from_str(&body(&kept(queue, kept_body))).unwrap()
    }

    #[test]
    fn what_our_functions_wrote_is_tried_as_often_as_new_and_never_done_twice() {
        let page = json!({ "networkId": "demo", "eventId": "evt_1", "resent": 100, "walk": { "shard": 3, "page": 2, "after": "ann" } });
        let again = sent("audiences", &page);
        assert_eq!(
            (&again["resent"], &again["repeated"]),
            (&Value::Null, &json!(true))
        );
        assert_eq!(again["walk"], page["walk"]);

        let push = json!({
            "networkId": "demo", "eventId": "evt_1", "accepted": 1, "name": "a.b", "userId": "ann",
            "device": { "id": "d", "slot": "ios/apns/production", "token": "ab".repeat(32), "registered": 1 },
            "attempt": 2, "resent": 100, "trail": "", "held": [4, 9], "push": { "priority": "high" },
        });
        let again = sent("pushes", &push);
        assert_eq!(
            (&again["resent"], &again["repeated"]),
            (&Value::Null, &json!(true))
        );
        assert_eq!(
            (&again["held"], &again["attempt"]),
            (&json!([0, 9]), &json!(2))
        );
        assert_eq!(again["device"], push["device"]);

        let event = json!({ "networkId": "demo", "event": "a.b", "data": {}, "resent": { "messageId": "m0", "accepted": 5, "times": 100 } });
        let again = sent("events", &event);
        let mark = json!({ "messageId": "m0", "accepted": 5, "times": 1 });
        assert_eq!(again["resent"], mark);
    }

    #[test]
    fn what_others_wrote_goes_back_as_it_was() {
        let event = json!({ "networkId": "demo", "event": "a.b", "data": {} });
        let others =
            json!({ "networkId": "acme", "eventId": "evt_1", "walk": { "shard": 3, "page": 2 } });
        for (queue, body) in [
            ("events", event),
            ("audiences", others),
            ("webhooks", json!({ "networkId": "demo" })),
            (
                "replays",
                json!({ "networkId": "demo", "replayId": "of a later version" }),
            ),
            ("pushes", json!("no push")),
        ] {
            assert_eq!(sent(queue, &body), body, "{queue}");
        }
    }
}
