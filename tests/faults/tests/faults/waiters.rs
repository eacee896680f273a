//! Many webhooks wait at an endpoint that takes one at a time.

use std::time::Duration;

use aws_local::Service;
use domain::time::Timestamp;

use crate::chance::Chance;
use crate::plan::{Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

const WAITING: usize = 30;

/// The window that is looked at, in milliseconds: all wait by then, and none so long that its record
/// is looked up.
const WINDOW: (u64, u64) = (30_000, 80_000);

#[test]
fn those_who_wait_at_a_full_endpoint_write_nothing_and_knock_seldom() {
    in_simulated_time(async {
        let limited = EndpointPlan {
            max_in_flight: Some(1),
            ..EndpointPlan::new(Character::Well)
        };
        let plan = Plan {
            actions: Plan::calm(Vec::new(), WAITING)
                .actions
                .into_iter()
                .map(|(_, action)| (1_000, action))
                .collect(),
            ..Plan::calm(vec![limited], WAITING)
        };
        let mut world = World::build("waiters".to_owned(), Chance::of_seed(0), plan).await;
        let (network, id) = (world.network.clone(), world.endpoints[0].id);
        // The one place is taken by somebody who does not give it back.
        let now = Timestamp::from_millis(world.stage.time.now());
        let until = now.after(Duration::from_secs(3600));
        let taken = world.store.take_slot(&network, id, 1, 0, now, until).await;
        let taken = taken.unwrap().unwrap();
        world.run_until(WINDOW.0).await;
        let asked = |world: &World, operation| {
            let counts = world.cloud.calls();
            counts.count(Service::DynamoDb, operation)
        };
        let (writes, reads) = (asked(&world, "UpdateItem"), asked(&world, "GetItem"));
        world.run_until(WINDOW.1).await;
        assert_eq!(asked(&world, "UpdateItem"), writes, "who waits writes");
        // Each comes within eight seconds: after four and a half on average, in whole ones.
        let knocks = asked(&world, "GetItem") - reads;
        let seconds = (WINDOW.1 - WINDOW.0) / 1_000;
        let usual = u64::try_from(WAITING).unwrap() * seconds * 2 / 9;
        assert!(
            (usual / 2..usual * 3 / 2).contains(&knocks),
            "{knocks} knocks, not {usual}"
        );
        assert!(world.stage.posts().is_empty());
        world.store.free_slot(&network, id, taken).await.unwrap();
        world.run().await;
        assert_eq!(world.stage.posts().len(), WAITING, "each once");
    });
}
