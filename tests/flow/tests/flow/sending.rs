//! How webhooks are signed, shaped and chosen, and what receivers can say back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::{Value, json};
use testkit::{ManualClock, Received, Receiver, Scripted};

use crate::harness::Fanfare;
use crate::retry::{START, advance, fanfare_at};

/// A new endpoint with these fields besides its URL: its id, and the whole answer.
async fn made(fanfare: &Fanfare, url: &str, mut fields: Value) -> (String, Value) {
    fields["url"] = url.into();
    let made = fanfare.post(&fanfare.admin(), "/webhooks", &fields).await;
    assert_eq!(made.status, 201, "{}", made.body);
    (made.text("/id"), made.body)
}

async fn first_delivery(fanfare: &Fanfare, endpoint: &str, good: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/webhooks/{endpoint}/deliveries");
    let seen = fanfare.until(&path, |a| good(&a.body["items"][0])).await;
    seen.body["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_loses_nothing_and_both_secrets_verify_until_it_is_revoked() {
    let fanfare = Arc::new(Fanfare::start().await);
    let receiver = Receiver::accepting().await;
    let (endpoint, first) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let running = Arc::new(AtomicBool::new(true));
    let producer = tokio::spawn({
        let (fanfare, running) = (Arc::clone(&fanfare), Arc::clone(&running));
        async move {
            let mut sent = 0;
            while running.load(Ordering::SeqCst) {
                let batch: Vec<_> = (0..20)
                    .map(|_| json!({ "event": "a.b", "data": {} }))
                    .collect();
                let accepted = fanfare
                    .post(&fanfare.producer(), "/events", &json!(batch))
                    .await;
                assert_eq!(accepted.status, 202);
                sent += batch.len();
            }
            sent
        }
    });
    let rotations = format!("/webhooks/{endpoint}/secret/rotations");
    let mut secrets = vec![first];
    for _ in 0..3 {
        let rotated = fanfare.post(&fanfare.admin(), &rotations, &json!({})).await;
        assert_eq!(rotated.status, 201, "{}", rotated.body);
        secrets.push(rotated.text("/secret"));
        // At once: what is reported after the answer is signed with the new secret too.
        let id = fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
        let webhook = loop {
            let found = receiver.received().into_iter().find(|w| w.id() == id);
            match found {
                Some(found) => break found,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let by_all = secrets.iter().all(|secret| webhook.verifies(secret));
        assert!(by_all, "{}", webhook.header("webhook-signature"));
    }
    running.store(false, Ordering::SeqCst);
    let sent = producer.await.unwrap() + 3;
    let all = receiver.wait_for(sent).await;
    let oldest = &secrets[0];
    assert!(
        all.iter().all(|webhook| webhook.verifies(oldest)),
        "no receiver was ever lost"
    );
    assert_eq!(all.len(), sent, "none twice");

    let previous = format!("/webhooks/{endpoint}/secret/previous");
    let revoked = fanfare
        .call(&fanfare.admin(), "DELETE", &previous, "", &[])
        .await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let id = fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let all = receiver.wait_for(sent + 1).await;
    let last = all.iter().find(|webhook| webhook.id() == id).unwrap();
    let verifies: Vec<_> = secrets.iter().map(|secret| last.verifies(secret)).collect();
    assert_eq!(verifies, [false, false, false, true]);
    // social.plus receivers know one secret, the newest.
    let again = fanfare
        .post(
            &fanfare.admin(),
            &rotations,
            &json!({ "graceSeconds": 700_000 }),
        )
        .await;
    assert_eq!((again.status, again.problem()), (422, "invalid-fields"));
    Arc::into_inner(fanfare).unwrap().system.stop().await;
}

/// Whether a `v1a` entry of the signature header verifies with the key of a JSON Web Key.
fn verifies_with(webhook: &Received, jwk: &Value) -> bool {
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
    let body = std::str::from_utf8(&webhook.body).unwrap();
    let content = format!(
        "{}.{}.{body}",
        webhook.id(),
        webhook.header("webhook-timestamp")
    );
    let entries = webhook.header("webhook-signature").split(' ');
    entries
        .filter_map(|entry| STANDARD.decode(entry.strip_prefix("v1a,")?).ok())
        .any(|bytes| {
            key.verify(content.as_bytes(), &Signature::from_slice(&bytes).unwrap())
                .is_ok()
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn key_pairs_are_published_and_moving_between_kinds_goes_through_the_same_grace() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (endpoint, made) = made(&fanfare, &receiver.url(), json!({ "signing": "ed25519" })).await;
    assert_eq!(
        (made["secret"].clone(), made["signing"].as_str()),
        (Value::Null, Some("ed25519"))
    );
    let jwks = format!("{}/v1/jwks/demo/{endpoint}", fanfare.system.api());
    let keys = || async {
        fanfare
            .http
            .get(&jwks)
            .send()
            .await
            .unwrap()
            .json::<Value>()
            .await
            .unwrap()
    };
    let published = keys().await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let webhook = &receiver.wait_for(1).await[0];
    assert!(verifies_with(webhook, &published["keys"][0]));
    assert_eq!(
        webhook.header("x-amity-signature"),
        "",
        "there is no shared secret"
    );

    let rotations = format!("/webhooks/{endpoint}/secret/rotations");
    let rotated = fanfare
        .post(&fanfare.admin(), &rotations, &json!({ "signing": "hmac" }))
        .await;
    let secret = rotated.text("/secret");
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let webhook = &receiver.wait_for(2).await[1];
    assert!(webhook.verifies(&secret) && verifies_with(webhook, &published["keys"][0]));
    assert_ne!(webhook.header("x-amity-signature"), "");
    assert_eq!(keys().await, published, "still signs, still published");

    let previous = format!("/webhooks/{endpoint}/secret/previous");
    fanfare
        .call(&fanfare.admin(), "DELETE", &previous, "", &[])
        .await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let webhook = &receiver.wait_for(3).await[2];
    assert!(webhook.verifies(&secret) && !webhook.header("webhook-signature").contains("v1a"));
    assert_eq!(keys().await, json!({ "keys": [] }));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_its_format_its_headers_and_what_its_filter_lets_through() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let imported = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let fields = json!({
        "format": "social.plus",
        "secret": imported,
        "filter": { "data": { "amount": [{ "numeric": [">=", 10] }] } },
        "headers": [
            { "name": "X-Tenant", "value": "a" },
            { "name": "Authorization", "value": "Bearer hush", "sensitive": true },
        ],
        "timeoutSeconds": 3, "retrySchedule": [1, 2], "maxInFlight": 5, "ratePerSecond": 100,
    });
    let (endpoint, made) = made(&fanfare, &receiver.url(), fields).await;
    assert!(!made.to_string().contains("hush"));
    assert_eq!(made["secret"], imported);
    for amount in [9, 10] {
        fanfare
            .report(&json!({ "event": "a.b", "data": { "amount": amount } }))
            .await;
    }
    let webhook = &receiver.wait_for(1).await[0];
    assert_eq!(
        webhook.body.as_ref(),
        br#"{"event":"a.b","data":{"amount":10}}"#
    );
    assert!(webhook.verifies(imported));
    assert_eq!(
        (webhook.header("x-tenant"), webhook.header("authorization")),
        ("a", "Bearer hush")
    );

    // A sensitive header given without its value stays as it is; a filter can be taken away.
    let change = json!({
        "filter": null, "format": "fanfare", "maxInFlight": null,
        "headers": [{ "name": "authorization", "sensitive": true }],
    });
    let path = format!("/webhooks/{endpoint}");
    let changed = fanfare
        .call(&fanfare.admin(), "PATCH", &path, &change.to_string(), &[])
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(
        changed.body["headers"],
        json!([{ "name": "authorization", "sensitive": true }])
    );
    assert_eq!(
        (&changed.body["filter"], &changed.body["maxInFlight"]),
        (&Value::Null, &Value::Null)
    );
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let webhook = &receiver.wait_for(2).await[1];
    assert_eq!(
        (webhook.header("x-tenant"), webhook.header("authorization")),
        ("", "Bearer hush")
    );
    let body: Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!(body["networkId"], "demo");

    for (fields, field, rule) in [
        (
            json!({ "filter": { "data": { "a": [{ "numeric": [">"] }] } } }),
            "filter/data/a/0/numeric",
            "",
        ),
        (json!({ "format": "xml" }), "format", "format"),
        (
            json!({ "signing": "ed25519", "secret": imported }),
            "secret",
            "conflict",
        ),
        (json!({ "secret": "whsec_short" }), "secret", "format"),
        (
            json!({ "headers": [{ "name": "Host", "value": "x" }] }),
            "headers[0].name",
            "reserved",
        ),
        (
            json!({ "headers": [{ "name": "x", "value": "a\r\nb: c" }] }),
            "headers[0].value",
            "format",
        ),
        (
            json!({ "headers": [{ "name": "x", "sensitive": true }] }),
            "headers[0].value",
            "required",
        ),
        (json!({ "timeoutSeconds": 31 }), "timeoutSeconds", "format"),
        (
            json!({ "retrySchedule": vec![1; 21] }),
            "retrySchedule",
            "count",
        ),
        (json!({ "retrySchedule": [0] }), "retrySchedule", "range"),
        (json!({ "maxInFlight": 0 }), "maxInFlight", "range"),
        (json!({ "ratePerSecond": 501 }), "ratePerSecond", "range"),
    ] {
        let mut fields = fields;
        fields["url"] = receiver.url().into();
        let refused = fanfare.post(&fanfare.admin(), "/webhooks", &fields).await;
        assert_eq!(refused.status, 422, "{fields}: {}", refused.body);
        let error = &refused.body["errors"][0];
        assert!(
            error["field"].as_str().unwrap().starts_with(field),
            "{fields}: {error}"
        );
        assert!(
            rule.is_empty() || error["rule"] == rule,
            "{fields}: {error}"
        );
    }
    fanfare.system.stop().await;
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
    for seconds in 1..=14 {
        clock.advance(Duration::from_secs(1));
        fanfare.system.embedded().sqs().tick();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(fast.received().len() <= seconds + 2, "{seconds}");
    }
    fast.wait_for(10).await;
    slow.release();
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
