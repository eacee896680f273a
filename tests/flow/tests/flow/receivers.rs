//! What receivers can say back, and how they are spared.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{ManualClock, Receiver, Scripted};

use crate::harness::Fanfare;
use crate::retry::{START, advance, fanfare_at};
use crate::sending::made;

async fn first_delivery(fanfare: &Fanfare, endpoint: &str, good: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/webhooks/{endpoint}/deliveries");
    let seen = fanfare.until(&path, |a| good(&a.body["items"][0])).await;
    seen.body["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_are_obeyed_and_whoever_subscribed_is_told() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let told = Receiver::accepting().await;
    let (operator, _) = fanfare
        .endpoint(&told.url(), &["endpoint.*", "attempt.exhausted"])
        .await;
    let receiver = Receiver::start(|webhook, _| match webhook.id() {
        "gone" => Scripted::from(410),
        "abort" => Scripted::from(500).header("webhook-delivery", "abort-message"),
        "busy" => Scripted::from(503).header("retry-after", "120"),
        _ => Scripted::from(200),
    })
    .await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let report = |id| json!({ "id": id, "event": "a.b", "data": {} });
    // Fan-out tells batches apart by the clock, which does not stand still outside of tests.
    clock.advance(Duration::from_millis(10));

    fanfare.report(&report("abort")).await;
    let dead = first_delivery(&fanfare, &endpoint, |d| d["status"] == "dead").await;
    assert_eq!(dead["attempts"][0]["reason"], "receiver_aborted");

    fanfare.report(&report("busy")).await;
    let waits = first_delivery(&fanfare, &endpoint, |d| d["nextAttemptAt"].is_string()).await;
    let next = domain::time::Timestamp::parse(waits["nextAttemptAt"].as_str().unwrap()).unwrap();
    assert_eq!(next.since(clock.now()), Duration::from_secs(120));

    fanfare.report(&report("gone")).await;
    let path = format!("/webhooks/{endpoint}");
    let disabled = fanfare.until(&path, |a| a.body["enabled"] == false).await;
    assert_eq!(disabled.body["disabled"]["reason"], "gone");

    // The operator hears of others, of what names it subscribed to, and never of itself.
    let news = told.wait_for(2).await;
    let mut names: Vec<_> = Vec::new();
    for webhook in &news {
        let body: Value = serde_json::from_slice(&webhook.body).unwrap();
        assert_ne!(body["data"]["endpointId"], operator.as_str());
        assert_eq!(body["data"]["endpointId"], endpoint.as_str());
        names.push(body["event"].as_str().unwrap().to_owned());
    }
    names.sort();
    assert!(names.contains(&"endpoint.created".to_owned()), "{names:?}");
    told.wait_for(3).await;
    assert!(
        receiver
            .received()
            .iter()
            .all(|w| !w.body.starts_with(br#"{"event":"endpoint."#))
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_endpoint_is_probed_by_one_webhook_at_a_time_and_tries_are_not_used_up() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let broken = Arc::new(AtomicBool::new(true));
    let receiver = Receiver::start({
        let broken = Arc::clone(&broken);
        move |_, _| {
            if broken.load(Ordering::SeqCst) {
                500_u16
            } else {
                200
            }
        }
    })
    .await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    for n in 0..10 {
        fanfare
            .report(&json!({ "id": format!("e{n}"), "event": "a.b", "data": {} }))
            .await;
    }
    receiver.wait_for(10).await;
    let open = fanfare
        .until(&path, |a| a.body["health"]["state"] == "open")
        .await;
    assert_eq!(open.body["health"]["failures"], 10);
    for n in 10..30 {
        fanfare
            .report(&json!({ "id": format!("e{n}"), "event": "a.b", "data": {} }))
            .await;
    }
    let pending = format!("{path}/deliveries?status=pending&limit=200");
    fanfare
        .until(&pending, |a| {
            a.body["items"].as_array().is_some_and(|i| i.len() == 30)
        })
        .await;
    // One probe goes, the others wait on.
    advance(&fanfare, &clock, Duration::from_secs(7)).await;
    receiver.wait_for(11).await;
    fanfare
        .until(&path, |a| a.body["health"]["failures"] == 11)
        .await;
    assert_eq!(receiver.received().len(), 11);

    broken.store(false, Ordering::SeqCst);
    for _ in 0..8 {
        advance(&fanfare, &clock, Duration::from_secs(120)).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let delivered = format!("{path}/deliveries?status=delivered&limit=200");
    let all = fanfare
        .until(&delivered, |a| {
            a.body["items"].as_array().is_some_and(|i| i.len() == 30)
        })
        .await;
    let tries = |item: &Value| item["attempts"].as_array().unwrap().len();
    assert!(
        all.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| tries(item) <= 3)
    );
    let well = fanfare
        .until(&path, |a| a.body["health"]["state"] == "healthy")
        .await;
    assert_eq!(well.body["health"]["failures"], 0);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_over_all_batches() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let slow = Receiver::holding_after(0).await;
    let (narrow, _) = made(
        &fanfare,
        &slow.url(),
        json!({ "maxInFlight": 2, "eventTypes": ["n.*"] }),
    )
    .await;
    let fast = Receiver::accepting().await;
    let (paced, _) = made(
        &fanfare,
        &fast.url(),
        json!({ "ratePerSecond": 1, "eventTypes": ["p.*"] }),
    )
    .await;
    clock.advance(Duration::from_millis(10));
    for _ in 0..10 {
        fanfare.report(&json!({ "event": "n.x", "data": {} })).await;
        fanfare.report(&json!({ "event": "p.x", "data": {} })).await;
    }
    slow.wait_for(2).await;
    // This second's and the next one's, which is waited for in place.
    fast.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(slow.received().len(), 2, "as many as it takes at once");
    assert!(
        fast.received().len() <= 2,
        "one a second of a clock that stands still"
    );
    slow.release();
    for seconds in 1..=14 {
        clock.advance(Duration::from_secs(1));
        fanfare.system.embedded().sqs().tick();
        // Moments are waited for in the time of the machine.
        fanfare.system.embedded().sqs().idle().await;
        assert!(fast.received().len() <= seconds + 2, "{seconds}");
    }
    fast.wait_for(10).await;
    for _ in 0..10 {
        clock.advance(Duration::from_secs(4));
        fanfare.system.embedded().sqs().tick();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    slow.wait_for(10).await;
    for endpoint in [narrow, paced] {
        let path = format!("/webhooks/{endpoint}/deliveries?status=delivered&limit=200");
        let all = fanfare
            .until(&path, |a| {
                a.body["items"].as_array().is_some_and(|i| i.len() == 10)
            })
            .await;
        let items = all.body["items"].as_array().unwrap();
        assert!(
            items
                .iter()
                .all(|item| item["attempts"].as_array().unwrap().len() == 1)
        );
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_whose_interval_is_uneven_is_kept_to_the_last_webhook() {
    const RATE: u32 = 334;
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let wanted = json!({ "ratePerSecond": RATE, "eventTypes": ["*"] });
    let (endpoint, _) = made(&fanfare, &receiver.url(), wanted).await;
    let id = domain::id::EndpointId::parse(&endpoint).unwrap();
    let network = domain::id::NetworkId::parse("demo").unwrap();
    let table = &fanfare.system.template().tables[0].name;
    let store = store::Store::new(fanfare.system.aws().dynamodb(), table);
    let pace = store::Pace {
        per_second: RATE,
        since: 1,
    };
    let begin = clock.now();
    let mut seconds = std::collections::BTreeMap::new();
    let mut last = begin;
    for _ in 0..3 * RATE {
        let at = store
            .reserve_rate(&network, id, pace, None, clock.now())
            .await
            .unwrap()
            .unwrap();
        // Whole milliseconds, so the gaps are of 2 or 3, and never less than one attempt's share.
        assert!(
            at == begin || at.since(last) >= Duration::from_millis(2),
            "{at}"
        );
        *seconds.entry(at.since(begin).as_secs()).or_insert(0) += 1;
        last = at;
    }
    let counts: Vec<_> = seconds.into_values().collect();
    assert_eq!(counts, [RATE; 3], "neither more nor fewer than the rate");

    // Webhooks queue up behind what is reserved, and come when their moment does.
    clock.advance(Duration::from_millis(10));
    for _ in 0..5 {
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    }
    fanfare.system.embedded().sqs().idle().await;
    assert_eq!(receiver.received().len(), 0);
    for _ in 0..4 {
        clock.advance(Duration::from_secs(1));
        fanfare.system.embedded().sqs().tick();
        fanfare.system.embedded().sqs().idle().await;
    }
    receiver.wait_for(5).await;
    fanfare.system.stop().await;
    assert_eq!(receiver.received().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_the_real_way_and_shows_the_whole_answer() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::start(|_, _| Scripted {
        status: 418,
        headers: vec![("x-why", "teapot".to_owned())],
        body: "x".repeat(20_000),
    })
    .await;
    let (endpoint, secret) = fanfare.endpoint(&receiver.url(), &["nothing.at.all"]).await;
    let path = format!("/webhooks/{endpoint}/test");
    let tested = fanfare
        .post(
            &fanfare.admin(),
            &path,
            &json!({ "eventType": "message.didCreate" }),
        )
        .await;
    assert_eq!(tested.status, 200, "{}", tested.body);
    let attempt = &tested.body["attempts"][0];
    assert_eq!(
        (attempt["status"].as_u64(), attempt["address"].as_str()),
        (Some(418), Some("127.0.0.1"))
    );
    assert!(attempt["timing"]["firstByteMs"].is_u64() && attempt["timing"]["connectMs"].is_u64());
    assert_eq!(attempt["response"]["truncated"], true);
    let webhook = &receiver.received()[0];
    assert!(webhook.verifies(&secret) && webhook.id().starts_with("test_"));
    let whole = format!("/deliveries/{}/attempts/1", tested.text("/id"));
    let whole = fanfare
        .until(&whole, |a| {
            a.body["response"]["body"]
                .as_str()
                .is_some_and(|b| b.len() > 600)
        })
        .await;
    assert_eq!(
        whole.body["response"]["body"].as_str().unwrap().len(),
        16 * 1024
    );
    let headers = whole.body["response"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!({ "name": "x-why", "value": "teapot" })));

    let off = fanfare
        .call(
            &fanfare.admin(),
            "PATCH",
            &format!("/webhooks/{endpoint}"),
            r#"{"enabled":false}"#,
            &[],
        )
        .await;
    assert_eq!(off.status, 200);
    let refused = fanfare
        .post(
            &fanfare.admin(),
            &path,
            &json!({ "eventType": "message.didCreate" }),
        )
        .await;
    assert_eq!(
        (refused.status, refused.problem()),
        (409, "endpoint-disabled")
    );
    let egress = format!("{}/v1/egress", fanfare.system.api());
    let egress: Value = fanfare
        .http
        .get(egress)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&egress["fixed"], &egress["addresses"]),
        (&json!(false), &json!([]))
    );
    fanfare.system.stop().await;
}
