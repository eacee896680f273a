//! What a seed decides before anything happens.

use std::time::Duration;

use serde_json::Value;

use crate::chance::Chance;
use crate::push::plan::{Meddling, PushPlan};
use crate::sandbox::Kind;

const HOUR: u64 = 3600;

/// Enough to be in each other's way.
pub(crate) const PROCESSES: usize = 3;

/// How a receiver behaves. What is not for ever ends with the storm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Character {
    Well,
    /// Answers badly with this probability.
    Flaky(f64),
    /// Anything can come back.
    Wild,
    /// Always this, for ever.
    Always(Behaviour),
}

/// One way to treat a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Behaviour {
    /// With this status and these further header lines.
    Answer(u16, &'static str),
    /// Answers after this many seconds.
    Slow(u64, u16),
    Hang,
    /// A status, then a byte a second.
    Drip(u16),
    /// Closes without a word.
    Reset,
    /// Closes within the status line or headers.
    CutHead,
    /// Announces more than it sends.
    CutBody(u16),
    /// Sends more than it announced.
    Overrun(u16),
    /// Ten megabytes.
    Big(u16),
    HugeHeaders(u16),
    NotHttp,
    /// Does not accept the connection.
    Refuse,
}

const BAD: [Behaviour; 24] = [
    Behaviour::Answer(500, ""),
    Behaviour::Answer(503, "retry-after: 40\r\n"),
    Behaviour::Answer(429, ""),
    Behaviour::Answer(429, "retry-after: 7\r\n"),
    Behaviour::Answer(429, "retry-after: Wed, 25 Nov 2026 01:00:00 GMT\r\n"),
    Behaviour::Answer(502, ""),
    Behaviour::Answer(504, ""),
    Behaviour::Answer(404, ""),
    Behaviour::Answer(301, "location: http://169.254.169.254/\r\n"),
    Behaviour::Answer(100, ""),
    Behaviour::Slow(20, 200),
    Behaviour::Slow(3, 500),
    Behaviour::Hang,
    Behaviour::Drip(200),
    Behaviour::Drip(500),
    Behaviour::Reset,
    Behaviour::CutHead,
    Behaviour::CutBody(200),
    Behaviour::CutBody(500),
    Behaviour::Overrun(200),
    Behaviour::Big(200),
    Behaviour::HugeHeaders(200),
    Behaviour::NotHttp,
    Behaviour::Refuse,
];

/// Rarer, because each ends something for good.
const FINAL: [Behaviour; 4] = [
    Behaviour::Answer(410, ""),
    Behaviour::Answer(200, "webhook-delivery: disable\r\n"),
    Behaviour::Answer(500, "webhook-delivery: disable\r\n"),
    Behaviour::Answer(500, "webhook-delivery: abort-message\r\n"),
];

