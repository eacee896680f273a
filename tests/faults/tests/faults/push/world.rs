//! Phones, the people who carry them, and the credentials that reach them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::credential::{Environment, Facts, Fingerprint, Provider, Record, Slot};
use domain::id::CredentialId;
use domain::push::device::{Device, DeviceId, Token, UserId};
use domain::push::preference::{Mode, Place, PlaceKind, PlacePreference};
use domain::push::settings::Draft;
use domain::time::Timestamp;
use serde_json::json;
use serde_json::value::RawValue;
use store::{ActiveSlot, SettingsVersion, USER_SHARDS};
use testkit::TOPIC;

use crate::push::material::{Good, PROJECT, good, mistaken};
use crate::push::plan::{Audience, Meddling};
use crate::push::provider::Providers;
use crate::stage::Stage;
use crate::world::World;

/// What a token is for that is none of the application's.
const STRANGE: &str = "strange";

pub(crate) struct Phones {
    pub(crate) providers: Arc<Providers>,
    /// Who had which phone, in the order in which it changed.
    pub(crate) moves: Vec<Move>,
    /// What the provider knows each phone by now.
    tokens: Vec<String>,
    /// Every token there was, and whose phone's it was.
    pub(crate) phone_of: BTreeMap<String, usize>,
    /// Phones about which a provider will say nothing good.
    pub(crate) spoilt: Vec<usize>,
    active: BTreeMap<Slot, Active>,
    /// How many credentials were activated.
    made: usize,
}

/// From this moment on the phone is this person's, or nobody's.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    /// Milliseconds since the beginning.
    pub(crate) at: u64,
    pub(crate) phone: usize,
    pub(crate) owner: Option<usize>,
    /// With this token.
    pub(crate) token: String,
}

/// What was activated last.
enum Active {
    Good(Good),
    Refused,
    Mistaken,
}

pub(crate) fn user(person: usize) -> UserId {
    UserId::parse(&format!("person-{person}")).unwrap()
}

/// What people subscribe to.
fn channel() -> Place {
    Place::parse(PlaceKind::Channel, "chess").unwrap()
}

/// Those of the crowd, one after the other: all in one part with person 0.
fn crowd() -> impl Iterator<Item = UserId> {
    let first = user(0);
    let part = first.shard(USER_SHARDS);
    let names = (0..).map(move |number| UserId::parse(&format!("{first}-{number}")).unwrap());
    names.filter(move |one| one.shard(USER_SHARDS) == part)
}

pub(crate) fn device(phone: usize) -> DeviceId {
    DeviceId::parse(&format!("phone-{phone}")).unwrap()
}

fn token(provider: Provider, number: usize) -> String {
    match provider {
        Provider::Apns => format!("{number:064x}"),
        Provider::Fcm => format!("phone:{number}"),
        Provider::Baidu => format!("{}", 1_000_000 + number),
    }
}

impl Phones {
    pub(crate) fn new(stage: &Arc<Stage>) -> Self {
        let plan = stage.plan.push.as_ref().unwrap();
        let mut phones = Self {
            providers: Arc::new(Providers::new(stage)),
            moves: Vec::new(),
            tokens: Vec::new(),
            phone_of: BTreeMap::new(),
            spoilt: Vec::new(),
            active: BTreeMap::new(),
            made: 0,
        };
        for (number, phone) in plan.phones.iter().enumerate() {
            phones.tokens.push(String::new());
            phones.give_token(number, phone.slot);
        }
        phones
    }

    /// Another token than any before.
    fn give_token(&mut self, phone: usize, slot: Slot) {
        let token = token(slot.provider(), self.phone_of.len() + 1);
        self.phone_of.insert(token.clone(), phone);
        let simulator = &self.providers.simulator;
        match slot.provider() {
            Provider::Apns => simulator.belong(&token, TOPIC),
            Provider::Fcm => simulator.belong(&token, PROJECT),
            Provider::Baidu => {}
        }
        self.tokens[phone] = token;
    }

    /// The phone's token as its provider gave it last.
    pub(crate) fn token(&self, phone: usize) -> &str {
        &self.tokens[phone]
    }

    /// Who the phone belongs to, and since when.
    pub(crate) fn last_move(&self, phone: usize) -> &Move {
        let mut moves = self.moves.iter().rev();
        moves.find(|one| one.phone == phone).unwrap()
    }
}

