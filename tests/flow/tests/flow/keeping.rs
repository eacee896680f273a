//! What is owed is not forgotten, however near its end it is, with time driven by the test.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::time::Timestamp;
use serde_json::{Value, json};
use testkit::{ManualClock, Received, Receiver, Scripted};

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::retry::{START, advance, fanfare_at};
use crate::sending::made;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Moves time, and lets the table forget what has come to its end.
async fn pass(fanfare: &Fanfare, clock: &ManualClock, by: Duration) {
    fanfare.system.embedded().sqs().idle().await;
    clock.advance(by);
    fanfare.system.embedded().sweep_ttl().await.unwrap();
    advance(fanfare, clock, Duration::ZERO).await;
    fanfare.system.embedded().sqs().idle().await;
}

fn stands(status: &'static str) -> impl Fn(&Answer) -> bool {
    move |answer| answer.body["status"] == status
}

/// Fails until it has got so many webhooks.
async fn failing(times: usize) -> Receiver {
    Receiver::start(move |_: &Received, before| if before < times { 500_u16 } else { 200 }).await
}

/// The only delivery of an endpoint, by its path.
async fn only(fanfare: &Fanfare, endpoint: &str, status: &str) -> String {
    let path = format!("/webhooks/{endpoint}/deliveries?status={status}");
    let one = fanfare.until(&path, |a| a.body["items"][0].is_object());
    format!("/deliveries/{}", one.await.text("/items/0/id"))
}

fn ends(answer: &Answer) -> Timestamp {
    Timestamp::parse(&answer.text("/expiresAt")).unwrap()
}

