//! Failing receivers, with time driven by the test.

use std::time::Duration;

use local::{Options, Schedules};
use serde_json::json;
use testkit::{ManualClock, Receiver};

use crate::harness::Fanfare;

pub(crate) async fn fanfare_at(clock: &ManualClock) -> Fanfare {
    Fanfare::with(Options {
        clock: clock.clock(),
        schedules: Schedules::OnDemand,
        ..Options::ephemeral()
    })
    .await
}

/// Moves time and lets everything that waits for it look.
pub(crate) async fn advance(fanfare: &Fanfare, clock: &ManualClock, by: Duration) {
    clock.advance(by);
    fanfare.system.embedded().sqs().tick();
    fanfare.system.run_schedule("RetrySweep").await.unwrap();
    fanfare.system.embedded().sqs().tick();
}

pub(crate) const START: u64 = 1_800_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_default_schedule_is_kept_to_the_last_try_and_then_the_delivery_is_dead() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 500_u16).await;
    let (endpoint, secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    fanfare
        .report(&json!({ "id": "doomed", "event": "a.b", "data": {} }))
        .await;

    let deliveries = format!("/webhooks/{endpoint}/deliveries");
    for (made, delay) in [
        (1, 5),
        (2, 300),
        (3, 1800),
        (4, 7200),
        (5, 18_000),
        (6, 36_000),
        (7, 36_000_u64),
    ] {
        receiver.wait_for(made).await;
        let waiting = fanfare
            .until(&deliveries, |a| {
                a.body["items"][0]["attempts"]
                    .as_array()
                    .is_some_and(|attempts| attempts.len() == made)
            })
            .await;
        let item = &waiting.body["items"][0];
        assert_eq!(item["status"], "pending");
        let next = domain::time::Timestamp::parse(item["nextAttemptAt"].as_str().unwrap()).unwrap();
        let wait = next.since(clock.now()).as_secs_f64();
        let delay = f64::from(u32::try_from(delay).unwrap());
        assert!(
            wait >= delay * 0.8 - 1.0 && wait <= delay * 1.2 + 1.0,
            "after try {made} it waits {wait} s"
        );
        // Almost there: nothing happens yet.
        advance(
            &fanfare,
            &clock,
            next.since(clock.now()) - Duration::from_secs(2),
        )
        .await;
        assert_eq!(receiver.received().len(), made);
        // SQS counts whole seconds, so give it one more.
        advance(&fanfare, &clock, Duration::from_secs(4)).await;
    }
    let tries = receiver.wait_for(8).await;
    let dead = fanfare
        .until(&deliveries, |a| a.body["items"][0]["status"] == "dead")
        .await;
    let attempts = dead.body["items"][0]["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 8);
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt["status"] == 500 && attempt["response"]["body"] == "seen")
    );
    assert_eq!(
        fanfare.get(&format!("{deliveries}?status=dead")).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for pair in tries.windows(2) {
        assert_eq!(
            pair[0].id(),
            pair[1].id(),
            "the id stays the same on every try"
        );
        assert_eq!(
            pair[0].body, pair[1].body,
            "so does the body, byte for byte"
        );
        assert!(pair[0].header("webhook-timestamp") < pair[1].header("webhook-timestamp"));
    }
    assert!(tries.iter().all(|webhook| webhook.signed_with(&secret)));
    advance(&fanfare, &clock, Duration::from_secs(400_000)).await;
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 8, "the dead stay dead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_is_found_by_the_sweep_and_the_new_url_is_used() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (bad, good) = (
        Receiver::start(|_, _| 503_u16).await,
        Receiver::accepting().await,
    );
    let (endpoint, secret) = fanfare.endpoint(&bad.url(), &["*"]).await;
    fanfare
        .report(&json!({ "id": "lost", "event": "a.b", "data": {} }))
        .await;
    let deliveries = format!("/webhooks/{endpoint}/deliveries");
    fanfare
        .until(&deliveries, |a| {
            a.body["items"][0]["attempts"]
                .as_array()
                .is_some_and(|attempts| attempts.len() == 1)
        })
        .await;

    // The retry's message vanishes from the queue.
    let queue = fanfare
        .system
        .template()
        .queues
        .iter()
        .find(|queue| queue.name == "RetryQueue")
        .unwrap();
    let url = fanfare
        .system
        .aws()
        .sqs()
        .get_queue_url()
        .queue_name(&queue.name)
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    for _ in 0..100 {
        if fanfare.system.embedded().sqs().counts(&queue.name).delayed == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fanfare
        .system
        .aws()
        .sqs()
        .purge_queue()
        .queue_url(url)
        .send()
        .await
        .unwrap();
    let moved = fanfare
        .call(
            &fanfare.admin(),
            "PATCH",
            &format!("/webhooks/{endpoint}"),
            &json!({ "url": good.url() }).to_string(),
            &[],
        )
        .await;
    assert_eq!(moved.status, 200);
    advance(&fanfare, &clock, Duration::from_secs(300)).await;
    assert_eq!(good.received().len(), 0, "too early to call it lost");
    advance(&fanfare, &clock, Duration::from_secs(400)).await;
    let found = good.wait_for(1).await;
    assert!(found[0].signed_with(&secret));
    fanfare
        .until(&deliveries, |a| a.body["items"][0]["status"] == "delivered")
        .await;
    fanfare.system.stop().await;
    assert_eq!((bad.received().len(), good.received().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_come_back_and_what_never_works_becomes_a_visible_death() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, before| if before == 0 { 500_u16 } else { 200 }).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let sqs = fanfare.system.aws().sqs();
    let dead_letters = |name: &str| format!("http://sqs.local/000000000000/{name}DeadLetterQueue");

    // An event that could not be fanned out for long.
    let event = json!({ "networkId": "demo", "id": "back", "event": "a.b", "data": {} });
    let call = sqs.send_message().queue_url(dead_letters("Events"));
    call.message_body(event.to_string()).send().await.unwrap();
    let events = "EventsQueue";
    for _ in 0..200 {
        if fanfare.system.embedded().sqs().counts(events).delayed == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    advance(&fanfare, &clock, Duration::from_secs(901)).await;
    receiver.wait_for(1).await;
    let deliveries = format!("/webhooks/{endpoint}/deliveries");
    let tried = |a: &crate::harness::Answer| a.body["items"][0]["attempts"][0].is_object();
    let waiting = fanfare.until(&deliveries, tried).await;

    // Its retry's message fails for ever: twenty times it is made due again, then it is dead.
    let id = waiting.text("/items/0/id");
    fail_for_ever(&fanfare, &id, "back", 2, 21).await;
    let dead = fanfare
        .until(&deliveries, |a| a.body["items"][0]["status"] == "dead")
        .await;
    assert_eq!(
        dead.text("/items/0/attempts/1/reason"),
        "could_not_be_attempted"
    );
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 1);
}

/// The message for one attempt of a delivery ends as a dead letter, so often, one after the other.
async fn fail_for_ever(fanfare: &Fanfare, delivery: &str, event: &str, attempt: u32, times: u32) {
    let message = json!({
        "networkId": "demo", "deliveryId": delivery, "eventId": event,
        "attempt": attempt, "endpointVersion": 0
    });
    let sqs = fanfare.system.aws().sqs();
    for _ in 0..times {
        let call = sqs.send_message().message_body(message.to_string());
        let call = call.queue_url("http://sqs.local/000000000000/WebhookDeadLetterQueue");
        call.send().await.unwrap();
    }
    // Dead-letter queues do not count for that, and what is still in one when the clock moves on is
    // received once more.
    let letters = || {
        fanfare
            .system
            .embedded()
            .sqs()
            .counts("WebhookDeadLetterQueue")
    };
    let mut looks = 0;
    while letters().visible + letters().in_flight > 0 {
        looks += 1;
        assert!(looks < 2_000, "the dead letters are not worked on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fanfare.system.embedded().sqs().idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_one_attempt_is_over_when_it_is_made() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 500_u16).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let event = json!({ "id": "bumpy", "event": "a.b", "data": {} });
    fanfare.report(&event).await;
    let deliveries = format!("/webhooks/{endpoint}/deliveries");
    let made = |times: usize| {
        move |a: &crate::harness::Answer| {
            let attempts = a.body["items"][0]["attempts"].as_array();
            attempts.is_some_and(|attempts| attempts.len() == times)
        }
    };
    let first = fanfare.until(&deliveries, made(1)).await;
    let id = first.text("/items/0/id");
    // As often as there is hope, and then the attempt is made after all.
    fail_for_ever(&fanfare, &id, "bumpy", 2, 20).await;
    advance(&fanfare, &clock, Duration::from_secs(300)).await;
    receiver.wait_for(2).await;
    fanfare.until(&deliveries, made(2)).await;
    // So there is as much hope for the next one, and no death for what comes too late.
    fail_for_ever(&fanfare, &id, "bumpy", 2, 2).await;
    fail_for_ever(&fanfare, &id, "bumpy", 3, 20).await;
    let waiting = fanfare.until(&deliveries, made(2)).await;
    fanfare.system.stop().await;
    assert_eq!(
        waiting.text("/items/0/status"),
        "pending",
        "{}",
        waiting.body
    );
}
