//! A rate is kept in every second, by many dispatchers at once, with the store and the network as slow
//! as they are.

use std::time::Duration;

use crate::chance::Chance;
use crate::plan::{Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// Processes for all that wait in place.
const ENOUGH: usize = 40;

/// A world in which so many events are reported at once to an endpoint with this rate.
async fn reported(name: &str, rate: u32, events: usize, processes: usize) -> World {
    let endpoint = EndpointPlan {
        rate_per_second: Some(rate),
        ..EndpointPlan::new(Character::Well)
    };
    let plan = Plan {
        processes,
        ..Plan::calm(vec![endpoint], events)
    };
    World::build(
        format!("{name}-{rate}"),
        Chance::of_seed(u64::from(rate)),
        plan,
    )
    .await
}

/// When webhooks arrived, in milliseconds.
fn arrivals(world: &World) -> Vec<u64> {
    let mut times: Vec<_> = world.stage.posts().iter().map(|post| post.at).collect();
    times.sort_unstable();
    times
}

/// The most that arrived within one second, whenever that began.
fn peak(times: &[u64]) -> usize {
    let within = |first: &u64| {
        let second = *first..first + 1_000;
        times.iter().filter(|at| second.contains(at)).count()
    };
    times.iter().map(within).max().unwrap_or_default()
}

/// Both ends of a second count, a moment may be used until the next one's, and the way to the receiver
/// takes some milliseconds more or less.
fn at_most(rate: usize) -> usize {
    rate + 2 + rate / 50
}

#[test]
fn no_second_has_more_than_the_rate() {
    for (rate, events) in [(1, 20), (5, 60), (20, 300), (100, 900)] {
        in_simulated_time(async {
            let mut world = reported("steady", rate, events, ENOUGH).await;
            world.run().await;
            let times = arrivals(&world);
            assert_eq!(times.len(), events, "each once");
            let (peak, most) = (peak(&times), usize::try_from(rate).unwrap());
            assert!(peak <= at_most(most), "{peak} in a second at {rate}");
            let took = times[times.len() - 1] - times[0];
            let least = u64::try_from(events - 1).unwrap() * 1_000 / u64::from(rate);
            assert!(took < least + 5_000, "{took} of {least} ms at {rate}");
        });
    }
}

#[test]
fn a_hold_up_is_not_made_good_by_more_than_the_rate() {
    for (rate, events) in [(1, 30), (5, 100), (20, 400)] {
        in_simulated_time(async {
            let mut world = reported("held", rate, events, ENOUGH).await;
            for seconds in [4, 30, 45] {
                world.run_until(seconds * 1_000).await;
                // Nobody does anything for a while.
                tokio::time::advance(Duration::from_millis(9_700)).await;
            }
            world.run().await;
            let times = arrivals(&world);
            assert_eq!(times.len(), events, "each once");
            let (peak, most) = (peak(&times), usize::try_from(rate).unwrap());
            assert!(peak <= at_most(most), "{peak} in a second at {rate}");
        });
    }
}

#[test]
fn what_always_comes_late_is_sent_all_the_same() {
    in_simulated_time(async {
        // One process cannot hold all that would have to wait in it.
        let mut world = reported("late", 100, 300, 1).await;
        world.run_until(600_000).await;
        let times = arrivals(&world);
        assert_eq!(times.len(), 300, "each once, within minutes");
        assert!(peak(&times) <= at_most(100), "{}", peak(&times));
    });
}
