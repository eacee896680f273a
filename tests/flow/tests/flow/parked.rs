//! Deliveries that are set aside, sent again, and given up.

use std::collections::HashSet;
use std::time::Duration;

use local::{Options, Schedules};
use serde_json::{Value, json};
use testkit::{ManualClock, Receiver};

use crate::harness::{Answer, Fanfare};
use crate::replays::{ended, with_parked};
use crate::retry::{START, advance, fanfare_at};

/// Calls one of the operations that take no body.
pub(crate) async fn operate(fanfare: &Fanfare, path: &str) -> Answer {
    fanfare.call(&fanfare.admin(), "POST", path, "", &[]).await
}

fn ids(page: &Answer) -> Vec<String> {
    let items = page.body["items"].as_array().unwrap().iter();
    items
        .map(|item| item["eventId"].as_str().unwrap().to_owned())
        .collect()
}

fn tried(count: usize) -> impl Fn(&Answer) -> bool {
    move |a| {
        let attempts = a.body["items"][0]["attempts"].as_array();
        attempts.is_some_and(|attempts| attempts.len() == count)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_to_a_disabled_endpoint_is_parked_costs_nothing_and_says_why() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, before| if before == 0 { 500_u16 } else { 200 }).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    let deliveries = format!("{path}/deliveries");
    fanfare
        .report(&json!({ "id": "failed-once", "event": "a.b", "data": {} }))
        .await;
    fanfare.until(&deliveries, tried(1)).await;

    let disable = format!("{path}/disable");
    let long = json!({ "reason": "x".repeat(257) });
    let refused = fanfare.post(&fanfare.admin(), &disable, &long).await;
    assert_eq!((refused.status, refused.problem()), (422, "invalid-fields"));
    let reason = json!({ "reason": "maintenance" });
    let off = fanfare.post(&fanfare.admin(), &disable, &reason).await;
    assert_eq!((off.status, &off.body["enabled"]), (200, &json!(false)));
    assert_eq!(off.text("/disabled/reason"), "maintenance");
    let again = operate(&fanfare, &disable).await;
    assert_eq!(again.text("/disabled/reason"), "maintenance");

    // One was pending, one is new: both are kept, and neither uses up a try.
    advance(&fanfare, &clock, Duration::from_secs(10)).await;
    fanfare
        .report(&json!({ "id": "new", "event": "c.d", "data": {} }))
        .await;
    let parked = fanfare
        .until(&format!("{deliveries}?status=parked"), |a| {
            ids(a) == ["new", "failed-once"]
        })
        .await;
    for item in parked.body["items"].as_array().unwrap() {
        assert_eq!(item["parked"]["reason"], "maintenance");
        let told = item["explanation"].as_str().unwrap();
        assert!(told.contains("maintenance"), "{told}");
        assert_eq!(item["nextAttemptAt"], Value::Null);
    }
    assert_eq!(parked.body["items"][1]["attemptCount"], 1);
    let event = fanfare.get("/events/new").await;
    assert_eq!(event.text("/destinations/0/status"), "parked");

    // Days later nobody has looked at them.
    let calls = || fanfare.system.embedded().calls();
    let updates = || calls().count(aws_local::Service::DynamoDb, "UpdateItem");
    let before = updates();
    advance(&fanfare, &clock, Duration::from_secs(400_000)).await;
    assert_eq!(before, updates(), "parked deliveries are not swept");
    assert_eq!(receiver.received().len(), 1);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_enabled_again_starts_as_a_healthy_one() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::start(|_, _| 410_u16).await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let off = fanfare.until(&path, |a| a.body["enabled"] == false).await;
    assert_eq!(off.text("/disabled/reason"), "gone");
    assert!(off.text("/disabled/explanation").contains("410"));
    assert_eq!(off.body["health"]["failures"], 1);
    let on = operate(&fanfare, &format!("{path}/enable")).await;
    assert_eq!((on.status, &on.body["enabled"]), (200, &json!(true)));
    let seen = fanfare.get(&path).await;
    assert_eq!(seen.body["health"]["failures"], 0);
    assert_eq!(seen.body["disabled"], Value::Null);
    let nobody = operate(&fanfare, "/webhooks/ep_01JD8Z6V5QK3M7N9P2R4S6T8V0/enable").await;
    assert_eq!((nobody.status, nobody.problem()), (404, "not-found"));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_a_new_round_to_the_url_of_today_with_the_same_id() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let bad = Receiver::start(|_, _| 500_u16).await;
    // Fails once more after the replay, so that the new round's schedule is seen.
    let good = Receiver::start(|_, before| if before == 0 { 500_u16 } else { 200 }).await;
    let made = json!({ "url": bad.url(), "retrySchedule": [5] });
    let made = fanfare.post(&fanfare.admin(), "/webhooks", &made).await;
    let (endpoint, secret) = (made.text("/id"), made.text("/secret"));
    let path = format!("/webhooks/{endpoint}");
    let deliveries = format!("{path}/deliveries");
    fanfare
        .report(&json!({ "id": "again", "event": "a.b", "data": { "n": 1 } }))
        .await;
    let pending = fanfare.until(&deliveries, tried(1)).await;
    let delivery = format!("/deliveries/{}", pending.text("/items/0/id"));
    let replay = format!("{delivery}/replay");
    let discard = format!("{delivery}/discard");
    for operation in [&replay, &discard] {
        let early = operate(&fanfare, operation).await;
        assert_eq!((early.status, early.problem()), (409, "wrong-state"));
        assert!(early.text("/detail").contains("pending"), "{}", early.body);
    }
    advance(&fanfare, &clock, Duration::from_secs(10)).await;
    fanfare
        .until(&delivery, |a| a.body["status"] == "dead")
        .await;

    let moved = json!({ "url": good.url() }).to_string();
    let moved = fanfare
        .call(&fanfare.admin(), "PATCH", &path, &moved, &[])
        .await;
    assert_eq!(moved.status, 200);
    let replayed = operate(&fanfare, &replay).await;
    assert_eq!(
        (replayed.status, replayed.text("/status").as_str()),
        (202, "pending")
    );
    let waiting = fanfare
        .until(&delivery, |a| a.body["attemptCount"] == 3)
        .await;
    assert_eq!(
        waiting.text("/status"),
        "pending",
        "the schedule starts over"
    );
    advance(&fanfare, &clock, Duration::from_secs(10)).await;
    let done = fanfare
        .until(&delivery, |a| a.body["status"] == "delivered")
        .await;
    let numbers: Vec<_> = done.body["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let all: Vec<_> = bad.received().into_iter().chain(good.received()).collect();
    assert_eq!((bad.received().len(), good.received().len()), (2, 2));
    for webhook in &all {
        assert_eq!((webhook.id(), &webhook.body), ("again", &all[0].body));
        assert!(webhook.signed_with(&secret));
    }

    // A delivered one too; but not while the endpoint is disabled.
    operate(&fanfare, &format!("{path}/disable")).await;
    let refused = operate(&fanfare, &replay).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (409, "endpoint-disabled")
    );
    operate(&fanfare, &format!("{path}/enable")).await;
    assert_eq!(operate(&fanfare, &replay).await.status, 202);
    good.wait_for(3).await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_delivery_is_given_up_for_good_and_lists_are_filtered() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    operate(&fanfare, &format!("{path}/disable")).await;
    let mut times = Vec::new();
    for (id, event) in [("one", "a.b"), ("two", "a.c"), ("three", "x.y")] {
        times.push(clock.now().to_string());
        fanfare
            .report(&json!({ "id": id, "event": event, "data": {} }))
            .await;
        let list = format!("{path}/deliveries");
        fanfare
            .until(&list, |a| ids(a).first().is_some_and(|first| first == id))
            .await;
        clock.advance(Duration::from_secs(60));
    }
    let list = async |query: &str| {
        let page = fanfare.get(&format!("{path}/deliveries?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.body);
        ids(&page)
    };
    let all = fanfare.get(&format!("{path}/deliveries")).await;
    let delivery = format!("/deliveries/{}", all.text("/items/1/id"));
    let discarded = operate(&fanfare, &format!("{delivery}/discard")).await;
    assert_eq!(discarded.text("/status"), "discarded");
    assert_eq!(discarded.text("/discardedAt"), clock.now().to_string());
    for operation in ["replay", "discard"] {
        let late = operate(&fanfare, &format!("{delivery}/{operation}")).await;
        assert_eq!((late.status, late.problem()), (409, "wrong-state"));
    }
    for (query, expected) in [
        ("status=parked".to_owned(), vec!["three", "one"]),
        ("status=discarded".to_owned(), vec!["two"]),
        (
            "status=discarded,parked&eventType=a.*".to_owned(),
            vec!["two", "one"],
        ),
        ("eventType=a.c,x.y".to_owned(), vec!["three", "two"]),
        (format!("since={}", times[1]), vec!["three", "two"]),
        (format!("until={}", times[1]), vec!["one"]),
        (
            format!("since={}&until={}", times[1], times[2]),
            vec!["two"],
        ),
        (format!("since={}&until={}", times[2], times[0]), vec![]),
    ] {
        assert_eq!(list(&query).await, expected, "{query}");
    }
    for (query, field) in [
        ("status=lost", "status"),
        ("eventType=a..b", "eventType"),
        ("since=yesterday", "since"),
    ] {
        let refused = fanfare.get(&format!("{path}/deliveries?{query}")).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid-fields"));
        assert_eq!(refused.text("/errors/0/field"), field);
    }
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_replayed_very_often_keeps_its_latest_attempts() {
    let fanfare = Fanfare::with(Options {
        schedules: Schedules::OnDemand,
        ..Options::ephemeral()
    })
    .await;
    let receiver = Receiver::accepting().await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let delivered = fanfare
        .until(&format!("/webhooks/{endpoint}/deliveries"), |a| {
            a.body["items"][0]["status"] == "delivered"
        })
        .await;
    let delivery = format!("/deliveries/{}", delivered.text("/items/0/id"));
    for count in 2..=45 {
        let again = operate(&fanfare, &format!("{delivery}/replay")).await;
        assert_eq!(again.status, 202, "{}", again.body);
        fanfare
            .until(&delivery, |a| {
                a.body["status"] == "delivered" && a.body["attemptCount"] == count
            })
            .await;
    }
    let last = fanfare.get(&delivery).await;
    let attempts = last.body["attempts"].as_array().unwrap();
    assert_eq!(
        attempts.len(),
        41,
        "forty of the rounds before, and this one"
    );
    assert_eq!(attempts[40]["number"], 45);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_letters_of_all_endpoints_are_one_list() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let aborting = Receiver::start(|_, _| {
        testkit::Scripted::from(500).header("webhook-delivery", "abort-message")
    })
    .await;
    let fine = Receiver::accepting().await;
    let mut endpoints = Vec::new();
    for url in [aborting.url(), fine.url(), aborting.url()] {
        endpoints.push(fanfare.endpoint(&url, &["*"]).await.0);
        clock.advance(Duration::from_millis(10));
    }
    for n in 0..3 {
        let event = json!({ "id": format!("e{n}"), "event": "a.b", "data": {} });
        fanfare.report(&event).await;
        clock.advance(Duration::from_millis(10));
    }
    let dead = "/deliveries?status=dead";
    let all = fanfare.until(dead, |a| ids(a).len() == 6).await;
    assert_eq!(ids(&all), ["e2", "e1", "e0", "e2", "e1", "e0"]);
    let of: Vec<_> = (0..6)
        .map(|n| all.text(&format!("/items/{n}/endpointId")))
        .collect();
    assert_eq!((&of[0], &of[5]), (&endpoints[0], &endpoints[2]));
    assert_eq!(all.body["nextCursor"], Value::Null);

    // Page by page the same, across endpoints, also when a page ends with an endpoint.
    for limit in [1, 2, 3, 4] {
        let mut seen = Vec::new();
        let mut path = format!("{dead}&limit={limit}");
        for _ in 0..20 {
            let page = fanfare.get(&path).await;
            let items = page.body["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            seen.extend(items.iter().cloned());
            let Some(next) = page.body["nextCursor"].as_str() else {
                break;
            };
            path = format!("{dead}&limit={limit}&cursor={next}");
        }
        assert_eq!(Value::Array(seen), all.body["items"], "{limit} a page");
    }
    let none = fanfare.get("/deliveries?status=dead&eventType=x.*").await;
    assert_eq!(none.body["items"], json!([]));
    for (query, field) in [
        ("status=lost", "status"),
        ("cursor=1", "cursor"),
        ("replay=1", "replay"),
    ] {
        let refused = fanfare.get(&format!("/deliveries?{query}")).await;
        assert_eq!(
            (refused.status, refused.text("/errors/0/field").as_str()),
            (422, field)
        );
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_resumes_what_was_parked_once_and_may_leave_it_parked() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 30).await;
    let path = format!("/webhooks/{endpoint}");
    let enable = format!("{path}/enable");
    let parked = fanfare
        .get(&format!("{path}/deliveries?status=parked"))
        .await;
    assert_eq!(parked.body["items"].as_array().unwrap().len(), 30);
    assert_eq!(receiver.received().len(), 0);

    let on = operate(&fanfare, &enable).await;
    assert_eq!(on.status, 200, "{}", on.body);
    let job = Answer {
        body: on.body["resumes"].clone(),
        ..on
    };
    assert_eq!(job.body["deliveriesIn"], json!(["parked"]));
    let done = ended(&fanfare, &job, "done").await;
    assert_eq!(
        (&done.body["found"], &done.body["replayed"]),
        (&json!(30), &json!(30))
    );
    let webhooks = receiver.wait_for(30).await;
    let ids: HashSet<_> = webhooks.iter().map(testkit::Received::id).collect();
    assert_eq!(ids.len(), 30);
    let list = format!("{path}/deliveries?status=delivered");
    let all = |a: &Answer| {
        a.body["items"]
            .as_array()
            .is_some_and(|items| items.len() == 30)
    };
    fanfare.until(&list, all).await;
    // PATCH does the same.
    fanfare
        .call(
            &fanfare.admin(),
            "PATCH",
            &path,
            r#"{"enabled":false}"#,
            &[],
        )
        .await;
    fanfare
        .report(&json!({ "id": "late", "event": "a.b", "data": {} }))
        .await;
    let one = |a: &Answer| a.text("/items/0/status") == "parked";
    fanfare.until(&format!("{path}/deliveries"), one).await;
    fanfare
        .call(&fanfare.admin(), "PATCH", &path, r#"{"enabled":true}"#, &[])
        .await;
    receiver.wait_for(31).await;
    fanfare.system.stop().await;
}

/// As when the answer of the first request failed, after the endpoint was enabled and before what is
/// parked was resumed.
#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_enables_once_more_resumes_what_is_parked() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let endpoint = with_parked(&fanfare, &receiver, 3).await;
    let path = format!("/webhooks/{endpoint}");
    let on = r#"{"enabled":true}"#;
    let on = fanfare
        .call(&fanfare.admin(), "PATCH", &path, on, &[])
        .await;
    assert_eq!(on.status, 200, "{}", on.body);
    receiver.wait_for(3).await;
    fanfare.system.stop().await;
}
