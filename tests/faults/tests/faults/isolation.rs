//! One receiver hangs on every request, or answers each of them late; the others must not notice.

use crate::chance::Chance;
use crate::plan::{Action, Behaviour, Character, EndpointPlan, Plan};
use crate::seeds::in_simulated_time;
use crate::world::World;

/// What one of the endpoints does, and how much there is to do.
struct Crowd {
    odd: Behaviour,
    endpoints: usize,
    /// Each is a webhook for every endpoint.
    events: usize,
    /// Between two events.
    pause_ms: u64,
}

/// As many as the template gives the webhook queue.
const PROCESSES: usize = 100;

/// How long the well-behaved endpoints waited for each event, in milliseconds, shortest first.
fn waits(crowd: &Crowd, odd: bool) -> Vec<u64> {
    let character = |endpoint| {
        if odd && endpoint == 0 {
            Character::Always(crowd.odd.clone())
        } else {
            Character::Well
        }
    };
    let endpoints = (0..crowd.endpoints).map(|endpoint| EndpointPlan {
        timeout: 30,
        ..EndpointPlan::new(character(endpoint))
    });
    let begins = |event: usize| u64::try_from(event).unwrap() * crowd.pause_ms;
    let plan = Plan {
        actions: (0..crowd.events)
            .map(|event| (begins(event), Action::Report(event)))
            .collect(),
        processes: PROCESSES,
        ..Plan::calm(endpoints.collect(), crowd.events)
    };
    in_simulated_time(async {
        let mut world = World::build("isolation".to_owned(), Chance::of_seed(1), plan).await;
        // What is owed to the odd one can go on for a day; the others have theirs long before.
        world.run_until(begins(crowd.events) + 60_000).await;
        let posts = world.stage.posts();
        let well = posts.iter().filter(|post| post.endpoint > 0);
        let mut waits: Vec<_> = well
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
fn one_endpoint_that_hangs_or_is_late_delays_no_other() {
    let hanging = Crowd {
        odd: Behaviour::Hang,
        endpoints: 20,
        events: 100,
        pause_ms: 200,
    };
    // It accepts every webhook, so no breaker opens; and each event comes alone, so its webhooks would
    // need four times the processes there are.
    let late = Crowd {
        odd: Behaviour::Slow(20, 200),
        endpoints: 2,
        events: 1000,
        pause_ms: 50,
    };
    for crowd in [hanging, late] {
        let (without, with) = (waits(&crowd, false), waits(&crowd, true));
        for waits in [&without, &with] {
            let expected = (crowd.endpoints - 1) * crowd.events;
            assert_eq!(waits.len(), expected, "each once");
        }
        let p99 = |waits: &[u64]| waits[waits.len() * 99 / 100];
        println!(
            "p99 {} ms, and {} ms beside one that does {:?}",
            p99(&without),
            p99(&with),
            crowd.odd
        );
        assert!(p99(&with) * 2 < p99(&without) * 3, "{:?}", crowd.odd);
    }
}
