//! What Fanfare reports about itself: described, tried, and as described when it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::id::{EndpointId, NetworkId, ReplayId};
use domain::operational;
use domain::replay::{DEFAULT_STATES, Job, Wanted};
use domain::time::Timestamp;
use serde_json::{Value, json};
use testkit::{ManualClock, Receiver};

use crate::harness::Fanfare;
use crate::parked::operate;
use crate::retry::{START, advance, fanfare_at};

fn keys(data: &Value) -> Vec<&String> {
    data.as_object().unwrap().keys().collect()
}

/// What the catalogue says of a type: its schema as a validator, and its example.
async fn described(fanfare: &Fanfare, name: &str) -> (jsonschema::Validator, Value) {
    let known = fanfare.get(&format!("/event-types/{name}")).await;
    assert_eq!(known.status, 200, "{name}: {}", known.body);
    assert_eq!(known.body["operational"], true);
    let schema = jsonschema::validator_for(&known.body["schema"]).unwrap();
    (schema, known.body["example"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_news_is_described_and_can_be_sent_as_a_test() {
    let fanfare = Fanfare::start().await;
    let receiver = Receiver::accepting().await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["a.b"]).await;
    for (name, description) in operational::TYPES {
        let (schema, example) = described(&fanfare, name).await;
        assert!(schema.is_valid(&example), "{name}");
        let known = fanfare.get(&format!("/event-types/{name}")).await;
        assert_eq!(known.text("/description"), *description);
        let versions = fanfare.get(&format!("/event-types/{name}/versions")).await;
        assert_eq!(
            (versions.status, &versions.body["items"]),
            (200, &json!([]))
        );
    }
    for (sent, name) in [
        "endpoint.disabled",
        "replay.finished",
        "push-notification.created",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/webhooks/{endpoint}/test");
        let wanted = json!({ "eventType": name });
        let tested = fanfare.post(&fanfare.admin(), &path, &wanted).await;
        assert_eq!(tested.status, 200, "{}", tested.body);
        assert_eq!(tested.text("/status"), "delivered");
        let (_, example) = described(&fanfare, name).await;
        let got = receiver.wait_for(sent + 1).await;
        let body: Value = serde_json::from_slice(&got[sent].body).unwrap();
        assert_eq!((&body["event"], &body["data"]), (&json!(name), &example));
    }
    let path = format!("/webhooks/{endpoint}/test");
    let nothing = json!({ "eventType": "endpoint.exploded" });
    let refused = fanfare.post(&fanfare.admin(), &path, &nothing).await;
    assert_eq!(refused.text("/errors/0/field"), "data");
    // A filter on news is tried with the same examples.
    let filter =
        json!({ "filter": { "data": { "reason": ["gone"] } }, "sample": "endpoint.disabled" });
    let path = "/webhooks/filter-test";
    let tried = fanfare.post(&fanfare.admin(), path, &filter).await;
    assert_eq!(tried.body["matches"], true, "{}", tried.body);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn news_say_what_their_examples_say() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let told = Receiver::accepting().await;
    let wanted = ["endpoint.*", "secret.*", "replay.*", "attempt.*"];
    fanfare.endpoint(&told.url(), &wanted).await;
    let receiver = Receiver::start(|_, before| if before < 2 { 500_u16 } else { 200 }).await;
    let made = json!({ "url": receiver.url(), "eventTypes": ["*"], "retrySchedule": [1] });
    let made = fanfare.post(&fanfare.admin(), "/webhooks", &made).await;
    let path = format!("/webhooks/{}", made.text("/id"));
    clock.advance(Duration::from_millis(10));

    // Three deliveries fail twice each and are dead; the fifth failure in a row is news.
    for n in 0..3 {
        let event = json!({ "id": format!("e{n}"), "event": "a.b", "data": {} });
        fanfare.report(&event).await;
    }
    receiver.wait_for(3).await;
    let dead = format!("{path}/deliveries?status=dead");
    while fanfare.get(&dead).await.body["items"]
        .as_array()
        .unwrap()
        .len()
        < 3
    {
        advance(&fanfare, &clock, Duration::from_secs(2)).await;
    }
    clock.advance(Duration::from_secs(60));
    let job = json!({ "since": "2027-01-01T00:00:00Z" });
    let replays = format!("{path}/replays");
    let job = fanfare.post(&fanfare.admin(), &replays, &job).await;
    assert_eq!(job.status, 202, "{}", job.body);
    receiver.wait_for(9).await;
    let grace = json!({ "graceSeconds": 60 });
    let rotated = format!("{path}/secret/rotations");
    let rotated = fanfare.post(&fanfare.admin(), &rotated, &grace).await;
    assert_eq!(rotated.status, 201, "{}", rotated.body);
    let admin = fanfare.admin();
    let previous = format!("{path}/secret/previous");
    fanfare.call(&admin, "DELETE", &previous, "", &[]).await;
    fanfare
        .call(&admin, "PATCH", &path, r#"{"description":"x"}"#, &[])
        .await;
    operate(&fanfare, &format!("{path}/disable")).await;
    operate(&fanfare, &format!("{path}/enable")).await;
    fanfare.call(&admin, "DELETE", &path, "", &[]).await;

    let expected: BTreeSet<_> = [
        "attempt.exhausted",
        "endpoint.created",
        "endpoint.degraded",
        "endpoint.deleted",
        "endpoint.disabled",
        "endpoint.enabled",
        "endpoint.recovered",
        "endpoint.updated",
        "replay.finished",
        "secret.revoked",
        "secret.rotated",
    ]
    .into();
    let mut schemas = BTreeMap::new();
    for name in &expected {
        schemas.insert(*name, described(&fanfare, name).await);
    }
    let mut seen = BTreeSet::new();
    for _ in 0..600 {
        for webhook in told.received() {
            let body: Value = serde_json::from_slice(&webhook.body).unwrap();
            let name = body["event"].as_str().unwrap();
            let (schema, example) = &schemas[name];
            assert!(schema.is_valid(&body["data"]), "{body}");
            assert_eq!(keys(&body["data"]), keys(example), "{name}");
            seen.extend(expected.get(name));
        }
        if seen == expected {
            break;
        }
        advance(&fanfare, &clock, Duration::from_secs(1)).await;
    }
    assert_eq!(seen, expected);
    fanfare.system.stop().await;
}

/// Its message went through the queue too often: quarantine ends the job, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_given_up_is_news_too() {
    let fanfare = Fanfare::start().await;
    let told = Receiver::accepting().await;
    fanfare.endpoint(&told.url(), &["replay.finished"]).await;
    let (endpoint, _) = fanfare.endpoint("http://127.0.0.1:9/x", &["*"]).await;
    let now = Timestamp::from_millis(START);
    let wanted = Wanted {
        since: Timestamp::EPOCH,
        until: now,
        states: DEFAULT_STATES.to_vec(),
        event_types: Vec::new(),
        rate: 1,
    };
    let id = ReplayId::generate(now, [7; 10]);
    let of = EndpointId::parse(&endpoint).unwrap();
    let job = Job::new(id, NetworkId::parse("demo").unwrap(), of, wanted, now);
    let table = &fanfare.system.template().tables[0].name;
    let store = store::Store::new(fanfare.system.aws().dynamodb(), table);
    store.create_replay(&job, None).await.unwrap();
    let message =
        json!({ "networkId": "demo", "endpointId": endpoint, "replayId": id.to_string() });
    let dead_letters = "http://sqs.local/000000000000/ReplayDeadLetterQueue";
    let sqs = fanfare.system.aws().sqs();
    let call = sqs.send_message().queue_url(dead_letters);
    call.message_body(message.to_string()).send().await.unwrap();

    let got = told.wait_for(1).await;
    let body: Value = serde_json::from_slice(&got[0].body).unwrap();
    assert_eq!(body["event"], "replay.finished");
    let data = &body["data"];
    let (schema, example) = described(&fanfare, "replay.finished").await;
    assert!(schema.is_valid(data), "{data}");
    assert_eq!(keys(data), keys(&example));
    assert_eq!(
        (&data["replayId"], &data["endpointId"], &data["status"]),
        (&json!(id.to_string()), &json!(endpoint), &json!("failed"))
    );
    let reason = data["reason"].as_str().unwrap();
    let seen = fanfare
        .get(&format!("/webhooks/{endpoint}/replays/{id}"))
        .await;
    assert!(seen.text("/explanation").contains(reason), "{}", seen.body);
    fanfare.system.stop().await;
}