impl Behaviour {
    pub(crate) fn bad(chance: &Chance) -> Self {
        if chance.happens(0.04) {
            chance.pick(&FINAL).clone()
        } else {
            chance.pick(&BAD).clone()
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EndpointPlan {
    pub(crate) character: Character,
    /// In seconds; `None` for the default.
    pub(crate) schedule: Option<Vec<u64>>,
    /// In seconds.
    pub(crate) timeout: u64,
    pub(crate) max_in_flight: Option<u32>,
    pub(crate) rate_per_second: Option<u32>,
    /// Subscribes to news about the others too.
    pub(crate) news: bool,
    /// Counts as slow to answer until the storm is over.
    pub(crate) slow: bool,
}

/// Something done to the system from outside.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Report event number …
    Report(usize),
    /// A message nobody can read, in this queue.
    Garbage(Queue),
    /// Its owner switches endpoint number … off or on, or deletes it.
    SwitchOff(usize),
    SwitchOn(usize),
    Delete(usize),
    /// Something about pushes.
    Push(Meddling),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Events,
    Webhooks,
    Retries,
    Replays,
}

/// Probabilities of what goes wrong while the storm lasts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// Per invocation: its process dies at a random await point.
    pub(crate) crash: f64,
    /// Per call to DynamoDB, SQS or Secrets Manager: refused, by throttling or with 500.
    pub(crate) refused: f64,
    /// Per call: done, and the answer lost.
    pub(crate) lost: f64,
    /// Per call: never arrives.
    pub(crate) silent: f64,
    /// Per batch: handed out twice at the same time.
    pub(crate) twice: f64,
    /// Per batch: handed over late, maybe after its visibility timeout.
    pub(crate) held: f64,
    /// Per finished batch: not deleted.
    pub(crate) undeleted: f64,
    /// Per invocation: this process's clock is wrong from now on.
    pub(crate) wrong_clock: f64,
    /// Per lookup of a receiver's name.
    pub(crate) no_name: f64,
}

/// A service that answers nothing for a while.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    /// As the request's target header begins.
    pub(crate) service: &'static str,
    /// Only for calls about this queue of the template, if it names one.
    pub(crate) queue: Option<&'static str>,
    /// Milliseconds since the beginning.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Outage {
    /// Whether it keeps a call from being answered that is made now.
    pub(crate) fn hits(&self, passed: u64, target: &str, body: &[u8]) -> bool {
        let about = |queue: &str| {
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            let url = asked["QueueUrl"].as_str().unwrap_or_default();
            url.rsplit('/').next() == Some(queue)
        };
        (self.from..self.to).contains(&passed)
            && target.starts_with(self.service)
            && self.queue.is_none_or(about)
    }
}

/// Others change the same all the time, so that no change of ours goes through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) at: Crowded,
    /// Milliseconds since the beginning.
    pub(crate) until: u64,
}

/// What others change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// The items of every transaction.
    Table,
    /// Every key ring.
    Rings,
}

/// The process of a function dies at this poll of its invocation number …, from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) kind: Kind,
    pub(crate) invocation: usize,
    pub(crate) poll: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) endpoints: Vec<EndpointPlan>,
    pub(crate) events: usize,
    /// Milliseconds since the beginning, in order.
    pub(crate) actions: Vec<(u64, Action)>,
    pub(crate) rates: Rates,
    pub(crate) outages: Vec<Outage>,
    /// `None` where nobody else is at what a process changes.
    pub(crate) crowd: Option<Crowd>,
    /// When the storm ends, in milliseconds since the beginning.
    pub(crate) calm: u64,
    /// One death, on top of those of `rates`.
    pub(crate) death: Option<Death>,
    /// Most processes at work at the same time for one queue.
    pub(crate) processes: usize,
    /// `None` in a world without pushes.
    pub(crate) push: Option<PushPlan>,
}

impl Plan {
    /// No faults at all: `endpoints` of one character, `events` at once.
    pub(crate) fn calm(endpoints: Vec<EndpointPlan>, events: usize) -> Self {
        Self {
            endpoints,
            events,
            actions: (0..events)
                .map(|event| (0, Action::Report(event)))
                .collect(),
            rates: Rates::default(),
            outages: Vec::new(),
            crowd: None,
            calm: 0,
            death: None,
            processes: PROCESSES,
            push: None,
        }
    }

    pub(crate) fn of(chance: &Chance) -> Self {
        let endpoints: Vec<_> = (0..1 + chance.index(3)).map(|_| endpoint(chance)).collect();
        let events = 1 + chance.index(5);
        let calm = chance.number(60..2 * HOUR) * 1000;
        let mut actions: Vec<_> = (0..events)
            .map(|event| (chance.number(0..calm / 2), Action::Report(event)))
            .collect();
        actions.extend(meddling(chance, endpoints.len(), calm));
        actions.sort_by_key(|(at, _)| *at);
        Self {
            rates: rates(chance),
            outages: outages(chance, calm),
            crowd: None,
            endpoints,
            events,
            actions,
            calm,
            death: None,
            processes: PROCESSES,
            push: None,
        }
    }

