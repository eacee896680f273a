//! Whether everything accepted is still there, and what is said when it is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::DeliveryId;
use local::{Options, Schedules};
use serde_json::{Value, json};
use telemetry::Telemetry;
use testkit::{ManualClock, Receiver};

use crate::harness::{Answer, Fanfare};
use crate::parked::operate;
use crate::retry::{START, fanfare_at};

type Lines = Arc<Mutex<Vec<Value>>>;

async fn fanfare_told(lines: &Lines) -> Fanfare {
    let lines = Arc::clone(lines);
    Fanfare::with(Options {
        schedules: Schedules::OnDemand,
        telemetry: Telemetry::to(move |_, line| {
            let line = serde_json::from_str(line).unwrap();
            lines.lock().unwrap().push(line);
        }),
        ..Options::ephemeral()
    })
    .await
}

/// The last line of an event.
fn said(lines: &Lines, event: &str) -> Value {
    let lines = lines.lock().unwrap();
    let mut newest = lines.iter().rev();
    newest.find(|line| line["event"] == event).unwrap().clone()
}

/// Waits until an endpoint has this many deliveries in a status.
async fn settled(fanfare: &Fanfare, endpoint: &str, status: &str, count: usize) -> Answer {
    let list = format!("/webhooks/{endpoint}/deliveries?status={status}");
    let all = |a: &Answer| {
        let items = a.body["items"].as_array();
        items.is_some_and(|items| items.len() == count)
    };
    fanfare.until(&list, all).await
}

const COUNTS: [&str; 7] = [
    "accepted",
    "delivered",
    "dead",
    "pending",
    "parked",
    "discarded",
    "mismatches",
];

