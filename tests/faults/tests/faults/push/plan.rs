//! What a seed decides about pushes.

use domain::credential::{Environment, Platform, Provider, Slot};

use crate::chance::Chance;
use crate::plan::{Action, PROCESSES, Plan, outages, rates};

const MINUTE: u64 = 60_000;

/// A phone and what its application tells Fanfare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhonePlan {
    /// Who signs in on it first.
    pub(crate) owner: usize,
    pub(crate) slot: Slot,
}

/// Whom an event's push is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Audience {
    Named(Vec<usize>),
    Everyone,
    /// Who subscribed to the channel: at first, everybody with a phone and the crowd.
    Subscribers,
}

/// The push of one event.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) audience: Audience,
    /// In seconds.
    pub(crate) ttl: Option<u64>,
}

impl Wanted {
    pub(crate) fn of(people: &[usize]) -> Self {
        Self {
            audience: Audience::Named(people.to_vec()),
            ttl: None,
        }
    }

    pub(crate) fn of_everyone() -> Self {
        Self {
            audience: Audience::Everyone,
            ttl: None,
        }
    }

    pub(crate) fn of_subscribers() -> Self {
        Self {
            audience: Audience::Subscribers,
            ttl: None,
        }
    }
}

/// Something done to phones, or to what reaches them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meddling {
    /// The network's pushes are switched on or off.
    Toggle(bool),
    /// Person … signs in on phone …, which may have been another's.
    SignIn(usize, usize),
    /// The phone is taken off the list.
    SignOut(usize),
    /// One more of the crowd subscribes to the channel.
    Join,
    /// The person does not subscribe any more.
    Leave(usize),
    /// The application is removed from the phone: its provider says that the token is dead.
    Uninstall(usize),
    /// The provider gives the application another token, which it registers.
    Renew(usize),
    /// The phone's token is one of the other environment than its slot.
    Misplace(usize),
    /// The phone's token is one of another application.
    Estrange(usize),
    /// Its provider refuses the active credential from now on.
    Revoke(Slot),
    /// Someone activates a credential of another application.
    Mistake(Slot),
    /// Someone activates another good credential, without need.
    Rotate(Slot),
    /// The operator looks, and replaces what is paused, refused or mistaken.
    Mend,
}

/// Probabilities of what goes wrong with providers while the storm lasts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Troubles {
    /// Per request: 429 or 5xx, with or without `Retry-After`.
    pub(crate) refused: f64,
    /// Per request: the credential convinces nobody.
    pub(crate) disbelieved: f64,
    /// Per request: the device token is called bad.
    pub(crate) bad_token: f64,
    /// Per request: GOAWAY, for all that share the connection.
    pub(crate) go_away: f64,
    /// Per request: the connection is closed without a word.
    pub(crate) dropped: f64,
    /// Per request: no answer.
    pub(crate) silent: f64,
    /// Per bytes on their way: the connection breaks, before or after they arrive.
    pub(crate) cut: f64,
    /// Per bytes on their way: they, and all behind them, are half a minute late.
    pub(crate) stalled: f64,
    /// Per connection: nobody accepts it.
    pub(crate) unreachable: f64,
}

#[derive(Debug, Clone)]
pub(crate) struct PushPlan {
    pub(crate) people: usize,
    /// So many more have no phone; in a walk they stand between person 0 and the others in its part.
    pub(crate) crowd: usize,
    pub(crate) phones: Vec<PhonePlan>,
    /// By event.
    pub(crate) wanted: Vec<Wanted>,
    /// Pushes of one event per person and minute; more become a summary.
    pub(crate) burst: u32,
    pub(crate) troubles: Troubles,
    /// While Google's token service is down, in milliseconds since the beginning.
    pub(crate) no_tokens: (u64, u64),
}

pub(crate) fn slot(provider: Provider) -> Slot {
    let platform = match provider {
        Provider::Apns => Platform::Ios,
        Provider::Fcm | Provider::Baidu => Platform::Android,
    };
    Slot::new(platform, provider, Environment::Production).unwrap()
}

impl PushPlan {
    /// No faults: each of `phones` belongs to the person of its number.
    pub(crate) fn calm(phones: &[Slot], wanted: Vec<Wanted>) -> Self {
        let phones = phones.iter().enumerate();
        Self {
            people: phones.len(),
            crowd: 0,
            phones: phones
                .map(|(owner, slot)| PhonePlan { owner, slot: *slot })
                .collect(),
            wanted,
            burst: 10,
            troubles: Troubles::default(),
            no_tokens: (0, 0),
        }
    }

    /// A world without faults in which this happens, and event n is reported when `reports[n]` says,
    /// in milliseconds since the beginning.
    pub(crate) fn world(self, reports: &[u64], meddling: Vec<(u64, Meddling)>) -> Plan {
        let mut plan = Plan::calm(Vec::new(), self.wanted.len());
        let reports = reports.iter().enumerate();
        plan.actions = reports
            .map(|(event, at)| (*at, Action::Report(event)))
            .collect();
        let meddling = meddling.into_iter();
        plan.actions
            .extend(meddling.map(|(at, what)| (at, Action::Push(what))));
        plan.actions.sort_by_key(|(at, _)| *at);
        plan.push = Some(self);
        plan
    }

