//! Forgetting what an event said.

use std::time::Duration;

use domain::id::{DeliveryId, NetworkId};
use domain::network::Retention;
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
            let told = record.text("/explanation");
            assert!(told.ends_with("; discard it"), "{told}");
            assert!(!told.contains("replay"), "{told}");
            let of_event = after.text("/destinations/0/explanation");
            assert_eq!(of_event, told);
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

/// The answer is kept after the attempt is on record, so an expunge may come in between.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_kept_too_late_is_neither_shown_nor_left_there() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::start(|_, _| Scripted {
        body: "your secret is 4711 ".repeat(100),
        ..Scripted::from(500)
    })
    .await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    fanfare
        .report(&json!({ "id": "late", "event": "a.b", "data": {} }))
        .await;
    let list = format!("/webhooks/{endpoint}/deliveries");
    let tried = fanfare
        .until(&list, |a| a.body["items"][0]["attemptCount"] == 1)
        .await;
    let attempt = format!("/deliveries/{}/attempts/1", tried.text("/items/0/id"));
    let whole = |a: &Answer| a.body["response"]["body"].as_str().map(str::len) == Some(2_000);
    fanfare.until(&attempt, whole).await;
    let table = &fanfare.system.template().tables[0].name;
    let dynamodb = fanfare.system.aws().dynamodb();
    let store = store::Store::new(dynamodb.clone(), table);
    let network = NetworkId::parse("demo").unwrap();
    let id = DeliveryId::parse(&tried.text("/items/0/id")).unwrap();
    let kept = store.response(&network, id, 1).await.unwrap().unwrap();
    let scanned = dynamodb.scan().table_name(table).send().await.unwrap();
    let mut items = scanned.items().iter();
    let item = items.find(|item| item["pk"].as_s().unwrap().starts_with("R#"));
    let item = item.unwrap().clone();

    assert_eq!(expunge(&fanfare, "late").await.status, 204);
    // It is there for a moment, until whoever kept it sees the mark.
    let put = dynamodb.put_item().table_name(table).set_item(Some(item));
    put.send().await.unwrap();
    let shown = fanfare.get(&attempt).await;
    assert_eq!((shown.status, &shown.body["response"]), (200, &Value::Null));
    let end = id.accepted().after(Retention::default().duration());
    let late = store.keep_response(&network, id, 1, &kept, end);
    late.await.unwrap();
    assert_eq!(store.response(&network, id, 1).await.unwrap(), None);
    fanfare.system.stop().await;
}
