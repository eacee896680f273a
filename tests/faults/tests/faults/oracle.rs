//! What must hold once everything has come to rest.

use std::collections::BTreeMap;

use domain::attempt::{Attempt, Outcome};
use domain::delivery::State;
use domain::endpoint::Endpoint;
use domain::id::EventId;
use domain::replay::State as JobState;
use store::{Delivery, DeliveryFilter, Order};

use crate::plan::Action;
use crate::seeds::Tally;
use crate::stage::Post;
use crate::world::{World, event_name};

/// Ends of a delivery before its schedule's, by the reason of its last attempt.
const EARLY_ENDS: [&str; 4] = [
    "receiver_aborted",
    "endpoint_deleted",
    "event_expired",
    "could_not_be_attempted",
];

/// What became of one seed.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) delivered: usize,
    pub(crate) dead: usize,
    pub(crate) waiting: usize,
    pub(crate) attempts: usize,
    /// Requests whose result nobody recorded.
    pub(crate) unrecorded: usize,
    pub(crate) quarantined: usize,
    /// What should not be, in words.
    pub(crate) broken: Vec<String>,
}

/// Everything recorded, everything seen, compared.
pub(crate) async fn judge(world: &World) -> Account {
    let mut account = Account::default();
    let mut deliveries = BTreeMap::new();
    for (number, created) in world.endpoints.iter().enumerate() {
        let now = world.endpoint(number).await;
        let jobs = world
            .store
            .list_replays(&world.network, created.id, None, 1000)
            .await
            .unwrap()
            .jobs;
        // A resume that Fanfare had to give up says so, and leaves the deliveries for another.
        let given_up = jobs.iter().any(|job| job.state == JobState::Failed);
        let enabled = now.as_ref().is_some_and(Endpoint::is_enabled);
        let may_stay_parked = given_up || !enabled;
        let listed = world
            .store
            .list_deliveries(
                &world.network,
                created.id,
                &DeliveryFilter::default(),
                Order::NewestFirst(None),
                1000,
            )
            .await
            .unwrap();
        let mut actions = world.stage.plan.actions.iter();
        let switched_on = actions.any(|(_, action)| *action == Action::SwitchOn(number));
        for delivery in listed.deliveries {
            let key = (delivery.event.to_string(), number);
            judge_delivery(
                &mut account,
                &delivery,
                created,
                may_stay_parked,
                switched_on,
            );
            if deliveries.insert(key, delivery).is_some() {
                account
                    .broken
                    .push(format!("endpoint {number} has two deliveries of one event"));
            }
        }
    }
    for queue in world.unfinished() {
        account.broken.push(format!("{queue} still holds messages"));
    }
    judge_events(world, &mut account, &deliveries).await;
    judge_posts(world, &mut account, &deliveries);
    let garbage = world.stage.plan.actions.iter();
    let garbage = garbage
        .filter(|(_, action)| matches!(action, Action::Garbage(_)))
        .count();
    let kept = world
        .store
        .list_quarantined(Some(&world.network), None, 100)
        .await
        .unwrap()
        .messages;
    account.quarantined = kept.len();
    if kept.len() != garbage {
        account.broken.push(format!(
            "{garbage} unreadable messages, {} quarantined",
            kept.len()
        ));
    }
    account
}

fn judge_delivery(
    account: &mut Account,
    delivery: &Delivery,
    created: &Endpoint,
    may_stay_parked: bool,
    switched_on: bool,
) {
    let attempts = &delivery.attempts;
    let mut broken = |what: &str| {
        let Delivery {
            id, event, state, ..
        } = delivery;
        account
            .broken
            .push(format!("delivery {id} of {event} is {state:?}: {what}"));
    };
    let numbers: Vec<_> = attempts.iter().map(|attempt| attempt.number).collect();
    if numbers != (1..=u32::try_from(attempts.len()).unwrap()).collect::<Vec<_>>() {
        broken(&format!("its attempts are numbered {numbers:?}"));
    }
    if attempts
        .iter()
        .any(|attempt| attempt.reason.is_empty() || attempt.explanation.is_empty())
    {
        broken("an attempt is not explained");
    }
    let ended = |attempt: &Attempt| attempt.outcome == Outcome::Succeeded;
    let successes = attempts.iter().filter(|attempt| ended(attempt)).count();
    let last = attempts.last();
    let mut most = created.schedule().attempts();
    match delivery.state.word() {
        "delivered" => {
            account.delivered += 1;
            if successes != 1 || !last.is_some_and(ended) {
                broken("its last attempt, and only that, must have succeeded");
            }
        }
        "dead" => {
            account.dead += 1;
            let early = last.is_some_and(|last| EARLY_ENDS.contains(&last.reason.as_str()));
            if early {
                most = numbers.last().copied().unwrap_or(most);
            }
            // One that was resumed has its whole schedule before it again.
            let resumed = switched_on && numbers.last() > Some(&most);
            if successes > 0 || (numbers.last() != Some(&most) && !resumed) {
                broken(&format!("it has {} of {most} attempts", attempts.len()));
            }
        }
        _ => {
            account.waiting += 1;
            if successes > 0 {
                broken("it waits although an attempt succeeded");
            }
            let parked = delivery.state == State::Parked;
            // Those of an endpoint deleted while they were parked stay so until their retention ends.
            if !parked || !may_stay_parked {
                broken("it waits for nothing: its endpoint is not switched off");
            }
        }
    }
    account.attempts += attempts.len();
}

