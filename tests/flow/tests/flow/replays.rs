//! Jobs that send many deliveries again.

use std::time::Duration;

use aws_local::Service;
use domain::id::{EndpointId, NetworkId, ReplayId};
use serde_json::{Value, json};
use store::{DeliveryFilter, Order, Round};
use testkit::{ManualClock, Receiver};

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::retry::{START, advance, fanfare_at};

/// Reports this many events and waits until their deliveries are listed in a status.
async fn report_many(fanfare: &Fanfare, list: &str, count: usize) {
    let events: Vec<_> = (0..count)
        .map(|n| json!({ "id": format!("e{n}"), "event": if n % 2 == 0 { "a.b" } else { "c.d" }, "data": {} }))
        .collect();
    let accepted = fanfare
        .post(&fanfare.producer(), "/events", &json!(events))
        .await;
    assert_eq!(accepted.status, 202);
    let all = |a: &Answer| {
        a.body["items"]
            .as_array()
            .is_some_and(|items| items.len() == count)
    };
    fanfare.until(&format!("{list}&limit=200"), all).await;
}

/// An endpoint with this many parked deliveries, enabled again without resuming them.
pub(crate) async fn with_parked(fanfare: &Fanfare, receiver: &Receiver, count: usize) -> String {
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    operate(fanfare, &format!("{path}/disable")).await;
    report_many(fanfare, &format!("{path}/deliveries?status=parked"), count).await;
    // Whoever parks one looks at the endpoint once more, and resumes it if that is enabled by then.
    fanfare.system.embedded().sqs().idle().await;
    let quiet = json!({ "resume": false });
    let on = fanfare
        .post(&fanfare.admin(), &format!("{path}/enable"), &quiet)
        .await;
    assert_eq!((on.status, &on.body["resumes"]), (200, &Value::Null));
    let seen = fanfare.get(&path).await;
    let waiting = &seen.body["waiting"];
    let told = ["pending", "parked", "complete"].map(|name| waiting[name].clone());
    assert_eq!(told, [json!(0), json!(count), json!(true)], "{waiting}");
    endpoint
}

async fn replay(fanfare: &Fanfare, endpoint: &str, wanted: &Value) -> Answer {
    let path = format!("/webhooks/{endpoint}/replays");
    fanfare.post(&fanfare.admin(), &path, wanted).await
}

