//! How webhooks are signed, shaped and chosen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::{Value, json};
use testkit::{Received, Receiver};

use crate::harness::Fanfare;

/// A new endpoint with these fields besides its URL: its id, and the whole answer.
pub(crate) async fn made(fanfare: &Fanfare, url: &str, mut fields: Value) -> (String, Value) {
    fields["url"] = url.into();
    let made = fanfare.post(&fanfare.admin(), "/webhooks", &fields).await;
    assert_eq!(made.status, 201, "{}", made.body);
    (made.text("/id"), made.body)
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

#[tokio::test(flavor = "multi_thread")]
async fn an_eleventh_key_is_refused_and_every_former_one_keeps_its_grace() {
    let fanfare = Fanfare::start().await;
    let (admin, receiver) = (fanfare.admin(), Receiver::accepting().await);
    let (endpoint, first) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{endpoint}");
    let (rotations, previous) = (
        format!("{path}/secret/rotations"),
        format!("{path}/secret/previous"),
    );
    let week = json!({ "graceSeconds": 604_800 });
    let mut secrets = vec![first];
    for _ in 1..10 {
        let rotated = fanfare.post(&admin, &rotations, &week).await;
        assert_eq!(rotated.status, 201, "{}", rotated.body);
        secrets.push(rotated.text("/secret"));
    }
    let before = fanfare.get(&path).await;
    for _ in 0..2 {
        let refused = fanfare.post(&admin, &rotations, &week).await;
        assert_eq!((refused.status, refused.problem()), (409, "limit-reached"));
        let what_to_do = refused.text("/detail");
        assert!(what_to_do.contains("DELETE …/secret/previous"));
    }
    let after = fanfare.get(&path).await;
    assert_eq!(after.headers["etag"], before.headers["etag"]);
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let webhook = &receiver.wait_for(1).await[0];
    assert!(secrets.iter().all(|secret| webhook.verifies(secret)));
    let signatures = webhook.header("webhook-signature").split(' ');
    assert_eq!(signatures.count(), 10);

    let revoked = fanfare.call(&admin, "DELETE", &previous, "", &[]).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let rotated = fanfare.post(&admin, &rotations, &week).await;
    assert_eq!(rotated.status, 201, "{}", rotated.body);
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let webhook = &receiver.wait_for(2).await[1];
    let newest = [rotated.text("/secret"), secrets[9].clone()];
    assert!(newest.iter().all(|secret| webhook.verifies(secret)));
    assert!(!webhook.verifies(&secrets[8]));
    fanfare.system.stop().await;
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
        "keepResponses": "all",
    });
    let (endpoint, made) = made(&fanfare, &receiver.url(), fields).await;
    assert!(!made.to_string().contains("hush"));
    assert_eq!(made["secret"], imported);
    assert_eq!(made["keepResponses"], "all");
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
        (
            json!({ "keepResponses": "some" }),
            "keepResponses",
            "format",
        ),
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
async fn a_sensitive_value_goes_to_no_other_origin_than_it_was_given_for() {
    let fanfare = Fanfare::start().await;
    let (meant, other) = (Receiver::accepting().await, Receiver::accepting().await);
    let header = json!({ "name": "x-key", "value": "hush", "sensitive": true });
    let fields = json!({ "headers": [header, { "name": "x-open", "value": "o" }] });
    let (endpoint, _) = made(&fanfare, &meant.url(), fields).await;
    let path = format!("/webhooks/{endpoint}");
    let patch = async |change: Value| {
        let admin = fanfare.admin();
        fanfare
            .call(&admin, "PATCH", &path, &change.to_string(), &[])
            .await
    };
    let kept = json!([{ "name": "x-key", "sensitive": true }]);
    for change in [
        json!({ "url": other.url() }),
        json!({ "url": other.url(), "headers": kept }),
        json!({ "url": meant.url().replace("127.0.0.1", "localhost") }),
        json!({ "url": meant.url().replace("http:", "https:") }),
    ] {
        let refused = patch(change.clone()).await;
        assert_eq!(refused.status, 422, "{change}: {}", refused.body);
        let error = &refused.body["errors"][0];
        assert_eq!(error["field"], "headers", "{change}: {error}");
        assert_eq!(error["rule"], "values_required", "{change}: {error}");
    }
    // Another path of the same receiver is where it was meant for.
    let path_of_it = format!("{}else", meant.url());
    let moved = patch(json!({ "url": path_of_it, "headers": kept })).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let given = json!([{ "name": "x-key", "value": "new", "sensitive": true }]);
    let moved = patch(json!({ "url": other.url(), "headers": given })).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    assert_eq!(other.wait_for(1).await[0].header("x-key"), "new");
    let without = patch(json!({ "url": meant.url(), "headers": null })).await;
    assert_eq!(without.status, 200, "{}", without.body);
    fanfare.system.stop().await;
}
