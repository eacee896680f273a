//! Forgetting what an event said.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{ManualClock, Receiver, Scripted};

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::retry::{START, advance, fanfare_at};

async fn expunge(fanfare: &Fanfare, event: &str) -> Answer {
    let path = format!("/events/{event}/payload");
    fanfare
        .call(&fanfare.admin(), "DELETE", &path, "", &[])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expunged_event_is_known_but_not_what_it_said_nor_what_was_answered() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|webhook, _| Scripted {
        body: "your secret is 4711 ".repeat(100),
        ..Scripted::from(if webhook.id() == "done" { 200 } else { 500 })
    })
    .await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    for id in ["done", "waiting"] {
        fanfare
            .report(&json!({ "id": id, "event": "a.b", "data": { "secret": "4711" } }))
            .await;
    }
    let tried = |a: &Answer| {
        let items = a.body["items"].as_array().unwrap().iter();
        items.filter(|item| item["attemptCount"] == 1).count() == 2
    };
    fanfare.until(&format!("{path}/deliveries"), tried).await;
    operate(&fanfare, &format!("{path}/disable")).await;
    advance(&fanfare, &clock, Duration::from_secs(10)).await;
    fanfare
        .report(&json!({ "id": "parked", "event": "a.b", "data": { "secret": "4711" } }))
        .await;
    let parked = |a: &Answer| a.body["items"].as_array().unwrap().len() == 2;
    fanfare
        .until(&format!("{path}/deliveries?status=parked"), parked)
        .await;

    for (id, status, attempts) in [
        ("done", "delivered", 1),
        ("waiting", "dead", 2),
        ("parked", "dead", 1),
    ] {
        let event = format!("/events/{id}");
        let before = fanfare.get(&event).await;
        assert!(before.body["data"].to_string().contains("4711"));
        for _ in 0..2 {
            assert_eq!(expunge(&fanfare, id).await.status, 204);
        }
        let after = fanfare.get(&event).await;
        assert_eq!(after.body["data"], json!({}));
        assert_eq!(after.text("/expungedAt"), clock.now().to_string());
        assert_eq!(after.text("/destinations/0/status"), status);
        let delivery = format!("/deliveries/{}", after.text("/destinations/0/deliveryId"));
        let record = fanfare.get(&delivery).await;
        assert_eq!(record.body["attemptCount"], attempts, "{id}");
        assert!(!record.body.to_string().contains("4711"), "{}", record.body);
        let first = fanfare.get(&format!("{delivery}/attempts/1")).await;
        assert_eq!(first.body["response"], Value::Null, "{}", first.body);
        if status == "dead" {
            let last = format!("/attempts/{}/reason", attempts - 1);
            assert_eq!(record.text(&last), "event_expunged");
        }
    }
    operate(&fanfare, &format!("{path}/enable")).await;
    let all = fanfare.get(&format!("{path}/deliveries")).await;
    for item in all.body["items"].as_array().unwrap() {
        let delivery = item["id"].as_str().unwrap();
        let refused = operate(&fanfare, &format!("/deliveries/{delivery}/replay")).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (409, "payload-expunged")
        );
    }
    clock.advance(Duration::from_secs(60));
    let wanted = json!({ "since": "2027-01-01T00:00:00Z", "status": ["dead", "delivered"] });
    let job = fanfare
        .post(&fanfare.admin(), &format!("{path}/replays"), &wanted)
        .await;
    let job = format!("{path}/replays/{}", job.text("/id"));
    let done = fanfare.until(&job, |a| a.body["status"] == "done").await;
    assert_eq!(
        (&done.body["found"], &done.body["skipped"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(expunge(&fanfare, "nobody").await.problem(), "not-found");
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 2);
}