impl World {
    fn phones(&mut self) -> &mut Phones {
        self.phones.as_mut().unwrap()
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.stage.time.now())
    }

    /// Everybody signs in, and good credentials are active. Nothing in a world without pushes.
    pub(crate) async fn hand_over_phones(&mut self) {
        let Some(plan) = self.stage.plan.push.clone() else {
            return;
        };
        self.stage.tell(&format!("{plan:?}"));
        for slot in plan.slots() {
            self.activate_good(slot).await;
        }
        for (number, phone) in plan.phones.iter().enumerate() {
            self.sign_in(number, phone.owner, phone.slot).await;
        }
        if plan.has_subscribers() {
            let channel = channel();
            let (store, network) = (&self.store, &self.network);
            let set = store.set_place_mode(network, &channel, Mode::Subscribe);
            set.await.unwrap();
            let owners = plan.phones.iter().map(|phone| user(phone.owner));
            for person in owners.chain(crowd().take(plan.crowd)) {
                self.subscribe(&person, true).await;
            }
        } else {
            self.gather(plan.crowd).await;
        }
        self.toggle(true).await;
    }

    /// People who once said something about pushes and have no phone.
    async fn gather(&self, most: usize) {
        for name in crowd().take(most) {
            let said = self
                .store
                .change_preferences(&self.network, &name, None, |decided| {
                    decided.off = true;
                    true
                });
            assert!(said.await.unwrap().is_some());
        }
    }

    async fn subscribe(&self, person: &UserId, on: bool) {
        let mode = if on { Mode::Subscribe } else { Mode::Default };
        let (network, channel) = (&self.network, channel());
        let store = &self.store;
        let said = store.change_preferences(network, person, Some(&channel), |decided| {
            let events_off = BTreeSet::new();
            decided.set_place(&channel, PlacePreference { mode, events_off })
        });
        assert!(said.await.unwrap().is_some());
    }

    /// The `push` of event number …, as its producer writes it.
    pub(crate) fn push_of(&self, number: usize) -> Option<Box<RawValue>> {
        let wanted = &self.stage.plan.push.as_ref()?.wanted[number];
        let mut push = json!({
            "params": { "sender": "Ann", "channel": "Chess", "message": format!("e{number}") },
            "data": { "number": number.to_string() },
        });
        match &wanted.audience {
            Audience::Named(people) => {
                let users: Vec<_> = people
                    .iter()
                    .map(|person| user(*person).to_string())
                    .collect();
                push["targetIds"] = json!(users);
            }
            Audience::Everyone => push["broadcast"] = json!(true),
            Audience::Subscribers => push["channelId"] = json!(channel().id()),
        }
        if let Some(seconds) = wanted.ttl {
            push["ttlSeconds"] = json!(seconds);
        }
        Some(RawValue::from_string(push.to_string()).unwrap())
    }

    pub(crate) async fn meddle(&mut self, what: Meddling) {
        let slot_of = |world: &Self, phone: usize| {
            let plan = world.stage.plan.push.as_ref().unwrap();
            plan.phones[phone].slot
        };
        match what {
            Meddling::Toggle(on) => self.toggle(on).await,
            Meddling::SignIn(phone, person) => {
                let slot = slot_of(self, phone);
                self.sign_in(phone, person, slot).await;
            }
            Meddling::SignOut(phone) => self.sign_out(phone).await,
            Meddling::Join => {
                let before = self.stage.plan.push.as_ref().unwrap().crowd;
                self.subscribe(&crowd().nth(before).unwrap(), true).await;
            }
            Meddling::Leave(person) => self.subscribe(&user(person), false).await,
            Meddling::Uninstall(phone) => {
                let now = self.timestamp();
                let phones = self.phones();
                let token = phones.token(phone).to_owned();
                phones.providers.simulator.uninstall(&token, now);
                phones.spoilt.push(phone);
            }
            Meddling::Renew(phone) => {
                let owner = self.phones().last_move(phone).owner;
                let Some(owner) = owner else { return };
                let (now, slot) = (self.timestamp(), slot_of(self, phone));
                let phones = self.phones();
                let old = phones.token(phone).to_owned();
                phones.providers.simulator.uninstall(&old, now);
                phones.spoilt.push(phone);
                phones.give_token(phone, slot);
                self.sign_in(phone, owner, slot).await;
            }
            Meddling::Misplace(phone) => {
                let slot = slot_of(self, phone);
                let phones = self.phones();
                let token = phones.token(phone).to_owned();
                let other = match slot.environment() {
                    Environment::Production => Environment::Sandbox,
                    Environment::Sandbox => Environment::Production,
                };
                phones.providers.simulator.place(&token, other);
                phones.spoilt.push(phone);
            }
            Meddling::Estrange(phone) => {
                let phones = self.phones();
                let token = phones.token(phone).to_owned();
                phones.providers.simulator.belong(&token, STRANGE);
                phones.spoilt.push(phone);
            }
            Meddling::Revoke(slot) => {
                let phones = self.phones();
                if let Some(Active::Good(active)) = phones.active.insert(slot, Active::Refused) {
                    active.end(&phones.providers.simulator);
                }
            }
            Meddling::Mistake(slot) => {
                let phones = self.phones();
                phones.made += 1;
                let credential = mistaken(&phones.providers.simulator, slot, phones.made);
                phones.active.insert(slot, Active::Mistaken);
                self.activate(slot, &credential).await;
            }
            Meddling::Rotate(slot) => self.activate_good(slot).await,
            Meddling::Mend => self.mend().await,
        }
    }

    /// The phone in `slot` is `person`'s from now on, with its token as it is.
    pub(crate) async fn sign_in(&mut self, phone: usize, person: usize, slot: Slot) {
        let now = self.timestamp();
        let token = self.phones().token(phone).to_owned();
        self.phones().providers.simulator.install(&token);
        let device = Device {
            id: device(phone),
            slot,
            token: Token::parse(&token, slot.provider()).unwrap(),
            locale: None,
            registered: now,
        };
        let user = user(person);
        let registered = self.store.register_device(&self.network, &user, &device);
        registered.await.unwrap();
        self.moved(phone, Some(person));
    }

    async fn sign_out(&mut self, phone: usize) {
        let id = device(phone);
        let removed = self.store.remove_device(&self.network, &id, None).await;
        assert!(removed.is_ok());
        self.moved(phone, None);
    }

    fn moved(&mut self, phone: usize, owner: Option<usize>) {
        let at = self.stage.time.passed();
        let phones = self.phones();
        let token = phones.token(phone).to_owned();
        phones.moves.push(Move {
            at,
            phone,
            owner,
            token,
        });
    }

    async fn toggle(&self, on: bool) {
        let before = self.store.push_settings(&self.network).await.unwrap();
        let burst = self.stage.plan.push.as_ref().unwrap().burst;
        let draft: Draft = serde_json::from_value(json!({
            "enabled": on, "throttle": [burst, 60],
        }))
        .unwrap();
        draft.check().unwrap();
        let next = SettingsVersion {
            version: before.version + 1,
            at: self.timestamp(),
            repeats: None,
            draft,
        };
        let put = self.store.put_push_settings(&self.network, &next).await;
        assert!(put.unwrap());
    }

    async fn mend(&mut self) {
        let known = self.store.credentials(&self.network).await.unwrap();
        for slot in self.stage.plan.push.as_ref().unwrap().slots() {
            let (active, _) = known.in_slot(slot).unwrap();
            // Of the last Fanfare tells: `device.guarded`.
            let doubted = active.suspects > 0 && active.suspects >= active.delivered;
            let good = matches!(self.phones().active.get(&slot), Some(Active::Good(_)));
            if active.paused.is_some() || doubted || !good {
                self.activate_good(slot).await;
            }
        }
    }

    pub(crate) async fn activate_good(&mut self, slot: Slot) {
        let phones = self.phones();
        phones.made += 1;
        let good = good(&phones.providers.simulator, slot, phones.made);
        self.activate(slot, &good.credential).await;
        self.phones().active.insert(slot, Active::Good(good));
    }

    /// As the API does it: the material first, then what is known of it, then the switch.
    async fn activate(&mut self, slot: Slot, credential: &credential::Credential) {
        let now = self.timestamp();
        let record = self.keep(slot, credential).await;
        let known = self.store.credentials(&self.network).await.unwrap();
        let before = known.in_slot(slot).map(|(active, _)| active);
        let active = ActiveSlot::activated(&record, before, now);
        let activated = self.store.activate_credential(&record, before, &active);
        assert!(activated.await.unwrap());
        self.stage
            .tell(&format!("{} is active in {slot}", record.name));
    }

    /// Another good credential for the slot, uploaded and not activated.
    pub(crate) async fn upload_good(&mut self, slot: Slot) -> CredentialId {
        let phones = self.phones();
        phones.made += 1;
        let good = good(&phones.providers.simulator, slot, phones.made);
        self.keep(slot, &good.credential).await.id
    }

    async fn keep(&mut self, slot: Slot, credential: &credential::Credential) -> Record {
        let now = self.timestamp();
        let id = CredentialId::generate(now, self.random().bytes());
        let kept = self
            .vault()
            .keep_credential(&self.network, id, &credential.to_text())
            .await;
        kept.unwrap();
        let record = Record {
            id,
            network: self.network.clone(),
            name: format!("credential {}", self.phones().made),
            slot,
            facts: Facts {
                kind: credential.kind(),
                bundle_id: None,
                team_id: None,
                key_id: None,
                project_id: None,
                topics: Vec::new(),
                environments: vec![slot.environment()],
                expires: None,
                fingerprint: Fingerprint::from_bytes(self.random().bytes()),
            },
            created: now,
        };
        self.store.put_credential(&record, None).await.unwrap();
        record
    }
}
