//! What must hold of pushes once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::EventId;
use simulator::Received;
use store::{PushRecord, PushState, SUBSCRIBER_SHARDS, USER_SHARDS};
use testkit::TOPIC;

use crate::faulty::push_subject;
use crate::oracle::judge as judge_world;
use crate::plan::Action;
use crate::push::news::judge_news;
use crate::push::plan::{Audience, Meddling, PushPlan};
use crate::push::world::{Phones, device, user};
use crate::seeds::Tally;
use crate::stage::Invocation;
use crate::world::{World, event_name};

/// A push may go to whom a phone belonged so long ago: until it is sent for the first time, only the
/// fan-out looked, and both functions run for half a minute at most, beside waiting in their queues.
const STALE_MS: u64 = 180_000;

/// Words that say that a token is dead.
const DEAD: [&str; 5] = [
    "Unregistered",
    "ExpiredToken",
    "UNREGISTERED",
    "30605",
    "30608",
];
/// Words that a wrong credential would be told too.
const SUSPECT: [&str; 2] = ["BadDeviceToken", "DeviceTokenNotForTopic"];

/// What became of one seed.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) sent: usize,
    pub(crate) dead: usize,
    pub(crate) gated: usize,
    pub(crate) collapsed: usize,
    /// Pushes that a phone got more than once.
    pub(crate) repeated: usize,
    /// Devices that a provider's word removed.
    pub(crate) removed: usize,
    /// Failures of credentials, and recoveries from them, that were told.
    pub(crate) failed: usize,
    pub(crate) recovered: usize,
    /// Activations, and credentials in doubt, that were told.
    pub(crate) activated: usize,
    pub(crate) guarded: usize,
    /// Requests to push.
    pub(crate) requests: usize,
    /// What should not be, in words.
    pub(crate) broken: Vec<String>,
}

impl Tally for Account {
    fn broken(&self) -> &[String] {
        &self.broken
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.dead += other.dead;
        self.gated += other.gated;
        self.collapsed += other.collapsed;
        self.repeated += other.repeated;
        self.removed += other.removed;
        self.failed += other.failed;
        self.recovered += other.recovered;
        self.activated += other.activated;
        self.guarded += other.guarded;
        self.requests += other.requests;
    }
}

/// Everything there is to compare.
struct Books<'a> {
    world: &'a World,
    phones: &'a Phones,
    plan: &'a PushPlan,
    /// By event and person.
    records: BTreeMap<(usize, usize), Vec<PushRecord>>,
    requests: Vec<Received>,
    /// The clock when the world began.
    began: u64,
}

pub(crate) async fn judge(world: &World) -> Account {
    let mut account = Account {
        broken: judge_world(world).await.broken,
        ..Account::default()
    };
    let books = Books::open(world).await;
    account.requests = books.requests.len();
    books.judge_records(&mut account);
    books.judge_summaries(&mut account);
    books.judge_requests(&mut account);
    books.judge_devices(&mut account).await;
    books.judge_progress(&mut account).await;
    judge_news(world, &mut account).await;
    account
}

impl<'a> Books<'a> {
    async fn open(world: &'a World) -> Self {
        let plan = world.stage.plan.push.as_ref().unwrap();
        let phones = world.phones.as_ref().unwrap();
        let mut records = BTreeMap::new();
        for event in 0..plan.wanted.len() {
            let id = EventId::parse(&event_name(event)).unwrap();
            for person in 0..plan.people {
                let user = user(person);
                let found = world.store.user_pushes(&world.network, &id, &user).await;
                records.insert((event, person), found.unwrap());
            }
        }
        Self {
            requests: phones.providers.simulator.pushes(),
            began: world.stage.time.now() - world.stage.time.passed(),
            world,
            phones,
            plan,
            records,
        }
    }

    fn is_for(&self, event: usize, person: usize) -> bool {
        match &self.plan.wanted[event].audience {
            Audience::Named(people) => people.contains(&person),
            Audience::Everyone | Audience::Subscribers => true,
        }
    }

