//! A breaker that is half open lets one attempt through, and no message may take that chance that
//! has nothing to attempt.

use std::time::Duration;

use domain::attempt::Demand;
use domain::health::{Health, Open};
use domain::time::Timestamp;
use queue::message::DeliveryMessage;
use store::{Delivery, DeliveryFilter, KnownHealth, Order};

use crate::chance::Chance;
use crate::plan::{self, Action, Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// A world in which one event was reported, to an endpoint that was off if it `parked`.
async fn reported(name: &str, parked: bool) -> World {
    let off = parked.then_some((0, Action::SwitchOff(0)));
    let plan = Plan {
        actions: off.into_iter().chain([(1000, Action::Report(0))]).collect(),
        ..Plan::calm(vec![EndpointPlan::new(Character::Well)], 1)
    };
    let mut world = World::build(name.to_owned(), Chance::of_seed(0), plan).await;
    world.run_until(600_000).await;
    world
}

pub(crate) async fn delivery(world: &World) -> Delivery {
    let (network, id) = (&world.network, world.endpoints[0].id);
    let (all, order) = (DeliveryFilter::default(), Order::OldestFirst(None));
    let found = world.store.list_deliveries(network, id, &all, order, 9);
    found.await.unwrap().deliveries.remove(0)
}

/// The endpoint failed ten times, and may be probed from now on; no process knows it better.
async fn half_open(world: &mut World) -> KnownHealth {
    world.warm.clear();
    let now = Timestamp::from_millis(world.stage.time.now());
    let health = Health {
        failures: 10,
        failing_since: Some(now),
        open: Some(Open {
            probe_at: now,
            probes: 0,
        }),
        warned: 0,
        ..Health::default()
    };
    let (network, id) = (&world.network, world.endpoints[0].id);
    let before = KnownHealth::default();
    let known = world.store.change_health(network, id, before, health).await;
    known.unwrap().unwrap()
}

async fn health(world: &World) -> KnownHealth {
    let (network, id) = (&world.network, world.endpoints[0].id);
    world.store.health(network, id).await.unwrap()
}

/// Puts a message for the first attempt of this delivery into a queue, one that may have a copy.
pub(crate) async fn send(world: &World, queue: plan::Queue, delivery: &Delivery) {
    let message = DeliveryMessage {
        endpoint_version: world.endpoint(0).await.unwrap().version,
        repeated: true,
        ..DeliveryMessage::of(&world.network, delivery.id, &delivery.event, 1)
    };
    world.send(queue, message.write()).await;
}

#[test]
fn a_message_whose_attempt_was_made_wins_no_probe() {
    in_simulated_time(async {
        let mut world = reported("made", false).await;
        let made = delivery(&world).await;
        let before = (half_open(&mut world).await, world.stage.posts().len());
        send(&world, plan::Queue::Retries, &made).await;
        world.run().await;
        assert_eq!((health(&world).await, world.stage.posts().len()), before);
        assert_eq!(before.1, 1);
    });
}

#[test]
fn a_message_that_was_taken_back_wins_no_probe() {
    in_simulated_time(async {
        let mut world = reported("taken-back", true).await;
        let off = world.endpoint(0).await.unwrap();
        let job = world.resume(off, 1).await;
        let now = Timestamp::from_millis(world.stage.time.now());
        let parked = delivery(&world).await;
        let round = store::Round {
            next: now.after(Duration::from_secs(1)),
            now,
            job: Some(job.id),
        };
        let begun = world.store.begin_round(&parked, round).await;
        assert_eq!(begun.unwrap(), store::Begun::Now);
        let (network, ids) = (&world.network, [parked.id]);
        let taken = world.store.take_back(network, job.id, &ids, now).await;
        assert_eq!(taken.unwrap(), 1);
        let before = half_open(&mut world).await;
        send(&world, plan::Queue::Retries, &parked).await;
        world.run().await;
        assert_eq!(health(&world).await, before);
        assert!(world.stage.posts().is_empty());
    });
}

#[test]
fn a_message_with_something_to_attempt_is_the_probe() {
    in_simulated_time(async {
        let mut world = reported("owed", true).await;
        let off = world.endpoint(0).await.unwrap();
        world.resume(off, 1).await;
        half_open(&mut world).await;
        let parked = delivery(&world).await;
        send(&world, plan::Queue::Retries, &parked).await;
        world.run().await;
        assert_eq!(health(&world).await, KnownHealth::default());
        assert_eq!(world.stage.posts().len(), 1);
    });
}

#[test]
fn what_was_known_of_a_health_that_is_gone_changes_nothing() {
    in_simulated_time(async {
        let mut world = reported("gone", false).await;
        let known = half_open(&mut world).await;
        let (network, id) = (world.network.clone(), world.endpoints[0].id);
        let store = world.store.clone();
        // Somebody's webhook is accepted while another attempt is still under way.
        assert!(store.clear_health(&network, id, known).await.unwrap());
        let now = Timestamp::from_millis(world.stage.time.now());
        let (worse, _) = known.health.failed(Demand::Nothing, now);
        let late = store.change_health(&network, id, known, worse).await;
        assert_eq!(late.unwrap(), None);
        // Nor is what begins after that taken for what was before.
        let later = now.after(Duration::from_secs(1));
        let (first, _) = Health::default().failed(Demand::Nothing, later);
        let fresh = KnownHealth::default();
        let anew = store.change_health(&network, id, fresh, first).await;
        assert!(anew.unwrap().is_some());
        let late = store.change_health(&network, id, known, worse).await;
        assert_eq!(late.unwrap(), None);
    });
}