type Deliveries = BTreeMap<(String, usize), Delivery>;

/// Each event that was reported has the plan it should have, and each delivery is in a plan.
async fn judge_events(world: &World, account: &mut Account, deliveries: &Deliveries) {
    let actions = &world.stage.plan.actions;
    for number in 0..world.stage.plan.events {
        let name = event_name(number);
        let id = EventId::parse(&name).unwrap();
        let Some(stored) = world.store.event(&world.network, &id).await.unwrap() else {
            account
                .broken
                .push(format!("{name} was accepted and is lost"));
            continue;
        };
        for (endpoint, created) in world.endpoints.iter().enumerate() {
            let planned: Vec<_> = stored
                .plan
                .iter()
                .filter(|to| to.endpoint == created.id)
                .collect();
            let owed = deliveries.contains_key(&(name.clone(), endpoint));
            let meddled = actions
                .iter()
                .any(|(_, action)| *action == Action::Delete(endpoint));
            let fine = match planned.as_slice() {
                // Its owner deleted it; whether before or after, the plan knows.
                [] => meddled && !owed,
                [_] => owed,
                _ => false,
            };
            if !fine {
                account.broken.push(format!(
                    "{name} to endpoint {endpoint}: planned {planned:?}, owed {owed}"
                ));
            }
        }
    }
    for ((event, endpoint), delivery) in deliveries {
        let stored = world
            .store
            .event(&world.network, &delivery.event)
            .await
            .unwrap();
        let planned = stored.is_some_and(|stored| {
            let mut plan = stored.plan.iter();
            plan.any(|to| to.delivery(&stored.event) == delivery.id)
        });
        if !planned {
            account
                .broken
                .push(format!("nobody planned {event} to endpoint {endpoint}"));
        }
    }
}

/// Each recorded answer was given, and each request is recorded or has an excuse.
fn judge_posts(world: &World, account: &mut Account, deliveries: &Deliveries) {
    let mut posts: BTreeMap<(String, usize), Vec<Post>> = BTreeMap::new();
    for post in world.stage.posts() {
        if !post.verified {
            account.broken.push(format!("a wrong signature: {post:?}"));
        }
        posts
            .entry((post.event.clone(), post.endpoint))
            .or_default()
            .push(post);
    }
    for (key, delivery) in deliveries {
        let mut unmatched = posts.remove(key).unwrap_or_default();
        // Answers first: an attempt of the same second that never arrived must not take their place.
        let (answered, other): (Vec<_>, Vec<_>) = delivery
            .attempts
            .iter()
            .partition(|attempt| attempt.status.is_some());
        for attempt in answered.into_iter().chain(other) {
            let seen = unmatched.iter().position(|post| matches(post, attempt));
            match seen {
                Some(seen) => drop(unmatched.remove(seen)),
                None if attempt.status.is_some() => {
                    let what = format!("nobody gave the answer recorded in {attempt:?}");
                    account.broken.push(what);
                }
                None => {}
            }
        }
        account.unrecorded += unmatched.len();
        for post in unmatched
            .iter()
            .filter(|post| !is_excused(world, post, delivery))
        {
            account.broken.push(format!(
                "sent without reason: {post:?} beside {:?}",
                delivery.attempts
            ));
        }
    }
    for ((event, endpoint), _) in posts {
        account.broken.push(format!(
            "endpoint {endpoint} got {event}, which it was not owed"
        ));
    }
}

fn matches(post: &Post, attempt: &Attempt) -> bool {
    let same = post.stamp == attempt.at.seconds();
    same && attempt
        .status
        .is_none_or(|status| post.answered == Some(status))
}

/// The allowed duplicates: the receiver was asked and the result could not be recorded, or there
/// were two messages of a first try, which only SQS and lost answers of it can make.
fn is_excused(world: &World, post: &Post, delivery: &Delivery) -> bool {
    let stage = &world.stage;
    let sent_by = stage.invocation(post.invocation);
    sent_by.died
        || sent_by.table_trouble
        || stage.clock_jumped_near(post.at)
        || stage.was_copied(&post.event)
        || stage.was_copied(&delivery.id.to_string())
}

impl Tally for Account {
    fn broken(&self) -> &[String] {
        &self.broken
    }

    fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.dead += other.dead;
        self.waiting += other.waiting;
        self.attempts += other.attempts;
        self.unrecorded += other.unrecorded;
        self.quarantined += other.quarantined;
    }
}
