//! What a network decided about its events: whether they are checked, and how long they are kept.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{ManualClock, Receiver, Scripted};

use crate::harness::Fanfare;
use crate::retry::{START, fanfare_at};

/// Longer than rules are kept without asking.
const NOTICED: Duration = Duration::from_secs(6);

async fn define(fanfare: &Fanfare) {
    let wanted = json!({
        "schema": {
            "type": "object", "required": ["orderId"],
            "properties": { "orderId": { "type": "string" }, "amount": { "type": "number", "minimum": 0 } },
        },
        "example": { "orderId": "o-1", "amount": 12.5 },
    });
    let defined = fanfare.put("/event-types/order.paid", &wanted).await;
    assert_eq!(defined.status, 201, "{}", defined.body);
}

async fn strict(fanfare: &Fanfare, word: &str) {
    let set = fanfare.put("/settings", &json!({ "strict": word })).await;
    assert_eq!(set.body, json!({ "retentionDays": 30, "strict": word }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_network_takes_only_what_its_types_allow() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    fanfare
        .endpoint(&receiver.url(), &["*", "endpoint.*"])
        .await;
    define(&fanfare).await;
    let producer = fanfare.producer();
    let report = async |event: Value| fanfare.post(&producer, "/events", &event).await;
    let paid = |data: Value| json!({ "event": "order.paid", "data": data });
    clock.advance(Duration::from_millis(10));

    // Off, which is the default, everything is taken; on, the rules are asked once they are noticed.
    assert_eq!(report(paid(json!({}))).await.status, 202);
    strict(&fanfare, "on").await;
    clock.advance(NOTICED);
    assert_eq!(report(paid(json!({ "orderId": "o-2" }))).await.status, 202);
    for (event, field, rule) in [
        (paid(json!({})), "data", "required"),
        (paid(json!({ "orderId": 7 })), "data/orderId", "type"),
        (
            paid(json!({ "orderId": "o", "amount": -1 })),
            "data/amount",
            "minimum",
        ),
        (
            json!({ "event": "order.payed", "data": {} }),
            "event",
            "unknown",
        ),
        (
            json!({ "event": "message.didcreate", "data": {} }),
            "event",
            "unknown",
        ),
        (
            json!({ "event": "message.didCreate", "data": { "messages": [{ "messageId": 1 }] } }),
            "data/messages/0/messageId",
            "type",
        ),
    ] {
        let refused = report(event.clone()).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (422, "event-not-allowed"),
            "{event}"
        );
        let error = &refused.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["rule"]),
            (&json!(field), &json!(rule)),
            "{event}"
        );
    }
    let near = report(json!({ "event": "message.didcreate", "data": {} })).await;
    assert!(
        near.text("/detail")
            .ends_with("did you mean message.didCreate?"),
        "{}",
        near.body
    );
    let some = report(json!([paid(json!({})), paid(json!({ "orderId": "o-3" }))])).await;
    assert_eq!(some.status, 202);
    assert_eq!(some.body["items"][0]["error"]["errors"][0]["field"], "data");
    assert!(some.body["items"][1]["id"].is_string());
    receiver.wait_for(3).await;

    // Archived is as good as unknown, until it is defined again.
    fanfare
        .call(
            &fanfare.admin(),
            "DELETE",
            "/event-types/order.paid",
            "",
            &[],
        )
        .await;
    clock.advance(NOTICED);
    let archived = report(paid(json!({ "orderId": "o-4" }))).await;
    assert_eq!(
        (archived.status, &archived.body["errors"][0]["rule"]),
        (422, &json!("archived"))
    );
    // What Fanfare itself reports has no schema, and passes.
    fanfare.endpoint("https://example.com/", &["*"]).await;
    receiver.wait_for(4).await;

    strict(&fanfare, "off").await;
    clock.advance(NOTICED);
    assert_eq!(report(paid(json!({}))).await.status, 202);
    receiver.wait_for(5).await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_producer_puts_into_the_queue_of_a_strict_network_is_delivered_or_quarantined() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    fanfare.endpoint(&receiver.url(), &["*"]).await;
    define(&fanfare).await;
    strict(&fanfare, "on").await;
    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap();
    for message in [
        json!({ "networkId": "demo", "id": "good", "event": "order.paid", "data": { "orderId": "o" } }),
        json!({ "networkId": "demo", "id": "bad", "event": "order.paid", "data": { "orderId": 1 } }),
        json!({ "networkId": "demo", "id": "odd", "event": "order.payed", "data": {} }),
        // Let in by the API under milder rules: a 202 is not taken back.
        json!({ "networkId": "demo", "id": "old", "event": "order.payed", "data": {}, "admitted": true }),
    ] {
        let call = sqs.send_message().queue_url(queue);
        call.message_body(message.to_string()).send().await.unwrap();
    }
    let mut delivered: Vec<_> = receiver
        .wait_for(2)
        .await
        .iter()
        .map(|w| w.id().to_owned())
        .collect();
    delivered.sort();
    assert_eq!(delivered, ["good", "old"]);
    let held = fanfare
        .until("/quarantine", |a| {
            a.body["items"]
                .as_array()
                .is_some_and(|items| items.len() == 2)
        })
        .await;
    let reasons = held.body["items"].to_string();
    assert!(
        reasons.contains("data/orderId: the value is not of type"),
        "{reasons}"
    );
    assert!(
        reasons.contains("event: is no event type of this network"),
        "{reasons}"
    );
    assert_eq!(fanfare.get("/events/bad").await.problem(), "not-found");
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 2);
}

