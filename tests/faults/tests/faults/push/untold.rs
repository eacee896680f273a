//! Nobody can be told of a credential: the events queue takes nothing for a while.

use domain::credential::Provider;

use crate::chance::Chance;
use crate::plan::{Outage, Plan};
use crate::push::oracle::judge;
use crate::push::plan::{Meddling, PushPlan, Wanted, slot};
use crate::seeds::in_simulated_time;
use crate::world::World;

const MINUTE: u64 = 60_000;
/// When the queue takes messages again.
const BACK: u64 = 30 * MINUTE;

/// The credential fails and a good one is activated, all while nobody can be told: both pushes go at
/// once, and both pieces of news are told when the queue is back.
#[test]
fn no_push_waits_for_news_of_its_credential_that_cannot_be_told() {
    let apple = slot(Provider::Apns);
    let push = PushPlan::calm(&[apple; 2], vec![Wanted::of(&[0, 1])]);
    let meddling = vec![(0, Meddling::Revoke(apple)), (9_000, Meddling::Mend)];
    let plan = Plan {
        outages: vec![Outage {
            service: "AmazonSQS",
            queue: Some("EventsQueue"),
            from: 0,
            to: BACK,
        }],
        ..push.world(&[1_000], meddling)
    };
    in_simulated_time(async {
        let mut world = World::build("untold".to_owned(), Chance::of_seed(1), plan).await;
        let owed = async |world: &World| {
            let known = world.store.credentials(&world.network).await.unwrap();
            let owed = known.active.iter().flat_map(|active| &active.owed);
            let mut names: Vec<_> = owed.map(|one| one.news.name).collect();
            names.sort_unstable();
            names
        };
        let sent = |world: &World| {
            world
                .phones
                .as_ref()
                .unwrap()
                .providers
                .simulator
                .delivered()
        };
        world.run_until(8_000).await;
        assert_eq!(
            (owed(&world).await, sent(&world)),
            (vec!["credential.failed"], 0)
        );
        world.run_until(MINUTE).await;
        let both = vec!["credential.failed", "credential.recovered"];
        assert_eq!((owed(&world).await, sent(&world)), (both, 2));

        world.run().await;
        let account = judge(&world).await;
        assert!(account.broken.is_empty(), "{:#?}", account.broken);
        assert_eq!((account.sent, sent(&world)), (2, 2));
        assert_eq!((account.failed, account.recovered), (1, 1));
    });
}
