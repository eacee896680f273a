//! Producers that send to the events queue themselves, well and badly.

use std::time::Duration;

use serde_json::json;
use store::Store;
use testkit::Receiver;

use crate::harness::Fanfare;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_quarantined_whole_and_its_neighbours_are_delivered() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    fanfare.endpoint(&receiver.url(), &["*"]).await;
    let sqs = fanfare.system.aws().sqs();
    let queue = fanfare.system.events_queue_url().unwrap();
    let bodies = [
        json!({ "networkId": "demo", "id": "one", "event": "a.b", "data": { "n": 1 } }).to_string(),
        "total garbage \u{1F4A9}".to_owned(),
        json!({ "networkId": "demo", "event": "a.b", "data": {}, "extra": 1 }).to_string(),
        json!({ "networkId": "demo", "event": "a.b", "data": { "n": 2 } }).to_string(),
    ];
    for (n, body) in bodies.iter().enumerate() {
        let call = sqs.send_message().queue_url(queue).message_body(body);
        // Half of the producers use fair queues.
        let call = if n % 2 == 0 {
            call.message_group_id("demo")
        } else {
            call
        };
        call.send().await.unwrap();
    }
    let received = receiver.wait_for(2).await;
    assert!(received.iter().any(|webhook| webhook.id() == "one"));
    assert!(
        received
            .iter()
            .any(|webhook| webhook.id().starts_with("evt_")),
        "an event without id gets one"
    );

    let listed = fanfare
        .until("/quarantine", |a| {
            a.body["items"]
                .as_array()
                .is_some_and(|items| !items.is_empty())
        })
        .await;
    assert_eq!(listed.body["items"][0]["body"], bodies[2]);
    assert!(
        listed
            .text("/items/0/reason")
            .contains("unknown field `extra`")
    );
    let table = fanfare.system.template().tables[0].name.clone();
    let store = Store::new(fanfare.system.aws().dynamodb(), table);
    let mut nobodys = Vec::new();
    while nobodys.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        nobodys = store
            .list_quarantined(None, None, 10)
            .await
            .unwrap()
            .messages;
    }
    assert_eq!(nobodys[0].body, bodies[1]);
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 2);
}