    /// Whether they may have unsubscribed before they were looked at.
    fn left(&self, person: usize) -> bool {
        let mut actions = self.world.stage.plan.actions.iter();
        actions.any(|(_, action)| *action == Action::Push(Meddling::Leave(person)))
    }

    /// Whether the phone was this person's from the beginning to the end, and nobody spoke ill of it.
    fn is_steady(&self, phone: usize) -> bool {
        let moves = self.phones.moves.iter();
        let refused = |request: &&Received| {
            let word = request.reason.as_deref().unwrap_or_default();
            self.phones.phone_of[&request.token] == phone
                && (DEAD.contains(&word) || SUSPECT.contains(&word))
        };
        moves.filter(|one| one.phone == phone).count() == 1
            && !self.phones.spoilt.contains(&phone)
            && !self.requests.iter().any(|request| refused(&request))
    }

    fn was_doubled(&self, event: usize) -> bool {
        let (stage, name) = (&self.world.stage, event_name(event));
        let mut workers = stage.workers(&name).into_iter();
        stage.was_copied(&name) && workers.any(|worker| worker.had_trouble())
    }

    fn steady_phones(&self, person: usize) -> impl Iterator<Item = usize> {
        let phones = self.plan.phones.iter().enumerate();
        phones
            .filter(move |(number, phone)| phone.owner == person && self.is_steady(*number))
            .map(|(number, _)| number)
    }

    /// Each event has a record for each person it was for, and for each of their phones, that says
    /// how it ended and why.
    fn judge_records(&self, account: &mut Account) {
        for ((event, person), records) in &self.records {
            let named = matches!(self.plan.wanted[*event].audience, Audience::Named(_));
            let of_person = records.iter().find(|record| record.device.is_none());
            let mut broken = |what: &str| {
                let name = event_name(*event);
                account
                    .broken
                    .push(format!("{name} for person {person}: {what}"));
            };
            if !self.is_for(*event, *person) {
                if !records.is_empty() {
                    broken("it has records and is not theirs");
                }
                continue;
            }
            if named && records.is_empty() {
                broken("it is lost: nothing is recorded");
            }
            if records.is_empty() && self.left(*person) {
                continue;
            }
            for phone in self.steady_phones(*person) {
                let id = Some(device(phone));
                let told = records.iter().any(|record| record.device == id);
                if of_person.is_none() && !told {
                    broken(&format!("it is lost for phone {phone}"));
                }
            }
            for record in records {
                let said = record.explanation.as_deref().unwrap_or_default();
                let stop = record.trail.stop();
                let fine = match record.state {
                    PushState::Gated => stop.is_some_and(|ground| ground.setting() != "none"),
                    PushState::Sent | PushState::Dead | PushState::Collapsed => !said.is_empty(),
                    // SQS handed the page out twice at once: one receive owed it to the device and died,
                    // the other decided for the person.
                    PushState::Pending if of_person.is_some() => self.was_doubled(*event),
                    PushState::Pending | PushState::Held => false,
                };
                if !fine {
                    broken(&format!("in the end it is {record:?}"));
                }
            }
            for record in records {
                match record.state {
                    PushState::Gated => account.gated += 1,
                    PushState::Sent => account.sent += 1,
                    PushState::Dead => account.dead += 1,
                    PushState::Collapsed => account.collapsed += 1,
                    PushState::Pending | PushState::Held => {}
                }
            }
        }
    }

    /// What was kept back from a person is told of in a summary, unless pushes were switched off.
    fn judge_summaries(&self, account: &mut Account) {
        let mut actions = self.world.stage.plan.actions.iter();
        let off = |action: &Action| *action == Action::Push(Meddling::Toggle(false));
        if actions.any(|(_, action)| off(action)) {
            return;
        }
        for person in 0..self.plan.people {
            if self.steady_phones(person).next().is_none() {
                continue;
            }
            let collapsed = self.records.iter().filter(|((_, whose), records)| {
                let mut records = records.iter();
                *whose == person && records.any(|record| record.state == PushState::Collapsed)
            });
            let collapsed: Vec<_> = collapsed.map(|(_, records)| records).collect();
            let told = collapsed.iter().any(|records| records.len() > 1);
            if !collapsed.is_empty() && !told {
                let what = format!("{collapsed:?} was kept back from person {person}");
                account.broken.push(format!("{what}, and no summary came"));
            }
        }
    }