/// More than fits beside its event, because it does not compress.
fn large() -> Value {
    let mut state = 1_u32;
    let text = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match char::from(b' ' + u8::try_from((state >> 16) % 95).unwrap()) {
            '"' | '\\' => '~',
            other => other,
        }
    });
    json!({ "text": text.take(258_000).collect::<String>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_replayed_hours_before_its_end_is_tried_to_the_last() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = failing(2).await;
    let wanted = json!({ "retrySchedule": [], "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    let event = json!({ "id": "old", "event": "a.b", "data": large() });
    fanfare.report(&event).await;
    let delivery = only(&fanfare, &endpoint, "dead").await;
    let end = clock.now().after(DAY * 30);
    assert_eq!(ends(&fanfare.get(&delivery).await), end);
    pass(&fanfare, &clock, DAY * 30 - HOUR).await;
    let patch = json!({ "retrySchedule": [180_000] }).to_string();
    let path = format!("/webhooks/{endpoint}");
    let admin = fanfare.admin();
    let patched = fanfare.call(&admin, "PATCH", &path, &patch, &[]).await;
    assert_eq!(patched.status, 200);
    let replayed = operate(&fanfare, &format!("{delivery}/replay")).await;
    assert_eq!(replayed.status, 202, "{}", replayed.body);
    assert_eq!(ends(&replayed), clock.now().after(DAY * 10));
    receiver.wait_for(2).await;
    pass(&fanfare, &clock, DAY * 3).await;
    fanfare.until(&delivery, stands("delivered")).await;
    assert_eq!(receiver.received()[2].id(), "old");
    // Others of the event may be forgotten by then, and are not taken for lost.
    let since = Timestamp::from_millis(START - 1);
    let kept = fanfare.get(&format!("/conservation?since={since}")).await;
    assert_eq!((kept.status, &kept.body["holds"]), (200, &json!(true)));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_for_weeks_is_tried_to_the_last() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = failing(1).await;
    let wanted = json!({ "retrySchedule": [180_000], "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    operate(&fanfare, &format!("/webhooks/{endpoint}/disable")).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let delivery = only(&fanfare, &endpoint, "parked").await;
    pass(&fanfare, &clock, DAY * 30 - HOUR).await;
    let on = operate(&fanfare, &format!("/webhooks/{endpoint}/enable")).await;
    assert_eq!(on.status, 200, "{}", on.body);
    fanfare.system.embedded().sqs().tick();
    receiver.wait_for(1).await;
    pass(&fanfare, &clock, DAY * 3).await;
    fanfare.until(&delivery, stands("delivered")).await;
    // Nothing is owed any more, so the end comes.
    pass(&fanfare, &clock, DAY * 10).await;
    assert_eq!(fanfare.get(&delivery).await.status, 404);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_on_its_last_day_is_kept_for_ten_more() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = failing(1).await;
    let wanted = json!({ "retrySchedule": [600_000], "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    let admin = fanfare.admin();
    let settings = json!({ "retentionDays": 10 }).to_string();
    let set = fanfare.call(&admin, "PUT", "/settings", &settings, &[]);
    assert_eq!(set.await.status, 200);
    // Until fan-out has heard of it.
    clock.advance(Duration::from_secs(60));
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    receiver.wait_for(1).await;
    let delivery = only(&fanfare, &endpoint, "pending").await;
    operate(&fanfare, &format!("/webhooks/{endpoint}/disable")).await;
    pass(&fanfare, &clock, Duration::from_secs(730_000)).await;
    let parked = fanfare.until(&delivery, stands("parked")).await;
    assert_eq!(ends(&parked), clock.now().after(DAY * 10));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_always_asks_for_ten_hours_more_gets_every_try() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let admin = fanfare.admin();
    let settings = json!({ "retentionDays": 10 }).to_string();
    let set = fanfare.call(&admin, "PUT", "/settings", &settings, &[]);
    assert_eq!(set.await.status, 200);
    // Others get through in between, or the endpoint would be disabled for failing.
    let receiver = Receiver::start(|webhook: &Received, before| {
        if webhook.id() == "owed" && before < 20 {
            Scripted::from(500).header("retry-after", "36000")
        } else {
            Scripted::from(200)
        }
    })
    .await;
    let mut schedule = vec![1_000; 19];
    schedule.push(600_000);
    let wanted = json!({ "retrySchedule": schedule, "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    let owed = json!({ "id": "owed", "event": "a.b", "data": {} });
    fanfare.report(&owed).await;
    receiver.wait_for(1).await;
    let delivery = only(&fanfare, &endpoint, "pending").await;
    for tries in 1..=20 {
        receiver.wait_for(tries * 2 - 1).await;
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
        receiver.wait_for(tries * 2).await;
        if tries < 20 {
            pass(&fanfare, &clock, HOUR * 10 + HOUR / 6).await;
        }
    }
    pass(&fanfare, &clock, Duration::from_secs(725_000)).await;
    fanfare.until(&delivery, stands("delivered")).await;
    fanfare.system.stop().await;
}

/// Deletes what the table forgets of an event: all items whose sort key begins so.
async fn forget(fanfare: &Fanfare, event: &str, sk: &str) {
    let table = &fanfare.system.template().tables[0].name;
    let dynamodb = fanfare.system.aws().dynamodb();
    let scanned = dynamodb.scan().table_name(table).send().await.unwrap();
    let of_event = AttributeValue::S(format!("E#demo#{event}"));
    let mut forgotten = 0;
    for item in scanned.items() {
        if item["pk"] == of_event && item["sk"].as_s().unwrap().starts_with(sk) {
            let delete = dynamodb.delete_item().table_name(table);
            let delete = delete.key("pk", item["pk"].clone());
            delete.key("sk", item["sk"].clone()).send().await.unwrap();
            forgotten += 1;
        }
    }
    assert_eq!(forgotten, 1, "{event} {sk}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_event_is_a_dead_letter_and_refused_in_words() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = failing(9).await;
    let wanted = json!({ "retrySchedule": [3_600], "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    let event = json!({ "id": "gone", "event": "a.b", "data": large() });
    fanfare.report(&event).await;
    receiver.wait_for(1).await;
    let delivery = only(&fanfare, &endpoint, "pending").await;
    // The body alone: the table forgets item by item.
    forget(&fanfare, "gone", "B#").await;
    pass(&fanfare, &clock, HOUR * 2).await;
    let dead = fanfare.until(&delivery, stands("dead")).await;
    assert_eq!(dead.text("/attempts/1/reason"), "event_expired");
    let replay = format!("{delivery}/replay");
    let refused = operate(&fanfare, &replay).await;
    assert_eq!((refused.status, refused.problem()), (409, "wrong-state"));
    let detail = refused.text("/detail");
    assert!(
        detail.contains("event of this delivery is forgotten"),
        "{detail}"
    );
    assert_eq!(fanfare.get("/events/gone").await.status, 404);
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 1);
}
