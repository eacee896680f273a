//! What is said of a delivery that waits must be true, and what it advises must work.

use std::time::Duration;

use domain::health::{Health, Open};
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use serde_json::json;
use testkit::{ManualClock, Receiver, Scripted};

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::retry::{START, advance, fanfare_at};
use crate::sending::made;

/// Reports an event that goes to one endpoint, and waits until so many attempts at it were made.
async fn reported(fanfare: &Fanfare, id: &str, attempts: u32) -> String {
    fanfare
        .report(&json!({ "id": id, "event": "a.b", "data": {} }))
        .await;
    let event = format!("/events/{id}");
    let tried = |a: &Answer| a.body["destinations"][0]["attempts"] == attempts;
    let delivery = fanfare.until(&event, tried).await;
    let delivery = delivery.text("/destinations/0/deliveryId");
    let path = format!("/deliveries/{delivery}");
    fanfare.until(&path, |a| a.status == 200).await;
    path
}

/// The delivery, after it was made sure that every other answer says the same of it.
async fn everywhere(fanfare: &Fanfare, path: &str) -> Answer {
    let one = fanfare.get(path).await;
    let lists = [
        format!("/webhooks/{}/deliveries", one.text("/endpointId")),
        "/deliveries".to_owned(),
    ];
    for list in lists {
        let all = fanfare.get(&list).await;
        let items = all.body["items"].as_array().unwrap();
        assert!(items.contains(&one.body), "{list}: {}", all.body);
    }
    let event = fanfare
        .get(&format!("/events/{}", one.text("/eventId")))
        .await;
    for name in ["explanation", "nextAttemptAt"] {
        assert_eq!(event.body["destinations"][0][name], one.body[name]);
    }
    one
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_an_open_breaker_a_delivery_says_so_and_is_not_due_before_the_probe() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| Scripted::from(429).header("retry-after", "300")).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    let tried = reported(&fanfare, "tried", 1).await;
    let open = |a: &Answer| a.body["health"]["state"] == "open";
    fanfare.until(&path, open).await;
    let fresh = reported(&fanfare, "fresh", 0).await;
    fanfare.system.embedded().sqs().idle().await;
    let probe = fanfare.get(&path).await.text("/health/nextProbeAt");
    let ground = format!(
        "the breaker is open: after a failure the endpoint is probed by one webhook at a time, and the next probe is due at {probe}"
    );
    let time = |answer: &Answer| Timestamp::parse(&answer.text("/nextAttemptAt")).unwrap();
    for (delivery, which) in [(&fresh, "first"), (&tried, "next")] {
        let seen = everywhere(&fanfare, delivery).await;
        let told = seen.text("/explanation");
        let starts = format!("it waits for its {which} attempt, due at ");
        assert!(told.starts_with(&starts), "{told}");
        assert!(told.contains(&ground), "{told}");
        assert!(time(&seen) >= Timestamp::parse(&probe).unwrap(), "{told}");
    }

    // Other webhooks go on failing, so that the next probe is later than what was planned.
    let (store, network) = (fanfare.store(), NetworkId::parse("demo").unwrap());
    let id = EndpointId::parse(&endpoint).unwrap();
    let before = store.health(&network, id).await.unwrap();
    let probe_at = clock.now().after(Duration::from_secs(900));
    let worse = Health {
        failures: 14,
        open: Some(Open {
            probe_at,
            probes: 9,
        }),
        ..before.health
    };
    let changed = store.change_health(&network, id, before, worse).await;
    assert!(changed.unwrap().is_some());
    for delivery in [&fresh, &tried] {
        let seen = everywhere(&fanfare, delivery).await;
        assert_eq!(time(&seen), probe_at);
        let told = seen.text("/explanation");
        assert!(told.contains("after 14 failures in a row"), "{told}");
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_an_endpoint_with_limits_a_delivery_names_those_it_may_wait_for() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let limits = json!({ "maxInFlight": 1, "ratePerSecond": 5, "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), limits).await;
    let network = NetworkId::parse("demo").unwrap();
    let id = EndpointId::parse(&endpoint).unwrap();
    // The only place is taken, as by another webhook.
    let now = clock.now();
    let until = now.after(Duration::from_secs(60));
    let store = fanfare.store();
    let taken = store.take_slot(&network, id, 1, 0, now, until).await;
    assert!(taken.unwrap().is_some());
    let delivery = reported(&fanfare, "waiting", 0).await;
    fanfare.system.embedded().sqs().idle().await;
    let seen = everywhere(&fanfare, &delivery).await;
    assert_eq!(
        seen.text("/explanation"),
        "it waits for its first attempt; its endpoint takes at most 1 at the same time (maxInFlight) and 5 per second (ratePerSecond), so it may be waiting for its turn"
    );
    assert_eq!(receiver.received().len(), 0);
    advance(&fanfare, &clock, Duration::from_secs(61)).await;
    let arrived = |a: &Answer| a.body["status"] == "delivered";
    fanfare.until(&delivery, arrived).await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_tells_what_becomes_of_it_when_its_endpoint_is_disabled_enabled_or_deleted() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 500_u16).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    let delivery = reported(&fanfare, "one", 1).await;
    let replay = format!("{delivery}/replay");
    let becomes = |status: &'static str| move |a: &Answer| a.body["status"] == status;

    operate(&fanfare, &format!("{path}/disable")).await;
    let pending = everywhere(&fanfare, &delivery).await;
    let told = pending.text("/explanation");
    assert_eq!(pending.text("/status"), "pending");
    assert!(told.contains("its endpoint is disabled: it was switched off through the API; it is parked instead when that attempt is due"), "{told}");
    advance(&fanfare, &clock, Duration::from_secs(10)).await;
    fanfare.until(&delivery, becomes("parked")).await;
    let told = everywhere(&fanfare, &delivery).await.text("/explanation");
    assert!(told.contains("its endpoint is disabled"), "{told}");
    assert!(!told.contains("replay"), "{told}");
    let refused = operate(&fanfare, &replay).await;
    assert_eq!(refused.problem(), "endpoint-disabled");

    let quiet = json!({ "resume": false });
    let enable = format!("{path}/enable");
    let on = fanfare.post(&fanfare.admin(), &enable, &quiet).await;
    assert_eq!(on.status, 200, "{}", on.body);
    let told = everywhere(&fanfare, &delivery).await.text("/explanation");
    assert!(told.contains("the endpoint is enabled by now"), "{told}");
    assert!(told.contains("replay it"), "{told}");
    assert!(!told.contains("is disabled"), "{told}");
    assert_eq!(operate(&fanfare, &replay).await.status, 202);
    fanfare
        .until(&delivery, |a| a.body["attemptCount"] == 2)
        .await;

    let admin = fanfare.admin();
    let gone = fanfare.call(&admin, "DELETE", &path, "", &[]).await;
    assert_eq!(gone.status, 204);
    let told = everywhere(&fanfare, &delivery).await.text("/explanation");
    assert!(
        told.contains("its endpoint is deleted, so it is given up instead"),
        "{told}"
    );
    advance(&fanfare, &clock, Duration::from_secs(10)).await;
    fanfare.until(&delivery, becomes("dead")).await;
    let told = everywhere(&fanfare, &delivery).await.text("/explanation");
    assert!(
        told.ends_with("cannot be sent any more; discard it"),
        "{told}"
    );
    assert!(!told.contains("replay"), "{told}");
    assert_eq!(operate(&fanfare, &replay).await.status, 404);
    let discarded = operate(&fanfare, &format!("{delivery}/discard")).await;
    assert_eq!(discarded.status, 200, "{}", discarded.body);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cancelled_job_did_not_send_is_no_outcome_of_it() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    for n in 0..6 {
        reported(&fanfare, &format!("e{n}"), 1).await;
    }
    clock.advance(Duration::from_secs(60));
    let wanted =
        json!({ "since": "2027-01-01T00:00:00Z", "status": ["delivered"], "ratePerSecond": 1 });
    let replays = format!("{path}/replays");
    let job = fanfare.post(&fanfare.admin(), &replays, &wanted).await;
    let progress = format!("{replays}/{}", job.text("/id"));
    // All are queued, a second apart, and the clock stands still.
    fanfare
        .until(&progress, |a| {
            a.body["outcome"]["delivered"] == 1 && a.body["outcome"]["pending"] == 5
        })
        .await;
    let cancelled = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(cancelled.body["takenBack"], 5);
    assert_eq!(
        cancelled.body["outcome"],
        json!({ "delivered": 1, "dead": 0, "pending": 0, "parked": 0, "discarded": 0, "takenBack": 5, "complete": true })
    );
    let count = async |query: String| {
        let page = fanfare.get(&format!("{path}/deliveries{query}")).await;
        page.body["items"].as_array().unwrap().len()
    };
    assert_eq!(count(format!("?replay={}", job.text("/id"))).await, 1);
    assert_eq!(count("?status=delivered".to_owned()).await, 6);
    fanfare.system.stop().await;
}
