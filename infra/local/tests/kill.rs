//! `kill -9` in the middle of work loses nothing that was accepted.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::Receiver;

const EVENTS: usize = 5_000;

/// A running `fanfare serve`.
struct Served {
    process: Child,
    api: String,
    admin: String,
    producer: String,
    http: reqwest::Client,
}

impl Served {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .args([
                "serve",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--aws-listen",
                "127.0.0.1:0",
            ])
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let text = |pointer: &str| ready.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Self {
            process,
            api: format!("{}/v1/networks/{}", text("/api"), text("/network")),
            admin: text("/keys/superAdmin"),
            producer: text("/keys/producer"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn post(&self, key: &str, path: &str, body: &Value) -> Value {
        let call = self
            .http
            .post(format!("{}{path}", self.api))
            .bearer_auth(key)
            .json(body);
        call.send().await.unwrap().json().await.unwrap()
    }

    /// The event ids of the endpoint's deliveries in this status.
    async fn in_status(&self, endpoint: &str, status: &str) -> HashSet<String> {
        let mut events = HashSet::new();
        let mut cursor = String::new();
        loop {
            let url = format!(
                "{}/webhooks/{endpoint}/deliveries?limit=200&status={status}{cursor}",
                self.api
            );
            let page: Value = self
                .http
                .get(url)
                .bearer_auth(&self.admin)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            events.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["eventId"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["nextCursor"].as_str() else {
                return events;
            };
            cursor = format!("&cursor={next}");
        }
    }

    /// SIGKILL: no handler runs, no buffer is flushed.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_event_survives_kill_9_with_5000_in_flight() {
    let data = tempfile::tempdir().unwrap();
    // Some are delivered, the rest hangs at the receiver or waits in the queues.
    let receiver = Receiver::holding_after(1_000).await;
    let served = Served::start(data.path());
    let made = served
        .post(
            &served.admin,
            "/webhooks",
            &json!({ "url": receiver.url() }),
        )
        .await;
    let (endpoint, secret) = (
        made["id"].as_str().unwrap().to_owned(),
        made["secret"].as_str().unwrap().to_owned(),
    );
    let mut accepted = HashSet::new();
    for first in (0..EVENTS + 1_000).step_by(100) {
        let events: Vec<_> = (first..first + 100)
            .map(|n| json!({ "id": format!("e{n}"), "event": "a.b", "data": { "n": n } }))
            .collect();
        let answer = served
            .post(&served.producer, "/events", &json!(events))
            .await;
        accepted.extend(
            answer["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(accepted.len(), EVENTS + 1_000);
    receiver.wait_for(1_001).await;
    let recorded = served.in_status(&endpoint, "delivered").await;
    assert!(recorded.len() <= 1_000, "at least 5,000 are in flight");
    served.kill();
    let in_flight: HashSet<_> = receiver
        .received()
        .iter()
        .map(|webhook| webhook.id().to_owned())
        .filter(|id| !recorded.contains(id))
        .collect();

    receiver.release();
    let served = Served::start(data.path());
    let mut rounds = 0;
    while !served.in_status(&endpoint, "pending").await.is_empty() {
        rounds += 1;
        assert!(
            rounds < 120,
            "some stay pending: {:?}",
            served.in_status(&endpoint, "pending").await
        );
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(served.in_status(&endpoint, "delivered").await, accepted);
    served.kill();

    let mut arrivals: HashMap<String, usize> = HashMap::new();
    for webhook in receiver.received() {
        assert!(webhook.signed_with(&secret));
        *arrivals.entry(webhook.id().to_owned()).or_default() += 1;
    }
    let missing = accepted
        .iter()
        .filter(|id| !arrivals.contains_key(*id))
        .count();
    assert_eq!(missing, 0, "accepted and never delivered");
    let wrong: Vec<_> = arrivals
        .iter()
        .filter(|(id, count)| **count > 1 && !in_flight.contains(*id))
        .collect();
    assert!(
        wrong.is_empty(),
        "sent twice though not in flight: {wrong:?}"
    );
}