pub(crate) async fn ended(fanfare: &Fanfare, made: &Answer, status: &str) -> Answer {
    let path = format!(
        "/webhooks/{}/replays/{}",
        made.text("/endpointId"),
        made.text("/id")
    );
    fanfare.until(&path, |a| a.body["status"] == status).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_sends_what_was_asked_for_at_its_rate_and_a_repeated_page_sends_nothing_twice() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 60).await;
    let path = format!("/webhooks/{endpoint}");
    clock.advance(Duration::from_secs(60));

    let wanted =
        json!({ "since": "2027-01-01T00:00:00Z", "eventTypes": ["a.*"], "ratePerSecond": 2 });
    let job = replay(&fanfare, &endpoint, &wanted).await;
    assert_eq!((job.status, job.text("/status").as_str()), (202, "queued"));
    let location = job.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(
        location,
        format!("/v1/networks/demo{path}/replays/{}", job.text("/id"))
    );
    // The first page is ten seconds' worth.
    let first = fanfare
        .until(&format!("{path}/replays/{}", job.text("/id")), |a| {
            a.body["replayed"] == 20
        })
        .await;
    assert_eq!(first.text("/status"), "running");
    receiver.wait_for(2).await;
    // A message that is received twice, or late, finds the page done.
    let message =
        json!({ "networkId": "demo", "endpointId": endpoint, "replayId": job.text("/id") });
    let queue = "http://sqs.local/000000000000/ReplayQueue";
    let calls = || {
        fanfare
            .system
            .embedded()
            .calls()
            .count(Service::DynamoDb, "Query")
    };
    let before = calls();
    for _ in 0..3 {
        let sqs = fanfare.system.aws().sqs();
        let call = sqs.send_message().queue_url(queue);
        call.message_body(message.to_string()).send().await.unwrap();
    }
    for _ in 0..200 {
        if calls() > before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..15 {
        advance(&fanfare, &clock, Duration::from_secs(1)).await;
    }
    let done = ended(&fanfare, &job, "done").await;
    let counts = ["found", "replayed", "skipped"].map(|name| done.body[name].as_u64().unwrap());
    assert_eq!(counts, [30, 30, 0]);
    for _ in 0..15 {
        advance(&fanfare, &clock, Duration::from_secs(1)).await;
    }
    receiver.wait_for(30).await;
    let left = fanfare
        .get(&format!("{path}/deliveries?status=parked"))
        .await;
    assert_eq!(
        left.body["items"].as_array().unwrap().len(),
        30,
        "c.d was not asked for"
    );
    advance(&fanfare, &clock, Duration::from_secs(3_600)).await;
    let listed = fanfare.get(&format!("{path}/replays?limit=1")).await;
    assert_eq!(listed.text("/items/0/id"), job.text("/id"));
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 30, "each once, none twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_takes_back_what_was_not_sent_yet_and_says_how_many() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 25).await;
    let path = format!("/webhooks/{endpoint}");
    clock.advance(Duration::from_secs(60));
    let slow = json!({ "since": "2027-01-01T00:00:00Z", "ratePerSecond": 1 });
    let job = replay(&fanfare, &endpoint, &slow).await;
    let progress = format!("{path}/replays/{}", job.text("/id"));
    // Ten are queued, a second apart, and the clock stands still.
    let first = fanfare
        .until(&progress, |a| a.body["outcome"]["delivered"] == 1)
        .await;
    assert_eq!(
        (&first.body["replayed"], &first.body["outcome"]["pending"]),
        (&json!(10), &json!(9))
    );
    let cancelled = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    let counts =
        ["found", "replayed", "takenBack", "skipped"].map(|name| cancelled.body[name].clone());
    assert_eq!(counts, [json!(10), json!(10), json!(9), json!(0)]);
    assert_eq!(
        cancelled.body["outcome"],
        json!({ "delivered": 1, "dead": 0, "pending": 0, "parked": 0, "discarded": 0, "takenBack": 9, "complete": true })
    );
    let told = cancelled.text("/explanation");
    assert!(
        told.contains("9 of the queued ones were taken back"),
        "{told}"
    );
    let listed = format!("{path}/deliveries?replay={}", job.text("/id"));
    let sent = fanfare.get(&listed).await;
    assert_eq!(sent.body["items"].as_array().unwrap().len(), 1);
    let parked = format!("{path}/deliveries?status=parked");
    let mut back = fanfare.get(&parked).await;
    let items = back.body["items"].as_array_mut().unwrap();
    items.retain(|item| item["parked"]["reason"] == "replay_cancelled");
    assert_eq!(items.len(), 9);
    let told = back.text("/items/0/explanation");
    assert!(told.contains("cancelled"), "{told}");

    // Their messages come and find nothing to do, although the endpoint is enabled.
    for _ in 0..15 {
        advance(&fanfare, &clock, Duration::from_secs(1)).await;
        fanfare.system.embedded().sqs().idle().await;
    }
    assert_eq!(receiver.received().len(), 1);
    let again = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!((again.status, &again.body["takenBack"]), (200, &json!(9)));
    let seen = fanfare.get(&path).await;
    assert_eq!(seen.body["waiting"]["parked"], 24);
    let told = seen.text("/waiting/explanation");
    assert_eq!(
        told,
        "0 deliveries wait for an attempt, 24 are parked; replay or discard what is parked"
    );

    // One of them by hand, and all by another job, which a cancel of the first leaves alone.
    let one = format!("/deliveries/{}/replay", back.text("/items/0/id"));
    assert_eq!(operate(&fanfare, &one).await.status, 202);
    receiver.wait_for(2).await;
    let all = json!({ "since": "2027-01-01T00:00:00Z", "status": ["delivered", "parked"] });
    let other = replay(&fanfare, &endpoint, &all).await;
    ended(&fanfare, &other, "done").await;
    operate(&fanfare, &format!("{progress}/cancel")).await;
    let arrived = format!("{path}/replays/{}", other.text("/id"));
    let arrived = fanfare
        .until(&arrived, |a| a.body["outcome"]["delivered"] == 25)
        .await;
    assert!(
        arrived
            .text("/explanation")
            .starts_with("every delivery was looked at")
    );
    receiver.wait_for(27).await;
    let bad = fanfare.get(&format!("{path}/deliveries?replay=1")).await;
    assert_eq!(
        (bad.status, bad.text("/errors/0/field").as_str()),
        (422, "replay")
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_can_be_cancelled_and_ends_by_itself_when_nothing_can_be_sent() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 40).await;
    let path = format!("/webhooks/{endpoint}");
    clock.advance(Duration::from_secs(60));
    let slow = json!({ "since": "2027-01-01T00:00:00Z", "ratePerSecond": 1 });

    let job = replay(&fanfare, &endpoint, &slow).await;
    let progress = format!("{path}/replays/{}", job.text("/id"));
    fanfare.until(&progress, |a| a.body["replayed"] == 10).await;
    let cancelled = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(cancelled.text("/status"), "cancelled");
    let again = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(
        (again.status, again.text("/status").as_str()),
        (200, "cancelled")
    );

    let other = replay(&fanfare, &endpoint, &slow).await;
    let progress = format!("{path}/replays/{}", other.text("/id"));
    fanfare.until(&progress, |a| a.body["replayed"] == 10).await;
    operate(&fanfare, &format!("{path}/disable")).await;
    for _ in 0..12 {
        advance(&fanfare, &clock, Duration::from_secs(1)).await;
    }
    let failed = ended(&fanfare, &other, "failed").await;
    assert!(
        failed.text("/explanation").contains("disabled"),
        "{}",
        failed.body
    );
    let late = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!((late.status, late.problem()), (409, "wrong-state"));
    let still = fanfare
        .get(&format!("{path}/replays/{}", job.text("/id")))
        .await;
    assert_eq!(
        (still.text("/status").as_str(), &still.body["replayed"]),
        ("cancelled", &json!(10))
    );

    // What a job cannot be.
    for (wanted, field) in [
        (json!({ "since": "soon" }), "since"),
        (
            json!({ "since": "2027-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z" }),
            "since",
        ),
        (
            json!({ "since": "2027-01-01T00:00:00Z", "status": ["pending"] }),
            "status",
        ),
        (
            json!({ "since": "2027-01-01T00:00:00Z", "ratePerSecond": 501 }),
            "ratePerSecond",
        ),
        (
            json!({ "since": "2027-01-01T00:00:00Z", "eventTypes": ["a..b"] }),
            "eventTypes",
        ),
    ] {
        let refused = replay(&fanfare, &endpoint, &wanted).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (422, "invalid-fields"),
            "{wanted}"
        );
        assert_eq!(refused.text("/errors/0/field"), field);
    }
    let refused = replay(&fanfare, &endpoint, &slow).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (409, "endpoint-disabled")
    );
    let nobody = fanfare
        .get(&format!("{path}/replays/rpl_01JD8Z6V5QK3M7N9P2R4S6T8V0"))
        .await;
    assert_eq!((nobody.status, nobody.problem()), (404, "not-found"));
    fanfare.system.stop().await;
}

