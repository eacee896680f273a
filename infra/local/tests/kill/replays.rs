//! Killed while a replay job is half-way.

use serde_json::{Value, json};
use testkit::Receiver;

use crate::served::{Served, arrivals, arrived, ids, twice};

const DELIVERIES: usize = 10_000;
/// Slow enough to be seen half-way.
const RATE: u32 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_job_of_10000_survives_kill_9_half_way() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::accepting().await;
    let served = Served::start(data.path());
    let (endpoint, secret) = served.endpoint(&receiver).await;
    let path = format!("/webhooks/{endpoint}");
    let set = async |action: &str, body: Value| {
        let action = format!("{path}/{action}");
        served.post(&served.admin, &action, &body).await
    };
    set("disable", json!({})).await;
    let accepted = served.report(DELIVERIES).await;
    served.settled(&endpoint, "parked", DELIVERIES).await;
    set("enable", json!({ "resume": false })).await;
    let wanted = json!({
        "since": "2026-01-01T00:00:00Z", "status": ["parked"], "ratePerSecond": RATE,
    });
    let job = set("replays", wanted).await;
    let progress = format!("{path}/replays/{}", job["id"].as_str().unwrap());
    let half = |job: &Value| job["replayed"].as_u64().unwrap() >= 4_000;
    let seen = served.until(&progress, half).await;
    assert_eq!(seen["status"], "running", "it is half-way: {seen}");
    served.kill();
    let before = ids(&receiver);
    assert!(before.len() < DELIVERIES);

    let served = Served::start(data.path());
    let done = served.until(&progress, |job| job["status"] == "done").await;
    let counts = ["found", "replayed", "skipped"].map(|name| done[name].as_u64().unwrap());
    assert_eq!(counts, [10_000, 10_000, 0]);
    arrived(&receiver, DELIVERIES).await;
    served.settled(&endpoint, "delivered", DELIVERIES).await;
    let count = served.get("/conservation").await;
    assert_eq!(count["holds"], true, "{count}");
    served.kill();

    let arrivals = arrivals(&receiver, &secret);
    assert_eq!(ids(&receiver), accepted, "each arrived, under its own id");
    let twice = twice(&arrivals);
    let wrong: Vec<_> = twice.difference(&before).collect();
    assert!(
        wrong.is_empty(),
        "sent twice though the kill did not meet them: {wrong:?}"
    );
}
