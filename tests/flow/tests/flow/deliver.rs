//! What every user does first.

use std::sync::{Arc, Mutex};

use local::Options;
use serde_json::json;
use telemetry::Telemetry;
use testkit::Receiver;

use crate::harness::Fanfare;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_becomes_a_verified_webhook_and_the_record_says_so() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (endpoint, secret) = fanfare.endpoint(&receiver.url(), &["message.*"]).await;

    let event = json!({
        "id": "order-1", "event": "message.didCreate", "version": "2", "timestamp": "2026-01-31T12:00:00Z",
        "data": { "messages": [{ "text": "héllo \u{1F389}", "n": 1.50 }] }
    });
    let id = fanfare.report(&event).await;
    assert_eq!(id, "order-1");

    let webhook = &receiver.wait_for(1).await[0];
    assert!(webhook.verifies(&secret));
    assert_eq!(webhook.id(), "order-1");
    assert_eq!(webhook.header("content-type"), "application/json");
    assert!(webhook.header("user-agent").starts_with("Fanfare/"));
    let body: serde_json::Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!(body["event"], "message.didCreate");
    assert_eq!(body["networkId"], "demo");
    assert_eq!(body["timestamp"], "2026-01-31T12:00:00.000Z");
    assert_eq!(body["version"], "2");
    assert_eq!(body["data"], event["data"]);

    let seen = fanfare
        .until("/events/order-1", |a| {
            a.status == 200 && a.body["destinations"][0]["status"] == "delivered"
        })
        .await;
    assert_eq!(
        seen.body["destinations"][0]["endpointId"],
        endpoint.as_str()
    );
    let delivery = fanfare
        .get(&format!(
            "/deliveries/{}",
            seen.text("/destinations/0/deliveryId")
        ))
        .await;
    assert_eq!(delivery.body["status"], "delivered");
    assert_eq!(delivery.body["attempts"][0]["status"], 200);
    assert_eq!(delivery.body["attempts"][0]["reason"], "succeeded");
    let listed = fanfare
        .get(&format!("/webhooks/{endpoint}/deliveries?status=delivered"))
        .await;
    assert_eq!(listed.body["items"], json!([delivery.body]));
    let none = fanfare
        .get(&format!("/webhooks/{endpoint}/deliveries?status=dead"))
        .await;
    assert_eq!(none.body["items"], json!([]));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_asked_get_it_and_the_others_are_explained() {
    let fanfare = Fanfare::start().await;
    let (all, posts) = (Receiver::accepting().await, Receiver::accepting().await);
    fanfare.endpoint(&all.url(), &["*"]).await;
    fanfare.endpoint(&posts.url(), &["v3.post.*"]).await;
    let (off, _) = fanfare.endpoint(&posts.url(), &["*"]).await;
    let changed = fanfare
        .call(
            &fanfare.admin(),
            "PATCH",
            &format!("/webhooks/{off}"),
            r#"{"enabled":false}"#,
            &[],
        )
        .await;
    assert_eq!(changed.status, 200);

    fanfare
        .report(&json!({ "id": "m", "event": "message.didCreate", "data": {} }))
        .await;
    fanfare
        .report(&json!({ "id": "p", "event": "v3.post.didCreate", "data": {} }))
        .await;
    let mut ids: Vec<_> = all
        .wait_for(2)
        .await
        .iter()
        .map(|webhook| webhook.id().to_owned())
        .collect();
    ids.sort();
    assert_eq!(ids, ["m", "p"]);
    assert_eq!(posts.wait_for(1).await[0].id(), "p");

    let seen = fanfare
        .until("/events/m", |a| {
            a.body["destinations"][0]["status"] == "delivered"
        })
        .await;
    assert_eq!(seen.body["destinationCount"], 2);
    let parked = seen.body["destinations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|d| d["endpointId"] == off.as_str())
        .unwrap();
    assert_eq!(parked["status"], "parked");
    assert!(parked["explanation"].as_str().unwrap().contains("disabled"));
    fanfare.system.stop().await;
    assert_eq!(posts.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_accepted_item_by_item_and_a_repeated_id_is_delivered_once() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (_, secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let mut events: Vec<_> = (0..99)
        .map(|n| json!({ "id": format!("e{n}"), "event": "a.b", "data": { "n": n } }))
        .collect();
    events.insert(50, json!({ "event": "not a name", "data": [] }));
    let answer = fanfare
        .post(&fanfare.producer(), "/events", &json!(events))
        .await;
    assert_eq!(answer.status, 202);
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 100);
    assert_eq!(items[49]["id"], "e49");
    assert_eq!(items[51]["id"], "e50");
    let fields: Vec<_> = items[50]["error"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["event", "data"]);

    // The same again, all of it.
    let again = fanfare
        .post(&fanfare.producer(), "/events", &json!(events))
        .await;
    assert_eq!(again.body["items"][0], items[0]);
    receiver.wait_for(99).await;
    // Both come about in their own time, in either order.
    for n in 0..99 {
        fanfare
            .until(&format!("/events/e{n}"), |a| {
                a.body["duplicatesDropped"] == 1
                    && a.body["destinations"][0]["status"] == "delivered"
            })
            .await;
    }
    fanfare.system.stop().await;
    let received = receiver.received();
    assert_eq!(received.len(), 99, "each once");
    assert!(received.iter().all(|webhook| webhook.verifies(&secret)));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_arrive_whole_and_data_is_not_reformatted() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (_, secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    // Hard to compress, so that it needs an item of its own in the table.
    let noise: String = (0..250_000_u64)
        .map(|n| {
            char::from(
                b'!' + u8::try_from(
                    (n.wrapping_mul(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % 90,
                )
                .unwrap(),
            )
        })
        .filter(|c| *c != '"' && *c != '\\')
        .collect();
    let data = format!("{{ \"noise\" : \"{noise}\", \"n\":1.500e3, \"odd\":\"\u{FFFF}\" }}");
    let body = format!(r#"{{"id":"big","event":"a.b","data":{data}}}"#);
    let accepted = fanfare
        .call(&fanfare.producer(), "POST", "/events", &body, &[])
        .await;
    assert_eq!(accepted.status, 202, "{}", accepted.body);
    let webhook = &receiver.wait_for(1).await[0];
    assert!(webhook.verifies(&secret));
    let text = String::from_utf8(webhook.body.to_vec()).unwrap();
    // SQS cannot carry U+FFFF, so it travels as its JSON escape; all else is byte for byte.
    assert!(text.ends_with(&format!(
        "\"data\":{}}}",
        data.replace('\u{FFFF}', "\\uffff")
    )));
    fanfare
        .until("/events/big", |a| {
            a.body["destinations"][0]["status"] == "delivered"
        })
        .await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_sensitive_reaches_the_log() {
    let lines = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&lines);
    let telemetry = Telemetry::to(move |_, line| sink.lock().unwrap().push_str(line));
    let fanfare = Fanfare::with(Options {
        telemetry,
        ..Options::ephemeral()
    })
    .await;
    let receiver = Receiver::start(|_, before| if before == 0 { 500_u16 } else { 200 }).await;
    let (endpoint, secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    fanfare
        .report(
            &json!({ "id": "quiet", "event": "a.b", "data": { "email": "someone@example.com" } }),
        )
        .await;
    let producer = fanfare.producer();
    let (most, last) = producer.split_at(producer.len() - 1);
    let wrong = format!("{most}{}", if last == "0" { "1" } else { "0" });
    fanfare.call(&wrong, "POST", "/events", "{}", &[]).await;
    fanfare
        .until(&format!("/webhooks/{endpoint}/deliveries"), |a| {
            a.body["items"][0]["attempts"][0].is_object()
        })
        .await;
    // Messages that cannot be read are quarantined whole, and quoted nowhere else.
    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap();
    for body in [
        r#""someone@example.com""#,
        r#"{"networkId":"demo","event":"a.b","data":{},"someone@example.com":1}"#,
    ] {
        let call = sqs.send_message().queue_url(queue).message_body(body);
        call.send().await.unwrap();
    }
    fanfare
        .until("/quarantine", |a| a.body["items"][0].is_object())
        .await;
    let keys = [fanfare.admin(), fanfare.producer(), wrong];
    fanfare.system.stop().await;
    let lines = lines.lock().unwrap();
    assert!(
        lines.contains("AttemptFailed")
            && lines.contains("MessageQuarantined")
            && lines.contains("KeyRefused")
            && lines.contains("BatchFannedOut"),
        "the log is there at all: {lines}"
    );
    let sensitive = [
        secret.as_str(),
        "someone@example.com",
        &receiver.url(),
        "127.0.0.1",
    ];
    for word in sensitive.into_iter().chain(keys.iter().map(String::as_str)) {
        assert!(!lines.contains(word), "{word} was logged");
    }
}
