//! Configuring endpoints.

use std::collections::HashSet;

use serde_json::json;
use testkit::Receiver;

use crate::harness::Fanfare;

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_lives_from_create_to_delete_and_shows_its_secret_once() {
    let fanfare = Fanfare::start().await;
    let admin = fanfare.admin();
    let made = fanfare
        .call(
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"http://127.0.0.1:9/x","description":"first"}"#,
            &[("idempotency-key", "k1")],
        )
        .await;
    assert_eq!(made.status, 201);
    let (id, secret) = (made.text("/id"), made.text("/secret"));
    assert_eq!(made.body["eventTypes"], json!(["*"]));
    assert_eq!(
        made.headers["location"],
        format!("/v1/networks/demo/webhooks/{id}")
    );

    // A lost answer: the same request with the same key gets it again; another request does not.
    let again = fanfare
        .call(
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"http://127.0.0.1:9/x","description":"first"}"#,
            &[("idempotency-key", "k1")],
        )
        .await;
    assert_eq!((again.status, &again.body), (201, &made.body));
    let other = fanfare
        .call(
            &admin,
            "POST",
            "/webhooks",
            r#"{"url":"http://127.0.0.1:9/y"}"#,
            &[("idempotency-key", "k1")],
        )
        .await;
    assert_eq!(
        (other.status, other.problem()),
        (409, "idempotency-mismatch")
    );

    let path = format!("/webhooks/{id}");
    let got = fanfare.get(&path).await;
    assert_eq!(got.headers["etag"], "\"1\"");
    let patch = r#"{"description":"","eventTypes":["a.*","b.c"]}"#;
    let stale = fanfare
        .call(&admin, "PATCH", &path, patch, &[("if-match", "\"7\"")])
        .await;
    assert_eq!(
        (stale.status, stale.problem()),
        (412, "precondition-failed")
    );
    let changed = fanfare
        .call(&admin, "PATCH", &path, patch, &[("if-match", "\"1\"")])
        .await;
    assert_eq!(
        (changed.status, changed.headers["etag"].to_str().unwrap()),
        (200, "\"2\"")
    );
    assert_eq!(changed.body["eventTypes"], json!(["a.*", "b.c"]));
    assert_eq!(changed.body.get("description"), None);

    let listed = fanfare.get("/webhooks").await;
    assert_eq!(listed.body["items"], json!([changed.body]));
    for shown in [&got, &changed, &listed, &stale, &other] {
        assert!(
            !shown.body.to_string().contains(&secret),
            "a secret was shown again"
        );
        assert!(
            !shown.body.to_string().contains("whsec_"),
            "a secret was shown again"
        );
    }
    assert_eq!(
        fanfare.call(&admin, "DELETE", &path, "", &[]).await.status,
        204
    );
    assert_eq!(fanfare.get(&path).await.problem(), "not-found");
    assert_eq!(fanfare.get("/webhooks").await.body["items"], json!([]));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_created_at_the_same_time_all_keep_their_secrets() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let url = receiver.url();
    let mut secrets = HashSet::new();
    let made = (0..20).map(|_| fanfare.endpoint(&url, &["*"]));
    let made = futures::future::join_all(made).await;
    for (_, secret) in &made {
        assert!(secrets.insert(secret.clone()));
    }
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let received = receiver.wait_for(20).await;
    for (_, secret) in &made {
        let signed = received
            .iter()
            .filter(|webhook| webhook.verifies(secret))
            .count();
        assert_eq!(
            signed, 1,
            "each secret signs exactly its endpoint's webhook"
        );
    }
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let page = fanfare.get(&format!("/webhooks?limit=7{cursor}")).await;
        seen.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page.body["nextCursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let expected: HashSet<_> = made.into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        (seen.len(), seen.into_iter().collect::<HashSet<_>>()),
        (20, expected)
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_created_just_after_its_ring_was_read_is_delivered_to_at_once() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    for count in 1..=5 {
        let (_, secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
        fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
        let arrived = count * (count + 1) / 2;
        let received = receiver.wait_for(arrived).await;
        assert!(received.iter().any(|webhook| webhook.verifies(&secret)));
    }
    fanfare.system.stop().await;
}
