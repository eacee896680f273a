//! Pushes: from an event to a phone, and everything that may stop them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use credential::Credential;
use domain::credential::{Environment, Facts, Fingerprint, Platform, Provider, Record, Slot};
use domain::id::{CredentialId, NetworkId};
use domain::push::settings::Draft;
use domain::time::Timestamp;
use local::{Options, Simulator};
use serde_json::{Value, json};
use simulator::{Fault, Target};
use store::{ActiveSlot, SettingsVersion, Store};
use telemetry::Telemetry;
use testkit::{ManualClock, Receiver, push_certificate, service_account};
use vault::Vault;

use crate::harness::{Answer, Fanfare};
use crate::retry::{START, fanfare_at};

pub(crate) fn phone(digit: char) -> String {
    digit.to_string().repeat(64)
}

pub(crate) fn slot(provider: Provider) -> Slot {
    let platform = match provider {
        Provider::Apns => Platform::Ios,
        Provider::Fcm | Provider::Baidu => Platform::Android,
    };
    Slot::new(platform, provider, Environment::Production).unwrap()
}

impl Fanfare {
    pub(crate) fn phones(&self) -> &Simulator {
        self.system.simulator().unwrap()
    }

    fn variable(&self, name: &str) -> String {
        let functions = &self.system.template().functions;
        let function = functions.iter().find(|f| f.package == "push-dispatch");
        function.unwrap().environment[name].clone()
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.system.aws().dynamodb(), self.variable("TABLE_NAME"))
    }

    /// Makes a credential the active one of its slot.
    pub(crate) async fn activate(&self, slot: Slot, credential: &Credential) -> ActiveSlot {
        self.activate_until(slot, credential, None).await
    }

    pub(crate) async fn activate_until(
        &self,
        slot: Slot,
        credential: &Credential,
        expires: Option<Timestamp>,
    ) -> ActiveSlot {
        let network = NetworkId::parse("demo").unwrap();
        let random = runtime::Random::system();
        let now = Timestamp::from_millis(START);
        let id = CredentialId::generate(now, random.bytes());
        let vault = Vault::new(
            self.system.aws().secretsmanager(),
            self.variable("SECRET_PREFIX"),
            random,
        );
        let text = credential.to_text();
        vault.keep_credential(&network, id, &text).await.unwrap();
        let record = Record {
            id,
            network: network.clone(),
            name: "test".to_owned(),
            slot,
            facts: Facts {
                kind: credential.kind(),
                bundle_id: None,
                team_id: None,
                key_id: None,
                project_id: None,
                topics: Vec::new(),
                environments: vec![slot.environment()],
                expires,
                fingerprint: Fingerprint::from_bytes([7; 32]),
            },
            created: now,
        };
        let store = self.store();
        store.put_credential(&record).await.unwrap();
        let known = store.credentials(&network).await.unwrap();
        let before = known.in_slot(slot).map(|(active, _)| active);
        let active = store.activate_credential(&record, before, now).await;
        active.unwrap().unwrap()
    }

    pub(crate) async fn ios(&self, user: &str, token: &str) {
        let id = format!("{user}-{}", &token[..4]);
        let device = json!({ "deviceId": id, "platform": "ios", "token": token, "userId": user });
        let made = self.register(&device).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }

    pub(crate) async fn settings(&self, settings: Value) {
        let network = NetworkId::parse("demo").unwrap();
        let store = self.store();
        let before = store.push_settings(&network).await.unwrap();
        let draft: Draft = serde_json::from_value(settings).unwrap();
        draft.check().unwrap();
        let next = SettingsVersion {
            version: before.version + 1,
            at: Timestamp::EPOCH,
            repeats: None,
            draft,
        };
        assert!(store.put_push_settings(&network, &next).await.unwrap());
    }

    pub(crate) async fn push(&self, push: Value) -> String {
        let event = json!({ "event": "message.created", "data": {}, "push": push });
        self.report(&event).await
    }

    /// The push's records, once as many are in `state`.
    pub(crate) async fn in_state(&self, event: &str, state: &str, count: usize) -> Answer {
        let good = |answer: &Answer| {
            let items = answer.body["items"].as_array();
            let fits = |item: &&Value| item["state"] == state;
            items.is_some_and(|items| items.iter().filter(fits).count() == count)
        };
        self.until(&format!("/events/{event}/pushes?limit=200"), good)
            .await
    }

    /// What became of the push, once its whole audience was asked.
    async fn finished(&self, event: &str) -> Answer {
        let good = |answer: &Answer| answer.body["progress"]["finished"] == true;
        self.until(&format!("/events/{event}/pushes?limit=200"), good)
            .await
    }

    pub(crate) async fn why(&self, event: &str, user: &str) -> Value {
        let path = format!("/explain?event={event}&user={user}");
        let answer = self.until(&path, |answer| answer.status == 200).await;
        answer.body
    }
}