    /// Each request was for whom the phone belonged to, has a record that says so, and was made once
    /// or has an excuse.
    fn judge_requests(&self, account: &mut Account) {
        let mut by_push: BTreeMap<(usize, usize), Vec<&Received>> = BTreeMap::new();
        for request in &self.requests {
            let phone = self.phones.phone_of[&request.token];
            by_push
                .entry((event_of(request), phone))
                .or_default()
                .push(request);
        }
        let mut ids = BTreeMap::new();
        for ((event, phone), requests) in &by_push {
            let name = event_name(*event);
            let subject = push_subject(&name, device(*phone).as_str());
            let owners = self
                .owners(*phone)
                .filter(|owner| self.is_for(*event, *owner));
            let owners: BTreeSet<_> = owners.collect();
            let mut broken = |what: &str| account.broken.push(format!("{subject}: {what}"));
            for request in requests {
                let mut meant = owners.iter();
                if !meant.any(|owner| self.may_get(*phone, *owner, request, &subject)) {
                    broken(&format!("sent to whom it was not meant for: {request:?}"));
                }
            }
            let apple = requests.iter().filter(|request| request.provider == "apns");
            let own: BTreeSet<_> = apple.map(|request| request.id.clone()).collect();
            if own.len() > owners.len() {
                broken(&format!(
                    "{} people, and it had the ids {own:?}",
                    owners.len()
                ));
            }
            for id in own {
                if let Some(other) = ids.insert(id, subject.clone()) {
                    broken(&format!("it had an id of {other}"));
                }
            }
            let records = owners
                .iter()
                .flat_map(|owner| &self.records[&(*event, *owner)]);
            let id = Some(device(*phone));
            let records: Vec<_> = records.filter(|record| record.device == id).collect();
            let sent = records
                .iter()
                .filter(|record| record.state == PushState::Sent);
            let (sent, taken) = (sent.count(), taken(requests));
            if taken < sent {
                broken(&format!("{sent} are recorded as sent, {taken} were taken"));
            }
            let excuses = self.excuses(&name, &subject);
            if excuses.is_some_and(|excuses| taken > sent + excuses) {
                broken(&format!(
                    "taken {taken} times, recorded as sent {sent} times, {excuses:?} excuses"
                ));
            }
            account.repeated += taken.saturating_sub(sent.max(1));
        }
        self.judge_silence(account, &by_push);
    }

    /// What is recorded as sent was sent.
    fn judge_silence(
        &self,
        account: &mut Account,
        by_push: &BTreeMap<(usize, usize), Vec<&Received>>,
    ) {
        for ((event, person), records) in &self.records {
            let sent = records
                .iter()
                .filter(|record| record.state == PushState::Sent);
            for record in sent {
                let phones = 0..self.plan.phones.len();
                let mut phones = phones.filter(|phone| record.device == Some(device(*phone)));
                let seen = phones.any(|phone| by_push.contains_key(&(*event, phone)));
                if !seen {
                    account.broken.push(format!(
                        "event {event} for person {person} is recorded as sent, and no provider saw it"
                    ));
                }
            }
        }
    }

    /// Everybody who ever had the phone.
    fn owners(&self, phone: usize) -> impl Iterator<Item = usize> {
        let moves = self.phones.moves.iter();
        moves
            .filter(move |one| one.phone == phone)
            .filter_map(|one| one.owner)
    }

    /// Whether the phone was this person's when the request was made, or not long before.
    fn may_get(&self, phone: usize, person: usize, request: &Received, subject: &str) -> bool {
        let at = request.at_millis - self.began;
        let workers = self.world.stage.workers(subject);
        // It takes old messages for new ones.
        if workers.iter().any(|worker| worker.wrong_clock) {
            return true;
        }
        let moves = self.phones.moves.iter().filter(|one| one.phone == phone);
        let moves: Vec<_> = moves.collect();
        let ends = moves.iter().skip(1).map(|one| one.at).chain([u64::MAX]);
        let mut spells = moves.iter().zip(ends);
        spells.any(|(one, end)| {
            one.owner == Some(person) && one.at <= at && at < end.saturating_add(STALE_MS)
        })
    }