fn table(fanfare: &Fanfare) -> store::Store {
    let table = &fanfare.system.template().tables[0].name;
    store::Store::new(fanfare.system.aws().dynamodb(), table)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_done_can_be_cancelled_as_long_as_what_it_queued_is_not_sent() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 5).await;
    clock.advance(Duration::from_secs(60));
    let slow = json!({ "since": "2027-01-01T00:00:00Z", "ratePerSecond": 1 });
    let job = replay(&fanfare, &endpoint, &slow).await;
    let progress = format!("/webhooks/{endpoint}/replays/{}", job.text("/id"));
    // One page has them all: the job is done, but only the first is sent.
    let done = fanfare
        .until(&progress, |a| a.body["outcome"]["delivered"] == 1)
        .await;
    assert_eq!(
        (
            done.text("/status").as_str(),
            &done.body["outcome"]["pending"]
        ),
        ("done", &json!(4))
    );
    let cancelled = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    assert_eq!(
        (
            cancelled.text("/status").as_str(),
            &cancelled.body["takenBack"]
        ),
        ("cancelled", &json!(4))
    );
    assert_eq!(
        cancelled.body["outcome"],
        json!({ "delivered": 1, "dead": 0, "pending": 0, "parked": 0, "discarded": 0, "takenBack": 4, "complete": true })
    );
    for _ in 0..6 {
        advance(&fanfare, &clock, Duration::from_secs(1)).await;
        fanfare.system.embedded().sqs().idle().await;
    }
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 1);
}

