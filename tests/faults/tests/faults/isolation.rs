//! One receiver hangs on every request; the others must not notice.

use crate::chance::Chance;
use crate::plan::{Action, Behaviour, Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

const ENDPOINTS: usize = 20;
const EVENTS: usize = 100;
/// Between two events: each is a webhook for every endpoint.
const PAUSE_MS: u64 = 200;
/// As the template says of the webhook queue.
const PROCESSES: usize = 100;

/// How long the healthy endpoints waited for each event, in milliseconds, shortest first.
fn waits(hanging: bool) -> Vec<u64> {
    let character = |endpoint| {
        if hanging && endpoint == 0 {
            Character::Always(Behaviour::Hang)
        } else {
            Character::Well
        }
    };
    let endpoints = (0..ENDPOINTS).map(|endpoint| EndpointPlan::new(character(endpoint)));
    let begins = |event: usize| u64::try_from(event).unwrap() * PAUSE_MS;
    let plan = Plan {
        actions: (0..EVENTS)
            .map(|event| (begins(event), Action::Report(event)))
            .collect(),
        processes: PROCESSES,
        ..Plan::calm(endpoints.collect(), EVENTS)
    };
    in_simulated_time(async {
        let mut world = World::build("isolation".to_owned(), Chance::of_seed(1), plan).await;
        // What is owed to the one that hangs goes on for a day; the others have theirs long before.
        world.run_until(begins(EVENTS) + 60_000).await;
        let posts = world.stage.posts();
        let healthy = posts.iter().filter(|post| post.endpoint > 0);
        let mut waits: Vec<_> = healthy
            .map(|post| {
                let number = post.event.rsplit('-').next().unwrap();
                post.at - begins(number.parse().unwrap())
            })
            .collect();
        waits.sort_unstable();
        waits
    })
}

#[test]
fn one_endpoint_that_hangs_delays_no_other() {
    let (without, with) = (waits(false), waits(true));
    for waits in [&without, &with] {
        assert_eq!(waits.len(), (ENDPOINTS - 1) * EVENTS, "each once");
    }
    let p99 = |waits: &[u64]| waits[waits.len() * 99 / 100];
    println!(
        "p99 {} ms, and {} ms beside one that hangs",
        p99(&without),
        p99(&with)
    );
    assert!(p99(&with) * 2 < p99(&without) * 3);
}
