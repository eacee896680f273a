//! Phones, credentials and settings, for tests of pushes.

use std::time::Duration;

use credential::Credential;
use domain::credential::{Environment, Facts, Fingerprint, Platform, Provider, Record, Slot};
use domain::id::{CredentialId, NetworkId};
use domain::push::settings::Draft;
use domain::time::Timestamp;
use local::Simulator;
use serde_json::{Value, json};
use store::{ActiveSlot, SettingsVersion, Store};
use testkit::ManualClock;
use vault::Vault;

use crate::harness::{Answer, Fanfare};
use crate::retry::START;

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

    pub(crate) fn variable(&self, name: &str) -> String {
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
        let fingerprint = random.bytes();
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
                fingerprint: Fingerprint::from_bytes(fingerprint),
            },
            created: now,
        };
        let store = self.store();
        store.put_credential(&record, None).await.unwrap();
        let known = store.credentials(&network).await.unwrap();
        let before = known.in_slot(slot).map(|(active, _)| active);
        let active = ActiveSlot::activated(&record, before, now);
        let activated = store.activate_credential(&record, before, &active).await;
        assert!(activated.unwrap());
        active
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
    pub(crate) async fn finished(&self, event: &str) -> Answer {
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
pub(crate) fn stopped_by(explained: &Value) -> String {
    let gates = explained["gates"].as_array().unwrap();
    gates.last().map_or_else(String::new, |gate| {
        assert_eq!(gate["passed"], false, "{explained}");
        gate["reason"].as_str().unwrap().to_owned()
    })
}

/// Moves time until a thing is so.
pub(crate) async fn until_later(
    fanfare: &Fanfare,
    clock: &ManualClock,
    step: u64,
    good: impl Fn() -> bool,
) {
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
