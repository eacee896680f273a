//! Pushes that meet trouble: with tokens, credentials, providers and bursts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::credential::{Environment, Fingerprint, Provider};
use domain::time::Timestamp;
use local::Options;
use serde_json::{Value, json};
use simulator::{Fault, Target};
use telemetry::Telemetry;
use testkit::{ManualClock, Received, Receiver, push_certificate, service_account};

use crate::certificates::{apns, p12};
use crate::harness::{Answer, Fanfare};
use crate::phones::{phone, slot, until_later};
use crate::retry::{START, fanfare_at};

#[tokio::test(flavor = "multi_thread")]
async fn dead_tokens_go_and_a_device_registered_since_stays() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.ios("bob", &phone('b')).await;
    fanfare
        .phones()
        .uninstall(&phone('a'), Timestamp::from_millis(START + 1));
    // Bob installed again after Apple saw the application gone.
    fanfare
        .phones()
        .uninstall(&phone('b'), Timestamp::from_millis(START - 1));
    let event = fanfare
        .push(json!({ "targetIds": ["ann", "bob"], "params": {} }))
        .await;
    let told = fanfare.in_state(&event, "dead", 2).await;
    assert!(
        told.body.to_string().contains("Unregistered"),
        "{}",
        told.body
    );
    let devices = async |user: &str| {
        let listed = fanfare.get(&format!("/users/{user}/devices")).await;
        listed.body["items"].as_array().unwrap().len()
    };
    assert_eq!((devices("ann").await, devices("bob").await), (0, 1));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_dies_holds_its_pushes_until_a_good_one_is_activated() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 200_u16).await;
    fanfare
        .endpoint(
            &receiver.url(),
            &["credential.*", "push-notification.created"],
        )
        .await;
    let (apple, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.phones().expire_certificate(fingerprint);
    let reported = json!({
        "event": "message.created",
        "data": { "messages": [{ "messageId": "m1" }], "title": "the event's own" },
        "push": {
            "targetIds": ["ann"],
            "params": { "sender": "Cy", "channel": "Chess", "message": "Hi" },
            "senderId": "cy",
        },
    });
    let event = fanfare.report(&reported).await;
    fanfare.in_state(&event, "held", 1).await;
    receiver.wait_for(2).await;
    let bodies: Vec<Value> = receiver
        .received()
        .iter()
        .map(|got| serde_json::from_slice(&got.body).unwrap())
        .collect();
    let of = |name: &str| {
        bodies
            .iter()
            .find(|body| body["event"] == name)
            .unwrap_or_else(|| panic!("no {name}"))
    };
    let created = of("push-notification.created");
    assert_eq!(created["senderId"], "cy");
    let data = &created["data"];
    assert_eq!(data["eventName"], "message.created");
    assert_eq!(data["title"], "Cy (Chess)", "{data}");
    assert_eq!(data["body"], "Hi", "{data}");
    assert_eq!(data["messages"], json!([{ "messageId": "m1" }]), "{data}");
    let failed = of("credential.failed");
    assert!(
        failed["data"]["reason"]
            .as_str()
            .unwrap()
            .contains("CertificateExpired"),
        "{failed}"
    );

    let (fresh, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &fresh).await;
    until_later(&fanfare, &clock, 5, || fanfare.phones().delivered() == 1).await;
    fanfare.in_state(&event, "sent", 1).await;
    let why = fanfare.why(&event, "ann").await;
    assert_eq!(why["devices"][0]["attempts"], 1, "{why}");
    receiver.wait_for(3).await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_one_is_not_shown_to_who_has_the_phone_by_then() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.ios("cy", &phone('c')).await;
    fanfare.phones().expire_certificate(fingerprint);
    let push = json!({ "targetIds": ["ann", "cy"], "params": {} });
    let event = fanfare.push(push).await;
    fanfare.in_state(&event, "held", 2).await;
    fanfare.ios("bob", &phone('a')).await;
    let (fresh, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &fresh).await;
    until_later(&fanfare, &clock, 5, || fanfare.phones().delivered() == 1).await;
    let told = fanfare.in_state(&event, "gated", 1).await;
    assert!(
        told.body.to_string().contains("device_gone"),
        "{}",
        told.body
    );
    assert_eq!(fanfare.phones().delivered(), 1);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_is_told_once_when_a_push_gets_through_and_what_waited_goes_within_seconds() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 200_u16).await;
    let wanted = ["credential.failed", "credential.recovered"];
    fanfare.endpoint(&receiver.url(), &wanted).await;
    let told = async |count: usize| {
        let bodies = receiver.wait_for(count).await;
        let body = |got: &Received| serde_json::from_slice::<Value>(&got.body).unwrap();
        bodies.iter().map(body).collect::<Vec<_>>()
    };
    let upload = async || {
        let path = fanfare.uploaded(&apns(&p12())).await;
        let fingerprint = fanfare.get(&path).await.text("/fingerprint");
        (path, Fingerprint::parse(&fingerprint).unwrap())
    };
    let (first, fingerprint) = upload().await;
    fanfare.activate_at(&first, &json!({})).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.phones().expire_certificate(fingerprint);
    let push = json!({ "targetIds": ["ann"], "params": {} });
    let event = fanfare.push(push.clone()).await;
    fanfare.in_state(&event, "held", 1).await;
    let failed = told(1).await.remove(0);
    assert_eq!(failed["event"], "credential.failed");

    // Its successor is no good either: that is another failure, and no recovery.
    let (second, fingerprint) = upload().await;
    fanfare.phones().expire_certificate(fingerprint);
    fanfare.activate_at(&second, &json!({})).await;
    clock.advance(Duration::from_secs(5));
    fanfare.system.embedded().sqs().tick();
    let bodies = told(2).await;
    let second = second.rsplit('/').next().unwrap().to_owned();
    let failed_too = bodies
        .iter()
        .find(|body| body["data"]["credentialId"] == *second);
    assert_eq!(failed_too.unwrap()["event"], "credential.failed");

    // The push has waited for four minutes: it is looked at every twelve seconds by now.
    for _ in 0..48 {
        clock.advance(Duration::from_secs(5));
        fanfare.system.embedded().sqs().tick();
        fanfare.system.embedded().sqs().idle().await;
    }
    let (third, _) = upload().await;
    fanfare.activate_at(&third, &json!({})).await;
    clock.advance(Duration::from_secs(13));
    fanfare.system.embedded().sqs().tick();
    fanfare.in_state(&event, "sent", 1).await;
    let again = fanfare.push(push).await;
    fanfare.in_state(&again, "sent", 1).await;
    let bodies = told(3).await;
    let recovered = bodies
        .iter()
        .filter(|body| body["event"] == "credential.recovered");
    let recovered: Vec<_> = recovered.collect();
    assert_eq!(recovered.len(), 1, "{bodies:?}");
    let data = &recovered[0]["data"];
    assert_eq!(data["credentialId"], third.rsplit('/').next().unwrap());
    assert_eq!(
        (&data["reason"], &data["slot"]),
        (&failed["data"]["reason"], &json!("ios/apns/production"))
    );
    assert_eq!(
        data["failedSince"],
        Timestamp::from_millis(START).to_string()
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_wrong_environment_deletes_no_token() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 200_u16).await;
    fanfare.endpoint(&receiver.url(), &["device.guarded"]).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    let users = ["a", "b", "c", "d", "e"];
    for user in users {
        let token = phone(user.chars().next().unwrap());
        fanfare.ios(user, &token).await;
        fanfare.phones().place(&token, Environment::Sandbox);
    }
    let event = fanfare
        .push(json!({ "targetIds": users, "params": {} }))
        .await;
    fanfare.in_state(&event, "held", 5).await;
    receiver.wait_for(1).await;
    for user in users {
        let listed = fanfare.get(&format!("/users/{user}/devices")).await;
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{user}");
    }
    let asked = fanfare.phones().pushes().len();
    // Looked at again, but not sent again: Apple would take that for an attack.
    clock.advance(Duration::from_secs(5));
    fanfare.system.embedded().sqs().tick();
    // The owner finds the mistake and activates the right one.
    for user in users {
        fanfare.phones().place(
            &phone(user.chars().next().unwrap()),
            Environment::Production,
        );
    }
    let (right, _) = push_certificate(&[1, 2], (2020, 2090));
    assert_eq!(fanfare.phones().pushes().len(), asked);
    fanfare.activate(slot(Provider::Apns), &right).await;
    until_later(&fanfare, &clock, 5, || fanfare.phones().delivered() == 5).await;
    fanfare.in_state(&event, "sent", 5).await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apple_gets_a_quarter_of_an_hour_and_the_same_id_and_poison_is_given_up() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    let trouble = Fault::refuse(503, "ServiceUnavailable");
    fanfare.phones().script(Target::Apns, None, 1, trouble);
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "params": {}, "collapseId": "c" }))
        .await;
    let waiting = |answer: &Answer| answer.body["items"][0]["attempts"] == 1;
    fanfare
        .until(&format!("/events/{event}/pushes"), waiting)
        .await;
    clock.advance(Duration::from_secs(899));
    fanfare.system.embedded().sqs().tick();
    assert_eq!(fanfare.phones().pushes().len(), 1);
    clock.advance(Duration::from_secs(2));
    fanfare.system.embedded().sqs().tick();
    fanfare.in_state(&event, "sent", 1).await;
    let pushes = fanfare.phones().pushes();
    assert_eq!(
        (pushes.len(), &pushes[0].id, &pushes[0].collapse_id),
        (2, &pushes[1].id, &pushes[1].collapse_id)
    );

    fanfare
        .phones()
        .script(Target::Apns, None, 1, Fault::refuse(400, "BadTopic"));
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "params": {} }))
        .await;
    fanfare.in_state(&event, "dead", 1).await;
    let large = json!({ "targetIds": ["ann"], "body": "x".repeat(4_900), "title": "T" });
    let event = fanfare.push(large).await;
    fanfare.in_state(&event, "sent", 1).await;
    let shown = fanfare.phones().pushes().pop().unwrap().body.unwrap();
    assert!(shown.ends_with('…') && shown.len() < 4_096);
    let data: Value = (0..5)
        .map(|n| (format!("k{n}"), json!("v".repeat(1000))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "data": data, "body": "b" }))
        .await;
    let told = fanfare.in_state(&event, "dead", 1).await;
    assert!(
        told.body.to_string().contains("payload_too_large"),
        "{}",
        told.body
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_becomes_ten_pushes_and_one_summary() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    let mut events = Vec::new();
    for n in 0..14 {
        let push = json!({ "targetIds": ["ann"], "params": { "message": format!("m{n}"), "sender": "Cy" } });
        let event = fanfare.push(push).await;
        fanfare
            .until(&format!("/events/{event}/pushes"), |a| {
                a.body["items"]
                    .as_array()
                    .is_some_and(|items| !items.is_empty())
            })
            .await;
        events.push(event);
    }
    for event in &events[10..] {
        fanfare.in_state(event, "collapsed", 1).await;
    }
    until_later(&fanfare, &clock, 2, || fanfare.phones().delivered() == 11).await;
    let last = fanfare.phones().pushes().pop().unwrap();
    assert_eq!(last.body.as_deref(), Some("m10 (+3)"));
    let told = fanfare.in_state(&events[10], "sent", 1).await;
    assert_eq!(told.body["items"].as_array().unwrap().len(), 2);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_toggle_stops_what_is_queued() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    for n in 0..30 {
        fanfare.ios(&format!("u{n}"), &format!("{n:064x}")).await;
    }
    // Queued, and kept waiting by Apple.
    let trouble = Fault::refuse(503, "ServiceUnavailable");
    fanfare.phones().script(Target::Apns, None, 30, trouble);
    let event = fanfare
        .push(json!({ "broadcast": true, "body": "b" }))
        .await;
    let tried = |answer: &Answer| {
        let items = answer.body["items"].as_array();
        items.is_some_and(|items| items.iter().filter(|item| item["attempts"] == 1).count() == 30)
    };
    fanfare
        .until(&format!("/events/{event}/pushes?limit=200"), tried)
        .await;
    fanfare.settings(json!({ "enabled": false })).await;
    clock.advance(Duration::from_secs(1_000));
    fanfare.system.embedded().sqs().tick();
    let told = fanfare.in_state(&event, "gated", 30).await;
    assert_eq!(told.body["items"][0]["stoppedBy"]["reason"], "master_off");
    assert_eq!(fanfare.phones().delivered(), 0);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_hour_that_firebase_asks_for_is_waited_and_costs_one_try() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (google, email, public) = service_account("fanfare-demo");
    fanfare.phones().know_account(&email, &public);
    fanfare.activate(slot(Provider::Fcm), &google).await;
    let device =
        json!({ "deviceId": "d", "platform": "android", "token": "phone:1", "userId": "ann" });
    fanfare.register(&device).await;
    let later = Fault::Refuse {
        status: 503,
        word: "UNAVAILABLE".to_owned(),
        retry_after: Some(1_800),
    };
    fanfare
        .phones()
        .script(Target::Fcm, Some("phone:1"), 1, later);
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "params": {} }))
        .await;
    until_later(&fanfare, &clock, 100, || fanfare.phones().delivered() == 1).await;
    fanfare.in_state(&event, "sent", 1).await;
    let why = fanfare.why(&event, "ann").await;
    assert_eq!(why["devices"][0]["attempts"], 2, "{why}");
    let asked = fanfare.phones().pushes();
    let times: Vec<_> = asked.iter().map(|push| push.at_millis).collect();
    let waited = times.iter().max().unwrap() - times.iter().min().unwrap();
    assert_eq!(times.len(), 2);
    assert!(waited >= 1_800_000, "{waited} ms");
    fanfare.system.stop().await;
}