/// A process dies after it queued its page and before it took it back; the message comes again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_queued_for_a_cancelled_job_is_taken_back_when_its_message_returns() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 15).await;
    let path = format!("/webhooks/{endpoint}");
    clock.advance(Duration::from_secs(60));
    let slow = json!({ "since": "2027-01-01T00:00:00Z", "ratePerSecond": 1 });
    let job = replay(&fanfare, &endpoint, &slow).await;
    let progress = format!("{path}/replays/{}", job.text("/id"));
    fanfare
        .until(&progress, |a| a.body["outcome"]["delivered"] == 1)
        .await;
    let cancelled = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(cancelled.body["takenBack"], 9);

    // The last page, as that process left it: the five that were not looked at before.
    let store = table(&fanfare);
    let network = NetworkId::parse("demo").unwrap();
    let of = EndpointId::parse(&endpoint).unwrap();
    let id = ReplayId::parse(&job.text("/id")).unwrap();
    let recorded = store.replay(&network, of, id).await.unwrap().unwrap();
    let all = DeliveryFilter::default();
    let order = Order::OldestFirst(recorded.cursor);
    let rest = store.list_deliveries(&network, of, &all, order, 50).await;
    let rest = rest.unwrap().deliveries;
    assert_eq!(rest.len(), 5);
    let now = clock.now();
    for delivery in &rest {
        let round = Round {
            next: now.after(Duration::from_secs(5)),
            now,
            job: Some(id),
        };
        assert_eq!(
            store.begin_round(delivery, round).await.unwrap(),
            store::Begun::Now
        );
    }
    let seen = fanfare.get(&progress).await;
    assert_eq!(
        seen.body["outcome"]["pending"], 5,
        "the outcome has the page that was under way"
    );
    let message =
        json!({ "networkId": "demo", "endpointId": endpoint, "replayId": job.text("/id") });
    for _ in 0..2 {
        let sqs = fanfare.system.aws().sqs();
        let call = sqs
            .send_message()
            .queue_url("http://sqs.local/000000000000/ReplayQueue");
        call.message_body(message.to_string()).send().await.unwrap();
    }
    let cleared = fanfare
        .until(&progress, |a| {
            a.body["outcome"]["pending"] == 0 && a.body["found"] == 15
        })
        .await;
    let counts = ["replayed", "takenBack"].map(|name| cleared.body[name].clone());
    assert_eq!(counts, [json!(15), json!(14)]);
    fanfare.system.embedded().sqs().idle().await;
    let same = fanfare.get(&progress).await;
    assert_eq!(same.body["found"], 15, "the second message counts nothing");

    // Should the message not come again either, a second cancel reaches the page.
    let delivery = store.delivery(&network, rest[0].id).await.unwrap().unwrap();
    let round = Round {
        next: now,
        now,
        job: Some(id),
    };
    assert_eq!(
        store.begin_round(&delivery, round).await.unwrap(),
        store::Begun::Now
    );
    let again = operate(&fanfare, &format!("{progress}/cancel")).await;
    assert_eq!(again.body["takenBack"], 15);
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 1);
}
