//! An endpoint is switched off, or its event forgotten, while an attempt is under way.

use std::time::Duration;

use domain::delivery::{Cause, State};
use domain::time::Timestamp;
use store::{Begun, Claim, Claimant, Parked, Round};

use crate::chance::Chance;
use crate::plan::{Action, Behaviour, Character, EndpointPlan, Plan, Queue};
use crate::probe::{delivery, send};
use crate::seeds::in_simulated_time;
use crate::stage::Stage;
use crate::world::World;

/// How long the receiver takes, in seconds.
const TAKES: u64 = 20;

fn now(stage: &Stage) -> Timestamp {
    Timestamp::from_millis(stage.time.now())
}

/// A world with one delivery, parked at first and then tried by a message that claims its attempt; the
/// receiver has the webhook and has not answered yet.
async fn under_way(name: &str) -> World {
    let slow = Behaviour::Slow(TAKES, 200);
    let plan = Plan {
        actions: vec![(0, Action::SwitchOff(0)), (1_000, Action::Report(0))],
        ..Plan::calm(
            vec![EndpointPlan {
                timeout: 30,
                ..EndpointPlan::new(Character::Always(slow))
            }],
            1,
        )
    };
    let mut world = World::build(name.to_owned(), Chance::of_seed(0), plan).await;
    world.run_until(60_000).await;
    let off = world.endpoint(0).await.unwrap();
    world.resume(off, 1).await;
    let waiting = delivery(&world).await;
    assert_eq!(waiting.state, State::Parked);
    world.warm.clear();
    send(&world, Queue::Retries, &waiting).await;
    while world.stage.posts().is_empty() {
        world.run_until(world.stage.time.passed() + 100).await;
    }
    world
}

#[test]
fn what_is_under_way_when_its_endpoint_is_switched_off_is_recorded_and_not_sent_again() {
    in_simulated_time(async {
        let mut world = under_way("switched-off").await;
        let (network, endpoint) = (world.network.clone(), world.endpoints[0].id);
        let why = domain::endpoint::Disabled {
            reason: domain::endpoint::disabled::BY_REQUEST.to_owned(),
            at: now(&world.stage),
        };
        let off = world.store.disable_endpoint(&network, endpoint, &why).await;
        assert!(off.unwrap());
        // A copy of the message finds the endpoint off, in a process that knows nothing of it yet.
        world.warm.clear();
        let pending = delivery(&world).await;
        send(&world, Queue::Retries, &pending).await;
        world.run_until(world.stage.time.passed() + 5_000).await;
        let waiting = delivery(&world).await;
        assert!(
            matches!(waiting.state, State::Pending { .. }),
            "{waiting:?}"
        );
        world.run().await;
        let trace = world.stage.trace().join("\n");
        assert_eq!(delivery(&world).await.state, State::Delivered, "{trace}");
        assert_eq!(world.stage.posts().len(), 1, "{trace}");
    });
}

#[test]
fn what_is_under_way_when_its_event_is_forgotten_is_recorded_first() {
    in_simulated_time(async {
        let mut world = under_way("forgotten").await;
        let pending = delivery(&world).await;
        let (network, id) = (world.network.clone(), pending.id);
        let store = world.store.clone();
        let at = now(&world.stage);
        let early = store.expunge_delivery(&network, id, at).await;
        assert!(
            matches!(early, Err(store::Error::Contended { .. })),
            "{early:?}"
        );
        world.run().await;
        let done = delivery(&world).await;
        assert_eq!(done.state, State::Delivered);
        let later = now(&world.stage).after(Duration::from_secs(1));
        store.expunge_delivery(&network, id, later).await.unwrap();
        let done = delivery(&world).await;
        assert_eq!((done.state, done.made), (State::Delivered, 1));
        assert!(
            done.attempts
                .iter()
                .all(|attempt| attempt.response.is_none())
        );
        assert!(
            done.cause
                .is_none_or(|cause: Cause| cause.reason.is_empty())
        );
    });
}

#[test]
fn what_is_put_off_by_a_copy_stays_claimed() {
    in_simulated_time(async {
        let world = under_way("put-off").await;
        let (network, pending) = (&world.network, delivery(&world).await);
        let next = now(&world.stage).after(Duration::from_secs(5));
        let store = &world.store;
        let put_off = store.postpone(network, pending.id, 1, next, next).await;
        assert!(put_off.unwrap());
        let claimant = Claimant {
            token: "another".to_owned(),
            now: now(&world.stage),
            until: next,
        };
        let claim = store.claim(network, pending.id, 1, &claimant).await;
        assert!(matches!(claim.unwrap(), Claim::InProgress { .. }));
    });
}

/// As after a lost answer, or by the message of a process that died before it looked whether the
/// endpoint is enabled by now.
#[test]
fn what_is_parked_already_is_parked() {
    in_simulated_time(async {
        let mut world = under_way("parked-twice").await;
        world.run().await;
        let done = delivery(&world).await;
        let (network, at) = (world.network.clone(), now(&world.stage));
        let store = world.store.clone();
        let round = Round {
            next: at,
            now: at,
            job: None,
        };
        let begun = store.begin_round(&done, round).await;
        assert!(matches!(begun.unwrap(), Begun::Now));
        let cause = Cause {
            reason: "by hand".to_owned(),
            at,
        };
        let number = done.made + 1;
        for _ in 0..2 {
            let parked = store.park(&network, done.id, number, &cause).await;
            assert!(matches!(parked.unwrap(), Parked::Now { .. }));
        }
        let late = store.park(&network, done.id, number + 1, &cause).await;
        assert!(matches!(late.unwrap(), Parked::Changed));
    });
}
