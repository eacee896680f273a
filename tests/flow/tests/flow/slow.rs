//! A receiver that accepts everything, but late, has a queue of its own.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{ManualClock, Receiver};

use crate::harness::{Answer, Fanfare};
use crate::retry::{START, fanfare_at};

async fn report(fanfare: &Fanfare, id: &str) {
    fanfare
        .report(&json!({ "id": id, "event": "a.b", "data": {} }))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_a_slow_endpoint_is_sent_once_and_from_the_slow_queue() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::holding_after(0).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    for number in 0..10 {
        report(&fanfare, &format!("first-{number}")).await;
    }
    let slow = |a: &Answer| a.body["health"]["slowUntil"].is_string();
    let seen = fanfare.until(&path, slow).await;
    // Slow is not failing.
    assert_eq!(seen.text("/health/state"), "healthy");
    let until = clock.now().after(Duration::from_secs(60)).to_string();
    assert_eq!(seen.text("/health/slowUntil"), until);

    report(&fanfare, "moved").await;
    receiver.wait_for(11).await;
    let queues = fanfare.system.embedded().sqs();
    assert_eq!(queues.counts("SlowQueue").in_flight, 1);
    assert_eq!(queues.counts("WebhookQueue").in_flight, 10);
    let event = fanfare.get("/events/moved").await;
    let told = event.text("/destinations/0/explanation");
    let ground = format!("its endpoint is slow to answer, so until {until} at least");
    assert!(told.contains(&ground), "{told}");

    receiver.release();
    let delivered = format!("{path}/deliveries?status=delivered");
    let all = |a: &Answer| {
        a.body["items"]
            .as_array()
            .is_some_and(|all| all.len() == 11)
    };
    let all = fanfare.until(&delivered, all).await;
    let once = |delivery: &Value| delivery["attempts"].as_array().map(Vec::len) == Some(1);
    assert!(all.body["items"].as_array().unwrap().iter().all(once));
    assert_eq!(receiver.received().len(), 11);

    // Nobody has to say that it is over.
    clock.advance(Duration::from_secs(60));
    let seen = fanfare.get(&path).await;
    assert_eq!(seen.body["health"]["slowUntil"], Value::Null);
    report(&fanfare, "fast").await;
    receiver.wait_for(12).await;
    fanfare.system.stop().await;
}
