//! Pushes: from an event to a phone, and the gates that may stop them.

use std::time::Duration;

use domain::credential::Provider;
use domain::id::{EventId, NetworkId};
use domain::push::device::UserId;
use domain::push::gate::{Ground, Trail};
use queue::push::{AudienceMessage, People};
use runtime::Clock;
use serde_json::{Value, json};
use store::{PushRecord, PushState, SUBSCRIBER_SHARDS};
use testkit::{push_certificate, service_account};

use crate::harness::Fanfare;
use crate::phones::{phone, slot, stopped_by};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_on_phones_of_both_worlds_in_their_languages() {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    let (google, email, public) = service_account("fanfare-demo");
    fanfare.phones().know_account(&email, &public);
    fanfare.activate(slot(Provider::Fcm), &google).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare
        .register(&json!({ "deviceId": "b1", "platform": "android", "token": "bob:1", "userId": "bob", "locale": "de-AT" }))
        .await;
    fanfare
        .settings(json!({ "events": [{ "name": "message.created", "locales": { "de": { "title": "{channel}", "body": "{sender} schreibt: {message}" } } }] }))
        .await;

    let event = fanfare
        .push(json!({
            "targetIds": ["ann", "bob", "nobody"], "channelId": "chess",
            "params": { "sender": "Cy", "channel": "Chess", "message": "e4!" },
            "data": { "link": "app://chess" }, "badge": 2, "collapseId": "chess",
        }))
        .await;
    fanfare.in_state(&event, "sent", 2).await;
    let told = fanfare.finished(&event).await;
    assert_eq!(
        (
            &told.body["progress"]["people"],
            &told.body["progress"]["owed"]
        ),
        (&json!(3), &json!(2))
    );
    let pushes = fanfare.phones().pushes();
    assert_eq!(pushes.len(), 2);
    let on = |provider: &str| {
        pushes
            .iter()
            .find(|push| push.provider == provider)
            .unwrap()
    };
    let apple = on("apns");
    assert_eq!(
        (apple.title.as_deref(), apple.body.as_deref()),
        (Some("Cy (Chess)"), Some("e4!"))
    );
    assert_eq!(apple.payload["aps"]["badge"], 2);
    assert_eq!(
        (&apple.payload["link"], apple.collapse_id.as_deref()),
        (&json!("app://chess"), Some("chess"))
    );
    let google = on("fcm");
    assert_eq!(
        (google.title.as_deref(), google.body.as_deref()),
        (Some("Chess"), Some("Cy schreibt: e4!"))
    );

    let why = fanfare.why(&event, "nobody").await;
    assert_eq!(stopped_by(&why), "device_none");
    let why = fanfare.why(&event, "ann").await;
    assert_eq!(why["gates"].as_array().unwrap().len(), 8, "{why}");
    assert_eq!(why["devices"][0]["state"], "sent");
    fanfare.finished(&event).await;
    let why = fanfare.why(&event, "stranger").await;
    assert!(
        why["explanation"]
            .as_str()
            .unwrap()
            .contains("did not name this user"),
        "{why}"
    );
    let plain = fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    assert!(
        fanfare.why(&plain, "ann").await["explanation"]
            .as_str()
            .unwrap()
            .contains("without `push`")
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gate_stops_by_name() {
    let fanfare = Fanfare::start().await;
    for user in ["ann", "bob", "cy", "dee", "eve"] {
        fanfare
            .ios(user, &phone(user.chars().next().unwrap()))
            .await;
    }
    let push = |users: &[&str]| json!({ "targetIds": users, "params": { "sender": "x" }, "channelId": "chess", "senderRoleIds": ["bot"] });
    let event = fanfare.push(push(&["ann"])).await;
    fanfare.in_state(&event, "gated", 1).await;
    assert_eq!(
        stopped_by(
            &json!({ "gates": fanfare.why(&event, "ann").await["devices"][0]["credential"].as_object().map(|gate| vec![Value::Object(gate.clone())]) })
        ),
        "credential_none"
    );

    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare
        .put("/users/ann/push-settings", &json!({ "enabled": false }))
        .await;
    fanfare
        .put(
            "/users/bob/push-settings",
            &json!({ "modules": { "chat": false } }),
        )
        .await;
    fanfare
        .put(
            "/users/cy/channels/chess/push-settings",
            &json!({ "mode": "silent" }),
        )
        .await;
    fanfare
        .put(
            "/users/dee/channels/chess/push-settings",
            &json!({ "events": { "message.created": false } }),
        )
        .await;
    // Settings and credentials are kept for five seconds.
    let fresh = async |settings: Value| {
        fanfare.settings(settings).await;
        tokio::time::sleep(Duration::from_millis(5_100)).await;
    };
    fresh(json!({ "modulesOff": [] })).await;
    let event = fanfare
        .push(push(&["ann", "bob", "cy", "dee", "eve"]))
        .await;
    fanfare.in_state(&event, "sent", 1).await;
    for (user, reason) in [
        ("ann", "user_off"),
        ("bob", "user_module_off"),
        ("cy", "place_muted"),
        ("dee", "place_event_off"),
    ] {
        assert_eq!(
            stopped_by(&fanfare.why(&event, user).await),
            reason,
            "{user}"
        );
    }
    for (settings, reason) in [
        (json!({ "enabled": false }), "master_off"),
        (
            json!({ "events": [{ "name": "message.created", "enabled": false }] }),
            "event_off",
        ),
        (json!({ "modulesOff": ["chat"] }), "module_off"),
        (
            json!({ "events": [{ "name": "message.created", "ignoreFrom": ["bot"] }] }),
            "role_ignored",
        ),
        (
            json!({ "events": [{ "name": "message.created", "listenFrom": ["human"] }] }),
            "role_not_listened",
        ),
    ] {
        fresh(settings).await;
        let event = fanfare.push(push(&["eve"])).await;
        fanfare.in_state(&event, "gated", 1).await;
        assert_eq!(stopped_by(&fanfare.why(&event, "eve").await), reason);
    }
    fresh(json!({})).await;
    for (mode, reason) in [
        ("silent", "place_silent"),
        ("subscribe", "place_not_subscribed"),
    ] {
        fanfare
            .put("/channels/chess/push-settings", &json!({ "mode": mode }))
            .await;
        let event = fanfare.push(push(&["eve"])).await;
        fanfare.in_state(&event, "gated", 1).await;
        assert_eq!(stopped_by(&fanfare.why(&event, "eve").await), reason);
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_reaches_everyone_and_a_channel_its_subscribers() {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    for n in 0..60 {
        fanfare
            .ios(&format!("u{n}"), &format!("{n:064x}").replace(' ', "0"))
            .await;
    }
    for user in ["u3", "u7"] {
        fanfare
            .put(
                &format!("/users/{user}/channels/chess/push-settings"),
                &json!({ "mode": "subscribe" }),
            )
            .await;
    }
    let body = json!({ "broadcast": true, "title": "Hi", "body": "all" });
    let event = fanfare.push(body).await;
    fanfare.in_state(&event, "sent", 60).await;
    let told = fanfare.finished(&event).await;
    assert_eq!(told.body["progress"]["people"], 60);
    let phoneless = fanfare.why(&event, "nobody").await;
    assert_eq!(stopped_by(&phoneless), "device_none", "{phoneless}");
    let page = fanfare
        .get(&format!("/events/{event}/pushes?limit=7"))
        .await;
    let next = page.text("/nextCursor");
    let rest = fanfare
        .get(&format!("/events/{event}/pushes?limit=200&cursor={next}"))
        .await;
    assert_eq!(
        (
            page.body["items"].as_array().unwrap().len(),
            rest.body["items"].as_array().unwrap().len()
        ),
        (7, 53)
    );

    let event = fanfare
        .push(json!({ "channelId": "chess", "senderId": "u3", "params": {} }))
        .await;
    fanfare.in_state(&event, "sent", 1).await;
    assert_eq!(
        stopped_by(&fanfare.why(&event, "u3").await),
        "user_is_sender"
    );
    fanfare.finished(&event).await;
    let why = fanfare.why(&event, "u4").await;
    let explanation = why["explanation"].as_str().unwrap();
    assert!(explanation.contains("had not subscribed"), "{why}");
    assert_eq!(stopped_by(&why), "place_not_subscribed");
    fanfare.system.stop().await;
}

/// A first receive of a page recorded what it owes to a subscriber, and died before it was queued. Who
/// subscribes once the page is done is not told by a further copy of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_subscribers_that_comes_again_is_for_those_who_were_on_it() {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    let channel = json!({ "channelId": "chess", "params": {} });
    let event = fanfare.push(channel).await;
    let told = fanfare.finished(&event).await;
    assert_eq!(told.body["items"], json!([]), "nobody subscribes any more");

    let network = NetworkId::parse("demo").unwrap();
    let ann = UserId::parse("ann").unwrap();
    let id = EventId::parse(&event).unwrap();
    let store = fanfare.store();
    let recipient = store.recipient(&network, &ann).await.unwrap().recipient;
    let owed = PushRecord {
        user: ann.clone(),
        device: Some(recipient.devices[0].id.clone()),
        state: PushState::Pending,
        trail: Trail::default().and(Ground::MasterOn),
        attempts: 0,
        explanation: None,
        at: Clock::system().now(),
    };
    let put = store.put_push_record(&network, &id, owed.at, &owed);
    assert_eq!(put.await.unwrap(), None);
    let page = AudienceMessage {
        network,
        event: id,
        people: People::Walk {
            shard: ann.shard(SUBSCRIBER_SHARDS),
            // Behind the only one there was.
            page: 1,
            after: None,
        },
        repeated: true,
        resent: 0,
    };
    let functions = &fanfare.system.template().functions;
    let fanout = functions.iter().find(|one| one.package == "push-fanout");
    let queue = &fanout.unwrap().environment["AUDIENCE_QUEUE_URL"];
    let sqs = fanfare.system.aws().sqs();
    let comes = async || {
        let call = sqs.send_message().queue_url(queue);
        let call = call.message_group_id("demo").message_body(page.write());
        call.send().await.unwrap();
        fanfare.system.embedded().sqs().idle().await;
    };
    comes().await;
    fanfare.in_state(&event, "sent", 1).await;
    assert_eq!(fanfare.phones().delivered(), 1);

    let subscribe = json!({ "mode": "subscribe" });
    let path = "/users/ann/channels/chess/push-settings";
    assert_eq!(fanfare.put(path, &subscribe).await.status, 200);
    fanfare.ios("ann", &phone('b')).await;
    comes().await;
    assert_eq!(fanfare.phones().delivered(), 1);
    let all = fanfare.get(&format!("/events/{event}/pushes")).await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 1, "{all:?}");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_push_is_told_by_field() {
    let fanfare = Fanfare::start().await;
    let event = json!({ "event": "message.created", "data": {}, "push": {
        "targetIds": ["", "ok"], "params": { "nothing": "x" }, "priority": "now", "ttlSeconds": -1, "colour": "red",
    } });
    let refused = fanfare.post(&fanfare.producer(), "/events", &event).await;
    assert_eq!(refused.problem(), "invalid-fields");
    let fields: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap().to_owned())
        .collect();
    for field in [
        "push.targetIds[0]",
        "push.params.nothing",
        "push.priority",
        "push.ttlSeconds",
        "push.colour",
    ] {
        assert!(
            fields.iter().any(|known| known == field),
            "{field} of {fields:?}"
        );
    }
    fanfare.system.stop().await;
}
