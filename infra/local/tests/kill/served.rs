//! A `fanfare serve` that can be killed, and what its API says.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Receiver;

/// Seconds until what should happen must have happened, on a busy machine too.
const PATIENCE: u32 = 240;

pub(crate) struct Served {
    process: Child,
    http: reqwest::Client,
    api: String,
    pub(crate) admin: String,
    producer: String,
}

impl Served {
    pub(crate) fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fanfare"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0"])
            .args(["--aws-listen", "127.0.0.1:0", "--data"])
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

    /// SIGKILL: no handler runs, no buffer is flushed.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let call = self.http.get(format!("{}{path}", self.api));
        answer(call.bearer_auth(&self.admin)).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Value {
        let call = self.http.post(format!("{}{path}", self.api));
        answer(call.bearer_auth(key).json(body)).await
    }

    /// Its id and its secret.
    pub(crate) async fn endpoint(&self, receiver: &Receiver) -> (String, String) {
        let wanted = json!({ "url": receiver.url() });
        let made = self.post(&self.admin, "/webhooks", &wanted).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Reports events `e0`, `e1` and so on. The ids of those accepted.
    pub(crate) async fn report(&self, count: usize) -> HashSet<String> {
        let mut accepted = HashSet::new();
        for first in (0..count).step_by(100) {
            let events: Vec<_> = (first..first + 100)
                .map(|n| json!({ "id": format!("e{n}"), "event": "a.b", "data": { "n": n } }))
                .collect();
            let answer = self.post(&self.producer, "/events", &json!(events)).await;
            let items = answer["items"].as_array().unwrap();
            accepted.extend(items.iter().map(|item| text(item, "id")));
        }
        accepted
    }

    /// The event ids of the endpoint's deliveries in this status.
    pub(crate) async fn in_status(&self, endpoint: &str, status: &str) -> HashSet<String> {
        let list = format!("/webhooks/{endpoint}/deliveries?limit=200&status={status}");
        let mut events = HashSet::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{list}{cursor}")).await;
            let items = page["items"].as_array().unwrap();
            events.extend(items.iter().map(|item| text(item, "eventId")));
            let Some(next) = page["nextCursor"].as_str() else {
                return events;
            };
            cursor = format!("&cursor={next}");
        }
    }

    /// Waits until that many deliveries of the endpoint are in this status.
    pub(crate) async fn settled(&self, endpoint: &str, status: &str, count: usize) {
        let mut seen = 0;
        for _ in 0..PATIENCE {
            seen = self.in_status(endpoint, status).await.len();
            if seen == count {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{seen} of {count} became {status}");
    }

    /// Asks until the answer is `good`.
    pub(crate) async fn until(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..PATIENCE * 5 {
            let answer = self.get(path).await;
            if good(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{path} stays {}", self.get(path).await);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
    }
}

/// Waits until so many different webhooks arrived.
pub(crate) async fn arrived(receiver: &Receiver, count: usize) {
    let mut seen = 0;
    for _ in 0..PATIENCE {
        seen = ids(receiver).len();
        if seen == count {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{seen} of {count} arrived");
}

/// Of the webhooks that arrived.
pub(crate) fn ids(receiver: &Receiver) -> HashSet<String> {
    let received = receiver.received();
    received.iter().map(|one| one.id().to_owned()).collect()
}

/// How often each webhook arrived, by its id. Each was signed with the secret.
pub(crate) fn arrivals(receiver: &Receiver, secret: &str) -> HashMap<String, usize> {
    let mut arrivals = HashMap::new();
    for webhook in receiver.received() {
        assert!(webhook.signed_with(secret));
        *arrivals.entry(webhook.id().to_owned()).or_default() += 1;
    }
    arrivals
}

/// Which arrived more than once.
pub(crate) fn twice(arrivals: &HashMap<String, usize>) -> HashSet<String> {
    let repeated = arrivals.iter().filter(|(_, count)| **count > 1);
    repeated.map(|(id, _)| id.clone()).collect()
}

async fn answer(call: reqwest::RequestBuilder) -> Value {
    call.send().await.unwrap().json().await.unwrap()
}

fn text(item: &Value, name: &str) -> String {
    item[name].as_str().unwrap().to_owned()
}
