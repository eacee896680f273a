//! Configuring endpoints.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::{EndpointId, NetworkId};
use domain::time::Timestamp;
use runtime::Random;
use serde_json::{Value, json};
use testkit::Receiver;

use crate::harness::{Answer, Fanfare};
use crate::sending::made;

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
async fn null_sets_back_to_the_default_and_is_refused_where_there_is_none() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (id, plain) = made(&fanfare, &receiver.url(), json!({})).await;
    let path = format!("/webhooks/{id}");
    let change = async |body: &Value| {
        let (admin, body) = (fanfare.admin(), body.to_string());
        fanfare.call(&admin, "PATCH", &path, &body, &[]).await
    };
    let all = json!({
        "description": "mine", "eventTypes": ["a.b"], "filter": { "data": { "n": [1] } },
        "format": "social.plus",
        "headers": [{ "name": "x-key", "value": "hidden", "sensitive": true }],
        "timeoutSeconds": 3, "retrySchedule": [5], "maxInFlight": 2, "ratePerSecond": 3,
        "keepResponses": "all",
    });
    let changed = change(&all).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.body["headers"][0]["name"], "x-key");
    let fields = all.as_object().unwrap();
    let nulls: Value = fields
        .keys()
        .map(|name| (name.clone(), Value::Null))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let back = change(&nulls).await;
    assert_eq!(back.status, 200, "{}", back.body);
    for name in fields.keys() {
        assert_eq!(back.body.get(name), plain.get(name), "{name}");
    }
    for (body, field, said) in [
        (json!({ "url": null }), "url", "must be a text, not null"),
        (
            json!({ "enabled": null }),
            "enabled",
            "must be true or false, not null",
        ),
        (
            json!({ "timeoutSeconds": -1 }),
            "timeoutSeconds",
            "must be a whole number, 0 or more",
        ),
        (
            json!({ "retrySchedule": [-1] }),
            "retrySchedule[0]",
            "must be a whole number, 0 or more",
        ),
        (
            json!({ "maxInFlight": 5_000_000_000_u64 }),
            "maxInFlight",
            "is too large",
        ),
    ] {
        let refused = change(&body).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid-fields"));
        let told = ["field", "message"].map(|name| refused.text(&format!("/errors/0/{name}")));
        assert_eq!(told, [field, said]);
    }
    fanfare.report(&json!({ "event": "z.z", "data": {} })).await;
    let webhooks = receiver.wait_for(1).await;
    assert_eq!(webhooks[0].header("x-key"), "");
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

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_secret_cannot_be_deleted_is_deleted_and_told_of_all_the_same() {
    let fanfare = Fanfare::start().await;
    let told = Receiver::accepting().await;
    fanfare.endpoint(&told.url(), &["endpoint.deleted"]).await;
    let (id, _) = fanfare.endpoint("http://127.0.0.1:9/x", &["*"]).await;
    let functions = &fanfare.system.template().functions;
    let api = functions.iter().find(|one| one.package == "webhooks-api");
    let ring = format!(
        "{}webhooks/demo/0",
        api.unwrap().environment["SECRET_PREFIX"]
    );
    let secrets = fanfare.system.aws().secretsmanager();
    let unreadable = secrets.put_secret_value().secret_id(ring);
    unreadable.secret_string("garbage").send().await.unwrap();

    let path = format!("/webhooks/{id}");
    let admin = fanfare.admin();
    let gone = fanfare.call(&admin, "DELETE", &path, "", &[]).await;
    assert_eq!(gone.status, 204);
    assert_eq!(fanfare.get(&path).await.status, 404);
    // It is in the queue, and its delivery on record; signing it needs the ring that is broken.
    fanfare
        .until("/deliveries", |a| {
            a.body["items"][0]["eventType"] == "endpoint.deleted"
        })
        .await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_leaves_the_health_alone() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::start(|_, _| 410_u16).await;
    let (id, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    let path = format!("/webhooks/{id}");
    let known = |a: &Answer| a.body["enabled"] == false && a.body["health"]["failures"] == 1;
    let off = fanfare.until(&path, known).await;
    let change = r#"{"enabled":true,"url":"ftp://x"}"#;
    let admin = fanfare.admin();
    let refused = fanfare.call(&admin, "PATCH", &path, change, &[]).await;
    assert_eq!(refused.status, 422);
    let after = fanfare.get(&path).await;
    assert_eq!(after.body["health"], off.body["health"]);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_could_not_be_recorded_leaves_the_sensitive_headers_as_they_were() {
    let fanfare = Fanfare::start().await;
    let admin = fanfare.admin();
    let headers =
        |value: &str| json!([{ "name": "authorization", "value": value, "sensitive": true }]);
    let made = json!({ "url": "http://127.0.0.1:9/x", "headers": headers("old") });
    let made = fanfare.post(&admin, "/webhooks", &made).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = EndpointId::parse(&made.text("/id")).unwrap();
    let table = &fanfare.system.template().tables[0].name;
    let dynamodb = fanfare.system.aws().dynamodb();
    let scanned = dynamodb.scan().table_name(table).send().await.unwrap();
    let mut items = scanned.items().iter();
    let network = items.find(|item| item.contains_key("endpointsVersion"));
    // A version that nothing can be added to: the change is not written.
    let mut broken = network.unwrap().clone();
    broken.insert(
        "endpointsVersion".to_owned(),
        AttributeValue::S("x".to_owned()),
    );
    let put = dynamodb.put_item().table_name(table);
    put.set_item(Some(broken)).send().await.unwrap();

    let url = format!("{}/v1/networks/demo/webhooks/{id}", fanfare.system.api());
    let change = json!({ "headers": headers("new") }).to_string();
    let request = fanfare.http.patch(url).bearer_auth(&admin).body(change);
    assert_eq!(request.send().await.unwrap().status(), 500);
    let functions = &fanfare.system.template().functions;
    let api = functions.iter().find(|one| one.package == "webhooks-api");
    let prefix = &api.unwrap().environment["SECRET_PREFIX"];
    let secrets = fanfare.system.aws().secretsmanager();
    let vault = vault::Vault::new(secrets, prefix, Random::system());
    let network = NetworkId::parse("demo").unwrap();
    let store = store::Store::new(dynamodb, table);
    let at = store.endpoint(&network, id).await.unwrap().unwrap().secret;
    let material = vault.material(&network, at, id, Timestamp::EPOCH).await;
    let headers = material.unwrap().headers().clone();
    assert_eq!(headers["authorization"].as_str(), "old");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_the_same_time_only_values_of_those_answered_with_200_are_sent() {
    let fanfare = Fanfare::start().await;
    let (admin, receiver) = (fanfare.admin(), Receiver::accepting().await);
    let (id, mut secret) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    let path = format!("/webhooks/{id}");
    let rotations = format!("{path}/secret/rotations");
    let (mut accepted, mut refused) = (HashSet::new(), 0);
    for round in 1..=4 {
        let values: Vec<_> = (0..8).map(|n| format!("{round}-{n}")).collect();
        let changes = values.iter().map(|value| {
            let headers = json!([{ "name": "x-key", "value": value, "sensitive": true }]);
            let change = json!({ "description": value, "headers": headers }).to_string();
            let (fanfare, admin, path) = (&fanfare, &admin, &path);
            async move {
                fanfare
                    .call(admin, "PATCH", path, &change, &[])
                    .await
                    .status
            }
        });
        let no_grace = json!({ "graceSeconds": 0 });
        let rotation = fanfare.post(&admin, &rotations, &no_grace);
        let (statuses, rotated) =
            futures::future::join(futures::future::join_all(changes), rotation).await;
        for (status, value) in statuses.into_iter().zip(values) {
            match status {
                200 => _ = accepted.insert(value),
                412 => refused += 1,
                other => panic!("{value}: {other}"),
            }
        }
        match rotated.status {
            201 => secret = rotated.text("/secret"),
            412 => {}
            other => panic!("{other}: {}", rotated.body),
        }
        let last = fanfare.get(&path).await.text("/description");
        let event = fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
        let received = receiver.wait_for(round).await;
        let webhook = received.iter().find(|webhook| webhook.id() == event);
        let webhook = webhook.unwrap();
        assert!(accepted.contains(&last), "{last}");
        assert_eq!(webhook.header("x-key"), last, "what the record says");
        assert!(webhook.verifies(&secret), "of a rotation that was made");
        let signatures = webhook.header("webhook-signature").split(' ').count();
        assert_eq!(signatures, 1, "and of no other");
    }
    assert!(refused > 0, "none met another");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_an_endpoint_changed_twice_since_it_was_read_gets_what_it_says_now() {
    let fanfare = Fanfare::start().await;
    let admin = fanfare.admin();
    let receiver = Receiver::start(|_, tries| if tries == 0 { 500_u16 } else { 200 }).await;
    let told = Receiver::accepting().await;
    let headers = |value: &str| json!([{ "name": "x-key", "value": value, "sensitive": true }]);
    let made = json!({
        "url": receiver.url(), "eventTypes": ["a.b"], "retrySchedule": [2],
        "headers": headers("first"),
    });
    let made = fanfare.post(&admin, "/webhooks", &made).await;
    let path = format!("/webhooks/{}", made.text("/id"));
    let (other, _) = fanfare.endpoint(&told.url(), &["c.d"]).await;
    fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    receiver.wait_for(1).await;
    // The second change drops what the dispatcher knows of the endpoint yet.
    for value in ["second", "third"] {
        let change = json!({ "headers": headers(value) }).to_string();
        let changed = fanfare.call(&admin, "PATCH", &path, &change, &[]).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
    }
    // And a neighbour's new key makes it read their ring anew.
    let rotations = format!("/webhooks/{other}/secret/rotations");
    fanfare.post(&admin, &rotations, &json!({})).await;
    fanfare.report(&json!({ "event": "c.d", "data": {} })).await;
    told.wait_for(1).await;
    let again = &receiver.wait_for(2).await[1];
    assert_eq!(again.header("x-key"), "third");
    fanfare.system.stop().await;
}