    pub(crate) fn has_subscribers(&self) -> bool {
        let mut wanted = self.wanted.iter();
        wanted.any(|one| one.audience == Audience::Subscribers)
    }

    /// Its slots, each once.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let mut slots: Vec<_> = self.phones.iter().map(|phone| phone.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

/// A storm.
pub(crate) fn storm(chance: &Chance) -> Plan {
    let people = 1 + chance.index(5);
    let phones: Vec<_> = (0..1 + chance.index(6))
        .map(|_| phone(chance, people))
        .collect();
    let wanted: Vec<_> = (0..1 + chance.index(6))
        .map(|_| push(chance, people))
        .collect();
    let calm = chance.number(1..120) * MINUTE;
    let push = PushPlan {
        people,
        crowd: 0,
        phones,
        burst: *chance.pick(&[1, 2, 10, 10]),
        troubles: troubles(chance),
        no_tokens: spell(chance, 0.25, calm),
        wanted,
    };
    let events = push.wanted.len();
    let mut actions: Vec<_> = (0..events)
        .map(|event| (chance.number(0..calm / 2), Action::Report(event)))
        .collect();
    let meddling = meddling(chance, &push, calm).into_iter();
    actions.extend(meddling.map(|(at, what)| (at, Action::Push(what))));
    actions.sort_by_key(|(at, _)| *at);
    Plan {
        endpoints: Vec::new(),
        events,
        actions,
        rates: rates(chance),
        outages: outages(chance, calm),
        crowd: None,
        calm,
        death: None,
        processes: PROCESSES,
        push: Some(push),
    }
}

fn phone(chance: &Chance, people: usize) -> PhonePlan {
    use Provider::{Apns, Baidu, Fcm};
    PhonePlan {
        owner: chance.index(people),
        slot: slot(*chance.pick(&[Apns, Apns, Fcm, Fcm, Baidu])),
    }
}

fn push(chance: &Chance, people: usize) -> Wanted {
    let audience = if chance.happens(0.2) {
        Audience::Everyone
    } else {
        let mut named: Vec<_> = (0..people).collect();
        chance.shuffle(&mut named);
        named.truncate(1 + chance.index(people));
        Audience::Named(named)
    };
    Wanted {
        audience,
        ttl: *chance.pick(&[None, None, None, Some(0), Some(600), Some(86_400)]),
    }
}

/// A time within the storm, or none.
fn spell(chance: &Chance, probability: f64, calm: u64) -> (u64, u64) {
    if !chance.happens(probability) {
        return (0, 0);
    }
    let from = chance.number(0..calm);
    (from, chance.number(from..calm))
}

fn meddling(chance: &Chance, push: &PushPlan, calm: u64) -> Vec<(u64, Meddling)> {
    let mut all = Vec::new();
    let at = || chance.number(0..calm);
    let phone = || chance.index(push.phones.len());
    let some = |probability: f64| chance.happens(probability);
    if some(0.15) {
        let off = at();
        all.push((off, Meddling::Toggle(false)));
        all.push((chance.number(off..calm + 1), Meddling::Toggle(true)));
    }
    if some(0.25) {
        let person = chance.index(push.people);
        all.push((at(), Meddling::SignIn(phone(), person)));
    }
    if some(0.2) {
        let (left, gone) = (at(), phone());
        all.push((left, Meddling::SignOut(gone)));
        if some(0.5) {
            let back = Meddling::SignIn(gone, push.phones[gone].owner);
            all.push((chance.number(left..calm + 1), back));
        }
    }
    if some(0.25) {
        let (left, gone) = (at(), phone());
        all.push((left, Meddling::Uninstall(gone)));
        if some(0.5) {
            let back = Meddling::SignIn(gone, push.phones[gone].owner);
            all.push((chance.number(left..calm + 1), back));
        }
    }
    if some(0.2) {
        all.push((at(), Meddling::Renew(phone())));
    }
    if some(0.1) {
        let lost = phone();
        all.push((at(), Meddling::Misplace(lost)));
        // Else what is held for it is held for a week, when nobody else proves the credential.
        all.push((calm + 20 * MINUTE, Meddling::SignOut(lost)));
    }
    for slot in push.slots() {
        if some(0.2) {
            all.push((at(), Meddling::Revoke(slot)));
        }
        if some(0.2) {
            all.push((at(), Meddling::Rotate(slot)));
        }
        if slot.provider() == Provider::Apns && some(0.2) {
            all.push((at(), Meddling::Mistake(slot)));
        }
    }
    all.extend((0..chance.index(4)).map(|_| (at(), Meddling::Mend)));
    // What a process with a wrong clock, begun in the storm, spoils after its end is mended too.
    all.extend([1, 30, 90].map(|minutes| (calm + minutes * MINUTE, Meddling::Mend)));
    all
}

fn troubles(chance: &Chance) -> Troubles {
    let rate = |most: f64| {
        if chance.happens(0.4) {
            most * chance.number(1..101) as f64 / 100.0
        } else {
            0.0
        }
    };
    Troubles {
        refused: rate(0.5),
        disbelieved: rate(0.1),
        bad_token: rate(0.1),
        go_away: rate(0.3),
        dropped: rate(0.2),
        silent: rate(0.2),
        cut: rate(0.1),
        stalled: rate(0.1),
        unreachable: rate(0.3),
    }
}