/// Everything that is written down while pushes are sent, refused and explained, without the keys.
#[tokio::test(flavor = "multi_thread")]
async fn the_material_of_credentials_is_in_no_row_line_or_answer() {
    let lines = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&lines);
    let fanfare = Fanfare::with(Options {
        telemetry: Telemetry::to(move |_, line| sink.lock().unwrap().push_str(line)),
        ..Options::ephemeral()
    })
    .await;
    let (apple, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    let (google, email, public) = service_account("fanfare-demo");
    fanfare.phones().know_account(&email, &public);
    fanfare.activate(slot(Provider::Fcm), &google).await;
    fanfare.ios("ann", &phone('a')).await;
    let bob = json!({ "deviceId": "b1", "platform": "android", "token": "bob:1", "userId": "bob" });
    fanfare.register(&bob).await;
    let mut answers = String::new();
    let event = fanfare
        .push(json!({ "targetIds": ["ann", "bob"], "params": {} }))
        .await;
    answers += &fanfare.in_state(&event, "sent", 2).await.body.to_string();
    fanfare.phones().expire_certificate(fingerprint);
    fanfare.phones().revoke_account(&email);
    let event = fanfare
        .push(json!({ "targetIds": ["ann", "bob"], "params": {} }))
        .await;
    answers += &fanfare.in_state(&event, "held", 2).await.body.to_string();
    answers += &fanfare.why(&event, "ann").await.to_string();
    answers += &fanfare.why(&event, "bob").await.to_string();

    let table = fanfare.variable("TABLE_NAME");
    let rows = fanfare
        .system
        .aws()
        .dynamodb()
        .scan()
        .table_name(table)
        .send()
        .await
        .unwrap();
    let rows = format!("{:?}", rows.items());
    let lines = lines.lock().unwrap().clone();
    assert!(
        rows.contains("CRED#") && lines.contains("CredentialPaused") && answers.contains("held")
    );
    for credential in [&apple, &google] {
        let text = credential.to_text();
        let text: Value = serde_json::from_str(&text).unwrap();
        let key = text["key"].as_str().unwrap();
        // Any line of it would do.
        for part in key.as_bytes().chunks(48).filter(|part| part.len() == 48) {
            let part = std::str::from_utf8(part).unwrap();
            for (what, written) in [
                ("a row", &rows),
                ("a line", &lines),
                ("an answer", &answers),
            ] {
                assert!(!written.contains(part), "{what} has {part}");
            }
        }
    }
    fanfare.system.stop().await;
}