/// A word of the last gate that was asked.
fn stopped_by(explained: &Value) -> String {
    let gates = explained["gates"].as_array().unwrap();
    gates.last().map_or_else(String::new, |gate| {
        assert_eq!(gate["passed"], false, "{explained}");
        gate["reason"].as_str().unwrap().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_on_phones_of_both_worlds_in_their_languages() {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    let (google, email, public) = service_account("fanfare-demo");
    fanfare.phones().know_account(&email, &public);
    fanfare.activate(slot(Provider::Fcm), &google).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare
        .register(&json!({ "deviceId": "b1", "platform": "android", "token": "bob:1", "userId": "bob", "locale": "de-AT" }))
        .await;
    fanfare
        .settings(json!({ "events": [{ "name": "message.created", "locales": { "de": { "title": "{channel}", "body": "{sender} schreibt: {message}" } } }] }))
        .await;

    let event = fanfare
        .push(json!({
            "targetIds": ["ann", "bob", "nobody"], "channelId": "chess",
            "params": { "sender": "Cy", "channel": "Chess", "message": "e4!" },
            "data": { "link": "app://chess" }, "badge": 2, "collapseId": "chess",
        }))
        .await;
    fanfare.in_state(&event, "sent", 2).await;
    let told = fanfare.finished(&event).await;
    assert_eq!(
        (
            &told.body["progress"]["people"],
            &told.body["progress"]["owed"]
        ),
        (&json!(3), &json!(2))
    );
    let pushes = fanfare.phones().pushes();
    assert_eq!(pushes.len(), 2);
    let on = |provider: &str| {
        pushes
            .iter()
            .find(|push| push.provider == provider)
            .unwrap()
    };
    let apple = on("apns");
    assert_eq!(
        (apple.title.as_deref(), apple.body.as_deref()),
        (Some("Cy (Chess)"), Some("e4!"))
    );
    assert_eq!(apple.payload["aps"]["badge"], 2);
    assert_eq!(
        (&apple.payload["link"], apple.collapse_id.as_deref()),
        (&json!("app://chess"), Some("chess"))
    );
    let google = on("fcm");
    assert_eq!(
        (google.title.as_deref(), google.body.as_deref()),
        (Some("Chess"), Some("Cy schreibt: e4!"))
    );

    let why = fanfare.why(&event, "nobody").await;
    assert_eq!(stopped_by(&why), "device_none");
    let why = fanfare.why(&event, "ann").await;
    assert_eq!(why["gates"].as_array().unwrap().len(), 8, "{why}");
    assert_eq!(why["devices"][0]["state"], "sent");
    fanfare.finished(&event).await;
    let why = fanfare.why(&event, "stranger").await;
    assert!(
        why["explanation"]
            .as_str()
            .unwrap()
            .contains("did not name this user"),
        "{why}"
    );
    let plain = fanfare.report(&json!({ "event": "a.b", "data": {} })).await;
    assert!(
        fanfare.why(&plain, "ann").await["explanation"]
            .as_str()
            .unwrap()
            .contains("without `push`")
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gate_stops_by_name() {
    let fanfare = Fanfare::start().await;
    for user in ["ann", "bob", "cy", "dee", "eve"] {
        fanfare
            .ios(user, &phone(user.chars().next().unwrap()))
            .await;
    }
    let push = |users: &[&str]| json!({ "targetIds": users, "params": { "sender": "x" }, "channelId": "chess", "senderRoleIds": ["bot"] });
    let event = fanfare.push(push(&["ann"])).await;
    fanfare.in_state(&event, "gated", 1).await;
    assert_eq!(
        stopped_by(
            &json!({ "gates": fanfare.why(&event, "ann").await["devices"][0]["credential"].as_object().map(|gate| vec![Value::Object(gate.clone())]) })
        ),
        "credential_none"
    );

    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare
        .put("/users/ann/push-settings", &json!({ "enabled": false }))
        .await;
    fanfare
        .put(
            "/users/bob/push-settings",
            &json!({ "modules": { "chat": false } }),
        )
        .await;
    fanfare
        .put(
            "/users/cy/channels/chess/push-settings",
            &json!({ "mode": "silent" }),
        )
        .await;
    fanfare
        .put(
            "/users/dee/channels/chess/push-settings",
            &json!({ "events": { "message.created": false } }),
        )
        .await;
    // Settings and credentials are kept for five seconds.
    let fresh = async |settings: Value| {
        fanfare.settings(settings).await;
        tokio::time::sleep(Duration::from_millis(5_100)).await;
    };
    fresh(json!({ "modulesOff": [] })).await;
    let event = fanfare
        .push(push(&["ann", "bob", "cy", "dee", "eve"]))
        .await;
    fanfare.in_state(&event, "sent", 1).await;
    for (user, reason) in [
        ("ann", "user_off"),
        ("bob", "user_module_off"),
        ("cy", "place_muted"),
        ("dee", "place_event_off"),
    ] {
        assert_eq!(
            stopped_by(&fanfare.why(&event, user).await),
            reason,
            "{user}"
        );
    }
    for (settings, reason) in [
        (json!({ "enabled": false }), "master_off"),
        (
            json!({ "events": [{ "name": "message.created", "enabled": false }] }),
            "event_off",
        ),
        (json!({ "modulesOff": ["chat"] }), "module_off"),
        (
            json!({ "events": [{ "name": "message.created", "ignoreFrom": ["bot"] }] }),
            "role_ignored",
        ),
        (
            json!({ "events": [{ "name": "message.created", "listenFrom": ["human"] }] }),
            "role_not_listened",
        ),
    ] {
        fresh(settings).await;
        let event = fanfare.push(push(&["eve"])).await;
        fanfare.in_state(&event, "gated", 1).await;
        assert_eq!(stopped_by(&fanfare.why(&event, "eve").await), reason);
    }
    fresh(json!({})).await;
    for (mode, reason) in [
        ("silent", "place_silent"),
        ("subscribe", "place_not_subscribed"),
    ] {
        fanfare
            .put("/channels/chess/push-settings", &json!({ "mode": mode }))
            .await;
        let event = fanfare.push(push(&["eve"])).await;
        fanfare.in_state(&event, "gated", 1).await;
        assert_eq!(stopped_by(&fanfare.why(&event, "eve").await), reason);
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_reaches_everyone_and_a_channel_its_subscribers() {
    let fanfare = Fanfare::start().await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    for n in 0..60 {
        fanfare
            .ios(&format!("u{n}"), &format!("{n:064x}").replace(' ', "0"))
            .await;
    }
    for user in ["u3", "u7"] {
        fanfare
            .put(
                &format!("/users/{user}/channels/chess/push-settings"),
                &json!({ "mode": "subscribe" }),
            )
            .await;
    }
    let body = json!({ "broadcast": true, "title": "Hi", "body": "all" });
    let event = fanfare.push(body).await;
    fanfare.in_state(&event, "sent", 60).await;
    let told = fanfare.finished(&event).await;
    assert_eq!(told.body["progress"]["people"], 60);
    let page = fanfare
        .get(&format!("/events/{event}/pushes?limit=7"))
        .await;
    let next = page.text("/nextCursor");
    let rest = fanfare
        .get(&format!("/events/{event}/pushes?limit=200&cursor={next}"))
        .await;
    assert_eq!(
        (
            page.body["items"].as_array().unwrap().len(),
            rest.body["items"].as_array().unwrap().len()
        ),
        (7, 53)
    );

    let event = fanfare
        .push(json!({ "channelId": "chess", "senderId": "u3", "params": {} }))
        .await;
    fanfare.in_state(&event, "sent", 1).await;
    assert_eq!(
        stopped_by(&fanfare.why(&event, "u3").await),
        "user_is_sender"
    );
    assert!(
        fanfare.why(&event, "u4").await["explanation"]
            .as_str()
            .unwrap()
            .contains("had not subscribed")
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_push_is_told_by_field() {
    let fanfare = Fanfare::start().await;
    let event = json!({ "event": "message.created", "data": {}, "push": {
        "targetIds": ["", "ok"], "params": { "nothing": "x" }, "priority": "now", "ttlSeconds": -1, "colour": "red",
    } });
    let refused = fanfare.post(&fanfare.producer(), "/events", &event).await;
    assert_eq!(refused.problem(), "invalid-fields");
    let fields: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap().to_owned())
        .collect();
    for field in [
        "push.targetIds[0]",
        "push.params.nothing",
        "push.priority",
        "push.ttlSeconds",
        "push.colour",
    ] {
        assert!(
            fields.iter().any(|known| known == field),
            "{field} of {fields:?}"
        );
    }
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_tokens_go_and_a_device_registered_since_stays() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.ios("bob", &phone('b')).await;
    fanfare
        .phones()
        .uninstall(&phone('a'), Timestamp::from_millis(START + 1));
    // Bob installed again after Apple saw the application gone.
    fanfare
        .phones()
        .uninstall(&phone('b'), Timestamp::from_millis(START - 1));
    let event = fanfare
        .push(json!({ "targetIds": ["ann", "bob"], "params": {} }))
        .await;
    let told = fanfare.in_state(&event, "dead", 2).await;
    assert!(
        told.body.to_string().contains("Unregistered"),
        "{}",
        told.body
    );
    let devices = async |user: &str| {
        let listed = fanfare.get(&format!("/users/{user}/devices")).await;
        listed.body["items"].as_array().unwrap().len()
    };
    assert_eq!((devices("ann").await, devices("bob").await), (0, 1));
    fanfare.system.stop().await;
}

/// Moves time until a thing is so.
async fn until_later(fanfare: &Fanfare, clock: &ManualClock, step: u64, good: impl Fn() -> bool) {
    for _ in 0..200 {
        if good() {
            return;
        }
        clock.advance(Duration::from_secs(step));
        fanfare.system.embedded().sqs().tick();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to what was waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_dies_holds_its_pushes_until_a_good_one_is_activated() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 200_u16).await;
    fanfare
        .endpoint(
            &receiver.url(),
            &["credential.failed", "push-notification.created"],
        )
        .await;
    let (apple, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    fanfare.phones().expire_certificate(fingerprint);
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "params": { "sender": "Cy" }, "senderId": "cy" }))
        .await;
    fanfare.in_state(&event, "held", 1).await;
    receiver.wait_for(2).await;
    let bodies: Vec<Value> = receiver
        .received()
        .iter()
        .map(|got| serde_json::from_slice(&got.body).unwrap())
        .collect();
    let of = |name: &str| {
        bodies
            .iter()
            .find(|body| body["event"] == name)
            .unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(of("push-notification.created")["senderId"], "cy");
    assert_eq!(
        of("push-notification.created")["data"]["eventName"],
        "message.created"
    );
    let failed = of("credential.failed");
    assert!(
        failed["data"]["reason"]
            .as_str()
            .unwrap()
            .contains("CertificateExpired"),
        "{failed}"
    );

    let (fresh, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &fresh).await;
    until_later(&fanfare, &clock, 5, || fanfare.phones().delivered() == 1).await;
    fanfare.in_state(&event, "sent", 1).await;
    let why = fanfare.why(&event, "ann").await;
    assert_eq!(why["devices"][0]["attempts"], 1, "{why}");
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_wrong_environment_deletes_no_token() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let receiver = Receiver::start(|_, _| 200_u16).await;
    fanfare.endpoint(&receiver.url(), &["device.guarded"]).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    let users = ["a", "b", "c", "d", "e"];
    for user in users {
        let token = phone(user.chars().next().unwrap());
        fanfare.ios(user, &token).await;
        fanfare.phones().place(&token, Environment::Sandbox);
    }
    let event = fanfare
        .push(json!({ "targetIds": users, "params": {} }))
        .await;
    fanfare.in_state(&event, "held", 5).await;
    receiver.wait_for(1).await;
    for user in users {
        let listed = fanfare.get(&format!("/users/{user}/devices")).await;
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{user}");
    }
    let asked = fanfare.phones().pushes().len();
    // Looked at again, but not sent again: Apple would take that for an attack.
    clock.advance(Duration::from_secs(5));
    fanfare.system.embedded().sqs().tick();
    // The owner finds the mistake and activates the right one.
    for user in users {
        fanfare.phones().place(
            &phone(user.chars().next().unwrap()),
            Environment::Production,
        );
    }
    let (right, _) = push_certificate(&[1, 2], (2020, 2090));
    assert_eq!(fanfare.phones().pushes().len(), asked);
    fanfare.activate(slot(Provider::Apns), &right).await;
    until_later(&fanfare, &clock, 5, || fanfare.phones().delivered() == 5).await;
    fanfare.in_state(&event, "sent", 5).await;
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apple_gets_a_quarter_of_an_hour_and_the_same_id_and_poison_is_given_up() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    let trouble = Fault::refuse(503, "ServiceUnavailable");
    fanfare.phones().script(Target::Apns, None, 1, trouble);
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "params": {}, "collapseId": "c" }))
        .await;
    let waiting = |answer: &Answer| answer.body["items"][0]["attempts"] == 1;
    fanfare
        .until(&format!("/events/{event}/pushes"), waiting)
        .await;
    clock.advance(Duration::from_secs(899));
    fanfare.system.embedded().sqs().tick();
    assert_eq!(fanfare.phones().pushes().len(), 1);
    clock.advance(Duration::from_secs(2));
    fanfare.system.embedded().sqs().tick();
    fanfare.in_state(&event, "sent", 1).await;
    let pushes = fanfare.phones().pushes();
    assert_eq!(
        (pushes.len(), &pushes[0].id, &pushes[0].collapse_id),
        (2, &pushes[1].id, &pushes[1].collapse_id)
    );

    fanfare
        .phones()
        .script(Target::Apns, None, 1, Fault::refuse(400, "BadTopic"));
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "params": {} }))
        .await;
    fanfare.in_state(&event, "dead", 1).await;
    let large = json!({ "targetIds": ["ann"], "body": "x".repeat(4_900), "title": "T" });
    let event = fanfare.push(large).await;
    fanfare.in_state(&event, "sent", 1).await;
    let shown = fanfare.phones().pushes().pop().unwrap().body.unwrap();
    assert!(shown.ends_with('…') && shown.len() < 4_096);
    let data: Value = (0..5)
        .map(|n| (format!("k{n}"), json!("v".repeat(1000))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let event = fanfare
        .push(json!({ "targetIds": ["ann"], "data": data, "body": "b" }))
        .await;
    let told = fanfare.in_state(&event, "dead", 1).await;
    assert!(
        told.body.to_string().contains("payload_too_large"),
        "{}",
        told.body
    );
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_becomes_ten_pushes_and_one_summary() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    fanfare.ios("ann", &phone('a')).await;
    let mut events = Vec::new();
    for n in 0..14 {
        let push = json!({ "targetIds": ["ann"], "params": { "message": format!("m{n}"), "sender": "Cy" } });
        let event = fanfare.push(push).await;
        fanfare
            .until(&format!("/events/{event}/pushes"), |a| {
                a.body["items"]
                    .as_array()
                    .is_some_and(|items| !items.is_empty())
            })
            .await;
        events.push(event);
    }
    for event in &events[10..] {
        fanfare.in_state(event, "collapsed", 1).await;
    }
    until_later(&fanfare, &clock, 2, || fanfare.phones().delivered() == 11).await;
    let last = fanfare.phones().pushes().pop().unwrap();
    assert_eq!(last.body.as_deref(), Some("m10 (+3)"));
    let told = fanfare.in_state(&events[10], "sent", 1).await;
    assert_eq!(told.body["items"].as_array().unwrap().len(), 2);
    fanfare.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_toggle_stops_what_is_queued() {
    let clock = ManualClock::at(START);
    let fanfare = fanfare_at(&clock).await;
    let (apple, _) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    for n in 0..30 {
        fanfare.ios(&format!("u{n}"), &format!("{n:064x}")).await;
    }
    // Queued, and kept waiting by Apple.
    let trouble = Fault::refuse(503, "ServiceUnavailable");
    fanfare.phones().script(Target::Apns, None, 30, trouble);
    let event = fanfare
        .push(json!({ "broadcast": true, "body": "b" }))
        .await;
    let tried = |answer: &Answer| {
        let items = answer.body["items"].as_array();
        items.is_some_and(|items| items.iter().filter(|item| item["attempts"] == 1).count() == 30)
    };
    fanfare
        .until(&format!("/events/{event}/pushes?limit=200"), tried)
        .await;
    fanfare.settings(json!({ "enabled": false })).await;
    clock.advance(Duration::from_secs(1_000));
    fanfare.system.embedded().sqs().tick();
    let told = fanfare.in_state(&event, "gated", 30).await;
    assert_eq!(told.body["items"][0]["stoppedBy"]["reason"], "master_off");
    assert_eq!(fanfare.phones().delivered(), 0);
    fanfare.system.stop().await;
}

/// Everything that is written down while pushes are sent, refused and explained, without the keys.
#[tokio::test(flavor = "multi_thread")]
async fn the_material_of_credentials_is_in_no_row_line_or_answer() {
    let lines = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&lines);
    let fanfare = Fanfare::with(Options {
        telemetry: Telemetry::to(move |_, line| sink.lock().unwrap().push_str(line)),
        ..Options::ephemeral()
    })
    .await;
    let (apple, fingerprint) = push_certificate(&[1, 2], (2020, 2090));
    fanfare.activate(slot(Provider::Apns), &apple).await;
    let (google, email, public) = service_account("fanfare-demo");
    fanfare.phones().know_account(&email, &public);
    fanfare.activate(slot(Provider::Fcm), &google).await;
    fanfare.ios("ann", &phone('a')).await;
    let bob = json!({ "deviceId": "b1", "platform": "android", "token": "bob:1", "userId": "bob" });
    fanfare.register(&bob).await;
    let mut answers = String::new();
    let event = fanfare
        .push(json!({ "targetIds": ["ann", "bob"], "params": {} }))
        .await;
    answers += &fanfare.in_state(&event, "sent", 2).await.body.to_string();
    fanfare.phones().expire_certificate(fingerprint);
    fanfare.phones().revoke_account(&email);
    let event = fanfare
        .push(json!({ "targetIds": ["ann", "bob"], "params": {} }))
        .await;
    answers += &fanfare.in_state(&event, "held", 2).await.body.to_string();
    answers += &fanfare.why(&event, "ann").await.to_string();
    answers += &fanfare.why(&event, "bob").await.to_string();

    let table = fanfare.variable("TABLE_NAME");
    let rows = fanfare
        .system
        .aws()
        .dynamodb()
        .scan()
        .table_name(table)
        .send()
        .await
        .unwrap();
    let rows = format!("{:?}", rows.items());
    let lines = lines.lock().unwrap().clone();
    assert!(
        rows.contains("CRED#") && lines.contains("CredentialPaused") && answers.contains("held")
    );
    for credential in [&apple, &google] {
        let text = credential.to_text();
        let text: Value = serde_json::from_str(&text).unwrap();
        let key = text["key"].as_str().unwrap();
        // Any line of it would do.
        for part in key.as_bytes().chunks(48).filter(|part| part.len() == 48) {
            let part = std::str::from_utf8(part).unwrap();
            for (what, written) in [
                ("a row", &rows),
                ("a line", &lines),
                ("an answer", &answers),
            ] {
                assert!(!written.contains(part), "{what} has {part}");
            }
        }
    }
    fanfare.system.stop().await;
}