    /// The functions at work.
    pub(crate) fn kinds(&self) -> &'static [Kind] {
        match self.push {
            None => &Kind::OF_WEBHOOKS,
            Some(_) => &Kind::OF_PUSHES,
        }
    }

    pub(crate) fn delay(&self, action: usize) -> Option<Duration> {
        let (at, _) = self.actions.get(action)?;
        Some(Duration::from_millis(*at))
    }
}

impl EndpointPlan {
    pub(crate) fn new(character: Character) -> Self {
        Self {
            character,
            schedule: None,
            timeout: 15,
            max_in_flight: None,
            rate_per_second: None,
            news: false,
            slow: false,
        }
    }
}

fn endpoint(chance: &Chance) -> EndpointPlan {
    let character = match chance.number(0..20) {
        0..5 => Character::Well,
        5..10 => Character::Flaky(chance.number(1..9) as f64 / 10.0),
        10..17 => Character::Wild,
        _ => Character::Always(Behaviour::bad(chance)),
    };
    let schedule = match chance.number(0..20) {
        0..8 => Some(vec![1, 5, 30]),
        8..14 => Some(vec![2, 60, 1200, 4000]),
        14..18 => Some(Vec::new()),
        18 => None,
        // Long enough to be switched off for failing.
        _ => Some(vec![
            HOUR,
            24 * HOUR,
            24 * HOUR,
            24 * HOUR,
            24 * HOUR,
            24 * HOUR,
        ]),
    };
    EndpointPlan {
        character,
        schedule,
        timeout: *chance.pick(&[1, 15, 15, 30]),
        max_in_flight: chance.happens(0.15).then_some(1),
        rate_per_second: chance.happens(0.15).then_some(1),
        news: chance.happens(0.2),
        slow: chance.happens(0.2),
    }
}

fn meddling(chance: &Chance, endpoints: usize, calm: u64) -> Vec<(u64, Action)> {
    let mut actions = Vec::new();
    if chance.happens(0.15) {
        let queue = *chance.pick(&[
            Queue::Events,
            Queue::Webhooks,
            Queue::Retries,
            Queue::Replays,
        ]);
        actions.push((chance.number(0..calm), Action::Garbage(queue)));
    }
    if chance.happens(0.15) {
        let endpoint = chance.index(endpoints);
        let off = chance.number(0..calm);
        actions.push((off, Action::SwitchOff(endpoint)));
        actions.push((off + chance.number(1000..calm), Action::SwitchOn(endpoint)));
    }
    if chance.happens(0.08) {
        let endpoint = chance.index(endpoints);
        actions.push((chance.number(0..calm), Action::Delete(endpoint)));
    }
    actions
}

pub(crate) fn rates(chance: &Chance) -> Rates {
    // Most storms have a few kinds of trouble; some have all, some none.
    let rate = |most: f64| {
        if chance.happens(0.5) {
            most * chance.number(1..101) as f64 / 100.0
        } else {
            0.0
        }
    };
    Rates {
        crash: rate(0.5),
        refused: rate(0.3),
        lost: rate(0.2),
        silent: rate(0.1),
        twice: rate(0.3),
        held: rate(0.3),
        undeleted: rate(0.3),
        wrong_clock: rate(0.2),
        no_name: rate(0.3),
    }
}

pub(crate) fn outages(chance: &Chance, calm: u64) -> Vec<Outage> {
    ["DynamoDB", "AmazonSQS", "secretsmanager"]
        .into_iter()
        .filter(|_| chance.happens(0.2))
        .map(|service| {
            let from = chance.number(0..calm);
            let to = from + chance.number(1_000..calm.max(2_000));
            Outage {
                service,
                queue: None,
                from,
                to: to.min(calm),
            }
        })
        .collect()
}