fn tally(body: &Value, endpoint: &str) -> [u64; 7] {
    let mut endpoints = body["endpoints"].as_array().unwrap().iter();
    let found = endpoints.find(|tally| tally["endpointId"] == endpoint);
    COUNTS.map(|name| found.unwrap()[name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_stands_in_one_state_and_one_that_vanished_is_named() {
    let lines = Lines::default();
    let fanfare = fanfare_told(&lines).await;
    let (good, bad) = (
        Receiver::accepting().await,
        Receiver::start(|_, _| 500_u16).await,
    );
    let (delivered, _) = fanfare.endpoint(&good.url(), &["*"]).await;
    let dead = json!({ "url": bad.url(), "retrySchedule": [], "eventTypes": ["a.b"] });
    let dead = fanfare.post(&fanfare.admin(), "/webhooks", &dead).await;
    let dead = dead.text("/id");
    let (parked, _) = fanfare.endpoint(&good.url(), &["a.*"]).await;
    operate(&fanfare, &format!("/webhooks/{parked}/disable")).await;
    for (id, event) in [("one", "a.b"), ("two", "a.c"), ("three", "x.y")] {
        fanfare
            .report(&json!({ "id": id, "event": event, "data": {} }))
            .await;
    }
    let done = settled(&fanfare, &delivered, "delivered", 3).await;
    settled(&fanfare, &dead, "dead", 1).await;
    let kept = settled(&fanfare, &parked, "parked", 2).await;
    let discard = format!("/deliveries/{}/discard", kept.text("/items/0/id"));
    operate(&fanfare, &discard).await;

    let count = fanfare
        .until("/conservation", |a| {
            let endpoints = a.body["endpoints"].as_array();
            endpoints.is_some_and(|endpoints| endpoints.len() == 3)
        })
        .await;
    assert_eq!(count.body["holds"], true, "{}", count.body);
    assert_eq!(tally(&count.body, &delivered), [3, 3, 0, 0, 0, 0, 0]);
    assert_eq!(tally(&count.body, &dead), [1, 0, 1, 0, 0, 0, 0]);
    assert_eq!(tally(&count.body, &parked), [2, 0, 0, 0, 1, 1, 0]);
    fanfare.system.run_schedule("Conservation").await.unwrap();
    let told = said(&lines, "ConservationChecked");
    let counts = (&told["accepted"], &told["conservation_mismatches"]);
    assert_eq!(counts, (&json!(6), &json!(0)));

    // One record vanishes from the table.
    let victim = done.text("/items/1/id");
    let id = DeliveryId::parse(&victim).unwrap();
    let pk = format!("D#demo#{}#{}", id.endpoint(), id.shard(4));
    let table = &fanfare.system.template().tables[0].name;
    let dynamodb = fanfare.system.aws().dynamodb();
    let delete = dynamodb.delete_item().table_name(table);
    let delete = delete.key("pk", AttributeValue::S(pk));
    let delete = delete.key("sk", AttributeValue::S(id.order()));
    delete.send().await.unwrap();
    let gone = fanfare.get(&format!("/deliveries/{victim}")).await;
    assert_eq!(gone.status, 404);

    let count = fanfare.get("/conservation").await;
    assert_eq!(count.body["holds"], false, "{}", count.body);
    assert_eq!(tally(&count.body, &delivered), [3, 2, 0, 0, 0, 0, 1]);
    assert!(count.body.to_string().contains(&victim), "{}", count.body);
    fanfare.system.run_schedule("Conservation").await.unwrap();
    let told = said(&lines, "ConservationChecked");
    assert_eq!(told["conservation_mismatches"], 1);
    assert_eq!(said(&lines, "DeliveryLost")["delivery_id"], victim.as_str());

    let late = fanfare
        .get("/conservation?since=2999-01-01T00:00:00Z")
        .await;
    assert_eq!((late.status, late.problem()), (422, "invalid-fields"));
    fanfare.system.stop().await;
}

/// From then on: fan-out knows a network's rules for five seconds.
async fn keep_for(fanfare: &Fanfare, clock: &ManualClock, days: u64) {
    let rules = json!({ "retentionDays": days, "strict": "off" }).to_string();
    let admin = fanfare.admin();
    let set = fanfare.call(&admin, "PUT", "/settings", &rules, &[]).await;
    assert_eq!(set.status, 200, "{}", set.body);
    clock.advance(Duration::from_secs(10));
}

/// All items of the table whose key holds this text.
async fn items(fanfare: &Fanfare, text: &str) -> Vec<HashMap<String, AttributeValue>> {
    let dynamodb = fanfare.system.aws().dynamodb();
    let table = &fanfare.system.template().tables[0].name;
    let scanned = dynamodb.scan().table_name(table).send().await.unwrap();
    let items = scanned.items.unwrap();
    assert!(scanned.last_evaluated_key.is_none());
    items
        .into_iter()
        .filter(|item| item["pk"].as_s().unwrap().contains(text))
        .collect()
}

fn seconds(item: &HashMap<String, AttributeValue>) -> u64 {
    item["expires"].as_n().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_network_forgets_is_not_lost_and_what_it_keeps_is_proven_for_as_long() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::accepting().await;
    let (endpoint, _) = fanfare.endpoint(&receiver.url(), &["*"]).await;
    keep_for(&fanfare, &clock, 10).await;
    fanfare
        .report(&json!({ "id": "short", "event": "a.b", "data": {} }))
        .await;
    settled(&fanfare, &endpoint, "delivered", 1).await;
    let began = clock.now();
    let since_then = format!("/conservation?since={began}");
    // Its news of the endpoint is an event too, which nobody asked for.
    let counted = |a: &Answer| a.body["endpoints"][0]["accepted"] == 1;
    let count = fanfare.until(&since_then, counted).await;
    assert_eq!(count.body["holds"], true, "{}", count.body);

    // As DynamoDB does when its time is over.
    let dynamodb = fanfare.system.aws().dynamodb();
    for item in items(&fanfare, "#short").await {
        let delete = dynamodb.delete_item();
        let delete = delete.table_name(&fanfare.system.template().tables[0].name);
        let delete = delete.key("pk", item["pk"].clone());
        let delete = delete.key("sk", item["sk"].clone());
        delete.send().await.unwrap();
    }
    let early = fanfare.get(&since_then).await;
    assert_eq!(early.body["holds"], false, "it is not: {}", early.body);
    clock.advance(DAY * 10);
    let late = fanfare.get(&since_then).await;
    let known = (&late.body["holds"], &late.body["endpoints"]);
    assert_eq!(known, (&json!(true), &json!([])), "{}", late.body);

    // Nothing is said about what nobody can know.
    clock.advance(DAY);
    let all = fanfare
        .get("/conservation?since=1970-01-01T00:00:00Z")
        .await;
    let known = clock.now().before(DAY * 10).to_string();
    assert_eq!(all.text("/since"), known);
    let words = all.text("/explanation");
    assert!(
        words.contains("keeps events for 10 days") && words.contains(&known),
        "{words}"
    );
    let old = "/conservation?until=1960-01-01T00:00:00Z";
    let old = fanfare.get(old).await;
    let error = &old.body["errors"][0];
    assert_eq!((old.status, &error["field"]), (422, &json!("until")));
    assert!(error["message"].to_string().contains("1970"), "{error}");
    let old = "/conservation?until=1980-01-01T00:00:00Z";
    let old = fanfare.get(old).await;
    assert_eq!((old.status, old.problem()), (422, "invalid-fields"));
    let error = &old.body["errors"][0];
    assert_eq!(error["field"], "until");
    assert!(error["message"].to_string().contains("10 days"), "{error}");

    keep_for(&fanfare, &clock, 60).await;
    fanfare
        .report(&json!({ "id": "long", "event": "a.b", "data": {} }))
        .await;
    fanfare.until("/conservation", counted).await;
    let kept = items(&fanfare, "#long").await;
    let kept = kept.iter().map(seconds).max();
    let noted = items(&fanfare, "L#").await;
    assert_eq!(noted.iter().map(seconds).max(), kept);
    fanfare.system.stop().await;
}
