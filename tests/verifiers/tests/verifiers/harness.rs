//! A caller of the API, and the deliveries it causes.

use std::collections::BTreeMap;
use std::time::Duration;

use local::{AwsListen, Options, System};
use reqwest::header::{HeaderMap, HeaderName};
use serde::Serialize;
use serde_json::{Value, json};
use testkit::{ManualClock, Received, Receiver};

pub(crate) struct Fanfare {
    system: System,
    http: reqwest::Client,
}

impl Fanfare {
    pub(crate) async fn start(options: Options) -> Self {
        let options = Options {
            aws_listen: AwsListen::Preferably(([127, 0, 0, 1], 0).into()),
            ..options
        };
        Self {
            system: System::start(options).await.unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The answer to a call below the network that must succeed.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/v1/networks/demo{path}", self.system.api());
        let key = self.system.keys().super_admin();
        let request = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(key);
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn public(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.system.api());
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// The delivery of a new event to the only endpoint there is for its type.
    pub(crate) async fn deliver(&self, receiver: &Receiver, event: &Value) -> Received {
        let before = receiver.received().len();
        let accepted = self.call("POST", "/events", event).await;
        let all = receiver.wait_for(before + 1).await;
        let delivered = all
            .into_iter()
            .find(|webhook| accepted["id"] == webhook.id());
        delivered.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await;
    }
}

/// A delivery, perhaps tampered with, and what is right to say of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// Whether a receiver with this secret must accept it.
    #[serde(skip)]
    pub(crate) genuine: bool,
    /// Whether `x-amity-signature` is of this secret and this body.
    #[serde(skip)]
    pub(crate) amity: bool,
}

impl Case {
    fn genuine(name: &str, secret: &str, webhook: &Received) -> Self {
        let headers = webhook.headers.iter();
        let headers = headers.map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            (name.as_str().to_owned(), value)
        });
        Self {
            name: name.to_owned(),
            secret: secret.to_owned(),
            headers: headers.collect(),
            body: String::from_utf8(webhook.body.to_vec()).unwrap(),
            genuine: true,
            amity: true,
        }
    }

    /// Not to be accepted, though the body is signed as social.plus does.
    fn refused(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            genuine: false,
            ..self
        }
    }

    fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn header_map(&self) -> HeaderMap {
        let each = self.headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        each.collect()
    }
}

/// Every case there is.
pub(crate) async fn cases() -> Vec<Case> {
    let fanfare = Fanfare::start(Options::ephemeral()).await;
    let mut cases = rotated(&fanfare).await;
    cases.extend(imported(&fanfare).await);
    cases.extend(moved(&fanfare).await);
    fanfare.stop().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for (name, at, genuine) in [
        ("ten minutes old", now - minutes(10), false),
        ("four minutes old", now - minutes(4), true),
        ("ten minutes ahead", now + minutes(10), false),
    ] {
        let case = sent_at(at).await;
        cases.push(if genuine {
            Case {
                name: name.to_owned(),
                ..case
            }
        } else {
            case.refused(name)
        });
    }
    cases
}