    /// How often the push may have been made again; `None` for any number of times. It may after a
    /// function ended, or lost an answer, between making it and recording it, twice when an answer was
    /// lost that it asked for again at once; and when SQS made two messages of one.
    fn excuses(&self, event: &str, subject: &str) -> Option<usize> {
        let stage = &self.world.stage;
        if stage.was_copied(event) || stage.was_copied(subject) {
            return None;
        }
        let workers = stage
            .workers(event)
            .into_iter()
            .chain(stage.workers(subject));
        let excuses = |worker: Invocation| match (worker.wire_trouble, worker.had_trouble()) {
            (true, _) => 2,
            (false, trouble) => usize::from(trouble),
        };
        Some(workers.map(excuses).sum())
    }

    /// Each phone is on the list of whom it belongs to, and of nobody else; gone are only those whose
    /// provider said so since they were registered.
    async fn judge_devices(&self, account: &mut Account) {
        for phone in 0..self.plan.phones.len() {
            let last = self.phones.last_move(phone);
            for person in 0..self.plan.people {
                let (store, network) = (&self.world.store, &self.world.network);
                let found = store.recipient(network, &user(person)).await.unwrap();
                let devices = found.recipient.devices;
                let mut devices = devices.iter();
                let listed = devices.any(|listed| listed.id == device(phone));
                match (listed, last.owner == Some(person)) {
                    (true, false) => account.broken.push(format!(
                        "phone {phone} is on the list of person {person}, and is {:?}'s",
                        last.owner
                    )),
                    (false, true) if self.was_called_dead(phone) => account.removed += 1,
                    (false, true) => account
                        .broken
                        .push(format!("phone {phone} was removed without reason")),
                    (true, true) | (false, false) => {}
                }
            }
        }
    }

    /// Whether its provider said, since the phone was registered, that this token is dead.
    fn was_called_dead(&self, phone: usize) -> bool {
        let last = self.phones.last_move(phone);
        self.requests.iter().any(|request| {
            let word = request.reason.as_deref().unwrap_or_default();
            // Said to a credential of another application it says nothing about the token.
            let suspect = SUSPECT.contains(&word) && request.application == TOPIC;
            request.token == last.token
                && request.at_millis - self.began >= last.at
                && (DEAD.contains(&word) || suspect)
        })
    }

    /// Each page of each audience was worked on.
    async fn judge_progress(&self, account: &mut Account) {
        for (event, wanted) in self.plan.wanted.iter().enumerate() {
            let id = EventId::parse(&event_name(event)).unwrap();
            let walks = self
                .world
                .store
                .walks(&self.world.network, &id)
                .await
                .unwrap();
            let further = self.plan.crowd.div_ceil(100);
            let (parts, further) = match wanted.audience {
                Audience::Named(_) => (1, 0),
                Audience::Everyone => (usize::from(USER_SHARDS), further),
                Audience::Subscribers => (usize::from(SUBSCRIBER_SHARDS), further),
            };
            let open = walks.iter().filter(|walk| walk.next.is_some()).count();
            let pages: u32 = walks.iter().map(|walk| walk.pages).sum();
            let most = u32::try_from(parts + further).unwrap();
            if walks.len() != parts || open > 0 || pages != most {
                let what = format!("{pages} of {most} pages were counted, {open} parts are open");
                account.broken.push(format!("event {event}: {what}"));
            }
        }
    }
}

fn taken(requests: &[&Received]) -> usize {
    requests.iter().filter(|request| request.delivered).count()
}

/// Which event a push tells of: each provider has its own place for what is the application's.
fn event_of(request: &Received) -> usize {
    let payload = &request.payload;
    let places = [
        payload.pointer("/number"),
        payload.pointer("/data/number"),
        payload.pointer("/custom_content/number"),
    ];
    let number = places.into_iter().flatten().next().unwrap();
    number.as_str().unwrap().parse().unwrap()
}
