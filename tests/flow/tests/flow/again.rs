//! The same request again, with the same `Idempotency-Key`.

use serde_json::{Value, json};
use testkit::Receiver;

use crate::harness::{Answer, Fanfare};

async fn keyed(fanfare: &Fanfare, key: &str, path: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", key)];
    let admin = fanfare.admin();
    fanfare
        .call(&admin, "POST", path, &body.to_string(), &headers)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_asked_for_twice_under_one_key_is_one_job() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (id, _) = fanfare.endpoint(&receiver.url(), &["a.b"]).await;
    let (other, _) = fanfare.endpoint(&receiver.url(), &["x.y"]).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let delivered = format!("/webhooks/{id}/deliveries?status=delivered");
    fanfare
        .until(&delivered, |a| {
            a.body["items"].as_array().unwrap().len() == 1
        })
        .await;
    let path = format!("/webhooks/{id}/replays");
    let wanted = json!({ "since": "2020-01-01T00:00:00Z", "status": ["delivered"] });
    let first = keyed(&fanfare, "k", &path, &wanted).await;
    assert_eq!(first.status, 202, "{}", first.body);
    let job = format!("{path}/{}", first.text("/id"));
    fanfare
        .until(&job, |a| a.body["outcome"]["delivered"] == 1)
        .await;
    let again = keyed(&fanfare, "k", &path, &wanted).await;
    assert_eq!((again.status, again.text("/id")), (202, first.text("/id")));
    assert_eq!(again.headers["location"], first.headers["location"]);
    let jobs = fanfare.get(&path).await;
    assert_eq!(jobs.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(receiver.received().len(), 2, "the event, and its replay");

    // The key stands for that request, at that endpoint.
    let elsewhere = format!("/webhooks/{other}/replays");
    let misused = keyed(&fanfare, "k", &elsewhere, &wanted).await;
    assert_eq!(
        (misused.status, misused.problem()),
        (409, "idempotency-mismatch")
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_asked_for_twice_under_one_key_is_sent_once() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (id, _) = fanfare.endpoint(&receiver.url(), &["a.b"]).await;
    let path = format!("/webhooks/{id}/test");
    let wanted = json!({ "eventType": "message.didCreate" });
    let first = keyed(&fanfare, "k", &path, &wanted).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let again = keyed(&fanfare, "k", &path, &wanted).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.text("/eventId"), first.text("/eventId"));
    let other = json!({ "eventType": "message.didDelete" });
    let misused = keyed(&fanfare, "k", &path, &other).await;
    assert_eq!(
        (misused.status, misused.problem()),
        (409, "idempotency-mismatch")
    );
    assert_eq!(receiver.received().len(), 1);
    let without = fanfare.post(&fanfare.admin(), &path, &wanted).await;
    assert_ne!(without.text("/eventId"), first.text("/eventId"));
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_asked_for_again_shows_the_secret_it_showed_or_none() {
    let fanfare = Fanfare::start().await;
    let wanted = json!({ "url": "https://hooks.example.com/", "eventTypes": ["a.b"] });
    let create = || keyed(&fanfare, "k", "/webhooks", &wanted);
    let first = create().await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(create().await.body, first.body);
    let endpoint = format!("/webhooks/{}", first.text("/id"));
    let rotate = async |grace: u32| {
        let path = format!("{endpoint}/secret/rotations");
        let body = json!({ "graceSeconds": grace });
        let rotated = fanfare.post(&fanfare.admin(), &path, &body).await;
        assert_eq!(rotated.status, 201, "{}", rotated.body);
        rotated.text("/secret")
    };
    rotate(3600).await;
    let still = create().await;
    assert_eq!(
        still.text("/secret"),
        first.text("/secret"),
        "it signs still"
    );
    let newest = rotate(0).await;
    let later = create().await;
    assert_eq!((later.status, later.text("/id")), (201, first.text("/id")));
    assert_eq!(later.body.get("secret"), None, "{newest}");
    assert!(later.text("/explanation").contains("rotated"));

    let admin = fanfare.admin();
    let deleted = fanfare.call(&admin, "DELETE", &endpoint, "", &[]).await;
    assert_eq!(deleted.status, 204);
    let gone = create().await;
    assert_eq!((gone.status, gone.problem()), (409, "made-and-deleted"));
    let another = keyed(&fanfare, "another", "/webhooks", &wanted).await;
    assert_eq!(another.status, 201, "{}", another.body);
    fanfare.system.stop().await;
}