/// A secret, its rotation, and the end of the grace.
async fn rotated(fanfare: &Fanfare) -> Vec<Case> {
    let receiver = Receiver::accepting().await;
    let wanted = json!({ "url": receiver.url(), "eventTypes": ["message.didCreate"] });
    let made = fanfare.call("POST", "/webhooks", &wanted).await;
    let (id, old) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    let event = json!({ "event": "message.didCreate", "data": { "text": "Grüße, 世界 \u{1F4E3}", "n": 1.5 } });
    let first = fanfare.deliver(&receiver, &event).await;
    let fresh = Case::genuine("fresh", old, &first);

    let rotations = format!("/webhooks/{id}/secret/rotations");
    let new = fanfare.call("POST", &rotations, &json!({})).await;
    let new = new["secret"].as_str().unwrap();
    let both = fanfare.deliver(&receiver, &event).await;
    assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
    let previous = format!("/webhooks/{id}/secret/previous");
    fanfare.call("DELETE", &previous, &Value::Null).await;
    let after = fanfare.deliver(&receiver, &event).await;

    let signature = first.header("webhook-signature");
    let without_amity = |case: Case| Case {
        amity: false,
        ..case
    };
    vec![
        fresh.clone(),
        // social.plus knows one secret, the one that the receiver has for certain.
        without_amity(Case::genuine("rotated, the new secret", new, &both)),
        Case::genuine("rotated, the old secret in its grace", old, &both),
        Case::genuine("revoked, the new secret", new, &after),
        without_amity(Case::genuine("", old, &after).refused("revoked, the old secret")),
        without_amity(
            Case {
                secret: new.to_owned(),
                ..fresh.clone()
            }
            .refused("another secret"),
        ),
        without_amity(
            Case {
                body: fresh.body.replace("1.5", "1.6"),
                ..fresh.clone()
            }
            .refused("another number"),
        ),
        // The same JSON, but not the same bytes.
        without_amity(
            Case {
                body: fresh.body.replace(':', ": "),
                ..fresh.clone()
            }
            .refused("another spelling"),
        ),
        fresh
            .clone()
            .refused("another id")
            .header("webhook-id", "evt_other"),
        fresh
            .clone()
            .refused("a minute later")
            .header("webhook-timestamp", later(&first)),
        fresh
            .clone()
            .refused("another kind")
            .header("webhook-signature", signature.replace("v1,", "v2,")),
        fresh
            .clone()
            .refused("half a signature")
            .header("webhook-signature", &signature[..19]),
        fresh
            .clone()
            .refused("no signature")
            .header("webhook-signature", ""),
        Case {
            headers: fresh
                .headers
                .iter()
                .filter(|(name, _)| *name != "webhook-id")
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect(),
            ..fresh
        }
        .refused("no id"),
    ]
}

fn later(webhook: &Received) -> String {
    let at: u64 = webhook.header("webhook-timestamp").parse().unwrap();
    (at + 60).to_string()
}

/// A secret that the customer had already, and the body of social.plus.
async fn imported(fanfare: &Fanfare) -> Vec<Case> {
    let receiver = Receiver::accepting().await;
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let wanted = json!({
        "url": receiver.url(), "eventTypes": ["channel.didCreate"],
        "secret": secret, "format": "social.plus",
    });
    fanfare.call("POST", "/webhooks", &wanted).await;
    let event = json!({ "event": "channel.didCreate", "data": { "userIds": ["user123"] } });
    let webhook = fanfare.deliver(&receiver, &event).await;
    let case = Case::genuine("imported, as social.plus", secret, &webhook);
    assert_eq!(
        case.body,
        r#"{"event":"channel.didCreate","data":{"userIds":["user123"]}}"#
    );
    vec![case]
}

/// On its way from a key pair to a shared secret: one signature of each kind.
async fn moved(fanfare: &Fanfare) -> Vec<Case> {
    let receiver = Receiver::accepting().await;
    let wanted =
        json!({ "url": receiver.url(), "eventTypes": ["user.didCreate"], "signing": "ed25519" });
    let made = fanfare.call("POST", "/webhooks", &wanted).await;
    let rotations = format!(
        "/webhooks/{}/secret/rotations",
        made["id"].as_str().unwrap()
    );
    let rotated = fanfare
        .call("POST", &rotations, &json!({ "signing": "hmac" }))
        .await;
    let event = json!({ "event": "user.didCreate", "data": {} });
    let webhook = fanfare.deliver(&receiver, &event).await;
    assert!(webhook.header("webhook-signature").contains(" v1a,"));
    let secret = rotated["secret"].as_str().unwrap();
    vec![Case::genuine("both kinds of signature", secret, &webhook)]
}

/// A delivery that was signed at another time.
async fn sent_at(since_epoch: Duration) -> Case {
    let clock = ManualClock::at(u64::try_from(since_epoch.as_millis()).unwrap());
    let fanfare = Fanfare::start(Options {
        clock: clock.clock(),
        ..Options::ephemeral()
    })
    .await;
    let receiver = Receiver::accepting().await;
    let made = fanfare
        .call("POST", "/webhooks", &json!({ "url": receiver.url() }))
        .await;
    // Fan-out tells batches apart by the clock, which does not stand still outside of tests.
    clock.advance(Duration::from_millis(10));
    let event = json!({ "event": "a.b", "data": {} });
    let webhook = fanfare.deliver(&receiver, &event).await;
    fanfare.stop().await;
    Case::genuine("", made["secret"].as_str().unwrap(), &webhook)
}