/// The days from the start of time on until items expire, by the first letter of their key.
async fn kept(fanfare: &Fanfare) -> Vec<(char, u64)> {
    let table = fanfare.system.template().tables[0].name.clone();
    let all = fanfare
        .system
        .aws()
        .dynamodb()
        .scan()
        .table_name(table)
        .send()
        .await
        .unwrap();
    let mut found: Vec<_> = all
        .items()
        .iter()
        .filter_map(|item| {
            let first = item["pk"].as_s().unwrap().chars().next().unwrap();
            let expires: u64 = item.get("expires")?.as_n().unwrap().parse().unwrap();
            Some((first, (expires - START / 1000) / 86_400))
        })
        .filter(|(first, _)| ['E', 'D', 'R'].contains(first))
        .collect();
    found.sort_unstable();
    // The news of the new endpoint is an event too, and a retry has an answer too.
    found.dedup();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn events_deliveries_and_answers_are_kept_as_long_as_the_network_says() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| Scripted {
        status: 500,
        headers: Vec::new(),
        body: "x".repeat(2_000),
    })
    .await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    clock.advance(Duration::from_millis(10));
    let report = async |id: &str, kept_whole: usize| {
        fanfare
            .report(&json!({ "id": id, "event": "a.b", "data": {} }))
            .await;
        let path = format!("/webhooks/{endpoint}/deliveries");
        let tried = fanfare
            .until(&path, |a| {
                let items = a.body["items"].as_array().unwrap();
                items.len() == kept_whole && items[0]["attempts"][0].is_object()
            })
            .await;
        let delivery = tried.body["items"][0]["id"].as_str().unwrap().to_owned();
        let whole = format!("/deliveries/{delivery}/attempts/1");
        fanfare
            .until(&whole, |a| {
                a.body["response"]["body"]
                    .as_str()
                    .is_some_and(|b| b.len() == 2_000)
            })
            .await;
    };
    report("first", 1).await;
    assert_eq!(kept(&fanfare).await, [('D', 30), ('E', 30), ('R', 30)]);
    let set = fanfare
        .put("/settings", &json!({ "retentionDays": 90 }))
        .await;
    assert_eq!(
        (set.status, set.headers["etag"].to_str().unwrap()),
        (200, "\"1\"")
    );
    clock.advance(NOTICED);
    report("second", 2).await;
    // What was stored keeps its end.
    assert_eq!(
        kept(&fanfare).await,
        [
            ('D', 30),
            ('D', 90),
            ('E', 30),
            ('E', 90),
            ('R', 30),
            ('R', 90)
        ]
    );
    // Two who read the same version: one may build on it.
    let body = json!({ "retentionDays": 10, "strict": "off" }).to_string();
    let change = async |tag: &'static str| {
        let headers = [("if-match", tag)];
        fanfare
            .call(&fanfare.admin(), "PUT", "/settings", &body, &headers)
            .await
            .status
    };
    assert_eq!((change("\"1\"").await, change("\"1\"").await), (200, 412));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_an_own_type_is_sent_as_a_test_and_tried_on_filters() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (endpoint, secret) = fanfare.endpoint(&receiver.url(), &["nothing.at.all"]).await;
    define(&fanfare).await;
    strict(&fanfare, "on").await;
    let path = format!("/webhooks/{endpoint}/test");
    let admin = fanfare.admin();
    let tested = fanfare
        .post(&admin, &path, &json!({ "eventType": "order.paid" }))
        .await;
    assert_eq!(tested.status, 200, "{}", tested.body);
    let webhook = &receiver.received()[0];
    assert!(webhook.verifies(&secret));
    let body: Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!(body["data"], json!({ "orderId": "o-1", "amount": 12.5 }));
    let unknown = fanfare
        .post(&admin, &path, &json!({ "eventType": "order.payed" }))
        .await;
    assert_eq!(unknown.status, 422);

    let filter = json!({ "filter": { "data": { "amount": [{ "numeric": [">", 12.4] }] } }, "sample": "order.paid" });
    let tried = fanfare.post(&admin, "/webhooks/filter-test", &filter).await;
    assert_eq!(tried.body["matches"], true, "{}", tried.body);
    fanfare.system.stop().await;
}
