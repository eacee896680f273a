//! A first try waits at an endpoint with limits for so long that a second fan-out of its event sends
//! another message for it.

use std::time::Duration;

use domain::time::Timestamp;
use webhook_dispatch::UNCLAIMED_WAIT;

use crate::chance::Chance;
use crate::plan::{Action, Character, EndpointPlan, Plan, Queue};
use crate::probe::{delivery, send};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// When the event is reported, in milliseconds.
const REPORTED: u64 = 1_000;

/// How often the webhook was sent away to come back later.
fn postponed(world: &World) -> usize {
    let trace = world.stage.trace();
    let lines = trace.iter();
    lines
        .filter(|line| line.contains("DeliveryPostponed"))
        .count()
}

#[test]
fn what_waited_long_at_limits_looks_whether_its_copy_was_sent() {
    in_simulated_time(async {
        let limited = EndpointPlan {
            max_in_flight: Some(1),
            ..EndpointPlan::new(Character::Well)
        };
        let plan = Plan {
            actions: vec![(REPORTED, Action::Report(0))],
            ..Plan::calm(vec![limited], 1)
        };
        let mut world = World::build("copies".to_owned(), Chance::of_seed(0), plan).await;
        let (network, id) = (world.network.clone(), world.endpoints[0].id);
        // The one place is taken by somebody who does not give it back.
        let now = Timestamp::from_millis(world.stage.time.now());
        let until = now.after(Duration::from_secs(3600));
        let taken = world.store.take_slot(&network, id, 1, 0, now, until).await;
        let taken = taken.unwrap().unwrap();
        let long = REPORTED + u64::try_from(UNCLAIMED_WAIT.as_millis()).unwrap();
        world.run_until(long).await;
        // Just sent away once more, so that the copy comes first.
        let before = postponed(&world);
        assert!(before > 10, "{before}");
        while postponed(&world) == before {
            world.run_until(world.stage.time.passed() + 100).await;
        }
        assert!(world.stage.posts().is_empty());
        world.store.free_slot(&network, id, taken).await.unwrap();
        let waiting = delivery(&world).await;
        send(&world, Queue::Webhooks, &waiting).await;
        world.run().await;
        let trace = world.stage.trace().join("\n");
        assert_eq!(world.stage.posts().len(), 1, "{trace}");
        assert_eq!(delivery(&world).await.made, 1);
    });
}
