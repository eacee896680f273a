//! Endpoints that are changed while something is owed to them, with time driven by the test.

use std::time::Duration;

use serde_json::json;
use testkit::{ManualClock, Receiver};

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::retry::{START, advance, fanfare_at};
use crate::sending::made;

/// An endpoint of a failing receiver, to which a retry is owed in two seconds.
struct Waiting {
    path: String,
    delivery: String,
}

async fn waiting(fanfare: &Fanfare, clock: &ManualClock, url: &str, event_type: &str) -> Waiting {
    let wanted = json!({ "retrySchedule": [2, 600], "eventTypes": [event_type] });
    let (endpoint, _) = made(fanfare, url, wanted).await;
    clock.advance(Duration::from_millis(10));
    let event = json!({ "event": event_type, "data": {} });
    fanfare.report(&event).await;
    let path = format!("/webhooks/{endpoint}");
    let deliveries = format!("{path}/deliveries");
    let tried = fanfare.until(&deliveries, |a| a.body["items"][0]["attemptCount"] == 1);
    let delivery = format!("/deliveries/{}", tried.await.text("/items/0/id"));
    Waiting { path, delivery }
}

fn stands(status: &'static str) -> impl Fn(&Answer) -> bool {
    move |answer| answer.body["status"] == status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_goes_by_the_endpoint_as_it_is_by_then() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let before = Receiver::start(|_, _| 500_u16).await;
    let now = Receiver::accepting().await;
    let moved = waiting(&fanfare, &clock, &before.url(), "a.moved").await;
    let off = waiting(&fanfare, &clock, &before.url(), "a.off").await;
    let gone = waiting(&fanfare, &clock, &before.url(), "a.gone").await;
    fanfare.system.embedded().sqs().idle().await;
    let admin = fanfare.admin();
    let url = json!({ "url": now.url() }).to_string();
    let patched = fanfare.call(&admin, "PATCH", &moved.path, &url, &[]).await;
    assert_eq!(patched.status, 200);
    assert_eq!(
        operate(&fanfare, &format!("{}/disable", off.path))
            .await
            .status,
        200
    );
    let deleted = fanfare.call(&admin, "DELETE", &gone.path, "", &[]).await;
    assert_eq!(deleted.status, 204);
    // Sooner than dispatchers look at what they know by themselves.
    advance(&fanfare, &clock, Duration::from_secs(4)).await;
    fanfare.until(&moved.delivery, stands("delivered")).await;
    fanfare.until(&off.delivery, stands("parked")).await;
    let dead = fanfare.until(&gone.delivery, stands("dead")).await;
    assert_eq!(dead.text("/attempts/1/reason"), "endpoint_deleted");
    fanfare.system.stop().await;
    assert_eq!((before.received().len(), now.received().len()), (3, 1));
}
