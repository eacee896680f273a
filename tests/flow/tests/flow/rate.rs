//! Endpoints that take only so many webhooks a second, with time driven by the test.

use std::time::Duration;

use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use store::{Pace, Store};
use testkit::{ManualClock, Receiver};

use crate::harness::Fanfare;
use crate::retry::{START, fanfare_at};
use crate::sending::made;

/// The places at one endpoint, taken from outside as other webhooks would.
struct Places {
    store: Store,
    network: NetworkId,
    endpoint: EndpointId,
    pace: Pace,
}

impl Places {
    fn at(fanfare: &Fanfare, endpoint: &str, pace: Pace) -> Self {
        let table = &fanfare.system.template().tables[0].name;
        Self {
            store: Store::new(fanfare.system.aws().dynamodb(), table),
            network: NetworkId::parse("demo").unwrap(),
            endpoint: EndpointId::parse(endpoint).unwrap(),
            pace,
        }
    }

    async fn take(&self, latest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let (network, endpoint) = (&self.network, self.endpoint);
        let taken = self
            .store
            .reserve_rate(network, endpoint, self.pace, latest, now);
        taken.await.unwrap()
    }
}

async fn pass(fanfare: &Fanfare, clock: &ManualClock, by: Duration) {
    clock.advance(by);
    fanfare.system.embedded().sqs().tick();
    fanfare.system.embedded().sqs().idle().await;
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn one_a_second(since: u64) -> Pace {
    Pace {
        per_second: 1,
        since,
    }
}

async fn change(fanfare: &Fanfare, endpoint: &str, patch: &str) {
    let path = format!("/webhooks/{endpoint}");
    let admin = fanfare.admin();
    let changed = fanfare.call(&admin, "PATCH", &path, patch, &[]).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_holds_when_its_backlog_is_longer_than_the_queue_holds_messages_back() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let wanted = json!({ "ratePerSecond": 1, "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    let places = Places::at(&fanfare, &endpoint, one_a_second(1));
    let begin = clock.now();
    for _ in 0..1_000 {
        places.take(None, begin).await.unwrap();
    }
    clock.advance(Duration::from_millis(10));
    for _ in 0..5 {
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    }
    fanfare.system.embedded().sqs().idle().await;
    // The queue lets go of them after 900 s.
    for _ in 0..9 {
        pass(&fanfare, &clock, seconds(110)).await;
        assert_eq!(receiver.received().len(), 0, "{}", clock.now());
    }
    for second in 991..1_010_usize {
        pass(&fanfare, &clock, seconds(1)).await;
        // This second's, and the next one's, which is waited for in place.
        assert!(
            receiver.received().len() <= second.saturating_sub(997),
            "{second}"
        );
    }
    receiver.wait_for(5).await;
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 5, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_retry_keeps_no_first_try_waiting() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|webhook, nth| {
        if webhook.id() != "fresh" && nth < 5 {
            500_u16
        } else {
            200
        }
    })
    .await;
    let wanted = json!({ "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    clock.advance(Duration::from_millis(10));
    for _ in 0..5 {
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    }
    receiver.wait_for(5).await;
    fanfare.system.embedded().sqs().idle().await;
    change(&fanfare, &endpoint, r#"{"ratePerSecond":1}"#).await;
    let places = Places::at(&fanfare, &endpoint, one_a_second(2));
    let begin = clock.now();
    for _ in 0..60 {
        places.take(None, begin).await.unwrap();
    }
    // The retries are due, far behind those who wait.
    pass(&fanfare, &clock, seconds(10)).await;
    let fresh = json!({ "id": "fresh", "event": "a.b", "data": {} });
    fanfare.report(&fresh).await;
    fanfare.system.embedded().sqs().idle().await;
    for _ in 10..200 {
        pass(&fanfare, &clock, seconds(1)).await;
    }
    let all = receiver.wait_for(11).await;
    fanfare.system.stop().await;
    assert_eq!(all.len(), 11, "each once after its failure");
    assert_eq!(all[5].id(), "fresh", "it was first");
}

fn event(id: &str) -> Value {
    json!({ "id": id, "event": "a.b", "data": {} })
}

/// An endpoint that takes one a second, where the event `old` waits behind so many others.
async fn behind(
    fanfare: &Fanfare,
    clock: &ManualClock,
    url: &str,
    others: u32,
) -> (String, Places) {
    let wanted = json!({ "ratePerSecond": 1, "eventTypes": ["*"] });
    let (endpoint, _) = made(fanfare, url, wanted).await;
    let places = Places::at(fanfare, &endpoint, one_a_second(1));
    for _ in 0..others {
        places.take(None, clock.now()).await.unwrap();
    }
    clock.advance(Duration::from_millis(10));
    fanfare.report(&event("old")).await;
    fanfare.system.embedded().sqs().idle().await;
    (endpoint, places)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_rate_counts_at_once() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let (endpoint, places) = behind(&fanfare, &clock, &receiver.url(), 1_000).await;
    change(&fanfare, &endpoint, r#"{"ratePerSecond":100}"#).await;
    pass(&fanfare, &clock, seconds(6)).await;
    fanfare.report(&event("new")).await;
    let first = receiver.wait_for(1).await;
    assert_eq!(first[0].id(), "new");
    // A dispatcher that has not heard of the change queues up as it always did, and undoes nothing.
    let behind = places.take(None, clock.now()).await.unwrap();
    assert!(behind.since(clock.now()) <= seconds(1), "{behind}");
    // The older one had 1,000 s to wait; it comes as soon as the queue lets go of it.
    pass(&fanfare, &clock, seconds(900)).await;
    receiver.wait_for(2).await;
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_is_set_again_knows_nobody_who_waited_by_it_before() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let (endpoint, places) = behind(&fanfare, &clock, &receiver.url(), 2_000).await;
    // The same rate once more is no change.
    change(&fanfare, &endpoint, r#"{"ratePerSecond":1}"#).await;
    let behind = places.take(None, clock.now()).await.unwrap();
    assert!(behind.since(clock.now()) > seconds(1_900), "{behind}");
    for patch in [r#"{"ratePerSecond":null}"#, r#"{"ratePerSecond":1}"#] {
        change(&fanfare, &endpoint, patch).await;
    }
    pass(&fanfare, &clock, seconds(6)).await;
    fanfare.report(&event("new")).await;
    let first = receiver.wait_for(1).await;
    assert_eq!(first[0].id(), "new");
    // The older one had 2,000 s to wait; it asks again as soon as the queue lets go of it.
    pass(&fanfare, &clock, seconds(900)).await;
    receiver.wait_for(2).await;
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_what_was_delivered_takes_no_place() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let wanted = json!({ "ratePerSecond": 1, "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    clock.advance(Duration::from_millis(10));
    let event = json!({ "id": "once", "event": "a.b", "data": {} });
    fanfare.report(&event).await;
    receiver.wait_for(1).await;
    let path = format!("/webhooks/{endpoint}/deliveries?status=delivered");
    let one = fanfare.until(&path, |a| a.body["items"][0].is_object());
    let id = one.await.text("/items/0/id");
    fanfare.system.embedded().sqs().idle().await;
    clock.advance(seconds(10));
    let copy = json!({
        "networkId": "demo", "deliveryId": id, "eventId": "once",
        "attempt": 1, "endpointVersion": 1, "repeated": true,
    });
    let sqs = fanfare.system.aws().sqs();
    for _ in 0..5 {
        let call = sqs.send_message().message_body(copy.to_string());
        let call = call.queue_url("http://sqs.local/000000000000/RetryQueue");
        call.send().await.unwrap();
    }
    fanfare.system.embedded().sqs().idle().await;
    let places = Places::at(&fanfare, &endpoint, one_a_second(1));
    assert_eq!(places.take(None, clock.now()).await, Some(clock.now()));
    // And what may wait for no more than so long is told when it would have to.
    let soon = Some(clock.now().after(Duration::from_millis(500)));
    assert_eq!(places.take(soon, clock.now()).await, None);
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_up_together_does_not_come_all_at_once() {
    const EVENTS: usize = 12;
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let wanted = json!({ "ratePerSecond": 1, "eventTypes": ["*"] });
    made(&fanfare, &receiver.url(), wanted).await;
    clock.advance(Duration::from_millis(10));
    for _ in 0..EVENTS {
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    }
    fanfare.system.embedded().sqs().idle().await;
    let before = receiver.received().len();
    // Nothing ran for half a minute, in which the moment of each has passed.
    pass(&fanfare, &clock, seconds(30)).await;
    for second in 0..EVENTS {
        // The one whose moment it is, and the next one's, which is waited for in place.
        let most = before + 2 + second;
        let there = receiver.received().len();
        assert!(there <= most, "{there} of {most} in second {second}");
        pass(&fanfare, &clock, seconds(1)).await;
    }
    receiver.wait_for(EVENTS).await;
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), EVENTS, "each once");
}
